"""Show how shapes are read that Stripe sends only now and then, and the stateful fake never."""

from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from clients.stripe_reading import id_of, read_invoice, read_subscription

START, END = 1_790_000_000, 1_792_000_000


def _list(*things: dict[str, Any]) -> dict[str, Any]:
    return {"object": "list", "data": list(things), "has_more": False, "url": "/v1/things"}


def _subscription(**more: Any) -> stripe.Subscription:
    item = {
        "id": "si_1",
        "object": "subscription_item",
        "current_period_start": START,
        "current_period_end": END,
        "price": {"id": "price_1", "object": "price"},
    }
    plain = {
        "id": "sub_1",
        "object": "subscription",
        "customer": {"id": "cus_1", "object": "customer"},
        "status": "active",
        "items": _list(item),
        "cancel_at_period_end": False,
        "cancel_at": None,
        "created": START,
        "ended_at": None,
        "pending_update": None,
        "latest_invoice": {"id": "in_1", "object": "invoice"},
        "metadata": {},
    }
    return stripe.Subscription.construct_from({**plain, **more}, "sk_test")


def _invoice(**more: Any) -> stripe.Invoice:
    plain = {
        "id": "in_1",
        "object": "invoice",
        "customer": "cus_1",
        "parent": None,
        "billing_reason": None,
        "status": None,
        "total": 0,
        "amount_due": 0,
        "amount_paid": 0,
        "currency": "usd",
        "created": START,
        "status_transitions": {"paid_at": None},
        "number": None,
        "hosted_invoice_url": None,
        "lines": _list(),
        "metadata": None,
    }
    return stripe.Invoice.construct_from({**plain, **more}, "sk_test")


@pytest.mark.parametrize(
    ("flag", "date", "ends"),
    [(False, None, False), (True, END, True), (False, END, True), (False, END - 1, True), (False, END + 1, False)],
)
def test_a_date_within_the_period_is_an_end_too(flag: bool, date: int | None, ends: bool) -> None:
    told = read_subscription(_subscription(cancel_at_period_end=flag, cancel_at=date))
    assert told.cancel_at_period_end is ends
    assert (told.customer_id, told.latest_invoice_id) == ("cus_1", "in_1")


def test_payments_that_were_given_up_do_not_count() -> None:
    def payment(status: str, intent: Any) -> dict[str, Any]:
        return {"id": f"inpay_{status}", "object": "invoice_payment", "status": status, "payment": intent}

    payments = _list(
        payment("paid", {"type": "payment_intent", "payment_intent": "pi_1"}),
        payment("open", {"type": "payment_intent", "payment_intent": {"id": "pi_2", "object": "payment_intent"}}),
        payment("canceled", {"type": "payment_intent", "payment_intent": "pi_3"}),
        payment("paid", {"type": "payment_record", "payment_record": "pr_1"}),
    )
    assert read_invoice(_invoice(payments=payments)).payment_ids == ("pi_1", "pi_2")


@pytest.mark.parametrize("name", ["subscription_item_details", "invoice_item_details"])
@pytest.mark.parametrize("proration", [True, False])
def test_a_proration_is_known_under_either_name(name: str, proration: bool) -> None:
    line = {
        "id": "il_1",
        "object": "line_item",
        "amount": -1900,
        "period": {"start": START, "end": END},
        "pricing": {"type": "price_details", "price_details": {"price": "price_1", "product": "prod_1"}},
        "parent": {"type": name, name: {"proration": proration}},
    }
    (told,) = read_invoice(_invoice(lines=_list(line))).lines
    assert (told.proration, told.price_id, told.amount) == (proration, "price_1", -1900)
    assert (told.start, told.end) == (datetime.fromtimestamp(START, UTC), datetime.fromtimestamp(END, UTC))


def test_a_line_and_an_invoice_without_details() -> None:
    line = {"id": "il_1", "object": "line_item", "amount": 5, "period": {"start": START, "end": END}}
    told = read_invoice(_invoice(lines=_list({**line, "pricing": None, "parent": None})))
    assert (told.lines[0].price_id, told.lines[0].proration) == (None, False)
    assert (told.status, told.reason, told.subscription_id, told.payment_ids) == ("draft", "manual", None, ())
    assert told.metadata == {}


def test_an_id_comes_alone_or_with_its_object() -> None:
    assert [id_of(one) for one in (None, "", "cus_1", {"id": "cus_2"})] == [None, None, "cus_1", "cus_2"]
