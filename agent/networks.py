"""Read networks as the programs that take a manifest do: an address, a slash, and the length of the prefix."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

_CIDR = re.compile(r"([0-9A-Fa-f:.]{2,45})/(\d{1,3})")
# Kubernetes and Docker take them, the standard library does not.
_LEADING_ZEROS = re.compile(r"\b0+(?=\d)")


def network_of(text: str) -> IPv4Network | IPv6Network | None:
    """Return the network that a CIDR such as 10.0.0.0/16 names, host bits or not, or None if it is none."""
    match = _CIDR.fullmatch(text.strip())
    if not match:
        return None
    try:
        return ip_network(f"{_plain(match[1])}/{match[2]}", strict=False)
    except ValueError:
        return None


def is_address(text: str) -> bool:
    """Whether the text is an IPv4 or IPv6 address."""
    try:
        ip_address(_plain(text))
    except ValueError:
        return False
    return True


def _plain(address: str) -> str:
    return address if ":" in address else _LEADING_ZEROS.sub("", address)
