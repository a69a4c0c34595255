"""Decide where the server may go, and at which very addresses.

A name is resolved once. All of its addresses are judged, and only those are dialled, so that a second answer from DNS
changes nothing.
"""

from dataclasses import dataclass

from clients.outward.addresses import OPENED_BY_NAME, WORDS, Address, reason_against
from clients.outward.allow import AllowList
from clients.outward.deadline import Deadline
from clients.outward.hosts import reason_against_name, shown
from clients.outward.names import Names
from clients.outward.reverse_tree import REVERSE, network_of
from clients.reach import Refused, Unreachable

# What browsers refuse too (https://fetch.spec.whatwg.org/#bad-port): services that could take HTTP for their own words.
_BAD_PORTS = frozenset(
    int(port)
    for port in (
        "0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119 "
        "123 135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989 "
        "990 993 995 1719 1720 1723 2049 3659 4045 4190 5060 5061 6000 6379 6566 6665 6666 6667 6668 6669 6679 6697 "
        "10080 11211"
    ).split()
)
# Of those, the ones on which TLS begins at once: mail, news, directories, files, calls and chat.
_TLS_PORTS = frozenset({465, 563, 636, 989, 990, 993, 995, 5061, 6697})


@dataclass(frozen=True)
class Guard:
    """Hold the exceptions and the resolver by which every way out is judged."""

    allow: AllowList
    names: Names

    def check_port(self, host: Address | str, port: int) -> None:
        """Refuse a port on which no website is, unless it is listed with this host."""
        self._check_port(host, port, _BAD_PORTS, "for websites")

    def check_tls_port(self, host: Address | str, port: int) -> None:
        """Refuse a port that is known for a service without TLS at its start, unless it is listed with this host."""
        self._check_port(host, port, _BAD_PORTS - _TLS_PORTS, "on which TLS is spoken from the start")

    def _check_port(self, host: Address | str, port: int, blocked: frozenset[int], purpose: str) -> None:
        if port not in blocked or self.allow.has_port(host, port):
            return
        if not isinstance(host, str):
            # Of a closed address that is the reason: an entry with its port would open a metadata service, too.
            self.check_address(host, port)
        raise Refused("blocked_port", f"Port {port} is not one {purpose}; it is refused.")

    def leads_inside(self, alias: str) -> bool:
        """Tell whether an alias leads to an internal name, or into the reverse tree of a network that is not public."""
        if self.allow.has_name(alias, None):
            return False
        if not alias.endswith(REVERSE):
            return reason_against_name(alias) is not None
        network = network_of(alias)
        return network is None or self.reason_against(network, None) is not None

    def check_name(self, name: str, port: int | None) -> bool:
        """Refuse a name that is internal by its looks. Returns whether it is listed as an exception."""
        if self.allow.has_name(name, port):
            return True
        if reason := reason_against_name(name):
            raise Refused(reason, f"{shown(name)} is an internal name; only public hosts can be reached.")
        return False

    def check_address(self, address: Address, port: int | None) -> None:
        """Refuse an address that is neither public nor listed."""
        if reason := self.reason_against(address, port):
            raise Refused(reason, f"{address} belongs to {WORDS[reason]}; only public addresses can be reached.")

    def reason_against(self, address: Address, port: int | None, *, listed_name: bool = False) -> str | None:
        """Return why the server may not go to this address; None if it may."""
        reason = reason_against(address)
        if reason is None or self.allow.has_address(address, port) or (listed_name and reason in OPENED_BY_NAME):
            return None
        return reason

    def places(self, host: Address | str, port: int, deadline: Deadline) -> list[Address]:
        """Return the addresses to dial, at least one; raises Refused if any one of them is not allowed."""
        if not isinstance(host, str):
            self.check_address(host, port)
            return [host]
        listed = self.check_name(host, port)
        found = self.names.find(host, deadline, listed=listed)
        reasons = [self.reason_against(address, port, listed_name=listed) for address in found.addresses]
        reason = next((one for one in reasons if one), None)
        if not reason and not found.problem:
            return found.addresses
        if not listed and any(self.leads_inside(alias) for alias in found.aliases):
            # Whether that name exists, and where it leads, would tell about a network that is not the asker's.
            raise Refused(
                "internal_name", f"{shown(host)} leads to an internal name; only public hosts can be reached."
            )
        if found.problem or not reason:
            raise found.problem or Unreachable("dns", f"The name {host} has no address.")
        # Which address stays unsaid, for the same reason.
        raise Refused(
            reason, f"{shown(host)} leads to {WORDS[reason]}; only hosts with public addresses can be reached."
        )
