"""Make sure that the journeys' watch sees what it is there for."""

from playwright.sync_api import Page, expect

from tests.journeys.support import Witness


def test_it_sees_errors_broken_policies_and_foreign_requests(page: Page, witness: Witness) -> None:
    page.goto("/login")
    page.evaluate(
        """() => {
          document.body.append(Object.assign(new Image(), { src: "http://127.0.0.1:9/x" }));
          document.body.setAttribute("style", "color: red");
          console.error("a complaint");
          setTimeout(() => { throw new Error("uncaught here"); });
        }"""
    )
    expect(page.locator("body")).to_be_visible()
    page.wait_for_timeout(200)
    seen = "\n".join(witness.complaints)
    witness.complaints.clear()
    for words in ("img-src", "a complaint", "uncaught here"):
        assert words in seen
    witness.let_go_to("http://127.0.0.1:9")
    page.route("**/*", lambda route: route.abort())
    page.goto("about:blank")
    page.evaluate("() => fetch('http://127.0.0.1:9/y').catch(() => {})")
    assert "foreign request: http://127.0.0.1:9/y" in witness.complaints
    assert "loaded from elsewhere: http://127.0.0.1:9/y" in witness.complaints
    witness.complaints.clear()
