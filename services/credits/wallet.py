"""Open a wallet, wake it, and let its periods pass."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from errors import AppError
from models import FormerAddress, LedgerKind, SubscriptionTier, UsageLog, User, UserSubscription
from services import periods
from services.credits import refunds
from services.credits.posting import Entry, LedgerError, post, write
from services.transaction import Database, insert_new

FREE = "free"


def open_wallet(tx: Session, user_id: int, *, now: datetime, address_hash: str | None = None) -> UserSubscription:
    """Make the user's wallet with the Free tier and its credits, and return it locked; the present one if there is one.

    `address_hash` names an address whose account was deleted: until its free credits would have renewed, the wallet
    starts at 0 with the old anchor and the old allotment counted as granted (credit-rules, "Free credits").
    """
    tier = free_tier(tx)
    former = _former(tx, address_hash, now)
    anchor = former.billing_anchor if former else now
    start, end = periods.containing(anchor, now)
    made = insert_new(
        tx,
        UserSubscription,
        {
            "user_id": user_id,
            "tier_id": tier.id,
            "credits_remaining": 0,
            "billing_anchor": anchor,
            "period_number": 1,
            "period_granted": former.period_granted if former else 0,
            "current_period_start": start,
            "current_period_end": end,
            "last_reset_date": now,
            "payment_status": "active",
        },
    )
    wallet = locked(tx, user_id)
    if wallet is None:
        raise LedgerError(f"the wallet of user {user_id} vanished while it was made")
    if made and former is None:
        _grant(tx, wallet, tier.monthly_credits, actor_id=user_id, now=now)
    return wallet


def wake(tx: Session, user_id: int, *, now: datetime, simulated: bool) -> UserSubscription:
    """Lock the user's wallet and bring it up to date: made if missing, lapsed charges released, period rolled over."""
    wallet = locked(tx, user_id) or open_wallet(tx, user_id, now=now)
    refunds.release_lapsed(tx, wallet, now)
    roll_over(tx, wallet, now, simulated)
    return wallet


def enter(tx: Session, user_id: int, *, now: datetime, simulated: bool) -> UserSubscription:
    """Wake the wallet for a request of its owner.

    Raises 401 `authentication_required` when the account was deleted after the request had been let in.
    """
    wallet = wake(tx, user_id, now=now, simulated=simulated)
    if tx.scalar(select(User.deleted_at).where(User.id == user_id)) is not None:
        raise AppError(401, "authentication_required", "This account was deleted.")
    return wallet


def refresh(db: Database, user_id: int, *, now: datetime, simulated: bool) -> None:
    """Wake the wallet if that would change anything, so that whoever only looks takes no write lock."""
    with db.read() as tx:
        wallet = tx.scalar(select(UserSubscription).where(UserSubscription.user_id == user_id))
        lapsed = tx.scalar(
            select(UsageLog.id).where(UsageLog.wallet_user_id == user_id, refunds.has_lapsed(now)).limit(1)
        )
    if wallet is None or lapsed is not None or _is_due(wallet, now):
        with db.write() as tx:
            wake(tx, user_id, now=now, simulated=simulated)


def free_tier(tx: Session) -> SubscriptionTier:
    """Return the Free tier, on which every wallet starts."""
    tier = tx.scalar(select(SubscriptionTier).where(SubscriptionTier.name == FREE))
    if tier is None:
        raise LedgerError("there is no Free tier: run `python init_subscription_system.py`")
    return tier


def locked(tx: Session, user_id: int) -> UserSubscription | None:
    """Lock the user's wallet and return it as it is, without bringing it up to date."""
    # On SQLite the write transaction itself is the lock, and FOR UPDATE is left out.
    query = select(UserSubscription).where(UserSubscription.user_id == user_id)
    return tx.scalar(query.with_for_update(of=UserSubscription).execution_options(populate_existing=True))


def _former(tx: Session, address_hash: str | None, now: datetime) -> FormerAddress | None:
    former = tx.get(FormerAddress, address_hash) if address_hash else None
    return former if former is not None and now < former.renews_at else None


def roll_over(tx: Session, wallet: UserSubscription, now: datetime, simulated: bool) -> None:
    """Begin the period that holds now, once, however many months have passed.

    Of a plan that is paid through Stripe time alone begins nothing: after a day of grace what is left of it expires,
    and the wallet waits for a paid invoice.
    """
    if not _is_due(wallet, now):
        return
    if wallet.stripe_subscription_id is not None:
        expire_plan(tx, wallet, now)
        write(tx, wallet, plan_lapsed=True)
        return
    tier = _coming_tier(tx, wallet, simulated)
    start, end = periods.containing(wallet.billing_anchor, now)
    begin_period(tx, wallet, tier, start, end, now=now)


def _is_due(wallet: UserSubscription, now: datetime) -> bool:
    if wallet.stripe_subscription_id is None:
        return now >= wallet.current_period_end
    return periods.grace_is_over(wallet, now) and not wallet.plan_lapsed


def expire_plan(tx: Session, wallet: UserSubscription, now: datetime) -> None:
    """Take what is left of the plan's credits, and forget what the plan's bucket owes: both end with the period."""
    if wallet.plan_owed:
        write(tx, wallet, plan_owed=0)
    if wallet.plan_credits:
        gone = Entry(LedgerKind.EXPIRE, period_source(wallet), plan=-wallet.plan_credits)
        post(tx, wallet, gone, actor_id=None, now=now)


def begin_period(
    tx: Session,
    wallet: UserSubscription,
    tier: SubscriptionTier,
    start: datetime,
    end: datetime,
    *,
    now: datetime,
    source: str | None = None,
    **changes: Any,
) -> int:
    """End the wallet's period and begin a new one with the tier's whole allotment; return it, in credits.

    `source` is what caused it, the new period itself by default.
    """
    expire_plan(tx, wallet, now)
    write(
        tx,
        wallet,
        tier_id=tier.id,
        period_number=wallet.period_number + 1,
        period_granted=0,
        credits_used_this_month=0,
        current_period_start=start,
        current_period_end=end,
        last_reset_date=now,
        plan_lapsed=False,
        **{"pending_tier_id": None, "cancel_at_period_end": False, **changes},
    )
    _grant(tx, wallet, tier.monthly_credits, source=source, actor_id=None, now=now)
    return tier.monthly_credits


def _coming_tier(tx: Session, wallet: UserSubscription, simulated: bool) -> SubscriptionTier:
    if wallet.cancel_at_period_end:
        return free_tier(tx)
    tier = wallet.pending_tier or wallet.tier
    # A plan that was paid for in play money ends with its period once payments are real.
    return tier if simulated or tier.name == FREE else free_tier(tx)


def _grant(
    tx: Session,
    wallet: UserSubscription,
    credits: int,
    *,
    source: str | None = None,
    actor_id: int | None,
    now: datetime,
) -> None:
    if credits:
        given = Entry(LedgerKind.GRANT, source or period_source(wallet), plan=credits)
        post(tx, wallet, given, actor_id=actor_id, now=now, period_granted=credits)


def period_source(wallet: UserSubscription) -> str:
    """Return the name of the wallet's present period as a source in the ledger."""
    return f"period:{wallet.id}:{wallet.period_number}"
