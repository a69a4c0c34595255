"""Check the shape of connection settings; what is told about wrong ones never holds their values."""

import re
from collections.abc import Collection, Mapping
from ipaddress import IPv4Network, IPv6Address, ip_address
from urllib.parse import urlsplit

from agent.types import SettingField, ToolError

URL_MAX = 500
SECRET_MAX = 4096
SHOWN_CHARS = 4
# With fewer characters, the last four would give away too much.
SHOWN_FROM = 12

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_SHARED = IPv4Network("100.64.0.0/10")
# What ends in a number could be read as an address, which may be anywhere.
_NAME = re.compile(r"(?:[a-z0-9_-]+\.)*(?![0-9]+$|0x[0-9a-f]*$)[a-z0-9_-]+")
_INTERNAL_ENDINGS = (
    ".localhost", ".internal", ".intranet", ".private", ".local", ".localdomain", ".lan", ".home", ".corp",
    ".home.arpa", ".svc",
)  # fmt: skip
_VISIBLE = re.compile(r"[\x21-\x7e]+")


def texts(raw: object, fields: Collection[SettingField]) -> dict[str, str]:
    """Return the given settings that are not empty, trimmed; raises ToolError for unknown, missing and odd ones."""
    if not isinstance(raw, dict):
        raise ToolError("The settings must be a JSON object.")
    known = {field.key: field for field in fields}
    if not set(raw) <= set(known):
        raise ToolError(f"There is an unknown setting; known are {', '.join(known)}.")
    given: dict[str, str] = {}
    for key, field in known.items():
        value = raw.get(key)
        if value is not None and not isinstance(value, str):
            raise ToolError(f"{field.label} must be text.")
        if value and value.strip():
            given[key] = value.strip()
        elif field.required:
            raise ToolError(f"{field.label} is missing.")
    return given


def secret(value: str, label: str, at_least: int = 1) -> str:
    """Return a token or key that can stand in a header: visible ASCII characters in one piece."""
    if len(value) > SECRET_MAX:
        raise ToolError(f"{label} is too long.")
    if not _VISIBLE.fullmatch(value):
        raise ToolError(f"{label} must be one piece of plain characters, without spaces and line breaks.")
    if len(value) < at_least:
        raise ToolError(f"{label} is too short to be whole.")
    return value


def address(value: str, label: str, *, encrypted: bool = False) -> str:
    """Return an http or https address without the slash at its end; a path in it is kept.

    With `encrypted`, http is taken for this very machine only, where nobody can listen on the way.
    """
    if len(value) > URL_MAX or not _VISIBLE.fullmatch(value):
        raise ToolError(f"{label} must be an address without spaces, at most {URL_MAX} characters long.")
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise ToolError(f"{label} is not a valid address.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ToolError(f"{label} must begin with https:// and name a host.")
    if "@" in parts.netloc:
        raise ToolError(f"{label} must not hold a user name or password; use the field for the token.")
    if "?" in value or "#" in value or "\\" in value:
        raise ToolError(f"{label} must be an address without ? or #.")
    if encrypted and parts.scheme == "http" and host not in _LOOPBACK:
        raise ToolError(f"{label} must begin with https://, since the key would travel in the clear.")
    return value.rstrip("/")


def is_within_a_network(url: str) -> bool:
    """Tell whether an address is on this machine or, by its looks, inside of a network of the operator's own."""
    host = (urlsplit(url).hostname or "").removesuffix(".")
    try:
        found = ip_address(host)
    except ValueError:
        return bool(_NAME.fullmatch(host)) and ("." not in host or host.endswith(_INTERNAL_ENDINGS))
    found = (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
    return found.is_private or (found.version == 4 and found in _SHARED)


def masked(value: str) -> str:
    """Return a secret as it may be shown: its last four characters, and none of a short one."""
    return f"****{value[-SHOWN_CHARS:]}" if len(value) >= SHOWN_FROM else "****"


def mask_keys(settings: Mapping[str, str], keys: Collection[str]) -> dict[str, str]:
    """Return settings with the named ones masked."""
    return {key: masked(value) if key in keys else value for key, value in settings.items()}
