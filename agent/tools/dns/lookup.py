"""Look up the DNS records of a public name."""

from typing import Any, Literal

from pydantic import Field

from agent.findings import as_data, summary
from agent.inputs import ToolInput, reader, schema_of
from agent.outside import fitted, printable
from agent.tools.dns.findings import find
from agent.types import Reach, Tool, ToolError, ToolOutput
from clients.reach import DnsSeen, Refused, Unreachable, WayOut

RECORDS_LISTED = 100
RECORD_SHOWN = 2_000

RecordType = Literal["A", "AAAA", "CNAME", "MX", "NS", "TXT", "SOA", "CAA", "SRV", "PTR"]


class DnsLookupInput(ToolInput):
    """Input of dns_lookup."""

    name: str = Field(
        min_length=1, max_length=260, description="Name such as example.com; with PTR, a public IP address"
    )
    type: RecordType = Field(default="A", description="Record type")


def look_up(out: WayOut, name: str, kind: str) -> dict[str, Any]:
    """Return what DNS says about a name; raises ToolError for an internal name and when DNS can't be asked."""
    try:
        seen = out.lookup(name.strip(), kind)
    except Refused as error:
        raise ToolError(error.message) from None
    except Unreachable as error:
        raise ToolError(error.message, ours=True) from None
    findings = list(find(out, seen))
    records = [printable(record, RECORD_SHOWN) for record in seen.records]
    data = {
        "name": seen.name,
        "type": seen.type,
        "status": seen.status,
        "canonical": seen.canonical,
        "aliases": list(seen.aliases),
        "ttl": seen.ttl,
        "records": records[:RECORDS_LISTED],
        "records_not_listed": max(0, len(records) - RECORDS_LISTED),
        "withheld": seen.withheld,
        "withheld_kinds": list(seen.withheld_kinds),
        "dnssec_validated": seen.authenticated,
        **as_data(findings),
    }
    return {**fitted(data, "records"), "in_short": f"{_counted(seen)}, {summary(findings)}"}


def _counted(seen: DnsSeen) -> str:
    if seen.status != "NOERROR":
        return seen.status
    shown = f"{len(seen.records)} {seen.type} record{'' if len(seen.records) == 1 else 's'}"
    return f"{shown}, {seen.withheld} withheld" if seen.withheld else shown


def _run(given: dict[str, Any], reach: Reach) -> ToolOutput:
    data = look_up(reach.out, given["name"], given["type"])
    return ToolOutput(data, data.pop("in_short"))


def _target(given: dict[str, Any]) -> str:
    name, kind = given.get("name"), given.get("type", "A")
    return f"{printable(name.strip(), 80)} {kind}" if isinstance(name, str) and isinstance(kind, str) else ""


DNS_LOOKUP = Tool(
    name="dns_lookup",
    title="Look up DNS",
    description=(
        "Ask DNS for the A, AAAA, CNAME, MX, NS, TXT, SOA, CAA, SRV or PTR records of a public name: records with TTL, "
        "the CNAMEs on the way, and whether the name does not exist (NXDOMAIN), has no such record (NODATA) or can't "
        "be resolved (SERVFAIL), with findings. PTR takes an IP address. Internal names are refused, and private "
        "addresses in answers are withheld."
    ),
    input_schema=schema_of(DnsLookupInput),
    run=_run,
    target=_target,
    read=reader(DnsLookupInput),
    family="network",
    examples=(
        "What are the DNS records of example.com?",
        "Look up the MX records of example.com",
        "Resolve example.com",
    ),
    returns="The records with their TTL, the chain of CNAMEs and the status, with findings.",
)

TOOLS: tuple[Tool, ...] = (DNS_LOOKUP,)
