"""Keep the credentials of users' systems encrypted; what opens them is not in the database.

Each configured key becomes a Fernet key (AES-128-CBC and HMAC-SHA256) of its own. The encrypted text also says whose it
is and of which connection, so that a row that was copied to someone else, or whose id or kind was changed, is refused.

To change the key: put the new one before the old one in CREDENTIALS_KEY and restart every process, run
`flask connections rotate`, then take the old one away and restart again.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import select, update

from errors import AppError
from models import Connection
from services.transaction import Database

log = structlog.get_logger(__name__)

_LABEL = b"devops-agent: credentials of connections, 1"


class NotConfigured(AppError):
    """Refuse to keep or open credentials on a site that has no key for them."""

    def __init__(self) -> None:
        super().__init__(503, "connections_not_configured", "Connections are switched off on this site.")


class Unreadable(AppError):
    """Say that stored credentials cannot be opened: their key is gone, or they are not those of this connection."""

    def __init__(self) -> None:
        message = "The stored credentials of this connection cannot be read. Delete it and add it again."
        super().__init__(503, "connection_unreadable", message)


@dataclass(frozen=True)
class Owner:
    """Say whose settings these are, and of which connection."""

    user_id: int
    connection_id: str
    kind: str


class Vault:
    """Encrypt with the first key and decrypt with all of them; without a key it is closed."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernets = [Fernet(_derived(key)) for key in keys]

    @property
    def is_open(self) -> bool:
        """Say whether there is a key."""
        return bool(self._fernets)

    def encrypt(self, owner: Owner, settings: Mapping[str, str]) -> str:
        """Return the settings as they are stored; raises NotConfigured."""
        if not self._fernets:
            raise NotConfigured()
        plain = json.dumps({**_named(owner), "settings": dict(settings)})
        return self._fernets[0].encrypt(plain.encode()).decode()

    def decrypt(self, owner: Owner, encrypted: str) -> dict[str, str]:
        """Return the settings; raises NotConfigured, and Unreadable also where they are another connection's."""
        if not self._fernets:
            raise NotConfigured()
        try:
            plain: dict[str, Any] = json.loads(MultiFernet(self._fernets).decrypt(encrypted.encode()))
        except InvalidToken:
            log.error("connection_unreadable", connection_id=owner.connection_id, reason="no key opens it")
            raise Unreadable() from None
        settings: dict[str, str] = plain.pop("settings")
        if plain != _named(owner):
            log.error("connection_unreadable", connection_id=owner.connection_id, reason="it belongs elsewhere")
            raise Unreadable()
        return settings

    def is_current(self, encrypted: str) -> bool:
        """Say whether the first key has encrypted this."""
        try:
            self._fernets[0].decrypt(encrypted.encode())
        except InvalidToken:
            return False
        return True


def open_row(vault: Vault, row: Connection) -> dict[str, str]:
    """Return the settings of a stored connection; raises as `Vault.decrypt`."""
    return vault.decrypt(owner_of(row), row.settings_encrypted)


def owner_of(row: Connection) -> Owner:
    """Return what the encrypted text of this row has to say."""
    return Owner(row.user_id, row.id, row.kind)


def _named(owner: Owner) -> dict[str, Any]:
    return {"user_id": owner.user_id, "connection_id": owner.connection_id, "kind": owner.kind}


def _derived(key: str) -> bytes:
    derived = HKDF(SHA256(), length=32, salt=None, info=_LABEL).derive(key.encode())
    return base64.urlsafe_b64encode(derived)


# --- Changing the key -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rotation:
    """How many connections were encrypted anew, had been already, and could not be read."""

    renewed: int
    current: int
    unreadable: int


def rotate(db: Database, vault: Vault) -> Rotation:
    """Encrypt every connection with the first key; raises NotConfigured.

    Each row is a short transaction of its own, which writes only if the row is still as it was read, so that it can
    run while connections are used, added and deleted, be broken off, and run again. An unreadable row stays as it is.
    """
    if not vault.is_open:
        raise NotConfigured()
    with db.read() as tx:
        ids = tx.scalars(select(Connection.id).order_by(Connection.id)).all()
    found = [_rotate_one(db, vault, connection_id) for connection_id in ids]
    return Rotation(found.count("renewed"), found.count("current"), found.count("unreadable"))


def _rotate_one(db: Database, vault: Vault, connection_id: str) -> str:
    with db.read() as tx:
        row = tx.get(Connection, connection_id)
    if row is None:
        return "gone"
    try:
        settings = open_row(vault, row)
    except Unreadable:
        return "unreadable"
    if vault.is_current(row.settings_encrypted):
        return "current"
    unchanged = (Connection.id == row.id, Connection.settings_encrypted == row.settings_encrypted)
    renewed = update(Connection).where(*unchanged).values(settings_encrypted=vault.encrypt(owner_of(row), settings))
    with db.write() as tx:
        done = tx.execute(renewed.returning(Connection.id)).first()
    return "renewed" if done is not None else "gone"
