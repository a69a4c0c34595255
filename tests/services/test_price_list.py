"""The price list: what is refused before anything is written, and what is said when it changes."""

import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import init_subscription_system
from agent.registry import REGISTRY
from init_subscription_system import ACTIONS, PACKS, TIERS
from models import ActionPrice, CreditPack, SubscriptionTier, User, UserSubscription
from services import credits, price_list, schema
from services.price_list import Changes, PriceListError
from services.transaction import Database, connect
from tests.support.environment import make_settings

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """Open a migrated database without a price list."""
    opened = connect(database_url, pool_size=2)
    schema.upgrade(opened)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def tiers() -> list[dict[str, Any]]:
    """Return a copy of the product's tiers, to be changed."""
    return deepcopy(TIERS)


def _apply(db: Database, tiers: Any = TIERS, packs: Any = PACKS, actions: Any = ACTIONS) -> Changes:
    return price_list.apply(db, tiers, packs, actions, now=NOW)


# --- What is stored -------------------------------------------------------------------------------------------------


def test_the_products_own_list_is_stored(db: Database) -> None:
    assert price_list.is_empty(db)
    _apply(db)
    assert not price_list.is_empty(db)
    with db.read() as tx:
        tiers = tx.scalars(select(SubscriptionTier).order_by(SubscriptionTier.monthly_price_cents)).all()
        packs = tx.scalars(select(CreditPack).order_by(CreditPack.credits)).all()
        actions = {price.action: price.credits for price in tx.scalars(select(ActionPrice))}
    assert [(tier.name, tier.display_name, tier.monthly_price_cents, tier.monthly_credits) for tier in tiers] == [
        ("free", "Free Tier", 0, 20),
        ("starter", "Starter", 1900, 200),
        ("professional", "Professional", 7900, 1000),
        ("business", "Business", 19900, 3000),
    ]
    assert [(pack.credits, pack.price_cents, pack.popular) for pack in packs] == [
        (100, 1000, False),
        (250, 2000, True),
        (500, 3500, False),
        (1000, 6000, False),
    ]
    assert actions == ACTIONS
    assert all(tier.is_active and tier.features for tier in tiers)


def test_every_tool_has_its_price() -> None:
    assert set(ACTIONS) == {"chat_message", *(tool.name for tool in REGISTRY)}


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("price", "cents"), [(19.99, 1999), (0.1, 10), ("1234.50", 123450), (7, 700), (Decimal("99.0"), 9900)]
)
def test_prices_are_exact(db: Database, tiers: list[dict[str, Any]], price: Any, cents: int) -> None:
    tiers[1]["monthly_price"] = price
    _apply(db, tiers)
    with db.read() as tx:
        stored = select(SubscriptionTier.monthly_price_cents).where(SubscriptionTier.name == "starter")
        assert tx.scalar(stored) == cents


def test_a_server_that_starts_adds_missing_prices_and_changes_none(db: Database) -> None:
    _apply(db, actions={"chat_message": 3, "cron_explain": 2})
    price_list.add_actions(db, ACTIONS)
    with db.read() as tx:
        actions = {price.action: price.credits for price in tx.scalars(select(ActionPrice))}
    assert actions == {**ACTIONS, "chat_message": 3, "cron_explain": 2}


@pytest.mark.one_database
def test_starting_the_server_adds_them(db: Database, database_url: str, tmp_path: Path) -> None:
    _apply(db, actions={"chat_message": 3})
    init_subscription_system.prepare(make_settings(tmp_path, database_url=database_url))
    with db.read() as tx:
        assert {price.action: price.credits for price in tx.scalars(select(ActionPrice))}["cidr_calc"] == 0


def test_the_products_own_features_repeat_no_number_that_an_operator_may_edit() -> None:
    assert not [feature for tier in TIERS for feature in tier["features"] if re.search(r"\d", feature)]


# --- What is said ---------------------------------------------------------------------------------------------------


def test_it_says_what_it_creates_and_then_that_all_is_up_to_date(db: Database) -> None:
    assert _apply(db).tiers[0] == "Creating tier 'Free Tier'..."
    again = _apply(db)
    assert again.tiers[0] == "Tier 'Free Tier' is up to date"
    assert again.packs[0] == "Pack 100 is up to date"
    assert again.actions[0] == "Action 'chat_message' is up to date"


def test_it_says_what_a_change_changes(db: Database, tiers: list[dict[str, Any]]) -> None:
    _apply(db)
    tiers[2] |= {"monthly_price": 99.0, "monthly_credits": 1500}
    tiers[3] |= {"display_name": "Enterprise", "features": ["all"]}
    changes = _apply(db, tiers, [*PACKS[:3], {"credits": 1000, "price": 59.5}], {**ACTIONS, "chat_message": 2})
    assert changes.tiers[2] == "Updating tier 'Professional': price $79 -> $99, credits 1000 -> 1500"
    assert changes.tiers[3] == "Updating tier 'Enterprise': name 'Business' -> 'Enterprise', features changed"
    assert changes.packs[3] == "Updating pack 1000: price $60 -> $59.50"
    assert changes.actions[0] == "Updating action 'chat_message': credits 1 -> 2"


def test_what_is_taken_off_becomes_inactive_and_keeps_its_holders(db: Database) -> None:
    _apply(db)
    with db.write() as tx:
        tx.add(User(id=1, created_at=NOW))
        tx.flush()
        wallet = credits.open_wallet(tx, 1, now=NOW)
        starter = tx.scalars(select(SubscriptionTier).where(SubscriptionTier.name == "starter")).one()
        credits.upgrade(tx, wallet, starter, actor_id=1, now=NOW)
    kept = {action: price for action, price in ACTIONS.items() if action not in ("cron_explain", "cidr_calc")}
    left = _apply(db, [tier for tier in TIERS if tier["name"] != "starter"], PACKS[:3], kept)
    assert left.tiers[-1] == "Deactivating tier 'Starter': no longer listed, kept by its 1 holder"
    assert left.packs[-1] == "Deactivating pack 1000: no longer listed"
    assert left.actions[-2:] == [
        "Removing action 'cron_explain': no longer listed",
        "Removing action 'cidr_calc': no longer listed",
    ]
    with db.read() as tx:
        held = tx.scalars(select(UserSubscription)).one()
        assert (held.tier.name, held.tier.is_active, held.credits_remaining) == ("starter", False, 200)


def test_what_comes_back_is_active_again(db: Database, tiers: list[dict[str, Any]]) -> None:
    _apply(db)
    _apply(db, tiers[:3], PACKS[:3])
    tiers[3]["monthly_price"] = 249.0
    back = _apply(db, tiers)
    assert back.tiers[3] == "Reactivating tier 'Business': price $199 -> $249"
    assert back.packs[3] == "Reactivating pack 1000"
    with db.read() as tx:
        assert all(tx.scalars(select(SubscriptionTier.is_active)))


def test_an_edited_tier_leaves_wallets_alone(db: Database, tiers: list[dict[str, Any]]) -> None:
    _apply(db)
    with db.write() as tx:
        tx.add(User(id=1, created_at=NOW))
        tx.flush()
        credits.open_wallet(tx, 1, now=NOW)
    tiers[0]["monthly_credits"] = 50
    _apply(db, tiers)
    with db.read() as tx:
        wallet = tx.scalars(select(UserSubscription)).one()
        assert (wallet.credits_remaining, wallet.period_granted) == (20, 20)


# --- What is refused ------------------------------------------------------------------------------------------------

_PRICES = (-1, float("nan"), float("inf"), 19.999, "a lot", True, None, 1e12)
_CREDITS = (-1, 1.5, 20.0, "20", True, None, 10**12)


@pytest.mark.parametrize("price", _PRICES)
def test_a_wrong_price_is_refused(tiers: list[dict[str, Any]], price: object) -> None:
    tiers[1]["monthly_price"] = price
    _refused("tier 'starter': monthly_price", tiers=tiers)
    _refused("pack 100: price", packs=[{"credits": 100, "price": price}])


@pytest.mark.parametrize("credits", _CREDITS)
def test_credits_that_are_not_whole_are_refused(tiers: list[dict[str, Any]], credits: object) -> None:
    tiers[1]["monthly_credits"] = credits
    _refused("tier 'starter': monthly_credits", tiers=tiers)
    _refused("credits must be a whole number", packs=[{"credits": credits, "price": 10}])
    _refused("action 'chat_message'", actions={"chat_message": credits})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"name": "free"}, "tier name 'free' is there 2 times"),
        ({"display_name": "Free Tier"}, "tier display_name 'Free Tier' is there 2 times"),
        ({"name": "Big Tier"}, "tier 'Big Tier': name must be"),
        ({"name": ""}, "tier 2: name must be"),
        ({"display_name": "  "}, "tier 'starter': display_name must be a text"),
        ({"features": "all"}, "tier 'starter': features must be a list"),
        ({"features": [1]}, "tier 'starter': features must be a text"),
        ({"montly_price": 5}, "tier 'starter': unknown montly_price"),
        ({"monthly_price": 0}, "exactly one tier must cost 0"),
    ],
)
def test_a_wrong_tier_is_refused(tiers: list[dict[str, Any]], change: dict[str, Any], complaint: str) -> None:
    tiers[1] |= change
    _refused(complaint, tiers=tiers)


def test_a_list_without_its_parts_is_refused(tiers: list[dict[str, Any]]) -> None:
    _refused("exactly one tier must cost 0, and its name must be 'free' (found: none)", tiers=tiers[1:])
    del tiers[1]["monthly_credits"]
    _refused("tier 'starter': missing monthly_credits", tiers=tiers)
    _refused("tier 1: must be a dict", tiers=["free"])
    _refused("the price of 'chat_message' is missing", actions={})
    _refused("action 'Chat'", actions={"Chat": 1})


def test_packs_that_make_no_sense_are_refused() -> None:
    _refused("pack size 100 is there 2 times", packs=[{"credits": 100, "price": 10}] * 2)
    _refused("pack 100: price must be above 0", packs=[{"credits": 100, "price": 0}])
    _refused("pack 100: popular must be True or False", packs=[{"credits": 100, "price": 10, "popular": "yes"}])
    two_popular = [{**pack, "popular": True} for pack in PACKS[:2]]
    _refused("only one pack can be popular", packs=two_popular)
    dearer = [{"credits": 100, "price": 10}, {"credits": 200, "price": 20.01}]
    _refused("pack 200: a credit costs more than in the smallest pack", packs=dearer)


def _refused(complaint: str, *, tiers: Any = TIERS, packs: Any = PACKS, actions: Any = ACTIONS) -> None:
    with pytest.raises(PriceListError) as refusal:
        price_list.check(tiers, packs, actions)
    assert complaint in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_list_with_one_error_changes_nothing(db: Database, tiers: list[dict[str, Any]]) -> None:
    _apply(db)
    tiers[1]["monthly_price"] = 29.0
    with pytest.raises(PriceListError):
        _apply(db, tiers, [{"credits": 100, "price": -1}])
    assert _apply(db).tiers[1] == "Tier 'Starter' is up to date"
