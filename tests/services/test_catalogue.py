"""Show that what Stripe sells is what the price list says, and what is said on the way."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from clients.stripe_catalogue import APP as GATEWAYS_APP
from clients.stripe_gateway import StripeGateway
from models import CreditPack, StripeCatalogEntry, SubscriptionTier
from services import catalogue
from services.catalogue_items import APP
from services.transaction import Database
from tests.fakes.stripe import FakeStripe
from tests.support.stripe_deeds import LiveMode

NOW = datetime(2026, 1, 31, 10, 0, tzinfo=UTC)
UP_TO_DATE = [
    "Tier 'Starter' is up to date at Stripe: $19 a month",
    "Tier 'Professional' is up to date at Stripe: $79 a month",
    "Tier 'Business' is up to date at Stripe: $199 a month",
    "Pack 100 is up to date at Stripe: $10",
    "Pack 250 is up to date at Stripe: $20",
    "Pack 500 is up to date at Stripe: $35",
    "Pack 1000 is up to date at Stripe: $60",
    "The customer portal is up to date at Stripe",
]


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe(now=NOW, serve=False) as server:
        yield server


@pytest.fixture
def gateway(fake: FakeStripe) -> StripeGateway:
    return StripeGateway("sk_test_fake", webhook_secret=None, http_client=fake.http_client())


def sync(db: Database, gateway: StripeGateway, *, later: timedelta = timedelta(0)) -> list[str]:
    return catalogue.sync(db, gateway, now=NOW + later)


def set_price(db: Database, tier: str, cents: int) -> None:
    with db.write() as tx:
        tx.execute(update(SubscriptionTier).where(SubscriptionTier.name == tier).values(monthly_price_cents=cents))


def sold(db: Database, kind: str, key: str, *, livemode: bool = False) -> StripeCatalogEntry | None:
    with db.read() as tx:
        return catalogue.price_for(tx, kind, key, livemode=livemode)


def price_id(db: Database, kind: str = "tier", key: str = "starter") -> str:
    entry = sold(db, kind, key)
    assert entry is not None
    return entry.id


def at_stripe(fake: FakeStripe, kind: str) -> dict[str, dict[str, Any]]:
    return fake.world.tables[kind]


def written(fake: FakeStripe) -> list[str]:
    return [call.path for call in fake.calls if call.method != "GET"]


# --- Bringing it in line --------------------------------------------------------------------------------------------


def test_everything_that_costs_money_is_made(database: Database, gateway: StripeGateway, fake: FakeStripe) -> None:
    lines = sync(database, gateway)
    assert lines[0] == "Creating tier 'Starter' at Stripe: $19 a month"
    assert lines[3] == "Creating pack 100 at Stripe: $10"
    assert lines[-1] == "Creating the customer portal at Stripe"
    prices = {price["lookup_key"]: price for price in at_stripe(fake, "price").values()}
    products = at_stripe(fake, "product")
    assert sorted(prices) == sorted(
        [f"devops-agent:tier:{tier}" for tier in ("starter", "professional", "business")]
        + [f"devops-agent:pack:{credits}" for credits in (100, 250, 500, 1000)]
    )
    starter, pack = prices["devops-agent:tier:starter"], prices["devops-agent:pack:1000"]
    assert (starter["unit_amount"], starter["currency"], starter["recurring"]["interval"]) == (1900, "usd", "month")
    assert (pack["unit_amount"], pack["currency"], pack["recurring"]) == (6000, "usd", None)
    assert starter["metadata"] == {"app": "devops-agent", "tier": "starter"}
    assert pack["metadata"] == products[pack["product"]]["metadata"] == {"app": "devops-agent", "pack": "1000"}
    assert products[starter["product"]]["name"] == "Starter plan"
    assert products[pack["product"]]["name"] == "1,000 credits"


def test_a_second_run_changes_nothing_and_says_so(database: Database, gateway: StripeGateway, fake: FakeStripe) -> None:
    sync(database, gateway)
    before = written(fake)
    assert sync(database, gateway) == UP_TO_DATE
    assert written(fake) == before


def test_a_lost_table_is_found_again(database: Database, gateway: StripeGateway, fake: FakeStripe) -> None:
    sync(database, gateway)
    known = price_id(database)
    with database.write() as tx:
        tx.execute(delete(StripeCatalogEntry))
    before = written(fake)
    assert sync(database, gateway) == UP_TO_DATE
    assert (price_id(database), written(fake)) == (known, before)


def test_another_price_is_a_new_one_and_the_old_one_retires(
    database: Database, gateway: StripeGateway, fake: FakeStripe
) -> None:
    sync(database, gateway)
    old = price_id(database)
    set_price(database, "starter", 2900)
    line = "Updating tier 'Starter' at Stripe: $19 a month -> $29 a month; people who subscribe already stay at $19"
    assert sync(database, gateway, later=timedelta(days=1))[0] == line
    new = price_id(database)
    prices = at_stripe(fake, "price")
    assert new != old and prices[new]["product"] == prices[old]["product"]
    assert (prices[old]["active"], prices[old]["lookup_key"]) == (False, None)
    assert (prices[new]["active"], prices[new]["lookup_key"]) == (True, "devops-agent:tier:starter")
    assert sync(database, gateway)[0] == "Tier 'Starter' is up to date at Stripe: $29 a month"
    with database.read() as tx:
        assert catalogue.meaning_of(tx, old) == catalogue.meaning_of(tx, new) == ("tier", "starter")


def test_a_price_goes_there_and_back(database: Database, gateway: StripeGateway) -> None:
    seen = []
    for day, cents in enumerate((1900, 2900, 1900, 2900)):
        set_price(database, "starter", cents)
        sync(database, gateway, later=timedelta(days=day))
        seen.append(price_id(database))
        assert gateway.price(seen[-1]).amount == cents
    assert len(set(seen)) == 4


def test_nobody_subscribes_to_a_pack(database: Database, gateway: StripeGateway) -> None:
    sync(database, gateway)
    with database.write() as tx:
        tx.execute(update(CreditPack).where(CreditPack.credits == 100).values(price_cents=1250))
    assert sync(database, gateway)[3] == "Updating pack 100 at Stripe: $10 -> $12.50"


def test_a_renamed_tier_is_renamed(database: Database, gateway: StripeGateway, fake: FakeStripe) -> None:
    sync(database, gateway)
    with database.write() as tx:
        tx.execute(update(SubscriptionTier).where(SubscriptionTier.name == "starter").values(display_name="Solo"))
    assert sync(database, gateway)[0] == "Renaming tier 'Solo' at Stripe: 'Starter plan' -> 'Solo plan'"
    assert "Solo plan" in {product["name"] for product in at_stripe(fake, "product").values()}
    assert sync(database, gateway)[0] == "Tier 'Solo' is up to date at Stripe: $19 a month"


def test_a_tier_renamed_and_repriced_at_once_says_both(database: Database, gateway: StripeGateway) -> None:
    sync(database, gateway)
    with database.write() as tx:
        changed = {"display_name": "Solo", "monthly_price_cents": 900}
        tx.execute(update(SubscriptionTier).where(SubscriptionTier.name == "starter").values(**changed))
    lines = sync(database, gateway)
    assert [line.partition(" ")[0] for line in lines[:2]] == ["Renaming", "Updating"]


def test_what_is_no_longer_sold_retires_and_comes_back(
    database: Database, gateway: StripeGateway, fake: FakeStripe
) -> None:
    sync(database, gateway)
    old = price_id(database)
    with database.write() as tx:
        tx.execute(update(SubscriptionTier).where(SubscriptionTier.name == "starter").values(is_active=False))
        tx.execute(update(CreditPack).where(CreditPack.credits == 1000).values(is_active=False))
    lines = sync(database, gateway)
    assert lines[0] == "Retiring tier 'Starter' at Stripe: no longer sold; people who pay for it already stay"
    assert "Retiring pack 1000 at Stripe: no longer sold" in lines
    assert sold(database, "tier", "starter") is sold(database, "pack", "1000") is None
    assert not at_stripe(fake, "price")[old]["active"]
    assert not [line for line in sync(database, gateway) if "Retiring" in line]

    with database.write() as tx:
        tx.execute(update(SubscriptionTier).values(is_active=True))
    assert "Creating tier 'Starter' at Stripe: $19 a month" in sync(database, gateway, later=timedelta(days=1))
    assert gateway.price(price_id(database)).active
    assert at_stripe(fake, "price")[price_id(database)]["product"] == at_stripe(fake, "price")[old]["product"]


def test_what_was_retired_by_hand_is_sold_again(database: Database, gateway: StripeGateway, fake: FakeStripe) -> None:
    sync(database, gateway)
    gateway.retire_price(price_id(database))
    assert sync(database, gateway, later=timedelta(days=1))[0] == "Creating tier 'Starter' at Stripe: $19 a month"
    product = gateway.price(price_id(database)).product_id
    at_stripe(fake, "product")[product]["active"] = False
    assert sync(database, gateway, later=timedelta(days=2))[0].startswith("Replacing the price of tier 'Starter'")
    assert gateway.price(price_id(database)).product_id != product


def test_a_portal_that_was_changed_by_hand_is_corrected(
    database: Database, gateway: StripeGateway, fake: FakeStripe
) -> None:
    sync(database, gateway)
    portal = price_id(database, "portal", "portal")
    at_stripe(fake, "billing_portal.configuration")[portal]["features"]["subscription_update"]["enabled"] = True
    assert sync(database, gateway)[-1] == "Correcting the customer portal at Stripe"
    assert (gateway.portals()[0].fits, price_id(database, "portal", "portal")) == (True, portal)
    at_stripe(fake, "billing_portal.configuration")[portal]["active"] = False
    assert sync(database, gateway)[-1] == "Creating the customer portal at Stripe"
    assert price_id(database, "portal", "portal") != portal


# --- What a price stands for ----------------------------------------------------------------------------------------


def test_a_price_has_a_meaning_and_a_portal_none(database: Database, gateway: StripeGateway) -> None:
    sync(database, gateway)
    with database.read() as tx:
        assert catalogue.meaning_of(tx, price_id(database, "pack", "250")) == ("pack", "250")
        assert catalogue.meaning_of(tx, price_id(database, "portal", "portal")) is None
        assert catalogue.meaning_of(tx, "price_of_nobody") is None


def test_a_forgotten_price_is_learnt_by_its_marks(database: Database, gateway: StripeGateway) -> None:
    sync(database, gateway)
    old = price_id(database)
    set_price(database, "starter", 2900)
    sync(database, gateway)
    new = price_id(database)
    with database.write() as tx:
        tx.execute(delete(StripeCatalogEntry))
    for known in (old, new, new):
        catalogue.learn(database, gateway, known)
    with database.read() as tx:
        assert catalogue.meaning_of(tx, old) == catalogue.meaning_of(tx, new) == ("tier", "starter")
    assert price_id(database) == new


def test_other_peoples_prices_are_not_learnt(database: Database, gateway: StripeGateway) -> None:
    product = gateway.create_product("Shirt", {}, key="shirt")
    marks = {"app": "another", "tier": "starter"}
    price = gateway.create_price(product, 100, recurring=True, lookup_key="shirt", metadata=marks, key="price")
    for name in (price.id, "price_of_nobody"):
        catalogue.learn(database, gateway, name)
    with database.read() as tx:
        assert tx.scalar(select(func.count()).select_from(StripeCatalogEntry)) == 0


def test_a_live_key_leaves_test_mode_and_a_test_key_leaves_nothing(database: Database, gateway: StripeGateway) -> None:
    sync(database, gateway)
    tested = price_id(database)
    with FakeStripe(now=NOW, serve=False) as elsewhere:
        live = LiveMode(StripeGateway("sk_test_fake", webhook_secret=None, http_client=elsewhere.http_client()))
        lines = catalogue.sync(database, live, now=NOW)  # type: ignore[arg-type]
        assert lines[0] == "Creating tier 'Starter' at Stripe: $19 a month"
        assert lines[-1] == "Leaving test mode: what was made in it (8) is no longer offered"
        assert catalogue.sync(database, live, now=NOW) == UP_TO_DATE  # type: ignore[arg-type]
    assert sold(database, "tier", "starter") is None
    assert sold(database, "tier", "starter", livemode=True) is not None
    sync(database, gateway)
    assert price_id(database) == tested
    assert sold(database, "tier", "starter", livemode=True) is not None


def test_the_gateway_and_the_catalogue_use_one_mark() -> None:
    assert APP == GATEWAYS_APP
