"""Show what an operator is told about payments before anybody pays."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, update

from clients.simulated_payments import SimulatedPayments
from clients.stripe_gateway import StripeGateway
from models import StripeCatalogEntry, StripeEvent, SubscriptionTier
from services import catalogue, catalogue_check
from services.stripe_event_types import HANDLED_EVENTS
from services.transaction import Database
from tests.fakes.stripe import FakeStripe
from tests.support.stripe_deeds import LiveMode

NOW = datetime(2026, 1, 31, 10, 0, tzinfo=UTC)
SHOP = "https://shop.example"
HOOK = f"{SHOP}/api/stripe/webhook"
SYNC = "run `flask stripe sync`"


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe(now=NOW, serve=False) as server:
        yield server


@pytest.fixture
def gateway(fake: FakeStripe, database: Database) -> StripeGateway:
    """Return a gateway to a Stripe on which everything is as it should be."""
    made = StripeGateway("sk_test_fake", webhook_secret=None, http_client=fake.http_client())
    catalogue.sync(database, made, now=NOW)
    fake.register_webhook(HOOK, HANDLED_EVENTS)
    return made


def check(db: Database, gateway: Any, **given: Any) -> list[tuple[bool, str]]:
    plain = {"base_url": SHOP, "production": False, "webhook_secret_set": True}
    return [(one.ok, one.text) for one in catalogue_check.check(db, gateway, **{**plain, **given})]


def bad(db: Database, gateway: Any, **given: Any) -> list[str]:
    return [text for ok, text in check(db, gateway, **given) if not ok]


def test_all_is_well(database: Database, gateway: StripeGateway, fake: FakeStripe) -> None:
    before = len([call for call in fake.calls if call.method != "GET"])
    endpoint = next(iter(fake.world.tables["webhook_endpoint"]))
    assert check(database, gateway) == [
        (True, "STRIPE_SECRET_KEY is accepted"),
        (True, "The key is a test key: no real money moves"),
        (True, "STRIPE_WEBHOOK_SECRET is set"),
        (True, f"The webhook endpoint {endpoint} sends every event that is handled to {HOOK}"),
        (True, "All 7 prices are at Stripe and equal to the price list"),
        (True, "The customer portal is set up: cards, invoices, and cancelling at the period's end"),
        (True, "0 events were handled so far; 0 were of other products, 0 of other types"),
    ]
    assert len([call for call in fake.calls if call.method != "GET"]) == before


def test_events_that_could_not_be_handled_are_told(database: Database, gateway: StripeGateway) -> None:
    with database.write() as tx:
        for number, (outcome, error) in enumerate(
            [("applied", None), ("unchanged", None), ("unknown_type", None), ("failed", "OperationalError")]
        ):
            tx.add(
                StripeEvent(
                    id=f"evt_{number}",
                    type="invoice.paid",
                    livemode=False,
                    created_at=NOW,
                    received_at=NOW,
                    outcome=outcome,
                    error=error,
                )
            )
    assert bad(database, gateway) == [
        "1 events invoice.paid could not be handled (OperationalError): `flask stripe reconcile --apply`"
    ]
    assert (True, "2 events were handled so far; 0 were of other products, 1 of other types") in check(
        database, gateway
    )


@pytest.mark.parametrize("nobody", [None, SimulatedPayments()])
def test_without_a_key(database: Database, nobody: SimulatedPayments | None) -> None:
    assert check(database, nobody) == [(False, "STRIPE_SECRET_KEY is not in use: payments are simulated")]


def test_a_key_that_is_not_accepted(database: Database, fake: FakeStripe) -> None:
    wrong = StripeGateway("sk_test_wrong", webhook_secret=None, http_client=fake.http_client())
    assert bad(database, wrong, webhook_secret_set=False) == [
        "Stripe was asked and did not answer: "
        "The payment provider does not accept this server's STRIPE_SECRET_KEY. Nothing was charged.",
        "STRIPE_WEBHOOK_SECRET is not set: events are refused, so nobody gets what they pay for",
    ]


def test_a_test_key_in_production(database: Database, gateway: StripeGateway) -> None:
    assert bad(database, gateway, production=True) == [
        "The key is a test key, and APP_ENV is production: nobody really pays"
    ]


# --- The webhook ----------------------------------------------------------------------------------------------------


def test_no_endpoint(database: Database, gateway: StripeGateway) -> None:
    assert bad(database, gateway, base_url="https://other.example") == [
        "No enabled webhook endpoint at Stripe points to https://other.example/api/stripe/webhook"
    ]


def test_an_endpoint_that_is_turned_off(database: Database, gateway: StripeGateway, fake: FakeStripe) -> None:
    for endpoint in fake.world.tables["webhook_endpoint"].values():
        endpoint["status"] = "disabled"
    assert bad(database, gateway) == [f"No enabled webhook endpoint at Stripe points to {HOOK}"]


def test_an_endpoint_that_leaves_events_out(database: Database, gateway: StripeGateway, fake: FakeStripe) -> None:
    (endpoint,) = fake.world.tables["webhook_endpoint"].values()
    endpoint["enabled_events"] = [one for one in HANDLED_EVENTS if one not in ("invoice.paid", "charge.refunded")]
    assert bad(database, gateway) == [
        f"The webhook endpoint {endpoint['id']} does not send charge.refunded, invoice.paid"
    ]
    endpoint["enabled_events"] = ["*"]
    assert bad(database, gateway) == []


def test_two_endpoints_at_one_address(database: Database, gateway: StripeGateway, fake: FakeStripe) -> None:
    fake.register_webhook(HOOK)
    assert bad(database, gateway) == [f"2 enabled webhook endpoints point to {HOOK}: only one can have our secret"]


@pytest.mark.parametrize("here", ["http://localhost:5000", "http://127.0.0.1:5000", "http://[::1]:5000"])
def test_on_this_machine_stripes_own_command_line_passes_events_on(
    database: Database, gateway: StripeGateway, here: str
) -> None:
    address = here.removeprefix("http://")
    text = f"Events come here only while `stripe listen --forward-to {address}/api/stripe/webhook` runs"
    assert (True, text) in check(database, gateway, base_url=here)


# --- Live -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "complaint"),
    [
        ("http://localhost:5000", "with a live key people must be able to come back from Stripe"),
        ("http://shop.example", "with a live key Stripe sends events to https only"),
    ],
)
def test_a_live_key_needs_a_public_address(
    database: Database, gateway: StripeGateway, base_url: str, complaint: str
) -> None:
    assert f"BASE_URL is {base_url}: {complaint}" in bad(database, LiveMode(gateway), base_url=base_url)


def test_all_is_well_with_a_live_key(database: Database, gateway: StripeGateway) -> None:
    with database.write() as tx:
        tx.execute(delete(StripeCatalogEntry))
    live = LiveMode(gateway)
    catalogue.sync(database, live, now=NOW)  # type: ignore[arg-type]
    found = check(database, live, production=True)
    assert [text for ok, text in found if not ok] == []
    assert (True, "The key is a live key: real money moves") in found


def test_live_and_test_in_one_database(database: Database, gateway: StripeGateway) -> None:
    assert f"Live and test are mixed: 8 prices of test mode are still offered: {SYNC}" in bad(
        database, LiveMode(gateway)
    )
    with database.write() as tx:
        tx.execute(update(StripeCatalogEntry).values(livemode=True))
    text = "Live and test are mixed: the key is a test key, and the database holds 8 live prices"
    assert f"{text}: is it the production database?" in bad(database, gateway)


# --- Prices and the portal ------------------------------------------------------------------------------------------


def test_a_price_that_differs(database: Database, gateway: StripeGateway) -> None:
    with database.write() as tx:
        tx.execute(update(SubscriptionTier).where(SubscriptionTier.name == "starter").values(monthly_price_cents=2900))
    assert bad(database, gateway) == [
        f"Stripe's price for tier 'Starter' differs from the price list ($29 a month): {SYNC}"
    ]


def test_a_price_that_is_gone(database: Database, gateway: StripeGateway) -> None:
    (price,) = gateway.prices(["devops-agent:pack:100"])
    gateway.retire_price(price.id)
    assert bad(database, gateway) == [f"There is no price for pack 100 at Stripe: {SYNC}"]


def test_a_database_without_the_catalogue(database: Database, gateway: StripeGateway) -> None:
    with database.write() as tx:
        tx.execute(delete(StripeCatalogEntry))
    found = bad(database, gateway)
    assert found[0] == f"The price for tier 'Starter' is at Stripe, but not in this database: {SYNC}"
    assert found[-1] == f"The customer portal is not set up: {SYNC}"
    assert len(found) == 8


def test_a_portal_that_lets_people_do_more(database: Database, gateway: StripeGateway, fake: FakeStripe) -> None:
    (portal,) = fake.world.tables["billing_portal.configuration"].values()
    portal["features"]["subscription_cancel"]["mode"] = "immediately"
    assert bad(database, gateway) == [f"The customer portal lets people do what we don't mean: {SYNC}"]
