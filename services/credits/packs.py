"""Add the credits that were paid for, and take back those whose payment was taken back."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from models import CreditPurchase, LedgerKind, PurchaseStatus, StripeInvoice, UserSubscription
from services.credits.posting import Entry, post, write


def complete_purchase(tx: Session, wallet: UserSubscription, purchase: CreditPurchase, *, now: datetime) -> bool:
    """Add the credits of a pack whose payment has succeeded, once; return False if they were added before."""
    done = tx.execute(
        update(CreditPurchase)
        .where(CreditPurchase.id == purchase.id, CreditPurchase.payment_status != PurchaseStatus.COMPLETED)
        .values(payment_status=PurchaseStatus.COMPLETED, completed_at=now)
        .returning(CreditPurchase.id)
    )
    if done.first() is None:
        return False
    bought = Entry(LedgerKind.PURCHASE, f"purchase:{purchase.id}", pack=purchase.credits_amount)
    post(tx, wallet, bought, actor_id=purchase.user_id, now=now)
    tx.refresh(purchase)
    return True


def claw_back_pack(tx: Session, wallet: UserSubscription, purchase: CreditPurchase, *, now: datetime) -> int:
    """Bring what was taken of a pack in line with its refunds and disputes; return the credits moved.

    Positive for what was taken (a part of it may be owed), negative for what a won dispute gave back. What is taken
    always equals `floor(credits * min(paid, refunded + disputed) / paid)` (credit-rules, "Packs").
    """
    due = _share(purchase.credits_amount, purchase, purchase.price_paid_cents)
    return _claw_back(tx, wallet, purchase, due, bucket="pack", source=f"purchase:{purchase.id}", now=now)


def claw_back_plan(tx: Session, wallet: UserSubscription, invoice: StripeInvoice, *, now: datetime) -> int:
    """Do the same for an invoice's plan credits, in the period that they belong to; the caller knows that it holds."""
    due = _share(invoice.credits_granted, invoice, invoice.amount_paid_cents)
    return _claw_back(tx, wallet, invoice, due, bucket="plan", source=f"invoice:{invoice.id}", now=now)


def _share(credits: int, payment: CreditPurchase | StripeInvoice, paid_cents: int) -> int:
    gone = payment.refunded_cents + payment.disputed_cents
    return credits * min(paid_cents, gone) // paid_cents if paid_cents else 0


def _claw_back(
    tx: Session,
    wallet: UserSubscription,
    payment: CreditPurchase | StripeInvoice,
    due: int,
    *,
    bucket: str,
    source: str,
    now: datetime,
) -> int:
    """Take the difference to what was taken before; what the bucket does not hold is owed by it from now on."""
    step = due - payment.credits_clawed_back
    if not step:
        return 0
    payment.credits_clawed_back = due
    payment.clawback_steps += 1
    tx.flush()
    taken = min(step, wallet.pack_credits if bucket == "pack" else wallet.plan_credits)
    if taken:
        moved = Entry(LedgerKind.CLAWBACK, f"{source}:{payment.clawback_steps}", **{bucket: -taken})
        post(tx, wallet, moved, actor_id=None, now=now)
    if step > taken:
        owed = f"{bucket}_owed"
        write(tx, wallet, **{owed: getattr(wallet, owed) + step - taken})
    return step
