"""Sign up, log in and out, and change or end an account, as its owner does in a browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.journeys.support import Person
from tests.support.servers import PASSWORD, Server


def log_in(page: Page, email: str, password: str = PASSWORD) -> None:
    """Fill in the form and send it."""
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("main").get_by_role("button", name="Log in").click()


def test_a_form_says_what_is_wrong_and_keeps_what_is_right(page: Page) -> None:
    page.goto("/signup")
    page.get_by_label("Email").fill("nobody@nowhere")
    page.get_by_label("Name").fill("Robin")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_label("Email")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("Use at least 8 characters.")).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value("nobody@nowhere")
    expect(page.get_by_label("Name")).to_have_value("Robin")
    expect(page.get_by_label("Password")).to_have_value("")


def test_an_address_is_taken_once(robin: Person, open_browser: Callable[..., BrowserContext]) -> None:
    page = open_browser().new_page()
    page.goto("/signup")
    page.get_by_label("Email").fill(robin.email.replace("@", "+more@").upper())
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_label("Email")).to_have_attribute("aria-invalid", "true")
    assert page.url.endswith("/signup")


def test_log_out_ends_the_session_and_log_in_leads_back(robin: Person) -> None:
    robin.goto("/settings")
    robin.page.locator(".menu-account summary").click()
    robin.button("Log out").click()
    robin.page.wait_for_url(lambda url: "/settings" not in url)
    robin.goto("/billing")
    assert robin.page.url.endswith("/login?next=/billing") or robin.page.url.endswith("/login?next=%2Fbilling")
    log_in(robin.page, robin.email, "not the password")
    expect(robin.page.get_by_role("alert")).to_be_visible()
    expect(robin.page.get_by_label("Email")).to_have_value(robin.email)
    log_in(robin.page, robin.email)
    robin.page.wait_for_url("**/billing")
    expect(robin.page.locator("[data-balance]")).to_have_text("20")


@pytest.mark.parametrize("outward", ["https://example.com/", "//example.com/", "/\\example.com", "javascript:alert(1)"])
def test_next_leads_inward_only(robin: Person, site: Server, outward: str) -> None:
    robin.context.clear_cookies()
    robin.page.goto("/login")
    robin.page.locator("input[name=next]").evaluate("(field, value) => { field.value = value; }", outward)
    log_in(robin.page, robin.email)
    robin.page.wait_for_url("**/chat")
    assert robin.page.url == f"{site.url}/chat"


def test_a_name_is_changed(robin: Person) -> None:
    robin.goto("/settings")
    robin.page.get_by_label("Name").fill("Robin <b>Hood</b>")
    robin.button("Save name").click()
    expect(robin.page.get_by_role("status").filter(has_text="Your name is saved.")).to_be_visible()
    expect(robin.page.get_by_label("Name")).to_have_value("Robin <b>Hood</b>")
    robin.page.locator(".menu-account summary").click()
    expect(robin.page.locator(".menu-account .menu-who strong")).to_have_text("Robin <b>Hood</b>")


def test_a_new_password_ends_the_other_browsers_session(
    robin: Person, open_browser: Callable[..., BrowserContext]
) -> None:
    elsewhere = open_browser().new_page()
    elsewhere.goto("/login")
    log_in(elsewhere, robin.email)
    elsewhere.wait_for_url("**/chat")
    robin.goto("/settings")
    robin.page.get_by_label("Current password").fill("not the password")
    robin.page.get_by_label("New password").fill("another horse battery")
    robin.button("Change password").click()
    expect(robin.page.get_by_label("Current password")).to_have_attribute("aria-invalid", "true")
    robin.page.get_by_label("Current password").fill(PASSWORD)
    robin.page.get_by_label("New password").fill("another horse battery")
    robin.button("Change password").click()
    expect(robin.page.get_by_text("Your password is changed, and every other session has ended.")).to_be_visible()
    elsewhere.goto("/billing")
    assert "/login" in elsewhere.url
    log_in(elsewhere, robin.email, "another horse battery")
    elsewhere.wait_for_url("**/billing")


def test_a_session_that_ends_under_an_open_page_leads_to_the_log_in(
    robin: Person, open_browser: Callable[..., BrowserContext]
) -> None:
    elsewhere = open_browser().new_page()
    elsewhere.goto("/login")
    log_in(elsewhere, robin.email)
    elsewhere.wait_for_url("**/chat")
    robin.goto("/settings")
    expect(robin.page.locator(".session")).to_have_count(2)
    robin.page.locator(".session").get_by_role("button").click()
    expect(robin.page.get_by_text("The session has ended.")).to_be_visible()
    expect(robin.page.locator(".session")).to_have_count(1)
    expect(robin.page.locator(".session")).to_contain_text("This browser")
    there = Person(elsewhere.context, elsewhere, robin.email)
    there.type_and_send("words written meanwhile")
    elsewhere.wait_for_url("**/login?next=%2Fchat&ended=1")
    expect(elsewhere.get_by_text("Your session has ended. What you wrote is kept.")).to_be_visible()
    log_in(elsewhere, robin.email)
    elsewhere.wait_for_url("**/chat")
    expect(there.composer).to_have_value("words written meanwhile")


def test_a_deleted_account_is_gone_and_its_address_starts_at_nothing(
    robin: Person, open_browser: Callable[..., BrowserContext]
) -> None:
    robin.spend_down_to(15)
    robin.goto("/settings")
    robin.page.locator(".settings-delete summary").click()
    robin.page.get_by_label("Your password").fill(PASSWORD)
    robin.button("Delete account for good").click()
    expect(robin.question).to_contain_text("Delete this account?")
    robin.confirm("Delete account")
    robin.page.wait_for_url(lambda url: "/settings" not in url)
    robin.goto("/login")
    log_in(robin.page, robin.email)
    expect(robin.page.get_by_role("alert")).to_be_visible()
    again = open_browser().new_page()
    again.goto("/signup")
    again.get_by_label("Email").fill(robin.email)
    again.get_by_label("Password").fill(PASSWORD)
    again.get_by_role("button", name="Create account").click()
    again.wait_for_url("**/chat")
    expect(again.locator(".pill [data-credits]")).to_have_text("0")
    expect(again.locator("dialog#out-of-credits")).to_be_visible()
