"""Offer templates the ways in which the agent's actions are shown: their input, findings, price, and what waits.

All of it may come from a hostile log or page, so nothing here is markup, and no character can make a text look like
another one.
"""

import json
import re
import unicodedata
from datetime import UTC, datetime
from typing import Any

from agent.types import RefundReason
from services.transaction import utcnow

MAX_FINDINGS = 200
LONG = 200
"""Characters of a value behind which its box scrolls, and so can be reached with the keyboard."""
_KEPT = ("\n", "\t", " ")
_HIDDEN_CATEGORIES = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs")
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Letters, marks and signs that leave no trace, or the look of a space."""
_OUR_FAULT = "it failed on our side"
_REFUNDS: dict[str, str] = {
    RefundReason.STOPPED: "you stopped the answer",
    RefundReason.TIMEOUT: "it took too long",
    RefundReason.ABANDONED: "the server stopped while it ran",
    RefundReason.SERVER_RESTARTING: "the server was restarted while it ran",
    RefundReason.INTERNAL_ERROR: _OUR_FAULT,
    RefundReason.OUTCOME_UNKNOWN: "outcome unknown",
}
_CLASS = re.compile("[A-Za-z]+")
"""The name of an error, which old rows hold in place of a reason."""
_SEVERITIES = ("error", "warning", "info")


def visible(value: Any) -> str:
    """Return text in which what cannot be seen, or turns the direction of reading, stands as its code: `\\u202e`."""
    return "".join(_shown(char) for char in str(value))


def _shown(char: str) -> str:
    if char in _KEPT or not (unicodedata.category(char) in _HIDDEN_CATEGORIES or _BLANK.match(char)):
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def input_rows(given: Any) -> list[dict[str, Any]]:
    """Return the input of a call, or its JSON text, as keys and readable values; nested ones are JSON."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            return []
    if not isinstance(given, dict):
        return []
    rows = [(visible(key), visible(_words(value))) for key, value in given.items()]
    return [{"key": key, "value": value, "is_long": len(value) > LONG or "\n" in value} for key, value in rows]


def _words(value: Any) -> str:
    if value is None:
        return "not given"
    if isinstance(value, str):
        return value or "(empty)"
    if isinstance(value, list) and value and all(isinstance(item, str) and item for item in value):
        return "\n".join(value)
    return json.dumps(value, indent=2, ensure_ascii=False)


def findings(output: str) -> dict[str, Any] | None:
    """Return the findings of a linter's output with their counts in words; None for any other output."""
    try:
        data = json.loads(output)
    except (ValueError, RecursionError):
        return None
    listed = data.get("findings") if isinstance(data, dict) else None
    if not isinstance(listed, list) or not all(isinstance(one, dict) and one.get("message") for one in listed):
        return None
    hidden = data.get("not_listed")
    shown = [_finding(one) for one in listed[:MAX_FINDINGS]]
    return {"listed": shown, "not_listed": hidden if isinstance(hidden, int) and hidden > 0 else 0}


def _finding(one: dict[str, Any]) -> dict[str, Any]:
    texts = {key: visible(one.get(key) or "") for key in ("rule", "message", "why", "fix", "path")}
    severity = one.get("severity")
    line = one.get("line")
    return {
        **texts,
        "severity": severity if severity in _SEVERITIES else "info",
        "line": line if isinstance(line, int) else None,
        "fix_is_code": "\n" in texts["fix"],
    }


def refund_words(note: str | None) -> str:
    """Say why a charge was given back."""
    if not note:
        return _OUR_FAULT
    return _REFUNDS.get(note) or (_OUR_FAULT if _CLASS.fullmatch(note) else visible(note).rstrip("."))


def bucket_words(line: dict[str, Any]) -> str:
    """Say which credits paid a line of a receipt: `plan`, `packs`, or both with their parts."""
    plan, pack = line["plan"], line["pack"]
    if plan and pack:
        return f"{plan:,} plan, {pack:,} packs"
    return "plan" if plan else "packs" if pack else ""


def minus(amount: int, less: int) -> int:
    """Return what is left of an amount, never below 0."""
    return max(0, amount - less)


def seconds_left(text: str) -> int:
    """Return how many whole seconds remain until an ISO time, 0 once it is past."""
    return max(0, int((_parse(text) - utcnow()).total_seconds()))


def until(text: str) -> str:
    """Write how long it is until an ISO time: `in 59 minutes`; the script of the card counts on in the same words."""
    minutes = seconds_left(text) // 60
    if minutes < 1:
        return "in less than a minute"
    for size, name in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= (2 * size if size > 1 else 1):
            count = minutes // size
            return f"in {count} {name}{'s'[: count > 1]}"
    return "in less than a minute"


def _parse(text: str) -> datetime:
    parsed = datetime.fromisoformat(text)
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def code_spans(text: str) -> list[dict[str, Any]]:
    """Cut a text at its `backticks` into plain pieces and code, for a template to mark."""
    parts = re.split(r"`([^`\n]+)`", text)
    return [{"code": bool(index % 2), "text": part} for index, part in enumerate(parts) if part]
