"""Take the user's word on an action of the agent that waits for it."""

from typing import Any

from flask import Blueprint
from flask_login import current_user, login_required

from errors import InvalidInput
from routes import body
from routes.access import house
from routes.chat import answer_with, idempotent_call
from routes.limits import chat_limit, limiter
from services.approvals import Decision

bp = Blueprint("approvals", __name__)


@bp.post("/api/approvals/<approval_id>")
@login_required
@limiter.limit(chat_limit)
def decide(approval_id: str) -> Any:
    """Carry out a yes or a no, and let the agent go on; answers or streams as a message does."""
    json = body.read_json()
    word = body.text(json, "decision", maximum=20)
    if word not in ("approve", "refuse"):
        raise InvalidInput({"decision": "decision must be approve or refuse."})
    reason = body.optional_text(json, "reason", maximum=500) or ""
    always = body.flag(json, "always")
    call = idempotent_call({"decision": word, "reason": reason, "always": always})
    decision = Decision(word == "approve", reason.strip(), always)
    return answer_with(house().chat.decide(current_user.id, approval_id, decision, call))
