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
    gone = purchase.refunded_cents + purchase.disputed_cents
    due = _share(purchase.credits_amount, gone, purchase.price_paid_cents)
    step = due - purchase.credits_clawed_back
    if step:
        purchase.credits_clawed_back = due
        purchase.clawback_steps += 1
        tx.flush()
        source = f"purchase:{purchase.id}:{purchase.clawback_steps}"
        taken = min(step, wallet.pack_credits)
        _move(tx, wallet, Entry(LedgerKind.CLAWBACK, source, pack=-taken), now, pack_owed=step - taken)
    return step


def claw_back_plan(tx: Session, wallet: UserSubscription, invoice: StripeInvoice, *, now: datetime) -> int:
    """Do the same for an invoice's plan credits, in the period that they belong to; the caller knows that it holds."""
    gone = invoice.refunded_cents + invoice.disputed_cents
    due = _share(invoice.credits_granted, gone, invoice.amount_paid_cents)
    step = due - invoice.credits_clawed_back
    if step:
        invoice.credits_clawed_back = due
        invoice.clawback_steps += 1
        tx.flush()
        source = f"invoice:{invoice.id}:{invoice.clawback_steps}"
        taken = min(step, wallet.plan_credits)
        _move(tx, wallet, Entry(LedgerKind.CLAWBACK, source, plan=-taken), now, plan_owed=step - taken)
    return step


def _share(credits: int, gone_cents: int, paid_cents: int) -> int:
    return credits * min(paid_cents, gone_cents) // paid_cents if paid_cents else 0


def _move(tx: Session, wallet: UserSubscription, entry: Entry, now: datetime, **owed: int) -> None:
    """Post what the bucket holds; what it does not hold is owed by it from now on."""
    if entry.plan or entry.pack:
        post(tx, wallet, entry, actor_id=None, now=now)
    for column, more in owed.items():
        if more > 0:
            write(tx, wallet, **{column: getattr(wallet, column) + more})
