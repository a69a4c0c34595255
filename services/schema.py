"""Bring the database's tables to the present shape, one process at a time."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, inspect, text

from models import Base
from services.transaction import Database, connect

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
SET_ASIDE = "_before_credits"
"""The end of the names of old tables that the first migration found and kept."""
_OURS = "former_addresses"
"""A table that no older sketch had; where it is, the history of migrations is ours too."""
_HISTORY = "alembic_version"
_LOCK = 7_264_001  # Any number, as long as nothing else in this database locks the same one.


class SchemaError(Exception):
    """Say in one line why the database cannot be brought to the present shape; nothing was changed."""


def upgrade(db: Database) -> bool:
    """Run the migrations that are missing, all in one transaction; return whether there were any.

    Processes that start at the same time wait for each other: the first migrates, the others find it done. Raises
    SchemaError.
    """
    make_directory(db)
    if is_current(db):
        return False
    with locked(db) as connection:
        if _is_current(connection):
            return False
        _set_foreign_history_aside(connection)
        command.upgrade(alembic_config(connection), "head")
    return True


def is_current(db: Database) -> bool:
    """Say whether every migration of this version of the program has run."""
    with db.read() as session:
        return _is_current(session.connection())


def set_aside_tables(db: Database) -> list[str]:
    """Return the names of the old tables that the first migration renamed and kept."""
    with db.read() as session:
        names = inspect(session.connection()).get_table_names()
    return sorted(name for name in names if SET_ASIDE in name)


def count_set_aside(db: Database, table: str) -> int:
    """Return how many rows the old tables of this name hold that were renamed and kept."""
    with db.read() as session:
        connection = session.connection()
        names = [name for name in inspect(connection).get_table_names() if name.startswith(f"{table}{SET_ASIDE}")]
        return sum(connection.scalar(text(f"SELECT count(*) FROM {name}")) or 0 for name in names)


def is_ours(_object: Any, name: str | None, kind: str, reflected: bool, _other: Any) -> bool:
    """Leave tables that were set aside out of comparisons between the models and the database."""
    return not (kind == "table" and reflected and SET_ASIDE in (name or ""))


@contextmanager
def locked(db: Database) -> Iterator[Connection]:
    """Open the transaction that migrations run in, while every other process that wants to migrate waits.

    On SQLite foreign keys rest meanwhile, or rebuilding a table would delete what refers to it; they are checked at
    the end instead. A connection of its own keeps that away from everyone else.
    """
    own = connect(db.engine.url.render_as_string(hide_password=False), pool_size=1)
    on_sqlite = own.engine.dialect.name == "sqlite"
    if on_sqlite:
        event.listen(own.engine, "connect", lambda raw, _entry: raw.execute("PRAGMA foreign_keys=OFF"))
    try:
        with own.write() as session:
            connection = session.connection()
            if not on_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            yield connection
            if on_sqlite:
                _check_references(connection)
    finally:
        own.engine.dispose()


def _check_references(connection: Connection) -> None:
    # Only our tables: what was broken in those set aside before stays as it was.
    ours = Base.metadata.tables.keys() & set(inspect(connection).get_table_names())
    if any(connection.exec_driver_sql(f"PRAGMA foreign_key_check({table})").first() for table in ours):
        raise SchemaError("a migration would leave broken references behind in the database; nothing was changed")


def _is_current(connection: Connection) -> bool:
    if not inspect(connection).has_table(_OURS):
        return False
    return _revisions(connection) == set(ScriptDirectory.from_config(alembic_config()).get_heads())


def _revisions(connection: Connection) -> set[str]:
    if not inspect(connection).has_table(_HISTORY):
        return set()
    return set(connection.scalars(text(f"SELECT version_num FROM {_HISTORY}")))


def _set_foreign_history_aside(connection: Connection) -> None:
    """Keep the history of an older sketch's migrations under another name, so that ours begins at its beginning."""
    revisions = _revisions(connection)
    names = set(inspect(connection).get_table_names())
    if _OURS in names:
        known = {script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
        if revisions - known:
            raise SchemaError("the database is of a newer version of this program; nothing was changed")
    elif revisions:
        new = free_name(_HISTORY, names)
        if connection.dialect.name == "postgresql":
            key = inspect(connection).get_pk_constraint(_HISTORY)["name"]
            if key:
                connection.exec_driver_sql(f'ALTER TABLE {_HISTORY} RENAME CONSTRAINT "{key}" TO "{new}_pkc"')
        connection.exec_driver_sql(f"ALTER TABLE {_HISTORY} RENAME TO {new}")


def free_name(table: str, taken: Collection[str]) -> str:
    """Return the name under which an old table is kept."""
    new = f"{table}{SET_ASIDE}"
    while new in taken:
        new += "_too"
    return new


def alembic_config(connection: Connection | None = None) -> Config:
    """Return what an Alembic command needs to run on this connection, or only to read the revisions."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def make_directory(db: Database) -> None:
    """Make the file of a SQLite database and its directory, which nobody but its owner can read."""
    database = db.engine.url.database
    if db.engine.dialect.name != "sqlite" or not database or database == ":memory:" or database.startswith("file:"):
        return
    path = Path(database)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        # SQLite gives the files beside it the same rights. An operator's own choice for an older file stays.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
