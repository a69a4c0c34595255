"""Check how the fake Stripe changes a plan: with and without proration, paid, unpaid and refused."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import stripe

from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.shop import DAY, MONTH, NOON, Shop


@pytest.fixture
def shop() -> Iterator[Shop]:
    with FakeStripe(now=NOON, serve=False) as fake:
        yield Shop(fake)


def test_a_raise_from_the_periods_start_costs_the_whole_difference(shop: Shop) -> None:
    shop.subscribe()
    shop.fake.advance(10 * DAY)
    changed = shop.raise_to(shop.large)
    invoice = changed.latest_invoice
    assert [line.amount for line in invoice.lines.data] == [-900, 4900]
    assert all(line.parent.subscription_item_details.proration for line in invoice.lines.data)
    assert (invoice.billing_reason, invoice.total, invoice.status) == ("subscription_update", 4000, "paid")
    assert changed["items"].data[0].price.id == shop.large
    shop.fake.advance(30 * DAY)
    assert shop.invoices()[-1].total == 4900


def test_a_raise_in_mid_period_costs_its_share(shop: Shop) -> None:
    shop.subscribe()
    shop.fake.advance(14 * DAY)
    changed = shop.raise_to(shop.large, proration_date=int(shop.fake.now.timestamp()))
    assert [line.amount for line in changed.latest_invoice.lines.data] == [-450, 2450]
    with pytest.raises(stripe.InvalidRequestError, match="proration_date"):
        shop.raise_to(shop.small, proration_date=int(NOON.timestamp()) - 5)


@pytest.mark.parametrize("card", ["declined", "action"])
def test_a_raise_that_is_not_paid_waits(shop: Shop, card: str) -> None:
    shop.subscribe()
    shop.fake.set_card(shop.customer, card)
    changed = shop.raise_to(shop.large)
    assert (changed.status, changed.latest_invoice.status) == ("active", "open")
    assert changed["items"].data[0].price.id == shop.small
    assert changed.pending_update.subscription_items[0].price.id == shop.large
    shop.fake.pay_invoice(changed.latest_invoice.id)
    now = shop.subscription()
    assert (now.pending_update, now["items"].data[0].price.id) == (None, shop.large)
    assert shop.fake.events_of("customer.subscription.pending_update_applied")


def test_a_raise_that_is_never_paid_is_given_up(shop: Shop) -> None:
    shop.subscribe()
    shop.fake.set_card(shop.customer, "declined")
    shop.raise_to(shop.large)
    shop.fake.advance(timedelta(hours=23))
    assert shop.subscription().pending_update is None
    assert [invoice.status for invoice in shop.invoices()] == ["paid", "void"]
    assert shop.subscription()["items"].data[0].price.id == shop.small
    assert shop.fake.events_of("customer.subscription.pending_update_expired")


def test_voiding_its_invoice_gives_a_raise_up(shop: Shop) -> None:
    shop.subscribe()
    shop.fake.set_card(shop.customer, "declined")
    changed = shop.raise_to(shop.large)
    shop.v1.invoices.void_invoice(changed.latest_invoice.id)
    assert (shop.subscription().pending_update, shop.subscription().status) == (None, "active")
    with pytest.raises(stripe.InvalidRequestError):
        shop.v1.invoices.void_invoice(changed.latest_invoice.id)


@pytest.mark.parametrize("more", [{"metadata": {"a": "b"}}, {"cancel_at_period_end": False}])
def test_a_pending_raise_allows_nothing_beside_it(shop: Shop, more: Any) -> None:
    shop.subscribe()
    with pytest.raises(stripe.InvalidRequestError, match="pending_if_incomplete"):
        shop.raise_to(shop.large, **more)


def test_a_pending_raise_needs_a_fitting_way_of_payment(shop: Shop) -> None:
    shop.subscribe()
    shop.fake.set_card(shop.customer, "late")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.raise_to(shop.large)
    assert refused.value.param == "payment_behavior"
    changed = shop.raise_to(shop.large, payment_behavior="allow_incomplete")
    assert (changed.latest_invoice.status, changed["items"].data[0].price.id) == ("open", shop.large)
    shop.fake.settle_late(changed.latest_invoice.id)
    assert shop.invoices()[-1].status == "paid"


def test_a_raise_may_be_refused_as_a_whole(shop: Shop) -> None:
    shop.subscribe()
    shop.fake.set_card(shop.customer, "declined")
    with pytest.raises(stripe.CardError):
        shop.raise_to(shop.large, payment_behavior="error_if_incomplete")
    assert len(shop.invoices()) == 1
    changed = shop.raise_to(shop.large, payment_behavior="allow_incomplete")
    assert (changed.status, changed["items"].data[0].price.id) == ("past_due", shop.large)


def test_a_lower_price_without_proration_counts_from_the_next_invoice(shop: Shop) -> None:
    shop.subscribe(price=shop.large)
    shop.raise_to(shop.small, proration_behavior="none", payment_behavior="allow_incomplete")
    assert len(shop.invoices()) == 1
    shop.fake.advance(MONTH)
    assert [invoice.total for invoice in shop.invoices()] == [4900, 900]


def test_what_is_given_back_pays_later_invoices(shop: Shop) -> None:
    shop.subscribe(price=shop.large)
    changed = shop.raise_to(shop.small)
    assert (changed.latest_invoice.total, changed.latest_invoice.status) == (-4000, "paid")
    assert shop.v1.customers.retrieve(shop.customer).balance == -4000
    shop.fake.advance(MONTH)
    renewal = shop.invoices()[-1]
    assert (renewal.total, renewal.amount_due, renewal.status) == (900, 0, "paid")
    assert shop.v1.customers.retrieve(shop.customer).balance == -3100
