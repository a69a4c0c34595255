"""Start and stop the product as an operator does."""

import json
import signal
import socket
import stat
import threading
import urllib.request
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import select

from app import create_app
from config import Settings
from models import UserSubscription
from services.transaction import connect
from serving import open_server
from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic
from tests.support.actors import PASSWORD
from tests.support.apps import close_app
from tests.support.environment import make_settings
from tests.support.processes import environment, free_port, run, serving


def test_it_starts_on_an_empty_database_and_stops_when_told(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, process):
        with urllib.request.urlopen(f"{url}/health") as answer:
            assert json.load(answer)["status"] == "ok"
        with urllib.request.urlopen(f"{url}/api/subscription/tiers") as answer:
            assert [tier["name"] for tier in json.load(answer)["tiers"]][0] == "free"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        assert process.stdout is not None
        assert f"http://localhost:{urlsplit(url).port}" in process.stdout.read()
    assert (tmp_path / "instance" / "devops_agent.db").exists()
    assert "Traceback" not in (tmp_path / "server.log").read_text()


def test_an_answer_that_runs_when_it_stops_is_refunded(tmp_path: Path) -> None:
    with FakeAnthropic() as model:
        model.default = scripts.silent()
        given = {"AGENT": "claude", "ANTHROPIC_API_KEY": "sk-ant-test", "ANTHROPIC_BASE_URL": model.base_url}
        with serving(tmp_path, **given) as (url, process):
            connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
            body = {"email": "alice@example.com", "password": PASSWORD}
            cookie = _post(connection, "/signup", body).headers["Set-Cookie"].partition(";")[0]
            headers = {"Cookie": cookie, "Accept": "text/event-stream"}
            stream = _post(connection, "/api/chat", {"message": "hello"}, headers, read=False)
            assert stream.readline() == b"event: start\n"
            process.send_signal(signal.SIGTERM)
            rest = stream.read().decode()
            connection.close()
            assert process.wait(timeout=30) == 0
    assert "event: error" in rest and '"credits_refunded": 1' in rest and '"credits_remaining": 20' in rest
    database = connect(f"sqlite:///{tmp_path}/instance/devops_agent.db", pool_size=1)
    with database.read() as tx:
        assert tx.scalars(select(UserSubscription.credits_remaining)).all() == [20]
    database.engine.dispose()


def _post(
    connection: HTTPConnection, path: str, body: object, headers: dict[str, str] | None = None, *, read: bool = True
) -> HTTPResponse:
    given = {"Content-Type": "application/json", **(headers or {})}
    connection.request("POST", path, json.dumps(body), given)
    answer = connection.getresponse()
    assert answer.status in (200, 201)
    if read:
        answer.read()
    return answer


def test_a_large_body_is_refused_in_json(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, _process):
        connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
        body = b'{"email": "' + b"x" * 3_000_000 + b'"}'
        connection.request("POST", "/login", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)["error"]) == (413, "too_large")
        connection.close()


def test_a_bad_setting_stops_the_start_with_one_line(tmp_path: Path) -> None:
    done = run("app.py", env=environment(tmp_path, PORT="many"))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "PORT" in done.stderr
    assert done.stdout == ""


def test_a_database_that_does_not_answer_stops_the_start_with_one_line(tmp_path: Path) -> None:
    address = f"postgresql://user:hunter22@127.0.0.1:{free_port()}/name"
    done = run("app.py", env=environment(tmp_path, DATABASE_URL=address))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr and "hunter22" not in done.stderr


def test_a_port_that_is_taken_stops_the_start_with_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("app.py", env=environment(tmp_path, PORT=str(taken.getsockname()[1])))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("app.py: ") and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://localhost:port/name"),
        ("REDIS_URL", "redis://localhost:6379?socket_timeout=long"),
        ("HOST", "nowhere.invalid"),
        ("RATE_LIMIT_CHAT", "0/minute"),
    ],
)
def test_whatever_keeps_it_from_starting_is_one_line(tmp_path: Path, name: str, value: str) -> None:
    done = run("app.py", env=environment(tmp_path, **{"RATE_LIMITS": "on", "PORT": str(free_port()), name: value}))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("app.py: ") and "Traceback" not in done.stderr


def test_blank_settings_and_another_driver_start(tmp_path: Path) -> None:
    blank = {"AGENT": "", "DB_POOL_SIZE": "", "ANTHROPIC_MODEL": "", "RATE_LIMIT_CHAT": "", "HOST": ""}
    with serving(tmp_path, DATABASE_URL=f"sqlite+aiosqlite:///{tmp_path}/data/app.db", **blank) as (url, _process):
        with urllib.request.urlopen(f"{url}/health") as answer:
            assert json.load(answer)["agent"] == "offline"
    for path, mode in ((tmp_path / "data", 0o700), (tmp_path / "data" / "app.db", 0o600)):
        assert stat.S_IMODE(path.stat().st_mode) == mode
    assert stat.S_IMODE((tmp_path / "instance").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 40000000\r\n\r\n", 413, "too_large"),
        (b"nonsense\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 300_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "not_implemented"),
    ],
)
def test_what_never_reaches_the_app_is_refused_in_json_too(
    app: Flask, settings: Settings, sent: bytes, status: int, code: str
) -> None:
    given = settings.model_copy(update={"port": free_port(), "web_threads": 4})
    server = open_server(app, given)
    threading.Thread(target=server.run, daemon=True).start()
    try:
        with socket.create_connection(("127.0.0.1", given.port), timeout=30) as line:
            line.sendall(sent)
            answer = HTTPResponse(line)
            answer.begin()
            assert (answer.status, json.load(answer)["error"]) == (status, code)
    finally:
        server.task_dispatcher.shutdown()
        server.close()
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_flask_finds_the_app_and_its_commands(tmp_path: Path) -> None:
    done = run("-m", "flask", "--help", env=environment(tmp_path))
    assert done.returncode == 0, done.stderr
    for command in ("credits", "users", "db"):
        assert command in done.stdout


def test_flask_says_in_one_line_which_setting_is_bad(tmp_path: Path) -> None:
    done = run("-m", "flask", "credits", "audit", env=environment(tmp_path, RATE_LIMIT_CHAT="often"))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "RATE_LIMIT_CHAT" in done.stderr


def test_two_apps_in_one_process_share_nothing(app: Flask, tmp_path: Path) -> None:
    other = create_app(make_settings(tmp_path, database_url=f"sqlite:///{tmp_path}/other.db"))
    assert other.extensions["house"].db.engine is not app.extensions["house"].db.engine
    close_app(other)
