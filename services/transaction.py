"""Open the two kinds of transaction: short reads, and writes that wait for their turn."""

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT_MS = 30_000
_IMMEDIATE = "begin_immediate"


def utcnow() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


def engine_options(url: str, pool_size: int) -> dict[str, Any]:
    """Return the options that an engine for this address needs; at most `pool_size` connections per process."""
    options: dict[str, Any] = {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": 60}
    options["hide_parameters"] = True  # They may be private, and would stand in every error that is logged.
    if make_url(url).get_backend_name() == "sqlite":
        options["connect_args"] = {"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False}
    else:
        options["pool_pre_ping"] = True
    return options


class Database:
    """Hand out sessions on one engine; each lasts for one short transaction."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # On SQLite the writers of this process queue here, in order and without a connection in hand,
        # so that only writers of other processes meet on the file's lock.
        self._turn = threading.Lock() if engine.dialect.name == "sqlite" else None
        self._writer = engine.execution_options(**{_IMMEDIATE: True})
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session for reading and close it at the end; nothing is ever committed."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """Open a session whose reads all see the same moment."""
        # SQLite's deferred transaction is a snapshot from its first read on; PostgreSQL needs to be asked.
        engine = self.engine
        if engine.dialect.name == "postgresql":
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with Session(engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a session for writing; commit at the end, or roll everything back when an exception leaves it.

        On SQLite it begins with `BEGIN IMMEDIATE`, so that writers wait up to 30 s for each other instead of failing
        with a stale snapshot. Never keep one open while a model, a tool or another server is asked.
        """
        with self._turn or nullcontext():
            with Session(self._writer, expire_on_commit=False) as session, session.begin():
                yield session


def connect(url: str, pool_size: int) -> Database:
    """Return the database at this address, for commands that run without the web app."""
    return Database(create_engine(url, **engine_options(url, pool_size)))


def insert_new(session: Session, table: type[Any], values: Mapping[str, Any]) -> bool:
    """Insert a row unless a unique constraint already holds one; return whether this call made it."""
    target: Table = table.__table__
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    keyed = {table.__mapper__.get_property(name).columns[0].name: value for name, value in values.items()}
    done = session.execute(insert(target).values(keyed).on_conflict_do_nothing().returning(*target.primary_key))
    return done.first() is not None


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    # SQLAlchemy's own "begin" event starts every transaction, not the driver's guess at when one is needed.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.close()
    # SQLite's own knows no letters but A to Z.
    connection.create_function("lower", 1, _lower, deterministic=True)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get(_IMMEDIATE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
