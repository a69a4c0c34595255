"""Judge texts of a GitLab pipeline that GitLab parses itself: conditions and spans of time."""

import re
from collections.abc import Iterator
from typing import Any

from agent.lint import Report, dig, sequence
from agent.yaml_input import Document
from agent.yaml_tree import Path

_TEXT_MAX = 2_000
_PIECE = re.compile(
    r"\s+|\$\w+|\$\{\w+\}|\"[^\"]*\"|'[^']*'|/(?:[^/\\\n]|\\.)+/[a-zA-Z]*|[=!]=|[=!]~|&&|\|\||[()!]|null\b"
)
# Where a span stands in a job.
_SPANS: tuple[tuple[str, ...], ...] = (
    ("timeout",),
    ("start_in",),
    ("artifacts", "expire_in"),
    ("environment", "auto_stop_in"),
)
_UNITS = {
    "second", "seconds", "sec", "secs", "s", "minute", "minutes", "min", "mins", "m", "hour", "hours", "hr", "hrs", "h",
    "day", "days", "dy", "d", "week", "weeks", "wk", "wks", "w", "month", "months", "mo", "mos", "mth", "mths",
    "year", "years", "yr", "yrs", "y",
}  # fmt: skip
_NUMBERS = {
    "a", "an", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve", "fifteen",
    "twenty", "thirty", "sixty", "and", "with", "plus", "half", "never",
}  # fmt: skip


def check_conditions(report: Report, document: Document, base: Path, rules: Any) -> None:
    """Report conditions of `rules` that GitLab can't parse."""
    for index, rule in enumerate(sequence(rules)):
        condition = dig(rule, "if")
        rest = _unread(condition) if isinstance(condition, str) else ""
        if rest:
            path = (*base, index, "if")
            message = f"The condition can't be read from `{rest[:30]}` on."
            fix = "Compare with `==`." if rest.startswith("=") else ""
            report.add("condition", document, path, message, fix=fix)


def _unread(condition: str) -> str:
    """Return what is left of a condition where it is no longer one; what inputs fill in is not known here."""
    if "$[[" in condition or len(condition) > _TEXT_MAX:
        return ""
    at = 0
    while at < len(condition):
        piece = _PIECE.match(condition, at)
        if piece is None:
            return condition[at:]
        at = piece.end()
    return ""


def check_spans(report: Report, document: Document, base: Path, job: Any) -> None:
    """Report spans of time with a unit that does not exist."""
    for keys in _SPANS:
        given = dig(job, *keys)
        if isinstance(given, str) and "$" not in given:
            for word in _strange(given[:_TEXT_MAX]):
                message = f"`{keys[-1]}` has `{word[:30]}`, which is no unit of time."
                report.add("bad-span", document, (*base, *keys), message, guess=(word, _UNITS))
                break


def _strange(span: str) -> Iterator[str]:
    return (word for word in re.findall(r"[a-z]+", span.lower()) if word not in _UNITS | _NUMBERS)
