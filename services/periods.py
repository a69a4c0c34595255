"""Reckon billing periods from their anchor, so that 31 January leads to 28 February and then to 31 March."""

from datetime import datetime

from dateutil.relativedelta import relativedelta


def start_of(anchor: datetime, k: int) -> datetime:
    """Return the start of period k: the anchor plus k months, counted from the anchor and never from the last start."""
    return anchor + relativedelta(months=k)


def containing(anchor: datetime, now: datetime) -> tuple[datetime, datetime]:
    """Return start and end of the period that holds `now`; the first period also for a time before the anchor."""
    months = (now.year - anchor.year) * 12 + now.month - anchor.month
    k = max(0, months)
    if k and start_of(anchor, k) > now:
        k -= 1
    return start_of(anchor, k), start_of(anchor, k + 1)
