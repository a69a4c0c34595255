"""Report on EC2 instances: what runs, what is open to the world, what fails its checks."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from agent.findings import Finding
from agent.outside import mapping, mappings, whole, words
from agent.tools.aws.calls import Calls

PAGES = 4
PAGE_SIZE = 200
GROUPS_ASKED = 200
LONG_STOPPED_DAYS = 30
REMOTE_PORTS = {22: "SSH", 3389: "RDP"}
_WORLD = {"0.0.0.0/0", "::/0"}
_STOPPED_AT = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) GMT\)")


def instances(calls: Calls) -> tuple[dict[str, Any], list[Finding]]:
    """Return the instances of the region and the findings on them."""
    pages = calls.pages("ec2", "describe_instances", "Reservations", PAGES, MaxResults=PAGE_SIZE)
    found = [one for reservation in pages for one in mappings(reservation.get("Instances"))]
    living = [one for one in found if _state(one) != "terminated"]
    groups = _groups(calls, [one for one in living if one.get("PublicIpAddress") or one.get("Ipv6Address")])
    troubles = _troubles(calls) if any(_state(one) == "running" for one in living) else {}
    findings = [finding for one in living for finding in _findings(one, groups, troubles)]
    states: dict[str, int] = {}
    for one in living:
        states[_state(one)] = states.get(_state(one), 0) + 1
    return {"count": len(living), "states": states, "instances": [_facts(one) for one in living]}, findings


def _facts(one: dict[str, Any]) -> dict[str, Any]:
    facts = {
        "id": words(one.get("InstanceId"), 40),
        "name": _name(one),
        "type": words(one.get("InstanceType"), 40),
        "state": _state(one),
        "zone": words(mapping(one.get("Placement")).get("AvailabilityZone"), 40),
        "public_ip": words(one.get("PublicIpAddress"), 60),
        "private_ip": words(one.get("PrivateIpAddress"), 60),
        "launched": words(one.get("LaunchTime"), 40),
        "imdsv1_allowed": _allows_imdsv1(one),
    }
    return {key: value for key, value in facts.items() if value != ""}


def _state(one: dict[str, Any]) -> str:
    return words(mapping(one.get("State")).get("Name"), 30) or "unknown"


def _name(one: dict[str, Any]) -> str:
    tags = mappings(one.get("Tags"))
    return next((words(tag.get("Value"), 100) for tag in tags if tag.get("Key") == "Name"), "")


def _called(one: dict[str, Any]) -> str:
    name, identity = _name(one), words(one.get("InstanceId"), 40)
    return f"{identity} ({name})" if name else identity


def _allows_imdsv1(one: dict[str, Any]) -> bool:
    options = mapping(one.get("MetadataOptions"))
    return options.get("HttpEndpoint") != "disabled" and options.get("HttpTokens") == "optional"


def _groups(calls: Calls, public: list[dict[str, Any]]) -> dict[str, dict[int, str]]:
    """Return which remote-access ports each security group of a public instance opens, and to whom."""
    ids = list(dict.fromkeys(identity for one in public for identity in _group_ids(one)))
    if len(ids) > GROUPS_ASKED:
        calls.note_cut(f"{len(ids) - GROUPS_ASKED} security groups")
    if not ids:
        return {}
    by_id = [{"Name": "group-id", "Values": ids[:GROUPS_ASKED]}]
    found = calls.pages("ec2", "describe_security_groups", "SecurityGroups", 2, Filters=by_id)
    return {words(group.get("GroupId"), 40): _open_ports(group) for group in found}


def _group_ids(one: dict[str, Any]) -> list[str]:
    return [words(group.get("GroupId"), 40) for group in mappings(one.get("SecurityGroups")) if group.get("GroupId")]


def _open_ports(group: dict[str, Any]) -> dict[int, str]:
    opened: dict[int, str] = {}
    for rule in mappings(group.get("IpPermissions")):
        sources = [words(one.get("CidrIp"), 60) for one in mappings(rule.get("IpRanges"))]
        sources += [words(one.get("CidrIpv6"), 60) for one in mappings(rule.get("Ipv6Ranges"))]
        world = next((source for source in sources if source in _WORLD), None)
        if world is None or rule.get("IpProtocol") not in ("tcp", "6", "-1"):
            continue
        first, last = whole(rule.get("FromPort")), whole(rule.get("ToPort"))
        everything = rule.get("IpProtocol") == "-1" or first is None or last is None
        for port in REMOTE_PORTS:
            if everything or (first or 0) <= port <= (last or 0):
                opened[port] = world
    return opened


def _troubles(calls: Calls) -> dict[str, list[str]]:
    """Return the failed status checks and the planned events of running instances, in words."""
    troubles: dict[str, list[str]] = {}
    for one in calls.pages("ec2", "describe_instance_status", "InstanceStatuses", 2, MaxResults=PAGE_SIZE * 5):
        told = []
        for key, what in (("SystemStatus", "system"), ("InstanceStatus", "instance")):
            if mapping(one.get(key)).get("Status") == "impaired":
                told.append(f"failed {what} status check")
        events = [words(event.get("Code"), 40) for event in mappings(one.get("Events"))]
        told += [f"planned event {code}" for code in events if code]
        troubles[words(one.get("InstanceId"), 40)] = told
    return troubles


def _findings(
    one: dict[str, Any], groups: dict[str, dict[int, str]], troubles: dict[str, list[str]]
) -> Iterator[Finding]:
    called, identity = _called(one), words(one.get("InstanceId"), 40)
    if one.get("PublicIpAddress") or one.get("Ipv6Address"):
        yield from _open_to_the_world(one, called, groups)
    for trouble in troubles.get(identity, []):
        yield _trouble(trouble, called, identity)
    if _allows_imdsv1(one):
        yield Finding(
            "imdsv1-allowed",
            "warning",
            f"{called} allows version 1 of the instance metadata service.",
            "A request forged through an application on it can read the credentials of its role.",
            f"aws ec2 modify-instance-metadata-options --instance-id {identity} --http-tokens required",
            path=identity,
        )
    days = _days_stopped(one)
    if days is not None and days >= LONG_STOPPED_DAYS:
        yield Finding(
            "stopped-long",
            "info",
            f"{called} has been stopped for {days} days.",
            "Its volumes and addresses are paid for while it is stopped.",
            "Make a snapshot and terminate it if nobody needs it.",
            path=identity,
        )


def _open_to_the_world(one: dict[str, Any], called: str, groups: dict[str, dict[int, str]]) -> Iterator[Finding]:
    identity = words(one.get("InstanceId"), 40)
    for group in _group_ids(one):
        for port, source in groups.get(group, {}).items():
            yield Finding(
                "remote-access-open",
                "error",
                f"{called} has a public address, and {group} opens {REMOTE_PORTS[port]} (port {port}) to {source}.",
                "Anybody on the Internet can try passwords and keys on it.",
                f"Limit the rule in {group} to your own addresses, or use Session Manager and remove it.",
                path=identity,
            )


def _trouble(trouble: str, called: str, identity: str) -> Finding:
    planned = trouble.startswith("planned")
    return Finding(
        "planned-event" if planned else "status-check-failed",
        "warning" if planned else "error",
        f"{called}: {trouble}.",
        "AWS will restart, stop or retire it." if planned else "It likely does not answer.",
        "Stop and start it at a time that suits you."
        if planned
        else "Look at its console output, then stop and start.",
        path=identity,
    )


def _days_stopped(one: dict[str, Any]) -> int | None:
    matched = _STOPPED_AT.search(words(one.get("StateTransitionReason")))
    if _state(one) != "stopped" or not matched:
        return None
    try:
        since = datetime.fromisoformat(matched[1]).replace(tzinfo=UTC)
    except ValueError:
        return None
    return (datetime.now(UTC) - since).days
