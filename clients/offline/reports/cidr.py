"""Report what was calculated about networks."""

from typing import Any

from clients.offline.reports.markdown import code, number, prose

LISTED = 32


def networks(found: dict[str, Any]) -> str:
    """Return the ranges, overlaps and subnets that were asked for."""
    if found["count"] == 1:
        parts = [_one_network(found["networks"][0])]
    else:
        parts = [_overlaps(found), _network_table(found), _collapsed(found)]
    if "split" in found:
        parts.append(_split(found["split"]))
    return "\n\n".join(parts)


def _one_network(network: dict[str, Any]) -> str:
    lines = [f"**{prose(network['network'])}**", ""]
    if network["host_bits_set"]:
        lines[:0] = [f"{code(network['input'])} has host bits set; its network is {code(network['network'])}.", ""]
    lines += ["| property | value |", "|---|---|"]
    rows = {
        "Range": f"{network['first']} – {network['last']}",
        "Usable": f"{network['first_usable']} – {network['last_usable']}",
        "Usable hosts": number(network["usable_hosts"]),
        "Addresses": number(network["addresses"]),
        "Netmask": network["netmask"],
        "Wildcard": network.get("wildcard"),
        "Kind": network["kind"],
    }
    return "\n".join(lines + [f"| {name} | {prose(value)} |" for name, value in rows.items() if value is not None])


def _network_table(found: dict[str, Any]) -> str:
    lines = ["| network | range | usable hosts | kind |", "|---|---|---|---|"]
    for network in found["networks"]:
        name = prose(network["network"]) + (f" (from {code(network['input'])})" if network["host_bits_set"] else "")
        usable = number(network["usable_hosts"])
        first_last = prose(f"{network['first']} – {network['last']}")
        lines.append(f"| {name} | {first_last} | {usable} | {prose(network['kind'])} |")
    return "\n".join(lines) + _more_of(found["count"] - len(found["networks"]), "networks")


def _overlaps(found: dict[str, Any]) -> str:
    if not found["overlap_count"]:
        return "**No**, they don't overlap."
    lines = ["**Yes**, they overlap:" if found["count"] == 2 else "**Some overlap:**", ""]
    for pair in found["overlaps"]:
        same = pair["relation"] == "same"
        lines.append(f"- {code(pair['a'])} {'is the same as' if same else 'contains'} {code(pair['b'])}")
    return "\n".join(lines) + _more_of(found["overlap_count"] - len(found["overlaps"]), "overlaps")


def _collapsed(found: dict[str, Any]) -> str:
    listed = ", ".join(code(network) for network in found["collapsed"][:LISTED])
    more = found["collapsed_count"] - min(len(found["collapsed"]), LISTED)
    return f"Together they cover: {listed}" + (f" and {more} more." if more else ".")


def _split(split: dict[str, Any]) -> str:
    each = f", {number(split['usable_hosts_each'])} usable hosts each" if "usable_hosts_each" in split else ""
    lines = [f"Split into /{int(split['prefix'])}: **{number(split['count'])}** subnets{each}.", ""]
    shown = split["subnets"][:LISTED]
    lines += [f"- {code(subnet)}" for subnet in shown]
    more = int(split["count"]) - len(shown)
    return "\n".join(lines) + (f"\n- and {number(more)} more" if more else "")


def _more_of(count: int, noun: str) -> str:
    return f"\n\n… and {number(count)} more {noun}." if count > 0 else ""
