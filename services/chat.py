"""Charge a message and let the agent answer it; retry, stop and join a running answer.

Each call is one short transaction: the charge and the message are written together before the model is asked. The
answer then runs in a thread of its own (`services/answers.py`) and belongs to the server.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from agent import history, loop
from agent.prompt import SYSTEM_PROMPT
from agent.registry import Registry
from agent.types import Ending, Limits
from clients.model import Model
from errors import AppError, Conflict
from models import ActionType, Conversation, Message, MessageStatus, UserSubscription
from services import credits, idempotency, prices
from services.answers import Attempt, RunningAnswer
from services.conversations import can_retry, own_conversation, running_message
from services.idempotency import Call
from services.titles import title_of
from services.transaction import Database, utcnow
from services.watching import Event, Source, StoredAnswer, follow

log = structlog.get_logger(__name__)

MOST_JOINED = 10
"""Streams that one person has joined at once in one process; each holds one of the server's threads."""
MOST_RUNNING = 500
"""Answers that one process runs at once; more are turned away before they are charged."""


@dataclass(frozen=True)
class Terms:
    """The operator's limits for one message."""

    lease: timedelta
    limits: Limits
    message_max_chars: int
    history_max_tokens: int
    simulated: bool


@dataclass(frozen=True)
class Started:
    """A message was charged and its answer is running."""

    source: Source
    start: dict[str, Any]
    """What the stream's `start` event says."""
    leave: Callable[[], None] = lambda: None
    """Give up the watcher's place; to be called when nobody reads any more."""

    def events(self) -> Iterator[Event]:
        """Yield the answer's events, from the first to its end."""
        return follow(self.source)


@dataclass(frozen=True)
class Repeated:
    """The same request has succeeded before; this is its answer again."""

    response: dict[str, Any]


class Chat:
    """Run the paid chat of one process; `model` is None where no model is configured."""

    def __init__(self, db: Database, model: Model | None, tools: Registry, terms: Terms) -> None:
        self._db = db
        self._model = model
        self._tools = tools
        self._terms = terms
        self._running: dict[str, RunningAnswer] = {}
        self._joined: Counter[int] = Counter()
        self._lock = threading.Lock()
        self._closed = False

    def send(
        self, user_id: int, text: str, conversation_id: str | None, call: Call | None = None
    ) -> Started | Repeated:
        """Charge the message, store it, and start its answer.

        Raises 400 for a text that is empty, too long or not storable, 402 `insufficient_credits`, 404
        `conversation_not_found`, 409 `answer_running` or `request_in_progress`, 503 `model_not_configured`.
        """
        model = self._ready()
        self._check(text)
        now = utcnow()
        with self._db.write() as tx:
            wallet = credits.enter(tx, user_id, now=now, simulated=self._terms.simulated)
            kept = idempotency.claim(tx, call, now=now)
            if kept is not None:
                return Repeated(kept)
            conversation = _conversation(tx, user_id, conversation_id, text, now)
            _refuse_second_answer(tx, conversation)
            _add(tx, conversation, "user", MessageStatus.DONE, [{"type": "text", "text": text}], now)
            started = self._start(tx, wallet, conversation, call, now)
        return self._launch(model, *started)

    def retry(self, user_id: int, conversation_id: str, call: Call | None = None) -> Started | Repeated:
        """Try the conversation's last message again after a refund, behind the tool results that are there already.

        Raises as `send`, and 409 `nothing_to_retry` when the last answer was not refunded.
        """
        model = self._ready()
        now = utcnow()
        with self._db.write() as tx:
            wallet = credits.enter(tx, user_id, now=now, simulated=self._terms.simulated)
            kept = idempotency.claim(tx, call, now=now)
            if kept is not None:
                return Repeated(kept)
            conversation = own_conversation(tx, user_id, conversation_id)
            _refuse_second_answer(tx, conversation)
            if not can_retry(tx, conversation):
                raise Conflict("nothing_to_retry", "The last answer of this conversation was not refunded.")
            started = self._start(tx, wallet, conversation, call, now)
        return self._launch(model, *started)

    def join(self, user_id: int, conversation_id: str) -> Started | None:
        """Return the conversation's running answer, from whichever process runs it; None if none does.

        The caller calls `leave` on it in the end. Raises 429 `too_many_streams` beyond what one person may watch.
        """
        with self._db.read() as tx:
            conversation = own_conversation(tx, user_id, conversation_id)
            message = running_message(tx, conversation)
            balance = tx.scalar(select(UserSubscription.credits_remaining).where(UserSubscription.user_id == user_id))
        if message is None:
            return None
        local = self._running.get(message.id)
        source = local or StoredAnswer(self._db, message.id, user_id, self._terms.simulated)
        self._take_place(user_id)
        return Started(source, _start_event(conversation, message, balance or 0), lambda: self._leave_place(user_id))

    def stop(self, user_id: int, conversation_id: str) -> bool:
        """Ask the conversation's running answer to end, in whichever process it runs; return False if none does."""
        with self._db.write() as tx:
            credits.enter(tx, user_id, now=utcnow(), simulated=self._terms.simulated)
            conversation = own_conversation(tx, user_id, conversation_id)
            message = running_message(tx, conversation)
            if message is None:
                return False
            message.stop_requested_at = message.stop_requested_at or utcnow()
        local = self._running.get(message.id)
        if local is not None:
            local.stop()
        return True

    def shutdown(self, timeout: float = 20.0) -> None:
        """Refuse new messages, end the running answers and refund them; wait at most `timeout` seconds for it."""
        self._closed = True
        with self._lock:
            running = list(self._running.values())
        for answer in running:
            answer.stop(shutting_down=True)
        deadline = time.monotonic() + timeout
        for answer in running:
            answer.join(max(0.0, deadline - time.monotonic()))

    def _ready(self) -> Model:
        if self._model is None:
            raise AppError(503, "model_not_configured", "No model is connected to this server yet.")
        if self._closed or len(self._running) >= MOST_RUNNING:
            raise AppError(503, "busy", "The server is busy. Nothing was charged; try again in a moment.")
        return self._model

    def _check(self, text: str) -> None:
        if not any(char.isprintable() and not char.isspace() for char in text):
            raise AppError(400, "empty_message", "The message is empty.")
        limit = self._terms.message_max_chars
        if len(text) > limit:
            raise AppError(400, "message_too_long", f"The message is longer than {limit:,} characters.", limit=limit)
        if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
            raise AppError(400, "invalid_text", "The message contains characters that cannot be stored.")

    def _start(
        self, tx: Session, wallet: UserSubscription, conversation: Conversation, call: Call | None, now: datetime
    ) -> tuple[Attempt, dict[str, Any]]:
        """Charge an attempt to answer the conversation's last message."""
        price_list = prices.actions(tx)
        message = _add(tx, conversation, "assistant", MessageStatus.RUNNING, [], now)
        usage = credits.charge(
            tx,
            wallet,
            price=prices.of_message(price_list),
            actor_id=wallet.user_id,
            action_type=ActionType.CHAT_MESSAGE,
            conversation_id=conversation.id,
            message_id=message.id,
            lease=self._terms.lease,
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
            lease=self._terms.lease,
            simulated=self._terms.simulated,
        )
        return attempt, _start_event(conversation, message, wallet.credits_remaining)

    def _launch(self, model: Model, attempt: Attempt, start: dict[str, Any]) -> Started:
        answer = RunningAnswer(self._db, attempt)
        with self._lock:
            self._running[attempt.message_id] = answer
        answer.start(lambda: self._answer(model, answer), lambda: self._forget(attempt.message_id))
        return Started(answer, start)

    def _take_place(self, user_id: int) -> None:
        with self._lock:
            if self._joined[user_id] >= MOST_JOINED:
                raise AppError(429, "too_many_streams", "Too many pages watch an answer. Close some of them.")
            self._joined[user_id] += 1

    def _leave_place(self, user_id: int) -> None:
        with self._lock:
            self._joined[user_id] -= 1
            if self._joined[user_id] <= 0:
                del self._joined[user_id]

    def _forget(self, message_id: str) -> None:
        with self._lock:
            self._running.pop(message_id, None)

    def _answer(self, model: Model, answer: RunningAnswer) -> Ending:
        """Let the agent answer; runs in the answer's own thread, with no transaction open."""
        attempt = answer.attempt
        messages = self._history(attempt)
        offered = [tool.name for tool in self._tools if tool.name in attempt.prices]
        return loop.run(
            model,
            SYSTEM_PROMPT,
            messages,
            self._tools,
            offered,
            attempt.prices,
            answer,
            answer.charge,
            self._terms.limits,
        )

    def _history(self, attempt: Attempt) -> list[dict[str, Any]]:
        """Return what the model gets of the conversation: append-only, cut between exchanges when it grows too long."""
        with self._db.read() as tx:
            start = tx.scalar(select(Conversation.context_start).where(Conversation.id == attempt.conversation_id)) or 0
            query = select(Message.position, Message.role, Message.status, Message.content).where(
                Message.conversation_id == attempt.conversation_id,
                Message.position >= start,
                Message.id != attempt.message_id,
            )
            rows = tx.execute(query.order_by(Message.position)).all()
        stored = [history.StoredMessage(row.role, row.status, _sent(row.content)) for row in rows]
        cut = history.cut(stored, self._terms.history_max_tokens)
        if cut:
            moved = update(Conversation).where(Conversation.id == attempt.conversation_id)
            with self._db.write() as tx:
                tx.execute(moved.values(context_start=rows[cut].position))
        # Thinking is bound to what stood before it, so none of it survives a cut.
        return history.to_messages(stored[cut:], thinking=start == 0 and cut == 0)


def _conversation(tx: Session, user_id: int, conversation_id: str | None, text: str, now: datetime) -> Conversation:
    if conversation_id is not None:
        return own_conversation(tx, user_id, conversation_id)
    conversation = Conversation(user_id=user_id, title=title_of(text), created_at=now, updated_at=now)
    tx.add(conversation)
    tx.flush()
    return conversation


def _start_event(conversation: Conversation, message: Message, balance: int) -> dict[str, Any]:
    return {
        "conversation_id": conversation.id,
        "conversation_title": conversation.title,
        "message_id": message.id,
        "credits_remaining": balance,
    }


def _refuse_second_answer(tx: Session, conversation: Conversation) -> None:
    if running_message(tx, conversation) is not None:
        raise Conflict(
            "answer_running",
            "The agent is still answering in this conversation.",
            conversation_id=conversation.id,
        )


def _add(tx: Session, conversation: Conversation, role: str, status: str, content: list[Any], now: datetime) -> Message:
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


def _sent(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the blocks that the model gets to see again: all but our own notes for watchers."""
    return [block for block in blocks if block.get("type") != "tool_start"]
