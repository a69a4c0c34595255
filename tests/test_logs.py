"""Log without secrets."""

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

import logs
from tests.support.environment import make_settings

SECRETS = [
    "sk-ant-api03-abcdefghijklmnop",
    "sk_live_abcdefghijklmnop",
    "sk_test_51Habcdefghijk",
    "whsec_abcdefghijklmnop",
    "ghp_abcdefghijklmnop1234",
    "AKIAIOSFODNN7EXAMPLE",
    "Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc",
    "postgresql://user:hunter22@host/name",
    "password=hunter22",
    "{'password': 'hunter22'}",
    '{"api_key": "hunter22"}',
    "token: hunter22",
    "session_token=hunter22;",
    "DB_PASS=hunter22",
    "Basic abcdefghijklmnop",
    "pk_live_abcdefghijklmnop",
    "theme_cookie=abcdefghijklmnop",
    "postgresql://app:$ecret12!@db/x",
    "postgresql://app:pa'ss\"wd1@db/x",
    "postgresql://app:a,b,c12345@db/x",
    "postgresql://app:password@db/x",
    "amqp://app:p@ss:wd1@mq/x",
    "sk-or-v1-" + "0123456789abcdef" * 4,
    "sk-lf-0123456789abcdef",
    "sk_live_abcdefgh",
    "rk-abcdefgh",
    "whsec_abc123",
    "apikey=prodkey",
    "API-Key: prodkey",
    "password: opensesame",
    "passwd=opensesame",
    '{"password": "opensesame"}',
    "password: 'correct horse battery'",
    'api_key = "correct horse battery"',
    "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9Pl~prodkey",
]
BARE = ["abcdefghijklmnop", "51Habcdefghijk", "IOSFODNN7", "hunter22", "eyJhbGci"] + [
    *("ecret12", "wd1", "c12345", ":password@", "0123456789abcdef", "abcdefgh", "abc123", "prodkey", "opensesame"),
    *("horse", "battery"),
]


@pytest.fixture
def production(tmp_path: Path) -> Iterator[None]:
    """Log as production does, for one test."""
    structlog.contextvars.clear_contextvars()
    logs.setup(make_settings(tmp_path, app_env="production", payments="simulated"))
    yield
    logs.setup(make_settings(tmp_path))


def _hide(**event: object) -> str:
    return str(logs.hide_secrets(None, "info", dict(event)))


@pytest.mark.parametrize("secret", SECRETS)
def test_what_looks_like_a_secret_is_hidden_wherever_it_stands(secret: str) -> None:
    for shown in (
        _hide(event=f"it said {secret} to us"),
        _hide(event="x", headers={"deep": [secret, (secret,)]}),
        _hide(event="x", error=ValueError(secret), raw=secret.encode()),
    ):
        assert not any(bare in shown for bare in BARE), shown
        assert logs.HIDDEN in shown or "<redacted:" in shown


@pytest.mark.parametrize(
    "name",
    ["password", "Authorization", "cookie", "Set-Cookie", "api_key", "apiKey", "csrf_token", "client_secret", "token"]
    + ["db_pass", "smtp_pw", "stripe_key", "signing_key", "authorization_header", "Authorization-Header"],
)
def test_what_is_named_like_a_secret_is_hidden(name: str) -> None:
    assert "plain words" not in _hide(event="x", **{name: "plain words"})
    assert "plain words" not in _hide(event="x", headers={name: ["plain words"]})


def test_counts_and_plain_words_stay() -> None:
    shown = logs.hide_secrets(None, "info", {"event": "asked the model", "input_tokens": 12, "path": "/api/chat"})
    assert shown == {"event": "asked the model", "input_tokens": 12, "path": "/api/chat"}


@pytest.mark.parametrize("piece", ["password", "password=", "://a:", "sk_", "a-", "api_key ", "bearer "])
def test_no_line_takes_long(piece: str) -> None:
    began = time.process_time()
    _hide(event=piece * 10_000)
    assert time.process_time() - began < 1


def test_production_logs_json_without_secrets(production: None, capfd: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger("test").info("event", password="hunter22", path="/x")
    logging.getLogger("other").warning("a library says %s", "Bearer abcdefghijklmnop")
    try:
        raise ValueError("sk-ant-abcdefghijklmnop")
    except ValueError:
        structlog.get_logger("test").exception("failed")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert lines[0] | {"timestamp": ""} == {
        "event": "event",
        "level": "info",
        "logger": "test",
        "password": logs.HIDDEN,
        "path": "/x",
        "timestamp": "",
    }
    assert lines[1]["event"] == f"a library says Bearer {logs.HIDDEN}"
    assert "ValueError" in lines[2]["exception"] and "abcdefghijklmnop" not in lines[2]["exception"]


def test_development_logs_one_readable_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    logs.setup(make_settings(tmp_path))
    structlog.get_logger("test").info("event", path="/x", text="two\nlines")
    assert len(capfd.readouterr().err.splitlines()) == 1


def test_setting_up_twice_does_not_log_twice(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        logs.setup(make_settings(tmp_path))
    structlog.get_logger("test").info("once")
    assert capfd.readouterr().err.count("once") == 1
