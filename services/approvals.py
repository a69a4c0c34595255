"""Keep the actions that wait for their user's word.

An approval is an opaque id that is checked against what is stored here. It is bound to the model's very call, to its
user and conversation, is used once, and ends with its time or with the next message. Nothing that a client, the model
or a tool sends can change what it stands for.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from agent.types import Change, Preview, Question
from errors import Conflict, InvalidInput, NotFound
from models import Approval, ApprovalState, Message
from services.histories import not_run_result
from services.views import iso, iso_or_none

REASON_MAX = 500
WENT_ON = "Not run: the user wrote a new message instead of approving it."
RAN_OUT = "Not run: it had expired before the user decided."
_USED = {
    ApprovalState.APPROVED: "This action was approved already.",
    ApprovalState.REFUSED: "This action was refused already.",
    ApprovalState.VOIDED: "The conversation went on, so this action can no longer be approved.",
}


@dataclass(frozen=True)
class Decision:
    """What the user said: yes or no, why, and whether this tool may run without asking from now on."""

    approve: bool
    reason: str = ""
    always: bool = False

    def __post_init__(self) -> None:
        if len(self.reason) > REASON_MAX:
            raise InvalidInput({"reason": f"The reason must have at most {REASON_MAX} characters."})
        if self.always and not self.approve:
            raise InvalidInput({"always": "Only an approved tool can be allowed for good."})

    @property
    def refusal(self) -> str:
        """Return the no in words for the model."""
        why = f" They said: {self.reason}" if self.reason else ""
        return f"Not run: the user refused it.{why}"


def ask(
    tx: Session,
    message: Message,
    user_id: int,
    approval_id: str,
    question: Question,
    *,
    now: datetime,
    lasts: timedelta,
) -> Approval:
    """Store what waits; the answer `message` ends with it."""
    approval = Approval(
        id=approval_id,
        user_id=user_id,
        conversation_id=message.conversation_id,
        message_id=message.id,
        tool_use_id=question.call["id"],
        tool_name=question.tool.name,
        title=question.tool.title,
        input=question.call["input"],
        connection_id=question.connection.id if question.connection else None,
        target=question.preview.target,
        changes=[asdict(change) for change in question.preview.changes],
        credits=question.credits,
        writes=question.tool.writes,
        state=ApprovalState.WAITING,
        created_at=now,
        expires_at=now + lasts,
    )
    tx.add(approval)
    tx.flush()
    return approval


def waiting(tx: Session, user_id: int, approval_id: str, *, now: datetime) -> Approval:
    """Return the user's approval if it can still be decided; raises 404, 409 `approval_used` or `approval_expired`."""
    approval = tx.get(Approval, approval_id, with_for_update=True, populate_existing=True)
    if approval is None or approval.user_id != user_id:
        raise NotFound("approval_not_found", "There is no such approval.")
    if approval.state != ApprovalState.WAITING:
        raise Conflict("approval_used", _USED[ApprovalState(approval.state)], state=approval.state)
    if approval.expires_at <= now:
        raise Conflict("approval_expired", "This approval has expired. Ask the agent again.", state="expired")
    return approval


def decide(tx: Session, approval: Approval, decision: Decision, *, now: datetime) -> None:
    """Use the approval up, one way or the other."""
    used = tx.execute(
        update(Approval)
        .where(Approval.id == approval.id, Approval.state == ApprovalState.WAITING)
        .values(
            state=ApprovalState.APPROVED if decision.approve else ApprovalState.REFUSED,
            reason=decision.reason or None,
            decided_at=now,
        )
        .returning(Approval.id)
    )
    if used.first() is None:
        raise Conflict("approval_used", "This action was decided already.")


def void(tx: Session, conversation_id: str, *, now: datetime) -> None:
    """End what waits in a conversation that goes on without it, and tell the model so in its place."""
    ended = tx.scalars(
        update(Approval)
        .where(Approval.conversation_id == conversation_id, Approval.state == ApprovalState.WAITING)
        .values(state=ApprovalState.VOIDED, decided_at=now)
        .returning(Approval)
    ).all()
    for approval in ended:
        why = RAN_OUT if approval.expires_at <= now else WENT_ON
        message = tx.get_one(Message, approval.message_id, populate_existing=True)
        message.content = [*message.content, not_run_result(approval.tool_use_id, approval.tool_name, why)]


def preview_of(approval: Approval) -> Preview:
    """Return what the card showed."""
    return Preview(approval.target, tuple(Change(**change) for change in approval.changes))


def of_messages(tx: Session, message_ids: Iterable[str]) -> dict[str, Approval]:
    """Return the approvals that these answers ended with, by the answer's id."""
    found = tx.scalars(select(Approval).where(Approval.message_id.in_(list(message_ids))))
    return {approval.message_id: approval for approval in found}


def view(approval: Approval, *, now: datetime) -> dict[str, Any]:
    """Show an approval as the API does."""
    expired = approval.state == ApprovalState.WAITING and approval.expires_at <= now
    return {
        "id": approval.id,
        "tool": approval.tool_name,
        "title": approval.title,
        "input": approval.input,
        "target": approval.target,
        "changes": approval.changes,
        "credits": approval.credits,
        "writes": approval.writes,
        "may_always": not approval.writes and approval.credits > 0,
        "state": "expired" if expired else approval.state,
        "reason": approval.reason,
        "created_at": iso(approval.created_at),
        "expires_at": iso(approval.expires_at),
        "decided_at": iso_or_none(approval.decided_at),
    }
