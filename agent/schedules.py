"""Read cron schedules of five fields: whether one is well written, and when it runs."""

from datetime import UTC, datetime
from itertools import islice

from cronsim import CronSim, CronSimError

MAX_CHARS = 200
# A schedule is only read, from any moment.
_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


def problem_of(schedule: str) -> str:
    """Return what is wrong with the writing of a schedule, or nothing."""
    parts = schedule.split()
    if len(schedule) > MAX_CHARS or len(parts) != 5:
        return "it needs five fields"
    try:
        # The month apart from the days: 31 February is well written, and only never comes.
        for fields in ([*parts[:3], "*", parts[4]], ["*", "*", "*", parts[3], "*"]):
            CronSim(" ".join(fields), _EPOCH)
    except CronSimError as error:
        return f"it is wrong at: {error}"[:120]
    return ""


def first_runs(schedule: str, count: int) -> list[datetime]:
    """Return the first runs of a well written schedule; none if no date of the next decades matches."""
    try:
        return list(islice(CronSim(schedule, _EPOCH), count))
    except CronSimError:
        return []
