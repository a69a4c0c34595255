"""Recognise well-known troubles in logs, and say where they stand and what usually lies behind them."""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

from agent.findings import Finding
from agent.tools.logs.known import CAUSES, Cause
from agent.tools.logs.lines import Entry

_CALM = ("info", "debug")


def causes(text: str, entries: list[Entry]) -> Iterator[Finding]:
    """Yield a finding for each known trouble, with its first line and how often it shows."""
    lower = text.lower()
    if len(lower) != len(text):
        # Some letters change their length in lower case; the lines stay the same.
        lower = "\n".join(line.lower() for line in text.split("\n"))
    starts = [0, *accumulate(len(line) + 1 for line in lower.split("\n"))]
    firsts = [entry.line for entry in entries]

    def counts(cause: Cause, line: int) -> bool:
        if entries[bisect_right(firsts, line) - 1].level not in _CALM:
            return True
        return cause.sure is not None and cause.sure.search(lower, starts[line - 1], starts[line]) is not None

    found = set()
    for cause in CAUSES:
        matched = {bisect_right(starts, match.start()) for match in cause.pattern.finditer(lower)}
        lines = sorted(line for line in matched if counts(cause, line))
        if lines and cause.unless not in found:
            found.add(cause.rule)
            yield _finding(cause, lines)


def _finding(cause: Cause, lines: list[int]) -> Finding:
    where = f"in line {lines[0]}"
    if len(lines) > 1:
        where = f"in {len(lines)} lines, first in line {lines[0]}, last in line {lines[-1]}"
    return Finding(cause.rule, cause.severity, f"{cause.what}: {where}.", cause.why, cause.fix, lines[0])
