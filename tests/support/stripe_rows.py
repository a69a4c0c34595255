"""Make the rows that payments through Stripe leave behind, for tests of what is shown of them."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from dateutil.relativedelta import relativedelta
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models import (
    CreditLedger,
    CreditPurchase,
    StripeCheckout,
    StripeInvoice,
    SubscriptionTier,
    UserSubscription,
)

_numbers = count(1)


def tier_named(tx: Session, name: str) -> SubscriptionTier:
    """Return a tier of the price list."""
    return tx.scalars(select(SubscriptionTier).where(SubscriptionTier.name == name)).one()


def change_wallet(tx: Session, user_id: int, **columns: Any) -> None:
    """Set columns of a wallet as they would be after events that the test does not play."""
    tx.execute(update(UserSubscription).where(UserSubscription.user_id == user_id).values(**columns))


def subscribe(tx: Session, user_id: int, name: str = "starter", *, start: datetime, **columns: Any) -> str:
    """Let a wallet follow a subscription whose present period began at `start`, and return its id."""
    tier, subscription_id = tier_named(tx, name), f"sub_{user_id}"
    given: dict[str, Any] = {
        "tier_id": tier.id,
        "stripe_customer_id": f"cus_{user_id}",
        "stripe_subscription_id": subscription_id,
        "stripe_price_id": f"price_{name}",
        "credits_remaining": tier.monthly_credits,
        "period_granted": tier.monthly_credits,
        "billing_anchor": start,
        "current_period_start": start,
        "current_period_end": start + relativedelta(months=1),
        "period_number": 1,
    }
    change_wallet(tx, user_id, **{**given, **columns})
    return subscription_id


def invoice(tx: Session, user_id: int, name: str | None = "starter", *, at: datetime, **columns: Any) -> StripeInvoice:
    """Add an invoice of a month; paid, unless the columns say otherwise."""
    number = next(_numbers)
    tier = tier_named(tx, name) if name else None
    cents = tier.monthly_price_cents if tier else 500
    is_paid = columns.get("status", "paid") == "paid"
    given: dict[str, Any] = {
        "stripe_invoice_id": f"in_{number}",
        "user_id": user_id,
        "stripe_subscription_id": f"sub_{user_id}",
        "reason": "subscription_cycle",
        "status": "paid",
        "number": f"A-{number:04}",
        "url": f"https://invoice.stripe.com/{number}",
        "amount_due_cents": cents,
        "amount_paid_cents": cents if is_paid else 0,
        "tier_id": tier.id if tier else None,
        "price_id": f"price_{name}",
        "period_start": at,
        "period_end": at + relativedelta(months=1),
        "created_at": at,
        "paid_at": at if is_paid else None,
        "role": "period" if is_paid else None,
        "credits_granted": tier.monthly_credits if tier and is_paid else 0,
        "period_number": 1 if is_paid else None,
    }
    return _added(tx, StripeInvoice(**{**given, **columns}))


def purchase(tx: Session, user_id: int, credits: int = 100, *, at: datetime, **columns: Any) -> CreditPurchase:
    """Add a pack; paid, unless the columns say otherwise."""
    given: dict[str, Any] = {
        "user_id": user_id,
        "credits_amount": credits,
        "price_paid_cents": {100: 1000, 250: 2000, 500: 3500, 1000: 6000}[credits],
        "payment_status": "completed",
        "created_at": at,
    }
    columns = {**given, **columns}
    columns.setdefault("completed_at", at if columns["payment_status"] == "completed" else None)
    return _added(tx, CreditPurchase(**columns))


def checkout(
    tx: Session, user_id: int, target: str, *, at: datetime, buys: CreditPurchase | None = None, **columns: Any
) -> StripeCheckout:
    """Add a payment page that is open for a day, for a plan or for the pack that it `buys`."""
    number = next(_numbers)
    given: dict[str, Any] = {
        "user_id": user_id,
        "kind": "subscription" if buys is None else "pack",
        "target": target,
        "customer_id": f"cus_{user_id}",
        "price_id": f"price_{target}",
        "purchase_id": buys.id if buys else None,
        "session_id": f"cs_{number}",
        "url": f"https://checkout.stripe.com/{number}",
        "state": "open",
        "created_at": at,
        "expires_at": at + timedelta(days=1),
    }
    return _added(tx, StripeCheckout(**{**given, **columns}))


def entry(tx: Session, user_id: int, kind: str, source: str, delta: int, *, at: datetime, pack: int = 0) -> None:
    """Add a row to the ledger; its balance is of no account here."""
    _added(
        tx,
        CreditLedger(
            user_id=user_id, kind=kind, source=source, delta=delta, pack_delta=pack, balance_after=0, created_at=at
        ),
    )


def _added(tx: Session, row: Any) -> Any:
    tx.add(row)
    tx.flush()
    return row
