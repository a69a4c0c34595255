"""Read about the tools, and take an example from there into the chat."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic
from tests.journeys.support import Person, fits, has_no_violations

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PATHS = ("/tools", "/tools/k8s_scale", "/tools/ci_lint", "/tools/promql_query")
MANIFEST = "kind: Pod\napiVersion: v1\nmetadata: {name: a}\nspec: {containers: [{name: a, image: nginx}]}\n"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_tools_pages_have_no_barrier(open_browser: Callable[..., BrowserContext], scheme: str) -> None:
    page = open_browser(color_scheme=scheme, reduced_motion="reduce").new_page()
    for path in PATHS:
        page.goto(path)
        has_no_violations(page)


@pytest.mark.parametrize("width", [320, 390])
def test_the_tools_pages_fit_a_phone(open_browser: Callable[..., BrowserContext], width: int) -> None:
    page = open_browser(**{**PHONE, "viewport": {"width": width, "height": 844}}).new_page()
    for path in PATHS:
        page.goto(path)
        fits(page)
    has_no_violations(page)


def test_a_stranger_finds_the_tools_from_the_start_page(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="All tools").click()
    page.get_by_role("link", name="Scale a deployment").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Scale a deployment")
    page.get_by_role("link", name="scale deployment web in namespace shop to 5").click()
    expect(page).to_have_url(re.compile(r"/login\?next="))


def test_an_example_waits_in_the_chat_for_its_reader(robin: Person) -> None:
    robin.goto("/tools/cron_explain")
    link = robin.page.locator(".chip").first
    words = link.inner_text()
    link.click()
    expect(robin.composer).to_have_value(words)
    expect(robin.questions).to_have_count(0)
    expect(robin.page).to_have_url(re.compile(r"/chat$"))
    expect(robin.count).to_have_text("20")
    robin.button("Send").click()
    expect(robin.answers.last).to_contain_text("You said:")


def test_an_example_does_not_write_over_a_draft(robin: Person) -> None:
    robin.goto("/chat")
    robin.composer.fill("what I was writing")
    robin.goto("/tools/cron_explain").page.locator(".chip").first.click()
    expect(robin.composer).to_have_value("what I was writing")
    expect(robin.page.get_by_text("so the example was left out").last).to_be_attached()
    lowest = "Site.toast('words'), document.querySelector('[data-toasts]').getBoundingClientRect().bottom"
    assert robin.page.evaluate(lowest) <= (robin.composer.bounding_box() or {})["y"]


def test_a_linters_findings_are_a_list_and_its_json_is_behind_it(robin: Person, model: FakeAnthropic) -> None:
    calls = [("k8s_manifest_lint", {"manifest": MANIFEST}), ("cron_explain", {"expression": "0 3 * * *"})]
    model.enqueue(scripts.tools(*calls), scripts.text("See above."))
    answer = robin.goto("/chat").ask("Check it")
    row = answer.locator(".tool", has_text="k8s_manifest_lint")
    row.locator("summary").first.click()
    finding = row.locator(".finding", has_text="latest").first
    expect(finding).to_be_visible()
    expect(finding.locator("code").first).not_to_be_empty()
    expect(row.locator("pre")).to_be_hidden()
    row.get_by_text("Output as JSON").click()
    expect(row.locator("pre")).to_contain_text('"findings"')
    expect(row.locator(".call-facts")).to_contain_text("kind: Pod\napiVersion: v1", use_inner_text=True)
    answer.locator(".receipt-detail summary").click()
    expect(answer.get_by_role("row", name="Total")).to_be_in_viewport(ratio=1)
    expect(answer.get_by_role("row", name="cron_explain done")).to_contain_text("free")
    expect(answer.get_by_role("row", name="Total")).to_contain_text("1")
    has_no_violations(robin.page)
