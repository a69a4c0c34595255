"""Take in what Stripe sends: each event once, whatever comes twice, late, never or in the wrong order."""

import logging
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from clients.payments import Event, Gateway, NoSuchObject
from errors import AppError
from models import EventOutcome, StripeEvent
from services import payments
from services.payments import AlreadyDone, Synced
from services.stripe_event_types import HANDLED_EVENTS
from services.transaction import Database, insert_new

log = logging.getLogger(__name__)

ALREADY_DONE = "already_done"


def receive(db: Database, gateway: Gateway, body: bytes, signature: str, *, now: datetime) -> str:
    """Handle a signed event once and return what became of it.

    Raises 400 for what is not signed, too old or of the other mode, 404 where no webhook secret is set, and 500 when
    it could not be handled now, so that Stripe sends it again.
    """
    event = gateway.read_event(body, signature)
    if event.livemode != gateway.livemode:
        mode = "live" if gateway.livemode else "test"
        raise AppError(400, "wrong_mode", f"This server takes events of {mode} mode only.")
    if event.type not in HANDLED_EVENTS:
        return _remember(db, event, EventOutcome.UNKNOWN_TYPE, now)
    if _is_done(db, event):
        return ALREADY_DONE
    try:
        return _handle(db, gateway, event, now)
    except AlreadyDone:
        return ALREADY_DONE
    except Exception as error:
        log.exception("event %s of type %s could not be handled", event.id, event.type)
        _note_failure(db, event, error, now)
        raise AppError(500, "event_failed", "The event could not be handled now. Send it again.") from error


def _handle(db: Database, gateway: Gateway, event: Event, now: datetime) -> str:
    customer_id = event.customer_id or _customer_of_payment(gateway, event)
    user_id = payments.owner_of(db, gateway, customer_id, now=now) if customer_id else None
    if customer_id is None or user_id is None:
        return _remember(db, event, EventOutcome.FOREIGN, now)
    outcome = EventOutcome.UNCHANGED

    def claim(tx: Session, synced: Synced) -> None:
        nonlocal outcome
        outcome = EventOutcome.APPLIED if synced.changes else EventOutcome.UNCHANGED
        if not _claim(tx, event, outcome, now):
            raise AlreadyDone

    payments.sync(db, gateway, user_id, customer_id, now=now, claim=claim)
    return outcome.value


def _customer_of_payment(gateway: Gateway, event: Event) -> str | None:
    if event.payment_id is None:
        return None
    try:
        return gateway.payment_customer(event.payment_id)
    except NoSuchObject:
        return None


def _remember(db: Database, event: Event, outcome: EventOutcome, now: datetime) -> str:
    with db.write() as tx:
        return outcome.value if _claim(tx, event, outcome, now) else ALREADY_DONE


def _is_done(db: Database, event: Event) -> bool:
    with db.read() as tx:
        row = tx.get(StripeEvent, event.id)
    return row is not None and row.outcome != EventOutcome.FAILED


def _claim(tx: Session, event: Event, outcome: EventOutcome, now: datetime) -> bool:
    """Claim the event for this transaction; False if it was handled before."""
    if insert_new(tx, StripeEvent, _values(event, outcome, now)):
        return True
    again = (
        update(StripeEvent)
        .where(StripeEvent.id == event.id, StripeEvent.outcome == EventOutcome.FAILED)
        .values(outcome=outcome, error=None, received_at=now, attempts=StripeEvent.attempts + 1)
        .returning(StripeEvent.id)
    )
    return tx.execute(again).first() is not None


def _note_failure(db: Database, event: Event, error: Exception, now: datetime) -> None:
    # The text of an exception may hold anything, the database's address for one; the log has it, the table its kind.
    words = error.message if isinstance(error, AppError) else type(error).__name__
    with db.write() as tx:
        if not insert_new(tx, StripeEvent, _values(event, EventOutcome.FAILED, now) | {"error": words}):
            failed = (StripeEvent.id == event.id, StripeEvent.outcome == EventOutcome.FAILED)
            tx.execute(update(StripeEvent).where(*failed).values(error=words, attempts=StripeEvent.attempts + 1))


def _values(event: Event, outcome: EventOutcome, now: datetime) -> dict[str, object]:
    return {
        "id": event.id,
        "type": event.type,
        "livemode": event.livemode,
        "customer_id": event.customer_id,
        "created_at": event.created,
        "received_at": now,
        "outcome": outcome,
    }
