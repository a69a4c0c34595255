"""Script what the fake of Anthropic's Messages API does with one request."""

import itertools
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

PATIENCE_SECONDS = 60.0
_MESSAGE_IDS = itertools.count(1)


class Wire(Protocol):
    """The line to one client; every method may raise OSError once the client has hung up."""

    body: dict[str, Any]

    def answer(self, status: int, body: dict[str, Any], headers: dict[str, str]) -> None:
        """Answer with JSON."""

    def begin(self) -> None:
        """Send the status and headers of a stream."""

    def send(self, event: str, data: dict[str, Any]) -> None:
        """Send one event of the stream."""

    def end(self) -> None:
        """End the stream as it should end."""

    def drop(self) -> None:
        """Break the line without a word."""

    def wait(self, gate: threading.Event | None, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the gate opens, the server closes or the time is up."""


Script = Callable[[Wire], None]


@dataclass
class Usage:
    """What the fake says that a turn used."""

    input: int = 100
    output: int = 20
    cache_write: int = 0
    cache_read: int = 0
    thinking: int = 0

    def at_start(self) -> dict[str, int]:
        """Return the usage of message_start; of the output only the first token is known."""
        return {
            "input_tokens": self.input,
            "output_tokens": 1,
            "cache_creation_input_tokens": self.cache_write,
            "cache_read_input_tokens": self.cache_read,
        }

    def at_end(self) -> dict[str, Any]:
        """Return the usage of message_delta, which is cumulative."""
        return {"output_tokens": self.output, "output_tokens_details": {"thinking_tokens": self.thinking}}


@dataclass
class Turn:
    """A whole or broken turn: blocks, and how it ends.

    `gate` is waited for after `gate_after` pieces have been sent. `ending` is `whole`, `truncated` (the stream ends
    without a word), `dropped` (the line breaks), `silent` (nothing comes until the gate opens) or `error`.
    """

    blocks: Sequence[dict[str, Any]]
    stop_reason: str = "end_turn"
    usage: Usage = field(default_factory=Usage)
    gate: threading.Event | None = None
    gate_after: int = 1
    delay: float = 0.0
    pings: int = 1
    ending: str = "whole"
    error_type: str = "overloaded_error"
    pieces_sent: int = 0

    def __call__(self, wire: Wire) -> None:
        self.pieces_sent = 0
        wire.begin()
        wire.send("message_start", {"message": self._message(wire.body["model"])})
        for _ in range(self.pings):
            wire.send("ping", {})
        if self.gate is not None and self.gate_after == 0:
            wire.wait(self.gate)
        for index, block in enumerate(self.blocks):
            self._send_block(wire, index, block)
        self._finish(wire)

    def _message(self, model: str) -> dict[str, Any]:
        return {
            "id": f"msg_fake_{next(_MESSAGE_IDS)}",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": self.usage.at_start(),
        }

    def _send_block(self, wire: Wire, index: int, block: dict[str, Any]) -> None:
        start, deltas = _wire_form(block)
        wire.send("content_block_start", {"index": index, "content_block": start})
        for delta in deltas:
            wire.send("content_block_delta", {"index": index, "delta": delta})
            self.pieces_sent += 1
            if self.delay:
                wire.wait(None, self.delay)
            if self.gate is not None and self.pieces_sent == self.gate_after:
                wire.wait(self.gate)
        if self.ending == "whole" or index < len(self.blocks) - 1:
            wire.send("content_block_stop", {"index": index})

    def _finish(self, wire: Wire) -> None:
        match self.ending:
            case "dropped":
                wire.drop()
            case "error":
                wire.send("error", {"error": {"type": self.error_type, "message": "Overloaded"}})
                wire.end()
            case "truncated":
                wire.end()
            case "silent":
                wire.wait(self.gate)
                wire.drop()
            case _:
                delta = {"stop_reason": self.stop_reason, "stop_sequence": None}
                wire.send("message_delta", {"delta": delta, "usage": self.usage.at_end()})
                wire.send("message_stop", {})
                wire.end()


def _wire_form(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return how a block begins, and its deltas. Our own key `pieces` cuts it as the test wants it."""
    if block["type"] == "text":
        pieces = block.get("pieces") or _cut(block["text"], 12)
        return {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces]
    if block["type"] == "tool_use":
        pieces = block.get("pieces") or _cut(json.dumps(block["input"]), 16)
        start = {"type": "tool_use", "id": block["id"], "name": block["name"], "input": {}}
        return start, [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *pieces]]
    if block["type"] == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in _cut(block["thinking"], 12)]
        signature = {"type": "signature_delta", "signature": block["signature"]}
        return {"type": "thinking", "thinking": "", "signature": ""}, [*deltas, signature]
    return block, []


def _cut(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def text_block(text: str, pieces: Sequence[str] | None = None) -> dict[str, Any]:
    """Return a text block, cut into the given pieces."""
    return {"type": "text", "text": text, "pieces": pieces}


def tool_block(name: str, given: dict[str, Any], identity: str = "") -> dict[str, Any]:
    """Return a tool call with an id of its own."""
    return {"type": "tool_use", "id": identity or f"toolu_fake_{next(_MESSAGE_IDS)}", "name": name, "input": given}


def text(words: str = "Hello from the fake model.", **how: Any) -> Turn:
    """Answer with a text; `how` are the fields of Turn."""
    return Turn([text_block(words, how.pop("pieces", None))], **how)


def tools(*calls: tuple[str, dict[str, Any]], before: str = "", thinking: str = "", **how: Any) -> Turn:
    """Call tools, after some text or thinking if there is any."""
    blocks: list[dict[str, Any]] = []
    if thinking:
        blocks.append({"type": "thinking", "thinking": thinking, "signature": f"signed:{thinking}"})
    if before:
        blocks.append(text_block(before))
    blocks += [tool_block(name, given) for name, given in calls]
    return Turn(blocks, **{"stop_reason": "tool_use", **how})


def empty(**how: Any) -> Turn:
    """End the turn without a single block."""
    return Turn([], **how)


def refusal(words: str = "", **how: Any) -> Turn:
    """Refuse, after some words or without any."""
    return Turn([text_block(words)] if words else [], stop_reason="refusal", **how)


def max_tokens(words: str = "", **how: Any) -> Turn:
    """Stop at the length limit, after some words or without any."""
    return Turn([text_block(words)] if words else [], stop_reason="max_tokens", **how)


def broken_tool_json(name: str, json_text: str = '{"expression": ]', **how: Any) -> Turn:
    """Call a tool with input that is no JSON."""
    call = {**tool_block(name, {}), "pieces": [json_text]}
    return Turn([call], **{"stop_reason": "tool_use", **how})


def error(status: int, kind: str = "", *, retry_after: str | None = None, message: str = "No.") -> Script:
    """Answer with an error status."""
    body = {"type": "error", "error": {"type": kind or _KINDS.get(status, "api_error"), "message": message}}
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return lambda wire: wire.answer(status, body, headers)


_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def silent(gate: threading.Event | None = None) -> Script:
    """Never answer, not even with headers, until the gate opens or the server closes."""

    def script(wire: Wire) -> None:
        wire.wait(gate)
        wire.drop()

    return script


def dropped() -> Script:
    """Break the line before any answer."""
    return lambda wire: wire.drop()


def dropped_before_events() -> Script:
    """Send the headers of a stream and break the line."""

    def script(wire: Wire) -> None:
        wire.begin()
        wire.drop()

    return script


def echo(wire: Wire) -> None:
    """Repeat what the user said last."""
    text(f"You said: {last_words(wire.body)}")(wire)


def last_words(body: dict[str, Any]) -> str:
    """Return the last text of the last message, or `tool results`."""
    content = body["messages"][-1]["content"]
    if isinstance(content, str):
        return content
    words = [block["text"] for block in content if block["type"] == "text"]
    return words[-1] if words else "tool results"
