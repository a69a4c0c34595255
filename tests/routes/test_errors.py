"""Refuse in JSON to programs and with a page to people, and never tell what went wrong inside."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from errors import AppError
from services.house import House
from tests.support.actors import Actor

pytestmark = pytest.mark.one_database

SECRET = "sqlite3 s3cret-detail"


def _route(app: Flask, path: str, view: Callable[[], str]) -> None:
    # Flask allows new routes only before the first request.
    app.add_url_rule(path, path, view)


@pytest.fixture
def broken(app: Flask, house: House) -> FlaskClient:
    """Return a browser of an app with views that fail."""

    def fail() -> str:
        raise RuntimeError(SECRET)

    def fail_in_database() -> str:
        with house.db.read() as tx:
            tx.execute(text("SELECT s3cret_detail FROM nowhere"))
        return ""

    def refuse() -> str:
        raise AppError(409, "no_way", "Not like this.", hint="another")

    for prefix in ("", "/api"):
        _route(app, f"{prefix}/fail", fail)
        _route(app, f"{prefix}/fail-in-database", fail_in_database)
        _route(app, f"{prefix}/refuse", refuse)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app.test_client()


@pytest.mark.parametrize("path", ["/fail", "/fail-in-database"])
def test_a_failure_says_nothing_of_the_inside(broken: FlaskClient, path: str) -> None:
    answer = broken.get(f"/api{path}")
    assert answer.status_code == 500
    assert answer.get_json() == {"error": "internal_error", "message": answer.get_json()["message"]}
    page = broken.get(path)
    assert (page.status_code, page.mimetype) == (500, "text/html")
    for body in (answer.get_data(as_text=True), page.get_data(as_text=True)):
        assert "s3cret" not in body and "Traceback" not in body and "SELECT" not in body


def test_a_failure_is_logged(broken: FlaskClient, capfd: pytest.CaptureFixture[str]) -> None:
    broken.get("/api/fail")
    logged = capfd.readouterr().err
    assert "unexpected_error" in logged and "RuntimeError" in logged


def test_a_failing_error_page_is_replaced_by_a_plain_one(app: Flask, broken: FlaskClient) -> None:
    app.jinja_env.globals["asset"] = None
    answer = broken.get("/fail")
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert "Something went wrong" in answer.get_data(as_text=True)


def test_a_refusal_keeps_its_code_and_details(broken: FlaskClient) -> None:
    answer = broken.get("/api/refuse")
    assert answer.status_code == 409
    assert answer.get_json() == {"error": "no_way", "message": "Not like this.", "hint": "another"}
    page = broken.get("/refuse")
    assert page.status_code == 409 and "Not like this." in page.get_data(as_text=True)


def test_programs_get_json_wherever_they_ask(broken: FlaskClient) -> None:
    assert broken.get("/refuse", headers={"Accept": "application/json"}).is_json
    assert not broken.get("/refuse", headers={"Accept": "text/html,application/json;q=0.9"}).is_json
    assert not broken.get("/refuse", headers={"Accept": "*/*"}).is_json


def test_what_is_not_there(client: FlaskClient) -> None:
    answer = client.get("/api/nothing")
    assert (answer.status_code, answer.get_json()["error"]) == (404, "not_found")
    assert client.get("/api").get_json()["error"] == "not_found"
    page = client.get("/nothing")
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "The address may be wrong, or what was here is gone." in page.get_data(as_text=True)


def test_a_missing_page_is_friendly_to_someone_signed_in_too(alice: Actor) -> None:
    assert "The address may be wrong, or what was here is gone." in alice.get("/nothing").get_data(as_text=True)


def test_a_method_that_is_not_taken_says_which_are(client: FlaskClient) -> None:
    answer = client.delete("/api/subscription")
    assert (answer.status_code, answer.get_json()["error"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]
    page = client.get("/logout")
    assert (page.status_code, page.mimetype) == (405, "text/html")
    assert "POST" in page.headers["Allow"]


def test_what_is_too_large(alice: Actor) -> None:
    answer = alice.post("/api/chat", json={"message": "x" * 1_100_000})
    assert (answer.status_code, answer.get_json()["error"]) == (413, "too_large")
    page = alice.post("/settings/profile", data={"username": "x" * 1_100_000})
    assert (page.status_code, page.mimetype) == (413, "text/html")
    assert alice.credits() == 20


def test_every_error_is_the_same_shape(alice: Actor) -> None:
    for answer in (alice.get("/api/nothing"), alice.post("/api/chat", data="x"), alice.delete("/api/tools")):
        assert set(answer.get_json()) == {"error", "message"}
        assert answer.headers["Content-Type"] == "application/json"


NOT_JSON = [
    b"",
    b"{",
    b"[]",
    b'"text"',
    b"null",
    b"1",
    b'{"message": NaN}',
    b'{"message": Infinity}',
    b'{"message": -Infinity}',
    b'{"message": ' + b"9" * 5000 + b"}",
    b'{"message": "\xff"}',
    b"\xff\xfe{\x00}\x00",
    b"[" * 100_000,
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
]


@pytest.mark.parametrize("body", NOT_JSON, ids=lambda body: body[:24].decode("latin-1"))
@pytest.mark.parametrize("path", ["/api/chat", "/api/credits/purchase", "/api/subscription/upgrade", "/login"])
def test_what_is_no_json_object_is_refused(alice: Actor, path: str, body: bytes) -> None:
    answer = alice.post(path, data=body, content_type="application/json")
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_json")


def test_the_charset_of_json_is_named_or_not(alice: Actor) -> None:
    body = json.dumps({"pack_size": 100}).encode()
    answer = alice.post("/api/credits/purchase", data=body, content_type="application/json; charset=utf-8")
    assert answer.status_code == 200


# --- While the database is away -------------------------------------------------------------------------------------


@pytest.fixture
def stranded(alice: Actor, house: House, prepared_url: str) -> Actor:
    """Return Alice, whose session is in a database that is not there any more."""
    house.db.engine.dispose()
    path = Path(prepared_url.removeprefix("sqlite:///"))
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
    path.mkdir()
    return alice


@pytest.mark.parametrize("path", ["/chat", "/billing", "/settings", "/"])
def test_a_page_says_that_the_database_is_away(stranded: Actor, path: str, capfd: pytest.CaptureFixture[str]) -> None:
    answer = stranded.get(path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    page = answer.get_data(as_text=True)
    assert "The database does not answer just now." in page and "stylesheet" in page
    logged = capfd.readouterr().err
    assert logged.count("database_unavailable") == 1
    assert "Traceback" not in logged and "error_page_failed" not in logged


def test_a_program_is_told_that_the_database_is_away(stranded: Actor) -> None:
    answer = stranded.get("/api/subscription")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert (answer.get_json()["error"], answer.get_json()["retry_after"]) == ("database_unavailable", 5)
    assert stranded.post("/api/chat", json={"message": "hello"}).get_json()["error"] == "database_unavailable"


def test_another_error_keeps_its_page_while_the_database_is_away(
    stranded: Actor, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = stranded.get("/nothing")
    assert answer.status_code == 404
    assert "stylesheet" in answer.get_data(as_text=True)
    assert "Traceback" not in capfd.readouterr().err


# --- Hosts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/login", "/api/subscription"])
def test_a_host_that_is_none_is_refused_quietly(
    client: FlaskClient, capfd: pytest.CaptureFixture[str], path: str
) -> None:
    answer = client.get(path, headers={"Host": ".."})
    assert answer.status_code == 400
    assert "This request is not understood." in answer.get_data(as_text=True)
    logged = capfd.readouterr().err
    assert "Traceback" not in logged and "[error" not in logged


@pytest.mark.parametrize("path", ["//login", "/static//app.css", "/settings/", "/api//subscription", "//x.example/y"])
def test_nobody_is_sent_to_the_host_that_a_request_names(client: FlaskClient, path: str) -> None:
    answer = client.get("/", base_url="http://evil.example/", environ_overrides={"PATH_INFO": path})
    assert answer.location is None


def test_an_address_without_a_path_leads_to_this_site(client: FlaskClient) -> None:
    answer = client.get("/", base_url="http://evil.example/", environ_overrides={"PATH_INFO": ""})
    assert (answer.status_code, answer.location) == (308, "/")
