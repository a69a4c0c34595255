"""Find networks and addresses in a text, and into what they are to be split."""

import re
from collections.abc import Sequence
from typing import Any

from clients.offline.steps import Call

MAX_CIDRS = 64
_CIDR = re.compile(
    r"(?<![\w.:/])("
    r"\d{1,4}(?:\.\d{1,4}){3}(?:/\d{1,3}(?:(?:\.\d{1,3}){3})?)?"
    r"|(?=[0-9a-f:]*:[0-9a-f]*:)[0-9a-f:]{2,45}(?:\.\d{1,3}){0,3}(?:/\d{1,4})?"
    r")(?![\w:/])",
    re.IGNORECASE,
)
_SPLITS = re.compile(r"\b(?:split|divide|subnets?|carve)\b", re.IGNORECASE)
_SPLIT_PREFIX = re.compile(r"\b(?:into|in|to|as|by)\b[^/]{0,40}/(\d{1,3})s?\b", re.IGNORECASE)
_SPLIT_COUNT = re.compile(
    r"\b(?:into|in)\s+(\d{1,6})\s+(?:equal\s+|smaller\s+)?(?:sub)?(?:nets?|networks?|parts?|pieces?|blocks?)\b",
    re.IGNORECASE,
)
_REST = re.compile(r"(?:[\s,;`'\"-]|\band\b|\bor\b)*", re.IGNORECASE)


def find_networks(text: str) -> list[Call]:
    """Return the call for the networks in a text: none, or one for all of them."""
    cidrs = list(dict.fromkeys(match.group(1) for match in _CIDR.finditer(text)))[:MAX_CIDRS]
    if not cidrs:
        return []
    found: dict[str, Any] = {"cidrs": cidrs}
    if _SPLITS.search(text):
        prefix = _split_prefix(text, cidrs)
        if prefix is not None:
            found["split_prefix"] = prefix
    return [Call("cidr_calc", found)]


def are_networks(text: str) -> bool:
    """Tell whether the text holds networks and nothing else."""
    return bool(_CIDR.search(text)) and bool(_REST.fullmatch(_CIDR.sub("", text)))


def _split_prefix(text: str, cidrs: Sequence[str]) -> int | None:
    if match := _SPLIT_PREFIX.search(_CIDR.sub(" ", text)):
        return min(int(match.group(1)), 128)
    match = _SPLIT_COUNT.search(text)
    prefix = cidrs[0].partition("/")[2]
    if match is None or not prefix.isdecimal():
        return None
    # 4 parts need two more bits, 5 parts already three.
    return int(min(int(prefix) + max(int(match.group(1)) - 1, 0).bit_length(), 128))
