"""End what an account pays for, before the account goes."""

from datetime import datetime

from sqlalchemy import select

from clients.payments import Gateway, NoSuchObject
from models import StripeSubscription
from services import checkouts, payments
from services.transaction import Database


def end_payments(db: Database, gateway: Gateway, user_id: int, *, now: datetime) -> None:
    """Close the user's payment pages and end every subscription at once; raises PaymentsUnavailable.

    What is paid in this very moment all the same is cancelled and refunded when its event comes.
    """
    checkouts.forget_pages(db, gateway, user_id)
    payments.look(db, gateway, user_id, now=now)  # One may have begun whose event was lost.
    with db.read() as tx:
        live = (StripeSubscription.user_id == user_id, StripeSubscription.ended_at.is_(None))
        subscription_ids = tx.scalars(select(StripeSubscription.id).where(*live)).all()
    for subscription_id in subscription_ids:
        try:
            gateway.cancel_now(subscription_id)
        except NoSuchObject:
            continue  # Of another Stripe account, or of the other mode: there is nothing left to end.
