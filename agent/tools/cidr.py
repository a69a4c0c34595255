"""Calculate with IPv4 and IPv6 networks: ranges, overlaps, the smallest set that covers them, and splits."""

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_address,
    ip_interface,
    ip_network,
)
from itertools import islice
from typing import Any

from pydantic import Field

from agent.inputs import ToolInput, reader, schema_of
from agent.types import Reach, Tool, ToolError, ToolOutput

Network = IPv4Network | IPv6Network

MAX_NETWORKS = 256
MAX_CHARS = 64
DETAILS_LISTED = 24
OVERLAPS_LISTED = 48
COLLAPSED_LISTED = 128
SPLIT_LISTED = 256
# Larger whole numbers lose digits in JavaScript and in many JSON readers.
EXACT_IN_JSON = 2**53

# The first match counts. The standard library calls some of these private or global for want of a better word.
_KINDS = [
    (ip_network(text), kind)
    for text, kind in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("172.16.0.0/12", "private"),
        ("192.168.0.0/16", "private"),
        ("100.64.0.0/10", "shared (carrier-grade NAT)"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("198.18.0.0/15", "benchmarking"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "NAT64"),
        ("100::/64", "discard"),
        ("2001:db8::/32", "documentation"),
        ("2001::/23", "protocol assignments"),
        ("3fff::/20", "documentation"),
        ("2002::/16", "6to4"),
        ("fc00::/7", "private (unique local)"),
        ("fe80::/10", "link-local"),
        ("ff00::/8", "multicast"),
    )
]


class CidrInput(ToolInput):
    """Input of cidr_calc."""

    cidrs: list[str] = Field(
        min_length=1,
        max_length=MAX_NETWORKS,
        description="Networks such as 10.0.0.0/16, 10.0.0.0/255.255.0.0, 2001:db8::/48, or single addresses",
    )
    split_prefix: int | None = Field(
        default=None, ge=0, le=128, description="Also split each network into subnets of this prefix length, such as 20"
    )


def calculate(cidrs: Sequence[str], split_prefix: int | None) -> dict[str, Any]:
    """Return ranges, overlaps and the collapsed set of the networks, and their split if one is asked for.

    Long lists are shortened, each with its whole count beside it. Raises ToolError for what is no network.
    """
    networks = [_network(text) for text in cidrs]
    details = [_details(text, network) for text, network in zip(cidrs, networks, strict=True)]
    overlaps = _overlaps(networks)
    collapsed = [str(network) for network in _collapse(networks)]
    result: dict[str, Any] = {
        "count": len(networks),
        "networks": details[:DETAILS_LISTED],
        "overlap_count": len(overlaps),
        "overlaps": overlaps[:OVERLAPS_LISTED],
        "collapsed_count": len(collapsed),
        "collapsed": collapsed[:COLLAPSED_LISTED],
    }
    if split_prefix is not None:
        result["split"] = _split(networks, split_prefix)
    return result


def _network(text: str) -> Network:
    shown = _short(text)
    if len(text) > MAX_CHARS:
        raise ToolError(f"`{shown}` is too long for a network.")
    if "%" in text:
        raise ToolError(f"`{shown}`: give the address without a zone (the part from % on).")
    try:
        return ip_interface(text.strip()).network
    except ValueError:
        raise ToolError(f"`{shown}` is not a network: {_reason(text)}. Write it like 10.0.0.0/16.") from None


def _reason(text: str) -> str:
    head, slash, _prefix = text.strip().partition("/")
    try:
        address = ip_address(head)
    except ValueError:
        return "the address is not a valid IPv4 or IPv6 address"
    return f"the prefix must be 0 to {address.max_prefixlen}" if slash else "it can't be read"


def _details(text: str, network: Network) -> dict[str, Any]:
    first, last = network[0], network[-1]
    usable_first, usable_last, usable = _usable(network)
    corrected = ip_interface(text.strip()).ip != first
    details = {
        "input": text.strip(),
        "network": str(network),
        "host_bits_set": corrected,
        "netmask": str(network.netmask),
        "first": str(first),
        "last": str(last),
        "first_usable": str(usable_first),
        "last_usable": str(usable_last),
        "usable_hosts": _exact(usable),
        "addresses": _exact(network.num_addresses),
        "kind": _kind(network),
    }
    if isinstance(network, IPv4Network):
        details["wildcard"] = str(network.hostmask)
    return details


def _usable(network: Network) -> tuple[IPv4Address | IPv6Address, IPv4Address | IPv6Address, int]:
    """Return the first and last address for hosts and how many there are.

    IPv4 loses the network and broadcast addresses, except in a /31 (RFC 3021) and a /32. IPv6 has no broadcast.
    """
    if isinstance(network, IPv4Network) and network.prefixlen < 31:
        return network[1], network[-2], network.num_addresses - 2
    return network[0], network[-1], network.num_addresses


def _kind(network: Network) -> str:
    for special, kind in _KINDS:
        if special.version != network.version:
            continue
        if _contains(special, network):
            return kind
        if _contains(network, special):
            return "mixed"
    if isinstance(network, IPv6Network) and not _contains(IPv6Network("2000::/3"), network):
        return "reserved"
    return "public"


def _contains(outer: Network, inner: Network) -> bool:
    return outer.version == inner.version and outer.prefixlen <= inner.prefixlen and inner.network_address in outer


def _overlaps(networks: Sequence[Network]) -> list[dict[str, str]]:
    """Return each pair that overlaps. Two networks are the same, one within the other, or apart."""
    found = []
    for index, first in enumerate(networks):
        for second in networks[index + 1 :]:
            if first == second:
                found.append({"a": str(first), "b": str(second), "relation": "same"})
            elif _contains(first, second):
                found.append({"a": str(first), "b": str(second), "relation": "a contains b"})
            elif _contains(second, first):
                found.append({"a": str(second), "b": str(first), "relation": "a contains b"})
    return found


def _collapse(networks: Sequence[Network]) -> list[Network]:
    """Return the fewest networks that cover the same addresses, IPv4 first."""
    four = [network for network in networks if isinstance(network, IPv4Network)]
    six = [network for network in networks if isinstance(network, IPv6Network)]
    return [*collapse_addresses(four), *collapse_addresses(six)]


def _split(networks: Sequence[Network], prefix: int) -> dict[str, Any]:
    """Return the subnets of all networks; the count is whole, the list has the first 256."""
    listed: list[str] = []
    total = 0
    for network in networks:
        if prefix > network.max_prefixlen:
            raise ToolError(f"IPv{network.version} has no /{prefix}; the longest prefix is /{network.max_prefixlen}.")
        if prefix < network.prefixlen:
            raise ToolError(f"{network} can't be split into /{prefix}, which is larger. Ask for a longer prefix.")
        total += 2 ** (prefix - network.prefixlen)
        listed += map(str, islice(network.subnets(new_prefix=prefix), SPLIT_LISTED - len(listed)))
    split: dict[str, Any] = {"prefix": prefix, "count": _exact(total), "listed": len(listed), "subnets": listed}
    if len({network.version for network in networks}) == 1:
        split["usable_hosts_each"] = _exact(_usable(ip_network((networks[0].network_address, prefix)))[2])
    return split


def _exact(number: int) -> int | str:
    return number if number <= EXACT_IN_JSON else str(number)


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"


def _summary(data: dict[str, Any]) -> str:
    noun = "network" if data["count"] == 1 else "networks"
    overlaps = data["overlap_count"]
    parts = [data["networks"][0]["network"] if data["count"] == 1 else f"{data['count']} {noun}"]
    if data["count"] > 1:
        parts.append("no overlap" if not overlaps else f"{overlaps} overlap{'' if overlaps == 1 else 's'}")
    if "split" in data:
        parts.append(f"{data['split']['count']} × /{data['split']['prefix']}")
    elif data["count"] == 1:
        parts.append(f"{data['networks'][0]['usable_hosts']} usable")
    return ", ".join(parts)


def _run(given: dict[str, Any], _reach: Reach) -> ToolOutput:
    data = calculate(given["cidrs"], given["split_prefix"])
    return ToolOutput(data, _summary(data))


def _target(given: dict[str, Any]) -> str:
    cidrs = given.get("cidrs")
    texts = [_short(text) for text in cidrs[:3] if isinstance(text, str)] if isinstance(cidrs, list) else []
    hidden = len(cidrs) - len(texts) if isinstance(cidrs, list) else 0
    return ", ".join(texts) + (f" and {hidden} more" if texts and hidden else "")


CIDR_CALC = Tool(
    name="cidr_calc",
    title="Calculate networks",
    description=(
        "Calculate with IPv4 and IPv6 networks (CIDR): netmask, first and last address, usable hosts, private or "
        "public, host bits that are set, which networks overlap or contain each other, the smallest set that covers "
        "them all, and, with `split_prefix`, the subnets. Use it for every question about address ranges instead of "
        "calculating yourself."
    ),
    input_schema=schema_of(CidrInput),
    run=_run,
    target=_target,
    read=reader(CidrInput),
    examples=("Split 10.20.0.0/16 into /20 subnets", "Do 10.0.0.0/16, 10.0.128.0/17 and 10.1.0.0/16 overlap?"),
    returns="The range, size and kind of each network, which of them overlap, what covers them all, and the subnets.",
)

TOOLS = (CIDR_CALC,)
