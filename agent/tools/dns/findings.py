"""Say what is wrong with what DNS answered."""

import re
from collections.abc import Callable, Iterator

from agent.findings import Finding
from clients.reach import DnsSeen, Refused, Unreachable, WayOut

LONG_TTL = 86_400
LONG_CHAIN = 3
SPF_LOOKUPS_MAX = 10
EXTRA_SECONDS = 3.0

_SPF_LOOKUP = re.compile(r"[+?~-]?(include:|exists:|redirect=|(a|mx|ptr)([:/]|$))", re.IGNORECASE)


def find(out: WayOut, seen: DnsSeen) -> Iterator[Finding]:
    """Yield what is wrong. For MX it asks for the records that mail needs beside them."""
    yield from _status(seen)
    yield from _general(seen)
    by_type: dict[str, Callable[[], Iterator[Finding]]] = {
        "MX": lambda: _mail(out, seen),
        "TXT": lambda: _text(seen),
        "NS": lambda: _name_servers(seen),
    }
    if seen.status == "NOERROR" and seen.type in by_type:
        yield from by_type[seen.type]()


def _status(seen: DnsSeen) -> Iterator[Finding]:
    if seen.status == "NXDOMAIN":
        yield Finding(
            "no-such-name",
            "error",
            f"{seen.canonical} does not exist in DNS.",
            "Nothing can be reached under this name.",
            "Check the spelling, that the domain is registered and paid for, and that the record was saved.",
        )
    elif seen.status == "NODATA" and seen.type == "CAA":
        yield Finding(
            "no-caa",
            "info",
            f"{seen.name} has no CAA record of its own.",
            "Unless a parent domain has one, every authority may issue certificates for it.",
            'Add one, such as: 0 issue "letsencrypt.org"',
        )
    elif seen.status == "NODATA":
        yield Finding(
            "no-records",
            "info",
            f"{seen.canonical} exists, but has no {seen.type} record.",
            "Who asks for this type gets an empty answer.",
            "Add one if it should be there.",
        )
    elif seen.status != "NOERROR":
        yield Finding(
            seen.status.lower(),
            "error",
            f"The DNS servers answered {seen.status} for {seen.name}.",
            "Its name servers can't be reached or refuse, or DNSSEC does not hold.",
            "Check the delegation (NS records at the registrar), the name servers, and DNSSEC (DS and signatures).",
        )


def _general(seen: DnsSeen) -> Iterator[Finding]:
    if seen.withheld:
        kinds = ", ".join(kind.replace("_", " ") for kind in seen.withheld_kinds)
        yield Finding(
            "private-address-in-dns",
            "warning",
            f"{seen.withheld} of the addresses are not public ({kinds}); they are not shown.",
            "Outside of that network nobody reaches them, and they tell about it.",
            "Keep such records in a DNS server inside of the network.",
        )
    if len(seen.aliases) >= LONG_CHAIN:
        yield Finding(
            "long-alias-chain",
            "info",
            f"{len(seen.aliases)} CNAMEs are followed one after the other.",
            "Each step can cost a question and can break.",
            "Point to the last name at once.",
        )
    if seen.ttl is not None and seen.ttl > LONG_TTL and seen.type in ("A", "AAAA", "CNAME"):
        yield Finding(
            "long-ttl",
            "info",
            f"The answer is kept for {seen.ttl} seconds.",
            "A change takes that long to reach everybody.",
            "Lower the TTL to 300 some days before a change.",
        )


def _mail(out: WayOut, seen: DnsSeen) -> Iterator[Finding]:
    spf = _extra(out, seen.name, "v=spf1")
    dmarc = _extra(out, f"_dmarc.{seen.name}", "v=dmarc1")
    for found, rule, what, fix in (
        (spf, "no-spf", "SPF", "Add a TXT record such as: v=spf1 mx -all"),
        (dmarc, "no-dmarc", "DMARC", f"Add a TXT record at _dmarc.{seen.name} such as: v=DMARC1; p=none; rua=mailto:…"),
    ):
        if found is False:
            why = "Others can send mail in this name, and its own mail is more often taken for spam."
            yield Finding(rule, "warning", f"{seen.name} takes mail, but has no {what} record.", why, fix)


def _extra(out: WayOut, name: str, start: str) -> bool | None:
    """Return whether a TXT record of the name begins so; None if it could not be asked for."""
    try:
        seen = out.lookup(name, "TXT", seconds=EXTRA_SECONDS)
    except (Refused, Unreachable):
        return None
    if seen.status not in ("NOERROR", "NODATA", "NXDOMAIN"):
        return None
    return any(record.lower().startswith(start) for record in seen.records)


def _text(seen: DnsSeen) -> Iterator[Finding]:
    spf = [record for record in seen.records if record.lower().startswith("v=spf1")]
    if len(spf) > 1:
        yield Finding(
            "several-spf",
            "error",
            f"There are {len(spf)} SPF records.",
            "Receivers then ignore them all (RFC 7208).",
            "Join them into one.",
        )
    for record in spf[:1]:
        terms = record[:4096].lower().split()
        if "+all" in terms or "all" in terms:
            why = "Everybody may send mail in this name."
            yield Finding("spf-allows-all", "error", "The SPF record ends in +all.", why, "End it in -all or ~all.")
        lookups = sum(1 for term in terms if _SPF_LOOKUP.match(term))
        if lookups > SPF_LOOKUPS_MAX:
            why = "More than 10 look-ups make the record invalid (RFC 7208)."
            message = f"The SPF record needs at least {lookups} DNS look-ups."
            yield Finding("spf-too-many-lookups", "error", message, why, "Remove senders that are not used any more.")
    if any(record.lower().startswith("v=dmarc1") and "p=none" in record.lower() for record in seen.records):
        yield Finding(
            "dmarc-only-watches",
            "info",
            "The DMARC policy is none.",
            "Forged mail is reported, not stopped.",
            "Move to p=quarantine and then p=reject once the reports look right.",
        )


def _name_servers(seen: DnsSeen) -> Iterator[Finding]:
    if len(seen.records) == 1:
        yield Finding(
            "single-name-server",
            "warning",
            "There is only one name server.",
            "When it is down, the whole domain is.",
            "Add a second one in another network.",
        )
