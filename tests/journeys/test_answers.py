"""Watch an answer arrive, leave it, come back to it, stop it, and try a failed one again."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic
from tests.journeys.relay import Relay
from tests.journeys.support import Person, Witness
from tests.support.databases import SqliteFiles
from tests.support.servers import Server, servers

HALF, WHOLE = "The first half", "The first half and the rest."


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Return what holds the model back in mid-answer."""
    event = threading.Event()
    yield event
    event.set()


def held(gate: threading.Event, **how: Any) -> scripts.Turn:
    """Say the first half, and the rest when the gate opens."""
    return scripts.text(WHOLE, pieces=[HALF, WHOLE.removeprefix(HALF)], gate=gate, **how)


def test_text_appears_while_the_model_still_writes(robin: Person, model: FakeAnthropic, gate: threading.Event) -> None:
    model.enqueue(held(gate))
    robin.goto("/chat").type_and_send("Tell me")
    expect(robin.answers.last).to_contain_text(HALF)
    expect(robin.count).to_have_text("19")
    expect(robin.button("Stop")).to_be_visible()
    assert "rest" not in robin.answers.last.inner_text()
    gate.set()
    expect(robin.answers.last.locator(".prose")).to_have_text(WHOLE)
    expect(robin.button("Send")).to_be_visible()


def test_a_reload_in_mid_answer_joins_it(robin: Person, model: FakeAnthropic, gate: threading.Event) -> None:
    model.enqueue(held(gate))
    robin.goto("/chat").type_and_send("Tell me")
    expect(robin.answers.last).to_contain_text(HALF)
    robin.page.reload()
    expect(robin.answers).to_have_count(1)
    expect(robin.answers.last).to_contain_text(HALF)
    expect(robin.button("Stop")).to_be_visible()
    gate.set()
    expect(robin.answers.last.locator(".prose")).to_have_text(WHOLE)
    expect(robin.button("Send")).to_be_visible()
    robin.page.reload()
    expect(robin.answers.last.locator(".prose")).to_have_text(WHOLE)
    expect(robin.count).to_have_text("19")


def test_an_answer_goes_on_while_no_tab_is_open(robin: Person, model: FakeAnthropic, gate: threading.Event) -> None:
    model.enqueue(held(gate))
    robin.goto("/chat").type_and_send("Tell me")
    expect(robin.answers.last).to_contain_text(HALF)
    address = robin.page.url
    robin.page.close()
    gate.set()
    back = Person(robin.context, robin.context.new_page(), robin.email).goto(address)
    expect(back.answers.last.locator(".prose")).to_have_text(WHOLE)
    expect(back.button("Send")).to_be_visible()
    expect(back.count).to_have_text("19")


def test_a_stop_before_the_first_text_costs_nothing(robin: Person, model: FakeAnthropic, gate: threading.Event) -> None:
    model.enqueue(scripts.silent(gate))
    robin.goto("/chat").type_and_send("Never mind")
    expect(robin.count).to_have_text("19")
    robin.button("Stop").click()
    expect(robin.answers.last).to_contain_text("Stopped")
    expect(robin.answers.last).to_contain_text("1 credit refunded")
    expect(robin.count).to_have_text("20")


def test_a_stop_after_the_first_text_costs_one(robin: Person, model: FakeAnthropic, gate: threading.Event) -> None:
    model.enqueue(held(gate))
    robin.goto("/chat").type_and_send("Tell me")
    expect(robin.answers.last).to_contain_text(HALF)
    robin.button("Stop").click()
    expect(robin.answers.last).to_contain_text("You ended this answer.")
    expect(robin.answers.last).to_contain_text(HALF)
    expect(robin.count).to_have_text("19")
    robin.page.reload()
    expect(robin.answers.last).to_contain_text(HALF)
    expect(robin.count).to_have_text("19")


def test_a_failed_answer_is_kept_refunded_and_tried_again(robin: Person, model: FakeAnthropic) -> None:
    model.enqueue(scripts.text(HALF, ending="dropped"))
    robin.goto("/chat").type_and_send("Tell me")
    expect(robin.answers.last).to_contain_text("Cut off")
    expect(robin.answers.last).to_contain_text(HALF)
    expect(robin.answers.last).to_contain_text("1 credit refunded.")
    expect(robin.count).to_have_text("20")
    robin.page.reload()
    expect(robin.answers.last).to_contain_text("Cut off")
    model.enqueue(scripts.text(WHOLE))
    robin.button("Try again, 1 credit").click()
    expect(robin.answers.last.locator(".prose")).to_have_text(WHOLE)
    expect(robin.button("Try again, 1 credit")).to_have_count(0)
    expect(robin.questions).to_have_count(1)
    expect(robin.count).to_have_text("19")


def test_a_broken_line_is_joined_again(
    open_browser: Callable[..., BrowserContext],
    sign_up: Callable[[BrowserContext], Person],
    site: Server,
    model: FakeAnthropic,
    gate: threading.Event,
    witness: Witness,
) -> None:
    witness.allow("net::ERR_")
    model.enqueue(held(gate))
    with Relay(site.port) as relay:
        robin = sign_up(open_browser(base_url=relay.url))
        robin.goto("/chat").type_and_send("Tell me")
        expect(robin.answers.last).to_contain_text(HALF)
        relay.cut()
        expect(robin.answers.last).to_contain_text("Connection lost, joining again")
        expect(robin.answers.last).to_contain_text("Writing")
        gate.set()
        expect(robin.answers.last.locator(".prose")).to_have_text(WHOLE)
        expect(robin.button("Send")).to_be_visible()
        expect(robin.count).to_have_text("19")


def test_a_message_whose_answer_was_lost_is_sent_again_and_counts_once(robin: Person, witness: Witness) -> None:
    witness.allow("net::ERR_FAILED")

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    robin.goto("/chat")
    robin.page.route("**/api/chat?*", lose)
    robin.type_and_send("only once")
    expect(robin.page.get_by_role("alert").filter(has_text="could not be reached")).to_be_visible()
    robin.page.unroute("**/api/chat?*")
    expect(robin.composer).to_have_value("only once")
    robin.button("Send").click()
    expect(robin.answers.last).to_contain_text("You said: only once")
    expect(robin.count).to_have_text("19")
    robin.page.reload()
    expect(robin.questions).to_have_count(1)
    assert robin.subscription()["credits_remaining"] == 19


def test_trying_again_without_credits_opens_the_modal_and_keeps_the_offer(robin: Person, model: FakeAnthropic) -> None:
    model.enqueue(scripts.text(HALF, ending="dropped"))
    robin.goto("/chat").type_and_send("Tell me")
    expect(robin.button("Try again, 1 credit")).to_be_visible()
    robin.spend_down_to(0)
    robin.button("Try again, 1 credit").click()
    expect(robin.modal).to_be_visible()
    robin.page.keyboard.press("Escape")
    expect(robin.button("Try again, 1 credit")).to_be_visible()
    expect(robin.answers.last).to_contain_text(HALF)


def test_a_tool_is_shown_with_what_it_was_given_and_found(robin: Person, model: FakeAnthropic) -> None:
    call = ("cron_explain", {"expression": "30 3 * * 1-5"})
    model.enqueue(scripts.tools(call, before="I will look."), scripts.text("At 03:30."))
    robin.goto("/chat")
    answer = robin.ask("When does it run?")
    expect(answer.locator(".tool")).to_have_attribute("data-status", "ok")
    expect(answer.locator(".tool-end")).to_contain_text("free")
    answer.locator(".tool summary").click()
    expect(answer.locator(".tool-body")).to_contain_text("30 3 * * 1-5")
    expect(answer).to_contain_text("At 03:30.")


def test_the_draft_is_kept_when_the_network_is_gone(robin: Person, witness: Witness) -> None:
    witness.allow("net::ERR_INTERNET_DISCONNECTED")
    robin.goto("/chat")
    robin.context.set_offline(True)
    robin.type_and_send("words that took a while")
    expect(robin.page.get_by_role("alert").filter(has_text="could not be reached")).to_be_visible()
    expect(robin.composer).to_have_value("words that took a while")
    expect(robin.questions).to_have_count(0)
    robin.context.set_offline(False)
    robin.button("Send").click()
    expect(robin.answers.last).to_contain_text("You said: words that took a while")
    expect(robin.composer).to_have_value("")
    expect(robin.count).to_have_text("19")


def test_the_draft_is_kept_when_the_rate_limit_says_no(
    open_browser: Callable[..., BrowserContext],
    sign_up: Callable[[BrowserContext], Person],
    sqlite_files: SqliteFiles,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("limited")
    limits = {"RATE_LIMITS": "on", "RATE_LIMIT_CHAT": "1/minute"}
    with servers(folder, sqlite_files.prepared(), **limits) as (server,):
        robin = sign_up(open_browser(base_url=server.url))
        robin.goto("/chat").ask("the first one")
        robin.type_and_send("the second one")
        expect(robin.page.get_by_role("alert").filter(has_text="Too many")).to_be_visible()
        expect(robin.composer).to_have_value("the second one")
        expect(robin.questions).to_have_count(1)
        robin.page.reload()
        expect(robin.composer).to_have_value("the second one")
        expect(robin.count).to_have_text("19")
