"""Keep who is signed in: a session is a row, its secret token is only in the browser's cookie."""

import hashlib
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from models import LoginSession, User
from services.transaction import Database
from services.views import iso

SEEN_EVERY = timedelta(minutes=5)
"""How exact `last_seen_at` is; more exact would mean a write for every request."""

_BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
_PROGRAM = re.compile(r"[A-Za-z][\w.-]{0,30}")


@dataclass(frozen=True)
class SignedIn:
    """A session that is valid, and whose it is."""

    session_id: int
    user_id: int
    email: str
    username: str
    is_admin: bool
    is_verified: bool
    last_seen_at: datetime

    def is_stale(self, now: datetime) -> bool:
        """Say whether it is time to note that the session is still in use."""
        return now - self.last_seen_at >= SEEN_EVERY


@dataclass(frozen=True)
class Browser:
    """Where someone signs in from, and how long that lasts without being used."""

    lifetime: timedelta
    user_agent: str = ""
    network: str = ""


def start(tx: Session, user_id: int, browser: Browser, *, now: datetime) -> str:
    """Begin a session and return its token, which is stored nowhere; sessions that have run out are cleared away."""
    tx.execute(delete(LoginSession).where(LoginSession.expires_at <= now))
    token = secrets.token_urlsafe(32)
    tx.add(
        LoginSession(
            user_id=user_id,
            token_hash=_hash(token),
            user_agent=_printable(browser.user_agent)[:255],
            network=browser.network[:64],
            created_at=now,
            last_seen_at=now,
            expires_at=now + browser.lifetime,
        )
    )
    tx.flush()
    return token


def find(db: Database, token: str, *, now: datetime) -> SignedIn | None:
    """Return the session with this token, with its user, in one read; None if it has ended."""
    query = (
        select(LoginSession, User)
        .join(User, User.id == LoginSession.user_id)
        .where(LoginSession.token_hash == _hash(token), LoginSession.expires_at > now, User.deleted_at.is_(None))
    )
    with db.read() as tx:
        found = tx.execute(query).first()
    if found is None:
        return None
    session, user = found
    email = user.email or ""
    return SignedIn(
        session_id=session.id,
        user_id=user.id,
        email=email,
        username=user.username or email.partition("@")[0],
        is_admin=user.is_admin,
        is_verified=user.email_verified_at is not None,
        last_seen_at=session.last_seen_at,
    )


def touch(db: Database, session_id: int, *, lifetime: timedelta, now: datetime) -> None:
    """Note that a session is in use and let it run on from now; of many requests at once only one writes."""
    with db.write() as tx:
        tx.execute(
            update(LoginSession)
            .where(LoginSession.id == session_id, LoginSession.last_seen_at <= now - SEEN_EVERY)
            .values(last_seen_at=now, expires_at=now + lifetime)
        )


def end(db: Database, user_id: int, session_id: int) -> bool:
    """End one of the user's sessions; return False if there is no such session of theirs."""
    with db.write() as tx:
        ended = tx.execute(
            delete(LoginSession)
            .where(LoginSession.id == session_id, LoginSession.user_id == user_id)
            .returning(LoginSession.id)
        )
        return ended.first() is not None


def end_others(tx: Session, user_id: int, keep: int | None) -> None:
    """End every session of the user but one, or really every one."""
    query = delete(LoginSession).where(LoginSession.user_id == user_id)
    tx.execute(query if keep is None else query.where(LoginSession.id != keep))


def list_view(db: Database, user_id: int, *, current: int, now: datetime) -> list[dict[str, Any]]:
    """Return the user's sessions for the settings page, this one first, then the latest used."""
    query = (
        select(LoginSession)
        .where(LoginSession.user_id == user_id, LoginSession.expires_at > now)
        .order_by((LoginSession.id == current).desc(), LoginSession.last_seen_at.desc(), LoginSession.id.desc())
    )
    with db.read() as tx:
        return list(_views(tx, query, current))


def label(user_agent: str) -> str:
    """Name a browser in words that its owner knows: `Firefox on Linux`."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), None)
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), None)
    if browser and system:
        return f"{browser} on {system}"
    program = _PROGRAM.match(user_agent)
    return browser or system or (program.group() if program else "Unknown browser")


def _views(tx: Session, query: Any, current: int) -> Iterator[dict[str, Any]]:
    for session in tx.scalars(query):
        yield {
            "id": session.id,
            "label": label(session.user_agent),
            "network": session.network,
            "created_at": iso(session.created_at),
            "last_seen_at": iso(session.last_seen_at),
            "current": session.id == current,
        }


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())
