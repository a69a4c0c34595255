"""Name what the loop, the tools and their callers share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from clients.model import TokenUsage


class Stopped(Exception):
    """The user asked to stop, or the answer is no longer ours; the loop ends at once."""


class OutOfCredits(Exception):
    """The wallet cannot pay for this tool; the agent is told and the message stands."""

    def __init__(self, required: int, remaining: int) -> None:
        super().__init__(f"This tool costs {required} credits and {remaining} are left.")
        self.required = required
        self.remaining = remaining


class ToolError(Exception):
    """A tool could not do its work with this input; its message is for the agent and the user.

    `ours` says that the failure is on our side, so that the charge is refunded. Wrong input is not.
    """

    def __init__(self, message: str, *, ours: bool = False) -> None:
        super().__init__(message)
        self.ours = ours


def any_object(raw: object) -> dict[str, Any]:
    """Accept any JSON object; raises ToolError for anything else."""
    if not isinstance(raw, dict):
        raise ToolError("The input must be a JSON object.")
    return raw


@dataclass(frozen=True)
class ToolOutput:
    """What a tool found: `data` is JSON for the agent, `summary` one short line for the chat."""

    data: dict[str, Any]
    summary: str


@dataclass(frozen=True)
class Tool:
    """An action that the agent can take. Its price is in the price list, under its name."""

    name: str
    title: str
    """A short label for people, such as `Explain a cron schedule`."""
    description: str
    """What it does, for the model and for `GET /api/tools`."""
    input_schema: dict[str, Any]
    """JSON Schema of the input, an object with `additionalProperties: false`."""
    run: Callable[[dict[str, Any]], ToolOutput]
    """Do the work; raises ToolError. Called with input that fits `input_schema`."""
    target: Callable[[dict[str, Any]], str] = field(default=lambda _input: "")
    """Name in a few words what the call is about, for the chat. Called with raw input too; never raises."""
    writes: bool = False
    needs_connection: str | None = None
    read: Callable[[object], dict[str, Any]] = any_object
    """Check the raw input and return it clean; raises ToolError. See agent/inputs.py."""


class ToolCharge(Protocol):
    """A tool's price, charged before it runs; settled or refunded exactly once."""

    credits: int

    def settle(self) -> None: ...

    def refund(self, reason: str) -> None: ...


class Charge(Protocol):
    """Charge a tool's price right before it runs; raises OutOfCredits when the wallet cannot pay."""

    def __call__(self, tool: Tool) -> ToolCharge: ...


class Answer(Protocol):
    """Where the loop writes what arrives. Blocks only ever grow at the end."""

    def text(self, delta: str) -> None:
        """Append to the open text block, opening one if none is open."""

    def block(self, block: dict[str, Any]) -> None:
        """Append a complete block; a `text` block replaces the open one."""

    def tool_started(self, call: dict[str, Any], tool: Tool | None, credits: int) -> None:
        """Tell watchers that the tool of this `tool_use` block is about to run, and at which price."""

    def tool_finished(self, result: dict[str, Any]) -> None:
        """Append our `tool_result` block (see agent/loop.py for its keys)."""

    def spent(self, model: str, usage: TokenUsage) -> None:
        """Count tokens that the operator pays for, whether or not the turn succeeded."""

    def beat(self) -> None:
        """Store what has arrived, renew the lease, look for a stop; raises Stopped. Cheap, called often."""


@dataclass(frozen=True)
class Limits:
    """Bound one message: model rounds, tool calls, output tokens a turn, and seconds in all."""

    rounds: int = 20
    tool_calls: int = 40
    tokens: int = 8192
    seconds: float = 600.0


@dataclass(frozen=True)
class Ending:
    """How an answer ended well: the last stop reason."""

    stop_reason: str
