"""List, show, rename and delete conversations, always the user's own."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from agent.redaction import redact
from errors import InvalidInput, NotFound
from models import ActionType, Conversation, Message, MessageStatus, UsageLog
from services import approvals, credits, markdown
from services.answer_views import text_of
from services.transaction import Database, utcnow
from services.views import iso

TITLE_MAX = 200
UNKNOWN = "Outcome unknown: the server stopped while it ran. It was refunded and is not run again by itself."
_CUT_SHORT = ("max_tokens", "model_context_window_exceeded")
_render = lru_cache(maxsize=256)(markdown.to_html)


def own_conversation(tx: Session, user_id: int, conversation_id: str) -> Conversation:
    """Return the user's conversation; raises 404 `conversation_not_found`, also for another user's."""
    conversation = tx.get(Conversation, conversation_id)
    if conversation is None or conversation.user_id != user_id:
        raise NotFound("conversation_not_found", "There is no such conversation.")
    return conversation


def can_retry(tx: Session, conversation: Conversation) -> bool:
    """Say whether the last answer of the conversation was refunded, so that one click can try again."""
    last = last_message(tx, conversation)
    if last is None or last.role != "assistant" or last.status not in (MessageStatus.FAILED, MessageStatus.STOPPED):
        return False
    settled = select(UsageLog.id).where(
        UsageLog.message_id == last.id, UsageLog.action_type == ActionType.CHAT_MESSAGE, UsageLog.success.is_not(False)
    )
    return tx.scalar(settled) is None


def last_message(tx: Session, conversation: Conversation) -> Message | None:
    """Return the conversation's latest message."""
    return tx.scalar(
        select(Message).where(Message.conversation_id == conversation.id).order_by(Message.position.desc()).limit(1)
    )


def stored_blocks(tx: Session, message_id: str) -> list[dict[str, Any]]:
    """Return what a message consists of, nothing if it is gone."""
    return tx.scalar(select(Message.content).where(Message.id == message_id)) or []


def running_message(tx: Session, conversation: Conversation) -> Message | None:
    """Return the answer that is running in the conversation, if one is."""
    return tx.scalar(
        select(Message).where(Message.conversation_id == conversation.id, Message.status == MessageStatus.RUNNING)
    )


def list_view(
    db: Database, user_id: int, q: str | None, limit: int, cursor: str | None, *, now: datetime, simulated: bool
) -> dict[str, Any]:
    """Return a page of the user's conversations, the latest first; `q` is looked for in the titles."""
    credits.refresh(db, user_id, now=now, simulated=simulated)
    query = select(Conversation).where(Conversation.user_id == user_id)
    if q:
        query = query.where(_mentions(q))
    running = select(Message.conversation_id).where(Message.status == MessageStatus.RUNNING)
    with db.read() as tx:
        if cursor is not None:
            query = query.where(_after(tx, user_id, cursor))
        ordered = query.order_by(Conversation.updated_at.desc(), Conversation.id.desc())
        rows = tx.scalars(ordered.limit(limit + 1)).all()
        page = rows[:limit]
        busy = set(tx.scalars(running.where(Message.conversation_id.in_([row.id for row in page]))))
    return {
        "conversations": [_summary(row) | {"running": row.id in busy} for row in page],
        "next_cursor": page[-1].id if len(rows) > limit else None,
    }


def detail_view(db: Database, user_id: int, conversation_id: str, *, now: datetime, simulated: bool) -> dict[str, Any]:
    """Return a conversation with all its messages; raises 404 `conversation_not_found`."""
    credits.refresh(db, user_id, now=now, simulated=simulated)
    with db.read() as tx:
        conversation = own_conversation(tx, user_id, conversation_id)
        query = select(Message).where(Message.conversation_id == conversation.id).order_by(Message.position)
        messages = tx.scalars(query).all()
        views = _message_views(tx, conversation, messages)
    running = any(message.status == MessageStatus.RUNNING for message in messages)
    return {"conversation": _summary(conversation) | {"running": running}, "messages": views}


def message_view(db: Database, user_id: int, message_id: str) -> dict[str, Any]:
    """Return one message of the user's; raises 404 `message_not_found`."""
    with db.read() as tx:
        message = tx.get(Message, message_id)
        conversation = tx.get(Conversation, message.conversation_id) if message else None
        if message is None or conversation is None or conversation.user_id != user_id:
            raise NotFound("message_not_found", "There is no such message.")
        return _message_views(tx, conversation, [message])[0]


def rename(db: Database, user_id: int, conversation_id: str, title: str, *, secrets: Sequence[str]) -> dict[str, Any]:
    """Give the conversation another title, of 1 to 200 characters; the user's secrets are taken out of it."""
    title = redact(title, secrets)
    title = " ".join("".join(char for char in title if char.isprintable() or char.isspace()).split())
    if not 1 <= len(title) <= TITLE_MAX:
        raise InvalidInput({"title": f"The title must have 1 to {TITLE_MAX} characters."})
    with db.write() as tx:
        conversation = own_conversation(tx, user_id, conversation_id)
        conversation.title = title
        return {"conversation": _summary(conversation)}


def delete(db: Database, user_id: int, conversation_id: str, *, now: datetime, simulated: bool) -> None:
    """Delete the conversation with its messages; its usage logs stay. A running answer finds out and ends."""
    with db.write() as tx:
        credits.enter(tx, user_id, now=now, simulated=simulated)
        conversation = own_conversation(tx, user_id, conversation_id)
        credits.forget_conversations(tx, user_id, conversation.id)
        tx.delete(conversation)


def _summary(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "title": conversation.title,
        "created_at": iso(conversation.created_at),
        "updated_at": iso(conversation.updated_at),
    }


def _mentions(q: str) -> ColumnElement[bool]:
    return func.lower(Conversation.title).contains(q.lower(), autoescape=True)


def _after(tx: Session, user_id: int, cursor: str) -> ColumnElement[bool]:
    last = tx.get(Conversation, cursor)
    if last is None or last.user_id != user_id:
        raise InvalidInput({"cursor": "This cursor leads nowhere."})
    older = Conversation.updated_at < last.updated_at
    return or_(older, and_(Conversation.updated_at == last.updated_at, Conversation.id < last.id))


def _message_views(tx: Session, conversation: Conversation, messages: Iterable[Message]) -> list[dict[str, Any]]:
    shown = list(messages)
    charges: dict[str, list[UsageLog]] = {message.id: [] for message in shown}
    query = select(UsageLog).where(UsageLog.conversation_id == conversation.id).order_by(UsageLog.id)
    if len(shown) == 1:
        query = query.where(UsageLog.message_id == shown[0].id)
    for log in tx.scalars(query):
        if log.message_id in charges:
            charges[log.message_id].append(log)
    last = tx.scalar(select(func.max(Message.position)).where(Message.conversation_id == conversation.id))
    retry = can_retry(tx, conversation)
    asked = {
        message_id: approvals.view(approval, now=utcnow())
        for message_id, approval in approvals.of_messages(tx, charges).items()
    }
    return [
        _view(message, charges[message.id], asked.get(message.id), retry and message.position == last)
        for message in shown
    ]


def _view(message: Message, charges: list[UsageLog], asked: dict[str, Any] | None, can_retry: bool) -> dict[str, Any]:
    receipt = _receipt(message, charges) if message.role == "assistant" else None
    error = {"code": message.error_code, "message": message.error_message} if message.error_code else None
    return {
        "id": message.id,
        "conversation_id": message.conversation_id,
        "role": message.role,
        "status": message.status,
        "created_at": iso(message.created_at),
        "text": text_of(message.content),
        "blocks": _blocks(message, asked),
        "approval": asked,
        "goes_on": message.continues_id is not None,
        "credits_used": receipt["credits"] if receipt else 0,
        "receipt": receipt,
        "error": error,
        "can_retry": can_retry,
        "is_cut_short": message.stop_reason in _CUT_SHORT,
    }


def _blocks(message: Message, asked: dict[str, Any] | None) -> list[dict[str, Any]]:
    starts = {block["tool_use_id"]: block for block in message.content if block["type"] == "tool_start"}
    results = {block["tool_use_id"]: block for block in message.content if block["type"] == "tool_result"}
    calls = {block["id"] for block in message.content if block["type"] == "tool_use"}
    waits = {block["tool_use_id"] for block in message.content if block["type"] == "approval" and asked}
    running = message.status == MessageStatus.RUNNING
    shown: list[dict[str, Any]] = []
    for block in message.content:
        kind = block["type"]
        if kind == "text" and block["text"].strip():
            html = _render(block["text"]) if message.role == "assistant" else None
            shown.append({"type": "text", "text": block["text"], "html": html})
        elif kind == "tool_use" and block["id"] not in waits:
            shown.append(_tool(block, starts.get(block["id"]), results.get(block["id"]), running))
        elif kind == "tool_start" and block["tool_use_id"] not in calls:
            # The call stands in the answer before this one, with the card that the user decided on.
            call = {"id": block["tool_use_id"], "name": block["name"], "input": block.get("input", {})}
            shown.append(_tool(call, block, results.get(block["tool_use_id"]), running))
        elif kind == "approval" and asked:
            shown.append({"type": "approval", **asked, "input_text": _pretty(asked["input"])})
    return shown


def _tool(
    call: dict[str, Any], start: dict[str, Any] | None, result: dict[str, Any] | None, running: bool
) -> dict[str, Any]:
    lost = start is not None and start.get("writes", False) and result is None and not running
    price = start["credits"] if start else 0
    paid = result["credits"] if result else (price if running else 0)
    if result is not None:
        status = "unknown" if result.get("unknown") else "ok" if result["success"] else "failed"
    else:
        status = "running" if running else "unknown" if lost else "failed"
    return {
        "type": "tool",
        "id": call["id"],
        "name": call["name"],
        "title": start["title"] if start else call["name"],
        "target": start["target"] if start else "",
        "input": _pretty(call["input"]),
        "status": status,
        "not_run": result is not None and result.get("not_run", False),
        "credits": paid,
        "refunded": max(0, price - paid),
        "duration_ms": result["duration_ms"] if result else None,
        "summary": result["summary"] if result else ("" if running else UNKNOWN if lost else "Did not finish."),
        "output": _pretty_text(result["content"]) if result else "",
    }


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _pretty_text(text: str) -> str:
    try:
        return _pretty(json.loads(text))
    except ValueError:
        return text


def _receipt(message: Message, charges: list[UsageLog]) -> dict[str, Any]:
    """Say what a message cost, action by action, from which bucket, and what was given back."""
    # What goes on behind the user's word has no price of its own, only its tools have.
    free = ActionType.CHAT_MESSAGE if message.continues_id else None
    lines = [_line(log) for log in charges if log.action_type != free]
    totals = {key: sum(line[key] for line in lines) for key in ("credits", "plan", "pack", "refunded")}
    return totals | {"lines": lines}


def _line(log: UsageLog) -> dict[str, Any]:
    kept = log.success is not False
    return {
        "label": log.tool_name if log.action_type == ActionType.TOOL_USE else "Message",
        "credits": log.credits_used,
        "plan": log.plan_part if kept else 0,
        "pack": log.pack_part if kept else 0,
        "success": log.succeeded,
        "refunded": 0 if kept else log.plan_part + log.pack_part,
        "note": log.error_message,
        "duration_ms": log.duration_ms,
    }
