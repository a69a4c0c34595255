"""Reckon billing periods from their anchor, so that 31 January leads to 28 February and then to 31 March."""

from datetime import datetime, timedelta

from dateutil.relativedelta import relativedelta

from models import UserSubscription

GRACE = timedelta(days=1)
"""How long plan credits stay usable after the end of a period whose renewal through Stripe is not paid yet."""


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


def grace_is_over(wallet: UserSubscription, now: datetime) -> bool:
    """Say whether a renewal through Stripe that is due has stayed unpaid for longer than the day of grace.

    Once it has, it stays so for this period, whatever a slower clock says.
    """
    if wallet.stripe_subscription_id is None:
        return False
    return wallet.plan_lapsed or now >= wallet.current_period_end + GRACE
