"""Run one tool, and say what its call came to, cleared of secrets."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from agent.kinds import KINDS, secret_values
from agent.redaction import redact, redact_json
from agent.types import Change, OutcomeUnknown, OutOfCredits, Preview, Reach, Tool, ToolError
from clients.reach import Refused, Unreachable

log = structlog.get_logger(__name__)

RESULT_MAX_CHARS = 30_000
SUMMARY_MAX_CHARS = 300
OUR_FAULT = "The tool failed on our side. It was not charged."
LATE = "The tool took too long and was ended. It was not charged."
UNKNOWN = (
    "It is not known whether this was done: {why} It was not charged and is never repeated by itself. "
    "Look at the present state before anything else."
)


@dataclass(frozen=True)
class Outcome:
    """What a call came to, before it becomes a block; `content` is JSON text."""

    content: str
    summary: str
    success: bool
    credits: int = 0
    unknown: bool = False
    """It writes, and nobody knows whether it did."""
    not_run: bool = False


def failure(message: str, credits: int = 0) -> Outcome:
    """Return the outcome of a call that failed."""
    return Outcome(_json({"error": message}), message, False, credits)


def not_run(why: str, advice: str) -> Outcome:
    """Return the outcome of a call that was not made; the advice is for the model alone."""
    message = f"Not run: {why}"
    return Outcome(_json({"error": message, "advice": advice}), message, False, not_run=True)


def unknown(why: str) -> Outcome:
    """Return the outcome of a write that may or may not have been done."""
    message = UNKNOWN.format(why=why)
    return Outcome(_json({"error": message, "outcome": "unknown"}), "Outcome unknown.", False, unknown=True)


def too_dear(short: OutOfCredits) -> Outcome:
    """Return the outcome of a call that the wallet cannot pay."""
    price = f"{short.required} credit{'s' if short.required != 1 else ''}"
    left = f"{short.remaining} {'are' if short.remaining != 1 else 'is'} left"
    return not_run(f"it costs {price} and {left}.", "Tell the user, and answer without it.")


def attempt(tool: Tool, clean: dict[str, Any], reach: Reach) -> Outcome | ToolError:
    """Run the tool. A failure is returned, so that it can't be mistaken for one of the caller's own."""
    known = secrets_of(reach)
    try:
        output = tool.run(clean, reach)
        content = _json(redact_json(output.data, known))
        summary = redact(output.summary, known)
    except ToolError as error:
        return _told(error, known)
    except (Refused, Unreachable) as error:
        return _not_reached(error, tool, known)
    except Exception as error:
        log.error("tool_broke", tool=tool.name, error=type(error).__name__)
        return OutcomeUnknown("the tool broke.") if tool.writes else ToolError(OUR_FAULT, ours=True)
    if len(content) > RESULT_MAX_CHARS and not tool.writes:
        size = f"{len(content):,} characters; at most {RESULT_MAX_CHARS:,} fit"
        return ToolError(f"The result is too large ({size}). Ask for less, more narrowly.", ours=True)
    return Outcome(content, summary, True)


def preview(tool: Tool, clean: dict[str, Any], reach: Reach) -> Preview | ToolError:
    """Return what the call would change, cleared of secrets, or why that could not be found out."""
    known = secrets_of(reach)
    try:
        found = tool.preview(clean, reach) if tool.preview else Preview(tool.target(clean), ())
    except ToolError as error:
        return ToolError(redact(str(error), known), ours=True)
    except (Refused, Unreachable) as error:
        return ToolError(redact(error.message, known), ours=True)
    except Exception as error:
        log.error("preview_broke", tool=tool.name, error=type(error).__name__)
        return ToolError(OUR_FAULT, ours=True)
    return cleared(found, known)


def cleared(found: Preview, known: Sequence[str]) -> Preview:
    """Return a preview as the card shows it, without secrets; what is compared with the card later is cleared too."""
    changes = tuple(
        Change(*(storable(redact(text, known)) for text in (one.what, one.before, one.after))) for one in found.changes
    )
    return Preview(storable(redact(found.target, known)), changes)


def secrets_of(reach: Reach) -> Sequence[str]:
    """Return the values that must not come out of what runs with this reach."""
    connection = reach.connection
    if connection is None or connection.kind not in KINDS:
        return reach.hidden
    return (*secret_values(KINDS[connection.kind], connection.settings), *reach.hidden)


def storable(text: str) -> str:
    """Replace what neither the database nor the model's service takes: lone surrogates and NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _told(error: ToolError, known: Sequence[str]) -> ToolError:
    message = redact(str(error), known)
    return OutcomeUnknown(message) if isinstance(error, OutcomeUnknown) else ToolError(message, ours=error.ours)


def _not_reached(error: Refused | Unreachable, tool: Tool, known: Sequence[str]) -> ToolError:
    message = redact(error.message, known)
    if isinstance(error, Refused):
        return ToolError(message, ours=tool.needs_connection is not None)
    if error.sent and tool.writes:
        return OutcomeUnknown(message)
    return ToolError(message, ours=True)


def _json(value: object) -> str:
    return storable(json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
