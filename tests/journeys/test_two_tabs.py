"""Work in two tabs at once, and click twice: the count stays true and nothing counts double."""

import threading

from playwright.sync_api import expect

from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic
from tests.journeys.support import Person


def second_tab(person: Person, path: str) -> Person:
    """Return the same person in front of another tab of the same browser."""
    return Person(person.context, person.context.new_page(), person.email).goto(path)


def test_a_tab_follows_what_another_one_spends_and_buys(robin: Person) -> None:
    robin.goto("/chat")
    other = second_tab(robin, "/billing")
    expect(other.count).to_have_text("20")
    robin.ask("hello")
    expect(other.count).to_have_text("19")
    expect(other.page.locator("[data-balance]")).to_have_text("19")
    expect(other.page.get_by_text("1 of 20 used")).to_be_visible()
    other.button("Buy 100 credits for $10").click()
    other.confirm("Buy 100 for $10")
    expect(other.page.locator("[data-balance]")).to_have_text("119")
    expect(robin.count).to_have_text("119")


def test_a_tab_at_zero_is_freed_by_a_purchase_in_another(robin: Person) -> None:
    robin.spend_down_to(0)
    robin.goto("/chat")
    expect(robin.modal).to_be_visible()
    other = second_tab(robin, "/billing")
    other.button("Buy 100 credits for $10").click()
    other.confirm("Buy 100 for $10")
    expect(robin.modal).to_be_hidden()
    expect(robin.count).to_have_text("100")


def test_a_tab_that_does_not_know_yet_is_refused_and_keeps_the_words(robin: Person) -> None:
    robin.goto("/chat")
    robin.spend_down_to(0)
    expect(robin.count).to_have_text("20")
    with robin.page.expect_response("**/api/chat?*") as answer:
        robin.type_and_send("one too many")
    assert answer.value.status == 402
    expect(robin.modal).to_be_visible()
    expect(robin.count).to_have_text("0")
    expect(robin.composer).to_have_value("one too many")
    expect(robin.questions).to_have_count(0)


def test_a_second_message_waits_for_the_answer_that_runs_in_the_other_tab(robin: Person, model: FakeAnthropic) -> None:
    gate = threading.Event()
    first = robin.api("POST", "/api/chat", {"message": "hello"})
    model.enqueue(scripts.text("Half and the rest.", pieces=["Half", " and the rest."], gate=gate))
    robin.goto(f"/chat/{first['conversation_id']}")
    other = second_tab(robin, f"/chat/{first['conversation_id']}")
    robin.type_and_send("from the first tab")
    expect(robin.answers.last).to_contain_text("Half")
    other.type_and_send("from the second tab")
    expect(other.questions).to_have_text(["hello", "from the first tab"])
    expect(other.composer).to_have_value("from the second tab")
    expect(other.answers.last).to_contain_text("Half")
    gate.set()
    for tab in (robin, other):
        expect(tab.answers.last.locator(".prose")).to_have_text("Half and the rest.")
        expect(tab.count).to_have_text("18")


def test_the_usage_page_follows_what_is_spent(robin: Person) -> None:
    robin.goto("/chat")
    other = second_tab(robin, "/usage")
    expect(other.page.get_by_text("No charges yet.")).to_be_visible()
    robin.ask("hello")
    expect(other.page.locator("#usage-history tbody tr")).to_have_count(1)
    expect(other.page.get_by_role("img", name="Credits per day")).to_be_visible()


def test_a_double_click_on_send_sends_once(robin: Person, model: FakeAnthropic) -> None:
    gate = threading.Event()
    model.enqueue(scripts.text("once", gate=gate, gate_after=0))
    robin.goto("/chat")
    robin.composer.fill("only once")
    robin.page.locator("[data-send]").evaluate("button => { button.click(); button.click(); }")
    expect(robin.questions).to_have_count(1)
    gate.set()
    expect(robin.answers.last).to_contain_text("once")
    expect(robin.button("Send")).to_be_visible()
    expect(robin.answers).to_have_count(1)
    expect(robin.count).to_have_text("19")
    assert robin.subscription()["credits_remaining"] == 19


def test_a_double_click_on_buy_buys_once(robin: Person) -> None:
    robin.goto("/billing")
    robin.button("Buy 250 credits for $20").dblclick()
    robin.question.get_by_role("button", name="Buy 250 for $20").dblclick()
    expect(robin.page.locator("[data-balance]")).to_have_text("270")
    expect(robin.page.locator("#purchase-list tbody tr")).to_have_count(1)
    assert robin.subscription()["credits_remaining"] == 270


def test_a_double_click_on_upgrade_upgrades_once(robin: Person) -> None:
    robin.goto("/billing")
    robin.button("Upgrade to Starter, 180 credits more now").dblclick()
    robin.question.get_by_role("button", name="Upgrade for $19").dblclick()
    expect(robin.page.locator("[data-balance]")).to_have_text("200")
    expect(robin.page.locator("[data-tier=starter]")).to_contain_text("Your plan")
    bonuses = [entry for entry in robin.api("GET", "/api/credits/ledger")["entries"] if entry["kind"] == "bonus"]
    assert [entry["delta"] for entry in bonuses] == [180]
