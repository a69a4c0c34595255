"""Find what Terraform opens to the whole internet: firewalls, buckets, databases, addresses."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from agent.lint import sequence
from agent.tools.terraform.hcl import Block, Expression


class Problem(NamedTuple):
    """A rule that is broken, where, and what to name."""

    rule: str
    line: int | None
    message: str


_WORLD = {"0.0.0.0/0", "::/0", "*", "internet", "any", "0.0.0.0"}
_GUARDED = {
    22: "SSH", 3389: "RDP", 23: "Telnet", 445: "SMB", 3306: "MySQL", 5432: "PostgreSQL", 1433: "SQL Server",
    1521: "Oracle", 27017: "MongoDB", 6379: "Redis", 9200: "Elasticsearch", 11211: "Memcached", 5984: "CouchDB",
    2379: "etcd", 2375: "Docker", 10250: "the kubelet", 9042: "Cassandra", 5900: "VNC", 5985: "WinRM",
}  # fmt: skip
_PUBLIC_ACLS = {"public-read", "public-read-write", "authenticated-read"}
_BLOCKS = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
_AZURE_DATABASES = (
    "mssql", "sql", "postgresql", "postgresql_flexible_server", "mysql", "mysql_flexible_server", "mariadb", "redis",
)  # fmt: skip
_EACH = re.compile(r"\w+\.(?:value|key)")
_SET_OF_PORTS = re.compile(r"toset\(\s*\[[\d\s,\"]*\]\s*\)")
_EVERYONE = {"allUsers", "allAuthenticatedUsers"}


def of_network(kind: str, block: Block) -> Iterator[Problem]:
    """Yield what this resource opens to the internet."""
    check = _CHECKS.get(kind)
    if check:
        yield from check(block)
    if block.literal("publicly_accessible") is True:
        yield Problem("public-database", block.line_of("publicly_accessible"), "publicly_accessible is true.")
    if kind.startswith("azurerm_") and block.literal("public_network_access_enabled") is True and _is_database(kind):
        line = block.line_of("public_network_access_enabled")
        yield Problem("public-database", line, "public_network_access_enabled is true.")
    if kind.startswith("google_storage_bucket_iam") and _EVERYONE & set(
        _texts([block.get("member"), block.get("members")])
    ):
        yield Problem("public-bucket", block.line_of("member"), "The bucket is given to allUsers.")


def _is_database(kind: str) -> bool:
    return any(word in kind for word in ("sql", "cosmos", "redis", "maria", "postgres", "key_vault"))


def _security_group(block: Block) -> Iterator[Problem]:
    for rule in block.blocks("ingress"):
        yield from _opened(rule, rule.line or block.line)
    for dynamic in block.blocks("dynamic"):
        if dynamic.labels == ("ingress",):
            for content in dynamic.blocks("content"):
                yield from _repeated(content, _ports_of(dynamic.get("for_each")))
    if not block.get("description"):
        yield Problem("no-description", block.line, "The security group has no description.")


def _ports_of(for_each: Any) -> list[Any]:
    """Return the ports that a dynamic block goes over, where the text itself lists them."""
    if isinstance(for_each, Expression):
        return re.findall(r"\d+", for_each) if _SET_OF_PORTS.fullmatch(for_each) else []
    return list(for_each.values()) if isinstance(for_each, dict) else sequence(for_each)


def _repeated(content: Block, ports: list[Any]) -> Iterator[Problem]:
    """Yield what the content of a dynamic block opens; ports that it takes from a list of numbers are filled in."""
    is_filled = {name for name in ("from_port", "to_port") if _EACH.fullmatch(str(content.get(name)))}
    for port in ports if is_filled else [None]:
        filled = dict.fromkeys(is_filled, port)
        yield from _opened(replace(content, attributes={**content.attributes, **filled}), content.line)


def _security_rule(block: Block) -> Iterator[Problem]:
    if block.get("type") in (None, "ingress"):
        yield from _opened(block, block.line)


def _opened(rule: Block, line: int | None) -> Iterator[Problem]:
    names = ("cidr_blocks", "ipv6_cidr_blocks", "cidr_ipv4", "cidr_ipv6")
    if not _is_world([rule.get(name) for name in names]):
        return
    protocol = str(rule.literal("protocol") or rule.literal("ip_protocol") or "tcp").lower()
    if protocol.startswith("icmp") or protocol in ("1", "58"):
        return  # Its numbers are no ports.
    first, last = rule.literal("from_port"), rule.literal("to_port")
    if protocol in ("-1", "all"):
        first, last = 0, 65_535
    yield from _ports([(first, last)], line)


def _azure_rule(block: Block) -> Iterator[Problem]:
    for rule in [block, *block.blocks("security_rule")]:
        if str(rule.get("direction")).lower() != "inbound" or str(rule.get("access")).lower() != "allow":
            continue
        if _is_world([rule.get("source_address_prefix"), rule.get("source_address_prefixes")]):
            ranges = _texts([rule.get("destination_port_range"), rule.get("destination_port_ranges")])
            yield from _ports([_range(text) for text in ranges], rule.line or block.line)


def _google_firewall(block: Block) -> Iterator[Problem]:
    if str(block.get("direction") or "INGRESS").upper() != "INGRESS" or not _is_world([block.get("source_ranges")]):
        return
    for allow in block.blocks("allow"):
        ranges = _texts([allow.get("ports")])
        everything = not ranges and str(allow.get("protocol")).lower() in ("all", "tcp", "-1")
        yield from _ports([(0, 65_535)] if everything else [_range(text) for text in ranges], allow.line or block.line)


def _ports(ranges: list[tuple[Any, Any]], line: int | None) -> Iterator[Problem]:
    for first, last in ranges:
        try:
            first, last = int(first), int(last)
        except (TypeError, ValueError):
            continue
        if (first, last) in ((0, 65_535), (1, 65_535), (0, 0), (-1, -1)):
            yield Problem("open-to-world", line, "All ports are open to the whole internet.")
            continue
        names = [f"{port} ({name})" for port, name in _GUARDED.items() if first <= port <= last]
        if names:
            yield Problem("open-to-world", line, f"Open to the whole internet: port {', '.join(names[:4])}.")


def _range(text: str) -> tuple[Any, Any]:
    if text == "*":
        return 0, 65_535
    first, dash, last = text.partition("-")
    return first, last if dash else first


def _is_world(values: list[Any]) -> bool:
    return any(text.lower() in _WORLD for text in _texts(values))


def _texts(values: list[Any]) -> list[str]:
    found: list[str] = []
    for value in values:
        found += [str(item) for item in value] if isinstance(value, list) else [] if value is None else [str(value)]
    return found


def _bucket(block: Block) -> Iterator[Problem]:
    if block.get("acl") in _PUBLIC_ACLS:
        yield Problem("public-bucket", block.line_of("acl"), f"The bucket's acl is {block.get('acl')}.")


def _bucket_block(block: Block) -> Iterator[Problem]:
    for name in _BLOCKS:
        if block.literal(name) is False:
            yield Problem("public-bucket", block.line_of(name), f"{name} is false.")


def _azure_storage(block: Block) -> Iterator[Problem]:
    for name in ("allow_nested_items_to_be_public", "allow_blob_public_access"):
        if block.literal(name) is True:
            yield Problem("public-bucket", block.line_of(name), f"{name} is true.")
    if block.literal("https_traffic_only_enabled") is False or block.literal("enable_https_traffic_only") is False:
        yield Problem("plain-http", block.line, "The storage account takes requests without TLS.")


def _azure_container(block: Block) -> Iterator[Problem]:
    if block.get("container_access_type") in ("blob", "container"):
        yield Problem("public-bucket", block.line_of("container_access_type"), "The container is public.")


def _google_bucket(block: Block) -> Iterator[Problem]:
    if block.literal("uniform_bucket_level_access") is False:
        line = block.line_of("uniform_bucket_level_access")
        yield Problem("public-bucket", line, "Single objects can be made public: uniform_bucket_level_access is false.")


def _google_database(block: Block) -> Iterator[Problem]:
    for settings in block.blocks("settings"):
        for ip in settings.blocks("ip_configuration"):
            for network in ip.blocks("authorized_networks"):
                if _is_world([network.get("value")]):
                    yield Problem("public-database", network.line, "The whole internet is an authorized network.")


def _google_instance(block: Block) -> Iterator[Problem]:
    for interface in block.blocks("network_interface"):
        if interface.blocks("access_config"):
            yield Problem("public-address", interface.line or block.line, "The machine gets a public address.")


def _public_ip(block: Block) -> Iterator[Problem]:
    yield Problem("public-address", block.line, "A public address is made.")


def _instance(block: Block) -> Iterator[Problem]:
    if block.literal("associate_public_ip_address") is True:
        yield Problem(
            "public-address", block.line_of("associate_public_ip_address"), "The machine gets a public address."
        )


def _azure_database_rule(block: Block) -> Iterator[Problem]:
    if (block.literal("start_ip_address"), block.literal("end_ip_address")) == ("0.0.0.0", "255.255.255.255"):
        line = block.line_of("end_ip_address")
        yield Problem("public-database", line, "The firewall of the database lets the whole internet in.")


def _cluster(block: Block) -> Iterator[Problem]:
    for settings in block.blocks("vpc_config"):
        cidrs = settings.get("public_access_cidrs")
        if settings.literal("endpoint_public_access") is not False and _is_world([cidrs]):
            line = settings.line_of("public_access_cidrs")
            yield Problem(
                "public-control-plane", line or block.line, "The cluster's API is open to the whole internet."
            )


def _network_acl(block: Block) -> Iterator[Problem]:
    rules = [*block.blocks("ingress"), *([block] if block.get("rule_number") and not block.get("egress") else [])]
    for rule in rules:
        is_all = str(rule.literal("protocol")).lower() in ("-1", "all")
        action = str(rule.literal("action") or rule.literal("rule_action")).lower()
        if is_all and action == "allow" and _is_world([rule.get("cidr_block"), rule.get("ipv6_cidr_block")]):
            yield Problem("open-network-acl", rule.line or block.line, "All traffic of the whole internet is let in.")


_CHECKS = {
    **{f"azurerm_{kind}_firewall_rule": _azure_database_rule for kind in _AZURE_DATABASES},
    "aws_eks_cluster": _cluster,
    "aws_network_acl": _network_acl,
    "aws_network_acl_rule": _network_acl,
    "aws_security_group": _security_group,
    "aws_default_security_group": _security_group,
    "aws_security_group_rule": _security_rule,
    "aws_vpc_security_group_ingress_rule": _security_rule,
    "azurerm_network_security_rule": _azure_rule,
    "azurerm_network_security_group": _azure_rule,
    "google_compute_firewall": _google_firewall,
    "aws_s3_bucket": _bucket,
    "aws_s3_bucket_acl": _bucket,
    "aws_s3_bucket_public_access_block": _bucket_block,
    "aws_s3_account_public_access_block": _bucket_block,
    "azurerm_storage_account": _azure_storage,
    "azurerm_storage_container": _azure_container,
    "google_storage_bucket": _google_bucket,
    "google_sql_database_instance": _google_database,
    "google_compute_instance": _google_instance,
    "azurerm_public_ip": _public_ip,
    "aws_instance": _instance,
}
