"""Be the one guarded way out of the server; see clients/reach.py for what it offers.

`Outward` puts the parts together: urls and hosts read what was asked for, the guard decides, dialling connects to the
very addresses that were checked, and http, tls and dns speak.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from clients.outward import aws
from clients.outward.allow import AllowList
from clients.outward.dns import lookup
from clients.outward.guard import Guard
from clients.outward.http import fetch
from clients.outward.names import DnsNames, SystemNames, read_servers
from clients.outward.tls import inspect
from clients.outward.trust import Trust
from clients.reach import DnsSeen, Request, Response, TlsSeen

__all__ = ["AllowList", "Outward"]


class Outward:
    """Leave the server, to public places and to those on the allow-list. Safe to share between threads."""

    def __init__(
        self, allow: AllowList | None = None, dns_servers: Sequence[str] = (), *, extra_roots: str | None = None
    ) -> None:
        self.servers = read_servers(dns_servers)
        names = DnsNames(self.servers) if self.servers else SystemNames(DnsNames(()))
        self._guard = Guard(allow or AllowList(), names)
        self._trust = Trust(extra_roots)

    def fetch(self, request: Request) -> Response:
        """Make one HTTP request and return its answer, whatever its status."""
        return fetch(self._guard, self._trust, request)

    def inspect_tls(self, host: str, port: int, *, seconds: float = 15.0) -> TlsSeen:
        """Shake hands and return what the server showed."""
        return inspect(self._guard, self._trust, host, port, seconds)

    def lookup(self, name: str, type: str, *, seconds: float = 10.0) -> DnsSeen:
        """Ask DNS for the records of a public name; with `PTR`, for the names of an address."""
        return lookup(self._guard, self.servers, name, type, seconds)

    def aws(
        self, credentials: Mapping[str, str], service: str, operation: str, parameters: Mapping[str, Any], region: str
    ) -> dict[str, Any]:
        """Call one reading operation of AWS and return its parsed answer."""
        return aws.call(self.fetch, credentials, service, operation, parameters, region)
