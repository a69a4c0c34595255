"""Check what the fake Stripe does with money that was paid once: packs, refunds, disputes."""

from collections.abc import Iterator

import pytest
import stripe

from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.shapes import complaint
from tests.fakes.stripe.shop import MONTH, NOON, Shop


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe(now=NOON, serve=False) as server:
        yield server


@pytest.fixture
def shop(fake: FakeStripe) -> Shop:
    return Shop(fake)


@pytest.fixture
def payment(shop: Shop) -> str:
    """Return the payment intent of a pack that was bought."""
    page = shop.page(shop.pack, "payment")
    shop.fake.pay(page.id)
    bought = shop.v1.checkout.sessions.retrieve(page.id)
    assert (bought.payment_status, bought.subscription) == ("paid", None)
    return str(bought.payment_intent)


def test_a_purchase_is_a_charge_that_carries_the_pages_words(shop: Shop, payment: str) -> None:
    charge = shop.v1.charges.list({"payment_intent": payment}).data[0]
    assert (charge.status, charge.amount, charge.metadata["token"]) == ("succeeded", 1000, "t1")
    assert charge.receipt_url == f"{shop.fake.url}/r/{charge.id}"
    assert shop.v1.payment_intents.retrieve(payment).latest_charge == charge.id


def test_a_late_purchase_is_unpaid_until_it_settles(shop: Shop) -> None:
    page = shop.page(shop.pack, "payment")
    shop.fake.pay(page.id, "late")
    assert shop.v1.charges.list().data[0].status == "pending"
    shop.fake.settle_late(page.id, ok=False)
    assert shop.v1.charges.list().data[0].status == "failed"
    assert shop.fake.events[-1]["type"] == "checkout.session.async_payment_failed"
    with pytest.raises(stripe.InvalidRequestError, match="successful charge"):
        shop.v1.refunds.create({"payment_intent": shop.fake.payment_of(page.id) or ""})


def test_refunds_add_up_and_cannot_exceed(shop: Shop, payment: str) -> None:
    shop.v1.refunds.create({"payment_intent": payment, "amount": 300})
    charge = shop.v1.charges.list().data[0]
    assert (charge.amount_refunded, charge.refunded) == (300, False)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        shop.v1.refunds.create({"payment_intent": payment, "amount": 701})
    shop.fake.refund(payment)
    charge = shop.v1.charges.list().data[0]
    assert (charge.amount_refunded, charge.refunded) == (1000, True)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.v1.refunds.create({"payment_intent": payment})
    assert refused.value.code == "charge_already_refunded"
    assert [one.amount for one in shop.v1.refunds.list({"payment_intent": payment}).data] == [700, 300]
    assert len(shop.fake.events_of("charge.refunded")) == 2


@pytest.mark.parametrize(("won", "status"), [(True, "won"), (False, "lost")])
def test_a_dispute_is_won_or_lost(shop: Shop, payment: str, won: bool, status: str) -> None:
    dispute = shop.fake.dispute(payment, amount=600)
    assert shop.v1.charges.list().data[0].disputed
    found = shop.v1.disputes.list({"payment_intent": payment}).data[0]
    assert (found.id, found.status, found.amount) == (dispute, "needs_response", 600)
    with pytest.raises(stripe.InvalidRequestError, match="charged back"):
        shop.v1.refunds.create({"payment_intent": payment})
    shop.fake.close_dispute(dispute, won)
    assert shop.v1.disputes.retrieve(dispute).status == status
    assert shop.fake.events_of("charge.dispute.closed")


def test_an_inquiry_takes_nothing_until_it_grows(shop: Shop, payment: str) -> None:
    dispute = shop.fake.dispute(payment, inquiry=True)
    assert shop.v1.disputes.retrieve(dispute).status == "warning_needs_response"
    assert not shop.fake.events_of("charge.dispute.funds_withdrawn")
    shop.fake.escalate_dispute(dispute)
    assert shop.v1.disputes.retrieve(dispute).status == "needs_response"
    second = shop.fake.dispute(payment, inquiry=True)
    shop.fake.close_dispute(second, won=False)
    assert shop.v1.disputes.retrieve(second).status == "warning_closed"


def test_the_payment_of_an_invoice_is_found_from_both_sides(shop: Shop) -> None:
    shop.subscribe()
    invoice = shop.invoices()[0]
    intent = invoice.payments.data[0].payment.payment_intent
    found = shop.v1.invoice_payments.list({"payment": {"type": "payment_intent", "payment_intent": intent}}).data
    assert [one.invoice for one in found] == [invoice.id]
    assert [one.amount_paid for one in shop.v1.invoice_payments.list({"invoice": invoice.id}).data] == [900]


def test_an_invoice_is_paid_by_the_api_or_refused(shop: Shop) -> None:
    shop.subscribe()
    shop.fake.set_card(shop.customer, "declined")
    invoice = shop.raise_to(shop.large).latest_invoice
    with pytest.raises(stripe.CardError) as refused:
        shop.v1.invoices.pay(invoice.id)
    assert (refused.value.code, refused.value.user_message) == ("card_declined", "Your card was declined.")
    shop.fake.set_card(shop.customer, "ok")
    assert shop.v1.invoices.pay(invoice.id).status == "paid"
    marked = shop.v1.invoices.update(invoice.id, {"metadata": {"change": "up"}})
    assert marked.metadata["change"] == "up"  # type: ignore[index]


def test_every_object_and_every_snapshot_keeps_the_sdks_shape(shop: Shop, payment: str) -> None:
    shop.subscribe("action")
    shop.raise_to(shop.large)
    shop.fake.dispute(payment)
    shop.fake.advance(MONTH)
    shop.fake.set_card(shop.customer, "late")
    shop.fake.pay(shop.page(shop.pack, "payment").id, "declined")
    shop.v1.subscriptions.update(shop.subscription().id, {"cancel_at_period_end": True})
    shop.fake.advance(MONTH)
    shop.fake.delete_customer(shop.customer)
    things = [thing for table in shop.fake.world.tables.values() for thing in table.values()]
    snapshots = [event["data"]["object"] for event in shop.fake.events]
    assert len(snapshots) > 40
    assert [wrong for thing in [*things, *snapshots] if (wrong := complaint(thing))] == []
    assert [wrong for event in shop.fake.events if (wrong := complaint(event))] == []
