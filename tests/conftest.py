"""Offer what tests share: real databases of both kinds, an app on them, and people who use it."""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pytest_socket import socket_allow_hosts

import init_subscription_system
from app import create_app
from config import Settings
from services.house import House
from services.transaction import Database, connect
from tests.fakes.anthropic_server import FakeAnthropic
from tests.fakes.stripe import FakeStripe
from tests.real.given_key import HAS_KEY, NOTICE
from tests.support.actors import Actor, signed_up
from tests.support.apps import close_app
from tests.support.databases import PostgresServer, Source, SqliteFiles, postgres_server
from tests.support.environment import forget_environment, make_settings
from tests.support.processes import redis_server
from tests.support.shops import NOON, Shop

forget_environment()


def pytest_configure(config: pytest.Config) -> None:
    """Name the marks that tests may carry."""
    config.addinivalue_line("markers", "one_database: the test asks nothing of the database that could differ by kind")


def pytest_runtest_setup() -> None:
    """Let no test reach beyond this machine."""
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name loudly what was not tested on this machine."""
    skipped = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    if skipped:
        terminalreporter.section("NOT TESTED ON THIS MACHINE", sep="!", red=True, bold=True)
        for reason, times in sorted(skipped.items()):
            terminalreporter.line(f"{times} skipped: {reason}", red=True)
    if not HAS_KEY:
        terminalreporter.section("NOT ASKED", sep="!", red=True, bold=True)
        terminalreporter.line(NOTICE, red=True)


def _reason(report: Any) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return str(text).removeprefix("Skipped: ")


# --- Databases ------------------------------------------------------------------------------------------------------


def _prepare(url: str) -> None:
    init_subscription_system.prepare(make_settings(Path("/nonexistent"), database_url=url))


@pytest.fixture(scope="session")
def sqlite_files(tmp_path_factory: pytest.TempPathFactory) -> SqliteFiles:
    """Return where SQLite databases come from."""
    return SqliteFiles(tmp_path_factory.mktemp("sqlite"), _prepare)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Return a PostgreSQL server of this test process's own; skip what needs it where it cannot run."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(postgres_server(_prepare))
        except Exception as error:
            pytest.skip(f"PostgreSQL cannot run here: {error}")
        yield server


LONG = (
    "tests/test_docs.py",
    "tests/services/test_ledger_machine.py",
    "tests/services/test_payment_lives.py",
    "tests/test_tool_crashes.py",
    "tests/test_crashes.py",
    "tests/test_payments_at_once.py",
    "tests/test_approvals_at_once.py",
    "tests/test_many_at_once.py",
    "tests/test_slow_model.py",
)
"""Modules whose tests take longest. They go first, so that no process is left with one when the others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest tests first; the rest stays in its order."""
    items.sort(key=lambda item: LONG.index(module) if (module := item.nodeid.partition("::")[0]) in LONG else len(LONG))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that uses a database once on each kind."""
    if "databases" in metafunc.fixturenames:
        one = metafunc.definition.get_closest_marker("one_database")
        metafunc.parametrize("databases", ["sqlite"] if one else ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def databases(request: pytest.FixtureRequest) -> Source:
    """Return where this test's databases come from."""
    source: Source = request.getfixturevalue("sqlite_files" if request.param == "sqlite" else "postgres")
    return source


@pytest.fixture
def database_url(databases: Source) -> Iterator[str]:
    """Return the address of a database without tables."""
    yield from _dropped(databases, databases.empty())


@pytest.fixture
def prepared_url(databases: Source) -> Iterator[str]:
    """Return the address of a database that is migrated and has the price list."""
    yield from _dropped(databases, databases.prepared())


@pytest.fixture
def database(prepared_url: str) -> Iterator[Database]:
    """Return a database that is migrated and has the price list, for tests of services without an app."""
    opened = connect(prepared_url, pool_size=20)
    yield opened
    opened.engine.dispose()


def _dropped(source: Source, url: str) -> Iterator[str]:
    yield url
    if isinstance(source, PostgresServer):
        source.drop(url)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a Redis of this test process's own; skip what needs it where there is none."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    with redis_server(program, tmp_path_factory.mktemp("redis")) as url:
        yield url


# --- The app --------------------------------------------------------------------------------------------------------


@pytest.fixture
def anthropic() -> Iterator[FakeAnthropic]:
    """Return a server that speaks Anthropic's wire; the app of a test that asks for it talks to this one."""
    with FakeAnthropic() as server:
        yield server


@pytest.fixture
def stripe() -> Iterator[FakeStripe]:
    """Return a server that speaks Stripe's wire; the app of a test that asks for it takes payments through this one."""
    with FakeStripe() as server:
        yield server


@pytest.fixture
def shop(database: Database) -> Iterator[Shop]:
    """Return the product's payments beside a Stripe in the same process, whose clock stands still."""
    with FakeStripe(now=NOON, serve=False, checks=False) as server:
        yield Shop(database, server)


@pytest.fixture
def overrides() -> dict[str, Any]:
    """Return settings of this test's own; a test module or a parametrization may replace it."""
    return {}


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path, prepared_url: str, overrides: dict[str, Any]) -> Settings:
    """Return the app's settings: the offline agent answers, unless the test asks for `anthropic`."""
    given: dict[str, Any] = {"database_url": prepared_url}
    if "anthropic" in request.fixturenames:
        server: FakeAnthropic = request.getfixturevalue("anthropic")
        given |= {"agent": "claude", "anthropic_api_key": "sk-ant-test", "anthropic_base_url": server.url}
    if "stripe" in request.fixturenames:
        payer: FakeStripe = request.getfixturevalue("stripe")
        given |= {"stripe_secret_key": payer.secret_key, "stripe_webhook_secret": payer.webhook_secret}
        given["stripe_api_base"] = payer.url
    return make_settings(tmp_path, **{**given, **overrides})


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """Return the whole app."""
    made = create_app(settings)
    yield made
    close_app(made)


@pytest.fixture
def house(app: Flask) -> House:
    """Return the parts of the app."""
    parts: House = app.extensions["house"]
    return parts


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return the browser of someone who is not signed in."""
    return app.test_client()


@pytest.fixture
def alice(app: Flask) -> Actor:
    """Return Alice, signed up and signed in."""
    return signed_up(app, "alice")


@pytest.fixture
def bob(app: Flask) -> Actor:
    """Return Bob, signed up and signed in, who must never see what is Alice's."""
    return signed_up(app, "bob")
