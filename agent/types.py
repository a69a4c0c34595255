"""Name what the loop, the tools and their callers share."""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from clients.model import TokenUsage
from clients.reach import WayOut


class RefundReason(enum.StrEnum):
    """Say why a price was given back, where no other system said it in a sentence of its own."""

    STOPPED = "stopped"
    """The user stopped the answer before it had given anything, or while the tool read."""
    TIMEOUT = "timeout"
    ABANDONED = "abandoned"
    """The process that ran it died."""
    SERVER_RESTARTING = "server_restarting"
    INTERNAL_ERROR = "internal_error"
    """The answer broke for a reason of ours."""
    OUTCOME_UNKNOWN = "outcome_unknown"
    """A writing tool may or may not have done its work."""


class Stopped(Exception):
    """The user asked to stop, or the answer is no longer ours; the loop ends at once."""

    def __init__(self, reason: RefundReason = RefundReason.STOPPED) -> None:
        super().__init__(reason)
        self.reason = reason


class OutOfCredits(Exception):
    """The wallet cannot pay for this tool; the agent is told and the message stands."""

    def __init__(self, required: int, remaining: int) -> None:
        super().__init__(f"This tool costs {required} credits and {remaining} are left.")
        self.required = required
        self.remaining = remaining


class ToolError(Exception):
    """A tool could not do its work with this input; its message is for the agent and the user.

    `ours` says that the tool did not do its work for a reason that is not in the input, so that the charge is refunded:
    a fault of ours, or another system that could not be asked. Wrong input, and a tool that ran and found a problem
    (a down host, a bad manifest), are not.
    """

    def __init__(self, message: str, *, ours: bool = False) -> None:
        super().__init__(message)
        self.ours = ours


class BadSetting(ToolError):
    """Settings of a connection can't be used: `fields` says what is wrong with each of them."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(" ".join(fields.values()))
        self.fields = fields


class OutcomeUnknown(ToolError):
    """A writing tool lost its line after it had asked: nobody knows whether it was done.

    It is refunded, and never repeated by itself.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, ours=True)


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
class Connection:
    """A user's own system, opened for one call; its settings hold secrets and never leave this process."""

    id: str
    kind: str
    """`kubernetes`, `github`, `aws`, `prometheus` or `loki`."""
    name: str
    settings: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Change:
    """One line of what a write will change, as the card shows it."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Preview:
    """What a write would do, found out without doing it."""

    target: str
    """What would be written to, exactly: `deployment web in namespace shop on cluster prod (https://10.0.0.1:6443)`."""
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Reach:
    """What a tool may reach while it runs: the way out, and the one connection that this call is for."""

    out: WayOut
    connection: Connection | None = None
    """Set for every tool with `needs_connection`."""
    approved: Preview | None = None
    """What the user said yes to; set when a tool that writes runs. It must not run if that no longer holds."""
    as_shown: Callable[[Preview], Preview] = lambda preview: preview
    """Turn a fresh preview into what the card would show, to be compared with `approved`."""
    hidden: tuple[str, ...] = field(default=(), repr=False)
    """Secrets of the user's connections: what a tool brings back is cleared of them, whichever system said them."""


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
    run: Callable[[dict[str, Any], Reach], ToolOutput]
    """Do the work; raises ToolError. Called with input that `read` returned."""
    target: Callable[[dict[str, Any]], str] = field(default=lambda _input: "")
    """Name in a few words what the call is about, for the chat. Called with raw input too; never raises."""
    writes: bool = False
    needs_connection: str | None = None
    """The kind of connection that it works on. Its input then has an optional `connection` that names one."""
    read: Callable[[object], dict[str, Any]] = any_object
    """Check the raw input and return it clean; raises ToolError. See agent/inputs.py."""
    preview: Callable[[dict[str, Any], Reach], Preview] | None = None
    """Find out what a write would change, by reading only; raises ToolError. Every tool that writes has one."""
    family: str = "general"
    """Where it stands in lists: network, lint, logs, general, kubernetes, github, metrics or aws."""
    examples: tuple[str, ...] = ()
    """Plain sentences that make the agent use it, shown on its page. The offline agent understands each of them."""
    returns: str = ""
    """What comes back, in one or two sentences, for its page."""


@dataclass(frozen=True)
class SettingField:
    """One field of a connection's form and of its `settings` in JSON."""

    key: str
    label: str
    secret: bool = False
    required: bool = False
    multiline: bool = False
    help: str = ""


@dataclass(frozen=True)
class Kind:
    """A kind of system that a user can connect."""

    name: str
    title: str
    fields: tuple[SettingField, ...]
    read: Callable[[object], dict[str, str]]
    """Check raw settings and return what is stored (encrypted); raises BadSetting, whose words hold no secrets."""
    mask: Callable[[Mapping[str, str]], dict[str, str]]
    """Return what may be shown of stored settings: `{"server": "https://...", "token": "****abcd"}`."""
    probe: Callable[[Reach], dict[str, str]]
    """Try the connection and return what was found, such as `{"login": "octocat"}`; raises ToolError."""
    secrets: tuple[str, ...]
    """The keys of stored settings whose values must never be shown; tool output is cleared of them."""
    help: str = ""
    """How to get such credentials with the least rights, for the form."""


class ToolCharge(Protocol):
    """A tool's price, charged before it runs; settled or refunded exactly once."""

    credits: int

    def settle(self, duration_ms: int, result: dict[str, Any]) -> None:
        """Keep the price, and store the tool's result with it; `credits` is 0 afterwards if nothing was kept."""

    def refund(self, reason: str, duration_ms: int) -> None:
        """Give the price back; `reason` is a RefundReason, or a sentence for the user on what failed."""


class Charge(Protocol):
    """Charge a tool's price right before it runs; raises OutOfCredits when the wallet cannot pay."""

    def __call__(self, tool: Tool) -> ToolCharge: ...


@dataclass(frozen=True)
class Question:
    """A call that waits for the user's word: it writes, or costs more than runs without asking."""

    call: dict[str, Any]
    """The model's `tool_use` block, as it was."""
    tool: Tool
    preview: Preview
    credits: int
    connection: Connection | None


@dataclass(frozen=True)
class Verdict:
    """What the user said to a question: with a charge if it was yes."""

    call: dict[str, Any]
    preview: Preview
    charge: ToolCharge | None
    connection_id: str | None = None


class OpenReach(Protocol):
    """Open what a call may reach; raises ToolError when there is no such connection."""

    def __call__(self, tool: Tool, name: str | None, *, connection_id: str | None = None) -> Reach:
        """Return the way out and, for a tool on connections, the user's own one of this name or with this id."""
        ...


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

    def ask(self, question: Question) -> None:
        """Note what waits for the user's word; the answer ends with it."""

    def spent(self, model: str, usage: TokenUsage) -> None:
        """Count tokens that the operator pays for, whether or not the turn succeeded."""

    def beat(self) -> None:
        """Store what has arrived, renew the lease, look for a stop; raises Stopped. Cheap, called often."""


@dataclass(frozen=True)
class Limits:
    """Bound one message, together with what goes on after the user's word."""

    rounds: int = 20
    """Turns of the model."""
    tool_calls: int = 40
    tokens: int = 8192
    """Output of one turn."""
    output_tokens: int = 40_000
    """Output of all turns together, after which no more tools run."""
    seconds: float = 600.0
    """In all, without the time that the user takes."""
    tool_seconds: float = 60.0
    """For one call of a tool."""
    approve_above: int = 2
    """A call that costs more credits than this waits for the user's word, as one that writes always does."""


@dataclass(frozen=True)
class Ending:
    """How an answer ended well: the last stop reason."""

    stop_reason: str
