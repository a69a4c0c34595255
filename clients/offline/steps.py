"""Name what a request can lead to: calls of tools, or something to say."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Call:
    """A tool to call, with its input."""

    tool: str
    input: dict[str, Any]


@dataclass(frozen=True)
class Say:
    """Something to say without a tool."""

    text: str


Step = list[Call] | Say | None
"""What one family of requests makes of the words; None if they are not its own."""


def call(tool: str, connection: str | None = None, **given: Any) -> Call:
    """Return a call whose input has only what was said: None is left out."""
    found = {**given, "connection": connection}
    return Call(tool, {key: value for key, value in found.items() if value is not None})
