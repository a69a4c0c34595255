"""Give tests of tools the places where they may go."""

from collections.abc import Mapping
from typing import Any, NoReturn

from agent.types import Connection, Preview, Reach
from clients.outward import AllowList, Outward
from clients.reach import DnsSeen, Request, Response, TlsSeen

LOCAL = ("127.0.0.0/8", "::1", "localhost")


class Nowhere:
    """A way out for tools that go nowhere; any use of it fails the test."""

    def fetch(self, request: Request) -> Response:
        _fail(f"{request.method} {request.url}")

    def inspect_tls(self, host: str, port: int, *, seconds: float = 15.0) -> TlsSeen:
        _fail(f"TLS {host}:{port}")

    def lookup(self, name: str, type: str, *, seconds: float = 10.0) -> DnsSeen:
        _fail(f"DNS {name} {type}")

    def aws(
        self, credentials: Mapping[str, str], service: str, operation: str, parameters: Mapping[str, Any], region: str
    ) -> dict[str, Any]:
        _fail(f"AWS {service}.{operation}")


def _fail(what: str) -> NoReturn:
    raise AssertionError(f"this tool must not leave the server, but wanted {what}")


NOWHERE = Reach(Nowhere())


def local_reach(connection: Connection | None = None, approved: Preview | None = None) -> Reach:
    """Return a reach whose way out is the real one and may go to loopback too."""
    return Reach(Outward(AllowList.parse(LOCAL)), connection, approved)
