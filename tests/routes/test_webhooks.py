"""Nobody but Stripe moves a wallet through the webhook, and Stripe does so once for each thing that has happened."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import stripe as stripe_sdk
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clients.stripe_signed_events import MAX_BYTES
from models import User
from services import audit, billing
from services.house import House
from services.stripe_records import account_mark
from services.transaction import utcnow
from tests.fakes.stripe import FakeStripe
from tests.support.actors import Actor
from tests.support.tills import WEBHOOK, Holding, books, customer_of, event_row, holding, price_list_at

Thing = dict[str, Any]
AGE = 300


@pytest.fixture(autouse=True)
def _till(house: House, request: pytest.FixtureRequest) -> None:
    """Sell at the fake, and keep its events until the test delivers them."""
    if "stripe" in request.fixturenames:
        stripe: FakeStripe = request.getfixturevalue("stripe")
        price_list_at(stripe, house.db)
        stripe.hold = True


@pytest.fixture
def paid(alice: Actor, stripe: FakeStripe) -> Thing:
    """Return the event of a pack that Alice has paid."""
    page = alice.post("/api/credits/purchase", json={"pack_size": 100}).get_json()
    stripe.pay(page["session_id"])
    return stripe.events_of("checkout.session.completed")[0]


def post(client: FlaskClient, body: bytes, signature: str | None) -> TestResponse:
    """Send what claims to be an event."""
    headers = {} if signature is None else {"Stripe-Signature": signature}
    return client.post(WEBHOOK, data=body, content_type="application/json", headers=headers)


def deliver(client: FlaskClient, stripe: FakeStripe, event: Thing) -> TestResponse:
    """Send an event as Stripe does."""
    return post(client, *stripe.signed(event))


def signed(body: bytes, secret: str, at: int | None = None) -> str:
    return stripe_sdk.WebhookSignature.generate_signature_header(body.decode(), secret, at)


def now() -> int:
    return int(utcnow().timestamp())


# --- What is refused ------------------------------------------------------------------------------------------------

Forgery = Callable[[bytes, str], tuple[bytes, str | None]]
"""Makes of an event's body and the right secret what is sent, and the signature."""


def nested(body: bytes, secret: str) -> tuple[bytes, str]:
    deep = b"[" * 200_000
    return deep, signed(deep, secret)


def of_words(words: bytes) -> Forgery:
    return lambda _body, secret: (words, signed(words, secret))


FORGED: dict[str, Forgery] = {
    "unsigned": lambda body, secret: (body, None),
    "with an empty signature": lambda body, secret: (body, ""),
    "with a signature of nothing": lambda body, secret: (body, "t=1,v1=00"),
    "with a signature that is no ASCII": lambda body, secret: (body, f"t={now()},v1=é"),
    "tampered with": lambda body, secret: (body.replace(b'"paid"', b'"PAID"'), signed(body, secret)),
    "longer than what was signed": lambda body, secret: (body + b" ", signed(body, secret)),
    "signed with another secret": lambda body, secret: (body, signed(body, "whsec_somebody_elses")),
    "signed with no secret": lambda body, secret: (body, signed(body, "")),
    "too old": lambda body, secret: (body, signed(body, secret, now() - AGE - 5)),
    "empty": lambda body, secret: (b"", signed(b"", secret)),
    "no JSON": of_words(b"id=evt_1&type=invoice.paid"),
    "no object": of_words(b"[1, 2, 3]"),
    "JSON that is no event": of_words(b'{"object": "invoice", "id": "in_1"}'),
    "an event without an object": of_words(b'{"object": "event", "id": "evt_1", "type": "invoice.paid", "data": {}}'),
    "absurdly nested": nested,
    "not in UTF-8": lambda body, secret: (b"\xff\xfe" + body, signed(body, secret)),
}


@pytest.mark.one_database
@pytest.mark.parametrize("how", FORGED)
def test_what_stripe_has_not_signed_or_nobody_can_read_is_refused(
    client: FlaskClient, house: House, stripe: FakeStripe, paid: Thing, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before, asked = books(house.db), len(stripe.calls)
    body, _right = stripe.signed(paid)
    answer = post(client, *FORGED[how](body, stripe.webhook_secret))
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_signature")
    assert books(house.db) == before
    assert len(stripe.calls) == asked, "Stripe was asked about something that it has not signed"
    assert event_row(house.db, paid["id"]) is None
    nothing_secret(stripe, capsys.readouterr().err + answer.get_data(as_text=True))


def nothing_secret(stripe: FakeStripe, *texts: str) -> None:
    """Check that no secret stands in what was logged, stored or answered."""
    for text in texts:
        assert stripe.secret_key not in text
        assert stripe.webhook_secret not in text


@pytest.mark.one_database
@pytest.mark.parametrize("size", [MAX_BYTES + 1, 2 * 1024 * 1024])
def test_a_huge_event_is_refused(client: FlaskClient, house: House, stripe: FakeStripe, paid: Thing, size: int) -> None:
    before = books(house.db)
    body = json.dumps({**paid, "padding": ""}).encode()
    body = body.replace(b'"padding": ""', b'"padding": "' + b"x" * (size - len(body)) + b'"')
    assert len(body) == size
    answer = post(client, body, signed(body, stripe.webhook_secret))
    assert answer.status_code == (413 if size > 1024 * 1024 else 400)
    assert answer.get_json()["error"] in ("too_large", "invalid_signature")
    assert books(house.db) == before


@pytest.mark.one_database
def test_an_event_just_before_it_is_too_old_counts(
    client: FlaskClient, house: House, stripe: FakeStripe, paid: Thing
) -> None:
    assert post(client, *stripe.signed(paid, timestamp=now() - AGE + 30)).status_code == 200
    assert event_row(house.db, paid["id"])


@pytest.mark.one_database
def test_a_live_event_is_refused_by_a_test_server(
    client: FlaskClient, house: House, stripe: FakeStripe, paid: Thing
) -> None:
    before = books(house.db)
    answer = deliver(client, stripe, {**paid, "livemode": True})
    assert (answer.status_code, answer.get_json()["error"]) == (400, "wrong_mode")
    assert books(house.db) == before
    assert event_row(house.db, paid["id"]) is None


@pytest.mark.one_database
@pytest.mark.parametrize("overrides", [{"stripe_webhook_secret": None}, {"payments": "simulated"}])
def test_a_server_without_a_secret_or_with_simulated_payments_has_no_webhook(
    client: FlaskClient, alice: Actor, house: House, stripe: FakeStripe
) -> None:
    before = books(house.db)
    event = {"id": "evt_1", "object": "event", "type": "invoice.paid", "data": {"object": {}}}
    for signature in (stripe.signed(event)[1], signed(stripe.signed(event)[0], ""), "", None):
        answer = post(client, stripe.signed(event)[0], signature)
        assert (answer.status_code, answer.get_json()["error"]) == (404, "not_found")
    assert books(house.db) == before


@pytest.mark.one_database
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_only_post_is_taken(client: FlaskClient, method: str) -> None:
    answer = client.open(WEBHOOK, method=method)
    assert (answer.status_code, answer.get_json()["error"]) == (405, "method_not_allowed")


# --- What changes nothing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("type", ["invoice.created", "something.new"])
def test_an_event_that_nobody_listens_to_is_counted_and_changes_nothing(
    client: FlaskClient, house: House, stripe: FakeStripe, paid: Thing, type: str
) -> None:
    before = books(house.db)
    event = {**paid, "type": type}
    for outcome in ("unknown_type", "already_done"):
        answer = deliver(client, stripe, event)
        assert (answer.status_code, answer.get_json()) == (200, {"received": True, "outcome": outcome})
    row = event_row(house.db, paid["id"])
    assert row is not None
    assert (row.outcome, row.type, row.attempts) == ("unknown_type", type, 1)
    assert books(house.db) == before


def test_the_same_event_counts_once(
    client: FlaskClient, house: House, stripe: FakeStripe, alice: Actor, paid: Thing
) -> None:
    assert deliver(client, stripe, paid).get_json()["outcome"] == "applied"
    assert holding(house.db, alice.id) == Holding("free", 20, 100, None, False)
    before, asked = books(house.db), len(stripe.calls)
    for _ in range(3):
        answer = deliver(client, stripe, paid)
        assert (answer.status_code, answer.get_json()["outcome"]) == (200, "already_done")
    assert books(house.db) == before
    assert len(stripe.calls) == asked
    row = event_row(house.db, paid["id"])
    assert row is not None
    assert (row.outcome, row.attempts, row.error) == ("applied", 1, None)
    # Stripe tells the same payment once more by another event.
    assert deliver(client, stripe, {**paid, "id": "evt_another"}).get_json()["outcome"] == "unchanged"
    assert books(house.db) == before
    assert audit.audit(house.db) == []


@pytest.mark.one_database
def test_what_an_event_says_of_itself_is_not_believed(
    client: FlaskClient, house: House, stripe: FakeStripe, alice: Actor
) -> None:
    """A signed event from before the payment page was left says that it was paid; Stripe, asked now, says no."""
    page = alice.post("/api/credits/purchase", json={"pack_size": 1000}).get_json()
    session = {**stripe.sessions[page["session_id"]], "status": "complete", "payment_status": "paid"}
    event = {"id": "evt_1", "object": "event", "type": "checkout.session.completed", "livemode": False}
    event |= {"created": now(), "data": {"object": session}}
    before = books(house.db)
    assert deliver(client, stripe, event).status_code == 200
    assert books(house.db) == before


def foreign_payment(stripe: FakeStripe, house: House, metadata: dict[str, str]) -> Thing:
    """Return the event of a paid pack whose customer somebody else has made at the same Stripe account."""
    from_us = stripe.http_client()
    shop = stripe_sdk.StripeClient(stripe.secret_key, base_addresses={"api": stripe.url}, http_client=from_us)
    customer = shop.v1.customers.create({"email": "alice@example.com", "metadata": metadata})
    pack = next(price for price in stripe.prices.values() if price["type"] == "one_time")
    page = shop.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "customer": customer.id,
            "line_items": [{"price": pack["id"], "quantity": 1}],
            "success_url": "https://other.example/",
            "metadata": {**metadata, "pack": "1000"},
        }
    )
    stripe.pay(page.id)
    return stripe.events_of("checkout.session.completed")[-1]


STRANGERS: dict[str, Callable[[User], dict[str, str]]] = {
    "nobody's": lambda alice: {},
    "another product's": lambda alice: {"app": "newsletter", "account": "4711"},
    "another product's that counts its accounts too": lambda alice: {"app": "newsletter", "account": str(alice.id)},
    "of an account that had this number before": lambda alice: {"app": "devops-agent", "account": f"{alice.id}-1"},
    "of an account that is not here": lambda alice: {"app": "devops-agent", "account": "987654-1790000000"},
    "marked with a number that no database holds": lambda alice: {"account": f"{10**30}-1"},
    "marked with other digits": lambda alice: {"account": "²-1"},
}


@pytest.mark.one_database
@pytest.mark.parametrize("whose", STRANGERS)
def test_a_payment_of_a_strange_customer_changes_nothing(
    client: FlaskClient, house: House, stripe: FakeStripe, alice: Actor, whose: str
) -> None:
    with house.db.read() as tx:
        event = foreign_payment(stripe, house, STRANGERS[whose](tx.get_one(User, alice.id)))
    before = books(house.db)
    for outcome in ("foreign", "already_done"):
        answer = deliver(client, stripe, event)
        assert (answer.status_code, answer.get_json()["outcome"]) == (200, outcome)
    assert books(house.db) == before


@pytest.mark.one_database
def test_a_customer_that_is_gone_or_was_never_there_changes_nothing(
    client: FlaskClient, house: House, stripe: FakeStripe, paid: Thing
) -> None:
    before = books(house.db)
    for number, customer in enumerate(("cus_unknown", None, "")):
        event = {**paid, "id": f"evt_{number}"}
        event["data"] = {"object": {**paid["data"]["object"], "customer": customer, "payment_intent": "pi_unknown"}}
        assert deliver(client, stripe, event).get_json()["outcome"] == "foreign"
    assert books(house.db) == before


def test_a_customer_stays_whose_it_is_whatever_its_mark_says_later(
    client: FlaskClient, house: House, stripe: FakeStripe, alice: Actor, bob: Actor, paid: Thing
) -> None:
    """Somebody writes Bob's mark on Alice's customer in the dashboard; our own records say whose it is."""
    with house.db.read() as tx:
        bobs = account_mark(tx.get_one(User, bob.id))
    stripe.customers[customer_of(house.db, alice.id)]["metadata"]["account"] = bobs
    assert deliver(client, stripe, paid).get_json()["outcome"] == "applied"
    assert holding(house.db, alice.id).pack == 100
    assert holding(house.db, bob.id).pack == 0
    assert audit.audit(house.db) == []


def test_a_customer_with_our_mark_that_our_records_have_lost_is_known_again(
    client: FlaskClient, house: House, stripe: FakeStripe, alice: Actor
) -> None:
    with house.db.read() as tx:
        mark = account_mark(tx.get_one(User, alice.id))
    event = foreign_payment(stripe, house, {"app": "devops-agent", "account": mark})
    assert deliver(client, stripe, event).get_json()["outcome"] == "applied"
    assert holding(house.db, alice.id).pack == 1000
    assert audit.audit(house.db) == []


# --- What goes wrong ------------------------------------------------------------------------------------------------


def test_an_event_that_could_not_be_handled_is_handled_when_it_comes_again(
    client: FlaskClient,
    house: House,
    stripe: FakeStripe,
    alice: Actor,
    paid: Thing,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = books(house.db)
    stripe.fail("GET /v1/invoices", "500", times=None)
    answer = deliver(client, stripe, paid)
    assert (answer.status_code, answer.get_json()["error"]) == (500, "event_failed")
    failed = event_row(house.db, paid["id"])
    assert failed is not None
    assert (failed.outcome, failed.attempts) == ("failed", 1)
    assert failed.error
    assert books(house.db) == before
    nothing_secret(stripe, failed.error, answer.get_data(as_text=True), capsys.readouterr().err, caplog.text)
    assert paid["id"] in caplog.text, "the operator learns nothing of it"
    stripe.stop_failing()
    assert deliver(client, stripe, paid).get_json() == {"received": True, "outcome": "applied"}
    handled = event_row(house.db, paid["id"])
    assert handled is not None
    assert (handled.outcome, handled.attempts, handled.error) == ("applied", 2, None)
    assert holding(house.db, alice.id).pack == 100
    assert audit.audit(house.db) == []


@pytest.mark.one_database
@pytest.mark.parametrize("how", ["drop_before", "429"])
def test_every_failed_try_is_counted(
    client: FlaskClient, house: House, stripe: FakeStripe, paid: Thing, how: str
) -> None:
    before = books(house.db)
    stripe.fail("GET /v1/customers/*", how, times=None)
    for attempts in (1, 2):
        assert deliver(client, stripe, paid).status_code == 500
        row = event_row(house.db, paid["id"])
        assert row is not None
        assert (row.outcome, row.attempts) == ("failed", attempts)
    assert books(house.db) == before


@pytest.mark.one_database
def test_a_key_that_stripe_no_longer_takes_is_no_reason_to_show_it(
    app: Flask, client: FlaskClient, house: House, stripe: FakeStripe, paid: Thing, capsys: pytest.CaptureFixture[str]
) -> None:
    right, stripe.api.secret_key = stripe.secret_key, "sk_test_the_operator_has_rolled_it"
    answer = deliver(client, stripe, paid)
    assert answer.status_code == 500
    row = event_row(house.db, paid["id"])
    assert row is not None
    assert "STRIPE_SECRET_KEY" in (row.error or "")
    nothing_secret(stripe, row.error or "", answer.get_data(as_text=True), capsys.readouterr().err)
    stripe.api.secret_key = right
    assert deliver(client, stripe, paid).status_code == 200


@pytest.mark.one_database
def test_a_deleted_account_pays_no_more_also_when_its_events_come_late(
    client: FlaskClient, house: House, stripe: FakeStripe, alice: Actor
) -> None:
    """She pays, and deletes her account before Stripe's word of it arrives: the plan ends all the same."""
    page = billing.choose_tier(
        house.db, house.gateway, alice.id, tier_name="starter", site="http://shop.test", now=utcnow()
    )
    stripe.pay(page["session_id"])
    assert alice.submit("/settings/delete", {"password": alice.password}, page="/settings").status_code == 303
    for event in stripe.held:
        assert deliver(client, stripe, event).status_code == 200
    assert {one["status"] for one in stripe.subscriptions.values()} == {"canceled"}
    assert holding(house.db, alice.id).tier == "free"
    assert audit.audit(house.db) == []
