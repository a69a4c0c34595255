"""Stand in for what surrounds the loop: an answer that only listens, and charges that remember what became of them."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agent import loop
from agent.loop import Before, Setting
from agent.registry import Registry
from agent.types import Charge, Ending, Limits, OutOfCredits, Question, Reach, Stopped, Tool, ToolOutput
from clients.model import Model, TokenUsage
from tests.agent.tools.support import NOWHERE

PATIENCE = 30.0


@dataclass
class Recorder:
    """Hear what the loop says. `stop_when` is asked at each beat whether the user has pressed Stop."""

    stop_when: Callable[["Recorder"], bool] = lambda _recorder: False
    deltas: list[str] = field(default_factory=list)
    blocks: list[dict[str, Any]] = field(default_factory=list)
    started: list[tuple[str, str | None, int]] = field(default_factory=list)
    usage: list[tuple[str, TokenUsage]] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    beats: int = 0
    heard: threading.Event = field(default_factory=threading.Event)

    def text(self, delta: str) -> None:
        self.deltas.append(delta)
        self.heard.set()

    def block(self, block: dict[str, Any]) -> None:
        self.blocks.append(block)

    def tool_started(self, call: dict[str, Any], tool: Tool | None, credits: int) -> None:
        self.started.append((call["name"], tool.name if tool else None, credits))

    def tool_finished(self, result: dict[str, Any]) -> None:
        self.blocks.append(result)

    def ask(self, question: Question) -> None:
        self.questions.append(question)

    def spent(self, model: str, usage: TokenUsage) -> None:
        self.usage.append((model, usage))

    def beat(self) -> None:
        self.beats += 1
        if self.stop_when(self):
            raise Stopped

    @property
    def said(self) -> str:
        return "".join(self.deltas)

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [block for block in self.blocks if block["type"] == "tool_use"]

    @property
    def results(self) -> list[dict[str, Any]]:
        return [block for block in self.blocks if block["type"] == "tool_result"]


@dataclass
class Bill:
    """One charge and what became of it."""

    tool: str
    credits: int
    outcome: str = "open"

    reason: str = ""

    def settle(self, duration_ms: int, result: dict[str, Any]) -> None:
        assert self.outcome == "open"
        assert duration_ms >= 0
        assert result["type"] == "tool_result"
        self.outcome = "settled"

    def refund(self, reason: str, duration_ms: int) -> None:
        assert self.outcome == "open"
        assert reason
        assert duration_ms >= 0
        self.outcome, self.reason = "refunded", reason


@dataclass
class Till:
    """Charge tools until the credits are gone."""

    prices: dict[str, int]
    credits: int = 100
    bills: list[Bill] = field(default_factory=list)

    def __call__(self, tool: Tool) -> Bill:
        price = self.prices.get(tool.name, 0)
        if price > self.credits:
            raise OutOfCredits(price, self.credits)
        self.credits -= price
        self.bills.append(Bill(tool.name, price))
        return self.bills[-1]

    @property
    def outcomes(self) -> list[str]:
        return [bill.outcome for bill in self.bills]


def tool(name: str, run: Callable[[dict[str, Any]], ToolOutput], **more: Any) -> Tool:
    """Make a tool that takes any object and goes nowhere."""
    schema = {"type": "object", "properties": {}, "additionalProperties": True}
    return Tool(
        name=name,
        title=name,
        description=f"Do {name}.",
        input_schema=schema,
        run=lambda given, _reach: run(given),
        **more,
    )


def fine(given: dict[str, Any]) -> ToolOutput:
    """Work as a tool that finds what it was given."""
    return ToolOutput({"found": given}, "found it")


def user(text: str) -> dict[str, Any]:
    """Return a user's message."""
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def ask(
    model: Model,
    *tools: Tool,
    answer: Recorder | None = None,
    till: Charge | None = None,
    limits: Limits | None = None,
    messages: list[dict[str, Any]] | None = None,
    allowed: dict[str, int] | None = None,
    before: Before | None = None,
) -> Ending:
    """Run the loop on one question. Every tool is for sale, for nothing unless the till has a price, and allowed."""
    registry = Registry(tools)
    prices = dict.fromkeys(registry.names, 0) | (till.prices if isinstance(till, Till) else {})
    setting = Setting(
        model=model,
        system="Be brief.",
        tools=registry,
        prices=prices,
        allowed=dict.fromkeys(registry.names, 1000) if allowed is None else allowed,
        limits=limits or Limits(seconds=PATIENCE * 2),
        open_reach=open_nothing,
    )
    given = messages or [user("What now?")]
    return loop.run(setting, lambda: given, answer or Recorder(), till or Till({}), before or Before())


def open_nothing(tool: Tool, name: str | None, *, connection_id: str | None = None) -> Reach:
    """Open the reach of a tool that goes nowhere."""
    return NOWHERE
