"""Check how the fake Stripe's events are signed, kept and delivered."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import stripe

from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.shop import NOON, Shop


@pytest.fixture
def shop() -> Iterator[Shop]:
    with FakeStripe(now=NOON, serve=False) as fake:
        yield Shop(fake)


def test_events_are_signed_as_the_sdk_expects(shop: Shop) -> None:
    event = shop.fake.events_of("customer.created")[0]
    body, signature = shop.fake.signed(event)
    read = stripe.Webhook.construct_event(body, signature, "whsec_fake")
    assert (read.type, read.data.object["id"], read.livemode) == ("customer.created", shop.customer, False)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, signature, "whsec_other")
    old = shop.fake.signed(event, timestamp=int(time.time()) - 400)[1]
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, old, "whsec_fake")


def test_an_event_keeps_the_object_as_it_was(shop: Shop) -> None:
    subscription = shop.subscribe()
    created = shop.fake.events_of("customer.subscription.created")[0]
    assert (created["data"]["object"]["status"], subscription.status) == ("incomplete", "active")
    updated = shop.fake.events_of("customer.subscription.updated")[0]
    assert updated["data"]["previous_attributes"]["status"] == "incomplete"
    listed = shop.v1.events.list({"type": "customer.subscription.created"}).data
    assert [event.id for event in listed] == [created["id"]]


class Receiver(BaseHTTPRequestHandler):
    """Answer 500 to the first delivery, then 200."""

    got: list[str] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        event = stripe.Webhook.construct_event(body, self.headers["stripe-signature"], "whsec_fake")
        self.got.append(event.id)
        self.send_response(500 if len(self.got) == 1 else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing."""


@pytest.fixture
def receiver() -> Iterator[ThreadingHTTPServer]:
    Receiver.got.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_events_are_delivered_in_order_and_again_when_refused(receiver: ThreadingHTTPServer) -> None:
    with FakeStripe(f"http://127.0.0.1:{receiver.server_address[1]}/hook", now=NOON) as fake:
        Shop(fake).subscribe()
        fake.wait_delivered()
        ids = [event["id"] for event in fake.events]
        assert Receiver.got == [ids[0], *ids]
        assert fake.deliver(fake.events[0]).status_code == 200


def test_held_events_are_delivered_as_one_likes() -> None:
    got: list[str] = []

    def take(body: bytes, signature: str) -> int:
        got.append(stripe.Webhook.construct_event(body, signature, "whsec_fake").id)
        return 200

    with FakeStripe(now=NOON, receiver=take) as fake:
        fake.hold = True
        Shop(fake).subscribe()
        fake.wait_delivered()
        assert got == []
        ids = [event["id"] for event in fake.held]
        fake.flush(lambda events: [*events[::-1], events[0]])
        assert got == [*ids[::-1], ids[0]] and fake.held == []
