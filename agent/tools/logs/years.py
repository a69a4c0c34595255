"""Give a year to lines that leave it out, from the lines around them."""

from calendar import isleap
from datetime import datetime, timedelta

from agent.tools.logs.lines import YEAR_UNKNOWN, Entry

# A line may be this much older than the one before; an older one is of the next year.
BACK = timedelta(days=90)
# So often the year may turn in a log, so that nonsense does not run through all centuries.
TURNS_MAX = 50


def with_years(entries: list[Entry]) -> list[Entry]:
    """Set the years that are left out: that of the lines around, and one more whenever the months begin anew."""
    dated = [entry.time for entry in entries if entry.time is not None and entry.time.year != YEAR_UNKNOWN]
    last = min(9999, max((time.year for time in dated), default=YEAR_UNKNOWN) + TURNS_MAX)
    before = dated[0] if dated else None
    for entry in entries:
        if entry.time is None:
            continue
        if before is not None and entry.time.year == YEAR_UNKNOWN:
            entry.time = _after(before, entry.time, last)
        before = entry.time
    return entries


def _after(before: datetime, time: datetime, last: int) -> datetime:
    """Return the time in the year in which it comes next after `before`, or was not long ago."""
    near = (year for year in range(before.year - 1, before.year + 2) if year <= last)
    return next((one for year in near if (one := _in_year(time, year)) >= before - BACK), _in_year(time, before.year))


def _in_year(time: datetime, year: int) -> datetime:
    is_leap_day = (time.month, time.day) == (2, 29)
    return time.replace(year=year, day=28 if is_leap_day and not isleap(year) else time.day)
