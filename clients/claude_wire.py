"""Translate between our turns and Anthropic's Messages API."""

import json
from collections.abc import Iterator
from typing import Any

from anthropic.types import Usage

from clients.claude_failures import CallFailure
from clients.model import BlockDone, TextDelta, TokenUsage, TurnDone, TurnEvent, TurnRequest, TurnStarted

_CACHED = {"cache_control": {"type": "ephemeral"}}
_THINKING = ("thinking", "redacted_thinking")


def request_body(model: str, request: TurnRequest) -> dict[str, Any]:
    """Return the arguments of `messages.stream`; the request itself is not changed.

    The cache is marked behind the system prompt (which holds the tools too) and behind the last block.
    """
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": request.max_tokens,
        "system": [{"type": "text", "text": clean(request.system), **_CACHED}],
        "messages": _with_cache_mark(clean(request.messages)),
    }
    if request.tools:
        body["tools"] = clean(request.tools)
    if "-5-5" in model:
        # Without this, models of this generation say nothing between two tool calls.
        body["thinking"] = {"type": "adaptive", "display": "summarized"}
    return body


def without_thinking(body: dict[str, Any]) -> dict[str, Any]:
    """Return the request without the thinking blocks of earlier turns."""
    messages = []
    for message in body["messages"]:
        content = [block for block in message["content"] if block["type"] not in _THINKING]
        messages.append({**message, "content": content} if content else message)
    return {**body, "messages": messages}


def clean(value: Any) -> Any:
    """Return a copy of JSON data without NUL and lone surrogates, which neither wires nor databases take."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    if isinstance(value, list):
        return [clean(item) for item in value]
    return {clean(key): clean(item) for key, item in value.items()} if isinstance(value, dict) else value


def _with_cache_mark(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    marked = [{**message, "content": _blocks(message["content"])} for message in messages]
    if marked and marked[-1]["content"]:
        last = marked[-1]["content"][-1]
        if last["type"] not in _THINKING:
            last.update(_CACHED)
    return marked


def _blocks(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


class TurnReader:
    """Turn the SDK's events into ours, and judge at the end whether the turn is whole."""

    def __init__(self) -> None:
        self._json: dict[int, list[str]] = {}
        self._open_blocks = 0
        self._broken_call = False
        self._message: Any = None

    def take(self, event: Any) -> Iterator[TurnEvent]:
        """Yield what an event of the SDK means to us; pings and kinds that we don't know mean nothing."""
        match event.type:
            case "message_start":
                yield TurnStarted(event.message.model, _usage(event.message.usage))
            case "content_block_start":
                self._open_blocks += 1
                if event.content_block.type == "text" and event.content_block.text:
                    yield TextDelta(clean(event.content_block.text))
            case "content_block_delta":
                yield from self._delta(event)
            case "content_block_stop":
                self._open_blocks -= 1
                yield BlockDone(self._block(event.index, event.content_block))
            case "message_stop":
                self._message = event.message

    def _delta(self, event: Any) -> Iterator[TurnEvent]:
        if event.delta.type == "text_delta" and event.delta.text:
            yield TextDelta(clean(event.delta.text))
        elif event.delta.type == "input_json_delta":
            self._json.setdefault(event.index, []).append(event.delta.partial_json)

    def _block(self, index: int, block: Any) -> dict[str, Any]:
        if block.type == "text":
            return {"type": "text", "text": clean(block.text)}
        if block.type == "tool_use":
            return {"type": "tool_use", "id": block.id, "name": clean(block.name), "input": self._input(index)}
        whole: dict[str, Any] = clean(block.to_dict())
        return whole

    def _input(self, index: int) -> dict[str, Any]:
        """Return a tool's input. The SDK takes unfinished JSON for finished, so the text itself is read again."""
        text = "".join(self._json.get(index, []))
        try:
            found = json.loads(text, parse_constant=_no_constant) if text.strip() else {}
        except ValueError:
            found = None
        if isinstance(found, dict):
            return dict(clean(found))
        # This only matters if the call is to be run; a turn that was cut off at its length limit may end in one.
        self._broken_call = True
        return {}

    def done(self) -> TurnDone:
        """Return the end of the turn; raises CallFailure if the stream broke off or brought a broken tool call."""
        message = self._message
        if message is None or message.stop_reason is None or self._open_blocks:
            raise CallFailure("connection", error="truncated stream")
        if message.stop_reason == "tool_use" and self._broken_call:
            raise CallFailure("broken", error="tool input is no JSON object")
        return TurnDone(message.stop_reason, _usage(message.usage))


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _usage(usage: Usage) -> TokenUsage:
    details = usage.output_tokens_details
    return TokenUsage(
        usage.input_tokens or 0,
        usage.output_tokens or 0,
        usage.cache_creation_input_tokens or 0,
        usage.cache_read_input_tokens or 0,
        (details.thinking_tokens or 0) if details else 0,
    )
