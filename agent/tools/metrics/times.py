"""Read the times and steps that people and models write for queries."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.types import ToolError

# Prometheus refuses a range query with more points in one series.
POINTS_MAX = 11_000
POINTS_WANTED = 240
DEFAULT_SECONDS = 3600.0
SPAN_MAX = 366 * 86_400
TEXT_MAX = 60

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,3})?(?:ms|[smhdwy]))+")
_PART = re.compile(r"([0-9.]+)(ms|[smhdwy])")
_RELATIVE = re.compile(r"(?:now)?\s*([+-]?)\s*((?:[0-9.]+(?:ms|[smhdwy]))+)")
_NICE_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
# Numbers from here on count milliseconds, microseconds and nanoseconds.
_FINER = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))

Given = str | int | float | None


@dataclass(frozen=True)
class Span:
    """A range of time in seconds since 1970, and the step between its points."""

    start: float
    end: float
    step: float
    note: str = ""


def read_span(start: Given, end: Given, step: Given, now: float) -> Span:
    """Return the range, the last hour if none is given, with a step that keeps it within the limit of points."""
    last = now if end is None else read_time(end, now, "end")
    first = last - DEFAULT_SECONDS if start is None else read_time(start, now, "start")
    seconds = last - first
    if seconds <= 0:
        raise ToolError(f"`start` must be before `end`; they are {stamp(first)} and {stamp(last)}.")
    if seconds > SPAN_MAX:
        raise ToolError("The range is longer than a year. Ask for less.")
    least = math.ceil(seconds / (POINTS_MAX - 1) * 1000) / 1000
    if step is None:
        wanted = seconds / POINTS_WANTED
        return Span(first, last, next((one for one in _NICE_STEPS if one >= wanted), 2 * 86_400))
    given = read_duration(step, "step")
    if given < least:
        raised = next((one for one in _NICE_STEPS if one >= least), least)
        return Span(first, last, raised, f"The step was raised to {raised} s; at most {POINTS_MAX:,} points fit.")
    return Span(first, last, given)


def read_time(value: str | int | float, now: float, name: str) -> float:
    """Return seconds since 1970 for a time, a number since 1970, or words such as `now-1h`, `-30m` and `1h` (ago)."""
    if isinstance(value, int | float):
        return _epoch(float(value), name)
    text = value.strip()
    if text.lower() == "now":
        return now
    relative = _RELATIVE.fullmatch(text.lower())
    if relative:
        seconds = read_duration(relative[2], name)
        return now + seconds if relative[1] == "+" else now - seconds
    try:
        return _epoch(float(text), name)
    except ValueError:
        pass
    try:
        when = datetime.fromisoformat(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ToolError(f"`{name}` must be a time such as 2026-01-31T12:00:00Z, now-1h or -30m.") from None


def read_duration(value: str | int | float, name: str) -> float:
    """Return the seconds of `30s`, `1h30m`, or of a number."""
    text = str(value).strip().lower()
    try:
        seconds = float(text)
    except ValueError:
        if not _DURATION.fullmatch(text):
            raise ToolError(f"`{name}` must be a length of time such as 30s, 5m or 1h.") from None
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if not 0 < seconds <= SPAN_MAX * 10:
        raise ToolError(f"`{name}` must be longer than nothing and shorter than ten years.")
    return seconds


def stamp(seconds: float) -> str:
    """Return a time as `2026-01-31T12:00:00Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _epoch(number: float, name: str) -> float:
    scale = next((scale for least, scale in _FINER if number >= least), 1.0)
    seconds = number / scale
    if not 0 <= seconds <= 7_258_118_400:  # The year 2200.
        raise ToolError(f"`{name}` is not a time between 1970 and 2200.")
    return seconds
