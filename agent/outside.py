"""Ask other systems over HTTP and read what they send as data that nobody vouches for."""

import json
import re
from typing import Any

from agent.types import ToolError
from clients.reach import Refused, Request, Response, Unreachable, WayOut

DATA_MAX_CHARS = 28_000
WORDS_MAX = 300
ALLOW_HINT = "An operator of this server can allow a private address with the setting TOOLS_ALLOW_PRIVATE."
PORT_HINT = "An operator of this server can allow this port, as `host:port`, with the setting TOOLS_ALLOW_PRIVATE."

# The guard's reasons against networks in which somebody's own server may be. By its address an operator could also open
# a cloud's metadata service or a multicast group, but nobody should be led to ask for that.
_NETWORKS = (
    "private",
    "loopback",
    "shared",
    "unique_local",
    "site_local",
    "benchmarking",
    "internal_name",
)
_HINTS = dict.fromkeys(_NETWORKS, ALLOW_HINT) | {"blocked_port": PORT_HINT}

# Everything that moves a cursor, hides text or turns its direction; tabs and line ends stay.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def ask(out: WayOut, request: Request, who: str) -> Response:
    """Make a request that changes nothing; raises ToolError, to be refunded, if no answer can be had."""
    try:
        return out.fetch(request)
    except Refused as error:
        raise refused(error, who) from None
    except Unreachable as error:
        if error.kind == "too_large":
            raise ToolError(f"{who} answered with more than can be read here. Ask for less.") from None
        raise unreachable(error, who) from None


def refused(error: Refused, who: str) -> ToolError:
    """Return what to tell when the guard lets nothing go there."""
    hint = _HINTS.get(error.reason, "")
    return ToolError(f"{who} was not asked: {error.message} {hint}".rstrip(), ours=True)


def unreachable(error: Unreachable, who: str) -> ToolError:
    """Return what to tell when there was no whole answer."""
    return ToolError(f"{who} could not be asked: {error.message}", ours=True)


def json_of(response: Response, who: str) -> Any:
    """Return the JSON of an answer; raises ToolError for a web page and for what can't be read."""
    if looks_like_a_page(response):
        raise ToolError(
            f"{who} answered with a web page instead of JSON. Is the address right, and is there no login in between?",
            ours=True,
        )
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        raise ToolError(
            f"{who} did not answer with JSON that can be read (status {response.status}).", ours=True
        ) from None


def looks_like_a_page(response: Response) -> bool:
    """Return whether this is HTML, whatever it calls itself."""
    start = response.body[:200].lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html")) or "text/html" in (response.header("content-type") or "")


def mapping(value: Any) -> dict[str, Any]:
    """Return a JSON object, or an empty one in the place of anything else."""
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a JSON list, without what else is in it."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def words(value: Any, limit: int = WORDS_MAX) -> str:
    """Return text of somebody else's for one JSON value: printable and not too long; no text for what is none."""
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    return printable(value[: limit * 2], limit) if isinstance(value, str) else ""


def printable(text: str, limit: int) -> str:
    """Return the text without control characters, cut to its first `limit` characters."""
    clean = _LONE_SURROGATE.sub("\ufffd", _UNPRINTABLE.sub("", text))
    return clean if len(clean) <= limit else f"{clean[: limit - 1]}…"


def whole(value: Any) -> int | None:
    """Return a whole number that JavaScript holds exactly, or None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53 else None


def fitted(data: dict[str, Any], *lists: str, limit: int = DATA_MAX_CHARS) -> dict[str, Any]:
    """Shorten the named lists from their ends, the first named first, until the data fits; say how many are left out.

    `{"runs": [...]}` gets `runs_not_listed` beside it when some had to go.
    """
    fits = {**data, **{name: list(data[name]) for name in lists}}
    for name in lists:
        while fits[name] and len(json.dumps(fits)) > limit:
            # A quarter at a time keeps this from being quadratic for long lists.
            del fits[name][len(fits[name]) - max(1, len(fits[name]) // 4) :]
            already = whole(data.get(f"{name}_not_listed")) or 0
            fits[f"{name}_not_listed"] = already + len(data[name]) - len(fits[name])
    return fits
