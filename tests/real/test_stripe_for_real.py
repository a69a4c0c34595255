"""Show that Stripe itself, in test mode, does what the gateway and its stand-in take for granted.

It leaves behind what cannot be deleted there: products, prices, the portal's set-up and a customer without payments.
"""

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import stripe

from clients.payments import Order, Subscription
from clients.stripe_gateway import API_VERSION, StripeGateway
from services import catalogue
from services.transaction import Database
from tests.real.given_key import KEY

pytestmark = [pytest.mark.one_database, pytest.mark.timeout(300)]
PATIENCE = 120


@pytest.fixture(scope="module")
def gateway() -> StripeGateway:
    return StripeGateway(KEY, webhook_secret=None)


@pytest.fixture(scope="module")
def sdk() -> stripe.StripeClient:
    return stripe.StripeClient(KEY, stripe_version=API_VERSION)


def key() -> str:
    return f"real:{uuid.uuid4()}"


def price_id(db: Database, kind: str, name: str) -> str:
    with db.read() as tx:
        entry = catalogue.price_for(tx, kind, name, livemode=False)
    assert entry is not None
    return entry.id


@pytest.fixture
def synced(database: Database, gateway: StripeGateway) -> Database:
    catalogue.sync(database, gateway, now=datetime.now(UTC))
    return database


@pytest.fixture
def clock(sdk: stripe.StripeClient) -> Iterator[str]:
    """Return a test clock; with it goes whatever was made on it."""
    made = sdk.v1.test_helpers.test_clocks.create({"frozen_time": int(time.time())})
    yield made.id
    sdk.v1.test_helpers.test_clocks.delete(made.id)


def subscribe(sdk: stripe.StripeClient, clock: str, price: str) -> str:
    """Make a customer with a card that works and a subscription, and return the customer's id."""
    customer = sdk.v1.customers.create(
        {
            "email": "real@example.com",
            "test_clock": clock,
            "payment_method": "pm_card_visa",
            "invoice_settings": {"default_payment_method": "pm_card_visa"},
            "metadata": {"app": "devops-agent", "account": "real"},
        }
    )
    sdk.v1.subscriptions.create({"customer": customer.id, "items": [{"price": price}]})
    return customer.id


def only(gateway: StripeGateway, customer_id: str) -> Subscription:
    (found,) = gateway.facts(customer_id).subscriptions
    return found


def advance(sdk: stripe.StripeClient, clock: str, moment: datetime) -> None:
    clocks = sdk.v1.test_helpers.test_clocks
    clocks.advance(clock, {"frozen_time": int(moment.timestamp())})
    deadline = time.monotonic() + PATIENCE
    while clocks.retrieve(clock).status != "ready":
        assert time.monotonic() < deadline
        time.sleep(2)


def test_a_second_sync_changes_nothing(database: Database, gateway: StripeGateway) -> None:
    catalogue.sync(database, gateway, now=datetime.now(UTC))
    again = catalogue.sync(database, gateway, now=datetime.now(UTC))
    assert [line for line in again if "up to date" not in line] == []


def test_a_customer_is_made_once_and_found_again(gateway: StripeGateway) -> None:
    mark, email, once = uuid.uuid4().hex, f"{uuid.uuid4().hex}@example.com", key()
    made = gateway.create_customer(email, mark, key=once)
    assert gateway.create_customer(email, mark, key=once) == made
    assert gateway.find_customer(email, mark) == made == gateway.customer(made.id)
    assert gateway.find_customer(email, "somebody else") is None


@pytest.mark.parametrize(("kind", "name", "mode"), [("tier", "starter", "subscription"), ("pack", "100", "payment")])
def test_a_payment_page_opens_and_closes(
    synced: Database, gateway: StripeGateway, kind: str, name: str, mode: str
) -> None:
    customer = gateway.create_customer("pages@example.com", "pages", key="real:pages")
    marks = {"app": "devops-agent", "checkout": uuid.uuid4().hex}
    success = "https://example.com/yes?session_id={CHECKOUT_SESSION_ID}"
    order = Order(customer.id, price_id(synced, kind, name), mode, success, "https://example.com/no", marks)
    once = key()
    page = gateway.open_checkout(order, key=once)
    assert gateway.open_checkout(order, key=once).id == page.id
    assert (page.status, page.payment_status, page.metadata) == ("open", "unpaid", marks)
    assert page.url is not None and page.url.startswith("https://")
    assert page.id in {one.id for one in gateway.facts(customer.id).checkouts}
    assert gateway.expire_checkout(page.id)
    assert not gateway.expire_checkout(page.id)


def test_the_portal_opens(synced: Database, gateway: StripeGateway) -> None:
    customer = gateway.create_customer("pages@example.com", "pages", key="real:pages")
    url = gateway.open_portal(customer.id, "https://example.com", price_id(synced, "portal", "portal"))
    assert url.startswith("https://")


def test_a_raise_charges_the_whole_difference_and_a_lower_price_waits_for_the_renewal(
    synced: Database, gateway: StripeGateway, sdk: stripe.StripeClient, clock: str
) -> None:
    starter, professional = price_id(synced, "tier", "starter"), price_id(synced, "tier", "professional")
    customer_id = subscribe(sdk, clock, starter)
    begun = only(gateway, customer_id)
    assert (begun.status, begun.price_id) == ("active", starter)
    advance(sdk, clock, begun.period_start + timedelta(days=20))

    once = key()
    raised = gateway.raise_price(begun, professional, since=begun.period_start, key=once)
    assert (raised.status, raised.reason, raised.amount_paid) == ("paid", "subscription_update", 6000)
    assert {(line.price_id, line.amount, line.proration) for line in raised.lines} == {
        (starter, -1900, True),
        (professional, 7900, True),
    }
    assert gateway.raise_price(begun, professional, since=begun.period_start, key=once).id == raised.id
    gateway.mark_invoice(raised.id, {"raise": "token"})

    gateway.set_coming(only(gateway, customer_id), starter, cancel=False, key=key())
    facts = gateway.facts(customer_id)
    assert {one.amount for one in facts.payments} == {1900, 6000}
    assert {one.id: one.metadata.get("raise") for one in facts.invoices}[raised.id] == "token"
    advance(sdk, clock, begun.period_end + timedelta(hours=2))
    cycle = [one for one in gateway.facts(customer_id).invoices if one.reason == "subscription_cycle"]
    assert [(one.status, one.amount_paid) for one in cycle] == [("paid", 1900)]


def test_a_raise_that_is_declined_changes_nothing_until_it_is_paid(
    synced: Database, gateway: StripeGateway, sdk: stripe.StripeClient, clock: str
) -> None:
    starter, professional = price_id(synced, "tier", "starter"), price_id(synced, "tier", "professional")
    customer_id = subscribe(sdk, clock, starter)
    begun = only(gateway, customer_id)
    card = sdk.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer_id})
    sdk.v1.customers.update(customer_id, {"invoice_settings": {"default_payment_method": card.id}})
    raised = gateway.raise_price(begun, professional, since=begun.period_start, key=key())
    after = only(gateway, customer_id)
    assert (raised.status, after.price_id, after.pending_update) == ("open", starter, True)
    assert raised.url is not None
    gateway.void_invoice(raised.id)
    gateway.void_invoice(raised.id)
    assert not only(gateway, customer_id).pending_update


def test_going_back_to_a_price_that_is_no_longer_sold(
    synced: Database, gateway: StripeGateway, sdk: stripe.StripeClient, clock: str
) -> None:
    starter, professional = price_id(synced, "tier", "starter"), price_id(synced, "tier", "professional")
    product = gateway.price(starter).product_id
    old = gateway.create_price(product, 1700, recurring=True, lookup_key=key(), metadata={}, key=key())
    customer_id = subscribe(sdk, clock, old.id)
    gateway.set_coming(only(gateway, customer_id), professional, cancel=False, key=key())
    gateway.retire_price(old.id)
    gateway.set_coming(only(gateway, customer_id), old.id, cancel=False, key=key())
    assert only(gateway, customer_id).price_id == old.id
    assert not gateway.price(old.id).active


def test_a_subscription_is_cancelled_resumed_ended_and_refunded(
    synced: Database, gateway: StripeGateway, sdk: stripe.StripeClient, clock: str
) -> None:
    customer_id = subscribe(sdk, clock, price_id(synced, "tier", "starter"))
    begun = only(gateway, customer_id)
    gateway.set_coming(begun, begun.price_id, cancel=True, key=key())
    assert only(gateway, customer_id).cancel_at_period_end
    gateway.set_coming(begun, begun.price_id, cancel=False, key=key())
    assert not only(gateway, customer_id).cancel_at_period_end

    gateway.cancel_now(begun.id)
    gateway.cancel_now(begun.id)
    (payment_id,) = gateway.facts(customer_id).invoices[0].payment_ids
    gateway.refund(payment_id, key=key())
    gateway.refund(payment_id, key=key())
    facts = gateway.facts(customer_id)
    assert [(one.status, one.ended) for one in facts.subscriptions] == [("canceled", True)]
    assert [(one.amount, one.refunded, one.disputed) for one in facts.payments] == [(1900, 1900, 0)]
    assert gateway.payment_customer(payment_id) == customer_id


def test_a_deleted_customer_is_still_told(
    synced: Database, gateway: StripeGateway, sdk: stripe.StripeClient, clock: str
) -> None:
    customer_id = subscribe(sdk, clock, price_id(synced, "tier", "starter"))
    begun = only(gateway, customer_id)
    sdk.v1.customers.delete(customer_id)
    facts = gateway.facts(customer_id, subscription_ids=[begun.id])
    assert facts.customer.deleted
    assert [(one.id, one.ended) for one in facts.subscriptions] == [(begun.id, True)]


def test_who_was_busy_lately_is_found(gateway: StripeGateway) -> None:
    found = list(gateway.customers_since(datetime.now(UTC) - timedelta(minutes=5)))
    assert len(found) == len(set(found))
