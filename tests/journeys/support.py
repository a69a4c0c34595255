"""Say what a person does at the pages, and watch what the browser does meanwhile."""

import re
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request, WebError, expect

_EXPECTED = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")


class Witness:
    """Note what no page may do: complain in the console, break its own policy, ask a foreign host."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._allowed: list[str] = []
        self._elsewhere: list[str] = []

    def watch(self, context: BrowserContext) -> None:
        """Watch every page of a browser, those to come too."""
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("request", self._request)

    def allow(self, words: str) -> None:
        """Expect console messages with these words."""
        self._allowed.append(words)

    def let_go_to(self, address: str) -> None:
        """Expect that people go to another site; no page of ours may load anything from it."""
        self._elsewhere.append(f"{address}/")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning") or _EXPECTED.match(message.text):
            return
        if not any(words in message.text for words in self._allowed):
            self.complaints.append(f"{message.type}: {message.text}")

    def _error(self, error: WebError) -> None:
        self.complaints.append(f"uncaught: {error.error}")

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).hostname != "127.0.0.1" or urlsplit(request.url).port == 9:
            if not request.url.startswith(("data:", "blob:")):
                self.complaints.append(f"foreign request: {request.url}")
        for address in self._elsewhere:
            if request.url.startswith(address) and not request.is_navigation_request():
                if not request.frame.url.startswith(address):
                    self.complaints.append(f"loaded from elsewhere: {request.url}")


class Person:
    """Someone with an account, in front of one tab."""

    def __init__(self, context: BrowserContext, page: Page, email: str) -> None:
        self.context = context
        self.page = page
        self.email = email

    # --- Places -----------------------------------------------------------------------------------------------------

    @property
    def count(self) -> Locator:
        """Return where the header says how many credits are left."""
        return self.page.locator(".pill [data-credits]")

    @property
    def composer(self) -> Locator:
        """Return the field for a message."""
        return self.page.get_by_role("textbox", name="Message to the agent")

    @property
    def answers(self) -> Locator:
        """Return the answers of the conversation."""
        return self.page.get_by_role("article", name="DevOps Agent")

    @property
    def questions(self) -> Locator:
        """Return the person's own messages."""
        return self.page.get_by_role("article", name="You", exact=True)

    @property
    def banner(self) -> Locator:
        """Return the banner for few credits."""
        return self.page.locator("[data-credit-banner]")

    @property
    def modal(self) -> Locator:
        """Return the modal for no credits."""
        return self.page.locator("dialog#out-of-credits")

    @property
    def question(self) -> Locator:
        """Return the question before money moves or something is lost."""
        return self.page.locator("dialog#confirm")

    def button(self, name: str | re.Pattern[str]) -> Locator:
        """Return a button by its name."""
        return self.page.get_by_role("button", name=name)

    # --- Deeds ------------------------------------------------------------------------------------------------------

    def goto(self, path: str) -> "Person":
        """Open a page."""
        self.page.goto(path)
        return self

    def type_and_send(self, text: str) -> None:
        """Write a message and send it, without waiting for anything."""
        self.composer.fill(text)
        self.button("Send").click()

    def ask(self, text: str) -> Locator:
        """Send a message, wait for the whole answer and return it."""
        before = self.answers.count()
        self.type_and_send(text)
        answer = self.answers.nth(before)
        expect(answer.locator(".receipt")).to_be_attached()
        expect(self.button("Send")).to_be_visible()
        return answer

    def confirm(self, name: str) -> None:
        """Say yes to the question, by the name of its button."""
        self.question.get_by_role("button", name=name).click()
        expect(self.question).not_to_be_visible()

    # --- Shortcuts past the pages -----------------------------------------------------------------------------------

    def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call the API with this browser's cookies."""
        answer = self.context.request.fetch(path, method=method, data=body)
        assert answer.ok, answer.text()
        given: dict[str, Any] = answer.json()
        return given

    def spend_down_to(self, left: int) -> None:
        """Send messages past the pages until so many credits are left."""
        while int(self.subscription()["credits_remaining"]) > left:
            self.api("POST", "/api/chat", {"message": "once more"})

    def subscription(self) -> dict[str, Any]:
        """Return the wallet as the API tells it."""
        found: dict[str, Any] = self.api("GET", "/api/subscription")["subscription"]
        return found


def has_no_violations(page: Page) -> None:
    """Check a page with axe; motion is let finish first, since a half-faded text has half its contrast."""
    page.evaluate("() => Promise.all(document.getAnimations().map((one) => one.finished.catch(() => {})))")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def fits(page: Page) -> None:
    """Check that the page does not scroll sideways, and name what sticks out."""
    assert page.viewport_size is not None
    width = page.viewport_size["width"]  # A phone's innerWidth grows with what is too wide.
    needed = page.evaluate("document.documentElement.scrollWidth")
    outside = page.evaluate(
        """(width) => [...document.querySelectorAll("body *")]
          .filter((element) => element.getBoundingClientRect().right > width + 1)
          .map((element) => `${element.tagName}.${element.className}`).slice(0, 10)""",
        width,
    )
    assert needed <= width, f"{page.url} needs {needed} of {width}: {outside}"
