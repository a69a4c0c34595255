"""Charge a message and let the agent answer it; retry, stop and join a running answer.

Each call is one short transaction: the charge and the message are written together before the model is asked. The
answer then runs in a thread of its own (`services/answers.py`) and belongs to the server.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlalchemy import select

from agent import loop
from agent.loop import Before
from agent.prompt import SYSTEM_PROMPT
from agent.redaction import redact
from agent.registry import Registry
from agent.types import Ending, Stopped, Verdict
from clients.model import Model
from errors import AppError, Conflict
from models import MessageStatus, UserSubscription
from services import allowed_tools, approvals, attempts, credits, histories, idempotency
from services.answers import Attempt, RunningAnswer
from services.approvals import Decision
from services.attempts import Terms
from services.conversations import can_retry, last_message, own_conversation, running_message, stored_blocks
from services.idempotency import Call
from services.reaching import Reaching
from services.texts import is_storable
from services.tool_charges import Begun
from services.transaction import Database, utcnow
from services.watching import Event, Source, StoredAnswer, end_unheeded, follow, replay

log = structlog.get_logger(__name__)

MOST_JOINED = 10
"""Streams that one person has joined at once in one process; each holds one of the server's threads."""
RETRY_SECONDS = 10
"""After so many seconds one of them may well have ended."""
MOST_RUNNING = 500
"""Answers that one process runs at once; more are turned away before they are charged."""


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
    blocks: list[dict[str, Any]]
    """What the answer consists of; nothing where its conversation was deleted."""

    def events(self) -> Iterator[Event]:
        """Yield what the answer said before its end."""
        yield from replay(self.blocks or [{"type": "text", "text": self.response["response"]}])
        if "approval" in self.response:
            yield "approval_required", self.response["approval"]


class Chat:
    """Run the paid chat of one process; `model` is None where no model is configured."""

    def __init__(self, db: Database, model: Model | None, tools: Registry, reaching: Reaching, terms: Terms) -> None:
        self._db = db
        self._model = model
        self._tools = tools
        self._reaching = reaching
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
        # From here on the secret is nowhere: not in the database, not in the title, not before the model.
        text = redact(text, self._reaching.secrets(user_id))
        now = utcnow()
        with self._db.write() as tx:
            wallet = credits.enter(tx, user_id, now=now, simulated=self._terms.simulated)
            kept = idempotency.claim(tx, call, now=now)
            if kept is not None:
                return Repeated(kept, stored_blocks(tx, kept["message_id"]))
            conversation = attempts.conversation_for(tx, user_id, conversation_id, text, now)
            attempts.refuse_second_answer(tx, conversation)
            approvals.void(tx, conversation.id, now=now)
            attempts.add(tx, conversation, "user", MessageStatus.DONE, [{"type": "text", "text": text}], now)
            started = attempts.start(tx, self._terms, wallet, conversation, call, now)
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
                return Repeated(kept, stored_blocks(tx, kept["message_id"]))
            conversation = own_conversation(tx, user_id, conversation_id)
            attempts.refuse_second_answer(tx, conversation)
            if not can_retry(tx, conversation):
                raise Conflict("nothing_to_retry", "The last answer of this conversation was not refunded.")
            # What goes on behind the user's word has been paid for with the answer before it.
            last = last_message(tx, conversation)
            continues = last.continues_id if last else None
            started = attempts.start(tx, self._terms, wallet, conversation, call, now, continues=continues)
        return self._launch(model, *started)

    def decide(
        self, user_id: int, approval_id: str, decision: Decision, call: Call | None = None
    ) -> Started | Repeated:
        """Carry out the user's word on an action that waits, and let the agent go on with what came of it.

        A yes charges the tool at the price of the card and runs the very call that is stored; nothing of the request
        but the word itself counts. Raises 404 `approval_not_found`, 409 `approval_used` or `approval_expired`, 402
        `insufficient_credits` (the approval stays open), and as `send`.
        """
        model = self._ready()
        decision = replace(decision, reason=redact(decision.reason, self._reaching.secrets(user_id)))
        now = utcnow()
        with self._db.write() as tx:
            wallet = credits.enter(tx, user_id, now=now, simulated=self._terms.simulated)
            kept = idempotency.claim(tx, call, now=now)
            if kept is not None:
                return Repeated(kept, stored_blocks(tx, kept["message_id"]))
            # Whoever waited for the wallet's lock may have waited beyond the end of the approval.
            now = utcnow()
            approval = approvals.waiting(tx, user_id, approval_id, now=now)
            conversation = own_conversation(tx, user_id, approval.conversation_id)
            attempts.refuse_second_answer(tx, conversation)
            if decision.always:
                attempts.allow(tx, approval, now)
            attempt, start = attempts.start(
                tx, self._terms, wallet, conversation, call, now, continues=approval.message_id
            )
            tool = self._tools.get(approval.tool_name)
            verdict, begun = attempts.carry_out(tx, self._db, wallet, approval, decision, attempt, tool)
            approvals.decide(tx, approval, decision, now=now)
            start["credits_remaining"] = wallet.credits_remaining
        return self._launch(model, attempt, start, verdict, begun)

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
        return Started(
            source, attempts.start_event(conversation, message, balance or 0), lambda: self._leave_place(user_id)
        )

    def stop(self, user_id: int, conversation_id: str) -> bool:
        """Ask the conversation's running answer to end, in whichever process it runs; return False if none does."""
        with self._db.write() as tx:
            credits.enter(tx, user_id, now=utcnow(), simulated=self._terms.simulated)
            conversation = own_conversation(tx, user_id, conversation_id)
            message = running_message(tx, conversation)
            if message is None:
                return False
            message.stop_requested_at = message.stop_requested_at or utcnow()
            if end_unheeded(tx, user_id, message, simulated=self._terms.simulated):
                return False
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
            raise AppError(
                503,
                "busy",
                "The server is busy. Nothing was charged; try again in a moment.",
                retry_after=RETRY_SECONDS,
            )
        return self._model

    def _check(self, text: str) -> None:
        if not is_storable(text):
            raise AppError(400, "invalid_text", "The message contains characters that cannot be stored.")
        if not any(char.isprintable() and not char.isspace() for char in text):
            raise AppError(400, "empty_message", "The message is empty.")
        limit = self._terms.message_max_chars
        if len(text) > limit:
            raise AppError(400, "message_too_long", f"The message is longer than {limit:,} characters.", limit=limit)

    def _launch(
        self,
        model: Model,
        attempt: Attempt,
        start: dict[str, Any],
        verdict: Verdict | None = None,
        begun: Begun | None = None,
    ) -> Started:
        answer = RunningAnswer(self._db, attempt, begun)
        with self._lock:
            self._running[attempt.message_id] = answer
        answer.start(lambda: self._answer(model, answer, verdict), lambda: self._forget(attempt.message_id))
        return Started(answer, start)

    def _take_place(self, user_id: int) -> None:
        with self._lock:
            if self._joined[user_id] >= MOST_JOINED:
                message = "Too many pages watch an answer. Close some of them."
                raise AppError(429, "too_many_streams", message, retry_after=RETRY_SECONDS)
            self._joined[user_id] += 1

    def _leave_place(self, user_id: int) -> None:
        with self._lock:
            self._joined[user_id] -= 1
            if self._joined[user_id] <= 0:
                del self._joined[user_id]

    def _forget(self, message_id: str) -> None:
        with self._lock:
            self._running.pop(message_id, None)

    def _answer(self, model: Model, answer: RunningAnswer, verdict: Verdict | None) -> Ending:
        """Let the agent answer; runs in the answer's own thread, with no transaction open."""
        attempt = answer.attempt
        with self._db.read() as tx:
            allowed = allowed_tools.names(tx, attempt.user_id)
        setting = loop.Setting(
            model=model,
            system=SYSTEM_PROMPT,
            tools=self._tools,
            prices=attempt.prices,
            allowed=allowed,
            limits=self._terms.limits,
            open_reach=self._reaching.of(attempt.user_id),
        )
        before = Before()
        if attempt.continues is not None:
            before = histories.done_before(self._db, attempt.conversation_id, attempt.message_id)
        before = replace(before, verdict=verdict)
        return loop.run(setting, lambda: self._history(answer), answer, answer.charge, before)

    def _history(self, answer: RunningAnswer) -> list[dict[str, Any]]:
        attempt = answer.attempt
        messages = histories.messages_for(
            self._db,
            attempt.conversation_id,
            attempt.message_id,
            answer.read()[0],
            continues=attempt.continues,
            max_tokens=self._terms.history_max_tokens,
        )
        if not messages:
            raise Stopped  # The conversation was deleted meanwhile.
        return messages
