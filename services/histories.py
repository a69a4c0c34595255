"""Read a conversation back for the model: append-only, and cut between exchanges when it grows too long."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from sqlalchemy import Row, func, select, update

from agent import history, outcomes
from agent.history import StoredMessage
from agent.loop import Before
from models import Conversation, Message
from services.transaction import Database

Blocks = list[dict[str, Any]]
_NOTES = ("tool_start", "approval")
"""Our own notes for watchers and pages, which the model never gets."""


def messages_for(
    db: Database, conversation_id: str, message_id: str, so_far: Blocks, *, continues: str | None, max_tokens: int
) -> list[dict[str, Any]]:
    """Return what the model gets of the conversation, without the answer `message_id` that is about to be written.

    One that goes on behind the user's word belongs to the answer `continues`: `so_far` is what it has done by now.
    """
    with db.read() as tx:
        start = tx.scalar(select(Conversation.context_start).where(Conversation.id == conversation_id)) or 0
        query = select(
            Message.id, Message.position, Message.role, Message.status, Message.content, Message.continues_id
        ).where(Message.conversation_id == conversation_id, Message.position >= start, Message.id != message_id)
        rows = tx.execute(query.order_by(Message.position)).all()
    stored, positions = _joined(rows)
    if rows and rows[-1].id == continues:
        stored[-1] = replace(stored[-1], status="done", content=[*stored[-1].content, *_sent(so_far)])
    cut = history.cut(stored, max_tokens)
    if cut:
        moved = update(Conversation).where(Conversation.id == conversation_id)
        with db.write() as tx:
            tx.execute(moved.values(context_start=positions[cut]))
    # Thinking is bound to what stood before it, so none of it survives a cut.
    return history.to_messages(stored[cut:], thinking=start == 0 and cut == 0)


def done_before(db: Database, conversation_id: str, message_id: str) -> Before:
    """Return what was done since the user's last message: turns, tool calls, output and seconds."""
    here = Message.conversation_id == conversation_id
    asked = select(func.max(Message.position)).where(here, Message.role == "user").scalar_subquery()
    query = select(Message.content, Message.output_tokens, Message.created_at, Message.finished_at).where(
        here, Message.position > asked, Message.id != message_id
    )
    with db.read() as tx:
        rows = tx.execute(query.order_by(Message.position)).all()
    return Before(
        rounds=sum(_turns(row.content) for row in rows),
        calls=tuple(block for row in rows for block in row.content if block["type"] == "tool_use"),
        output_tokens=sum(row.output_tokens for row in rows),
        seconds=sum((row.finished_at - row.created_at).total_seconds() for row in rows if row.finished_at),
    )


def _turns(content: Blocks) -> int:
    """Count the turns with tools in an answer: each ends where its results begin."""
    kinds = (block["type"] for block in content if block["type"] in ("tool_use", "tool_result", "approval"))
    return sum(kind == "tool_use" for kind, _blocks in groupby(kinds))


def _joined(rows: Sequence[Row[Any]]) -> tuple[list[StoredMessage], list[int]]:
    """Join each answer that went on behind the user's word with the one that had asked for it."""
    stored: list[StoredMessage] = []
    positions: list[int] = []
    last_id = None
    for row in rows:
        content = _sent(row.content)
        if row.continues_id is not None and row.continues_id == last_id:
            stored[-1] = replace(stored[-1], status=row.status, content=[*stored[-1].content, *content])
        else:
            stored.append(StoredMessage(row.role, row.status, content))
            positions.append(row.position)
        last_id = row.id
    return stored, positions


def _sent(blocks: Blocks) -> Blocks:
    """Return the blocks that the model gets to see again; a write that never came back is told as unknown."""
    answered = {block["tool_use_id"] for block in blocks if block["type"] == "tool_result"}
    sent: Blocks = []
    for block in blocks:
        if block["type"] == "tool_start" and block.get("writes") and block["tool_use_id"] not in answered:
            sent.append(unknown_result(block))
        elif block["type"] not in _NOTES:
            sent.append(block)
    return sent


def unknown_result(start: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a write whose process died while it ran."""
    lost = outcomes.unknown("the server stopped while it ran.")
    return {
        "type": "tool_result",
        "tool_use_id": start["tool_use_id"],
        "name": start["name"],
        "content": lost.content,
        "is_error": True,
    }


def not_run_result(tool_use_id: str, name: str, why: str) -> dict[str, Any]:
    """Return the result of a call that was never made, as it is stored."""
    return {
        "type": "tool_result",
        "tool_use_id": tool_use_id,
        "name": name,
        "content": json.dumps({"error": why}),
        "is_error": True,
        "success": False,
        "credits": 0,
        "duration_ms": 0,
        "summary": why,
        "not_run": True,
    }
