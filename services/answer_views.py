"""Show how an answer ended, as `POST /api/chat` says it."""

from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from errors import AppError
from models import Conversation, Message, MessageStatus, UsageLog, UserSubscription
from services import approvals
from services.transaction import utcnow
from services.views import iso

_STATUS = {"conversation_not_found": 404, "model_unavailable": 502, "abandoned": 502, "server_restarting": 503}


def text_of(blocks: list[dict[str, Any]]) -> str:
    """Return the whole text of an answer; pieces between tool calls are paragraphs of their own."""
    texts = (block["text"].strip() for block in blocks if block.get("type") == "text")
    return "\n\n".join(text for text in texts if text)


def ending_of(tx: Session, message: Message, wallet: UserSubscription) -> tuple[str, dict[str, Any]]:
    """Return `("done", json)` or `("error", json)` for an answer that has ended."""
    if message.status == MessageStatus.FAILED:
        return "error", _failure_json(tx, message, wallet)
    return "done", _answer_json(tx, message, wallet)


def error_of(json: dict[str, Any]) -> AppError:
    """Return the error of a failed answer as an exception with its status."""
    details = {key: value for key, value in json.items() if key not in ("error", "message")}
    return AppError(_STATUS.get(json["error"], 500), json["error"], json["message"], **details)


def _answer_json(tx: Session, message: Message, wallet: UserSubscription) -> dict[str, Any]:
    used, _refunded = _credits(tx, message.id)
    title = tx.scalar(select(Conversation.title).where(Conversation.id == message.conversation_id))
    waits = approvals.of_messages(tx, [message.id]).get(message.id)
    answer: dict[str, Any] = {
        "response": text_of(message.content),
        "conversation_id": message.conversation_id,
        "conversation_title": title,
        "message_id": message.id,
        "status": message.status,
        "credits_used": used,
        "credits_remaining": wallet.credits_remaining,
        "credits_used_this_month": wallet.credits_used_this_month,
        "tool_calls": _tool_calls(message),
        "timestamp": iso(message.finished_at or message.created_at),
    }
    if waits is not None:
        answer["approval"] = approvals.view(waits, now=utcnow())
    return answer


def _failure_json(tx: Session, message: Message, wallet: UserSubscription) -> dict[str, Any]:
    used, refunded = _credits(tx, message.id)
    return {
        "error": message.error_code,
        "message": message.error_message,
        "conversation_id": message.conversation_id,
        "message_id": message.id,
        "credits_used": used,
        "credits_refunded": refunded,
        "credits_remaining": wallet.credits_remaining,
        "tool_calls": _tool_calls(message),
        "can_retry": True,
    }


def _tool_calls(message: Message) -> list[dict[str, Any]]:
    return [
        {"name": block["name"], "success": block["success"], "credits_used": block["credits"]}
        for block in message.content
        if block.get("type") == "tool_result"
    ]


def _credits(tx: Session, message_id: str) -> tuple[int, int]:
    """Return what the message and its tools cost, and what was given back."""
    refunded = case((UsageLog.success.is_(False), UsageLog.plan_part + UsageLog.pack_part), else_=0)
    query = select(func.coalesce(func.sum(UsageLog.credits_used), 0), func.coalesce(func.sum(refunded), 0))
    used, back = tx.execute(query.where(UsageLog.message_id == message_id)).one()
    return used, back
