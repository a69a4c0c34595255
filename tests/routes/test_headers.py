"""Keep browsers strict, and caches away from what is private."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from tests.support.actors import Actor, signed_up
from tests.support.apps import close_app
from tests.support.environment import make_settings

pytestmark = pytest.mark.one_database

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@pytest.fixture
def production(tmp_path: Path, prepared_url: str) -> Iterator[Flask]:
    """Return an app as it runs behind one proxy in production."""
    settings = make_settings(
        tmp_path, database_url=prepared_url, app_env="production", payments="simulated", trusted_proxies=1
    )
    app = create_app(settings)
    yield app
    close_app(app)


@pytest.mark.parametrize("path", ["/", "/login", "/nothing", "/api/nothing", "/api/subscription/tiers", "/health"])
def test_every_answer_is_strict(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert "Strict-Transport-Security" not in headers


def test_what_is_private_is_never_kept(alice: Actor) -> None:
    for path in ("/settings", "/api/subscription", "/api/credits/packs", "/nothing"):
        assert alice.get(path).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/static/credits.js?v=1", "public, max-age=31536000, immutable"),
        ("/static/credits.js", "no-cache"),
        ("/static/nothing.js?v=1", "no-cache"),
    ],
)
def test_static_files_with_a_version_are_kept(client: FlaskClient, path: str, kept: str) -> None:
    with client.get(path) as answer:
        assert answer.headers["Cache-Control"] == kept


def test_production_is_served_over_https_only(production: Flask) -> None:
    client = production.test_client()
    secure = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "agent.example", "X-Forwarded-For": "192.0.2.9"}
    assert client.get("/", headers=secure).headers["Strict-Transport-Security"].startswith("max-age=")
    assert "Strict-Transport-Security" not in client.get("/").headers
    body = {"email": "alice@example.com", "password": "correct horse battery"}
    answer = client.post("/signup", json=body, headers={**secure, "Origin": "https://agent.example"})
    assert answer.status_code == 201
    cookie = next(value for name, value in answer.headers if name == "Set-Cookie")
    assert cookie.startswith("__Host-session=") and "Secure" in cookie and "HttpOnly" in cookie


def test_a_client_cannot_claim_to_come_from_elsewhere(app: Flask) -> None:
    carol = signed_up(app, "carol")
    answer = carol.delete(
        "/api/conversations/x", headers={"X-Forwarded-Host": "evil.example", "Origin": "http://evil.example"}
    )
    assert answer.status_code == 403


def test_every_answer_has_the_id_of_its_log_lines(client: FlaskClient) -> None:
    assert len(client.get("/").headers["X-Request-ID"]) == 16
    assert client.get("/", headers={"X-Request-ID": "trace-7"}).headers["X-Request-ID"] == "trace-7"
    assert client.get("/", headers={"X-Request-ID": "bad id"}).headers["X-Request-ID"] != "bad id"
