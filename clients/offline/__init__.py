"""Answer without any model: understand a few plain requests and use the real tools. Every page says who answers."""

import re
import secrets
from collections.abc import Iterator
from typing import Any

from clients.model import BlockDone, TextDelta, TokenUsage, TurnDone, TurnEvent, TurnRequest, TurnStarted
from clients.offline.reports import report
from clients.offline.steps import Call, Say
from clients.offline.understand import understand


class OfflineModel:
    """Meet the Model protocol with a handful of rules instead of a model. Deterministic, free and without a network."""

    name = "offline"

    def turn(self, request: TurnRequest) -> Iterator[TurnEvent]:
        """Yield one turn: tool calls for a request that it understands, or a text in small pieces."""
        yield TurnStarted(self.name, TokenUsage())
        calls, text = _next_step(request)
        if calls:
            for call in calls:
                yield BlockDone(
                    {
                        "type": "tool_use",
                        "id": f"toolu_offline_{secrets.token_hex(12)}",
                        "name": call.tool,
                        "input": call.input,
                    }
                )
            yield TurnDone("tool_use", TokenUsage())
            return
        for piece in re.findall(r"\s*\S+\s*", text):
            yield TextDelta(piece)
        yield BlockDone({"type": "text", "text": text})
        yield TurnDone("end_turn", TokenUsage())


def _next_step(request: TurnRequest) -> tuple[list[Call], str]:
    """Return the tool calls to make, or else the text to say."""
    last = request.messages[-1]["content"] if request.messages else []
    results = [] if isinstance(last, str) else [block for block in last if block["type"] == "tool_result"]
    if results:
        return [], _report_all(request.messages, results)
    step = understand(_text(last), request.tools)
    return ([], step.text) if isinstance(step, Say) else (step, "")


def _text(content: str | list[dict[str, Any]]) -> str:
    """Return what the user wrote last; several messages that were merged stand as several blocks."""
    if isinstance(content, str):
        return content
    texts = [block["text"] for block in content if block["type"] == "text"]
    return texts[-1] if texts else ""


def _report_all(messages: list[dict[str, Any]], results: list[dict[str, Any]]) -> str:
    calls = {
        block["id"]: block
        for message in messages
        if not isinstance(message["content"], str)
        for block in message["content"]
        if block["type"] == "tool_use"
    }
    return "\n\n".join(report(calls[result["tool_use_id"]], result) for result in results)
