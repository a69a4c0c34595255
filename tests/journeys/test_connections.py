"""Connect a system on the settings page, see why its test fails, put it right, and delete it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.fakes.github import TOKEN, FakeGitHub
from tests.journeys.support import Person, fits, has_no_violations
from tests.journeys.test_every_page import PHONE, can_be_hit

WRONG = "wrong-token-0123456789"


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """Return a GitHub on loopback."""
    with FakeGitHub() as server:
        yield server


def test_a_connection_is_tried_put_right_saved_and_deleted(robin: Person, github: FakeGitHub) -> None:
    page = robin.goto("/settings").page
    expect(page.get_by_text("Nothing is connected.")).to_be_visible()
    robin.button("Add a connection").press("Enter")
    expect(page.get_by_role("radio", name="Kubernetes")).to_be_focused()
    page.get_by_role("radio", name="GitHub").check()
    robin.button("Test and save").click()
    expect(page.get_by_label("Name of the connection")).to_be_focused()
    expect(page.get_by_label("Token")).to_have_attribute("aria-invalid", "true")
    has_no_violations(page)
    page.get_by_label("Name of the connection").fill("shop")
    page.get_by_label("API address").fill(github.url)
    page.get_by_label("Token").fill(WRONG)
    page.get_by_label("Token").press("Enter")
    expect(page.get_by_role("alert").filter(has_text="the token is wrong, expired or revoked")).to_be_visible()
    page.get_by_label("Token").fill(TOKEN)
    robin.button("Test and save").click()
    one = page.get_by_role("listitem").filter(has_text="shop")
    expect(one).to_contain_text("octocat")
    expect(one).to_contain_text(f"****{TOKEN[-4:]}")
    expect(robin.button("Add a connection")).to_be_focused()
    assert TOKEN not in page.content() and page.locator("[data-key]").count() == 0
    page.locator(".toast").evaluate("(toast) => toast.remove()")  # It belongs to no region, and goes by itself.
    has_no_violations(page)
    robin.button("Delete GitHub connection shop").click()
    expect(robin.question).to_contain_text("Delete this connection?")
    robin.confirm("Delete connection")
    expect(page.get_by_text("Nothing is connected.")).to_be_visible()
    assert robin.api("GET", "/api/connections") == {"connections": []}


def test_the_test_is_told_while_it_runs_and_counts_once(robin: Person, github: FakeGitHub) -> None:
    page = robin.goto("/settings").page
    robin.button("Add a connection").click()
    page.get_by_role("radio", name="GitHub").check()
    page.get_by_label("Name of the connection").fill("slow")
    page.get_by_label("API address").fill(github.url)
    page.get_by_label("Token").fill(TOKEN)
    github.hold()
    robin.button("Test and save").click()
    expect(page.get_by_role("status").filter(has_text="The connection is being tried.")).to_be_visible()
    robin.button("Testing").click()
    page.get_by_label("Token").press("Enter")
    github.let_go.set()
    expect(page.get_by_role("listitem").filter(has_text="slow")).to_be_visible()
    assert github.paths == ["/user"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_form_of_each_kind_has_no_barrier_and_fits_a_phone(
    open_browser: Callable[..., BrowserContext], sign_up: Callable[[BrowserContext], Person], scheme: str
) -> None:
    options: dict[str, Any] = {**PHONE, "color_scheme": scheme, "reduced_motion": "reduce"}
    robin = sign_up(open_browser(**options))
    page = robin.goto("/settings").page
    robin.button("Add a connection").tap()
    for kind in ("Kubernetes", "GitHub", "AWS", "Prometheus", "Loki"):
        page.get_by_role("radio", name=kind).check()
        for summary in page.locator(".guide summary").all():
            summary.tap()
        expect(robin.button("Test and save")).to_be_visible()
        has_no_violations(page)
        fits(page)
        can_be_hit(page)
    robin.button("Cancel").tap()
    expect(page.locator(".connection-form")).to_have_count(0)
    expect(robin.button("Add a connection")).to_be_focused()
