"""Hold the migrations to the models, to one process at a time, and to the ledger's triggers."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from models import Base, CreditLedger, LedgerKind, User
from services import schema
from services.transaction import Database, connect

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def empty(database_url: str) -> Iterator[Database]:
    """Open a database without any tables."""
    db = connect(database_url, pool_size=3)
    schema.make_directory(db)
    yield db
    db.engine.dispose()


@pytest.fixture
def migrated(empty: Database) -> Database:
    """Open a database that has just been migrated."""
    assert schema.upgrade(empty)
    return empty


# --- Tables ---------------------------------------------------------------------------------------------------------


def test_an_upgrade_runs_once(empty: Database) -> None:
    assert not schema.is_current(empty)
    assert schema.upgrade(empty)
    assert schema.is_current(empty)
    assert not schema.upgrade(empty)


def test_the_directory_of_a_sqlite_file_is_made(tmp_path: Path) -> None:
    db = connect(f"sqlite:///{tmp_path / 'not' / 'there' / 'app.db'}", pool_size=1)
    assert schema.upgrade(db)
    db.engine.dispose()


def test_alembic_finds_no_difference_between_models_and_migrations(migrated: Database) -> None:
    options = {"compare_type": True, "compare_server_default": True, "target_metadata": Base.metadata}
    with migrated.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []


def test_migrations_make_the_same_tables_as_the_models(migrated: Database) -> None:
    by_migrations = _shape(migrated.engine)
    _unmigrate(migrated)
    Base.metadata.create_all(migrated.engine)
    assert by_migrations == _shape(migrated.engine)
    assert len(by_migrations) == len(Base.metadata.tables)


def _unmigrate(db: Database) -> None:
    with schema.locked(db) as connection:
        command.downgrade(schema.alembic_config(connection), "base")
        connection.execute(text("DROP TABLE alembic_version"))


def _shape(engine: Engine) -> dict[str, Any]:
    """Return all that can be read back of every table, CHECK constraints and partial indexes included."""
    inspector = inspect(engine)
    parts = (
        inspector.get_columns,
        inspector.get_indexes,
        inspector.get_unique_constraints,
        inspector.get_foreign_keys,
        inspector.get_check_constraints,
    )
    return {
        table: [sorted(_words(item) for item in part(table)) for part in parts] + [inspector.get_pk_constraint(table)]
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def _words(found: Any) -> str:
    if isinstance(found, Mapping):
        return str(sorted((name, _words(value)) for name, value in found.items()))
    return str(found)


def test_processes_that_start_together_all_find_the_database_ready(empty: Database) -> None:
    program = (
        "import sys; from services import schema; from services.transaction import connect;"
        "db = connect(sys.argv[1], 1); schema.upgrade(db); assert schema.is_current(db)"
    )
    url = empty.engine.url.render_as_string(hide_password=False)
    if empty.engine.dialect.name == "sqlite":
        url = f"{url}.fresh/app.db"  # Also the directory and the file are made by all of them at once.
    arguments = [sys.executable, "-c", program, url]
    root = Path(__file__).resolve().parent.parent
    running = [subprocess.Popen(arguments, cwd=root, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate()[1] for process in running] == [""] * 4
    assert [process.returncode for process in running] == [0] * 4


def test_a_migration_that_fails_leaves_nothing_behind(empty: Database) -> None:
    with pytest.raises(RuntimeError), schema.locked(empty) as connection:
        command.upgrade(schema.alembic_config(connection), "head")
        raise RuntimeError("the process dies here")
    assert inspect(empty.engine).get_table_names() == []


def test_a_migration_cannot_leave_broken_references_on_sqlite(tmp_path: Path) -> None:
    db = connect(f"sqlite:///{tmp_path / 'app.db'}", pool_size=1)
    schema.upgrade(db)
    with pytest.raises(schema.SchemaError, match="broken references"), schema.locked(db) as connection:
        connection.execute(text(_SESSION_OF_NOBODY))
    with db.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM sessions")).scalar() == 0
    db.engine.dispose()


_SESSION_OF_NOBODY = """
    INSERT INTO sessions (user_id, token_hash, user_agent, network, created_at, last_seen_at, expires_at)
    VALUES (77, 'x', '', '', '2026-01-01', '2026-01-01', '2026-01-01')
"""


# --- The ledger's triggers ------------------------------------------------------------------------------------------


@pytest.fixture
def ledger(migrated: Database) -> Database:
    """Open a migrated database whose ledger has one row."""
    with migrated.write() as tx:
        tx.add(User(id=1, email="alice@example.com", email_key="alice@example.com", created_at=NOW))
        tx.flush()
        tx.add(_entry())
    return migrated


def _entry() -> CreditLedger:
    return CreditLedger(
        user_id=1, delta=20, pack_delta=0, balance_after=20, kind=LedgerKind.GRANT, source="period:1:1", created_at=NOW
    )


_VALUES = "(id, user_id, delta, pack_delta, balance_after, kind, source, created_at) VALUES"
_CHANGES = {
    "update": "UPDATE credit_ledger SET delta = 21",
    "delete": "DELETE FROM credit_ledger",
    "upsert": f"INSERT INTO credit_ledger {_VALUES} (1, 1, 9, 0, 9, 'grant', 'period:1:1', '2026-01-01') "
    "ON CONFLICT (kind, source) DO UPDATE SET delta = 9",
}
_SQLITE_CHANGES = {
    "replace by id": f"INSERT OR REPLACE INTO credit_ledger {_VALUES} (1, 1, 9, 0, 9, 'grant', 'new', '2026-01-01')",
    "replace by source": f"REPLACE INTO credit_ledger {_VALUES} (9, 1, 9, 0, 9, 'grant', 'period:1:1', '2026-01-01')",
    "update or replace": "UPDATE OR REPLACE credit_ledger SET source = 'new'",
}


@pytest.mark.parametrize("change", _CHANGES)
def test_a_ledger_row_cannot_be_changed(ledger: Database, change: str) -> None:
    _assert_refused(ledger, _CHANGES[change])


@pytest.mark.parametrize("change", _SQLITE_CHANGES)
def test_a_ledger_row_cannot_be_replaced(ledger: Database, change: str) -> None:
    if ledger.engine.dialect.name == "sqlite":
        _assert_refused(ledger, _SQLITE_CHANGES[change])
    else:
        _assert_refused(ledger, "MERGE INTO credit_ledger USING users ON true WHEN MATCHED THEN DELETE")


def test_the_ledger_cannot_be_truncated(ledger: Database) -> None:
    if ledger.engine.dialect.name == "postgresql":
        _assert_refused(ledger, "TRUNCATE credit_ledger")
        _assert_refused(ledger, "TRUNCATE users CASCADE")
    else:
        _assert_refused(ledger, "DELETE FROM credit_ledger WHERE true")


def _assert_refused(db: Database, statement: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"), db.write() as tx:
        tx.execute(text(statement))
    with db.read() as tx:
        assert tx.execute(text("SELECT delta, source FROM credit_ledger")).all() == [(20, "period:1:1")]


@pytest.mark.parametrize("change", {**_CHANGES, **_SQLITE_CHANGES}.values())
def test_a_plain_sqlite_connection_is_refused_too(tmp_path: Path, change: str) -> None:
    path = tmp_path / "app.db"
    db = connect(f"sqlite:///{path}", pool_size=1)
    schema.upgrade(db)
    with db.write() as tx:
        tx.add(User(id=1, created_at=NOW))
        tx.flush()
        tx.add(_entry())
    db.engine.dispose()
    plain = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        plain.execute(change)
    assert plain.execute("SELECT delta, source FROM credit_ledger").fetchall() == [(20, "period:1:1")]
    plain.close()


def test_the_ledger_still_takes_new_rows(ledger: Database) -> None:
    with ledger.write() as tx:
        entry = _entry()
        entry.source = "period:1:2"
        tx.add(entry)
    with ledger.read() as tx:
        assert tx.query(CreditLedger).count() == 2
