"""Say which addresses the server never speaks to on a user's behalf, and why.

The standard library's `is_private` misses 100.64.0.0/10, and `is_global` lets multicast, NAT64, 6to4 and the platform
addresses of some clouds through, so the ranges are listed here, each with its own reason.
"""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address

# The first match counts, so what is special within a range stands before it.
_RANGES = [
    (ip_network(text), reason)
    for text, reason in (
        ("169.254.169.254/32", "metadata"),
        ("169.254.170.2/32", "metadata"),
        ("169.254.170.23/32", "metadata"),
        ("168.63.129.16/32", "azure_wireserver"),
        ("100.100.100.200/32", "alibaba"),
        ("192.0.0.192/32", "oracle"),
        ("0.0.0.0/32", "unspecified"),
        ("0.0.0.0/8", "reserved"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link_local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "6to4"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved"),
        ("fd00:ec2::/32", "metadata"),
        ("fd20:ce::254/128", "metadata"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("64:ff9b::/96", "nat64"),
        ("64:ff9b:1::/48", "nat64"),
        ("2001::/32", "teredo"),
        ("2001:2::/48", "benchmarking"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "documentation"),
        ("fc00::/7", "unique_local"),
        ("fe80::/10", "link_local"),
        ("fec0::/10", "site_local"),
        ("ff00::/8", "multicast"),
    )
]
# The only part of IPv6 that is given out for the public Internet.
_PUBLIC_SIX = IPv6Network("2000::/3")

# A name on the allow-list opens these. Whatever else it resolves to needs an entry by address.
OPENED_BY_NAME = frozenset({"loopback", "private", "unique_local", "shared", "benchmarking"})

WORDS = {
    "metadata": "a cloud's metadata service",
    "azure_wireserver": "Azure's platform address",
    "alibaba": "Alibaba Cloud's metadata service",
    "oracle": "Oracle Cloud's metadata service",
    "unspecified": "the unspecified address",
    "reserved": "a reserved range",
    "private": "a private network",
    "shared": "a provider's shared network",
    "loopback": "this server itself",
    "link_local": "the local link",
    "documentation": "a range for documentation",
    "benchmarking": "a range for benchmarks",
    "6to4": "a 6to4 tunnel",
    "multicast": "a multicast group",
    "broadcast": "the broadcast address",
    "nat64": "a NAT64 range",
    "teredo": "a Teredo tunnel",
    "unique_local": "a private network",
    "site_local": "a private network",
}


def plain(address: Address) -> Address:
    """Return the IPv4 address inside an IPv4-mapped one, since that is what would be dialled; others as they are."""
    inner = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return inner or address


def reason_against(address: Address) -> str | None:
    """Return the short reason why this address is refused; None for a public one."""
    address = plain(address)
    for network, reason in _RANGES:
        if address.version == network.version and address in network:
            return reason
    return "reserved" if isinstance(address, IPv6Address) and address not in _PUBLIC_SIX else None
