"""Show what is still to be paid or owed, and where, as plain data."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import CheckoutState, CreditPurchase, StripeCheckout, StripeInvoice, SubscriptionTier, UserSubscription
from services.payment_views import amount_of, open_url, plan_payment, what_of
from services.stripe_records import RAISE


def dues_of(tx: Session, wallet: UserSubscription, *, now: datetime) -> dict[str, Any]:
    """Return what the billing page says of payments that are still to come, and of debts."""
    return {
        "open_payment": _open_payment(tx, wallet),
        "open_checkout": _open_checkout(tx, wallet.user_id, now),
        "confirming": _confirming(tx, wallet, now),
        "debts": _debts(tx, wallet),
        "has_portal": wallet.stripe_customer_id is not None,
    }


def _open_payment(tx: Session, wallet: UserSubscription) -> dict[str, Any] | None:
    """Return the invoice of the followed subscription that should be paid now."""
    if wallet.stripe_subscription_id is None:
        return None
    waiting = select(StripeInvoice).where(
        StripeInvoice.user_id == wallet.user_id,
        StripeInvoice.stripe_subscription_id == wallet.stripe_subscription_id,
        StripeInvoice.status == "open",
    )
    invoice = tx.scalar(waiting.order_by(StripeInvoice.created_at.desc(), StripeInvoice.id.desc()).limit(1))
    if invoice is None:
        return None
    return {
        "url": invoice.url,
        "amount": amount_of(invoice),
        "kind": "upgrade" if invoice.reason == RAISE else "renewal",
        "what": what_of(invoice),
        "tier": invoice.tier.display_name if invoice.tier else None,
    }


def _open_checkout(tx: Session, user_id: int, now: datetime) -> dict[str, Any] | None:
    """Return the page on which a plan can still be paid."""
    opened = select(StripeCheckout).where(StripeCheckout.user_id == user_id, StripeCheckout.kind == "subscription")
    page = tx.scalar(opened.where(StripeCheckout.state == CheckoutState.OPEN))
    url = open_url(page, now)
    if page is None or url is None:
        return None
    name = tx.scalar(select(SubscriptionTier.display_name).where(SubscriptionTier.name == page.target))
    return {"url": url, "what": name or page.target}


def _confirming(tx: Session, wallet: UserSubscription, now: datetime) -> dict[str, Any] | None:
    """Return the plan whose first payment was made, but in a way that takes days to be confirmed."""
    pages = select(StripeCheckout).where(
        StripeCheckout.user_id == wallet.user_id, StripeCheckout.kind == "subscription"
    )
    page = tx.scalar(pages.order_by(StripeCheckout.id.desc()).limit(1))
    if page is None or page.state != CheckoutState.COMPLETE or wallet.stripe_subscription_id is not None:
        return None
    payment = plan_payment(tx, wallet, page, now)
    return {"what": payment["tier"]} if payment["state"] == "pending" else None


def _debts(tx: Session, wallet: UserSubscription) -> list[dict[str, Any]]:
    """Return what is owed after refunds, one entry for each bucket that owes, with the reason."""
    debts = []
    if wallet.plan_owed:
        of_period = StripeInvoice.period_number == wallet.period_number
        debts.append(("plan", wallet.plan_owed, "your plan", _taken_back(tx, StripeInvoice, wallet, of_period)))
    if wallet.pack_owed:
        packs = _taken_back(tx, CreditPurchase, wallet)
        what = f"the pack of {packs[0].credits_amount:,}" if len(packs) == 1 else "packs"
        debts.append(("pack", wallet.pack_owed, what, packs))
    return [
        {"bucket": bucket, "credits": owed, "because": f"the {_deed(gone)} of {what}"}
        for bucket, owed, what, gone in debts
    ]


def _taken_back(
    tx: Session, table: type[CreditPurchase] | type[StripeInvoice], wallet: UserSubscription, *more: Any
) -> Sequence[Any]:
    return tx.scalars(select(table).where(table.user_id == wallet.user_id, table.credits_clawed_back > 0, *more)).all()


def _deed(gone: Sequence[CreditPurchase | StripeInvoice]) -> str:
    return "dispute" if gone and all(row.disputed_cents and not row.refunded_cents for row in gone) else "refund"
