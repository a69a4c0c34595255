"""Show what becomes of Stripe's refusals, of silence, and of answers that are none of Stripe's."""

import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from clients.payments import Gateway, NoSuchObject, PaymentDeclined, PaymentsUnavailable, Subscription
from clients.stripe_failures import KEY_REFUSED, KEY_TOO_NARROW
from clients.stripe_gateway import NO_CARD, StripeGateway
from errors import AppError
from tests.support.canned_stripe import SECRET_KEY, Answer, canned_gateway, refused

DAY_ONE = datetime(2026, 1, 31, tzinfo=UTC)
SUBSCRIPTION = Subscription(
    id="sub_1",
    customer_id="cus_1",
    status="active",
    item_id="si_1",
    price_id="price_1",
    period_start=DAY_ONE,
    period_end=datetime(2026, 2, 28, tzinfo=UTC),
    cancel_at_period_end=False,
    created=DAY_ONE,
    ended_at=None,
    pending_update=False,
    latest_invoice_id=None,
)
INVOICE: dict[str, Any] = {
    "id": "in_1",
    "object": "invoice",
    "customer": "cus_1",
    "parent": None,
    "billing_reason": "subscription_update",
    "status": "open",
    "total": 100,
    "amount_due": 100,
    "amount_paid": 0,
    "currency": "usd",
    "created": 1_790_000_000,
    "status_transitions": {"paid_at": None},
    "number": None,
    "hosted_invoice_url": None,
    "lines": {"object": "list", "data": [], "has_more": False, "url": "/v1/invoices/in_1/lines"},
    "metadata": {},
}


def ask(*answers: Answer | Exception) -> Exception:
    gateway, _ = canned_gateway(*answers)
    with pytest.raises((AppError, NoSuchObject)) as caught:
        gateway.customer("cus_1")
    return caught.value


def raise_price(gateway: Gateway) -> Any:
    return gateway.raise_price(SUBSCRIPTION, "price_2", since=DAY_ONE, key="token")


# --- What each refusal becomes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (refused(404, "No such customer: 'cus_1'", code="resource_missing"), NoSuchObject, "resource_missing"),
        (refused(400, "Received unknown parameter: x", param="x"), NoSuchObject, "(x)"),
        (refused(401, f"Invalid API Key provided: {SECRET_KEY}"), PaymentsUnavailable, KEY_REFUSED),
        (refused(403, "The key lacks rak_customer_read"), PaymentsUnavailable, KEY_TOO_NARROW),
        (refused(402, "Your card was declined.", "card_error"), PaymentDeclined, "Your card was declined."),
        (refused(402, "", "card_error"), PaymentDeclined, "did not go through"),
        (refused(409, "In use", "idempotency_error"), PaymentsUnavailable, "does not answer"),
        (refused(400, "Other parameters", "idempotency_error"), PaymentsUnavailable, "does not answer"),
        (refused(429, "Slow down", "rate_limit_error"), PaymentsUnavailable, "does not answer"),
        (refused(500, "Oh", "api_error"), PaymentsUnavailable, "does not answer"),
        ((503, "<html>Be right back</html>"), PaymentsUnavailable, "does not answer"),
        ((200, "<html>Log in to the hotel</html>"), PaymentsUnavailable, "does not answer"),
        ((200, {"hello": "proxy"}), PaymentsUnavailable, "does not answer"),
        ((200, []), PaymentsUnavailable, "does not answer"),
        (stripe.APIConnectionError("unreachable"), PaymentsUnavailable, "does not answer"),
    ],
)
def test_each_refusal_has_its_meaning(answer: Answer | Exception, kind: type[Exception], words: str) -> None:
    found = ask(answer)
    assert type(found) is kind
    assert words in str(found)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 429, 500])
def test_no_secret_and_nobodys_words_are_told_or_logged(
    status: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    found = ask(refused(status, f"Invalid: {SECRET_KEY}, alice@example.com", code="some_code", param="email"))
    logged = caplog.text + "".join(capfd.readouterr())
    assert "req_canned" in logged and str(status) in logged
    for text in (logged, str(found) if status != 402 else "", repr(found.__cause__)):
        assert "5ecret" not in text and "alice@" not in text


def test_nothing_listens_there() -> None:
    nowhere = StripeGateway(SECRET_KEY, webhook_secret=None, base="http://127.0.0.1:1", timeout=0.5)
    with pytest.raises(PaymentsUnavailable):
        nowhere.customer("cus_1")


@pytest.mark.parametrize(("key", "live"), [("sk_live_1", True), ("rk_live_1", True), ("sk_test_1", False)])
def test_the_key_tells_whether_money_moves(key: str, live: bool) -> None:
    gateway = StripeGateway(key, webhook_secret=None)
    assert (gateway.livemode, gateway.simulated) == (live, False)


# --- What is asked twice --------------------------------------------------------------------------------------------

_NOT_OPEN = refused(400, 'Only Checkout Sessions with a status in ["open"] can be expired.')
_GONE = refused(404, "No such thing", code="resource_missing")


def _things(kind: str, *states: str) -> list[Answer]:
    return [(200, {"id": "x_1", "object": kind, "status": state}) for state in states]


@pytest.mark.parametrize(
    ("call", "answers", "calls"),
    [
        (lambda g: g.expire_checkout("cs_1"), [_NOT_OPEN, *_things("checkout.session", "complete")], 2),
        (lambda g: g.cancel_now("sub_1"), [_GONE, *_things("subscription", "canceled")], 2),
        (lambda g: g.cancel_now("sub_1"), [_GONE, *_things("subscription", "incomplete_expired")], 2),
        (lambda g: g.void_invoice("in_1"), [refused(400), *_things("invoice", "paid")], 2),
        (lambda g: g.void_invoice("in_1"), [refused(400), *_things("invoice", "void")], 2),
        (lambda g: g.void_invoice("in_1"), [refused(400), *_things("invoice", "draft", "open", "void")], 4),
        (lambda g: g.void_invoice("in_1"), [refused(400), *_things("invoice", "draft", "paid")], 3),
        (lambda g: g.refund("pi_1", key="k"), [refused(400, code="charge_already_refunded")], 1),
    ],
)
def test_what_is_done_already_is_no_failure(
    call: Callable[[StripeGateway], object], answers: list[Answer], calls: int
) -> None:
    gateway, client = canned_gateway(*answers)
    assert not call(gateway)
    assert len(client.calls) == calls


@pytest.mark.parametrize(
    ("call", "answers"),
    [
        (lambda g: g.expire_checkout("cs_1"), [_GONE]),
        (lambda g: g.expire_checkout("cs_1"), [refused(400), *_things("checkout.session", "open")]),
        (lambda g: g.cancel_now("sub_1"), [_GONE, _GONE]),
        (lambda g: g.cancel_now("sub_1"), [refused(400), *_things("subscription", "active")]),
        (lambda g: g.void_invoice("in_1"), [_GONE, _GONE]),
        (lambda g: g.void_invoice("in_1"), [refused(400), *_things("invoice", "open")]),
        (lambda g: g.refund("pi_1", key="k"), [refused(400, code="charge_disputed")]),
    ],
)
def test_what_cannot_be_done_is_one(call: Callable[[StripeGateway], object], answers: list[Answer]) -> None:
    gateway, client = canned_gateway(*answers)
    with pytest.raises(NoSuchObject):
        call(gateway)
    assert len(client.calls) == len(answers)


def test_a_drafts_last_step_does_not_charge() -> None:
    gateway, client = canned_gateway(refused(400), *_things("invoice", "draft", "open", "void"))
    gateway.void_invoice("in_1")
    assert client.calls[2:] == [("post", "/v1/invoices/in_1/finalize"), ("post", "/v1/invoices/in_1/void")]
    assert client.bodies[2] == "auto_advance=false"


def test_a_date_that_the_portal_has_set_is_taken_away_too() -> None:
    stays = {"id": "sub_1", "object": "subscription", "cancel_at": 1_790_000_000}
    gateway, client = canned_gateway((200, stays), (200, {**stays, "cancel_at": None}))
    gateway.set_coming(SUBSCRIPTION, "price_1", cancel=False, key="token")
    assert client.bodies[0].endswith("&cancel_at_period_end=false")
    assert client.bodies[1:] == ["cancel_at="]
    assert len(set(client.keys)) == 2


# --- A raise that cannot wait ---------------------------------------------------------------------------------------

_RAISED: Answer = (200, {"id": "sub_1", "object": "subscription", "latest_invoice": "in_1"})


@pytest.mark.parametrize(
    "refusal",
    [
        refused(400, "This way of payment is not supported.", param="payment_behavior"),
        refused(400, "`pending_if_incomplete` is not supported for this payment method type."),
        refused(400, "Pending updates are not supported for us_bank_account."),
    ],
)
def test_where_a_raise_cannot_wait_for_its_payment_it_is_made_at_once(refusal: Answer) -> None:
    gateway, client = canned_gateway(refusal, _RAISED, (200, INVOICE))
    assert raise_price(gateway).status == "open"
    assert "payment_behavior=pending_if_incomplete" in client.bodies[0]
    assert "payment_behavior=allow_incomplete" in client.bodies[1]
    assert f"proration_date={int(DAY_ONE.timestamp())}" in client.bodies[1]
    assert client.keys[:2] == ["token", "token:at-once"]


def test_a_raise_without_a_card_on_file_is_declined_in_plain_words() -> None:
    message = "This customer has no attached payment source or default payment method."
    gateway, client = canned_gateway(refused(400, message, code="resource_missing"))
    with pytest.raises(PaymentDeclined, match=r"no card on file") as caught:
        raise_price(gateway)
    assert (caught.value.status, caught.value.message) == (402, NO_CARD)
    assert len(client.calls) == 1


def test_another_refusal_of_a_raise_is_passed_on() -> None:
    gateway, client = canned_gateway(refused(404, "No such price", code="resource_missing", param="items[0][price]"))
    with pytest.raises(NoSuchObject):
        raise_price(gateway)
    assert len(client.calls) == 1


def test_a_raise_that_made_no_invoice_is_told() -> None:
    gateway, _ = canned_gateway((200, {"id": "sub_1", "object": "subscription", "latest_invoice": None}))
    with pytest.raises(NoSuchObject):
        raise_price(gateway)


# --- A deleted customer ---------------------------------------------------------------------------------------------


def _page(*things: dict[str, Any]) -> Answer:
    return 200, {"object": "list", "data": list(things), "has_more": False, "url": "/v1/x"}


def test_what_a_deleted_customer_had_is_fetched_where_it_is_no_longer_listed() -> None:
    subscription = {
        "id": "sub_1",
        "object": "subscription",
        "customer": "cus_1",
        "status": "canceled",
        "items": {
            "object": "list",
            "data": [
                {
                    "id": "si_1",
                    "object": "subscription_item",
                    "current_period_start": 1_790_000_000,
                    "current_period_end": 1_792_000_000,
                    "price": {"id": "price_1", "object": "price"},
                }
            ],
        },
        "cancel_at_period_end": False,
        "cancel_at": None,
        "created": 1_790_000_000,
        "ended_at": 1_791_000_000,
        "pending_update": None,
        "latest_invoice": "in_1",
        "metadata": {},
    }
    deleted = {"id": "cus_1", "object": "customer", "deleted": True}
    gateway, client = canned_gateway(
        (200, deleted), _GONE, _GONE, (200, subscription), _GONE, _GONE, _GONE, _page(INVOICE)
    )
    facts = gateway.facts("cus_1", subscription_ids=["sub_1", "sub_of_nobody", "sub_1"])
    assert facts.customer.deleted and facts.customer.account is None
    assert [(one.id, one.ended) for one in facts.subscriptions] == [("sub_1", True)]
    assert [one.id for one in facts.invoices] == ["in_1"]
    assert (facts.payments, facts.checkouts) == ((), ())
    assert client.calls[3:5] == [("get", "/v1/subscriptions/sub_1"), ("get", "/v1/subscriptions/sub_of_nobody")]
    assert "subscription=sub_1" in client.bodies[7]


def test_a_refused_list_is_no_empty_one_while_the_customer_is_there() -> None:
    gateway, _ = canned_gateway((200, {"id": "cus_1", "object": "customer", "metadata": {}}), _GONE)
    with pytest.raises(NoSuchObject):
        gateway.facts("cus_1")


def test_a_silent_server_is_given_up_after_the_time_given() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        base = f"http://127.0.0.1:{silent.getsockname()[1]}"
        gateway = StripeGateway(SECRET_KEY, webhook_secret=None, base=base, timeout=0.2)
        started = time.monotonic()
        with pytest.raises(PaymentsUnavailable):
            gateway.customer("cus_1")
        assert time.monotonic() - started < 10
