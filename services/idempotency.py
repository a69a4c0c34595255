"""Let a client repeat a request without repeating its effect; only success is kept.

Call these inside the write transaction of the request, after `credits.wake`: the wallet's lock makes requests of one
user take turns, so that two with the same key never both come through.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from errors import AppError, Conflict, InvalidInput
from models import IdempotencyKey
from services.transaction import insert_new

KEPT_FOR = timedelta(days=30)
_ABANDONED_AFTER = timedelta(minutes=10)
"""After this a request that asks another server, and is bound to no charge, counts as one whose process has died."""
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True)
class Call:
    """One request that carries an `Idempotency-Key`: whose it is, where it went, and what it said."""

    user_id: int
    path: str
    key: str
    body: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            raise InvalidInput({"Idempotency-Key": "Idempotency-Key must be 1 to 255 printable characters."})

    @property
    def body_hash(self) -> str:
        """Return a hash of what the body means, whatever its spacing and the order of its keys."""
        return hashlib.sha256(json.dumps(self.body, sort_keys=True).encode()).hexdigest()


def claim(tx: Session, call: Call | None, *, now: datetime) -> dict[str, Any] | None:
    """Claim the key for this request and return None, or return the first success to give it again.

    Raises 409 `request_in_progress` while the first runs, and 422 `idempotency_key_reused` for another body.
    """
    if call is None:
        return None
    tx.execute(delete(IdempotencyKey).where(IdempotencyKey.user_id == call.user_id, _outdated(now)))
    values = {
        "user_id": call.user_id,
        "path": call.path,
        "key": call.key,
        "body_hash": call.body_hash,
        "created_at": now,
    }
    if insert_new(tx, IdempotencyKey, values):
        return None
    kept = tx.scalars(select(IdempotencyKey).where(*_same(call))).one()
    if kept.body_hash != call.body_hash:
        raise AppError(422, "idempotency_key_reused", "This Idempotency-Key was used with another request.")
    if kept.response is None and kept.usage_log_id is None and kept.created_at < now - _ABANDONED_AFTER:
        tx.execute(update(IdempotencyKey).where(*_same(call)).values(created_at=now))
        return None
    if kept.response is None:
        raise Conflict("request_in_progress", "The first request with this Idempotency-Key is still running.")
    return kept.response


def bind(tx: Session, call: Call | None, usage_log_id: int) -> None:
    """Tie the key to a charge: a refund of the charge frees it, its success is kept by `keep_for_charge`."""
    if call is not None:
        tx.execute(update(IdempotencyKey).where(*_same(call)).values(usage_log_id=usage_log_id))


def keep(tx: Session, call: Call | None, response: dict[str, Any]) -> None:
    """Keep a success under its key."""
    if call is not None:
        tx.execute(update(IdempotencyKey).where(*_same(call)).values(response=response))


def keep_for_charge(tx: Session, usage_log_id: int, response: dict[str, Any]) -> None:
    """Keep a success under the key that was tied to this charge, if there is one."""
    tx.execute(update(IdempotencyKey).where(IdempotencyKey.usage_log_id == usage_log_id).values(response=response))


def free(tx: Session, usage_log_id: int) -> None:
    """Forget the key that was tied to this charge, since nothing is left that could be given again."""
    tx.execute(delete(IdempotencyKey).where(IdempotencyKey.usage_log_id == usage_log_id))


def let_go(tx: Session, call: Call | None) -> None:
    """Forget the key of a request that has not succeeded and is bound to no charge."""
    if call is not None:
        tx.execute(delete(IdempotencyKey).where(*_same(call), IdempotencyKey.response.is_(None)))


def prune(tx: Session, *, now: datetime) -> None:
    """Forget everybody's keys that are older than 30 days."""
    tx.execute(delete(IdempotencyKey).where(_outdated(now)))


def _outdated(now: datetime) -> Any:
    return IdempotencyKey.created_at < now - KEPT_FOR


def _same(call: Call) -> tuple[Any, ...]:
    return (
        IdempotencyKey.user_id == call.user_id,
        IdempotencyKey.path == call.path,
        IdempotencyKey.key == call.key,
    )
