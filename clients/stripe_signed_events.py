"""Read the events that Stripe sends: check the signature first, then what they point to."""

import json
from typing import Any

import stripe

from clients.payments import BadSignature, Event
from clients.stripe_reading import id_of, moment

TOLERANCE_SECONDS = 300
MAX_BYTES = 1_000_000


def read_signed(body: bytes, signature: str, secret: str) -> Event:
    """Return what a signed event points to; raises BadSignature, also for a signed body that is no event."""
    if len(body) > MAX_BYTES:
        raise BadSignature("The event is too large.")
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret, TOLERANCE_SECONDS)
    except (stripe.SignatureVerificationError, UnicodeDecodeError, TypeError):
        # The last two: a body that is no text, and a signature with letters that no signature has.
        raise BadSignature from None
    try:
        return pointed_to(json.loads(body))
    except (KeyError, TypeError, ValueError, OverflowError, OSError, RecursionError):
        raise BadSignature("The body is signed, but it is no event that can be read.") from None


def pointed_to(event: dict[str, Any]) -> Event:
    """Return what an event points to; raises KeyError, TypeError or ValueError for what is none."""
    if event["object"] != "event":
        raise ValueError("no event")
    thing = event["data"]["object"]
    kind = _text(thing["object"])
    return Event(
        id=_text(event["id"]),
        type=_text(event["type"]),
        livemode=event["livemode"] is True,
        created=moment(event["created"]),
        object_type=kind,
        object_id=id_of(thing.get("id")),
        customer_id=id_of(thing.get("id" if kind == "customer" else "customer")),
        payment_id=_payment_id(kind, thing),
    )


def _payment_id(kind: str, thing: dict[str, Any]) -> str | None:
    if kind == "payment_intent":
        return id_of(thing.get("id"))
    # A dispute names no customer; the payment, or at least the charge, leads to one.
    return id_of(thing.get("payment_intent")) or (id_of(thing.get("charge")) if kind == "dispute" else None)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("no text")
    return value
