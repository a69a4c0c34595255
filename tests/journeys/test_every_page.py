"""Hold on every page what every page owes: no barrier, no overflow, targets that a thumb can hit."""

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy.engine import make_url

from tests.fakes.anthropic_server import FakeAnthropic
from tests.journeys import pages
from tests.journeys.support import Person, Witness, fits, has_no_violations
from tests.support.databases import SqliteFiles
from tests.support.servers import servers

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
NARROW: dict[str, Any] = {**PHONE, "viewport": {"width": 320, "height": 640}}
SMALLEST_TARGET = 44

both_schemes = pytest.mark.parametrize("scheme", ["light", "dark"])
phones = pytest.mark.parametrize("phone", [PHONE, NARROW], ids=["390", "320"])


@both_schemes
def test_no_page_of_a_stranger_has_a_barrier(open_browser: Callable[..., BrowserContext], scheme: str) -> None:
    page = open_browser(color_scheme=scheme, reduced_motion="reduce").new_page()
    for _name in pages.signed_out(page):
        has_no_violations(page)


@both_schemes
def test_no_page_of_an_account_has_a_barrier(
    open_browser: Callable[..., BrowserContext],
    sign_up: Callable[[BrowserContext], Person],
    model: FakeAnthropic,
    scheme: str,
) -> None:
    person = sign_up(open_browser(color_scheme=scheme, reduced_motion="reduce"))
    for _name in pages.signed_in(person, model):
        has_no_violations(person.page)


@both_schemes
def test_no_page_on_a_phone_has_a_barrier(
    open_browser: Callable[..., BrowserContext], sign_up: Callable[[BrowserContext], Person], scheme: str
) -> None:
    person = sign_up(open_browser(color_scheme=scheme, reduced_motion="reduce", **PHONE))
    person.goto("/chat").button("Conversations").tap()
    has_no_violations(person.page)
    person.goto("/billing").page.locator(".menu-phone summary").tap()
    has_no_violations(person.page)


@phones
def test_every_page_of_a_stranger_fits_a_phone(
    open_browser: Callable[..., BrowserContext], phone: dict[str, Any]
) -> None:
    page = open_browser(**phone).new_page()
    for _name in pages.signed_out(page):
        fits(page)
        can_be_hit(page)


@phones
def test_every_page_of_an_account_fits_a_phone(
    open_browser: Callable[..., BrowserContext],
    sign_up: Callable[[BrowserContext], Person],
    model: FakeAnthropic,
    phone: dict[str, Any],
) -> None:
    person = sign_up(open_browser(**phone))
    for name in pages.signed_in(person, model):
        fits(person.page)
        can_be_hit(person.page)
        if name.startswith("/chat"):
            expect(person.composer).to_be_in_viewport(ratio=1)


def can_be_hit(page: Page) -> None:
    """Check the height of what is tapped; links inside a text are as high as the text."""
    small = page.evaluate(
        """(least) => [...document.querySelectorAll("button, summary, .button, nav a, header a, .input, textarea")]
          .filter((element) => element.checkVisibility({ visibilityProperty: true }))
          .filter((element) => !element.closest("[inert], dialog:not([open])"))
          .filter((element) => !element.matches(".link-button, .receipt summary, .skip, .visually-hidden"))
          .map((element) => [element.outerHTML.slice(0, 90), element.getBoundingClientRect().height])
          .filter(([, height]) => height > 0 && height < least)""",
        SMALLEST_TARGET,
    )
    assert small == [], page.url


def test_a_broken_page_says_so_without_a_word_of_the_inside(
    open_browser: Callable[..., BrowserContext],
    sign_up: Callable[[BrowserContext], Person],
    witness: Witness,
    sqlite_files: SqliteFiles,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    witness.allow("status of 500")
    url = sqlite_files.prepared()
    with servers(tmp_path_factory.mktemp("broken"), url) as (server,):
        context = open_browser(base_url=server.url)
        person = sign_up(context)
        with sqlite3.connect(make_url(url).database or "") as database:
            database.execute("ALTER TABLE usage_logs RENAME TO lost")
        database.close()
        answer = person.page.goto("/usage")
        assert answer is not None and answer.status == 500
        expect(person.page.get_by_role("heading", level=1)).to_be_visible()
        assert not any(word in person.page.content() for word in ("usage_logs", "sqlite", "Traceback", "SELECT"))
        has_no_violations(person.page)
