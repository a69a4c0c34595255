"""Point out what surprises people about a cron schedule."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from agent.tools.cron.words import LAST_DAY, LAST_WEEKDAY, Schedule

DST_DAYS = 400
_FIELD_SIZES = ((0, 60, "minute", "hour"), (1, 24, "hour", "day"), (3, 12, "month", "year"), (4, 7, "weekday", "week"))


@dataclass(frozen=True)
class ClockChange:
    """A moment at which the clocks of a zone change; `before` and `after` are the local times on both sides."""

    before: datetime
    after: datetime

    @property
    def is_gap(self) -> bool:
        """Tell whether local times are left out (and not repeated)."""
        return self.after > self.before


def warnings_for(parts: list[str], schedule: Schedule, *, never: bool, zone: ZoneInfo, now: datetime) -> list[str]:
    """Return one sentence for each trap that this schedule falls into."""
    if never:
        return ["No date matches this schedule, so it never runs: no chosen month has such a day."]
    found = [
        *_uneven_steps(parts),
        *_every_minute(parts),
        *_day_rule(parts, schedule),
        *_short_months(schedule),
    ]
    return found + list(_clock_changes(parts, zone, now))


def _uneven_steps(parts: list[str]) -> Iterator[str]:
    for index, size, noun, whole in _FIELD_SIZES:
        step = _star_step(parts[index])
        if step >= size:
            first = "January" if noun == "month" else "Sunday" if noun == "weekday" else f"{noun} 0"
            yield (
                f"`{parts[index]}` steps over the whole {whole}, so it only matches {first}; "
                f"it is not every {step} {noun}s."
            )
        elif step and size % step:
            left = f"{size % step} {noun}{'' if size % step == 1 else 's'}"
            yield (
                f"`{parts[index]}` is uneven: the count starts again with each {whole}, "
                f"so the last gap of each {whole} is {left} instead of {step}."
            )
    if (step := _star_step(parts[2])) > 1:
        yield (
            f"`{parts[2]}` in day of month starts again on the 1st of each month, "
            f"so around the end of a month two runs are not {step} days apart."
        )


def _star_step(part: str) -> int:
    """Return the n of a field that is `*/n` or covers everything in steps of n; 0 otherwise."""
    head, slash, step = part.partition("/")
    covers_all = head in ("*", "0-59", "0-23", "1-31", "1-12", "0-6")
    return int(step) if slash and covers_all and step.isdecimal() and int(step) > 1 else 0


def _every_minute(parts: list[str]) -> Iterator[str]:
    if parts[0] in ("*", "*/1") and parts[1] not in ("*", "*/1"):
        yield f"It runs in every minute of each matching hour. For once an hour write `0 {' '.join(parts[1:])}`."


def _day_rule(parts: list[str], schedule: Schedule) -> Iterator[str]:
    if parts[2] == "*" or parts[4] == "*":
        return
    if not schedule.both_days:
        yield (
            "Both day of month and day of week are set: cron runs when EITHER matches, not only when both do. "
            "For both, test one of them in the command."
        )
    elif not (schedule.any_day or schedule.any_weekday):
        yield (
            "One day field begins with `*`, so Debian's and Vixie's cron run only when BOTH day fields match; "
            "Kubernetes and some other schedulers run when either does."
        )


def _short_months(schedule: Schedule) -> Iterator[str]:
    if not schedule.both_days or schedule.days & {LAST_DAY, LAST_WEEKDAY} or min(schedule.days) < 29:
        return
    first = min(schedule.days)
    if schedule.months == {2}:
        yield "29 February only comes in leap years."
    elif first == 29 and 2 in schedule.months:
        yield "February has a 29th only in leap years; in other years it is skipped."
    elif first > 29 and schedule.months & ({2, 4, 6, 9, 11} if first == 31 else {2}):
        yield f"Months without day {first} are skipped. For the last day of every month write `L` where cron knows it."


def _clock_changes(parts: list[str], zone: ZoneInfo, now: datetime) -> Iterator[str]:
    """Warn of runs that fall into the next gap or the next overlap of the zone's clocks."""
    if parts[1] in ("*", "*/1"):
        return  # An hourly job only ever runs once an hour of real time, whatever the clocks do.
    wildcard = parts[0].startswith("*") or parts[1].startswith("*")
    seen: set[bool] = set()
    for change in clock_changes(zone, now, DST_DAYS):
        if change.is_gap in seen:
            continue
        seen.add(change.is_gap)
        low, high = sorted((change.before, change.after))
        runs = _runs_between(parts, low, high)
        if runs:
            yield _about(change, runs, wildcard, zone)


def _about(change: ClockChange, runs: list[datetime], wildcard: bool, zone: ZoneInfo) -> str:
    at = ", ".join(f"{run:%H:%M}" for run in runs[:3]) + (" and more" if len(runs) > 3 else "")
    one = len(runs) == 1
    head = f"On {change.before:%Y-%m-%d} the clocks in {zone.key} go from {change.before:%H:%M} to {change.after:%H:%M}"
    if change.is_gap:
        what = f"{head}: {at} {'does' if one else 'do'} not exist that day, so "
        if wildcard:
            return f"{what}nothing runs then."
        return f"{what}Debian's cron runs the job at {change.after:%H:%M} instead; other schedulers skip it."
    what = f"{head}: {at} {'comes' if one else 'come'} twice that day. "
    if wildcard:
        return f"{what}The job runs both times."
    return f"{what}Debian's cron runs the job the first time only; other schedulers may run it both times."


def clock_changes(zone: ZoneInfo, now: datetime, days: int) -> Iterator[ClockChange]:
    """Yield the changes of the zone's clocks in the coming days, in order."""
    moment = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    end = moment + timedelta(days=days)
    while moment < end:
        later = moment + timedelta(days=1)
        if _offset(moment, zone) != _offset(later, zone):
            yield _exact_change(moment, later, zone)
        moment = later


def _exact_change(low: datetime, high: datetime, zone: ZoneInfo) -> ClockChange:
    while high - low > timedelta(minutes=1):
        middle = low + ((high - low) // 2 // timedelta(minutes=1)) * timedelta(minutes=1)
        low, high = (middle, high) if _offset(middle, zone) == _offset(low, zone) else (low, middle)
    naive = high.replace(tzinfo=None)
    return ClockChange(before=naive + _offset(low, zone), after=naive + _offset(high, zone))


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _runs_between(parts: list[str], low: datetime, high: datetime) -> list[datetime]:
    """Return the schedule's local times from `low` up to but without `high`."""
    runs = []
    for run in CronSim(" ".join(parts), low - timedelta(seconds=1)):
        if run >= high:
            break
        runs.append(run)
    return runs
