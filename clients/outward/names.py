"""Turn a name into all of its addresses, within bounds.

Names of users go to DNS itself and never through getaddrinfo. A call of getaddrinfo can't be broken off: it holds a
thread until the system gives up, so that whoever asks for names that nobody answers would keep all others waiting. A
question to DNS ends with its deadline and holds nothing that others need. It also knows no search domains, so that a
public name never becomes one of the server's own network. Only the names on the operator's list are asked for as every
other program on the server does it, with its file of hosts and its search domains.
"""

import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Protocol

import dns.exception
import dns.message
import dns.nameserver
import dns.rdatatype
import dns.resolver

from clients.outward.addresses import Address, plain
from clients.outward.deadline import Deadline
from clients.reach import Unreachable

DNS_PORT = 53
SECONDS_PER_SERVER = 3.0

Server = tuple[str, int]


@dataclass(frozen=True)
class Found:
    """What is known of a name: every address, or why there is none, and the names that it is an alias of."""

    addresses: list[Address]
    aliases: frozenset[str] = frozenset()
    problem: Unreachable | None = None


class Names(Protocol):
    """Resolve names."""

    def find(self, name: str, deadline: Deadline, *, listed: bool) -> Found:
        """Return every address of the name, or the problem; `listed` says that the operator named it."""
        ...


class SystemNames:
    """Ask DNS for the names of users, and the server's own resolver for those that its operator listed."""

    def __init__(self, others: Names) -> None:
        self._others = others
        self._lock = threading.Lock()
        self._running: dict[str, Future[list[Address]]] = {}

    def find(self, name: str, deadline: Deadline, *, listed: bool) -> Found:
        """Return every address of the name, or the problem; `listed` says that the operator named it."""
        if not listed:
            return self._others.find(name, deadline, listed=False)
        try:
            return Found(self._asked(name).result(deadline.check(name)))
        except TimeoutError:
            return Found([], problem=_too_late(name))
        except OSError as error:
            return Found([], problem=_not_found(name, temporary=error.errno == socket.EAI_AGAIN))

    def _asked(self, name: str) -> Future[list[Address]]:
        """Return the look-up of this name that is under way, or a new one: a name never holds more than one thread."""
        with self._lock:
            answer = self._running.get(name)
            if answer is None:
                answer = Future()
                threading.Thread(target=self._ask, args=(name, answer), name="getaddrinfo", daemon=True).start()
                self._running[name] = answer
            return answer

    def _ask(self, name: str, answer: Future[list[Address]]) -> None:
        try:
            found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
            answer.set_result(_distinct([str(place[4][0]) for place in found]))
        except (OSError, UnicodeError, ValueError) as error:
            answer.set_exception(error if isinstance(error, OSError) else OSError(str(error)))
        finally:
            with self._lock:
                del self._running[name]


class DnsNames:
    """Ask these DNS servers and nobody else, or those of the system if there are none."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self._servers = servers

    def find(self, name: str, deadline: Deadline, *, listed: bool) -> Found:
        """Return every address of the name, or the problem; `listed` says that the operator named it."""
        texts: list[str] = []
        aliases: set[str] = set()
        problem = None
        for kind in ("A", "AAAA"):
            left = deadline.check(name)
            # There are servers that answer for one family only; with addresses at hand, little is waited for more.
            lifetime = min(left, SECONDS_PER_SERVER) if texts else left
            try:
                answer = resolver_of(self._servers).resolve(
                    f"{name}.", kind, lifetime=lifetime, raise_on_no_answer=False, search=False
                )
            except dns.exception.DNSException as error:
                aliases |= aliases_of(responses_of(error))
                problem = _problem(name, error)
                if isinstance(error, dns.exception.Timeout | dns.resolver.NXDOMAIN):
                    break
                continue
            aliases |= aliases_of([answer.response])
            texts += [record.address for record in answer.rrset or ()]
        if texts:
            return Found(_distinct(texts), frozenset(aliases))
        return Found([], frozenset(aliases), problem or _not_found(name, temporary=False))


def aliases_of(responses: Iterable[dns.message.Message]) -> frozenset[str]:
    """Return every name, in lower case, to which an alias in these answers leads; the first name is not among them."""
    kinds = (dns.rdatatype.CNAME, dns.rdatatype.DNAME)
    found = set()
    for response in responses:
        for asked in response.question:
            for records in response.answer:
                # Who asks for the alias itself is not led anywhere.
                if records.rdtype in kinds and records.rdtype != asked.rdtype:
                    found |= {_written(record.target) for record in records}
                if records.rdtype != dns.rdatatype.DNAME and records.name != asked.name:
                    found.add(_written(records.name))
    return frozenset(found)


def responses_of(error: dns.exception.DNSException) -> Iterator[dns.message.Message]:
    """Yield the answers because of which a look-up failed."""
    if isinstance(error, dns.resolver.NXDOMAIN):
        yield from error.kwargs.get("responses", {}).values()
    for problem in error.kwargs.get("errors", ()):
        if len(problem) > 4 and problem[4] is not None:
            yield problem[4]


def _written(name: object) -> str:
    return str(name).rstrip(".").lower()


def _problem(name: str, error: dns.exception.DNSException) -> Unreachable:
    if isinstance(error, dns.exception.Timeout):
        return _too_late(name)
    return _not_found(name, temporary=not isinstance(error, dns.resolver.NXDOMAIN))


def resolver_of(servers: Sequence[Server]) -> dns.resolver.Resolver:
    """Return a resolver that asks these servers, or the system's if there are none."""
    if not servers:
        resolver = dns.resolver.Resolver()
    else:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = [dns.nameserver.Do53Nameserver(address, port) for address, port in servers]
    resolver.timeout = SECONDS_PER_SERVER
    return resolver


def read_servers(values: Sequence[str]) -> tuple[Server, ...]:
    """Return servers written as `address`, `address:port` or `[v6]:port`; raises ValueError for anything else."""
    return tuple(_server(value) for value in values)


def _server(value: str) -> Server:
    address, port = value, str(DNS_PORT)
    if value.startswith("["):
        address, _, port = value[1:].partition("]")
        port = port.removeprefix(":") or str(DNS_PORT)
    elif value.count(":") == 1:
        address, _, port = value.partition(":")
    return str(ip_address(address)), int(port)


def _distinct(texts: list[str]) -> list[Address]:
    addresses = []
    for text in texts:
        address = ip_address(text)
        if isinstance(address, IPv6Address) and address.scope_id:
            raise OSError("a scoped address")
        addresses.append(plain(address))
    return list(dict.fromkeys(addresses))


def _too_late(name: str) -> Unreachable:
    return Unreachable("timeout", f"The name {name} could not be looked up in time.")


def _not_found(name: str, *, temporary: bool) -> Unreachable:
    if temporary:
        return Unreachable("dns", f"The name {name} could not be looked up: its DNS servers gave no answer.")
    return Unreachable("dns", f"The name {name} does not exist or has no address.")
