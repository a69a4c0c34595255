"""Explain cron schedules: when they run, in words and as dates, and what surprises people about them."""

import difflib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from pydantic import Field

from agent.inputs import ToolInput, reader, schema_of
from agent.tools.cron.warnings import warnings_for
from agent.tools.cron.words import Schedule, describe
from agent.types import Reach, Tool, ToolError, ToolOutput

RUNS_SHOWN = 5
MAX_CHARS = 256
MACROS = {
    "@YEARLY": "0 0 1 1 *",
    "@ANNUALLY": "0 0 1 1 *",
    "@MONTHLY": "0 0 1 * *",
    "@WEEKLY": "0 0 * * 0",
    "@DAILY": "0 0 * * *",
    "@MIDNIGHT": "0 0 * * *",
    "@HOURLY": "0 * * * *",
}
_FIELDS = ("minute", "hour", "day of month", "month", "day of week")
_RANGES = ("0-59", "0-23", "1-31, L or LW", "1-12 or JAN-DEC", "0-7 or SUN-SAT, such as 5L or MON#2")

# Abbreviations are no zones, since several share them and each is only a half of the year; these are meant most often.
MEANT = {
    "AEDT": "Australia/Sydney",
    "AEST": "Australia/Sydney or Australia/Brisbane",
    "BST": "Europe/London",
    "CDT": "America/Chicago",
    "CEST": "Europe/Berlin",
    "CST": "America/Chicago or Asia/Shanghai",
    "EDT": "America/New_York",
    "EEST": "Europe/Athens",
    "IST": "Asia/Kolkata, Europe/Dublin or Asia/Jerusalem",
    "JST": "Asia/Tokyo",
    "KST": "Asia/Seoul",
    "MDT": "America/Denver",
    "MSK": "Europe/Moscow",
    "NZDT": "Pacific/Auckland",
    "NZST": "Pacific/Auckland",
    "PDT": "America/Los_Angeles",
    "PST": "America/Los_Angeles",
    "SGT": "Asia/Singapore",
    "WEST": "Europe/Lisbon",
    "Z": "UTC",
}
_OFFSET = re.compile(r"(?:UTC|GMT)? ?([+-])0?(\d{1,2})(?::?00)?", re.I)


class CronInput(ToolInput):
    """Input of cron_explain."""

    expression: str = Field(
        description="Five fields (minute, hour, day of month, month, day of week) such as `*/5 * * * *`, or a macro "
        "such as `@daily`; without the command"
    )
    tz: str | None = Field(default=None, description="IANA time zone such as `Europe/Berlin`; UTC if left out")


def explain(expression: str, tz: str | None, now: datetime) -> dict[str, Any]:
    """Return the schedule in words, its next runs after `now`, and warnings.

    Runs follow Debian's cron: around a change of the clocks a job at a fixed time runs once, a wildcard job follows the
    clock. Raises ToolError with what is wrong.
    """
    zone = _zone(tz)
    given = _tidy(expression)
    if given.upper() == "@REBOOT":
        words = "Once, whenever the cron daemon starts (usually when the machine boots); never by the clock."
        return _result(given, given, zone, words, [], [])
    fields = MACROS.get(given.upper(), given)
    schedule = _parse(fields)
    runs = _next_runs(fields, now.astimezone(zone))
    warnings = warnings_for(fields.upper().split(), schedule, never=not runs, zone=zone, now=now)
    words = describe(schedule) if runs else "Never: no date matches."
    result = _result(given, fields.upper(), zone, words, runs, warnings)
    result["runs_per_matching_day"] = len(schedule.minutes) * len(schedule.hours)
    return result


def _result(
    given: str, fields: str, zone: ZoneInfo, words: str, runs: Iterable[datetime], warnings: list[str]
) -> dict[str, Any]:
    shown = [
        {
            "local": run.isoformat(timespec="minutes"),
            "utc": run.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ"),
            "weekday": f"{run:%A}",
        }
        for run in runs
    ]
    return {
        "expression": given,
        "fields": fields,
        "tz": zone.key,
        "words": words,
        "next_runs": shown,
        "warnings": warnings,
    }


@cache
def _zones() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones()}


def _zone(tz: str | None) -> ZoneInfo:
    asked = (tz or "").strip() or "UTC"
    name = _zones().get(asked.lower()[:MAX_CHARS])
    if name is not None:
        return ZoneInfo(name)
    raise ToolError(f"`{asked[:40]}` is not a known time zone. {_zone_hint(asked[:64])}")


def _zone_hint(asked: str) -> str:
    fixed = _OFFSET.fullmatch(asked)
    if fixed:
        # The names of fixed offsets turn the sign round.
        name = f"etc/gmt{'-' if fixed[1] == '+' else '+'}{int(fixed[2])}"
        if name in _zones():
            return f"Did you mean {_zones()[name]} (that is UTC{fixed[1]}{int(fixed[2])}, without summer time)?"
    meant = MEANT.get(asked.upper(), "")
    # What is spelt nearly like an abbreviation or an offset is another one, far away.
    if not meant and not re.fullmatch(r"[A-Z]{1,5}|.*[+-]\d.*", asked):
        near = difflib.get_close_matches(asked.lower(), _zones(), n=1)
        meant = _zones()[near[0]] if near else ""
    return f"Did you mean {meant}?" if meant else "Use a name such as Europe/Berlin."


def _tidy(expression: str) -> str:
    if len(expression) > MAX_CHARS:
        raise ToolError(f"The expression is too long: at most {MAX_CHARS} characters.")
    text = " ".join(expression.split()).strip("`'\" ")
    if not text:
        raise ToolError("The expression is empty.")
    if text.startswith("@"):
        if text.upper() not in MACROS and text.upper() != "@REBOOT":
            raise ToolError(f"`{text[:40]}` is not a macro of cron. There are @reboot and {', '.join(MACROS).lower()}.")
        return text
    count = len(text.split())
    if count in (6, 7):
        raise ToolError(
            f"This has {count} fields; cron has five: {', '.join(_FIELDS)}. If the first is for seconds (Quartz, "
            "Spring) or the last for years, leave it out; leave out the user and the command too."
        )
    if count != 5:
        raise ToolError(f"This has {count} field{'' if count == 1 else 's'}; cron has five: {', '.join(_FIELDS)}.")
    return text


def _parse(fields: str) -> Schedule:
    """Return what each field matches; raises ToolError that names the bad field."""
    parts = fields.upper().split()
    if "?" in fields:
        raise ToolError("`?` belongs to Quartz; write `*` in its place.")
    for index, part in enumerate(parts):
        # Each field alone, so that 30 February, which can never match, is not taken for a mistake in writing.
        alone = ["*"] * 5
        alone[index] = part
        try:
            CronSim(" ".join(alone), datetime.now(UTC))
        except (CronSimError, ValueError, AssertionError):
            raise ToolError(
                f"`{part[:40]}` is not valid as {_FIELDS[index]} for cron; allowed are {_RANGES[index]}, with `*`, "
                "lists (1,2), ranges (1-5) and steps (*/5)."
            ) from None
    return _schedule(parts)


def _schedule(parts: list[str]) -> Schedule:
    days = CronSim(" ".join([*parts[:3], "*", parts[4]]), datetime.now(UTC))
    months = CronSim(f"0 0 * {parts[3]} *", datetime.now(UTC)).months
    weekdays = [(day[0] % 7, day[1]) if isinstance(day, tuple) else day % 7 for day in days.weekdays]
    return Schedule(
        minutes=frozenset(days.minutes),
        hours=frozenset(days.hours),
        days=frozenset(days.days),
        months=frozenset(months),
        weekdays=frozenset(weekdays),
        both_days=days.day_and,
    )


def _next_runs(fields: str, start: datetime) -> list[datetime]:
    """Return the next runs; none if the schedule never matches in the next 50 years."""
    try:
        return list(islice(CronSim(fields, start), RUNS_SHOWN))
    except CronSimError:
        return []


def _run(given: dict[str, Any], _reach: Reach) -> ToolOutput:
    data = explain(given["expression"], given["tz"], datetime.now(UTC))
    return ToolOutput(data, data["words"])


def _target(given: dict[str, Any]) -> str:
    expression, tz = given.get("expression"), given.get("tz")
    if not isinstance(expression, str):
        return ""
    return expression[:60] + (f" ({tz[:40]})" if isinstance(tz, str) and tz else "")


CRON_EXPLAIN = Tool(
    name="cron_explain",
    title="Explain a cron schedule",
    description=(
        "Explain a cron schedule of five fields or a macro such as @daily: what it means in plain English, the next "
        "five runs in a time zone and in UTC, and warnings (changes of the clocks, uneven steps, the day-of-month or "
        "day-of-week rule, dates that never come). Use it for every question about when a cron schedule runs."
    ),
    input_schema=schema_of(CronInput),
    run=_run,
    target=_target,
    read=reader(CronInput),
    examples=("Explain the cron expression 30 3 * * 1-5 in Europe/Berlin", "When does */15 22-23 * * 0 run?"),
    returns="The schedule in words, its next five runs in the time zone and in UTC, and warnings about what surprises.",
)
