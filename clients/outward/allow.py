"""Read and ask the list of places that tools may reach although they are not public."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Self

from clients.outward.addresses import Address, plain
from clients.outward.hosts import read_host
from clients.reach import Refused

_WITH_PORT = re.compile(r"(\[[^\]]*\]|[^:\[\]/]+):([0-9]{1,5})")


@dataclass(frozen=True)
class _Entry:
    name: str | None
    network: IPv4Network | IPv6Network | None
    port: int | None


@dataclass(frozen=True)
class AllowList:
    """Hold the operator's exceptions, each a name, an address or a network, some for one port only."""

    entries: tuple[_Entry, ...] = ()

    @classmethod
    def parse(cls, values: Iterable[str]) -> Self:
        """Return the list; raises ValueError with one sentence for an entry that can't be read."""
        return cls(tuple(_entry(value.strip()) for value in values))

    def has_name(self, name: str, port: int | None) -> bool:
        """Tell whether this very name is listed; without a port an entry for one port does not count."""
        return any(entry.name == name and entry.port in (None, port) for entry in self.entries)

    def has_address(self, address: Address, port: int | None) -> bool:
        """Tell whether this address is listed, by itself or within a network."""
        address = plain(address)
        return any(
            entry.network is not None
            and entry.network.version == address.version
            and address in entry.network
            and entry.port in (None, port)
            for entry in self.entries
        )

    def has_port(self, host: Address | str, port: int) -> bool:
        """Tell whether this host is listed with this very port."""
        return any(entry.port == port and (entry.name == host or _is_network_of(entry, host)) for entry in self.entries)


def _is_network_of(entry: _Entry, host: Address | str) -> bool:
    return entry.network is not None and not isinstance(host, str) and host in entry.network


def _entry(value: str) -> _Entry:
    if "/" in value and "%" not in value:
        return _Entry(None, ip_network(value), None)
    matched = _WITH_PORT.fullmatch(value)
    text, port = (matched[1], int(matched[2])) if matched else (value, None)
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"{value!r}: the port must be a number from 1 to 65535")
    try:
        host = _plainly_written(text)
    except (Refused, ValueError):
        raise ValueError(f"{value!r} is not a host, host:port, address or network such as 10.0.0.0/8") from None
    if isinstance(host, str):
        return _Entry(host, None, port)
    return _Entry(None, ip_network(host), port)


def _plainly_written(text: str) -> Address | str:
    """Return the host; raises Refused or ValueError, also for odd spellings: what is opened must be plain to see."""
    host = read_host(text)
    if not isinstance(host, str):
        ip_address(text.removeprefix("[").removesuffix("]"))
    elif host != text.lower().removesuffix("."):
        raise ValueError(text)
    return host
