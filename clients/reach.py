"""Say what the one guarded way out of the server offers to tools and connections.

Everything that leaves the server on a user's behalf goes through a `WayOut`: it checks every address, dials the very
address that it checked, and bounds size and time. `clients/outward/` is the real one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

AWS_REGION = re.compile(r"[a-z]{2,4}(-[a-z]{2,10}){1,3}-[0-9]{1,2}")
"""The form of a region's name, such as `eu-central-1` or `us-gov-east-1`."""


class Refused(Exception):
    """The guard lets nothing go there. `reason` is a short word for tests and logs, the message one sentence."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Unreachable(Exception):
    """The other side could not be reached, or broke off.

    `kind` is one of `dns`, `connect`, `timeout`, `tls`, `protocol`, `too_large`. `sent` says that the request may have
    arrived although no whole answer came back: a write then has an unknown outcome. `code` is the other side's own word
    for its refusal, such as `AccessDenied`, where it has one. The message is one sentence.
    """

    def __init__(self, kind: str, message: str, *, sent: bool = False, code: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.sent = sent
        self.code = code


@dataclass(frozen=True)
class TlsMaterial:
    """What a connection brings of its own for TLS, as PEM text; what is None stays as the system has it."""

    ca: str | None = None
    client_certificate: str | None = field(default=None, repr=False)
    client_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Request:
    """One HTTP request. Certificates are always verified. Headers never follow a redirect to another origin."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    tls: TlsMaterial | None = None
    seconds: float = 15.0
    """For the whole exchange, redirects included."""
    max_bytes: int = 2_000_000
    """Of the decoded body."""
    cut: bool = False
    """Keep the first `max_bytes` of a body that is larger, instead of raising Unreachable `too_large`."""
    redirects: int = 0
    """How many are followed, each checked like the first address; with 0 a 3xx is an answer like any other."""


@dataclass(frozen=True)
class Hop:
    """One redirect that was followed."""

    status: int
    url: str
    location: str


@dataclass(frozen=True)
class Response:
    """What came back; `timings` are milliseconds: dns, connect, tls, first_byte (of the last hop), total (of all)."""

    status: int
    url: str
    """The address that answered, after redirects."""
    headers: list[tuple[str, str]]
    body: bytes
    truncated: bool
    address: str
    """The IP address that answered."""
    http_version: str
    hops: list[Hop]
    timings: dict[str, float]
    certificate: bytes | None = field(default=None, repr=False)
    """The server's certificate (DER), for https."""

    def header(self, name: str) -> str | None:
        """Return the first header of this name, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True)
class TlsSeen:
    """What a TLS server showed. The handshake is made without verifying, then judged; no data is sent over it."""

    address: str
    protocol: str
    cipher: str
    chain: list[bytes]
    """DER certificates as sent, the server's own first."""
    trusted: bool
    """Whether chain, name and dates hold against the system's roots."""
    problem: str | None
    """Why not, in OpenSSL's words."""
    older_protocols: list[str]
    """Of TLS 1.0 and 1.1, those that the server still accepts, as far as the local library can ask."""


@dataclass(frozen=True)
class DnsSeen:
    """What DNS said about a name."""

    name: str
    type: str
    status: str
    """`NOERROR`, `NXDOMAIN`, `NODATA`, `SERVFAIL`, ..."""
    canonical: str
    """The name at the end of the chain of CNAMEs."""
    ttl: int | None
    records: list[str]
    withheld: int = 0
    """Records that pointed into a private or reserved network and are not shown."""
    withheld_kinds: tuple[str, ...] = ()
    """Into which kinds of range they pointed, such as `private`."""
    aliases: tuple[str, ...] = ()
    """The names that led there by CNAME, in order, without the one that was asked for."""
    authenticated: bool = False
    """Whether the resolver says that DNSSEC proved the answer."""


class WayOut(Protocol):
    """Leave the server. Every method raises Refused or Unreachable, and nothing else that is known to happen."""

    def fetch(self, request: Request) -> Response:
        """Make one HTTP request and return its answer, whatever its status."""
        ...

    def inspect_tls(self, host: str, port: int, *, seconds: float = 15.0) -> TlsSeen:
        """Shake hands and return what the server showed."""
        ...

    def lookup(self, name: str, type: str, *, seconds: float = 10.0) -> DnsSeen:
        """Ask DNS for the records of a public name."""
        ...

    def aws(
        self, credentials: Mapping[str, str], service: str, operation: str, parameters: Mapping[str, Any], region: str
    ) -> dict[str, Any]:
        """Call one reading operation of AWS, such as `ec2`, `describe_instances`, and return its parsed answer.

        `credentials` holds `access_key_id`, `secret_access_key` and, optionally, `endpoint_url`. A refusal by AWS
        raises Unreachable `protocol` with AWS's words and its `code`.
        """
        ...
