"""Check the fake Stripe's billing: beginnings, months, renewals that fail, ends."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import stripe

from tests.fakes.stripe import Dunning, FakeStripe
from tests.fakes.stripe.shop import DAY, MONTH, NOON, Shop


@pytest.fixture
def fake(request: pytest.FixtureRequest) -> Iterator[FakeStripe]:
    with FakeStripe(now=NOON, serve=False, dunning=getattr(request, "param", None)) as server:
        yield server


@pytest.fixture
def shop(fake: FakeStripe) -> Shop:
    return Shop(fake)


def day(stamp: int) -> str:
    return datetime.fromtimestamp(stamp, UTC).strftime("%d %b")


# --- Beginning ------------------------------------------------------------------------------------------------------


def test_a_paid_page_begins_a_subscription(shop: Shop) -> None:
    page = shop.page(shop.small)
    assert (page.status, page.payment_status, page.url) == ("open", "unpaid", f"{shop.fake.url}/c/pay/{page.id}")
    assert shop.fake.pay(page.id) == "complete"
    page = shop.v1.checkout.sessions.retrieve(page.id)
    assert (page.status, page.payment_status, page.url, page.payment_intent) == ("complete", "paid", None, None)
    subscription = shop.subscription()
    assert page.subscription == subscription.id
    assert (subscription.status, subscription.metadata["token"]) == ("active", "t1")
    invoice = shop.invoices()[0]
    assert (invoice.billing_reason, invoice.status, invoice.total) == ("subscription_create", "paid", 900)
    assert invoice.parent.subscription_details.subscription == subscription.id
    line = invoice.lines.data[0]
    assert line.pricing.price_details.price == shop.small
    assert not line.parent.subscription_item_details.proration
    item = subscription["items"].data[0]
    assert (line.period.start, line.period.end) == (item.current_period_start, item.current_period_end)
    assert invoice.status_transitions.paid_at == int(NOON.timestamp())


def test_a_declined_card_leaves_the_page_open(shop: Shop) -> None:
    page = shop.page(shop.small)
    assert shop.fake.pay(page.id, "declined") == "open"
    assert shop.v1.subscriptions.list({"customer": shop.customer, "status": "all"}).data == []
    assert shop.v1.charges.list({"customer": shop.customer}).data[0].status == "failed"
    assert shop.fake.pay(page.id) == "complete"
    assert shop.subscription().status == "active"


def test_a_page_waits_for_authentication(shop: Shop) -> None:
    page = shop.page(shop.small)
    assert shop.fake.pay(page.id, "action") == "open"
    assert shop.fake.authenticate(page.id, ok=False) == "declined"
    assert shop.fake.pay(page.id, "action", authenticate=True) == "complete"


@pytest.mark.parametrize("fake", [None, Dunning(late_starts_as="incomplete")], indirect=True)
@pytest.mark.parametrize("ok", [True, False])
def test_a_late_payment_settles_later(shop: Shop, ok: bool) -> None:
    page = shop.page(shop.small)
    shop.fake.pay(page.id, "late")
    assert shop.v1.checkout.sessions.retrieve(page.id).payment_status == "unpaid"
    begun_as = shop.fake.world.dunning.late_starts_as
    assert (shop.subscription().status, shop.invoices()[0].status) == (begun_as, "open")
    shop.fake.advance(3 * DAY)
    shop.fake.settle_late(page.id, ok)
    assert shop.v1.checkout.sessions.retrieve(page.id).payment_status == ("paid" if ok else "unpaid")
    assert shop.invoices()[0].status == ("paid" if ok else "open")
    failed_as = "past_due" if begun_as == "active" else "incomplete"
    assert shop.subscription().status == ("active" if ok else failed_as)
    assert shop.fake.events_of(f"checkout.session.async_payment_{'succeeded' if ok else 'failed'}")


def test_an_unpaid_page_expires_after_a_day(shop: Shop) -> None:
    page = shop.page(shop.small)
    shop.fake.advance(DAY)
    assert shop.v1.checkout.sessions.retrieve(page.id).status == "expired"
    with pytest.raises(stripe.InvalidRequestError, match="can be expired"):
        shop.v1.checkout.sessions.expire(page.id)
    assert len(shop.fake.events_of("checkout.session.expired")) == 1


# --- Months ---------------------------------------------------------------------------------------------------------


def test_months_are_counted_from_the_first_day(shop: Shop) -> None:
    shop.subscribe()
    shop.fake.advance_to(datetime(2026, 6, 1, tzinfo=UTC))
    lines = [invoice.lines.data[0].period for invoice in shop.invoices()]
    assert [(day(line.start), day(line.end)) for line in lines] == [
        ("31 Jan", "28 Feb"),
        ("28 Feb", "31 Mar"),
        ("31 Mar", "30 Apr"),
        ("30 Apr", "31 May"),
        ("31 May", "30 Jun"),
    ]
    assert {invoice.status for invoice in shop.invoices()} == {"paid"}
    assert [invoice.billing_reason for invoice in shop.invoices()][1:] == ["subscription_cycle"] * 4


def test_an_overdue_renewal_is_paid_when_the_card_is_changed(shop: Shop) -> None:
    shop.subscribe()
    shop.fake.set_card(shop.customer, "declined")
    shop.fake.advance(MONTH)
    assert (shop.subscription().status, shop.invoices()[-1].status) == ("past_due", "open")
    assert shop.fake.events_of("invoice.payment_failed")
    shop.fake.set_card(shop.customer, "ok")
    assert (shop.subscription().status, shop.invoices()[-1].status) == ("active", "paid")


def test_an_overdue_renewal_is_paid_on_its_page(shop: Shop) -> None:
    shop.subscribe("action")
    shop.fake.advance(MONTH)
    invoice = shop.invoices()[-1]
    assert (shop.subscription().status, invoice.status) == ("past_due", "open")
    assert shop.fake.events_of("invoice.payment_action_required")
    assert shop.fake.pay_invoice(invoice.id, "declined") == "open"
    assert shop.fake.pay_invoice(invoice.id, "action", authenticate=True) == "paid"
    assert shop.subscription().status == "active"


@pytest.mark.parametrize(
    ("fake", "status"),
    [(None, "canceled"), (Dunning(afterwards="unpaid"), "unpaid"), (Dunning(afterwards="past_due"), "past_due")],
    indirect=["fake"],
)
def test_a_renewal_that_is_never_paid_ends_as_it_is_set(shop: Shop, status: str) -> None:
    shop.subscribe()
    shop.fake.set_card(shop.customer, "declined")
    shop.fake.advance(MONTH - timedelta(days=3))
    invoice = shop.invoices()[-1]
    assert (invoice.attempt_count, shop.subscription().status) == (1, "past_due")
    shop.fake.advance(15 * DAY)
    assert (shop.invoices()[-1].attempt_count, shop.subscription().status) == (4, status)


@pytest.mark.parametrize("fake", [Dunning(draft_for=timedelta(hours=1))], indirect=True)
def test_a_renewal_may_be_a_draft_for_an_hour(shop: Shop) -> None:
    shop.subscribe()
    shop.fake.advance_to(datetime(2026, 2, 28, 12, 30, tzinfo=UTC))
    assert (shop.invoices()[-1].status, shop.subscription().status) == ("draft", "active")
    shop.fake.advance(timedelta(hours=1))
    assert shop.invoices()[-1].status == "paid"


# --- Ending ---------------------------------------------------------------------------------------------------------


def test_a_subscription_ends_with_its_period(shop: Shop) -> None:
    subscription = shop.subscribe()
    shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert shop.subscription().cancel_at is not None
    shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    assert shop.subscription().cancel_at is None
    shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    shop.fake.advance(MONTH)
    ended = shop.subscription()
    assert (ended.status, day(ended.ended_at), len(shop.invoices())) == ("canceled", "28 Feb", 1)
    assert shop.v1.subscriptions.list({"customer": shop.customer}).data == []


def test_a_subscription_ends_at_once(shop: Shop) -> None:
    subscription = shop.subscribe()
    shop.v1.subscriptions.cancel(subscription.id)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.v1.subscriptions.cancel(subscription.id)
    assert refused.value.code == "resource_missing"
    with pytest.raises(stripe.InvalidRequestError):
        shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})


def test_deleting_a_customer_ends_what_they_pay_for(shop: Shop) -> None:
    subscription = shop.subscribe()
    shop.v1.customers.delete(shop.customer)
    assert shop.v1.customers.retrieve(shop.customer).deleted
    assert shop.v1.subscriptions.retrieve(subscription.id).status == "canceled"
    assert shop.v1.customers.list({"email": "ann@example.com"}).data == []
    assert shop.v1.subscriptions.list({"customer": shop.customer, "status": "all"}).data == []
    shop.fake.deleted_lists = "missing"
    with pytest.raises(stripe.InvalidRequestError):
        shop.v1.invoices.list({"customer": shop.customer})
    with pytest.raises(stripe.InvalidRequestError):
        shop.page(shop.small)
    assert [event["type"] for event in shop.fake.events[-2:]] == ["customer.subscription.deleted", "customer.deleted"]
