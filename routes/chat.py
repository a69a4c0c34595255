"""Serve the chat's API: messages, answers as they arrive, and conversations."""

from typing import Any

from flask import Blueprint, request
from flask_login import current_user, login_required

from errors import InvalidInput
from routes import body
from routes.access import house, terms
from routes.limits import chat_limit, limiter
from routes.streams import stream, stream_again, wants_stream
from services import connections, conversations, prices
from services.answer_views import error_of
from services.chat import Repeated, Started
from services.idempotency import Call

bp = Blueprint("chat", __name__)


@bp.post("/api/chat")
@login_required
@limiter.limit(chat_limit)
def send() -> Any:
    """Charge a message and answer it, as JSON or as an event stream."""
    json = body.read_json()
    message = _message(json)
    conversation_id = body.optional_text(json, "conversation_id")
    call = idempotent_call({"message": message, "conversation_id": conversation_id})
    return answer_with(house().chat.send(current_user.id, message, conversation_id, call))


@bp.post("/api/conversations/<conversation_id>/retry")
@login_required
@limiter.limit(chat_limit)
def retry(conversation_id: str) -> Any:
    """Try the last message again after a refund."""
    body.read_nothing()
    return answer_with(house().chat.retry(current_user.id, conversation_id, idempotent_call({})))


@bp.get("/api/conversations/<conversation_id>/stream")
@login_required
def join(conversation_id: str) -> Any:
    """Join the running answer: what there is so far, then the rest; 204 if none runs."""
    started = house().chat.join(current_user.id, conversation_id)
    return stream(started) if started is not None else ("", 204)


@bp.post("/api/conversations/<conversation_id>/stop")
@login_required
def stop(conversation_id: str) -> Any:
    """End the running answer, in whichever process it runs."""
    body.read_nothing()
    return {"stopped": house().chat.stop(current_user.id, conversation_id)}


@bp.get("/api/conversations")
@login_required
def index() -> Any:
    """List the user's conversations, the latest first."""
    limit = body.query_integer("limit", default=50, minimum=1, maximum=200)
    words, cursor = request.args.get("q"), request.args.get("cursor")
    return conversations.list_view(house().db, current_user.id, words, limit, cursor, **terms())


@bp.get("/api/conversations/<conversation_id>")
@login_required
def show(conversation_id: str) -> Any:
    """Show a conversation with its messages."""
    return conversations.detail_view(house().db, current_user.id, conversation_id, **terms())


@bp.patch("/api/conversations/<conversation_id>")
@login_required
def rename(conversation_id: str) -> Any:
    """Give a conversation another title."""
    title = body.text(body.read_json(), "title", maximum=1000)
    home = house()
    secrets = connections.all_secrets(home.db, home.vault, current_user.id)
    return conversations.rename(home.db, current_user.id, conversation_id, title, secrets=secrets)


@bp.delete("/api/conversations/<conversation_id>")
@login_required
def delete(conversation_id: str) -> Any:
    """Delete a conversation."""
    conversations.delete(house().db, current_user.id, conversation_id, **terms())
    return "", 204


@bp.get("/api/tools")
@login_required
def tools() -> Any:
    """List the agent's tools with their prices."""
    with house().db.read() as tx:
        price_list = prices.actions(tx)
    return {
        "tools": [
            {
                "name": tool.name,
                "title": tool.title,
                "description": tool.description,
                "credits": price_list[tool.name],
                "writes": tool.writes,
                "needs_connection": tool.needs_connection,
            }
            for tool in house().tools
            if tool.name in price_list
        ]
    }


def idempotent_call(meaning: dict[str, Any]) -> Call | None:
    """Return what the request's `Idempotency-Key` stands for, None without one."""
    key = request.headers.get("Idempotency-Key")
    return None if key is None else Call(current_user.id, request.path, key, meaning)


def _message(json: dict[str, Any]) -> str:
    """Return the message as it was sent; the chat service says what is wrong with its words."""
    message = json.get("message")
    if not isinstance(message, str):
        raise InvalidInput({"message": "message is missing." if message is None else "message must be a string."})
    return message


def answer_with(outcome: Started | Repeated) -> Any:
    """Answer as JSON when all is done, or as an event stream from the beginning."""
    if isinstance(outcome, Repeated):
        return stream_again(outcome) if wants_stream() else outcome.response
    if wants_stream():
        return stream(outcome)
    *_rest, (name, ended) = outcome.events()
    if name == "error":
        raise error_of(ended)
    return ended
