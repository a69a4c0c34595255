"""Write an answer in Markdown from what a tool found."""

import json
from collections.abc import Callable
from typing import Any

LISTED = 32


def report(call: dict[str, Any], result: dict[str, Any]) -> str:
    """Return the answer for one tool call; an error is passed on as it is."""
    try:
        found = json.loads(result["content"])
    except ValueError:
        found = {"error": str(result["content"])[:500]}
    if result.get("is_error") or "error" in found:
        return f"I could not do that: {_inline(str(found.get('error', 'the tool failed.')))}"
    write = _WRITERS.get(call["name"], _any)
    return write(found)


def _cron(found: dict[str, Any]) -> str:
    lines = [f"`{found['expression']}` means: **{found['words']}**"]
    if found["next_runs"]:
        lines += ["", "The next runs:", "", *_runs(found["next_runs"], found["tz"])]
    return "\n".join(lines + _warnings(found["warnings"]))


def _runs(runs: list[dict[str, Any]], tz: str) -> list[str]:
    if tz == "UTC":
        return ["| day | UTC |", "|---|---|", *[f"| {run['weekday']} | {_plain_time(run['utc'])} |" for run in runs]]
    lines = [f"| day | {tz} | UTC |", "|---|---|---|"]
    for run in runs:
        day, time = run["local"].split("T")
        lines.append(f"| {run['weekday']} | {day} {time[:5]} ({time[5:]}) | {_plain_time(run['utc'])} |")
    return lines


def _plain_time(moment: str) -> str:
    return moment.replace("T", " ").rstrip("Z")


def _warnings(warnings: list[str]) -> list[str]:
    return ["", "Watch out:", "", *[f"- {warning}" for warning in warnings]] if warnings else []


def _networks(found: dict[str, Any]) -> str:
    if found["count"] == 1:
        parts = [_one_network(found["networks"][0])]
    else:
        parts = [_overlaps(found), _network_table(found), _collapsed(found)]
    if "split" in found:
        parts.append(_split(found["split"]))
    return "\n\n".join(parts)


def _one_network(network: dict[str, Any]) -> str:
    lines = [f"**{network['network']}**", ""]
    if network["host_bits_set"]:
        lines[:0] = [f"`{network['input']}` has host bits set; its network is `{network['network']}`.", ""]
    lines += ["| property | value |", "|---|---|"]
    rows = {
        "Range": f"{network['first']} – {network['last']}",
        "Usable": f"{network['first_usable']} – {network['last_usable']}",
        "Usable hosts": _number(network["usable_hosts"]),
        "Addresses": _number(network["addresses"]),
        "Netmask": network["netmask"],
        "Wildcard": network.get("wildcard"),
        "Kind": network["kind"],
    }
    return "\n".join(lines + [f"| {name} | {value} |" for name, value in rows.items() if value is not None])


def _network_table(found: dict[str, Any]) -> str:
    lines = ["| network | range | usable hosts | kind |", "|---|---|---|---|"]
    for network in found["networks"]:
        name = network["network"] + (f" (from {network['input']})" if network["host_bits_set"] else "")
        usable = _number(network["usable_hosts"])
        lines.append(f"| {name} | {network['first']} – {network['last']} | {usable} | {network['kind']} |")
    return "\n".join(lines) + _more(found["count"] - len(found["networks"]), "networks")


def _overlaps(found: dict[str, Any]) -> str:
    if not found["overlap_count"]:
        return "**No**, they don't overlap."
    lines = ["**Yes**, they overlap:" if found["count"] == 2 else "**Some overlap:**", ""]
    for pair in found["overlaps"]:
        same = pair["relation"] == "same"
        lines.append(f"- `{pair['a']}` {'is the same as' if same else 'contains'} `{pair['b']}`")
    return "\n".join(lines) + _more(found["overlap_count"] - len(found["overlaps"]), "overlaps")


def _collapsed(found: dict[str, Any]) -> str:
    listed = ", ".join(f"`{network}`" for network in found["collapsed"][:LISTED])
    more = found["collapsed_count"] - min(len(found["collapsed"]), LISTED)
    return f"Together they cover: {listed}" + (f" and {more} more." if more else ".")


def _split(split: dict[str, Any]) -> str:
    each = f", {_number(split['usable_hosts_each'])} usable hosts each" if "usable_hosts_each" in split else ""
    lines = [f"Split into /{split['prefix']}: **{_number(split['count'])}** subnets{each}.", ""]
    shown = split["subnets"][:LISTED]
    lines += [f"- `{subnet}`" for subnet in shown]
    more = int(split["count"]) - len(shown)
    return "\n".join(lines) + (f"\n- and {_number(more)} more" if more else "")


def _any(found: dict[str, Any]) -> str:
    return f"```json\n{json.dumps(found, indent=2, ensure_ascii=False)[:4000]}\n```"


def _more(count: int, noun: str) -> str:
    return f"\n\n… and {_number(count)} more {noun}." if count > 0 else ""


def _number(value: int | str) -> str:
    return f"{int(value):,}"


def _inline(text: str) -> str:
    return " ".join(text.split())


_WRITERS: dict[str, Callable[[dict[str, Any]], str]] = {"cron_explain": _cron, "cidr_calc": _networks}
