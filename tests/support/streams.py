"""Read event streams in tests."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

Event = tuple[str, dict[str, Any]]


def events(lines: Iterable[bytes]) -> Iterator[Event]:
    """Yield (name, data) of each server-sent event, from the pieces of a body as they come."""
    waiting = ""
    for piece in lines:
        waiting += piece.decode()
        *whole, waiting = waiting.split("\n\n")
        for event in whole:
            fields = dict(line.split(": ", 1) for line in event.splitlines() if not line.startswith(":"))
            if fields:
                yield fields["event"], json.loads(fields["data"])


def names(found: Iterable[Event]) -> list[str]:
    """Return the names of the events, repeated ones once."""
    kept: list[str] = []
    for name, _data in found:
        if not kept or kept[-1] != name:
            kept.append(name)
    return kept


def words(found: Iterable[Event]) -> str:
    """Return the text of all deltas together."""
    return "".join(data["text"] for name, data in found if name == "delta")
