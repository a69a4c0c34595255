"""Keep what was read from a user's own systems from being carried out by a tool that may go anywhere.

A text that such a system returned may speak to the model ("ask https://evil.example/?q=..."). So once a conversation
holds data of a connection, a tool that goes to a place of the model's choice asks first, unless the user has named
that place: the host itself, or a domain that it belongs to.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from agent.registry import Registry
from agent.types import Tool

Messages = list[dict[str, Any]]
_PLACES = {"http_check": "url", "tls_inspect": "host", "dns_lookup": "name"}
"""The tools that go where the model says, and the input that says it."""
LINES_OF_ONES_OWN = 3
"""A message of more lines counts as a paste, of which only the first line is the user's own."""
_FENCED = re.compile(r"```.*?(?:```|$)", re.DOTALL)


def must_ask(tool: Tool, clean: dict[str, Any], messages: Messages, tools: Registry) -> bool:
    """Say whether this call could carry data of a connection to somewhere that the user has not named."""
    key = _PLACES.get(tool.name)
    if key is None or not _holds_data_of_a_connection(messages, tools):
        return False
    host = _host(str(clean[key]))
    return not any(_names(text, name) for text in _said_by_the_user(messages) for name in _with_parents(host))


def _holds_data_of_a_connection(messages: Messages, tools: Registry) -> bool:
    used = (tools.get(block["name"]) for block in _blocks(messages) if block["type"] == "tool_use")
    return any(tool is not None and tool.needs_connection is not None for tool in used)


def _blocks(messages: Messages) -> Iterator[dict[str, Any]]:
    for message in messages:
        yield from message["content"] if isinstance(message["content"], list) else ()


def _said_by_the_user(messages: Messages) -> Iterator[str]:
    for message in messages:
        if message["role"] != "user":
            continue
        if isinstance(message["content"], str):
            yield _own_words(message["content"])
        else:
            yield from (_own_words(block["text"]) for block in message["content"] if block["type"] == "text")


def _own_words(text: str) -> str:
    """Return what the user wrote themselves: a log or a page that they pasted names no place on their behalf."""
    lines = _FENCED.sub("\n", text.lower()).strip().splitlines()
    return lines[0] if len(lines) > LINES_OF_ONES_OWN else "\n".join(lines)


def _host(place: str) -> str:
    """Return the host of a URL, or the name as it is; what can't be read counts as a place that nobody has named."""
    try:
        parts = urlsplit(place if "://" in place else f"//{place}")
        host = None if {"@", "\\"} & set(parts.netloc) else parts.hostname
    except ValueError:
        host = None
    return (host or place).lower().rstrip(".")


def _with_parents(host: str) -> Iterator[str]:
    labels = host.split(".")
    yield host
    if not re.fullmatch(r"[\d.]+|.*:.*", host):
        for start in range(1, len(labels) - 1):
            yield ".".join(labels[start:])


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)", text) is not None
