"""Write down an attempt to answer: the conversation, the message, its charge, and the user's word it goes on behind.

Everything here happens inside one short transaction of `services/chat.py`, before the model or a tool is asked.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from agent.types import Limits, Tool, Verdict
from errors import Conflict, InvalidInput
from models import ActionType, Approval, Conversation, Message, MessageStatus, UserSubscription
from services import allowed_tools, approvals, credits, idempotency, prices
from services.answers import Attempt
from services.approvals import Decision
from services.conversations import own_conversation, running_message
from services.histories import not_run_result
from services.idempotency import Call
from services.titles import title_of
from services.tool_charges import Begun, ToolCharge, start_block
from services.transaction import Database, utcnow


@dataclass(frozen=True)
class Terms:
    """The operator's limits for one message."""

    lease: timedelta
    limits: Limits
    message_max_chars: int
    history_max_tokens: int
    approval_lasts: timedelta
    simulated: bool


def conversation_for(tx: Session, user_id: int, conversation_id: str | None, text: str, now: datetime) -> Conversation:
    """Return the user's conversation, or a new one that is named after the message."""
    if conversation_id is not None:
        return own_conversation(tx, user_id, conversation_id)
    conversation = Conversation(user_id=user_id, title=title_of(text), created_at=now, updated_at=now)
    tx.add(conversation)
    tx.flush()
    return conversation


def start_event(conversation: Conversation, message: Message, balance: int) -> dict[str, Any]:
    """Return what the stream's `start` event says."""
    return {
        "conversation_id": conversation.id,
        "conversation_title": conversation.title,
        "message_id": message.id,
        "credits_remaining": balance,
    }


def refuse_second_answer(tx: Session, conversation: Conversation) -> None:
    """Raise 409 `answer_running` while the agent still answers in this conversation."""
    if running_message(tx, conversation) is not None:
        raise Conflict(
            "answer_running",
            "The agent is still answering in this conversation.",
            conversation_id=conversation.id,
        )


def add(tx: Session, conversation: Conversation, role: str, status: str, content: list[Any], now: datetime) -> Message:
    """Add a message at the conversation's end."""
    last = tx.scalar(select(func.max(Message.position)).where(Message.conversation_id == conversation.id))
    message = Message(
        conversation_id=conversation.id,
        position=0 if last is None else last + 1,
        role=role,
        status=status,
        content=content,
        created_at=now,
    )
    tx.add(message)
    tx.flush()
    return message


def start(
    tx: Session,
    terms: Terms,
    wallet: UserSubscription,
    conversation: Conversation,
    call: Call | None,
    now: datetime,
    continues: str | None = None,
) -> tuple[Attempt, dict[str, Any]]:
    """Charge an attempt to answer the conversation's last message, or to go on with the answer `continues`."""
    price_list = prices.actions(tx)
    message = add(tx, conversation, "assistant", MessageStatus.RUNNING, [], now)
    message.continues_id = continues
    usage = credits.charge(
        tx,
        wallet,
        credits.Work(
            wallet.user_id, ActionType.CHAT_MESSAGE, conversation.id, message.id, goes_on=continues is not None
        ),
        price=0 if continues else prices.of_message(price_list),
        lease=terms.lease,
        now=now,
    )
    conversation.updated_at = now
    idempotency.bind(tx, call, usage.id)
    attempt = Attempt(
        user_id=wallet.user_id,
        conversation_id=conversation.id,
        message_id=message.id,
        usage_log_id=usage.id,
        prices=price_list,
        lease=terms.lease,
        simulated=terms.simulated,
        approval_lasts=terms.approval_lasts,
        continues=continues,
    )
    return attempt, start_event(conversation, message, wallet.credits_remaining)


def allow(tx: Session, approval: Approval, now: datetime) -> None:
    """Let the approved tool run without asking from now on; raises 400 for one that writes."""
    if approval.writes or not approval.credits:
        raise InvalidInput({"always": "Only the price of a tool that reads can be allowed for good."})
    allowed_tools.allow(tx, approval.user_id, approval.tool_name, approval.credits, now=now)


def carry_out(
    tx: Session,
    db: Database,
    wallet: UserSubscription,
    approval: Approval,
    decision: Decision,
    attempt: Attempt,
    tool: Tool | None,
) -> tuple[Verdict, Begun]:
    """Write the user's word into the answer that goes on behind it, and return it for the loop.

    A yes charges the tool and notes that it runs before it does; a no stands there as the call's result at once.
    """
    call = {"type": "tool_use", "id": approval.tool_use_id, "name": approval.tool_name, "input": approval.input}
    start = start_block(call, tool, approval.credits, input=approval.input, writes=approval.writes)
    start["target"] = approval.target
    charge = None
    blocks = [start, not_run_result(approval.tool_use_id, approval.tool_name, decision.refusal)]
    if decision.approve:
        charge, blocks = _charge_tool(tx, db, wallet, approval, attempt), [start]
    else:
        start["credits"] = 0
    tx.get_one(Message, attempt.message_id).content = blocks
    return Verdict(call, approvals.preview_of(approval), charge, approval.connection_id), Begun(blocks, charge)


def _charge_tool(
    tx: Session, db: Database, wallet: UserSubscription, approval: Approval, attempt: Attempt
) -> ToolCharge:
    usage = credits.charge(
        tx,
        wallet,
        attempt.work(approval.tool_name, approval.writes),
        price=approval.credits,
        lease=attempt.lease,
        now=utcnow(),
    )
    return ToolCharge(db, usage.id, usage.credits_used, attempt.simulated)
