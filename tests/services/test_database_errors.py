"""Tell a database that is away from a wrong statement."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from services.database_errors import first_line, is_away
from services.transaction import Database, connect
from tests.support.processes import free_port


def _error(db: Database, statement: str) -> SQLAlchemyError:
    with pytest.raises(SQLAlchemyError) as failed, db.read() as tx:
        tx.execute(text(statement))
    db.engine.dispose()
    return failed.value


def test_a_wrong_statement_is_a_fault_of_ours(database: Database) -> None:
    error = _error(database, "SELECT secret_column FROM nowhere")
    assert not is_away(error)
    assert "SELECT" not in first_line(error) and "\n" not in first_line(error)


@pytest.mark.parametrize("url", ["postgresql://user:hunter22@127.0.0.1:{port}/name", "sqlite:////nonexistent/app.db"])
def test_a_database_that_is_not_there_is_away(url: str) -> None:
    error = _error(connect(url.format(port=free_port()), pool_size=1), "SELECT 1")
    assert is_away(error)
    assert "hunter22" not in first_line(error)


def test_a_file_that_is_no_database_is_away(tmp_path: Path) -> None:
    (tmp_path / "app.db").write_bytes(b"not a database " * 1000)
    assert is_away(_error(connect(f"sqlite:///{tmp_path}/app.db", pool_size=1), "SELECT 1"))


def test_a_pool_that_is_empty_is_away() -> None:
    assert is_away(PoolTimeoutError("QueuePool limit"))
