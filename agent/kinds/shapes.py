"""Check the shape of connection settings; what is told about wrong ones never holds their values."""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from agent.types import BadSetting, SettingField, ToolError

TEXT_MAX = 200_000
URL_MAX = 500
SECRET_MAX = 4096
SHOWN_CHARS = 4
# With fewer characters, the last four would give away too much.
SHOWN_FROM = 12

_WITHIN = tuple(
    map(
        ip_network,
        (
            "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16",
            "::1/128", "fc00::/7", "fe80::/10",
        ),
    )
)  # fmt: skip
# What ends in a number could be read as an address, which may be anywhere.
_NAME = re.compile(r"(?:[a-z0-9_-]+\.)*(?![0-9]+$|0x[0-9a-f]*$)[a-z0-9_-]+")
_INTERNAL_ENDINGS = (
    ".localhost", ".internal", ".intranet", ".private", ".local", ".localdomain", ".lan", ".home", ".corp",
    ".home.arpa", ".svc",
)  # fmt: skip
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_NO_TEXT = re.compile("[\0\ud800-\udfff]")


def texts(raw: object, fields: Collection[SettingField]) -> dict[str, str]:
    """Return the given settings that are not empty, trimmed; raises BadSetting for unknown, missing and odd ones."""
    if not isinstance(raw, dict):
        raise BadSetting({"settings": "The settings must be a JSON object."})
    known = [field.key for field in fields]
    if not set(raw) <= set(known):
        raise BadSetting({"settings": f"There is an unknown setting; known are {', '.join(known)}."})
    wrong = {field.key: f"{field.label} {why}." for field in fields if (why := _fault(raw.get(field.key), field))}
    if wrong:
        raise BadSetting(wrong)
    return {key: raw[key].strip() for key in known if raw.get(key) and raw[key].strip()}


def _fault(value: object, field: SettingField) -> str:
    if value is not None and not isinstance(value, str):
        return "must be text"
    if not value or not value.strip():
        return "is missing" if field.required else ""
    if len(value) > TEXT_MAX:
        return f"is longer than {TEXT_MAX:,} characters"
    return "has characters that are no text" if _NO_TEXT.search(value) else ""


@contextmanager
def about(key: str) -> Iterator[None]:
    """Say of whatever is refused in the block which setting it is about."""
    try:
        yield
    except ToolError as error:
        raise BadSetting({key: str(error)}) from None


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

    With `encrypted`, http is taken within a network of the operator's own only, where no stranger can listen.
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
    if encrypted:
        demand_privacy(value, label)
    return value.rstrip("/")


def demand_privacy(url: str, label: str) -> None:
    """Raise ToolError where a token would pass through the Internet for everybody to read."""
    if not url.lower().startswith("https://") and not is_within_a_network(url):
        raise ToolError(f"{label} must begin with https://, since the token would travel in the clear.")


def is_within_a_network(url: str) -> bool:
    """Tell whether an address is on this machine or, by its looks, inside of a network of the operator's own."""
    host = (urlsplit(url).hostname or "").removesuffix(".")
    try:
        found = ip_address(host)
    except ValueError:
        return bool(_NAME.fullmatch(host)) and ("." not in host or host.endswith(_INTERNAL_ENDINGS))
    found = (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
    return any(found.version == network.version and found in network for network in _WITHIN)


def masked(value: str) -> str:
    """Return a secret as it may be shown: its last four characters, and none of a short one."""
    return f"****{value[-SHOWN_CHARS:]}" if len(value) >= SHOWN_FROM else "****"


def mask_keys(settings: Mapping[str, str], keys: Collection[str]) -> dict[str, str]:
    """Return settings with the named ones masked."""
    return {key: masked(value) if key in keys else value for key, value in settings.items()}
