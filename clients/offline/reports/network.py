"""Report what was seen of web sites, certificates and names in DNS."""

from typing import Any

from clients.offline.reports.lint import findings
from clients.offline.reports.markdown import (
    block,
    bullets,
    code,
    counted,
    facts,
    listed,
    mapping,
    mappings,
    paragraphs,
    prose,
)

HEADERS_SHOWN = 12
BODY_SHOWN = 600
_PHASES = ("dns", "connect", "tls", "first_byte", "total")


def http(found: dict[str, Any]) -> str:
    """Return whether the address answers, how, how fast, and what is wrong with the answer."""
    url = code(found.get("url", ""))
    if not found.get("reachable", "status" in found):
        why = prose(found.get("problem") or "no answer came").rstrip(".")
        lead = f"**No**, {url} can't be reached: {why}."
        return paragraphs(lead, _hops(found), findings(found))
    status = int(found["status"])
    total = found.get("total_ms")
    time = f" in {round(total)} ms" if isinstance(total, int | float) else ""
    lead = f"**{'Yes' if status < 400 else 'It answers with an error'}**: {url} answered with **{status}**{time}."
    rows = {
        "Address": code(found["address"]) if found.get("address") else None,
        "Protocol": code(found["http_version"]) if found.get("http_version") else None,
        "Content type": code(found["content_type"]) if found.get("content_type") else None,
        "Timings": _timings(mapping(found.get("timings_ms"))),
    }
    return paragraphs(lead, _hops(found), facts(rows), findings(found), _headers(found), _body(found, status))


def _hops(found: dict[str, Any]) -> str | None:
    hops = mappings(found.get("redirects"))
    lines = [
        f"{code(hop.get('url', ''))} → {prose(hop.get('status', ''))} {code(hop.get('location', ''))}" for hop in hops
    ]
    return f"It was redirected {counted(len(hops), 'time')}:\n\n{bullets(lines, 10)}" if hops else None


def _timings(timings: dict[str, Any]) -> str | None:
    known = [
        f"{name.replace('_', ' ')} {round(timings[name])} ms"
        for name in _PHASES
        if isinstance(timings.get(name), int | float)
    ]
    return ", ".join(known) or None


def _headers(found: dict[str, Any]) -> str | None:
    headers = list(mapping(found.get("headers")).items())
    if not headers:
        return None
    lines = [f"{code(name)}: {code(value)}" for name, value in headers]
    return f"Headers:\n\n{bullets(lines, HEADERS_SHOWN)}"


def _body(found: dict[str, Any], status: int) -> str | None:
    """Return the beginning of an error's page; that of a good answer only takes room."""
    start = found.get("body_start")
    if status < 400 or not isinstance(start, str) or not start.strip():
        return None
    return f"The answer begins with:\n\n{block(start.strip()[:BODY_SHOWN])}"


def certificate(found: dict[str, Any]) -> str:
    """Return whether the certificate is good and how long it still holds, then what it is."""
    port = int(found.get("port") or 443)
    host = code(str(found.get("host", "")) + (f":{port}" if port != 443 else ""))
    if not found.get("reachable", "certificate" in found):
        why = prose(found.get("problem") or "no answer came").rstrip(".")
        return paragraphs(f"**No certificate was seen** at {host}: {why}.", findings(found))
    own = mapping(found.get("certificate"))
    rows = {
        "Names": _some(own.get("names"), left_out=int(own.get("names_not_listed") or 0)),
        "Subject": _span(own.get("subject")),
        "Issuer": _span(own.get("issuer")),
        "Valid": _valid(own),
        "Key": _span(own.get("key")),
        "Signature": _span(own.get("signature_algorithm")),
        "TLS": ", ".join(code(found[key]) for key in ("protocol", "cipher") if found.get(key)),
        "Old protocols it still takes": _some(found.get("older_protocols")),
        "Chain": " ← ".join(code(one.get("subject", "")) for one in mappings(found.get("chain"))),
    }
    return paragraphs(_verdict(host, found, own), facts(rows), findings(found))


def _verdict(host: str, found: dict[str, Any], own: dict[str, Any]) -> str:
    days = own.get("days_left")
    if not isinstance(days, int):
        left = "of unknown validity"
    elif days < 0:
        left = f"**expired {counted(-days, 'day')} ago**"
    else:
        left = f"valid for **{counted(days, 'more day', 'more days')}**"
    until = f" (until {_day(own['not_after'])})" if own.get("not_after") else ""
    problem = f": {prose(found['problem'])}" if found.get("problem") else ""
    trusted = "is trusted" if found.get("trusted") else f"is **not trusted**{problem}"
    return f"The certificate of {host} is {left}{until} and {trusted}."


def _valid(own: dict[str, Any]) -> str | None:
    first, last = own.get("not_before"), own.get("not_after")
    return f"{_day(first)} to {_day(last)}" if first and last else None


def _day(moment: Any) -> str:
    return code(str(moment)[:10])


def _span(value: Any) -> str | None:
    if isinstance(value, dict):
        value = " ".join(str(part) for part in value.values() if part not in (None, ""))
    return code(value) if value not in (None, "") else None


def _some(value: Any, most: int = 8, left_out: int = 0) -> str | None:
    every = listed(value)
    rest = len(every) - most + left_out if len(every) > most else left_out
    shown = ", ".join(code(one) for one in every[:most])
    return shown + (f" and {rest} more" if rest else "") if shown else None


def names(found: dict[str, Any]) -> str:
    """Return the records of a name, or why there are none."""
    name, type_ = code(found.get("name", "")), prose(found.get("type", ""))
    records = [code(one) for one in listed(found.get("records"))]
    status, withheld = str(found.get("status") or "NOERROR"), int(found.get("withheld") or 0)
    hidden = f"{counted(withheld, 'record')} in a private or reserved network not shown." if withheld else None
    if records:
        ttl = f", TTL {int(found['ttl'])} s" if isinstance(found.get("ttl"), int) else ""
        lead = f"{name} has **{counted(len(records), f'{type_} record')}**{ttl}:"
    else:
        lead = {
            "NXDOMAIN": f"**{name} does not exist** in DNS (NXDOMAIN).",
            "NODATA": f"{name} has **no {type_} records** (NODATA).",
            "NOERROR": f"{name} has **no {type_} records that can be shown**.",
        }.get(status, f"DNS gave **no answer** for {name} ({prose(status)}).")
    aliases = " → ".join(code(one) for one in listed(found.get("aliases")))
    rest = int(found.get("records_not_listed") or 0)
    return paragraphs(
        lead,
        bullets(records, 30, rest) if records else None,
        f"Over the aliases {aliases}." if aliases else None,
        hidden,
        findings(found),
    )
