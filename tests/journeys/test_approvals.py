"""Say yes or no to what the agent wants to do, and see what comes of it."""

import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Route, expect
from sqlalchemy.engine import make_url

from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic
from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.kubernetes_scenes import healthy
from tests.journeys.support import Person, Witness, fits, has_no_violations
from tests.support.databases import SqliteFiles
from tests.support.servers import Server, servers

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SCALE = ("k8s_scale", {"namespace": "shop", "deployment": "web", "replicas": 5})
LOOK = ("k8s_get", {"kind": "pods", "namespace": "shop"})
CARD = "Needs your word Scale a deployment"


@pytest.fixture(scope="module")
def database_file(sqlite_files: SqliteFiles) -> str:
    """Return the path of this site's database."""
    path = make_url(sqlite_files.prepared()).database
    assert path is not None
    return path


@pytest.fixture(scope="module")
def site(
    fake_model: FakeAnthropic,
    database_file: str,
    tmp_path_factory: pytest.TempPathFactory,
    browser_type_launch_args: dict[str, Any],
) -> Iterator[Server]:
    """Return a site of its own, where every tool with a price asks first."""
    model = {"AGENT": "claude", "ANTHROPIC_API_KEY": "sk-ant-test", "ANTHROPIC_BASE_URL": fake_model.url}
    rules = {"APPROVE_ABOVE_CREDITS": "0", "TOOLS_ALLOW_PRIVATE": "127.0.0.1"}
    folder = tmp_path_factory.mktemp("approvals")
    with servers(folder, f"sqlite:///{database_file}", **model, **rules) as (server,):
        yield server
        assert "Traceback" not in server.log()


@pytest.fixture
def cluster() -> Iterator[FakeKubernetes]:
    """Return a cluster with a deployment of three pods."""
    with FakeKubernetes() as fake:
        fake.controller = True
        healthy(fake)
        yield fake


def connected(person: Person, cluster: FakeKubernetes) -> Person:
    """Let the person connect the cluster."""
    settings = {"server": cluster.url, "token": cluster.token, "ca": cluster.ca_pem}
    person.api("POST", "/api/connections", {"kind": "kubernetes", "name": "prod", "settings": settings})
    return person


@pytest.fixture
def robin(context: BrowserContext, sign_up: Callable[[BrowserContext], Person], cluster: FakeKubernetes) -> Person:
    """Return Robin, who has connected the cluster."""
    return connected(sign_up(context), cluster)


def asked(person: Person, model: FakeAnthropic, call: tuple[str, dict[str, Any]] = SCALE, then: str = "") -> Locator:
    """Let the agent want to do something, and return the card."""
    model.enqueue(scripts.tools(call, before="I can do that."), *([scripts.text(then)] if then else []))
    person.goto("/chat").type_and_send("Scale web to 5")
    card = waiting(person)
    expect(person.button("Send")).to_be_visible()
    return card


def waiting(person: Person) -> Locator:
    """Return the card that waits."""
    card = person.page.locator('.approval[data-state="waiting"]')
    expect(card).to_be_visible()
    return card


def decided(person: Person, state: str) -> Locator:
    """Return the card with this state, once it is there."""
    card = person.page.locator(f'.approval[data-state="{state}"]')
    expect(card).to_be_visible()
    return card


def test_a_yes_is_charged_runs_the_very_call_and_the_answer_goes_on(
    robin: Person, model: FakeAnthropic, cluster: FakeKubernetes
) -> None:
    card = asked(robin, model, then="It has 5 replicas now.")
    expect(card).to_have_accessible_name(CARD)
    expect(card).to_contain_text("deployment web in namespace shop on cluster prod")
    expect(card.get_by_role("row", name="replicas 3 5")).to_be_visible()
    expect(card).to_contain_text("You have 19, so 14 will be left.")
    expect(card).to_contain_text("Expires in 59 minutes")
    assert cluster.writes == []
    card.get_by_role("button", name="Approve, 5 credits").click()
    expect(robin.answers.last).to_contain_text("It has 5 replicas now.")
    expect(robin.button("Send")).to_be_visible()
    expect(decided(robin, "approved")).to_contain_text("Approved by you on")
    expect(robin.answers.last.locator(".tool-end")).to_contain_text("5 credits")
    expect(robin.count).to_have_text("14")
    assert len(cluster.writes) == 1
    robin.answers.last.locator(".receipt-detail summary").click()
    expect(robin.answers.last.get_by_role("row", name="Total")).to_contain_text("5")
    robin.page.reload()
    decided(robin, "approved")
    expect(robin.answers).to_have_count(2)
    expect(robin.answers.last).to_contain_text("It has 5 replicas now.")


def test_an_action_whose_outcome_is_unknown_says_so_and_is_refunded(
    robin: Person, model: FakeAnthropic, cluster: FakeKubernetes
) -> None:
    card = asked(robin, model, then="I do not know whether it was done.")
    cluster.drop_after_write = True
    card.get_by_role("button", name="Approve, 5 credits").click()
    expect(robin.answers.last).to_contain_text("I do not know whether it was done.")
    expect(robin.answers.last.locator(".tool-end")).to_have_text(re.compile("^outcome unknown · .* · refunded$"))
    expect(robin.answers.last.locator(".tool-note")).to_contain_text("outcome unknown, refunded, not run again")
    expect(robin.count).to_have_text("19")
    robin.answers.last.locator(".receipt-detail summary").click()
    expect(robin.answers.last.get_by_role("row", name="k8s_scale")).to_contain_text("5 credits refunded")
    assert len(cluster.writes) == 1


def test_a_double_click_decides_once(robin: Person, model: FakeAnthropic, cluster: FakeKubernetes) -> None:
    card = asked(robin, model, then="Done.")
    posts: list[str] = []
    robin.page.on("request", lambda request: posts.append(request.url) if "/api/approvals/" in request.url else None)
    # Both clicks hit the button, wherever the page scrolls to in between.
    card.get_by_role("button", name="Approve, 5 credits").evaluate("button => { button.click(); button.click(); }")
    expect(robin.answers.last).to_contain_text("Done.")
    expect(robin.count).to_have_text("14")
    assert (len(posts), len(cluster.writes)) == (1, 1)


def test_a_word_whose_answer_was_lost_is_said_again_and_counts_once(
    robin: Person, model: FakeAnthropic, cluster: FakeKubernetes, witness: Witness
) -> None:
    witness.allow("net::ERR_FAILED")

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    card = asked(robin, model, then="Done.")
    robin.page.route("**/api/approvals/*", lose)
    card.get_by_role("button", name="Approve, 5 credits").click()
    expect(card.get_by_role("alert")).to_contain_text("could not be reached")
    robin.page.unroute("**/api/approvals/*")
    card.get_by_role("button", name="Approve, 5 credits").click()
    expect(robin.answers.last).to_contain_text("Done.")
    decided(robin, "approved")
    expect(robin.count).to_have_text("14")
    assert len(cluster.writes) == 1


def test_a_no_with_its_reason_reaches_the_agent(robin: Person, model: FakeAnthropic, cluster: FakeKubernetes) -> None:
    card = asked(robin, model, then="Then I leave it.")
    card.get_by_role("button", name="Refuse").click()
    expect(card.get_by_label("Why not?")).to_be_focused()
    robin.page.keyboard.press("Escape")
    expect(card.get_by_label("Why not?")).to_be_hidden()
    expect(card.get_by_role("button", name="Refuse")).to_be_focused()
    robin.page.keyboard.press("Enter")
    robin.page.keyboard.type("not before <b>Monday")
    robin.page.keyboard.press("Enter")
    expect(robin.answers.last).to_contain_text("Then I leave it.")
    refused = decided(robin, "refused")
    expect(refused).to_contain_text("Refused by you on")
    expect(refused.locator("blockquote")).to_have_text("not before <b>Monday")
    expect(robin.answers.last.locator(".tool-end")).to_have_text("not run")
    expect(robin.count).to_have_text("19")
    assert cluster.writes == []
    assert "They said: not before <b>Monday" in str(model.requests[-1].body["messages"])


def test_a_card_survives_a_reload_and_another_tab_shows_how_it_stands(
    robin: Person, model: FakeAnthropic, cluster: FakeKubernetes
) -> None:
    asked(robin, model, then="Done.")
    robin.page.reload()
    card = waiting(robin)
    other = Person(robin.context, robin.context.new_page(), robin.email).goto(robin.page.url)
    waiting(other)
    card.get_by_role("button", name="Approve, 5 credits").click()
    expect(robin.answers.last).to_contain_text("Done.")
    waiting(other).get_by_role("button", name="Approve, 5 credits").click()
    decided(other, "approved")
    expect(other.answers.last).to_contain_text("Done.")
    assert len(cluster.writes) == 1


def test_an_expired_card_says_so_and_asks_no_more(
    robin: Person, model: FakeAnthropic, cluster: FakeKubernetes, database_file: str
) -> None:
    card = asked(robin, model)
    expire(database_file)
    card.get_by_role("button", name="Approve, 5 credits").click()
    expired = decided(robin, "expired")
    expect(expired).to_contain_text("Nothing was run or charged.")
    expect(expired.get_by_role("button")).to_have_count(0)
    expect(robin.count).to_have_text("19")
    robin.page.reload()
    decided(robin, "expired")
    assert cluster.writes == []


def test_a_card_whose_time_runs_out_before_the_eyes_closes_itself(
    robin: Person, model: FakeAnthropic, database_file: str
) -> None:
    robin.page.clock.install()
    card = asked(robin, model)
    robin.page.clock.run_for(30 * 60_000)
    expect(card).to_contain_text("Expires in 29 minutes")
    expire(database_file)
    robin.page.clock.run_for(31 * 60_000)
    expect(decided(robin, "expired").get_by_role("button")).to_have_count(0)


def expire(database_file: str) -> None:
    """Let the time of every card be over."""
    with sqlite3.connect(database_file, timeout=30) as database:
        database.execute("UPDATE approvals SET expires_at = '2020-01-01 00:00:00.000000'")
    database.close()


def test_too_few_credits_leave_the_card_open_until_there_are_enough(robin: Person, model: FakeAnthropic) -> None:
    robin.spend_down_to(4)
    card = asked(robin, model, then="Done.")
    expect(card).to_contain_text("You have 3 of the 5 credits.")
    card.get_by_role("button", name="Approve, 5 credits").click()
    expect(robin.modal).to_be_visible()
    robin.modal.get_by_role("button", name="Buy 100 for $10").click()
    robin.confirm("Buy 100 for $10")
    expect(robin.count).to_have_text("103")
    expect(card).to_contain_text("You have 103, so 98 will be left.")
    card.get_by_role("button", name="Approve, 5 credits").click()
    expect(robin.answers.last).to_contain_text("Done.")
    expect(robin.count).to_have_text("98")


def test_a_new_message_withdraws_the_card(robin: Person, model: FakeAnthropic, cluster: FakeKubernetes) -> None:
    asked(robin, model)
    hint = robin.page.get_by_text("Sending a message withdraws the action above.")
    expect(hint).to_be_visible()
    expect(robin.composer).to_have_accessible_description(re.compile("withdraws"))
    model.enqueue(scripts.text("As you like."))
    robin.ask("Never mind")
    expect(decided(robin, "voided")).to_contain_text("No longer valid")
    expect(hint).to_be_hidden()
    expect(robin.composer).not_to_have_accessible_description(re.compile("withdraws"))
    robin.page.reload()
    decided(robin, "voided")
    assert cluster.writes == []


def test_a_reading_tool_is_allowed_once_and_for_all(robin: Person, model: FakeAnthropic) -> None:
    card = asked(robin, model, call=LOOK, then="Three pods run.")
    expect(card).to_contain_text("It only reads; nothing is changed.")
    card.get_by_label("Always allow k8s_get to run without asking, up to 1 credit").check()
    card.get_by_role("button", name="Approve, 1 credit").click()
    expect(robin.answers.last).to_contain_text("Three pods run.")
    expect(robin.button("Send")).to_be_visible()
    model.enqueue(scripts.tools(LOOK), scripts.text("Still three."))
    expect(robin.ask("And now?")).to_contain_text("Still three.")
    expect(robin.page.locator(".approval")).to_have_count(1)


def test_a_writing_tool_offers_no_always(robin: Person, model: FakeAnthropic) -> None:
    expect(asked(robin, model).get_by_role("checkbox")).to_have_count(0)


def test_the_focus_goes_to_a_new_card_but_not_from_under_someone_who_writes(
    robin: Person, model: FakeAnthropic
) -> None:
    expect(asked(robin, model)).to_be_focused()
    expect(robin.page.locator("[data-announce]")).to_contain_text("Needs your word: Scale a deployment.")
    gate = threading.Event()
    model.enqueue(scripts.tools(SCALE, before="Once more.", gate=gate))
    robin.type_and_send("Again")
    expect(robin.answers.last).to_contain_text("Once more.")
    robin.composer.fill("while I write")
    gate.set()
    waiting(robin)
    expect(robin.button("Send")).to_be_visible()
    expect(robin.composer).to_be_focused()
    expect(robin.composer).to_have_value("while I write")


def test_what_a_card_shows_is_text_and_no_character_turns_it_around(robin: Person, model: FakeAnthropic) -> None:
    name = "<img src=http://127.0.0.1:9/x onerror=window.owned=1>\u202edorp"
    card = asked(robin, model, call=("k8s_get", {"kind": "pods", "namespace": "shop", "name": name}))
    expect(card).to_contain_text("<img src=http://127.0.0.1:9/x onerror=window.owned=1>\\u202edorp")
    card.get_by_text("The exact call as JSON").click()
    expect(card.locator(".approval-json pre")).to_contain_text("\\u202edorp")
    assert robin.page.evaluate("window.owned") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_card_has_no_barrier_and_fits_a_phone(
    open_browser: Callable[..., BrowserContext],
    sign_up: Callable[[BrowserContext], Person],
    model: FakeAnthropic,
    cluster: FakeKubernetes,
    scheme: str,
) -> None:
    person = connected(sign_up(open_browser(color_scheme=scheme, reduced_motion="reduce", **PHONE)), cluster)
    long = "a-name-without-any-break-" * 8
    card = asked(person, model, call=("k8s_get", {"kind": "pods", "namespace": "shop", "name": long}))
    expect(card.get_by_text("shop", exact=True)).to_be_hidden()  # The target says it.
    expect(person.button("To the latest")).to_be_hidden()
    card.get_by_text("The exact call as JSON").click()
    fits(person.page)
    has_no_violations(person.page)
    card.get_by_role("button", name="Refuse").click()
    fits(person.page)
    has_no_violations(person.page)
    model.enqueue(scripts.text("Very well."))
    card.get_by_role("button", name="Refuse").click()
    decided(person, "refused").get_by_text("What was asked").click()
    fits(person.page)
    has_no_violations(person.page)
