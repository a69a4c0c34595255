"""Read what a cluster sent without trusting its shape: a field of the wrong type counts as missing."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

WORDS_MAX = 400
# Logs and messages may carry colours, cursor movements and window titles; none of them means anything to a reader.
_ANSI = re.compile(r"\x1b(?:\[[0-?]{0,32}[ -/]{0,4}[@-~]|\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str, longest: int = WORDS_MAX) -> str:
    """Return text without control characters, cut to so many characters."""
    # Cut before the expressions run, so that a line of megabytes costs nothing.
    tidy = _CONTROL.sub("", _ANSI.sub("", text[: longest * 4 + 64]))
    return tidy if len(tidy) <= longest else tidy[: longest - 1] + "…"


def at(value: object, *path: str) -> Any:
    """Return what is at this path of nested objects, or None."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def words(value: object, *path: str, default: str = "", longest: int = WORDS_MAX) -> str:
    """Return the text at this path, cleaned and cut; anything else is the default."""
    found = at(value, *path)
    return clean(found, longest) if isinstance(found, str) and found else default


def whole(value: object, *path: str) -> int | None:
    """Return the whole number at this path, or None."""
    found = at(value, *path)
    fits = isinstance(found, int) and not isinstance(found, bool) and abs(found) < 2**53
    return found if fits else None


def count(value: object, *path: str) -> int:
    """Return the whole number at this path; what is missing counts as 0, as the API leaves zeros out."""
    return whole(value, *path) or 0


def flag(value: object, *path: str) -> bool:
    """Return whether the field at this path is true."""
    return at(value, *path) is True


def table(value: object, *path: str) -> Json:
    """Return the object at this path, or an empty one."""
    found = at(value, *path)
    return found if isinstance(found, dict) else {}


def rows(value: object, *path: str) -> list[Json]:
    """Return the objects in the list at this path."""
    found = at(value, *path)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def texts(value: object, *path: str) -> list[str]:
    """Return the texts in the list at this path, cleaned."""
    found = at(value, *path)
    return [clean(text) for text in found if isinstance(text, str)] if isinstance(found, list) else []


def labels(value: object, *path: str) -> dict[str, str]:
    """Return the map of texts at this path, such as labels."""
    found = table(value, *path)
    return {key: text for key, text in found.items() if isinstance(key, str) and isinstance(text, str)}


def name_of(value: object) -> str:
    """Return an object's name."""
    return words(value, "metadata", "name", longest=260)


def moment(value: object, *path: str) -> datetime | None:
    """Return the time at this path, or None."""
    found = at(value, *path)
    if not isinstance(found, str) or len(found) > 40:
        return None
    try:
        read = datetime.fromisoformat(found)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def condition(value: object, type: str) -> Json:
    """Return the object's condition of this type, or an empty one."""
    return next((one for one in rows(value, "status", "conditions") if one.get("type") == type), {})


def age(since: datetime | None, now: datetime) -> str:
    """Return how long ago it was, in the way kubectl writes it."""
    return "<unknown>" if since is None else lasting((now - since).total_seconds())


def lasting(seconds: float) -> str:
    """Return a span of time in the way kubectl writes it: `45s`, `3m20s`, `5h`, `12d`."""
    if not math.isfinite(seconds) or seconds < -2:
        return "<invalid>"
    left = max(0, int(seconds))
    minutes, hours, days = left // 60, left // 3600, left // 86400
    if left < 120:
        return f"{left}s"
    if minutes < 10:
        return _two(minutes, "m", left % 60, "s")
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    return f"{days}d" if days < 730 else _two(days // 365, "y", days % 365, "d")


def _two(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large}{unit}{small}{small_unit}" if small else f"{large}{unit}"
