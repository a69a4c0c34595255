"""Look at the certificate and the TLS of a server."""

import re
from typing import Any

from pydantic import Field

from agent.findings import Finding, as_data, summary
from agent.inputs import ToolInput, reader, schema_of
from agent.outside import printable
from agent.tools.tls.certificates import now_utc, read_certificate
from agent.tools.tls.findings import find
from agent.types import Reach, Tool, ToolError, ToolOutput
from clients.reach import Refused, TlsSeen, Unreachable, WayOut

HTTPS = 443
SECONDS = 15.0
CHAIN_LISTED = 8

_URL = re.compile(r"[a-z][a-z0-9+.-]*://([^/?#]*)[/?#]?.*", re.IGNORECASE | re.DOTALL)
_WITH_PORT = re.compile(r"(\[[^\]]*\]|[^:]*):([0-9]{1,5})")

_WHY = {
    "dns": "Without an address there is no connection.",
    "connect": "Nothing that speaks TLS can be reached there.",
    "timeout": "Clients wait and then give up.",
    "tls": "The port does not speak TLS from the start, or both sides share no protocol or cipher.",
}
_FIXES = {
    "dns": "Check the spelling of the name and its A, AAAA and CNAME records (dns_lookup shows them).",
    "tls": "Check the port; services with STARTTLS (25, 587, 143, 5432) begin without TLS and can't be inspected here.",
}


class TlsInspectInput(ToolInput):
    """Input of tls_inspect."""

    host: str = Field(min_length=1, max_length=300, description="Name or address of the server, such as example.com")
    port: int = Field(default=HTTPS, ge=1, le=65535, description="Port that speaks TLS from the start")


def inspect(out: WayOut, host: str, port: int) -> dict[str, Any]:
    """Return what the server shows and what is wrong with it; raises ToolError for a place that is refused."""
    host, port = _place(host, port)
    data: dict[str, Any] = {"reachable": False, "host": printable(host, 260), "port": port}
    try:
        seen = out.inspect_tls(host, port, seconds=SECONDS)
    except Refused as error:
        raise ToolError(error.message) from None
    except Unreachable as error:
        return {**data, "problem": error.message, "problem_kind": error.kind, **as_data([_unreachable(error)])}
    return {**data, "reachable": True, **_described(host, seen)}


def _place(host: str, port: int) -> tuple[str, int]:
    """Take the host out of a web address, and the port that stands with it."""
    text = host.strip()
    if matched := _URL.fullmatch(text):
        text = matched[1]
    if matched := _WITH_PORT.fullmatch(text):
        text, named = matched[1], int(matched[2])
        if port not in (HTTPS, named):
            raise ToolError(f"The host names port {named} and `port` is {port}; give only one of them.")
        port = named
    return text, port


def _unreachable(error: Unreachable) -> Finding:
    why = _WHY.get(error.kind, "Clients get no connection.")
    fix = _FIXES.get(
        error.kind, "Check that the service runs, listens on this port, and that a firewall lets it through."
    )
    return Finding("no-tls" if error.kind == "tls" else "unreachable", "error", error.message, why, fix)


def _described(host: str, seen: TlsSeen) -> dict[str, Any]:
    now = now_utc()
    chain = [read_certificate(der) for der in seen.chain]
    own = chain[0] if chain else None
    findings = list(find(host, seen, chain, now))
    return {
        "address": seen.address,
        "protocol": seen.protocol,
        "cipher": seen.cipher,
        "older_protocols": seen.older_protocols,
        "trusted": seen.trusted,
        "problem": printable(seen.problem, 200) if seen.problem else None,
        "name_matches": own.covers(host) if own else False,
        "certificate": own.shown(now) if own else None,
        "chain": [one.in_chain(now) if one else {"subject": "unreadable"} for one in chain[1 : CHAIN_LISTED + 1]],
        "chain_length": len(chain),
        **as_data(findings),
        "in_short": _in_short(own.days_left(now) if own else None, seen, findings),
    }


def _in_short(days: int | None, seen: TlsSeen, findings: list[Finding]) -> str:
    left = "" if days is None else f"expired {-days} days ago, " if days < 0 else f"{days} days left, "
    return f"{'trusted' if seen.trusted else 'not trusted'}, {left}{seen.protocol}, {summary(findings)}"


def _run(given: dict[str, Any], reach: Reach) -> ToolOutput:
    data = inspect(reach.out, given["host"], given["port"])
    short = data.pop("in_short", None)
    return ToolOutput(data, short or f"no TLS: {data['problem']}"[:120])


def _target(given: dict[str, Any]) -> str:
    host, port = given.get("host"), given.get("port", HTTPS)
    if not isinstance(host, str):
        return ""
    shown = printable(host.strip(), 80)
    return shown if port == HTTPS or not isinstance(port, int) else f"{shown}:{port}"


TLS_INSPECT = Tool(
    name="tls_inspect",
    title="Check a certificate",
    description=(
        "Connect to a public host and port with TLS and show its certificate: names, issuer, validity and days left, "
        "key, signature, the chain, whether it is trusted and why not, protocol and cipher, old protocols that are "
        "still accepted, and findings. Use it for certificate errors, expiry dates and TLS settings. It does not do "
        "STARTTLS."
    ),
    input_schema=schema_of(TlsInspectInput),
    run=_run,
    target=_target,
    read=reader(TlsInspectInput),
    family="network",
    examples=(
        "When does the certificate of example.com expire?",
        "Check the certificate of example.com",
        "Check TLS of db.example.com:8443",
    ),
    returns="The certificate and its chain, days left, whether it is trusted, protocol and cipher, with findings.",
)

TOOLS: tuple[Tool, ...] = (TLS_INSPECT,)
