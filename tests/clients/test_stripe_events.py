"""Show which events are believed, and what is read from them."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from clients.payments import BadSignature, Event
from clients.stripe_gateway import StripeGateway
from errors import NotFound
from tests.support.canned_stripe import SECRET_KEY, WEBHOOK_SECRET, canned_gateway


def event(thing: object, **more: object) -> dict[str, Any]:
    return {
        "id": "evt_1",
        "object": "event",
        "type": "invoice.paid",
        "created": 1_790_000_000,
        "livemode": False,
        "data": {"object": thing},
        **more,
    }


def signed(body: str, *, secret: str = WEBHOOK_SECRET, at: int | None = None) -> tuple[bytes, str]:
    return body.encode(), stripe.WebhookSignature.generate_signature_header(body, secret, at)


def read(thing: object, **more: object) -> Event:
    gateway, _ = canned_gateway()
    return gateway.read_event(*signed(json.dumps(event(thing, **more))))


def refusal(body: bytes, signature: str) -> BadSignature:
    gateway, client = canned_gateway()
    with pytest.raises(BadSignature) as caught:
        gateway.read_event(body, signature)
    assert client.calls == []
    assert "5ecret" not in str(caught.value)
    return caught.value


# --- What is read ---------------------------------------------------------------------------------------------------


def test_a_signed_event_tells_what_it_points_to() -> None:
    found = read({"id": "in_1", "object": "invoice", "customer": "cus_1"}, livemode=True)
    assert found == Event(
        id="evt_1",
        type="invoice.paid",
        livemode=True,
        created=datetime.fromtimestamp(1_790_000_000, UTC),
        object_type="invoice",
        object_id="in_1",
        customer_id="cus_1",
        payment_id=None,
    )


@pytest.mark.parametrize(
    ("thing", "customer", "payment"),
    [
        ({"id": "cs_1", "object": "checkout.session", "customer": "cus_1", "payment_intent": "pi_1"}, "cus_1", "pi_1"),
        ({"id": "sub_1", "object": "subscription", "customer": {"id": "cus_2", "object": "customer"}}, "cus_2", None),
        ({"id": "ch_1", "object": "charge", "customer": "cus_1", "payment_intent": {"id": "pi_1"}}, "cus_1", "pi_1"),
        ({"id": "ch_1", "object": "charge", "customer": None, "payment_intent": None}, None, None),
        ({"id": "pi_1", "object": "payment_intent", "customer": "cus_1"}, "cus_1", "pi_1"),
        ({"id": "cus_3", "object": "customer"}, "cus_3", None),
        ({"id": "du_1", "object": "dispute", "charge": "ch_1", "payment_intent": "pi_2"}, None, "pi_2"),
        ({"id": "du_1", "object": "dispute", "charge": "ch_1", "payment_intent": None}, None, "ch_1"),
        ({"object": "balance"}, None, None),
    ],
)
def test_whom_and_which_payment_an_event_is_about(
    thing: dict[str, Any], customer: str | None, payment: str | None
) -> None:
    found = read(thing)
    assert (found.object_type, found.customer_id, found.payment_id) == (thing["object"], customer, payment)


def test_one_of_two_signatures_is_enough_while_a_secret_is_replaced() -> None:
    body = json.dumps(event({"id": "in_1", "object": "invoice"}))
    payload, old = signed(body, secret="whsec_old")
    _, new = signed(body)
    gateway, _ = canned_gateway()
    assert gateway.read_event(payload, f"{new},{old.partition(',')[2]}").id == "evt_1"


# --- What is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "signature", ["", "t=1", "v1=1", "t=,v1=", "nonsense", "t=1,v1=é", "t=1,v1=\0", "t=x,v1=1", ","]
)
def test_a_header_that_is_no_signature_is_refused(signature: str) -> None:
    assert refusal(b"{}", signature).status == 400


def test_a_changed_body_or_another_secret_is_refused() -> None:
    body, signature = signed(json.dumps(event({"id": "in_1", "object": "invoice"})))
    refusal(body + b" ", signature)
    refusal(*signed(body.decode(), secret="whsec_of_somebody_else"))


def test_an_old_event_is_refused() -> None:
    body = json.dumps(event({"id": "in_1", "object": "invoice"}))
    gateway, _ = canned_gateway()
    assert gateway.read_event(*signed(body, at=int(time.time()) - 290)).id == "evt_1"
    refusal(*signed(body, at=int(time.time()) - 310))


def test_a_body_that_is_no_text_or_too_large_is_refused() -> None:
    refusal(b"\xff\xfe", signed("x")[1])
    assert "too large" in refusal(b" " * 1_000_001, "t=1,v1=1").message


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "null",
        "[]",
        "7",
        '"event"',
        "{}",
        "[" * 100_000,
        json.dumps({"object": "v2.core.event", "id": "evt_1"}),
        json.dumps(event({"id": "in_1"})),
        json.dumps(event(None)),
        json.dumps(event("in_1")),
        json.dumps(event({"object": "invoice"}, id=7)),
        json.dumps(event({"object": "invoice"}, type="")),
        json.dumps(event({"object": "invoice"}, created="today")),
        json.dumps(event({"object": "invoice"}, created=10**30)),
        json.dumps(event({"object": "invoice", "customer": ["cus_1"]})),
        json.dumps({name: value for name, value in event({"object": "invoice"}).items() if name != "livemode"}),
        json.dumps({name: value for name, value in event({"object": "invoice"}).items() if name != "data"}),
    ],
)
def test_a_signed_body_that_is_no_event_is_refused(body: str) -> None:
    found = refusal(*signed(body))
    assert (found.status, found.message) == (400, "The body is signed, but it is no event that can be read.")


def test_without_a_secret_there_is_no_webhook() -> None:
    for secret in (None, ""):
        with pytest.raises(NotFound):
            StripeGateway(SECRET_KEY, webhook_secret=secret).read_event(b"{}", "t=1,v1=1")
