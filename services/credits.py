"""Charge, settle, refund, grant and roll over: the only writer of wallets and of the ledger.

Every function runs inside the caller's write transaction and never commits. `wake` comes first: it locks the wallet's
row, so that whatever follows sees and changes it alone; usage logs, messages and conversations are locked after it, in
this order. Every change goes through `_post`, which writes the wallet and its ledger row together. A request that is
refused rolls back what `wake` did on its behalf; the next use does it again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from errors import AppError, InsufficientCredits
from models import (
    CreditLedger,
    CreditPurchase,
    FormerAddress,
    IdempotencyKey,
    LedgerKind,
    Message,
    MessageStatus,
    PurchaseStatus,
    SubscriptionTier,
    UsageLog,
    User,
    UserSubscription,
)
from services import periods
from services.transaction import Database, insert_new
from services.views import tier_view

FREE = "free"
ABANDONED = "The server stopped in the middle of this answer."


class LedgerError(Exception):
    """A change would break the wallet's invariants: a fault of ours; the transaction rolls back."""


# --- Opening and waking a wallet ------------------------------------------------------------------------------------


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
    wallet = _locked(tx, user_id)
    if wallet is None:
        raise LedgerError(f"the wallet of user {user_id} vanished while it was made")
    if made and former is None:
        _grant(tx, wallet, tier.monthly_credits, actor_id=user_id, now=now)
    return wallet


def wake(tx: Session, user_id: int, *, now: datetime, simulated: bool) -> UserSubscription:
    """Lock the user's wallet and bring it up to date: made if missing, lapsed charges released, period rolled over."""
    wallet = _locked(tx, user_id) or open_wallet(tx, user_id, now=now)
    _release_lapsed(tx, wallet, now)
    _roll_over(tx, wallet, now, simulated)
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
        period_end = tx.scalar(select(UserSubscription.current_period_end).where(UserSubscription.user_id == user_id))
        lapsed = tx.scalar(select(UsageLog.id).where(UsageLog.wallet_user_id == user_id, _lapsed(now)).limit(1))
    if period_end is None or now >= period_end or lapsed is not None:
        with db.write() as tx:
            wake(tx, user_id, now=now, simulated=simulated)


def free_tier(tx: Session) -> SubscriptionTier:
    """Return the Free tier, on which every wallet starts."""
    tier = tx.scalar(select(SubscriptionTier).where(SubscriptionTier.name == FREE))
    if tier is None:
        raise LedgerError("there is no Free tier: run `python init_subscription_system.py`")
    return tier


def _locked(tx: Session, user_id: int) -> UserSubscription | None:
    # On SQLite the write transaction itself is the lock, and FOR UPDATE is left out.
    query = select(UserSubscription).where(UserSubscription.user_id == user_id)
    return tx.scalar(query.with_for_update(of=UserSubscription).execution_options(populate_existing=True))


def _former(tx: Session, address_hash: str | None, now: datetime) -> FormerAddress | None:
    former = tx.get(FormerAddress, address_hash) if address_hash else None
    return former if former is not None and now < former.renews_at else None


def _roll_over(tx: Session, wallet: UserSubscription, now: datetime, simulated: bool) -> None:
    """Begin the period that holds now, once, however many months have passed."""
    if now < wallet.current_period_end:
        return
    tier = _coming_tier(tx, wallet, simulated)
    if wallet.plan_credits:
        left = wallet.plan_credits
        _post(tx, wallet, LedgerKind.EXPIRE, _period_source(wallet), plan=-left, actor_id=None, now=now)
    start, end = periods.containing(wallet.billing_anchor, now)
    _write(
        tx,
        wallet,
        tier_id=tier.id,
        pending_tier_id=None,
        cancel_at_period_end=False,
        period_number=wallet.period_number + 1,
        period_granted=0,
        credits_used_this_month=0,
        current_period_start=start,
        current_period_end=end,
        last_reset_date=now,
    )
    _grant(tx, wallet, tier.monthly_credits, actor_id=None, now=now)


def _coming_tier(tx: Session, wallet: UserSubscription, simulated: bool) -> SubscriptionTier:
    if wallet.cancel_at_period_end:
        return free_tier(tx)
    tier = wallet.pending_tier or wallet.tier
    # A plan that was paid for in play money ends with its period once payments are real.
    return tier if simulated or tier.name == FREE else free_tier(tx)


def _grant(tx: Session, wallet: UserSubscription, credits: int, *, actor_id: int | None, now: datetime) -> None:
    if credits:
        _post(
            tx,
            wallet,
            LedgerKind.GRANT,
            _period_source(wallet),
            plan=credits,
            actor_id=actor_id,
            now=now,
            period_granted=credits,
        )


def _period_source(wallet: UserSubscription) -> str:
    return f"period:{wallet.id}:{wallet.period_number}"


# --- Spending -------------------------------------------------------------------------------------------------------


def charge(
    tx: Session,
    wallet: UserSubscription,
    *,
    price: int,
    actor_id: int,
    action_type: str,
    lease: timedelta,
    now: datetime,
    tool_name: str | None = None,
    conversation_id: str | None = None,
    message_id: str | None = None,
) -> UsageLog:
    """Take `price` credits from a wallet that is awake, plan credits first, and return the pending usage log.

    Raises InsufficientCredits, with nothing written, when the wallet holds less than the price.
    """
    if wallet.credits_remaining < price:
        raise InsufficientCredits(wallet.credits_remaining, price, tier_view(wallet.tier))
    plan = min(price, wallet.plan_credits)
    log = UsageLog(
        user_id=actor_id,
        conversation_id=conversation_id,
        message_id=message_id,
        action_type=action_type,
        tool_name=tool_name,
        credits_used=price,
        created_at=now,
        wallet_user_id=wallet.user_id,
        plan_part=plan,
        pack_part=price - plan,
        period_number=wallet.period_number,
        lease_expires_at=now + lease,
    )
    tx.add(log)
    tx.flush()
    if price:
        _post(
            tx,
            wallet,
            LedgerKind.SPEND,
            _usage_source(log),
            plan=-plan,
            pack=plan - price,
            actor_id=actor_id,
            now=now,
            credits_used_this_month=UserSubscription.credits_used_this_month + price,
            total_credits_used=UserSubscription.total_credits_used + price,
        )
    return log


def settle(tx: Session, log_id: int, *, now: datetime, simulated: bool) -> bool:
    """Keep the charge for good; return False if it had been refunded already or its lease has run out (late settle)."""
    if _awake_for(tx, log_id, now, simulated) is None:
        return False
    done = tx.execute(
        update(UsageLog)
        .where(UsageLog.id == log_id, UsageLog.success.is_(None))
        .values(success=True, finished_at=now)
        .returning(UsageLog.id)
    )
    return done.first() is not None


def refund(tx: Session, log_id: int, reason: str, *, now: datetime, simulated: bool) -> bool:
    """Give a pending charge back to the parts it came from; return False if it was settled or refunded before."""
    wallet = _awake_for(tx, log_id, now, simulated)
    return wallet is not None and bool(_refund_pending(tx, wallet, [log_id], reason, now))


def refunded(tx: Session, log_ids: Sequence[int]) -> int:
    """Return how many credits of these charges were given back."""
    price = func.coalesce(func.sum(UsageLog.plan_part + UsageLog.pack_part), 0)
    return int(tx.scalar(select(price).where(UsageLog.id.in_(log_ids), UsageLog.success.is_(False))) or 0)


def renew(tx: Session, message_id: str, *, lease: timedelta, now: datetime) -> None:
    """Renew the leases of this message's pending charges; one that has run out stays so."""
    tx.execute(
        update(UsageLog)
        .where(UsageLog.message_id == message_id, UsageLog.success.is_(None), UsageLog.lease_expires_at > now)
        .values(lease_expires_at=now + lease)
    )


def forget_conversations(tx: Session, user_id: int, conversation_id: str | None = None) -> None:
    """Loosen the user's usage logs from a conversation that is about to be deleted, or from all of them.

    The database would do it too, but only after it has locked the messages: everybody else locks the logs first.
    """
    mine = UsageLog.user_id == user_id
    which = mine if conversation_id is None else mine & (UsageLog.conversation_id == conversation_id)
    tx.execute(update(UsageLog).where(which).values(conversation_id=None, message_id=None))


def release_stale(db: Database, *, now: datetime, simulated: bool) -> int:
    """Refund every charge whose lease has run out, one short transaction per wallet; return how many there were."""
    lapsed = select(UsageLog.wallet_user_id).where(_lapsed(now)).distinct()
    with db.read() as tx:
        owners = tx.scalars(lapsed).all()
    released = 0
    for user_id in owners:
        with db.write() as tx:
            wallet = _locked(tx, user_id)
            if wallet is not None:
                released += _release_lapsed(tx, wallet, now)
                _roll_over(tx, wallet, now, simulated)
    return released


def _awake_for(tx: Session, log_id: int, now: datetime, simulated: bool) -> UserSubscription | None:
    owner = tx.scalar(select(UsageLog.wallet_user_id).where(UsageLog.id == log_id))
    return None if owner is None else wake(tx, owner, now=now, simulated=simulated)


def _lapsed(now: datetime) -> Any:
    return UsageLog.success.is_(None) & (UsageLog.lease_expires_at <= now)


def _release_lapsed(tx: Session, wallet: UserSubscription, now: datetime) -> int:
    """Refund what a process that died has left behind, and mark its answers as cut off."""
    query = select(UsageLog.id).where(UsageLog.wallet_user_id == wallet.user_id, _lapsed(now))
    log_ids = tx.scalars(query).all()
    if not log_ids:
        return 0
    released = _refund_pending(tx, wallet, log_ids, ABANDONED, now)
    message_ids = [log.message_id for log in released if log.message_id is not None]
    tx.execute(
        update(Message)
        .where(Message.id.in_(message_ids), Message.status == MessageStatus.RUNNING)
        .values(status=MessageStatus.FAILED, error_code="abandoned", error_message=ABANDONED, finished_at=now)
    )
    return len(released)


def _refund_pending(
    tx: Session, wallet: UserSubscription, log_ids: Sequence[int], reason: str, now: datetime
) -> Sequence[UsageLog]:
    """Close those of the charges that are still pending as failed, and give each back; return them."""
    closed = tx.scalars(
        update(UsageLog)
        .where(UsageLog.id.in_(log_ids), UsageLog.success.is_(None))
        .values(success=False, credits_used=0, error_message=reason, finished_at=now)
        .returning(UsageLog)
        .execution_options(populate_existing=True)
    ).all()
    for log in sorted(closed, key=lambda log: log.id):
        _give_back(tx, wallet, log, now)
    # Only success is kept: a refund frees the client's key, so that the same request can be made again.
    tx.execute(delete(IdempotencyKey).where(IdempotencyKey.usage_log_id.in_([log.id for log in closed])))
    return closed


def _give_back(tx: Session, wallet: UserSubscription, log: UsageLog, now: datetime) -> None:
    credits = log.plan_part + log.pack_part
    if not credits:
        return
    changes: dict[str, Any] = {"total_credits_used": UserSubscription.total_credits_used - credits}
    same_period = log.period_number == wallet.period_number
    if same_period:
        changes["credits_used_this_month"] = UserSubscription.credits_used_this_month - credits
    source, actor_id = _usage_source(log), log.user_id
    _post(
        tx,
        wallet,
        LedgerKind.REFUND,
        source,
        plan=log.plan_part,
        pack=log.pack_part,
        actor_id=actor_id,
        now=now,
        **changes,
    )
    if not same_period and log.plan_part:
        # The plan credits belonged to a period that is over; they are not minted into the new one.
        _post(tx, wallet, LedgerKind.EXPIRE, source, plan=-log.plan_part, actor_id=actor_id, now=now)


def _usage_source(log: UsageLog) -> str:
    return f"usage:{log.id}"


# --- Plans and packs ------------------------------------------------------------------------------------------------


def upgrade(tx: Session, wallet: UserSubscription, tier: SubscriptionTier, *, actor_id: int, now: datetime) -> int:
    """Move a wallet that is awake to a higher tier at once and return the bonus, in credits.

    The bonus is what the tier grants beyond the highest allotment of this period, so up, down and up again earns
    nothing twice. Whatever was pending is cleared.
    """
    bonus = max(0, tier.monthly_credits - wallet.period_granted)
    changes: dict[str, Any] = {"tier_id": tier.id, "pending_tier_id": None, "cancel_at_period_end": False}
    if not bonus:
        _write(tx, wallet, **changes)
        return 0
    source = f"{_period_source(wallet)}:{tier.monthly_credits}"
    changes["period_granted"] = tier.monthly_credits
    _post(tx, wallet, LedgerKind.BONUS, source, plan=bonus, actor_id=actor_id, now=now, **changes)
    return bonus


def schedule(tx: Session, wallet: UserSubscription, tier: SubscriptionTier) -> None:
    """Let a lower tier begin at the period's end; the Free tier means that the plan is cancelled then."""
    _write(tx, wallet, pending_tier_id=tier.id, cancel_at_period_end=tier.name == FREE)


def unschedule(tx: Session, wallet: UserSubscription) -> bool:
    """Undo what is pending; return False if nothing was."""
    if wallet.pending_tier_id is None and not wallet.cancel_at_period_end:
        return False
    _write(tx, wallet, pending_tier_id=None, cancel_at_period_end=False)
    return True


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
    source, credits = f"purchase:{purchase.id}", purchase.credits_amount
    _post(tx, wallet, LedgerKind.PURCHASE, source, pack=credits, actor_id=purchase.user_id, now=now)
    tx.refresh(purchase)
    return True


# --- The one place where a wallet changes ---------------------------------------------------------------------------


def _post(
    tx: Session,
    wallet: UserSubscription,
    kind: LedgerKind,
    source: str,
    *,
    plan: int = 0,
    pack: int = 0,
    actor_id: int | None,
    now: datetime,
    **changes: Any,
) -> None:
    """Change the buckets of a wallet and append the ledger row that says why.

    Raises LedgerError if a bucket would fall below 0, and IntegrityError if this (kind, source) is in the ledger.
    """
    w = UserSubscription
    balance = _write(
        tx,
        wallet,
        w.credits_remaining + plan + pack >= 0,
        w.pack_credits + pack >= 0,
        w.credits_remaining - w.pack_credits + plan >= 0,
        credits_remaining=w.credits_remaining + plan + pack,
        pack_credits=w.pack_credits + pack,
        **changes,
    )
    entry = CreditLedger(
        user_id=wallet.user_id,
        delta=plan + pack,
        pack_delta=pack,
        balance_after=balance,
        kind=kind,
        source=source,
        actor_id=actor_id,
        created_at=now,
    )
    tx.add(entry)
    tx.flush()


def _write(tx: Session, wallet: UserSubscription, *guards: Any, **changes: Any) -> int:
    """Update the wallet's row where the guards hold, have it read afresh and return the new balance."""
    query = update(UserSubscription).where(UserSubscription.id == wallet.id, *guards).values(**changes)
    updated = tx.execute(
        query.returning(UserSubscription.credits_remaining).execution_options(synchronize_session=False)
    )
    balance = updated.scalar_one_or_none()
    if balance is None:
        raise LedgerError(f"wallet {wallet.id} cannot bear this change: {sorted(changes)}")
    tx.expire(wallet)
    return balance
