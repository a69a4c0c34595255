"""Offer a real browser, a real server with a model that tests can hold, and people who use them."""

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic
from tests.journeys.support import Person, Witness
from tests.support.databases import SqliteFiles
from tests.support.servers import PASSWORD, Server, servers

_NAMES = count(1)
_FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PATIENCE_MS = 45_000
expect.set_options(timeout=PATIENCE_MS)


def chromium() -> str | None:
    """Return the path of the machine's Chromium."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return next((path for path in found if path), None)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Start the machine's own Chromium; skip what needs it where there is none."""
    path = chromium()
    if path is None:
        pytest.skip("Chromium is not installed")
    return {"executable_path": path, "args": _FLAGS, "headless": True}


@pytest.fixture(scope="session")
def fake_model() -> Iterator[FakeAnthropic]:
    """Return the model that the site talks to."""
    with FakeAnthropic() as server:
        yield server


@pytest.fixture
def model(fake_model: FakeAnthropic) -> Iterator[FakeAnthropic]:
    """Return the model; it echoes again when the test is over."""
    yield fake_model
    fake_model.default = scripts.echo


@pytest.fixture(scope="session")
def site(
    fake_model: FakeAnthropic,
    sqlite_files: SqliteFiles,
    tmp_path_factory: pytest.TempPathFactory,
    browser_type_launch_args: dict[str, Any],
) -> Iterator[Server]:
    """Return one `python app.py` for all journeys; people keep apart by having an account each."""
    model = {"AGENT": "claude", "ANTHROPIC_API_KEY": "sk-ant-test", "ANTHROPIC_BASE_URL": fake_model.url}
    folder = tmp_path_factory.mktemp("site")
    # The systems that people connect in these journeys are fakes on this machine.
    with servers(folder, sqlite_files.prepared(), TOOLS_ALLOW_PRIVATE="127.0.0.1", **model) as (server,):
        yield server
    log = next(folder.glob("server-*.log")).read_text(errors="replace")
    assert "Traceback" not in log, log[log.index("Traceback") :][:4000]


@pytest.fixture
def witness() -> Iterator[Witness]:
    """Watch every page of the test, and fail it for what a person should never meet."""
    seen = Witness()
    yield seen
    assert seen.complaints == []


@pytest.fixture
def open_browser(browser: Browser, site: Server, witness: Witness) -> Iterator[Callable[..., BrowserContext]]:
    """Return a function that opens a browser of its own, with its own cookies."""
    opened = []

    def open_one(**options: Any) -> BrowserContext:
        context = browser.new_context(**{"base_url": site.url, "viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(PATIENCE_MS)
        witness.watch(context)
        opened.append(context)
        return context

    yield open_one
    for context in opened:
        context.close()


@pytest.fixture
def context(open_browser: Callable[..., BrowserContext]) -> BrowserContext:
    """Return the browser of someone who is not signed in."""
    return open_browser()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """Return an empty tab."""
    return context.new_page()


@pytest.fixture
def sign_up() -> Callable[[BrowserContext], Person]:
    """Return a function that lets a new person into a browser."""

    def enter(context: BrowserContext) -> Person:
        email = f"person-{next(_NAMES)}@example.com"
        answer = context.request.post("/signup", data={"email": email, "password": PASSWORD, "username": "Robin"})
        assert answer.status == 201, answer.text()
        return Person(context, context.new_page(), email)

    return enter


@pytest.fixture
def robin(context: BrowserContext, sign_up: Callable[[BrowserContext], Person]) -> Person:
    """Return Robin, signed up a moment ago, with an open tab."""
    return sign_up(context)
