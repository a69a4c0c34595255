"""What a mix of plans brings in."""

import pytest

from services import revenue
from services.revenue import SCENARIOS, Line, UnknownTier
from services.transaction import Database

PRICES = {"free": 0, "starter": 1900, "professional": 7900, "business": 19900}


@pytest.mark.parametrize(
    ("scenario", "users", "mrr", "arr"), [("Conservative", 100, 800, 9_600), ("Growth", 1_000, 14_100, 169_200)]
)
def test_the_scenarios_bring_in_what_was_promised(scenario: str, users: int, mrr: int, arr: int) -> None:
    projection = revenue.project(PRICES, SCENARIOS[scenario])
    assert projection.users == users
    assert projection.mrr_cents == mrr * 100
    assert projection.arr_cents == arr * 100


def test_each_plan_has_its_line() -> None:
    projection = revenue.project(PRICES, {"starter": 15, "free": 80})
    assert projection.lines == (Line("starter", 15, 28_500), Line("free", 80, 0))


def test_a_plan_that_is_not_for_sale_is_refused() -> None:
    with pytest.raises(UnknownTier, match="no tier 'gold'; there are free, starter"):
        revenue.project(PRICES, {"gold": 1})


def test_prices_are_those_of_the_database(database: Database) -> None:
    assert revenue.prices(database) == PRICES
    assert list(revenue.prices(database)) == list(PRICES)
