"""Charge before the work, settle after it, or give the charge back."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, select, update
from sqlalchemy.orm import Session

from agent.types import RefundReason
from errors import InsufficientCredits
from models import ActionType, LedgerKind, UsageLog, UserSubscription
from services.credits import refunds
from services.credits.posting import Entry, post
from services.credits.wallet import locked, roll_over, wake
from services.transaction import Database
from services.views import tier_view


@dataclass(frozen=True)
class Work:
    """What a charge pays for: who asked for it, what kind of work it is, and where it stands."""

    actor_id: int
    action_type: str
    conversation_id: str | None = None
    message_id: str | None = None
    tool_name: str | None = None
    writes: bool = False
    goes_on: bool = False


def charge(
    tx: Session, wallet: UserSubscription, work: Work, *, price: int, lease: timedelta, now: datetime
) -> UsageLog:
    """Take `price` credits from a wallet that is awake, plan credits first, and return the pending usage log.

    Raises InsufficientCredits, with nothing written, when the wallet holds less than the price.
    """
    if wallet.credits_remaining < price:
        raise InsufficientCredits(wallet.credits_remaining, price, tier_view(wallet.tier))
    plan = min(price, wallet.plan_credits)
    log = UsageLog(
        user_id=work.actor_id,
        conversation_id=work.conversation_id,
        message_id=work.message_id,
        action_type=work.action_type,
        tool_name=work.tool_name,
        credits_used=price,
        created_at=now,
        wallet_user_id=wallet.user_id,
        plan_part=plan,
        pack_part=price - plan,
        period_number=wallet.period_number,
        lease_expires_at=now + lease,
        writes=work.writes,
        goes_on=work.goes_on,
    )
    tx.add(log)
    tx.flush()
    if price:
        spent = Entry(LedgerKind.SPEND, refunds.usage_source(log), plan=-plan, pack=plan - price)
        totals = {
            "credits_used_this_month": UserSubscription.credits_used_this_month + price,
            "total_credits_used": UserSubscription.total_credits_used + price,
        }
        post(tx, wallet, spent, actor_id=work.actor_id, now=now, **totals)
    return log


def settle(tx: Session, log_id: int, *, now: datetime, simulated: bool, failure: str | None = None) -> bool:
    """Keep the charge for good; return False if it had been refunded already or its lease has run out (late settle).

    `failure` says what was wrong with the input of a tool that ran all the same.
    """
    if _awake_for(tx, log_id, now, simulated) is None:
        return False
    done = tx.execute(
        update(UsageLog)
        .where(UsageLog.id == log_id, UsageLog.success.is_(None))
        .values(success=True, error_message=refunds.told(failure), finished_at=now)
        .returning(UsageLog.id)
    )
    return done.first() is not None


def refund(tx: Session, log_id: int, reason: str, *, now: datetime, simulated: bool) -> bool:
    """Give a pending charge back to the parts it came from; return False if it was settled or refunded before."""
    wallet = _awake_for(tx, log_id, now, simulated)
    return wallet is not None and bool(refunds.refund_pending(tx, wallet, [log_id], refunds.told(reason), now))


def give_up(tx: Session, log_id: int, reason: str, *, now: datetime, simulated: bool) -> bool:
    """Do the same to a charge that its work left behind unresolved: the outcome of a tool that writes is unknown."""
    wallet = _awake_for(tx, log_id, now, simulated)
    return wallet is not None and bool(refunds.refund_pending(tx, wallet, [log_id], refunds.given_up(reason), now))


def renew(tx: Session, message_id: str, *, lease: timedelta, now: datetime) -> None:
    """Renew the leases of this message's pending charges; one that has run out stays so."""
    tx.execute(
        update(UsageLog)
        .where(UsageLog.message_id == message_id, UsageLog.success.is_(None), UsageLog.lease_expires_at > now)
        .values(lease_expires_at=now + lease)
    )


def end_leases(tx: Session, message_id: str, *, now: datetime) -> None:
    """Let the leases of this message's pending charges run out now, since no process takes care of them any more."""
    tx.execute(
        update(UsageLog)
        .where(UsageLog.message_id == message_id, UsageLog.success.is_(None), UsageLog.lease_expires_at > now)
        .values(lease_expires_at=now)
    )


def forget_conversations(tx: Session, user_id: int, conversation_id: str | None = None) -> None:
    """Loosen the user's usage logs from a conversation that is about to be deleted, or from all of them.

    The database would do it too, but only after it has locked the messages: everybody else locks the logs first. What
    a tool said of its failure may name the user's systems, so that it goes as well.
    """
    mine = UsageLog.user_id == user_id
    which = mine if conversation_id is None else mine & (UsageLog.conversation_id == conversation_id)
    by_tool = (UsageLog.action_type == ActionType.TOOL_USE) & UsageLog.error_message.not_in(list(RefundReason))
    words = case((by_tool, refunds.FORGOTTEN), else_=UsageLog.error_message)
    tx.execute(update(UsageLog).where(which).values(conversation_id=None, message_id=None, error_message=words))


def release_stale(db: Database, *, now: datetime, simulated: bool) -> int:
    """Refund every charge whose lease has run out, one short transaction per wallet; return how many there were."""
    lapsed = select(UsageLog.wallet_user_id).where(refunds.has_lapsed(now)).distinct()
    with db.read() as tx:
        owners = tx.scalars(lapsed).all()
    released = 0
    for user_id in owners:
        with db.write() as tx:
            wallet = locked(tx, user_id)
            if wallet is not None:
                released += refunds.release_lapsed(tx, wallet, now)
                roll_over(tx, wallet, now, simulated)
    return released


def _awake_for(tx: Session, log_id: int, now: datetime, simulated: bool) -> UserSubscription | None:
    owner = tx.scalar(select(UsageLog.wallet_user_id).where(UsageLog.id == log_id))
    return None if owner is None else wake(tx, owner, now=now, simulated=simulated)
