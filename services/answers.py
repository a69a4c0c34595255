"""Run one answer on the server: its thread, its lease, its text on the way, and how it ends.

An answer belongs to the server, not to a browser's connection. Its thread asks the model and runs the tools with no
transaction open; every second or so a short one stores what has arrived, renews the lease and looks for a stop.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from agent.model_prices import cost_micros
from agent.types import Ending, OutOfCredits, Question, RefundReason, Stopped, Tool
from clients.model import ModelFailure, TokenUsage
from errors import InsufficientCredits
from models import ActionType, Message, MessageStatus
from services import approvals, credits, idempotency
from services.answer_views import ending_of
from services.tool_charges import Begun, ToolCharge, start_block
from services.transaction import Database, utcnow

log = structlog.get_logger(__name__)

STORE_EVERY = 1.0
"""Seconds between two looks at the database while an answer runs."""
RESTARTING = "The server is restarting. Try again in a moment."
BROKEN = "Something failed on our side."
GONE = "This conversation was deleted."

_Ended = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Attempt:
    """One charged attempt to answer a message."""

    user_id: int
    conversation_id: str
    message_id: str
    usage_log_id: int
    prices: dict[str, int]
    lease: timedelta
    simulated: bool
    approval_lasts: timedelta
    continues: str | None = None
    """The answer that it goes on with, behind the user's word and for the price of its tools alone."""

    def work(self, tool_name: str, writes: bool) -> credits.Work:
        """Return what the charge of one of its tools pays for."""
        place = (self.conversation_id, self.message_id)
        return credits.Work(self.user_id, ActionType.TOOL_USE, *place, tool_name=tool_name, writes=writes)


class RunningAnswer:
    """Collect an answer as it arrives (see `agent.types.Answer`) and let any number of watchers read along."""

    def __init__(self, db: Database, attempt: Attempt, begun: Begun | None = None) -> None:
        self.attempt = attempt
        self._db = db
        self._changed = threading.Condition()
        self._ended: _Ended | None = None
        self._blocks: list[dict[str, Any]] = list(begun.blocks) if begun else []
        self._text_is_open = False
        self._dirty = False
        self._usage: list[tuple[str, TokenUsage]] = []
        self._log_ids = [attempt.usage_log_id]
        if begun is not None and begun.charge is not None:
            self._log_ids.append(begun.charge.log_id)
            begun.charge.store = self._store_result
        self._question: tuple[str, Question] | None = None
        self._gave_at: datetime | None = None
        """When the first text or tool result reached us: who asked to stop before that does not pay."""
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._shutting_down = False
        self._store_every = min(STORE_EVERY, attempt.lease.total_seconds() / 4)
        self._store_at = time.monotonic() + self._store_every
        self._renew_every = attempt.lease.total_seconds() / 3
        self._renew_at = time.monotonic() + self._renew_every

    # --- What the loop calls ----------------------------------------------------------------------------------------

    def text(self, delta: str) -> None:
        """Append to the open text block, opening one if none is open."""
        with self._growing():
            if not self._text_is_open:
                self._blocks.append({"type": "text", "text": ""})
                self._text_is_open = True
            self._blocks[-1]["text"] += delta
            self._note_gift(delta)

    def block(self, block: dict[str, Any]) -> None:
        """Append a complete block; a text block takes the place of the open one."""
        with self._growing():
            if self._text_is_open and block.get("type") == "text":
                self._blocks.pop()
            self._text_is_open = False
            self._blocks.append(block)
            self._note_gift("a result" if block["type"] == "tool_result" else block.get("text", ""))

    def tool_started(self, call: dict[str, Any], tool: Tool | None, credits: int) -> None:
        """Note that a tool is about to run, and at which price."""
        known = any(block.get("id") == call["id"] for block in self._blocks)
        # The call itself stands in the answer before this one when it goes on behind the user's word.
        self.block(start_block(call, tool, credits, **({} if known else {"input": call["input"]})))

    def tool_finished(self, result: dict[str, Any]) -> None:
        """Append what a tool found; from now on the user has got something for the message."""
        self.block(result)

    def ask(self, question: Question) -> None:
        """Note what waits for the user's word; it is stored together with the answer's end."""
        self._question = str(uuid.uuid4()), question
        self._note_gift("a question")
        self.block({"type": "approval", "tool_use_id": question.call["id"], "approval_id": self._question[0]})

    def spent(self, model: str, usage: TokenUsage) -> None:
        """Count the tokens of one turn."""
        self._usage.append((model, usage))

    def beat(self) -> None:
        """Store what has arrived, renew the lease and look for a stop; raises Stopped."""
        if self._stop.is_set():
            raise Stopped(RefundReason.SERVER_RESTARTING if self._shutting_down else RefundReason.STOPPED)
        if time.monotonic() >= self._store_at:
            try:
                self._store()
            except SQLAlchemyError:
                # The next beat tries again; if the database stays away, the lease runs out and the charge is refunded.
                log.warning("answer_not_stored", message_id=self.attempt.message_id, exc_info=True)
            self._store_at = time.monotonic() + self._store_every

    def charge(self, tool: Tool) -> ToolCharge:
        """Charge a tool's price right before it runs; raises OutOfCredits."""
        attempt, now = self.attempt, utcnow()
        try:
            with self._db.write() as tx:
                wallet = credits.wake(tx, attempt.user_id, now=now, simulated=attempt.simulated)
                work, price = attempt.work(tool.name, tool.writes), attempt.prices[tool.name]
                usage = credits.charge(tx, wallet, work, price=price, lease=attempt.lease, now=now)
                self._log_ids.append(usage.id)
            charge = ToolCharge(self._db, usage.id, usage.credits_used, attempt.simulated)
            charge.store = self._store_result
            return charge
        except InsufficientCredits as refusal:
            raise OutOfCredits(refusal.details["credits_required"], refusal.details["credits_remaining"]) from None

    # --- What watchers and the stop button call ---------------------------------------------------------------------

    def read(self) -> tuple[list[dict[str, Any]], _Ended | None]:
        """Return the blocks so far, and how the answer ended if it has."""
        with self._changed:
            return list(self._blocks), self._ended

    def wait(self, timeout: float) -> None:
        """Wait until something new has arrived, or for `timeout` seconds."""
        with self._changed:
            if self._ended is None:
                self._changed.wait(timeout)

    def stop(self, *, shutting_down: bool = False) -> None:
        """Ask the answer to end at once; a restart of the server counts as our failure, not as the user's stop."""
        self._shutting_down = self._shutting_down or shutting_down
        self._stop.set()

    def join(self, timeout: float) -> None:
        """Wait until the answer's thread has ended, for at most `timeout` seconds."""
        if self._thread is not None:
            self._thread.join(timeout)

    # --- How it runs and ends ---------------------------------------------------------------------------------------

    def start(self, answer: Callable[[], Ending], ended: Callable[[], None]) -> None:
        """Run `answer`, which writes into this, in a thread of its own, and call `ended` when all is stored."""

        def run() -> None:
            try:
                self._run(answer)
            finally:
                ended()

        self._thread = threading.Thread(target=run, name=f"answer-{self.attempt.message_id}", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # The process has no thread left.
            self._thread = None
            self._end(MessageStatus.FAILED, error=(RefundReason.INTERNAL_ERROR, BROKEN))
            ended()

    def _run(self, answer: Callable[[], Ending]) -> None:
        """Let the agent answer, and end the answer by how it went; never raises."""
        try:
            self._end(MessageStatus.DONE, stop_reason=answer().stop_reason)
        except Stopped:
            if self._shutting_down:
                self._end(MessageStatus.FAILED, error=(RefundReason.SERVER_RESTARTING, RESTARTING))
            else:
                self._end(MessageStatus.STOPPED)
        except ModelFailure as failure:
            log.warning("answer_failed", kind=failure.kind, message_id=self.attempt.message_id)
            self._end(MessageStatus.FAILED, error=("model_unavailable", failure.message), stop_reason=failure.kind)
        except Exception:
            log.exception("answer_crashed", message_id=self.attempt.message_id)
            self._end(MessageStatus.FAILED, error=(RefundReason.INTERNAL_ERROR, BROKEN))

    @contextmanager
    def _growing(self) -> Iterator[None]:
        with self._changed:
            yield
            self._dirty = True
            self._changed.notify_all()

    def _note_gift(self, words: str) -> None:
        if self._gave_at is None and words.strip():
            self._gave_at = utcnow()

    def _store(self) -> None:
        renew = time.monotonic() >= self._renew_at
        query = select(Message.stop_requested_at).where(Message.id == self.attempt.message_id)
        if not (self._dirty or renew):
            with self._db.read() as tx:
                row = tx.execute(query).one_or_none()
        else:
            self._dirty = False
            blocks = self.read()[0]
            with self._db.write() as tx:
                credits.renew(tx, self.attempt.message_id, lease=self.attempt.lease, now=utcnow())
                tx.execute(
                    update(Message)
                    .where(Message.id == self.attempt.message_id, Message.status == MessageStatus.RUNNING)
                    .values(content=blocks)
                )
                row = tx.execute(query).one_or_none()
            self._renew_at = time.monotonic() + self._renew_every
        # A row that is gone was deleted with its conversation. One that was released meanwhile goes on: its answer
        # is shown for nothing.
        if row is None or row.stop_requested_at is not None:
            raise Stopped

    def _store_result(self, tx: Session, result: dict[str, Any]) -> None:
        """Store what there is with a tool's result behind it, in the transaction that settles the tool."""
        running = (Message.id == self.attempt.message_id, Message.status == MessageStatus.RUNNING)
        tx.execute(update(Message).where(*running).values(content=[*self.read()[0], result]))
        if self.attempt.continues is not None:
            # A stop had to wait for a write that ends now; others count its time anew before they take us for dead.
            asked = Message.stop_requested_at.is_not(None)
            tx.execute(update(Message).where(*running, asked).values(stop_requested_at=utcnow()))

    def _end(self, status: str, *, error: tuple[str, str] | None = None, stop_reason: str | None = None) -> None:
        patiently = Retrying(
            retry=retry_if_exception_type(SQLAlchemyError),
            wait=wait_exponential(0.2, max=5),
            stop=stop_after_delay(60),
            reraise=True,
        )
        try:
            ended = patiently(self._store_end, status, error, stop_reason)
        except Exception:
            # Nobody is charged: the lease runs out and the next use of the wallet gives the credits back.
            log.exception("answer_not_ended", message_id=self.attempt.message_id)
            known = {"conversation_id": self.attempt.conversation_id, "message_id": self.attempt.message_id}
            ended = ("error", {"error": "internal_error", "message": BROKEN, **known, "can_retry": True})
        with self._changed:
            self._ended = ended
            self._changed.notify_all()

    def _store_end(self, status: str, error: tuple[str, str] | None, stop_reason: str | None) -> _Ended:
        """Settle or refund, and store how the answer ended, in one transaction."""
        attempt, now, simulated = self.attempt, utcnow(), self.attempt.simulated
        with self._db.write() as tx:
            wallet = credits.wake(tx, attempt.user_id, now=now, simulated=simulated)
            message = tx.get(Message, attempt.message_id, populate_existing=True)
            if status != MessageStatus.FAILED and self._stopped_in_time(message):
                status = MessageStatus.STOPPED
                self._forget_what_came_late()
            elif self._question is not None and message is not None and message.stop_requested_at is not None:
                status = MessageStatus.STOPPED  # Who stops is not asked any more.
            pays = status == MessageStatus.DONE or (status == MessageStatus.STOPPED and self._gave_at is not None)
            kept = pays and credits.settle(tx, attempt.usage_log_id, now=now, simulated=simulated)
            reason = _reason_of(error)
            for log_id in self._log_ids:  # Those that are settled stay so.
                credits.give_up(tx, log_id, reason, now=now, simulated=simulated)
            if message is None:
                idempotency.free(tx, attempt.usage_log_id)
                refunded = credits.refunded(tx, self._log_ids)
                balance = {"credits_refunded": refunded, "credits_remaining": wallet.credits_remaining}
                gone = {"error": "conversation_not_found", "message": GONE}
                return "error", {**gone, **balance, "can_retry": False}
            self._fill(tx, message, status, error, stop_reason)
            message.finished_at = now
            if self._question is not None and message.status == MessageStatus.DONE:
                lasts = attempt.approval_lasts
                approvals.ask(tx, message, attempt.user_id, *self._question, now=now, lasts=lasts)
            tx.flush()
            ended = ending_of(tx, message, wallet)
            if kept:
                idempotency.keep_for_charge(tx, attempt.usage_log_id, ended[1])
            return ended

    def _stopped_in_time(self, message: Message | None) -> bool:
        """Say whether the stop was asked for before any text or tool result had reached the server.

        The moment of the request counts, not the one at which this process noticed it.
        """
        if self.attempt.continues is not None:
            return False  # It costs nothing but its tools, and what they have done is not forgotten.
        asked_at = message.stop_requested_at if message is not None else None
        return asked_at is not None and (self._gave_at is None or asked_at < self._gave_at)

    def _forget_what_came_late(self) -> None:
        with self._changed:
            # A tool that ran meanwhile is paid for, so what it found is not taken away.
            if not any(block["type"] == "tool_result" and block["credits"] for block in self._blocks):
                self._blocks.clear()
            self._gave_at = None

    def _fill(
        self, tx: Session, message: Message, status: str, error: tuple[str, str] | None, stop_reason: str | None
    ) -> None:
        message.content = self.read()[0]
        message.stop_reason = stop_reason
        message.model = self._usage[-1][0] if self._usage else None
        used = sum((usage for _model, usage in self._usage), TokenUsage())
        message.input_tokens, message.output_tokens = used.input_tokens, used.output_tokens
        message.cache_write_tokens, message.cache_read_tokens = used.cache_write_tokens, used.cache_read_tokens
        message.thinking_tokens = used.thinking_tokens
        today = utcnow().date()
        costs = [cost_micros(model, usage, on=today) for model, usage in self._usage]
        message.cost_micros = None if None in costs else sum(cost for cost in costs if cost is not None)
        if message.status != MessageStatus.RUNNING and _was_followed(tx, message):
            return  # It was given up as lost and the conversation went on; it stays cut off in its place.
        message.status = status
        message.error_code, message.error_message = error or (None, None)


def _reason_of(error: tuple[str, str] | None) -> str:
    """Return why the charge is given back: our own reason, or what the model's service said."""
    if error is None:
        return RefundReason.STOPPED
    code, words = error
    return code if isinstance(code, RefundReason) else words


def _was_followed(tx: Session, message: Message) -> bool:
    later = select(Message.id).where(
        Message.conversation_id == message.conversation_id, Message.position > message.position
    )
    return tx.scalar(later.limit(1)) is not None
