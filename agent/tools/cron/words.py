"""Say in plain English when a cron schedule runs, from the values that it matches."""

from collections.abc import Iterable
from dataclasses import dataclass

LAST_DAY = -1000
LAST_WEEKDAY = -1001
MONTHS = "January February March April May June July August September October November December".split()
WEEKDAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split()
TIMES_LISTED = 6
DAYS_LISTED = 8
_NTH = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", LAST_DAY: "last"}


@dataclass(frozen=True)
class Schedule:
    """What each field matches. Days may hold LAST_DAY and LAST_WEEKDAY, weekdays (Sunday is 0) also (weekday, nth)."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int | tuple[int, int]]
    both_days: bool
    """Whether a day must match day-of-month and day-of-week (else one of them is enough)."""

    @property
    def any_day(self) -> bool:
        """Tell whether the day-of-month field matches every day."""
        return len(self.days & frozenset(range(1, 32))) == 31

    @property
    def any_weekday(self) -> bool:
        """Tell whether the day-of-week field matches every day."""
        return len(self.weekdays & frozenset(range(7))) == 7


def describe(schedule: Schedule) -> str:
    """Return one sentence that says when the schedule runs."""
    times = _times(sorted(schedule.minutes), sorted(schedule.hours))
    days = _days(schedule)
    if not days and len(schedule.hours) < 24:
        days = "every day"
    words = f"{times} {days}".strip()
    return f"{words[0].upper()}{words[1:]}."


def _times(minutes: list[int], hours: list[int]) -> str:
    if len(hours) < 24 and len(minutes) * len(hours) <= TIMES_LISTED:
        if len(minutes) == 1 and len(hours) >= 3 and _step(hours) == 1:
            return f"every hour from {_clock(hours[0], minutes[0])} through {_clock(hours[-1], minutes[0])}"
        if len(minutes) < 3 or _step(minutes) != 1:
            return "at " + join(_clock(hour, minute) for hour in hours for minute in minutes)
    if len(minutes) == 1:
        return _hourly(minutes[0], hours)
    return _within_hours(minutes, hours)


def _hourly(minute: int, hours: list[int]) -> str:
    if len(hours) == 24:
        return "every hour, on the hour" if minute == 0 else f"every hour at minute {minute}"
    step = _step(hours)
    if step == 1:
        return f"every hour from {_clock(hours[0], minute)} through {_clock(hours[-1], minute)}"
    if _goes_round(hours, 24):
        return f"every {step} hours starting at {_clock(hours[0], minute)}"
    return "at " + join(_clock(hour, minute) for hour in hours)


def _within_hours(minutes: list[int], hours: list[int]) -> str:
    step = _step(minutes)
    whole = len(hours) == 24
    if _goes_round(minutes, 60) and (len(minutes) > 2 or minutes[0] == 0):
        often = "every minute" if step == 1 else f"every {step} minutes"
        if minutes[0]:
            often += f" starting at minute {minutes[0]}"
        if whole:
            return often
        if _step(hours) == 1 or len(hours) == 1:
            return f"{often} from {_clock(hours[0], minutes[0])} through {_clock(hours[-1], minutes[-1])}"
        return f"{often} during {_hours(hours)}"
    if step == 1 and len(minutes) >= 3:
        if len(hours) == 1:
            return f"every minute from {_clock(hours[0], minutes[0])} through {_clock(hours[0], minutes[-1])}"
        return f"every minute from {minutes[0]} through {minutes[-1]} of {_hours(hours)}"
    return f"at minutes {join(map(str, minutes))} of {_hours(hours)}"


def _hours(hours: list[int]) -> str:
    if len(hours) == 24:
        return "every hour"
    if len(hours) == 1:
        return f"the hour that begins at {_clock(hours[0], 0)}"
    if len(hours) >= 3 and _step(hours) == 1:
        return f"every hour from {_clock(hours[0], 0)} through {_clock(hours[-1], 59)}"
    return f"the hours that begin at {join(_clock(hour, 0) for hour in hours)}"


def _days(schedule: Schedule) -> str:
    months = _months(sorted(schedule.months))
    of = f"of {months}" if months else "of every month"
    in_months = f" in {months}" if months else ""
    every_day = f"every day{in_months}" if months else ""
    if schedule.any_day and schedule.any_weekday:
        return every_day
    if not schedule.both_days:
        if schedule.any_day or schedule.any_weekday:
            return every_day or "every day"
        return f"{_dates(schedule)} {of}, and also {_weekdays(schedule, of, in_months)}"
    if schedule.any_weekday:
        return f"{_dates(schedule)} {of}"
    if schedule.any_day:
        return _weekdays(schedule, of, in_months)
    return f"{_dates(schedule)} {of}, but only when that is {_weekday_names(schedule)}"


def _months(months: list[int]) -> str:
    if len(months) == 12:
        return ""
    if len(months) >= 3 and _step(months) == 1:
        return f"every month from {MONTHS[months[0] - 1]} through {MONTHS[months[-1] - 1]}"
    return join(MONTHS[month - 1] for month in months)


def _dates(schedule: Schedule) -> str:
    """Return words for the day-of-month field, without the months."""
    plain = sorted(day for day in schedule.days if day > 0)
    special = []
    if LAST_WEEKDAY in schedule.days:
        special.append("the last weekday (Monday to Friday)")
    if LAST_DAY in schedule.days:
        special.append("the last day")
    if len(plain) >= 3 and _step(plain) == 1:
        return "on " + join([f"the {ordinal(plain[0])} through {ordinal(plain[-1])}", *special])
    step = _step(plain)
    if len(plain) > DAYS_LISTED and step:
        stretch = f"every {ordinal(step)} day from the {ordinal(plain[0])} through the {ordinal(plain[-1])}"
        return "on " + join([stretch, *special])
    if plain:
        special.insert(0, "the " + join(map(ordinal, plain)))
    return "on " + join(special)


def _weekdays(schedule: Schedule, of: str, in_months: str) -> str:
    parts = []
    plain = _week_order(schedule)
    if len(plain) == 7:
        parts.append(f"every day{in_months}")
    elif plain and len(plain) >= 3 and _is_run(plain):
        parts.append(f"{WEEKDAYS[plain[0]]} through {WEEKDAYS[plain[-1]]}{in_months}")
    elif plain:
        parts.append(f"on {join(f'{WEEKDAYS[day]}s' for day in plain)}{in_months}")
    nth = sorted(day for day in schedule.weekdays if isinstance(day, tuple))
    if nth:
        parts.append("on " + join(f"the {_NTH[which]} {WEEKDAYS[day % 7]}" for day, which in nth) + f" {of}")
    return join(parts)


def _weekday_names(schedule: Schedule) -> str:
    names = [f"a {WEEKDAYS[day]}" for day in _week_order(schedule)]
    nth = sorted(day for day in schedule.weekdays if isinstance(day, tuple))
    names += [f"the {_NTH[which]} {WEEKDAYS[day % 7]} of the month" for day, which in nth]
    return join(names, "or")


def _week_order(schedule: Schedule) -> list[int]:
    """Return the plain weekdays in the order of a week that begins on Monday."""
    return sorted((day for day in schedule.weekdays if isinstance(day, int)), key=lambda day: (day - 1) % 7)


def _is_run(weekdays: list[int]) -> bool:
    return all((after - before) % 7 == 1 for before, after in zip(weekdays, weekdays[1:], strict=False))


def _step(values: list[int]) -> int:
    """Return the one distance between neighbours, or 0 if there is none."""
    steps = {after - before for before, after in zip(values, values[1:], strict=False)}
    return steps.pop() if len(steps) == 1 else 0


def _goes_round(values: list[int], size: int) -> bool:
    """Tell whether the values are evenly spaced, also from the last one of an hour or day to the first of the next."""
    step = _step(values)
    return step > 0 and len(values) * step == size


def _clock(hour: int, minute: int) -> str:
    return f"{hour:02d}:{minute:02d}"


def join(words: Iterable[str], word: str = "and") -> str:
    """Return `a, b and c`."""
    listed = list(words)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} {word} {listed[-1]}"


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th ..."""
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
