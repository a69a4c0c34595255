"""Take over a database that an older sketch of the product made, without losing a row of it.

Its tables stay, under names that end in `_before_credits`; its people become rows of our `users`.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from dateutil import parser

from services.accounts import email_key
from services.passwords import hash_password
from services.schema import SET_ASIDE, free_name

_USERS = sa.table(
    "users",
    sa.column("id", sa.Integer()),
    sa.column("email", sa.String()),
    sa.column("email_key", sa.String()),
    sa.column("username", sa.String()),
    sa.column("password_hash", sa.String()),
    sa.column("is_admin", sa.Boolean()),
    sa.column("created_at", sa.DateTime(timezone=True)),
)
_HASHED = re.compile(r"\$|(pbkdf2|scrypt|bcrypt|argon2|sha\d+|md5|plain)[:$]")


def set_old_tables_aside(tables: Iterable[str]) -> str | None:
    """Rename the tables whose names we need; return the name under which the old people are found now."""
    names = set(sa.inspect(op.get_bind()).get_table_names())
    people = next((name for name in ("users", "user") if name in names and "email" in _columns(name)), None)
    in_the_way = [name for name in tables if name in names]
    if people is not None and people not in in_the_way:
        in_the_way.append(people)
    moved = {name: _set_aside(name, names) for name in in_the_way}
    return moved.get(people or "users")


def take_over_users(old_table: str) -> None:
    """Copy the people of an old table into `users`; each keeps the id if it is a whole number."""
    connection = op.get_bind()
    table = sa.table(old_table)
    # Raw text, since the old columns may hold what their declared types would refuse to read.
    rows = [dict(row) for row in connection.execute(sa.text(f"SELECT * FROM {_quoted(table)}")).mappings()]
    now = datetime.now(UTC)
    people = [_person(row, now) for row in rows]
    _number(people)
    _give_keys(people)
    for person in people:
        connection.execute(_USERS.insert().values(_stored(person, connection.dialect.name)))
    _forget_plain_passwords(old_table, rows)
    if people and connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT setval(pg_get_serial_sequence('users', 'id'), max(id)) FROM users"))


def _columns(table: str) -> set[str]:
    return {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}


def _set_aside(name: str, taken: set[str]) -> str:
    new = free_name(name, taken)
    taken.add(new)
    _free_names(name)
    op.rename_table(name, new)
    return new


def _free_names(table: str) -> None:
    """Free the names of indexes, which are unique in the whole database and stay when their table is renamed."""
    connection = op.get_bind()
    inspector = sa.inspect(connection)
    constraints = {found["name"] for found in inspector.get_unique_constraints(table)}
    for index in inspector.get_indexes(table):
        if index["name"] is not None and index["name"] not in constraints:
            op.drop_index(index["name"], table_name=table)
    if connection.dialect.name == "postgresql":
        key = inspector.get_pk_constraint(table)["name"]
        for name in {*constraints, key} - {None}:
            op.execute(f'ALTER TABLE {_quoted(sa.table(table))} RENAME CONSTRAINT "{name}" TO "{name}{SET_ASIDE}"')


def _quoted(table: sa.TableClause) -> str:
    return op.get_bind().dialect.identifier_preparer.format_table(table)


def _person(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    email = _text(row.get("email"), 320)
    return {
        "id": row.get("id"),
        "email": email,
        "email_key": None,
        "username": _text(row.get("username") or row.get("name"), 80),
        "password_hash": _password_hash(row),
        "is_admin": _truth(row.get("is_admin")),
        "created_at": _moment(row.get("created_at"), now),
    }


def _text(value: Any, length: int) -> str | None:
    if isinstance(value, bytes | memoryview):
        value = bytes(value).decode("utf-8", "replace")
    return None if value is None else str(value).replace("\0", "").strip()[:length] or None


def _truth(value: Any) -> bool:
    return str(value).strip().lower() in ("1", "true", "t", "yes")


def _password_hash(row: Mapping[str, Any]) -> str | None:
    plain = _plain_password(row)
    if plain is not None:
        return hash_password(plain)
    return _text(row.get("password_hash") or row.get("password"), 255)


def _plain_password(row: Mapping[str, Any]) -> str | None:
    """Return the password that a careless sketch kept readable."""
    kept = _text(row.get("password"), 255)
    return kept if kept and not row.get("password_hash") and not _HASHED.match(kept) else None


def _moment(value: Any, now: datetime) -> datetime:
    """Return the time in UTC; one without a zone is taken for UTC, an unreadable one for now."""
    try:
        if isinstance(value, str):
            value = parser.parse(value)
        elif isinstance(value, int | float):
            value = datetime.fromtimestamp(value, UTC)
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return now


def _number(people: list[dict[str, Any]]) -> None:
    """Give new ids, oldest first, where the old ones are not whole numbers."""
    ids = [person["id"] for person in people]
    if all(isinstance(old, int) and 0 < old < 2**31 for old in ids) and len(set(ids)) == len(ids):
        return
    people.sort(key=lambda person: person["created_at"])
    for number, person in enumerate(people, start=1):
        person["id"] = number


def _give_keys(people: list[dict[str, Any]]) -> None:
    """Give each address its key, oldest account first, so that no two accounts share one and nobody is lost."""
    taken: set[str] = set()
    for person in sorted(people, key=lambda person: (person["created_at"], person["id"])):
        email = person["email"]
        if email is None:
            continue
        wanted = (email_key(email), email.lower(), f"{email.lower()[:300]}#{person['id']}")
        person["email_key"] = next(key for key in wanted if key not in taken)
        taken.add(person["email_key"])


def _stored(person: Mapping[str, Any], dialect: str) -> dict[str, Any]:
    created = person["created_at"]
    return {**person, "created_at": created.replace(tzinfo=None) if dialect == "sqlite" else created}


def _forget_plain_passwords(old_table: str, rows: list[dict[str, Any]]) -> None:
    """Blank the readable passwords of the old table, now that `users` holds their hashes."""
    old = sa.table(old_table, sa.column("id"), sa.column("password"))
    for row in rows:
        if _plain_password(row) is not None:
            op.get_bind().execute(old.update().where(old.c.id == row["id"]).values(password=""))
