"""Make, open, change and delete accounts."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from email_validator import EmailNotValidError
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from clients.payments import Gateway
from errors import AppError, Conflict, InvalidInput
from models import AllowedTool, Connection, Conversation, FormerAddress, IdempotencyKey, LoginSession, User
from services import account_rules, addresses, closing, credits, passwords, sessions
from services.sessions import Browser
from services.transaction import Database, insert_new

_EMAIL_MAXIMUM = 320  # What the column holds; no valid address is as long.


@dataclass(frozen=True)
class Account:
    """An account as its owner sees it."""

    id: int
    email: str
    username: str

    def to_json(self) -> dict[str, Any]:
        """Return the `user` object of the sign-up's and log-in's answers."""
        return {"id": self.id, "email": self.email, "username": self.username}


@dataclass(frozen=True)
class Entry:
    """Someone who has just come in: the account, the new session's secret token, and what is in the wallet."""

    account: Account
    token: str
    credits_remaining: int


# --- Signing up and in ----------------------------------------------------------------------------------------------


def sign_up(
    db: Database,
    *,
    email: str,
    password: str,
    username: str | None,
    browser: Browser,
    address_key: bytes,
    now: datetime,
) -> Entry:
    """Make the account, its wallet and its first session in one transaction.

    Raises InvalidInput naming each bad field, and 409 `email_taken` also for an address that differs only in case or
    `+tag`; of two sign-ups racing for one address exactly one succeeds.
    """
    values = _new_account(db, email, password, username, now)
    with db.write() as tx:
        user, credits_remaining = _open_account(tx, values, address_key)
        return Entry(_account(user), sessions.start(tx, user.id, browser, now=now), credits_remaining)


def create(db: Database, *, email: str, password: str, address_key: bytes, now: datetime) -> tuple[Account, int]:
    """Make an account and its wallet without signing anyone in; return it and its credits. Raises as `sign_up`."""
    values = _new_account(db, email, password, None, now)
    with db.write() as tx:
        user, credits_remaining = _open_account(tx, values, address_key)
        return _account(user), credits_remaining


def promote(db: Database, email: str, now: datetime) -> bool:
    """Make the account with this address an admin, whose address the operator vouches for; False if there is none."""
    verified = func.coalesce(User.email_verified_at, now)
    found = (User.email_key == email_key(email), User.deleted_at.is_(None))
    with db.write() as tx:
        promoted = update(User).where(*found).values(is_admin=True, email_verified_at=verified).returning(User.id)
        return tx.execute(promoted).first() is not None


def _new_account(db: Database, email: str, password: str, username: str | None, now: datetime) -> dict[str, Any]:
    address, name = account_rules.check(email, password, username)
    key = email_key(address)
    _refuse_taken(db, key)  # Before the slow hash; what decides is the unique key of the table.
    return {
        "email": address,
        "email_key": key,
        "username": name,
        "password_hash": passwords.hash_password(password),
        "created_at": now,
    }


def _open_account(tx: Session, values: dict[str, Any], address_key: bytes) -> tuple[User, int]:
    key = values["email_key"]
    if not insert_new(tx, User, values):
        raise _taken()
    user = tx.scalars(select(User).where(User.email_key == key)).one()
    remembered = address_hash(key, address_key)
    wallet = credits.open_wallet(tx, user.id, now=values["created_at"], address_hash=remembered)
    return user, wallet.credits_remaining


def log_in(db: Database, *, email: str, password: str, browser: Browser, simulated: bool, now: datetime) -> Entry:
    """Begin a session of the account with this address and password.

    Raises 401 `invalid_credentials`, after the same time and with the same words whether or not the address is known.
    """
    user = _found(db, email, password)
    stored = user.password_hash if user is not None else None
    if user is None or stored is None:
        raise _wrong_credentials()
    kept = passwords.hash_password(password) if passwords.is_outdated(stored) else stored
    with db.write() as tx:
        wallet = credits.wake(tx, user.id, now=now, simulated=simulated)
        if not _change(tx, user, password_hash=kept):
            raise _wrong_credentials()
        return Entry(_account(user), sessions.start(tx, user.id, browser, now=now), wallet.credits_remaining)


def _found(db: Database, email: str, password: str) -> User | None:
    """Return the account that the address and the password open; an unknown address takes as long as a known one."""
    # An account taken over from an older product may share its canonical address with another one; it then has
    # its whole address as its key (migrations/adoption.py).
    keys = [email_key(email), email.strip().lower()]
    with db.read() as tx:
        users = tx.scalars(select(User).where(User.email_key.in_(keys), User.deleted_at.is_(None))).all()
    users = sorted(users, key=lambda user: user.email_key != keys[1])
    hashes = [user.password_hash for user in users] or [None]
    right = [passwords.verify(stored, password) for stored in hashes]
    return next((user for user, opens in zip(users, right, strict=False) if opens), None)


def email_key(email: str) -> str:
    """Return the spelling of the address that counts; of one that is no valid address, something nobody can have."""
    if len(email.strip()) > _EMAIL_MAXIMUM:
        return ""  # Before anything that takes longer the longer it is.
    try:
        return addresses.canonical(account_rules.valid_address(email))
    except EmailNotValidError:
        return addresses.canonical(email)


def address_hash(key: str, secret: bytes) -> str:
    """Return what is remembered of a deleted account's address; nobody without the secret can test addresses on it."""
    return hmac.new(secret, key.encode(), hashlib.sha256).hexdigest()


def address_secret(signing_key: str) -> bytes:
    """Derive the key of `address_hash` from the one that signs sessions, so that the two are never the same."""
    return hmac.new(signing_key.encode(), b"former addresses", hashlib.sha256).digest()


# --- Changing an account --------------------------------------------------------------------------------------------


def rename(db: Database, user_id: int, username: str) -> None:
    """Change the name that the product calls the user by, back to the first one if it is empty; raises InvalidInput."""
    with db.write() as tx:
        user = tx.get_one(User, user_id)
        user.username = username.strip() or account_rules.first_name(user.email or "")
        if problem := account_rules.username_problem(user.username):
            raise InvalidInput({"username": problem})


def change_password(db: Database, user_id: int, *, current: str, new: str, keep_session: int) -> None:
    """Change the password and end every other session; raises InvalidInput."""
    user = _confirmed(db, user_id, current, field="current_password")
    problem = account_rules.password_problem(new, user.email or "")
    if problem:
        raise InvalidInput({"new_password": problem})
    password_hash = passwords.hash_password(new)
    with db.write() as tx:
        if not _change(tx, user, password_hash=password_hash):
            raise _wrong_password("current_password")
        sessions.end_others(tx, user_id, keep_session)


def end_other_sessions(db: Database, user_id: int, keep_session: int) -> None:
    """End every session of the user but this one."""
    with db.write() as tx:
        sessions.end_others(tx, user_id, keep_session)


def delete_account(
    db: Database, gateway: Gateway, user_id: int, password: str, *, address_key: bytes, now: datetime
) -> None:
    """Delete everything personal and leave a tombstone, so that ledger, purchases and usage logs stay whole.

    Its subscription ends first, so that nobody pays for an account that is gone; if that cannot be done now, nothing
    is. A keyed hash of the address remains, so that signing up anew hands out no second allotment in the same period.
    """
    user = _confirmed(db, user_id, password, field="password")
    if not gateway.simulated:
        closing.end_payments(db, gateway, user_id, now=now)
    with db.write() as tx:
        wallet = credits.wake(tx, user_id, now=now, simulated=gateway.simulated)
        if user.email_key is not None:
            remembered = FormerAddress(
                address_hash=address_hash(user.email_key, address_key),
                billing_anchor=wallet.billing_anchor,
                period_granted=wallet.period_granted,
                renews_at=wallet.current_period_end,
            )
            tx.merge(remembered)
        nothing = {"email": None, "email_key": None, "username": None, "password_hash": None, "is_admin": False}
        if not _change(tx, user, **nothing, email_verified_at=None, deleted_at=now):
            raise _wrong_password("password")
        credits.forget_conversations(tx, user_id)
        for owned in (LoginSession, IdempotencyKey, Conversation, Connection, AllowedTool):
            tx.execute(delete(owned).where(owned.user_id == user_id))


def _confirmed(db: Database, user_id: int, password: str, *, field: str) -> User:
    with db.read() as tx:
        user = tx.get_one(User, user_id)
    if not passwords.verify(user.password_hash, password):
        raise _wrong_password(field)
    return user


def _change(tx: Session, user: User, **values: Any) -> bool:
    """Change the account unless its password, which was checked outside of this transaction, has changed meanwhile."""
    unchanged = (User.id == user.id, User.password_hash == user.password_hash)
    changed = tx.execute(update(User).where(*unchanged).values(**values).returning(User.id))
    return changed.first() is not None


def _account(user: User) -> Account:
    email = user.email or ""
    return Account(user.id, email, user.username or account_rules.first_name(email))


# --- What is refused --------------------------------------------------------------------------------------------------


def _refuse_taken(db: Database, key: str) -> None:
    with db.read() as tx:
        if tx.scalar(select(User.id).where(User.email_key == key)) is not None:
            raise _taken()


def _taken() -> Conflict:
    return Conflict("email_taken", "There is already an account with this address. Log in instead.")


def _wrong_credentials() -> AppError:
    return AppError(401, "invalid_credentials", "The e-mail address or the password is wrong.")


def _wrong_password(field: str) -> InvalidInput:
    return InvalidInput({field: "This is not your password."})
