"""Deliver events as signed webhooks: in the background and in order, or by hand in any order and number."""

import json
import queue
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import requests

import stripe
from tests.fakes.stripe.store import Thing

Receiver = Callable[[bytes, str], int]
"""Takes a body and the signature's header, returns the status that the receiver answers."""
Order = str | Callable[[list[Thing]], list[Thing]] | None

TRIES = 4
PAUSE_SECONDS = 0.05
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Delivery:
    """One attempt to deliver."""

    event_id: str
    type: str
    status: int
    """What the receiver answered; 0 if it did not."""


class Post:
    """The way of events to the shop."""

    def __init__(self, url: str | None, secret: str, receiver: Receiver | None) -> None:
        self.url = url
        self.secret = secret
        self.receiver = receiver
        self.hold = False
        self.held: list[Thing] = []
        self.deliveries: list[Delivery] = []
        self._waiting: queue.SimpleQueue[Thing | None] = queue.SimpleQueue()
        self._open = 0
        self._changed = threading.Condition()
        self._session = requests.Session()
        self._session.trust_env = False
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()

    def accept(self, event: Thing) -> None:
        """Take an event that was just emitted."""
        if self.hold:
            self.held.append(event)
        else:
            self.again(event)

    def again(self, event: Thing) -> None:
        """Deliver an event in the background, after those that wait."""
        if self.url or self.receiver:
            with self._changed:
                self._open += 1
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, daemon=True)
                    self._thread.start()
            self._waiting.put(event)

    def clear(self) -> None:
        """Forget what was held and delivered."""
        self.held.clear()
        self.deliveries.clear()
        self.hold = False

    def close(self) -> None:
        """Deliver nothing more."""
        self._closing.set()
        self._waiting.put(None)
        if self._thread is not None:
            self._thread.join(PATIENCE_SECONDS)
        self._session.close()

    def wait(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until everything that is not held was delivered or given up."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._open == 0, seconds):
                raise AssertionError(f"{self._open} events were not delivered within {seconds:.0f} s")

    def signed(self, event: Thing, timestamp: int | None = None) -> tuple[bytes, str]:
        """Return an event's body and the header that signs it; by the real clock, as the receiver checks its age."""
        body = json.dumps(event, indent=2)
        moment = int(time.time()) if timestamp is None else timestamp
        return body.encode(), stripe.WebhookSignature.generate_signature_header(body, self.secret, moment)

    def deliver(self, event: Thing, url: str | None = None) -> requests.Response:
        """Deliver an event now, once; also one that was delivered before."""
        body, signature = self.signed(event)
        if self.receiver and not url:
            answer = requests.Response()
            answer.status_code = self.receiver(body, signature)
        else:
            address = url or self.url
            if address is None:
                raise ValueError("there is no address to deliver to")
            headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature}
            answer = self._session.post(address, data=body, headers=headers, timeout=PATIENCE_SECONDS)
        self.deliveries.append(Delivery(event["id"], event["type"], answer.status_code))
        return answer

    def flush(self, order: Order = None) -> list[requests.Response]:
        """Deliver what is held: as it came, `reversed`, `shuffled`, or as a function arranges (also drops, repeats)."""
        events, self.held[:] = list(self.held), []
        if order == "reversed":
            events.reverse()
        elif order == "shuffled":
            random.shuffle(events)
        elif callable(order):
            events = order(events)
        elif order is not None:
            raise ValueError(f"unknown order: {order}")
        return [self.deliver(event) for event in events]

    def _run(self) -> None:
        while (event := self._waiting.get()) is not None:
            try:
                self._insist(event)
            finally:
                with self._changed:
                    self._open -= 1
                    self._changed.notify_all()

    def _insist(self, event: Thing) -> None:
        for _ in range(TRIES):
            if self._closing.is_set():
                return
            try:
                if self.deliver(event).status_code < 300:
                    return
            except requests.RequestException:
                self.deliveries.append(Delivery(event["id"], event["type"], 0))
            self._closing.wait(PAUSE_SECONDS)
