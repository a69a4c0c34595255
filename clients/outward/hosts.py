"""Read a host in any of the spellings that a resolver or a browser would understand.

Whatever could be read as an address is read as one here, so that nothing behind us can read it differently.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import unquote_to_bytes

import idna

from clients.outward.addresses import Address, plain
from clients.reach import Refused

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_SHOWN = 80

_METADATA_NAMES = frozenset({"metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"})
_LOOPBACK_NAMES = ("localhost", "localhost.localdomain", "localhost6", "localhost6.localdomain6", "ip6-localhost")
# Names that mean something only inside of a network; asking for them would tell what stands there.
_INTERNAL_ENDINGS = (
    "internal",
    "intranet",
    "private",
    "local",
    "localdomain",
    "lan",
    "home",
    "corp",
    "mail",
    "home.arpa",
    "svc",
    "cluster.local",
    "invalid",
    "test",
    "onion",
    "alt",
)


def shown(text: str) -> str:
    """Return text from outside for a message: short, and without control characters."""
    clean = "".join(one if one.isprintable() else "?" for one in text[: _SHOWN + 1])
    return clean if len(clean) <= _SHOWN else f"{clean[:_SHOWN]}…"


def read_host(text: str) -> Address | str:
    """Return the address that a host spells, or its name in lower-case ASCII without a dot at the end.

    Raises Refused for what is neither.
    """
    if text.startswith("["):
        return _bracketed(text)
    if text.count(":") > 1:
        return _six(text)
    name = _ascii(_decoded(text))
    name = name[:-1] if name.endswith(".") else name
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        return _four(name, text)
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise _no_host(text)
    return name


def reason_against_name(name: str) -> str | None:
    """Return the short reason why this name is refused before anybody is asked about it; None for a public one."""
    if name in _METADATA_NAMES:
        return "metadata"
    if name in _LOOPBACK_NAMES or name.endswith(".localhost"):
        return "loopback"
    if "." not in name or name.endswith(tuple(f".{ending}" for ending in _INTERNAL_ENDINGS)):
        return "internal_name"
    return None


def _bracketed(text: str) -> Address:
    if not text.endswith("]"):
        raise _no_host(text)
    return _six(text[1:-1])


def _six(text: str) -> Address:
    if "%" in text:
        raise Refused("scope_id", f"{shown(text)} names a network card; only plain addresses are allowed.")
    try:
        return plain(IPv6Address(text))
    except AddressValueError:
        raise _no_host(text) from None


def _decoded(text: str) -> str:
    """Undo percent-encoding once, as browsers do; what is encoded twice is no host."""
    if "%" not in text:
        return text
    try:
        return unquote_to_bytes(text.encode()).decode()
    except UnicodeError:
        raise _no_host(text) from None


def _ascii(text: str) -> str:
    """Return the name in lower-case ASCII. Fullwidth and circled digits become plain ones, as in a browser."""
    if len(text) > 255:
        raise _no_host(text)
    if text.isascii():
        return text.lower()
    try:
        mapped = idna.uts46_remap(text, std3_rules=False, transitional=False)
        return mapped if mapped.isascii() else idna.encode(mapped, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError, ValueError):
        raise _no_host(text) from None


def _four(name: str, text: str) -> IPv4Address:
    """Read what ends in a number as inet_aton does: 1 to 4 parts, each decimal, octal (0…) or hexadecimal (0x…)."""
    parts = name.split(".")
    if len(parts) > 4 or any(len(part) > 24 for part in parts):
        raise _no_host(text)
    try:
        numbers = [_number(part) for part in parts]
    except ValueError:
        raise _no_host(text) from None
    *heads, tail = numbers
    if any(head > 255 for head in heads) or tail >= 256 ** (5 - len(parts)):
        raise _no_host(text)
    return IPv4Address(sum(head << 8 * (3 - index) for index, head in enumerate(heads)) + tail)


def _number(part: str) -> int:
    if not _NUMBER.fullmatch(part):
        raise ValueError
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8) if part.startswith("0") else int(part)


def _no_host(text: str) -> Refused:
    return Refused("bad_url", f"{shown(text) or 'Nothing'} is not a valid host name or address.")
