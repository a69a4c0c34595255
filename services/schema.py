"""Bring the database's tables to the present shape, one process at a time."""

from collections.abc import Iterator
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
_LOCK = 7_264_001  # Any number, as long as nothing else in this database locks the same one.


def upgrade(db: Database) -> bool:
    """Run the migrations that are missing, all in one transaction; return whether there were any.

    Processes that start at the same time wait for each other: the first migrates, the others find it done.
    """
    make_directory(db)
    if is_current(db):
        return False
    with locked(db) as connection:
        if _is_current(connection):
            return False
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
        raise RuntimeError("a migration would leave broken references behind; nothing was changed")


def _is_current(connection: Connection) -> bool:
    if not inspect(connection).has_table("alembic_version"):
        return False
    found = connection.scalars(text("SELECT version_num FROM alembic_version"))
    return set(found) == set(ScriptDirectory.from_config(alembic_config()).get_heads())


def alembic_config(connection: Connection | None = None) -> Config:
    """Return what an Alembic command needs to run on this connection, or only to read the revisions."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def make_directory(db: Database) -> None:
    """Make the directory of a SQLite file, which SQLite itself does not."""
    path = db.engine.url.database
    if db.engine.dialect.name == "sqlite" and path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
