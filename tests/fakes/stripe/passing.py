"""Let time pass: what falls due happens in its order, at its own moment."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

from tests.fakes.stripe import checkout, invoices, renewals, subscriptions
from tests.fakes.stripe.store import Thing, World

Due = tuple[int, int, Callable[[], None]]


def advance(world: World, moment: datetime) -> None:
    """Go forward to a moment, and let everything happen that falls due on the way."""
    target = int(moment.timestamp())
    while (due := min(_due(world), key=lambda one: one[:2], default=None)) is not None and due[0] <= target:
        world.set_clock(datetime.fromtimestamp(due[0], UTC))
        due[2]()
    world.set_clock(moment)


def _due(world: World) -> Iterator[Due]:
    for session in world.rows("checkout.session", status="open"):
        yield session["expires_at"], 0, partial(checkout.close, world, session)
    for subscription in world.rows("subscription"):
        if subscription["status"] not in subscriptions.OVER:
            yield from _due_of(world, subscription)
    for invoice in world.rows("invoice"):
        if invoice["status"] == "draft" and invoice["automatically_finalizes_at"]:
            yield invoice["automatically_finalizes_at"], 2, partial(_finalize, world, invoice)
        if invoice["status"] == "open" and invoice["next_payment_attempt"]:
            yield invoice["next_payment_attempt"], 3, partial(renewals.retry, world, invoice)


def _due_of(world: World, subscription: Thing) -> Iterator[Due]:
    if subscription["status"] == "incomplete":
        if not _is_processing(world, subscription):
            until = subscription["created"] + subscriptions.FIRST_PAYMENT_SECONDS
            yield until, 1, lambda: subscriptions.expire_first(world, subscription)
        return
    if subscription["pending_update"]:
        until = subscription["pending_update"]["expires_at"]
        yield until, 1, lambda: subscriptions.discard_pending(world, subscription, expired=True)
    yield subscriptions.item_of(subscription)["current_period_end"], 4, lambda: renewals.renew(world, subscription)


def _is_processing(world: World, subscription: Thing) -> bool:
    intent = invoices.intent_of(world, world.get("invoice", subscription["latest_invoice"]))
    return intent is not None and intent["status"] == "processing"


def _finalize(world: World, invoice: Thing) -> None:
    invoice["automatically_finalizes_at"] = None
    renewals.finalize_and_pay(world, invoice)
