"""Read a web address strictly, once: what is checked here is exactly what is asked for later."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address
from urllib.parse import quote, urlencode, urljoin

from clients.outward.addresses import Address
from clients.outward.hosts import read_host, shown
from clients.reach import Refused

MAX_CHARS = 8192
PORTS = {"http": 80, "https": 443}

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#.*)?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_PORT = re.compile(r"[0-9]{1,5}")
# What may stand in a path or query as it is; anything else is percent-encoded, and a lone % stays.
_SAFE = "/:@!$&'()*+,;=-._~%?[]|"


@dataclass(frozen=True)
class Url:
    """A web address in its parts, all of them checked."""

    scheme: str
    host: Address | str
    port: int
    target: str
    """Path and query as they are sent."""

    @property
    def origin(self) -> tuple[str, Address | str, int]:
        """Return what must be the same for secrets to go along."""
        return self.scheme, self.host, self.port

    @property
    def netloc(self) -> str:
        """Return host and port as the Host header has them."""
        host = f"[{self.host}]" if isinstance(self.host, IPv6Address) else str(self.host)
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.target}"


def read_url(text: str, params: Mapping[str, str] | None = None) -> Url:
    """Return the address in its parts; raises Refused for whatever could be read in two ways."""
    text = text.strip(" ")
    if len(text) > MAX_CHARS:
        raise Refused("bad_url", f"The address has {len(text)} characters; {MAX_CHARS} are the most.")
    if _CONTROL.search(text):
        raise Refused("bad_url", "The address contains control characters.")
    matched = _URL.fullmatch(text)
    if not matched:
        raise Refused("bad_url", "This is not a web address such as https://example.com/.")
    scheme, authority, path, query = matched.groups()
    scheme = scheme.lower()
    if scheme not in PORTS:
        raise Refused("bad_scheme", f"Only http and https addresses can be reached, not {shown(scheme)}.")
    host, port = _authority(authority, scheme)
    return Url(scheme, host, port, _target(path, query, params))


def follow(url: Url, location: str) -> Url:
    """Return where a redirect leads; raises Refused like `read_url`."""
    location = location.strip(" ")
    # Joined by hand as far as a host may be named, since libraries and browsers differ on odd spellings.
    if _SCHEME.match(location):
        return read_url(location)
    if location.startswith("//"):
        return read_url(f"{url.scheme}:{location}")
    if "\\" in location[:2]:
        raise Refused("bad_url", "The redirect leads to an address that can be read in two ways.")
    return read_url(urljoin(str(url), location))


def _authority(text: str | None, scheme: str) -> tuple[Address | str, int]:
    if not text:
        raise Refused("bad_url", "The address names no host.")
    if "@" in text:
        raise Refused("credentials_in_url", "The address must not contain a user name or password (the part before @).")
    # Of what is left after a closing bracket or the last colon.
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        return read_host(text), PORTS[scheme]
    if not port:
        return read_host(host), PORTS[scheme]
    if not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
        raise Refused("bad_port", "The port in the address must be a number from 1 to 65535.")
    if ":" in host and not host.startswith("["):
        raise Refused("bad_url", "An IPv6 address needs brackets, such as https://[2606:4700::1111]/.")
    return read_host(host), int(port)


def _target(path: str, query: str | None, params: Mapping[str, str] | None) -> str:
    target = quote(path or "/", safe=_SAFE)
    added = urlencode(params) if params else ""
    whole = "&".join(part for part in (quote(query or "", safe=_SAFE), added) if part)
    return f"{target}?{whole}" if whole else target
