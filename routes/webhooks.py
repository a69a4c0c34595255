"""Take in what the payment provider sends."""

from typing import Any

from flask import Blueprint, request

from routes.access import house
from services import stripe_events
from services.transaction import utcnow

bp = Blueprint("webhooks", __name__)


@bp.post("/api/stripe/webhook")
def stripe() -> Any:
    """Handle an event of Stripe's: 200 when it is handled or was before, 400 unsigned, 500 so that it comes again."""
    signature = request.headers.get("Stripe-Signature", "")
    outcome = stripe_events.receive(house().db, house().gateway, request.get_data(), signature, now=utcnow())
    return {"received": True, "outcome": outcome}
