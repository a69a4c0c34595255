"""Keep the systems that users connect: try them, store them encrypted, open them for one call of a tool."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from agent.kinds import KINDS, NOUNS, secret_values
from agent.types import Connection as OpenConnection
from agent.types import Kind, Reach, ToolError
from clients.reach import Refused, Unreachable, WayOut
from errors import AppError, Conflict, NotFound
from models import Connection, User
from services import connection_rules
from services.transaction import Database, insert_new
from services.vault import NotConfigured, Owner, Unreadable, Vault, open_row
from services.views import iso, iso_or_none

CONNECTIONS_MAX = 20
"""Of one user."""
USED_EVERY = timedelta(minutes=1)
"""How exact `last_used_at` is; more exact would mean a write for every call of a tool."""
FIRST_QUESTIONS = {
    "kubernetes": "list the pods",
    "github": "show the latest workflow runs of owner/repo",
    "aws": "which CloudWatch alarms are ringing",
    "prometheus": "ask Prometheus for up == 0",
    "loki": 'show the errors of {app="web"} in Loki',
}
"""What to ask of each kind of connection first, to see that it is of use."""


# --- What users see -------------------------------------------------------------------------------------------------


def list_view(db: Database, user_id: int) -> list[dict[str, Any]]:
    """Return the user's connections without their secrets, by kind and name."""
    query = select(Connection).where(Connection.user_id == user_id).order_by(Connection.kind, Connection.name)
    with db.read() as tx:
        return [_view(row) for row in tx.scalars(query)]


def page_view(db: Database, user_id: int) -> list[dict[str, Any]]:
    """Return the connections in words: settings and findings as pairs of a label and a value."""
    views = list_view(db, user_id)
    alike = Counter(view["kind"] for view in views)
    return [_in_words(view, KINDS.get(view["kind"])) | _to_ask(view, alone=alike[view["kind"]] == 1) for view in views]


def kinds() -> list[Kind]:
    """Return what can be connected, in the order in which it is offered."""
    return list(KINDS.values())


def _view(row: Connection) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "name": row.name,
        "settings": row.shown,
        "found": row.found,
        "created_at": iso(row.created_at),
        "last_used_at": iso_or_none(row.last_used_at),
    }


def _in_words(view: dict[str, Any], kind: Kind | None) -> dict[str, Any]:
    labels = {field.key: field.label for field in kind.fields} if kind else {}
    pairs = {
        part: [(labels.get(key) or key.replace("_", " ").capitalize(), value) for key, value in view[part].items()]
        for part in ("settings", "found")
    }
    return {**view, **pairs, "title": kind.title if kind else view["kind"]}


def _to_ask(view: dict[str, Any], *, alone: bool) -> dict[str, str]:
    """Return a question and the message that asks it, which names the connection if it is not the only one."""
    question = FIRST_QUESTIONS.get(view["kind"], "")
    return {"question": question, "message": question if alone else f'{question} on connection "{view["name"]}"'}


# --- Adding and removing --------------------------------------------------------------------------------------------


def add(
    db: Database,
    vault: Vault,
    out: WayOut,
    user_id: int,
    kind: str,
    name: str,
    settings: Mapping[str, object],
    *,
    now: datetime,
) -> dict[str, Any]:
    """Try a connection, with no transaction open, and store it if it works; return what may be shown of it.

    Raises InvalidInput naming each bad field, 400 `connection_failed` with what the test found, 409 `connection_exists`
    and `too_many_connections`, and 503 `connections_not_configured`.
    """
    if not vault.is_open:
        raise NotConfigured()
    chosen = connection_rules.known_kind(kind)
    name, stored = connection_rules.checked(chosen, name, settings)
    with db.read() as tx:
        _refuse_taken(tx, user_id, kind, name)
    opened = OpenConnection(str(uuid.uuid4()), kind, name, stored)
    row = _row(vault, user_id, opened, _tried(chosen, out, opened), now)
    _store(db, row)
    return _view(row)


def remove(db: Database, user_id: int, connection_id: str) -> None:
    """Forget one of the user's connections and its credentials; raises NotFound."""
    with db.write() as tx:
        mine = (Connection.id == connection_id, Connection.user_id == user_id)
        gone = tx.execute(delete(Connection).where(*mine).returning(Connection.id)).first()
    if gone is None:
        raise NotFound("connection_not_found", "There is no such connection.")


def _tried(kind: Kind, out: WayOut, opened: OpenConnection) -> dict[str, str]:
    """Return what the test found; the other side may have repeated the secrets, so that they are taken out."""
    secrets = secrets_of(opened)
    try:
        return connection_rules.facts(secrets, kind.probe(Reach(out=out, connection=opened)))
    except (ToolError, Refused, Unreachable) as error:
        message = connection_rules.without(secrets, str(error))
        raise AppError(400, "connection_failed", message) from None


def _row(vault: Vault, user_id: int, opened: OpenConnection, found: dict[str, str], now: datetime) -> Connection:
    shown = KINDS[opened.kind].mask(opened.settings)
    return Connection(
        id=opened.id,
        user_id=user_id,
        kind=opened.kind,
        name=opened.name,
        settings_encrypted=vault.encrypt(Owner(user_id, opened.id, opened.kind), opened.settings),
        shown=connection_rules.facts(secrets_of(opened), shown),
        found=found,
        created_at=now,
        last_used_at=None,
    )


def _refuse_taken(tx: Session, user_id: int, kind: str, name: str) -> None:
    mine = Connection.user_id == user_id
    if tx.scalar(select(Connection.id).where(mine, Connection.kind == kind, Connection.name == name)) is not None:
        raise _exists(kind, name)
    if (tx.scalar(select(func.count()).select_from(Connection).where(mine)) or 0) >= CONNECTIONS_MAX:
        message = f"You have {CONNECTIONS_MAX} connections, which is the most. Delete one first."
        raise Conflict("too_many_connections", message)


def _store(db: Database, row: Connection) -> None:
    values = {attribute.key: getattr(row, attribute.key) for attribute in Connection.__mapper__.column_attrs}
    with db.write() as tx:
        # Whoever adds to or deletes this account waits here, so that the count below holds.
        owner = select(User.id).where(User.id == row.user_id, User.deleted_at.is_(None)).with_for_update()
        if tx.scalar(owner) is None:
            raise NotFound()
        _refuse_taken(tx, row.user_id, row.kind, row.name)
        if not insert_new(tx, Connection, values):
            raise _exists(row.kind, row.name)


def _exists(kind: str, name: str) -> Conflict:
    message = f"You already have a {KINDS[kind].title} connection called “{name}”."
    return Conflict("connection_exists", message, fields={"name": message})


# --- Opening for tools ----------------------------------------------------------------------------------------------


def open_for(db: Database, vault: Vault, user_id: int, kind: str, name: str | None, *, now: datetime) -> OpenConnection:
    """Return the user's connection of this kind, by name where there are several; raises ToolError."""
    mine = select(Connection).where(Connection.user_id == user_id, Connection.kind == kind).order_by(Connection.name)
    with db.read() as tx:
        rows = tx.scalars(mine).all()
    return _opened(db, vault, _chosen(rows, kind, name), now)


def open_by_id(db: Database, vault: Vault, user_id: int, connection_id: str, *, now: datetime) -> OpenConnection:
    """Return the connection that was chosen earlier; raises ToolError if it is gone, or is not the user's."""
    mine = (Connection.id == connection_id, Connection.user_id == user_id)
    with db.read() as tx:
        row = tx.scalars(select(Connection).where(*mine)).one_or_none()
    if row is None:
        raise ToolError("The connection has been deleted meanwhile.")
    return _opened(db, vault, row, now)


def secrets_of(connection: OpenConnection) -> list[str]:
    """Return the values that must be taken out of whatever a tool brings back from this connection."""
    return secret_values(KINDS[connection.kind], connection.settings)


def all_secrets(db: Database, vault: Vault, user_id: int) -> list[str]:
    """Return the secret values of all of the user's connections; one that cannot be read gives none."""
    with db.read() as tx:
        rows = tx.scalars(select(Connection).where(Connection.user_id == user_id).order_by(Connection.id)).all()
    found: list[str] = []
    for row in rows:
        with suppress(NotConfigured, Unreadable):
            settings = open_row(vault, row)
            found += secret_values(KINDS[row.kind], settings) if row.kind in KINDS else ()
    return found


def _chosen(rows: Sequence[Connection], kind: str, name: str | None) -> Connection:
    if not rows:
        raise ToolError(f"Connect {NOUNS[kind]} on the settings page first.")
    title = KINDS[kind].title
    listed = ", ".join(f'"{row.name}"' for row in rows)
    if name is None:
        if len(rows) > 1:
            raise ToolError(
                f"There are several {title} connections: {listed}. Say which (`connection`), "
                f'for example: … on connection "{rows[0].name}"'
            )
        return rows[0]
    exact = [row for row in rows if row.name == name]
    alike = exact or [row for row in rows if row.name.casefold() == name.strip().casefold()]
    if len(alike) != 1:
        raise ToolError(f"There is no {title} connection of that name. Say which (`connection`): {listed}.")
    return alike[0]


def _opened(db: Database, vault: Vault, row: Connection, now: datetime) -> OpenConnection:
    try:
        settings = open_row(vault, row)
    except (NotConfigured, Unreadable) as refusal:
        raise ToolError(f"{refusal.message} It is called “{row.name}”.", ours=True) from None
    if row.last_used_at is None or row.last_used_at <= now - USED_EVERY:
        with db.write() as tx:
            tx.execute(update(Connection).where(Connection.id == row.id).values(last_used_at=now))
    return OpenConnection(row.id, row.kind, row.name, settings)
