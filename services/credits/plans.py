"""Change plans: at once, at the period's end, or as Stripe's paid invoices say."""

from datetime import datetime
from typing import Any

from dateutil.relativedelta import relativedelta
from sqlalchemy.orm import Session

from models import LedgerKind, PaymentStatus, SubscriptionTier, UserSubscription
from services import periods
from services.credits.posting import Entry, LedgerError, post, write
from services.credits.wallet import FREE, begin_period, free_tier, period_source

_MIRRORED = frozenset(
    {
        "pending_tier_id",
        "cancel_at_period_end",
        "payment_status",
        "stripe_customer_id",
        "sync_count",
    }
)


def upgrade(
    tx: Session,
    wallet: UserSubscription,
    tier: SubscriptionTier,
    *,
    actor_id: int | None,
    now: datetime,
    source: str | None = None,
    **changes: Any,
) -> int:
    """Move a wallet that is awake to a higher tier at once and return the bonus, in credits.

    The bonus is what the tier grants beyond the highest allotment of this period, so up, down and up again earns
    nothing twice. Whatever was pending is cleared. Of several tiers that were paid for in one period the highest
    counts, in whatever order their payments come. `source` is what caused it, the period by default.
    """
    bonus = max(0, tier.monthly_credits - wallet.period_granted)
    if tier.monthly_price_cents > wallet.tier.monthly_price_cents:
        changes |= {"tier_id": tier.id, "pending_tier_id": None, "cancel_at_period_end": False}
    else:
        changes = {}
    if not bonus:
        if changes:
            write(tx, wallet, **changes)
        return 0
    source = source or f"{period_source(wallet)}:{tier.monthly_credits}"
    changes["period_granted"] = tier.monthly_credits
    entries = [Entry(LedgerKind.BONUS, source, plan=bonus)]
    if periods.grace_is_over(wallet, now):
        entries.append(Entry(LedgerKind.EXPIRE, source, plan=-bonus))
    post(tx, wallet, *entries, actor_id=actor_id, now=now, **changes)
    return bonus


def schedule(tx: Session, wallet: UserSubscription, tier: SubscriptionTier) -> None:
    """Let a lower tier begin at the period's end; the Free tier means that the plan is cancelled then."""
    write(tx, wallet, pending_tier_id=tier.id, cancel_at_period_end=tier.name == FREE)


def unschedule(tx: Session, wallet: UserSubscription) -> bool:
    """Undo what is pending; return False if nothing was."""
    if wallet.pending_tier_id is None and not wallet.cancel_at_period_end:
        return False
    write(tx, wallet, pending_tier_id=None, cancel_at_period_end=False)
    return True


def begin_paid_period(
    tx: Session,
    wallet: UserSubscription,
    tier: SubscriptionTier,
    start: datetime,
    end: datetime,
    *,
    subscription_id: str,
    price_id: str | None,
    source: str,
    now: datetime,
) -> int:
    """Begin the period that an invoice has paid, with its own dates, and return its allotment, in credits.

    What is left of the plan's credits expires; from now on the wallet follows this subscription.
    """
    return begin_period(
        tx,
        wallet,
        tier,
        start,
        end,
        now=now,
        source=source,
        stripe_subscription_id=subscription_id,
        stripe_price_id=price_id,
        payment_status=PaymentStatus.ACTIVE,
    )


def grant_late(
    tx: Session, wallet: UserSubscription, kind: LedgerKind, credits: int, *, source: str, now: datetime
) -> None:
    """Write the grant of a period that is over together with its expiry; the present period stays as it is."""
    if credits:
        given, gone = Entry(kind, source, plan=credits), Entry(LedgerKind.EXPIRE, source, plan=-credits)
        post(tx, wallet, given, gone, actor_id=None, now=now)


def fall_to_free(tx: Session, wallet: UserSubscription, *, at: datetime, now: datetime) -> None:
    """Begin a Free period at the moment at which the subscription ended; pack credits stay."""
    begin_period(
        tx,
        wallet,
        free_tier(tx),
        at,
        at + relativedelta(months=1),
        now=now,
        billing_anchor=at,
        stripe_subscription_id=None,
        stripe_price_id=None,
        payment_status=PaymentStatus.CANCELLED,
    )


def mirror(tx: Session, wallet: UserSubscription, **columns: Any) -> bool:
    """Take over what Stripe says of the subscription; return whether anything was different.

    Raises LedgerError for a column that says how many credits there are: those move through the ledger only.
    """
    if not columns.keys() <= _MIRRORED:
        raise LedgerError(f"only the ledger changes {sorted(columns.keys() - _MIRRORED)}")
    changed = {name: value for name, value in columns.items() if getattr(wallet, name) != value}
    if changed:
        write(tx, wallet, **changed)
    return bool(changed)
