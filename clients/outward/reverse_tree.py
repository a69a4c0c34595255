"""Read names of the reverse tree of DNS, under which the names of addresses stand."""

from ipaddress import ip_address

import dns.exception
import dns.name
import dns.reversename

from clients.outward.addresses import Address

REVERSE = (".in-addr.arpa", ".ip6.arpa")


def address_of(name: str) -> Address | None:
    """Return the address of a name in the reverse tree, or the first address of a whole branch; None for no such."""
    tree = ".in-addr.arpa" if name.endswith(REVERSE[0]) else ".ip6.arpa"
    labels = name.removesuffix(tree).split(".")
    labels = ["0"] * ((4 if tree == REVERSE[0] else 32) - len(labels)) + labels
    try:
        whole = dns.name.from_text(".".join(labels) + tree)
        return ip_address(dns.reversename.to_address(whole))
    except (dns.exception.DNSException, ValueError):
        return None


def network_of(name: str) -> Address | None:
    """Return the first address of the smallest branch that this name is in, also for one such as `4.0-25.4.8.8…`."""
    while name.endswith(REVERSE):
        if address := address_of(name):
            return address
        name = name.partition(".")[2]
    return None
