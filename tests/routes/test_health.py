"""Say whether the process can do its work."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from services.house import House
from tests.support.apps import close_app
from tests.support.databases import PostgresServer, Source
from tests.support.environment import make_settings


def test_a_healthy_process_says_how_it_runs(client: FlaskClient) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.get_json() == {"status": "ok", "database": "ok", "agent": "offline", "payments": "simulated"}


def test_it_is_not_counted_by_rate_limits(tmp_path: Path, prepared_url: str) -> None:
    app = create_app(make_settings(tmp_path, database_url=prepared_url, rate_limits="on"))
    client = app.test_client()
    assert {client.get("/health").status_code for _ in range(200)} == {200}
    close_app(app)


def test_without_its_database_it_says_so(
    client: FlaskClient,
    house: House,
    databases: Source,
    prepared_url: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    house.db.engine.dispose()
    _destroy(databases, prepared_url)
    answer = client.get("/health")
    assert (answer.status_code, answer.get_json()["database"]) == (503, "unavailable")
    assert "database_unavailable" in capfd.readouterr().err
    assert "test_" not in answer.get_data(as_text=True)
    # Pages that need it say so without a word on why.
    page = client.get("/")
    assert (page.status_code, page.mimetype) == (503, "text/html")
    assert "Traceback" not in capfd.readouterr().err
    assert "sqlalchemy" not in page.get_data(as_text=True).lower()


def _destroy(databases: Source, url: str) -> None:
    if isinstance(databases, PostgresServer):
        databases.drop(url)
        return
    path = Path(url.removeprefix("sqlite:///"))
    path.write_bytes(b"not a database " * 1000)
    for name in ("-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)
