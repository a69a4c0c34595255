"""Ask DNS for the records of public names, and keep back what points into networks that are not public."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.reversename

from clients.outward.addresses import Address
from clients.outward.deadline import Deadline
from clients.outward.guard import Guard
from clients.outward.hosts import read_host, shown
from clients.outward.names import Server, aliases_of, resolver_of, responses_of
from clients.outward.reverse_tree import REVERSE, address_of
from clients.reach import DnsSeen, Refused, Unreachable

TYPES = ("A", "AAAA", "CNAME", "MX", "NS", "TXT", "SOA", "CAA", "SRV", "PTR")
ALIASES_MAX = 16


def lookup(guard: Guard, servers: Sequence[Server], text: str, kind: str, seconds: float) -> DnsSeen:
    """Return the records of a name; raises Refused and Unreachable. That there are none is an answer."""
    kind = kind.upper()
    if kind not in TYPES:
        raise Refused("bad_type", f"The record type must be one of {', '.join(TYPES)}.")
    name = _name(guard, text.strip(), kind)
    deadline = Deadline(seconds)
    try:
        resolver = resolver_of(servers)
        resolver.set_flags(dns.flags.RD | dns.flags.AD)
        answer = resolver.resolve(
            f"{name}.", kind, raise_on_no_answer=False, search=False, lifetime=deadline.check(name)
        )
    except dns.exception.DNSException as error:
        _check_aliases(guard, name, responses_of(error))
        return _without_answer(name, kind, error, seconds)
    _check_aliases(guard, name, [answer.response])
    return _seen(guard, name, kind, answer)


def _check_aliases(guard: Guard, name: str, responses: Iterable[dns.message.Message]) -> None:
    """Refuse what became of an alias to an internal name, and also to say whether there is such a name."""
    if any(guard.leads_inside(alias) for alias in aliases_of(responses)):
        raise Refused("internal_name", f"{shown(name)} leads to an internal name; only public names can be looked up.")


def _without_answer(name: str, kind: str, error: dns.exception.DNSException, seconds: float) -> DnsSeen:
    if isinstance(error, dns.resolver.NXDOMAIN):
        return _nothing(name, kind, "NXDOMAIN", str(error.canonical_name))
    if isinstance(error, dns.resolver.NoNameservers):
        return _nothing(name, kind, _refusal(error), name)
    if isinstance(error, dns.exception.Timeout):
        raise Unreachable("timeout", f"DNS gave no answer for {name} within {seconds:g} s.") from None
    raise Unreachable("dns", f"DNS could not be asked for {name}.") from None


def _name(guard: Guard, text: str, kind: str) -> str:
    """Return the name to ask for; raises Refused for one that is internal."""
    wild, rest = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    host = read_host(rest)
    if not isinstance(host, str):
        if kind != "PTR" or wild:
            raise Refused("bad_url", f"{host} is an address, not a name; ask for it with the type PTR.")
        guard.check_address(host, None)
        return str(dns.reversename.from_address(str(host))).rstrip(".")
    if host.endswith(REVERSE):
        guard.check_address(_reversed(host), None)
    else:
        guard.check_name(host, None)
    return wild + host


def _reversed(name: str) -> Address:
    address = address_of(name)
    if address is None:
        raise Refused("bad_url", f"{shown(name)} is not a name of the reverse tree.")
    return address


def _refusal(error: dns.resolver.NoNameservers) -> str:
    """Return what the servers said instead of an answer, such as SERVFAIL or REFUSED."""
    response = next(responses_of(error), None)
    return "SERVFAIL" if response is None else dns.rcode.to_text(response.rcode())


def _nothing(name: str, kind: str, status: str, canonical: str) -> DnsSeen:
    return DnsSeen(name, kind, status, canonical.rstrip(".") or name, None, [])


def _seen(guard: Guard, name: str, kind: str, answer: dns.resolver.Answer) -> DnsSeen:
    records: list[str] = []
    kinds: list[str] = []
    for record in answer.rrset or ():
        reason = guard.reason_against(ip_address(record.address), None) if kind in ("A", "AAAA") else None
        if reason is None:
            records.append(_text(record, kind))
        else:
            kinds.append(reason)
    targets = [str(link[0].target).rstrip(".") for link in answer.chaining_result.cnames]
    return DnsSeen(
        name,
        kind,
        "NOERROR" if answer.rrset else "NODATA",
        str(answer.canonical_name).rstrip("."),
        answer.rrset.ttl if answer.rrset else None,
        records,
        len(kinds),
        tuple(sorted(set(kinds))),
        tuple(targets[:ALIASES_MAX]),
        bool(answer.response.flags & dns.flags.AD),
    )


def _text(record: object, kind: str) -> str:
    """Return a record as zone files write it; a text is joined from its parts, as its readers do."""
    if kind == "TXT":
        return b"".join(getattr(record, "strings", ())).decode("utf-8", "backslashreplace")
    return str(record)
