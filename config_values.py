"""Check the values of settings one by one: each function returns the value in its one form or raises ValueError."""

import ipaddress
import re
from urllib.parse import urlsplit

from limits import parse_many
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
# What ends in a number would be read as an address by some programs, and by others not.
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\.?\Z)(?:{_LABEL}\.)*(?!(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?\Z){_LABEL}\.?")
_WITH_PORT = re.compile(r"(\[[^\]]*\]|[^:\[\]/]+)(?::([0-9]{1,5}))?")


def rate(value: str) -> str:
    """Return a rate limit such as `30/minute`, or several of them."""
    try:
        limits = parse_many(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is not a rate such as 30/minute") from error
    if any(limit.amount < 1 for limit in limits):
        raise ValueError(f"{value!r} would let nobody in; RATE_LIMITS=off turns the limits off")
    return value


def http_url(value: str) -> str:
    """Return an http(s) address without a slash at its end."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{value!r} is not an http(s) address")
    check_port(value)
    return value.rstrip("/")


def host(value: str) -> str:
    """Return a host's name or address."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        if not _HOST_NAME.fullmatch(value):
            raise ValueError(f"{value!r} is neither a host's name nor an address such as 127.0.0.1 or ::1") from None
    return value


def check_port(address: str) -> None:
    """Refuse a port that is none; what stands there is not repeated, since it may be a password gone astray."""
    try:
        port = urlsplit(address).port
    except ValueError:
        port = 0
    if port is not None and not 0 < port < 65536:
        raise ValueError("the port in this address must be a number from 1 to 65535")


def listed(value: object) -> object:
    """Return the parts of a list that is written with commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def mail_addresses(values: list[str]) -> list[str]:
    """Return e-mail addresses."""
    for value in values:
        if not all(value.rpartition("@")):
            raise ValueError(f"{value!r} is not an e-mail address")
    return values


def places(values: list[str]) -> list[str]:
    """Refuse what the way out could not read later: the same forms are taken as by its list of exceptions."""
    for value in values:
        try:
            if "%" in value:
                raise ValueError(value)  # The network card of an IPv6 address.
            if "/" in value or value.count(":") > 1 and not value.startswith("["):
                ipaddress.ip_network(value)
            else:
                host(_without_port(value))
        except ValueError:
            raise ValueError(
                f"{value!r} is not a host, host:port, address or network such as db.example, [::1]:9090 or 10.0.0.0/8"
            ) from None
    return values


def dns_servers(values: list[str]) -> list[str]:
    """Return addresses of DNS servers, each with or without a port."""
    for value in values:
        try:
            ipaddress.ip_address(value if value.count(":") > 1 and value[0] != "[" else _without_port(value))
        except ValueError:
            raise ValueError(
                f"{value!r} is not the address of a DNS server such as 9.9.9.9 or 127.0.0.1:5353"
            ) from None
    return values


def _without_port(value: str) -> str:
    """Return the host of `host`, `host:port`, `[v6]` or `[v6]:port`; raises ValueError."""
    matched = _WITH_PORT.fullmatch(value)
    if not matched or (matched[2] and not 0 < int(matched[2]) < 65536):
        raise ValueError(value)
    name = matched[1]
    return str(ipaddress.IPv6Address(name[1:-1])) if name.startswith("[") else name


def database_url(value: str) -> URL:
    """Return the address with the one driver that we have, whichever it names; raises ValueError."""
    try:
        url = make_url(re.sub(r"^postgres(?=\+|:)", "postgresql", value))
    except ArgumentError:
        raise ValueError("this is not a database address such as postgresql://user:password@host/name") from None
    except ValueError:
        raise ValueError("the port in this address must be a number from 1 to 65535") from None
    backend = url.drivername.partition("+")[0]
    if backend not in ("sqlite", "postgresql"):
        raise ValueError("only SQLite and PostgreSQL are supported")
    if url.port is not None and not 0 < url.port < 65536:
        raise ValueError("the port in this address must be a number from 1 to 65535")
    return url.set(drivername=backend)
