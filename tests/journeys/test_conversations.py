"""Find, rename, leave, reload and delete conversations, and never meet another person's."""

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Locator, expect

from tests.journeys.support import Person


def talk(person: Person, title: str) -> Locator:
    """Return a conversation's link in the list."""
    return person.page.locator("#talks").get_by_role("link", name=title)


def started(person: Person, *messages: str) -> list[str]:
    """Have one conversation for each message and return their ids."""
    return [person.api("POST", "/api/chat", {"message": text})["conversation_id"] for text in messages]


def test_a_new_conversation_joins_the_list_under_its_title(robin: Person) -> None:
    robin.goto("/chat")
    expect(robin.page.get_by_text("Your conversations will be listed here.")).to_be_visible()
    robin.ask("Split 10.20.0.0/16")
    expect(talk(robin, "Split 10.20.0.0/16")).to_have_attribute("aria-current", "page")
    expect(robin.page).to_have_title("Split 10.20.0.0/16 · DevOps Agent")
    robin.page.get_by_role("link", name="New conversation").first.click()
    expect(robin.page.get_by_role("heading", name="What shall we look at?")).to_be_visible()
    talk(robin, "Split 10.20.0.0/16").click()
    expect(robin.answers).to_have_count(1)


def test_a_title_keeps_the_stars_of_a_schedule(robin: Person) -> None:
    robin.goto("/chat").ask("When does `30 3 * * 1-5` run?")
    expect(robin.page.locator("#talks")).to_contain_text("30 3 * * 1-5")


def test_a_reload_and_the_address_show_the_same_conversation(robin: Person) -> None:
    pasted = "kind: Pod\nmetadata:\n  name: web"
    robin.goto("/chat").ask(f"The first question:\n{pasted}")
    robin.ask("The second question\nhas lines\nin prose")
    address = robin.page.url
    assert "/chat/" in address
    before = robin.page.locator("[data-messages]").inner_text()
    robin.page.reload()
    assert robin.page.url == address
    assert robin.page.locator("[data-messages]").inner_text().split() == before.split()
    expect(robin.questions).to_have_text([re.compile("The first question"), re.compile("The second question")])
    expect(robin.questions.locator("code")).to_have_text([pasted])


def test_back_leads_from_a_conversation_to_the_one_before(robin: Person) -> None:
    first, second = started(robin, "The first one", "The second one")
    robin.goto(f"/chat/{first}")
    assert talk(robin, "The second one").evaluate("link => link.offsetWidth === link.parentElement.clientWidth")
    talk(robin, "The second one").click()
    expect(robin.questions).to_have_text(["The second one"])
    robin.page.go_back()
    expect(robin.questions).to_have_text(["The first one"])


def test_search_finds_words_of_titles_and_says_when_there_are_none(robin: Person) -> None:
    started(robin, "Explain a crontab", "Split a network")
    robin.goto("/chat")
    search = robin.page.get_by_role("searchbox", name="Search conversations")
    search.fill("crontab")
    expect(talk(robin, "Split a network")).to_have_count(0)
    expect(talk(robin, "Explain a crontab")).to_be_visible()
    search.fill("<b>nothing</b>")
    expect(robin.page.get_by_text("No conversation has “<b>nothing</b>” in it.")).to_be_visible()
    search.fill("")
    expect(talk(robin, "Split a network")).to_be_visible()


def test_a_conversation_is_renamed(robin: Person) -> None:
    (mine,) = started(robin, "A dull name")
    robin.goto(f"/chat/{mine}")
    robin.button("Rename or delete A dull name").click()
    robin.page.get_by_label("Name", exact=True).fill("Backups <i>at night</i>")
    robin.button("Save name").click()
    expect(talk(robin, "Backups <i>at night</i>")).to_be_visible()
    expect(robin.page).to_have_title("Backups <i>at night</i> · DevOps Agent")
    robin.page.reload()
    expect(robin.page.get_by_role("heading", level=1)).to_have_text("Backups <i>at night</i>")


def test_a_conversation_is_deleted_after_a_question(robin: Person) -> None:
    mine, other = started(robin, "To be deleted", "To be kept")
    robin.goto(f"/chat/{mine}")
    robin.button("Rename or delete To be deleted").click()
    robin.button("Delete conversation").click()
    robin.question.get_by_role("button", name="Not now").click()
    expect(talk(robin, "To be deleted")).to_be_visible()
    robin.button("Rename or delete To be deleted").click()
    robin.button("Delete conversation").click()
    robin.confirm("Delete conversation")
    robin.page.wait_for_url("**/chat")
    expect(talk(robin, "To be kept")).to_be_visible()
    expect(talk(robin, "To be deleted")).to_have_count(0)
    answer = robin.page.goto(f"/chat/{mine}")
    assert answer is not None and answer.status == 404
    assert robin.subscription()["credits_remaining"] == 18


def test_another_persons_conversation_is_not_there(
    robin: Person, open_browser: Callable[..., BrowserContext], sign_up: Callable[[BrowserContext], Person]
) -> None:
    (private,) = started(robin, "Something private")
    stranger = sign_up(open_browser())
    answers = [stranger.page.goto(path) for path in (f"/chat/{private}", "/chat/no-such-conversation")]
    assert [answer.status for answer in answers if answer] == [404, 404]
    expect(stranger.page.get_by_role("heading", level=1)).to_have_text("Nothing here")
    assert "Something private" not in stranger.page.content()
    stranger.page.get_by_role("link", name="Go to the chat").click()
    expect(stranger.page.get_by_text("Your conversations will be listed here.")).to_be_visible()
