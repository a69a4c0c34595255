"""Do what people and the provider's dashboard do: pay, refuse, refund, dispute, and let time pass."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import requests

from tests.fakes.stripe import catalogue, changes, checkout, invoices, passing, payments, renewals, subscriptions
from tests.fakes.stripe.api import Api, Asked, How
from tests.fakes.stripe.events import Order, Post
from tests.fakes.stripe.store import Thing, World
from tests.fakes.stripe.wire import Refused


class Control:
    """What tests may do to the fake and read of it; objects are plain dictionaries in the API's shape."""

    world: World
    api: Api
    post: Post

    # --- Time

    @property
    def now(self) -> datetime:
        """Return the fake's time."""
        return self.world.now

    def advance(self, span: timedelta) -> None:
        """Let time pass, and what falls due in it happen."""
        with self.world.lock:
            passing.advance(self.world, self.world.now + span)

    def advance_to(self, moment: datetime) -> None:
        """Let time pass until a moment; one that is past changes nothing."""
        with self.world.lock:
            passing.advance(self.world, moment)

    @property
    def deleted_lists(self) -> str:
        """Say what lists show of a deleted customer: no subscriptions (`empty`), `all`, or a refusal (`missing`)."""
        return self.world.deleted_lists

    @deleted_lists.setter
    def deleted_lists(self, how: str) -> None:
        self.world.deleted_lists = how

    # --- Paying

    def pay(self, session_id: str, card: str = "ok", authenticate: bool | None = None) -> str:
        """Pay on a payment page with a card: ok, declined, action or late; return the session's status after it.

        With "action" the page waits for `authenticate`, unless it is said here whether that succeeds.
        """
        with self.world.lock:
            checkout.pay(self.world, session_id, card)
            if card == "action" and authenticate is not None:
                checkout.authenticate(self.world, session_id, authenticate)
            return str(self.sessions[session_id]["status"])

    def authenticate(self, identity: str, ok: bool = True) -> str:
        """Finish (or refuse) the authentication that a session or an open invoice waits for; return what came of it."""
        with self.world.lock:
            if identity in self.sessions:
                return checkout.authenticate(self.world, identity, ok)
            invoice = self.world.get("invoice", identity)
            intent = invoices.intent_of(self.world, invoice)
            if intent is None:
                raise Refused(400, "The invoice asks for no payment.")
            outcome = payments.authenticate(self.world, intent, ok)
            subscriptions.follow(self.world, invoice, outcome)
            return outcome

    def pay_invoice(self, invoice_id: str, card: str = "ok", authenticate: bool | None = None) -> str:
        """Pay an open invoice on its page with a card; return the invoice's status after it."""
        with self.world.lock:
            invoice = self.world.get("invoice", invoice_id)
            if invoice["status"] == "draft":
                invoices.finalize(self.world, invoice)
            if invoice["status"] != "paid":
                subscriptions.pay(self.world, invoice, card)
            if card == "action" and authenticate is not None:
                self.authenticate(invoice_id, authenticate)
            return str(invoice["status"])

    def settle_late(self, identity: str, ok: bool = True) -> str:
        """Let a delayed payment arrive or fail: of a session, an invoice or a payment intent."""
        with self.world.lock:
            intent_id = identity
            if identity in self.sessions:
                intent_id = self.world.carried[identity]["intent"]
            elif identity in self.invoices:
                intent = invoices.intent_of(self.world, self.invoices[identity])
                intent_id = intent["id"] if intent else ""
            return checkout.settle(self.world, self.world.get("payment_intent", intent_id), ok)

    def expire(self, session_id: str) -> None:
        """Let a payment page expire."""
        with self.world.lock:
            checkout.expire(self.world, {}, session_id)

    def set_card(self, customer_id: str, card: str, retry: bool = True) -> None:
        """Change what a customer pays with; invoices of live subscriptions that are overdue are tried again at once."""
        with self.world.lock:
            assert card in payments.CARDS, card
            self.world.cards[customer_id] = card
            willing = retry and card in ("ok", "late")
            for invoice in self.world.rows("invoice", customer=customer_id, status="open") if willing else ():
                if invoice["next_payment_attempt"]:
                    renewals.retry(self.world, invoice)

    # --- What else happens

    def end_subscription(self, subscription_id: str) -> None:
        """End a subscription at once, as the dashboard does."""
        with self.world.lock:
            subscriptions.cancel(self.world, {}, subscription_id)

    def cancel_at_period_end(self, subscription_id: str, cancel: bool = True) -> None:
        """Let a subscription end with its period, or go on after all, as the portal does."""
        with self.world.lock:
            changes.update(self.world, {"cancel_at_period_end": cancel}, subscription_id)

    def refund(self, payment_intent_id: str, amount: int | None = None) -> str:
        """Give a payment back, in whole or in part; return the refund's id."""
        with self.world.lock:
            given = {"payment_intent": payment_intent_id} | ({} if amount is None else {"amount": amount})
            return str(payments.create_refund(self.world, given)["id"])

    def dispute(self, payment_intent_id: str, amount: int | None = None, inquiry: bool = False) -> str:
        """Let the payer's bank dispute a payment, or only ask about it; return the dispute's id."""
        with self.world.lock:
            return str(payments.open_dispute(self.world, payment_intent_id, amount, inquiry)["id"])

    def escalate_dispute(self, dispute_id: str) -> None:
        """Turn an inquiry into a dispute that takes the money."""
        with self.world.lock:
            payments.escalate_dispute(self.world, dispute_id)

    def close_dispute(self, dispute_id: str, won: bool) -> None:
        """Decide a dispute; an inquiry just ends."""
        with self.world.lock:
            payments.close_dispute(self.world, dispute_id, won)

    def delete_customer(self, customer_id: str) -> None:
        """Delete a customer, as the dashboard does."""
        with self.world.lock:
            subscriptions.delete_customer(self.world, {}, customer_id)

    def register_webhook(self, url: str, events: Sequence[str] = ("*",), enabled: bool = True) -> str:
        """List an address among the webhook endpoints; events go only to the one that the fake was started with."""
        with self.world.lock:
            given = {"url": url, "enabled_events": list(events)}
            endpoint = catalogue.create_webhook_endpoint(self.world, given)
            endpoint["status"] = "enabled" if enabled else "disabled"
            return str(endpoint["id"])

    # --- Events

    @property
    def events(self) -> list[Thing]:
        """Return all events, in the order in which they were emitted."""
        return list(self.world.tables["event"].values())

    def events_of(self, type: str) -> list[Thing]:
        """Return the events of one type, in order."""
        return [event for event in self.events if event["type"] == type]

    @property
    def hold(self) -> bool:
        """Say whether events are kept undelivered."""
        return self.post.hold

    @hold.setter
    def hold(self, hold: bool) -> None:
        self.post.hold = hold

    @property
    def held(self) -> list[Thing]:
        """Return the events that are kept; remove some, and they are lost."""
        return self.post.held

    def deliver(self, event: Thing, url: str | None = None) -> requests.Response:
        """Deliver an event now, once; also one that was delivered before."""
        return self.post.deliver(event, url)

    def signed(self, event: Thing, timestamp: int | None = None) -> tuple[bytes, str]:
        """Return an event's body and the header that signs it."""
        return self.post.signed(event, timestamp)

    def flush(self, order: Order = None) -> list[requests.Response]:
        """Deliver what is held: as it came, `reversed`, `shuffled`, or as a function arranges it."""
        return self.post.flush(order)

    def wait_delivered(self, seconds: float = 30.0) -> None:
        """Wait until everything that is not held was delivered or given up."""
        self.post.wait(seconds)

    # --- The wire

    @property
    def calls(self) -> list[Asked]:
        """Return the calls that were made, in order."""
        return self.api.calls

    def fail(self, path_pattern: str, how: How, times: int | None = 1) -> None:
        """Let the next calls of a path go wrong.

        `path_pattern` is a path with `*` (`/v1/refunds`, `/v1/subscriptions/*`), with a method before it if it matters
        (`POST /v1/refunds`); `how` is `500`, `429`, `drop_before`, `drop_after` (done, but the answer is lost),
        `hang:<seconds>`, `hang_after:<seconds>` (done and noted, but the answer comes late) or a function, which is
        called before the call is answered as ever; `times` None is for ever.
        """
        self.api.add_fault(path_pattern, how, times)

    def stop_failing(self) -> None:
        """Let nothing go wrong any more."""
        self.api.forget_faults()

    # --- Objects

    def _table(self, kind: str) -> dict[str, dict[str, Any]]:
        return self.world.tables[kind]

    @property
    def customers(self) -> dict[str, Thing]:
        """Return customers by id."""
        return self._table("customer")

    @property
    def subscriptions(self) -> dict[str, Thing]:
        """Return subscriptions by id."""
        return self._table("subscription")

    @property
    def invoices(self) -> dict[str, Thing]:
        """Return invoices by id."""
        return self._table("invoice")

    @property
    def sessions(self) -> dict[str, Thing]:
        """Return checkout sessions by id."""
        return self._table("checkout.session")

    @property
    def charges(self) -> dict[str, Thing]:
        """Return charges by id."""
        return self._table("charge")

    @property
    def payment_intents(self) -> dict[str, Thing]:
        """Return payment intents by id."""
        return self._table("payment_intent")

    @property
    def refunds(self) -> dict[str, Thing]:
        """Return refunds by id."""
        return self._table("refund")

    @property
    def disputes(self) -> dict[str, Thing]:
        """Return disputes by id."""
        return self._table("dispute")

    @property
    def prices(self) -> dict[str, Thing]:
        """Return prices by id."""
        return self._table("price")

    @property
    def products(self) -> dict[str, Thing]:
        """Return products by id."""
        return self._table("product")

    @property
    def portals(self) -> dict[str, Thing]:
        """Return portal set-ups by id."""
        return self._table("billing_portal.configuration")

    def payment_of(self, identity: str) -> str | None:
        """Return the payment intent of a session or an invoice."""
        if identity in self.sessions:
            made: str | None = self.world.carried[identity]["intent"]
            return made
        intent = invoices.intent_of(self.world, self.invoices[identity])
        return intent["id"] if intent else None
