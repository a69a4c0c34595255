"""Use the site with a thumb: sign up, open the menu and the drawer, write and read."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic
from tests.journeys.pages import ANSWER
from tests.journeys.support import Person, fits
from tests.journeys.test_every_page import PHONE


@pytest.fixture
def context(open_browser: Callable[..., BrowserContext]) -> BrowserContext:
    """Return the browser of a phone."""
    return open_browser(**PHONE)


def test_a_person_signs_up_and_asks_on_a_phone(page: Page) -> None:
    page.goto("/")
    header = page.get_by_role("banner")
    expect(header.get_by_role("link", name="Tools")).to_be_hidden()
    sign_up = header.get_by_role("link", name="Sign up")
    assert (sign_up.bounding_box() or {})["height"] == 44, "its words stand in two lines"
    sign_up.tap()
    page.get_by_label("Email").fill("phone@example.com")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Create account").tap()
    page.wait_for_url("**/chat")
    person = Person(page.context, page, "phone@example.com")
    person.composer.fill("hello")
    person.button("Send").tap()
    expect(person.answers.last).to_contain_text("You said: hello")
    expect(person.count).to_have_text("19")
    fits(page)


def test_the_menu_leads_everywhere(robin: Person) -> None:
    robin.goto("/chat")
    for name in ("Usage", "Billing", "Settings", "Chat"):
        robin.page.locator(".menu-phone summary").tap()
        robin.page.get_by_role("navigation", name="Main, small screen").get_by_role("link", name=name).tap()
        robin.page.wait_for_url(f"**/{name.lower()}")
        fits(robin.page)


def test_the_drawer_opens_a_conversation_and_closes(robin: Person) -> None:
    robin.api("POST", "/api/chat", {"message": "An earlier question"})
    robin.goto("/chat")
    drawer = robin.page.get_by_role("complementary", name="Conversations")
    expect(drawer).not_to_be_in_viewport()
    robin.button("Conversations").tap()
    expect(drawer).to_be_in_viewport()
    robin.button("Close the list").tap()
    expect(drawer).not_to_be_in_viewport()
    robin.button("Conversations").tap()
    drawer.get_by_role("link", name="An earlier question").tap()
    expect(robin.questions).to_have_text(["An earlier question"])
    expect(drawer).not_to_be_in_viewport()


def test_the_end_of_an_answer_stays_in_sight_when_the_keyboard_opens(robin: Person, model: FakeAnthropic) -> None:
    model.enqueue(scripts.text(ANSWER * 3 + "\n\nThe very last words."))
    answer = robin.goto("/chat").ask("Tell me everything")
    expect(answer.get_by_role("heading", name="Details").first).to_be_in_viewport()  # It came at once, so from its top.
    robin.button("To the latest").tap()
    last = robin.page.get_by_text("The very last words.")
    expect(last).to_be_in_viewport()
    robin.page.set_viewport_size({"width": 390, "height": 460})
    expect(last).to_be_in_viewport()
    expect(robin.composer).to_be_in_viewport(ratio=1)
