"""Buy packs: once however often it is clicked, from where the credits ran out, and given back or disputed later."""

import re

from playwright.sync_api import expect

from tests.fakes.stripe import FakeStripe
from tests.journeys.payments.deeds import (
    PAYMENT_PAGE,
    SUCCESS,
    balance,
    bought,
    choose,
    looks_right,
    note,
    pay,
    rows,
    seen,
    title,
)
from tests.journeys.support import Person

SMALL = "Buy 100 credits for $10"
TO_PAGE = "To the payment page, $10"


def test_a_pack_is_paid_on_its_page(robin: Person, stripe: FakeStripe) -> None:
    robin.goto("/billing").button(SMALL).click()
    expect(robin.question).to_contain_text("They are added to what you have and never expire.")
    expect(robin.question).to_contain_text("The payment page comes next: $10, once.")
    robin.question.get_by_role("button", name=TO_PAGE).click()
    pay(robin.page)
    expect(robin.page).to_have_url(SUCCESS)
    expect(title(robin.page)).to_have_text("100 credits added")
    expect(robin.count).to_have_text("120")
    robin.page.reload()
    expect(title(robin.page)).to_have_text("100 credits added")
    seen(robin, stripe)
    expect(balance(robin)).to_have_text("120")
    expect(rows(robin)).to_have_count(1)
    receipt = rows(robin).get_by_role("link", name="Receipt of 100 credits")
    expect(receipt).to_have_attribute("href", re.compile(f"^{stripe.url}/r/"))


def test_a_refund_takes_the_credits_and_the_next_pack_pays_what_is_owed(robin: Person, stripe: FakeStripe) -> None:
    payment = bought(robin, stripe, 100)
    robin.spend_down_to(70)
    stripe.refund(payment)
    seen(robin, stripe)
    expect(balance(robin)).to_have_text("0")
    expect(rows(robin).first).to_contain_text("100 credits taken back")
    expect(rows(robin).first).to_contain_text("Refunded $10")
    owed = robin.page.get_by_text("30 credits owed after the refund of the pack of 100.")
    expect(owed).to_be_visible()
    looks_right(robin.page)
    robin.button(SMALL).click()
    expect(robin.question).to_contain_text("30 of them pay what is owed after the refund of the pack of 100.")
    expect(robin.question).to_contain_text("The other 70 are added to what you have")
    robin.question.get_by_role("button", name=TO_PAGE).click()
    pay(robin.page)
    expect(title(robin.page)).to_have_text("70 credits added")
    expect(robin.page.get_by_text("30 of 100 credits paid what was owed after a refund")).to_be_visible()
    seen(robin, stripe)
    expect(balance(robin)).to_have_text("70")
    expect(owed).to_have_count(0)


def test_a_dispute_takes_the_credits_until_it_is_won(robin: Person, stripe: FakeStripe) -> None:
    payment = bought(robin, stripe, 250)
    dispute = stripe.dispute(payment)
    seen(robin, stripe)
    expect(balance(robin)).to_have_text("20")
    expect(rows(robin).first).to_contain_text("Disputed $20")
    expect(rows(robin).first).to_contain_text("250 credits taken back")
    looks_right(robin.page)
    stripe.close_dispute(dispute, won=True)
    seen(robin, stripe)
    expect(balance(robin)).to_have_text("270")
    expect(rows(robin).first).not_to_contain_text("Disputed")
    expect(rows(robin).first).not_to_contain_text("taken back")


def test_a_double_click_opens_one_page(robin: Person, stripe: FakeStripe) -> None:
    robin.goto("/billing").button(SMALL).dblclick()
    robin.question.get_by_role("button", name=TO_PAGE).dblclick()
    expect(robin.page).to_have_url(PAYMENT_PAGE)
    assert len(stripe.sessions) == 1
    seen(robin, stripe)
    expect(rows(robin)).to_have_count(1)


def test_two_tabs_come_to_the_same_page_and_another_pack_closes_it(robin: Person, stripe: FakeStripe) -> None:
    other = Person(robin.context, robin.context.new_page(), robin.email)
    for tab in (robin, other):
        choose(tab.goto("/billing"), SMALL, TO_PAGE)
        expect(tab.page).to_have_url(PAYMENT_PAGE)
    assert robin.page.url == other.page.url
    assert len(stripe.sessions) == 1
    choose(other.goto("/billing"), "Buy 250 credits for $20", "To the payment page, $20")
    expect(other.page).to_have_url(PAYMENT_PAGE)
    robin.page.reload()
    expect(robin.page.get_by_role("heading", name="This page has expired.")).to_be_visible()
    pay(other.page)
    expect(title(other.page)).to_have_text("250 credits added")
    seen(robin, stripe)
    expect(balance(robin)).to_have_text("270")
    expect(note(robin, "Nothing was charged.")).to_have_count(0)


def test_who_runs_out_in_the_chat_pays_and_goes_on_there(robin: Person) -> None:
    robin.spend_down_to(1)
    robin.goto("/chat").ask("the last one")
    expect(robin.modal).to_be_visible()
    robin.page.keyboard.press("Escape")
    robin.type_and_send("one too many")
    expect(robin.modal).to_be_visible()
    left = robin.page.url
    robin.modal.get_by_role("button", name="Buy 100 for $10").click()
    expect(robin.question).to_contain_text("The payment page comes next: $10, once.")
    robin.question.get_by_role("button", name=TO_PAGE).click()
    expect(robin.page).to_have_url(PAYMENT_PAGE)
    pay(robin.page)
    expect(title(robin.page)).to_have_text("100 credits added")
    robin.page.get_by_role("link", name="Go to the chat").click()
    expect(robin.page).to_have_url(left)
    expect(robin.count).to_have_text("100")
    expect(robin.modal).to_be_hidden()
    expect(robin.composer).to_have_value("one too many")
    robin.button("Send").click()
    expect(robin.answers.last).to_contain_text("You said: one too many")
    expect(robin.count).to_have_text("99")
