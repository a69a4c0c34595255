"""Say at which pace credits go, and who has paid for what was used."""

from datetime import timedelta

import pytest

from services import billing_views
from services.transaction import Database
from tests.support.wallets import DAY_ONE, buy, charge, new_user, refund, settle

DAY = timedelta(days=1)


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("uses", "now", "days", "lasts"),
    [
        ([], 20, 0, None),
        ([0], 2.9, 2, None),
        ([0], 3, 3, 57),
        ([0, 4, 4.5], 5, 5, 28),
        ([0, 1, 2, 3, 4, 16], 20, 14, 196),
        ([0], 20, 14, None),
    ],
    ids=["never", "just begun", "three days", "five days", "two weeks", "long ago"],
)
def test_a_pace_is_told_of_whole_days_from_the_third_on(
    database: Database, uses: list[float], now: float, days: int, lasts: int | None
) -> None:
    user_id = new_user(database)
    for use in uses:
        settle(database, charge(database, user_id, 1, now=DAY_ONE + use * DAY), now=DAY_ONE + use * DAY)
    shown = billing_views.overview(database, user_id, now=DAY_ONE + now * DAY, simulated=True)
    assert shown["pace"] == {"days": days, "lasts_days": lasts}


def test_the_use_that_packs_have_paid_is_told_apart(database: Database) -> None:
    user_id = new_user(database)
    buy(database, user_id, 100)
    for price in (15, 10, 7):
        settle(database, charge(database, user_id, price))
    refund(database, charge(database, user_id, 3))

    def shown(after: timedelta) -> tuple[int, int, int]:
        overview = billing_views.overview(database, user_id, now=DAY_ONE + after, simulated=True)
        wallet = overview["subscription"]
        return wallet["credits_used_this_month"], overview["used_from_packs"], wallet["plan_credits"]

    assert shown(DAY) == (32, 12, 0)
    assert shown(40 * DAY) == (0, 0, 20)
