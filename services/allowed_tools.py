"""Remember which reading tools their user lets run without asking, and up to which price."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from models import AllowedTool
from services.transaction import Database, insert_new
from services.views import iso


def allow(tx: Session, user_id: int, tool_name: str, credits: int, *, now: datetime) -> None:
    """Let a tool run without asking while it costs no more than `credits`; the latest word counts."""
    told = {"user_id": user_id, "tool_name": tool_name, "credits": credits, "created_at": now}
    if not insert_new(tx, AllowedTool, told):
        tx.execute(update(AllowedTool).where(*_one(user_id, tool_name)).values(credits=credits, created_at=now))


def forget(db: Database, user_id: int, tool_name: str) -> bool:
    """Ask again before this tool runs; return False if it was not allowed."""
    with db.write() as tx:
        gone = tx.execute(delete(AllowedTool).where(*_one(user_id, tool_name)).returning(AllowedTool.tool_name))
        return gone.first() is not None


def names(tx: Session, user_id: int) -> dict[str, int]:
    """Return the allowed tools with the price that each was allowed at."""
    query = select(AllowedTool.tool_name, AllowedTool.credits).where(AllowedTool.user_id == user_id)
    return {row.tool_name: row.credits for row in tx.execute(query)}


def list_view(db: Database, user_id: int) -> list[dict[str, Any]]:
    """Return the allowed tools by name."""
    query = select(AllowedTool).where(AllowedTool.user_id == user_id).order_by(AllowedTool.tool_name)
    with db.read() as tx:
        return [
            {"name": row.tool_name, "credits": row.credits, "created_at": iso(row.created_at)}
            for row in tx.scalars(query)
        ]


def _one(user_id: int, tool_name: str) -> tuple[Any, Any]:
    return AllowedTool.user_id == user_id, AllowedTool.tool_name == tool_name
