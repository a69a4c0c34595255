"""Give charges back to the wallet and the parts that they came from."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.orm import Session

from agent.types import RefundReason
from models import ActionType, IdempotencyKey, LedgerKind, Message, MessageStatus, UsageLog, UserSubscription
from services import periods
from services.credits.posting import Entry, post

FORGOTTEN = "What went wrong was deleted with the conversation."
_ABANDONED = "The server stopped in the middle of this answer."


def has_lapsed(now: datetime) -> Any:
    """Return the condition for a charge whose lease has run out."""
    return UsageLog.success.is_(None) & (UsageLog.lease_expires_at <= now)


def release_lapsed(tx: Session, wallet: UserSubscription, now: datetime) -> int:
    """Refund what a process that died has left behind, and mark its answers as cut off."""
    query = select(UsageLog.id).where(UsageLog.wallet_user_id == wallet.user_id, has_lapsed(now))
    log_ids = tx.scalars(query).all()
    if not log_ids:
        return 0
    released = refund_pending(tx, wallet, log_ids, given_up(RefundReason.ABANDONED), now)
    message_ids = [log.message_id for log in released if log.message_id is not None]
    tx.execute(
        update(Message)
        .where(Message.id.in_(message_ids), Message.status == MessageStatus.RUNNING)
        .values(
            status=MessageStatus.FAILED, error_code=RefundReason.ABANDONED, error_message=_ABANDONED, finished_at=now
        )
    )
    return len(released)


def given_up(reason: str) -> Any:
    """Return the reason of a refund after which nobody knows what the tool has done: of a write, that it is unknown."""
    return case((UsageLog.writes, str(RefundReason.OUTCOME_UNKNOWN)), else_=str(reason))


def told(words: str | None) -> Any:
    """Return what a log keeps of a failure: a tool's own words go with its conversation, which may be gone already."""
    if words is None or words in set(RefundReason):
        return words
    gone = (UsageLog.action_type == ActionType.TOOL_USE) & UsageLog.message_id.is_(None)
    return case((gone, FORGOTTEN), else_=words)


def refund_pending(
    tx: Session, wallet: UserSubscription, log_ids: Sequence[int], reason: Any, now: datetime
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
    source = usage_source(log)
    entries = [Entry(LedgerKind.REFUND, source, plan=log.plan_part, pack=log.pack_part)]
    if log.plan_part and (not same_period or periods.grace_is_over(wallet, now)):
        # The plan credits belonged to a period that is over; they are not minted into the new one.
        entries.append(Entry(LedgerKind.EXPIRE, source, plan=-log.plan_part))
    post(tx, wallet, *entries, actor_id=log.user_id, now=now, **changes)


def usage_source(log: UsageLog) -> str:
    """Return the name of a charge as a source in the ledger."""
    return f"usage:{log.id}"


def refunded(tx: Session, log_ids: Sequence[int]) -> int:
    """Return how many credits of these charges were given back."""
    price = func.coalesce(func.sum(UsageLog.plan_part + UsageLog.pack_part), 0)
    return int(tx.scalar(select(price).where(UsageLog.id.in_(log_ids), UsageLog.success.is_(False))) or 0)
