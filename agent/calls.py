"""Run the tool calls of a turn: check, charge, run, settle or refund, and say what came of it."""

import json
import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from agent.pump import call as call_in_thread
from agent.registry import Registry
from agent.types import Answer, Charge, Limits, OutOfCredits, Stopped, Tool, ToolCharge, ToolError

log = structlog.get_logger(__name__)

RESULT_MAX_CHARS = 30_000
SAME_CALL_LIMIT = 3
ERRORS_LIMIT = 3
OUR_FAULT = "The tool failed on our side. It was not charged."


class _Late(Exception):
    """The time for the whole answer ran out while a tool ran."""


@dataclass(frozen=True)
class _Outcome:
    """What a call came to, before it becomes a block; `content` is the JSON text for the model."""

    content: str
    summary: str
    success: bool
    credits: int = 0


def _failure(message: str, credits: int = 0) -> _Outcome:
    return _Outcome(_json({"error": message}), message, False, credits)


def _json(value: object) -> str:
    return _storable(json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False))


def _storable(text: str) -> str:
    """Replace what neither the database nor the model's service takes: lone surrogates and NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _too_dear(short: OutOfCredits) -> str:
    return (
        f"Not run: this tool costs {short.required} credits and the user has {short.remaining}. "
        "Tell the user, and answer without it."
    )


def _attempt(tool: Tool, clean: dict[str, Any]) -> _Outcome | ToolError | Exception:
    """Run the tool; a failure is returned, so that it can't be mistaken for one of the caller's own."""
    try:
        output = tool.run(clean)
        content = _json(output.data)
    except Exception as error:
        return error
    if len(content) > RESULT_MAX_CHARS:
        size = f"{len(content):,} characters; at most {RESULT_MAX_CHARS:,} fit"
        return ToolError(f"The result is too large ({size}). Ask for less, more narrowly.", ours=True)
    return _Outcome(content, output.summary, True)


@dataclass
class ToolCalls:
    """Run the tools of one answer within its limits; `closed_because` says why no more of them run."""

    tools: Registry
    offered: Collection[str]
    answer: Answer
    charge: Charge
    limits: Limits
    deadline: float
    tick: float
    closed_because: str | None = None
    _made: int = 0
    _recent: list[str] = field(default_factory=list)
    _errors: deque[str] = field(default_factory=lambda: deque(maxlen=ERRORS_LIMIT))

    def close(self, why: str) -> None:
        """Let no more tools run; the first reason stays."""
        self.closed_because = self.closed_because or why

    def results(self, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Run the calls in order and return their `tool_result` blocks for the model."""
        return [self._finish(call, *self._run(call)) for call in calls]

    def refuse_all(self, calls: list[dict[str, Any]], why: str) -> None:
        """Answer calls that must not run."""
        for call in calls:
            self.answer.tool_started(call, self._tool(call), 0)
            self._finish(call, _failure(why), 0)

    def _tool(self, call: dict[str, Any]) -> Tool | None:
        return self.tools.get(call["name"]) if call["name"] in self.offered else None

    def _run(self, call: dict[str, Any]) -> tuple[_Outcome, int]:
        """Return what the call came to and how many milliseconds its tool ran; refusals cost nothing."""
        tool = self._tool(call)
        try:
            self._refuse_when_closed(call)
            if tool is None:
                raise ToolError(f"There is no tool called {call['name'][:64]!r}.")
            clean = tool.read(call["input"])
            charge = self.charge(tool)
        except ToolError as error:
            self.answer.tool_started(call, tool, 0)
            return _failure(str(error)), 0
        except OutOfCredits as short:
            self.answer.tool_started(call, tool, 0)
            return _failure(_too_dear(short)), 0
        started = time.monotonic()
        outcome = self._run_charged(tool, call, clean, charge)
        return outcome, round((time.monotonic() - started) * 1000)

    def _refuse_when_closed(self, call: dict[str, Any]) -> None:
        if self.closed_because is None:
            self._watch(call)
        if self.closed_because is not None:
            raise ToolError(f"Not run: {self.closed_because} No more tools run for this message; answer now.")

    def _watch(self, call: dict[str, Any]) -> None:
        """Close when the limit of calls is reached or the calls go round in circles."""
        self._made += 1
        self._recent.append(json.dumps([call["name"], call["input"]], sort_keys=True))
        first, second, third, fourth = ([""] * 4 + self._recent)[-4:]
        if self._made > self.limits.tool_calls:
            self.close(f"the limit of {self.limits.tool_calls} tool calls for one message is reached.")
        elif self._recent.count(fourth) >= SAME_CALL_LIMIT:
            self.close("the same tool was called again and again with the same input.")
        elif first and first == third and second == fourth:
            self.close("the same two tool calls were repeated in turns.")

    def _run_charged(self, tool: Tool, call: dict[str, Any], clean: dict[str, Any], charge: ToolCharge) -> _Outcome:
        """Run a tool that is paid for; the charge is settled or refunded before this returns or raises."""
        try:
            self.answer.tool_started(call, tool, charge.credits)
            outcome = call_in_thread(lambda: _attempt(tool, clean), self.tick, self._beat)
        except _Late:
            charge.refund("timeout")
            return _failure("The tool took too long and was ended. It was not charged.")
        except BaseException as error:
            # Stop, or whatever else ends the answer: the tool is left to itself and nobody pays for it.
            charge.refund("stopped" if isinstance(error, Stopped) else type(error).__name__)
            raise
        if isinstance(outcome, Exception):
            return self._resolve_failure(outcome, charge)
        charge.settle()
        # A settle that came too late has lost; the charge then says that nothing was taken.
        return replace(outcome, credits=charge.credits)

    def _resolve_failure(self, error: Exception, charge: ToolCharge) -> _Outcome:
        if not isinstance(error, ToolError):
            log.error("tool_broke", error=type(error).__name__)
            charge.refund(type(error).__name__)
            return _failure(OUR_FAULT)
        if error.ours:
            charge.refund(_storable(str(error)))
            return _failure(str(error))
        charge.settle()
        return _failure(str(error), charge.credits)

    def _beat(self) -> None:
        self.answer.beat()
        if time.monotonic() > self.deadline:
            raise _Late

    def _finish(self, call: dict[str, Any], outcome: _Outcome, duration_ms: int) -> dict[str, Any]:
        """Hand the result to the answer and return the part of it that the model sees."""
        self._count_errors(call["name"], outcome.success)
        for_model = {
            "type": "tool_result",
            "tool_use_id": call["id"],
            "content": outcome.content,
            "is_error": not outcome.success,
        }
        ours = {
            "name": call["name"],
            "success": outcome.success,
            "credits": outcome.credits,
            "duration_ms": duration_ms,
            "summary": _storable(outcome.summary)[:300],
        }
        self.answer.tool_finished({**for_model, **ours})
        self.answer.beat()
        return for_model

    def _count_errors(self, name: str, success: bool) -> None:
        self._errors.append("" if success else name)
        if len(self._errors) == ERRORS_LIMIT and set(self._errors) == {name}:
            self.close(f"the tool {name[:64]} failed {ERRORS_LIMIT} times in a row.")
