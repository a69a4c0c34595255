"""Walk the list that the product was promised with, in its order, as a new person does."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.support import Person

CHAT_POST = re.compile(r"/api/chat\?")


def test_a_new_person_spends_runs_out_buys_and_changes_plans(page: Page, sign_up_by_hand: Person) -> None:
    person = sign_up_by_hand
    starts_with_twenty(person)
    pays_one_a_message(person)
    is_warned_at_five_and_below(person)
    is_stopped_at_zero(person)
    buys_a_pack_in_the_modal(person)
    upgrades_and_gets_the_bonus(person)
    moves_down_and_back(person)
    cancels_and_resumes(person)


@pytest.fixture
def sign_up_by_hand(page: Page) -> Person:
    """Return someone who has just filled in the form."""
    page.goto("/")
    page.get_by_role("link", name="Sign up, 20 credits free").click()
    page.get_by_label("Email").fill("seed@example.com")
    page.get_by_label("Name").fill("Robin")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url("**/chat")
    return Person(page.context, page, "seed@example.com")


def starts_with_twenty(person: Person) -> None:
    person.page.get_by_role("link", name="Billing", exact=True).click()
    expect(person.page.locator("[data-balance]")).to_have_text("20")
    expect(person.page.get_by_text("0 of 20 used")).to_be_visible()
    expect(person.page.get_by_text("Payments are simulated.", exact=True)).to_be_visible()


def pays_one_a_message(person: Person) -> None:
    person.goto("/chat")
    answer = person.ask("When does 30 3 * * 1-5 run?")
    expect(answer).to_contain_text("You said: When does 30 3 * * 1-5 run?")
    expect(answer.locator(".receipt")).to_contain_text("1 credit")
    expect(person.count).to_have_text("19")
    expect(person.banner).to_be_hidden()


def is_warned_at_five_and_below(person: Person) -> None:
    person.spend_down_to(6)
    person.page.reload()
    expect(person.count).to_have_text("6")
    expect(person.banner).to_be_hidden()
    person.ask("the one that leaves five")
    expect(person.banner).to_be_visible()
    expect(person.banner).to_contain_text("5 credits left.")
    assert is_yellow(person.banner.evaluate("element => getComputedStyle(element).backgroundColor"))
    person.ask("and four")
    expect(person.banner).to_contain_text("4 credits left.")


def is_yellow(colour: str) -> bool:
    red, green, blue = (int(part) for part in re.findall(r"\d+", colour)[:3])
    return red > 220 and green > 220 and blue < min(red, green) - 20


def is_stopped_at_zero(person: Person) -> None:
    person.spend_down_to(1)
    person.page.reload()
    answer = person.ask("the last one")
    expect(answer).to_contain_text("You said: the last one")
    expect(person.modal).to_be_visible()
    expect(person.modal).to_contain_text("You are out of credits")
    expect(person.count).to_have_text("0")
    person.page.keyboard.press("Escape")
    person.type_and_send("one too many")
    expect(person.modal).to_be_visible()
    expect(person.composer).to_have_value("one too many")
    is_refused_on_the_wire(person)


def is_refused_on_the_wire(person: Person) -> None:
    """A tab that does not know yet sends all the same, and is refused."""
    told = person.page.evaluate(
        """() => fetch("/api/chat", {method: "POST", headers: {"Content-Type": "application/json"},
           body: JSON.stringify({message: "one too many"})}).then(async (a) => [a.status, await a.json()])"""
    )
    assert told[0] == 402
    assert told[1]["error"] == "insufficient_credits"
    assert (told[1]["credits_remaining"], told[1]["credits_required"]) == (0, 1)
    listed = person.api("GET", "/api/conversations?limit=50")["conversations"]
    assert "one too many" not in [talk["title"] for talk in listed]
    person.page.reload()
    expect(person.questions.filter(has_text="one too many")).to_have_count(0)


def buys_a_pack_in_the_modal(person: Person) -> None:
    expect(person.modal).to_be_visible()
    # The dearer of the two offers is not put before the other.
    expect(person.modal.locator("[data-out-offers] button")).to_have_count(2)
    expect(person.modal.locator("[data-out-offers] .button-primary")).to_have_count(0)
    expect(person.modal).to_contain_text("Payments are simulated: no money moves.")
    person.modal.get_by_role("button", name="Buy 100 for $10").click()
    expect(person.question).to_contain_text("Payments are simulated: no money moves.")
    person.confirm("Buy 100 for $10")
    expect(person.count).to_have_text("100")
    expect(person.modal).to_be_hidden()
    expect(person.banner).to_be_hidden()
    expect(person.composer).to_have_value("one too many")
    person.button("Send").click()
    expect(person.answers.last).to_contain_text("You said: one too many")
    expect(person.count).to_have_text("99")


def upgrades_and_gets_the_bonus(person: Person) -> None:
    person.goto("/billing")
    expect(person.page.locator("#purchase-list")).to_contain_text("100 credits")
    person.button("Upgrade to Starter, 180 credits more now").click()
    person.confirm("Upgrade for $19")
    expect(person.page.locator("[data-balance]")).to_have_text("279")
    expect(person.page.locator("[data-billing-done]")).to_contain_text("You are on Starter now. 180 credits added.")
    expect(person.page.get_by_text("Payments are simulated.", exact=True)).to_be_visible()
    expect(person.page.locator("[data-tier=starter]")).to_contain_text("Your plan")


def moves_down_and_back(person: Person) -> None:
    person.button("Upgrade to Professional, 800 credits more now").click()
    person.confirm("Upgrade for $60")
    expect(person.page.locator("[data-balance]")).to_have_text("1,079")
    down = person.page.locator("[data-tier=starter] button")
    expect(down).to_have_text(re.compile(r"Move on \d{1,2} \w+( \d{4})?"))
    date = down.inner_text().removeprefix("Move on ")
    down.click()
    person.confirm(f"Move on {date}")
    expect(person.page.get_by_text(f"Starter begins on {date}.")).to_be_visible()
    expect(person.page.locator("[data-tier=starter]")).to_contain_text("Comes next")
    expect(person.page.locator("[data-balance]")).to_have_text("1,079")
    person.button("Keep Professional").first.click()
    expect(person.page.get_by_text(f"Starter begins on {date}.")).to_be_hidden()


def cancels_and_resumes(person: Person) -> None:
    cancel = person.page.locator("[data-tier=professional] button")
    expect(cancel).to_have_text("Cancel plan")
    cancel.click()
    words = person.question.get_by_role("button", name="Cancel on").inner_text()
    person.confirm(words)
    expect(person.page.get_by_text(words.replace("Cancel", "Professional ends"))).to_be_visible()
    assert person.subscription()["cancel_at_period_end"] is True
    person.button("Keep Professional").first.click()
    expect(person.page.locator("[data-tier=professional] button")).to_have_text("Cancel plan")
    assert person.subscription()["cancel_at_period_end"] is False
    expect(person.page.locator("[data-balance]")).to_have_text("1,079")
