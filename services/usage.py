"""Show what was used: totals, days, tools and the history of every charge."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, cast, func, select
from sqlalchemy.orm import Session

from models import ActionType, UsageLog
from services import billing_views, credits, ledger_views
from services.transaction import Database
from services.views import iso

DAYS = 30
CSV_HEADER = [
    "id",
    "created_at",
    "action_type",
    "tool_name",
    "credits_used",
    "success",
    "error_message",
    "conversation_id",
]
_BATCH = 1000


def stats(db: Database, user_id: int, *, now: datetime, simulated: bool) -> dict[str, Any]:
    """Return the totals of `GET /api/usage/stats`; days and tools over the last 30 days, UTC."""
    wallet = billing_views.subscription_view(db, user_id, now=now, simulated=simulated)
    first_day = (now - timedelta(days=DAYS - 1)).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with db.read() as tx:
        daily = _daily(tx, user_id, first_day)
        tools = _tools(tx, user_id, first_day)
        rate = _success_rate(tx, user_id, first_day)
    kept = ("credits_remaining", "credits_used_this_month", "total_credits_used", "tier")
    dates = ("current_period_start", "current_period_end")
    return {key: wallet[key] for key in kept + dates} | {
        "tool_usage_breakdown": tools,
        "daily": daily,
        "success_rate": rate,
    }


def history(db: Database, user_id: int, limit: int, offset: int, *, now: datetime, simulated: bool) -> dict[str, Any]:
    """Return a page of the user's charges, newest first."""
    credits.refresh(db, user_id, now=now, simulated=simulated)
    mine = _of(user_id)
    with db.read() as tx:
        total = tx.scalar(select(func.count()).select_from(UsageLog).where(mine)) or 0
        query = select(UsageLog).where(mine).order_by(UsageLog.id.desc()).limit(limit).offset(offset)
        logs = tx.scalars(query).all()
        actions = ledger_views.actions_of(tx, [log.id for log in logs])
    listed = [log_json(log) | {"description": actions[log.id]} for log in logs]
    return {"logs": listed, "total_count": total, "limit": limit, "offset": offset}


def csv_rows(db: Database, user_id: int) -> Iterator[list[str]]:
    """Yield the header and every charge of the user, newest first; reads in batches and holds no connection between."""
    yield CSV_HEADER
    before: int | None = None
    while True:
        query = select(UsageLog).where(_of(user_id))
        if before is not None:
            query = query.where(UsageLog.id < before)
        with db.read() as tx:
            logs = tx.scalars(query.order_by(UsageLog.id.desc()).limit(_BATCH)).all()
        for log in logs:
            yield [_cell(log_json(log)[column]) for column in CSV_HEADER]
        if len(logs) < _BATCH:
            return
        before = logs[-1].id


def _of(user_id: int) -> ColumnElement[bool]:
    """Return the condition for the user's charges; what goes on behind their word is no message of its own."""
    return and_(UsageLog.user_id == user_id, UsageLog.goes_on.is_(False))


def log_json(log: UsageLog) -> dict[str, Any]:
    """Return a charge as clients see it; `success` is null while it runs, and false where the work failed."""
    return {
        "id": log.id,
        "action_type": log.action_type,
        "tool_name": log.tool_name,
        "credits_used": log.credits_used,
        "success": log.succeeded,
        "error_message": log.error_message,
        "conversation_id": log.conversation_id,
        "created_at": iso(log.created_at),
    }


def _cell(value: object) -> str:
    """Return a CSV cell that no spreadsheet takes for a formula."""
    words = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return f"'{words}" if words.startswith(("=", "+", "-", "@", "\t", "\r")) else words


def _daily(tx: Session, user_id: int, first_day: datetime) -> list[dict[str, Any]]:
    if tx.get_bind().dialect.name == "postgresql":
        day = func.to_char(func.timezone("UTC", UsageLog.created_at), "YYYY-MM-DD")
    else:
        day = func.strftime("%Y-%m-%d", UsageLog.created_at)
    query = select(day, func.sum(UsageLog.credits_used), func.count())
    query = query.where(_of(user_id), UsageLog.created_at >= first_day).group_by(day)
    found = {date: (spent, count) for date, spent, count in tx.execute(query)}
    dates = [(first_day + timedelta(days=n)).date().isoformat() for n in range(DAYS)]
    return [
        {"date": date, "credits": found.get(date, (0, 0))[0], "count": found.get(date, (0, 0))[1]} for date in dates
    ]


def _tools(tx: Session, user_id: int, first_day: datetime) -> list[dict[str, Any]]:
    count, used = func.count(), func.sum(UsageLog.credits_used)
    query = select(UsageLog.tool_name, count, used).where(
        _of(user_id),
        UsageLog.created_at >= first_day,
        UsageLog.action_type == ActionType.TOOL_USE,
    )
    rows = tx.execute(query.group_by(UsageLog.tool_name).order_by(count.desc(), UsageLog.tool_name))
    return [{"tool": tool, "count": number, "credits": price} for tool, number, price in rows]


def _success_rate(tx: Session, user_id: int, first_day: datetime) -> float:
    """Return the share of finished charges that succeeded, 1.0 when there are none."""
    query = select(func.count(), func.sum(cast(UsageLog.succeeded, Integer))).where(
        _of(user_id), UsageLog.created_at >= first_day, UsageLog.success.is_not(None)
    )
    finished, succeeded = tx.execute(query).one()
    return round(succeeded / finished, 4) if finished else 1.0
