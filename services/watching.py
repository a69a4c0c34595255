"""Read along with an answer, in the process that runs it or in any other."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import ActionType, Message, MessageStatus, UsageLog
from services import credits
from services.answer_views import ending_of
from services.transaction import Database, utcnow

POLL_EVERY = 0.4
PING_EVERY = 5.0
"""Seconds of silence after which a watcher's line is tried; only so does the server notice that nobody listens."""

STOP_PATIENCE = timedelta(seconds=30)
"""How long a process that lives may take to heed a stop, even when the database is slow."""

Event = tuple[str, dict[str, Any]]


class Source(Protocol):
    """Where an answer can be read from."""

    def read(self) -> tuple[list[dict[str, Any]], Event | None]:
        """Return the blocks so far, and the last event if the answer has ended."""
        ...

    def wait(self, timeout: float) -> None:
        """Wait until there may be something new, for at most `timeout` seconds."""
        ...


class StoredAnswer:
    """An answer that another process runs, or that has ended, read from the database."""

    def __init__(self, db: Database, message_id: str, user_id: int, simulated: bool) -> None:
        self._db = db
        self._message_id = message_id
        self._user_id = user_id
        self._simulated = simulated

    def read(self) -> tuple[list[dict[str, Any]], Event | None]:
        """Return what is stored; an answer whose process died ends here, with its refund."""
        with self._db.read() as tx:
            message = tx.get(Message, self._message_id)
            lease = tx.scalar(
                select(UsageLog.lease_expires_at).where(
                    UsageLog.message_id == self._message_id, UsageLog.action_type == ActionType.CHAT_MESSAGE
                )
            )
        if message is None or message.status != MessageStatus.RUNNING or _lapsed(lease) or _is_unheeded(message):
            return self._end()
        return message.content, None

    def wait(self, timeout: float) -> None:
        """Wait for the next look at the database."""
        time.sleep(min(POLL_EVERY, timeout))

    def _end(self) -> tuple[list[dict[str, Any]], Event]:
        with self._db.write() as tx:
            wallet = credits.wake(tx, self._user_id, now=utcnow(), simulated=self._simulated)
            message = tx.get(Message, self._message_id, populate_existing=True)
            if message is not None:
                end_unheeded(tx, self._user_id, message, simulated=self._simulated)
            if message is None:
                gone = {"error": "conversation_not_found", "message": "This conversation was deleted."}
                return [], ("error", gone)
            return message.content, ending_of(tx, message, wallet)


def follow(source: Source) -> Iterator[Event]:
    """Yield what an answer has said so far and then the rest: `delta`, `tool_start`, `tool_result`, then its end.

    An answer that waits for its user's word says `approval_required` right before it. A `ping` comes after 5 s of
    silence. `delta` carries, beside its text, the index of its block.
    """
    reader = _Reader()
    quiet_since = time.monotonic()
    while True:
        blocks, ended = source.read()
        for event in reader.news(blocks):
            yield event
            quiet_since = time.monotonic()
        if ended is not None:
            if "approval" in ended[1]:
                yield "approval_required", ended[1]["approval"]
            yield ended
            return
        source.wait(1.0)
        if time.monotonic() - quiet_since >= PING_EVERY:
            yield "ping", {}
            quiet_since = time.monotonic()


def replay(blocks: list[dict[str, Any]]) -> Iterator[Event]:
    """Yield all that an answer has said, as `follow` did, up to its end."""
    return _Reader().news(blocks)


class _Reader:
    """Remember how far one watcher has read. Blocks only grow at the end."""

    def __init__(self) -> None:
        self._index = 0
        self._offset = 0
        self._started: set[str] = set()

    def news(self, blocks: list[dict[str, Any]]) -> Iterator[Event]:
        calls = {block["id"]: block for block in blocks if block["type"] == "tool_use"}
        while self._index < len(blocks):
            block = blocks[self._index]
            if block["type"] == "text":
                text = block["text"]
                if len(text) > self._offset:
                    yield "delta", {"text": text[self._offset :], "index": self._index}
                    self._offset = len(text)
                if self._index == len(blocks) - 1:
                    return  # This block may still grow.
            elif block["type"] == "tool_start":
                yield self._start(block, calls)
            elif block["type"] == "tool_result":
                yield from self._result(block, calls)
            self._index += 1
            self._offset = 0

    def _start(self, block: dict[str, Any], calls: dict[str, dict[str, Any]]) -> Event:
        self._started.add(block["tool_use_id"])
        call = calls.get(block["tool_use_id"], {})
        known = {key: block.get(key, "") for key in ("name", "title", "target")}
        return "tool_start", {
            "id": block["tool_use_id"],
            **known,
            "input": call.get("input", block.get("input", {})),
            "credits": block.get("credits", 0),
        }

    def _result(self, block: dict[str, Any], calls: dict[str, dict[str, Any]]) -> Iterator[Event]:
        if block["tool_use_id"] not in self._started:
            # A call that was refused before it ran still gets a row of its own.
            yield self._start({**block, "title": block["name"], "credits": 0}, calls)
        yield (
            "tool_result",
            {
                "id": block["tool_use_id"],
                "name": block["name"],
                "success": block["success"],
                "credits_used": block["credits"],
                "duration_ms": block["duration_ms"],
                "summary": block["summary"],
                "output": block["content"],
                "unknown": block.get("unknown", False),
                "not_run": block.get("not_run", False),
            },
        )


def end_unheeded(tx: Session, user_id: int, message: Message, *, simulated: bool) -> bool:
    """End a running answer whose process must have died, since it has not heeded a stop; return whether it did."""
    if not _is_unheeded(message):
        return False
    now = utcnow()
    credits.end_leases(tx, message.id, now=now)
    credits.wake(tx, user_id, now=now, simulated=simulated)
    tx.refresh(message)
    return True


def _is_unheeded(message: Message) -> bool:
    """Say whether a stop was asked for long ago; a process that lives looks for it, but sees a write through first."""
    asked_at = message.stop_requested_at
    if message.status != MessageStatus.RUNNING or asked_at is None or utcnow() - asked_at < STOP_PATIENCE:
        return False
    ended = {block["tool_use_id"] for block in message.content if block["type"] == "tool_result"}
    begun = (block for block in message.content if block["type"] == "tool_start" and block.get("writes"))
    return all(block["tool_use_id"] in ended for block in begun)


def _lapsed(lease: datetime | None) -> bool:
    return lease is None or lease <= utcnow()
