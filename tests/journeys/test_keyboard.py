"""Do without a mouse: every deed has a key, the focus is seen, and a modal holds it until it is closed."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.journeys.support import Person


def tab_to(page: Page, target: Locator, key: str = "Tab") -> None:
    """Press Tab until the target has the focus."""
    for _ in range(60):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press(key)
    raise AssertionError(f"the focus never came to {target}")


def is_seen(target: Locator) -> None:
    """Check that the focus shows: an outline or a ring on the element or on the box around it."""
    shown = target.evaluate(
        """(element) => [element, element.closest("form"), element.parentElement].some((one) => one &&
          ((getComputedStyle(one).outlineStyle !== "none" && parseFloat(getComputedStyle(one).outlineWidth) >= 2)
            || getComputedStyle(one).boxShadow !== "none"))"""
    )
    assert shown, target


def test_the_skip_link_leads_past_the_header(robin: Person) -> None:
    robin.goto("/billing").page.keyboard.press("Tab")
    skip = robin.page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport(ratio=1)
    robin.page.keyboard.press("Enter")
    expect(robin.page.locator("main")).to_be_focused()


def test_a_message_is_written_and_sent(robin: Person) -> None:
    robin.goto("/chat").page.get_by_role("heading", name="What shall we look at?").click()
    tab_to(robin.page, robin.composer)
    is_seen(robin.composer)
    robin.page.keyboard.type("first line")
    robin.page.keyboard.press("Shift+Enter")
    robin.page.keyboard.type("second line")
    expect(robin.composer).to_have_value("first line\nsecond line")
    robin.page.keyboard.press("Enter")
    expect(robin.answers.last).to_contain_text("You said: first line")
    expect(robin.button("Send")).to_be_visible()
    expect(robin.composer).to_be_focused()
    robin.page.keyboard.press("Enter")
    expect(robin.questions).to_have_count(1)


def test_the_menu_opens_closes_and_gives_the_focus_back(robin: Person) -> None:
    summary = robin.goto("/usage").page.locator(".menu-account summary")
    tab_to(robin.page, summary)
    is_seen(summary)
    robin.page.keyboard.press("Enter")
    expect(robin.button("Log out")).to_be_visible()
    robin.page.keyboard.press("Escape")
    expect(robin.button("Log out")).to_be_hidden()
    expect(summary).to_be_focused()
    robin.page.keyboard.press("Enter")
    tab_to(robin.page, robin.button("Log out"))
    robin.page.keyboard.press("Enter")
    robin.page.wait_for_url(lambda url: "/usage" not in url)


def test_the_modal_holds_the_focus_until_escape(robin: Person) -> None:
    robin.spend_down_to(0)
    robin.goto("/chat")
    expect(robin.modal.get_by_role("button", name="Buy 100 for $10")).to_be_visible()
    holds_the_focus(robin.page, robin.modal)
    robin.page.keyboard.press("Escape")
    expect(robin.modal).to_be_hidden()
    tab_to(robin.page, robin.composer)
    robin.page.keyboard.type("still no credits")
    robin.page.keyboard.press("Enter")
    expect(robin.modal).to_be_visible()
    expect(robin.composer).to_have_value("still no credits")


def holds_the_focus(page: Page, dialog: Locator) -> None:
    """Check that Tab never reaches the page behind; the browser's own bar may come between."""
    reached = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        where = dialog.evaluate(
            """(dialog) => document.activeElement === document.body ? "outside the page"
              : dialog.contains(document.activeElement) ? document.activeElement.textContent.trim() : "behind" """
        )
        assert where != "behind"
        reached.add(where)
    assert any(re.search("Buy 100", words) for words in reached)


def test_a_purchase_is_made_and_refused_with_keys(robin: Person) -> None:
    robin.goto("/billing")
    buy = robin.button("Buy 100 credits for $10")
    tab_to(robin.page, buy)
    is_seen(buy)
    robin.page.keyboard.press("Enter")
    expect(robin.question.get_by_role("button", name="Not now")).to_be_focused()
    robin.page.keyboard.press("Escape")
    expect(robin.question).to_be_hidden()
    expect(buy).to_be_focused()
    # The dialog is gone before the browser tells the page that it was closed; until then the button is still busy.
    expect(buy).not_to_have_attribute("aria-busy", "true")
    robin.page.keyboard.press("Enter")
    tab_to(robin.page, robin.question.get_by_role("button", name="Buy 100 for $10"))
    robin.page.keyboard.press("Enter")
    expect(robin.page.locator("[data-balance]")).to_have_text("120")


def test_a_conversation_is_renamed_with_keys(robin: Person) -> None:
    robin.api("POST", "/api/chat", {"message": "A dull name"})
    robin.goto("/chat")
    tab_to(robin.page, robin.button("Rename or delete A dull name"))
    robin.page.keyboard.press("Enter")
    robin.page.keyboard.type("A bright name")
    robin.page.keyboard.press("Enter")
    expect(robin.page.get_by_role("link", name="A bright name")).to_be_visible()
