"""Pay for the first time, on Stripe's page and back: done at once, left, declined, asked by the bank, or late."""

import re
from datetime import timedelta

from playwright.sync_api import expect

from tests.fakes.stripe import FakeStripe
from tests.journeys.payments.deeds import (
    INVOICE_PAGE,
    PAYMENT_PAGE,
    SUCCESS,
    balance,
    cells,
    choose,
    looks_right,
    note,
    only_customer,
    opens,
    pay,
    plan,
    rows,
    title,
)
from tests.journeys.support import Person

STARTER = "Starter for $19 a month, 200 credits"


def test_a_plan_begins_when_its_page_is_paid(robin: Person, stripe: FakeStripe) -> None:
    looks_right(robin.goto("/billing").page)
    robin.button(STARTER).click()
    expect(robin.question).to_contain_text("200 credits at once, and as many each month.")
    expect(robin.question).to_contain_text("The 20 credits left of Free Tier end then. Credits from packs stay.")
    expect(robin.question).to_contain_text("The payment page comes next: $19 there, then $19 a month.")
    robin.question.get_by_role("button", name="To the payment page, $19").click()
    expect(robin.page).to_have_url(PAYMENT_PAGE)
    assert robin.page.url.startswith(stripe.url)
    expect(robin.page.get_by_text(robin.email)).to_be_visible()
    looks_right(robin.page)
    pay(robin.page)
    expect(robin.page).to_have_url(SUCCESS)
    expect(title(robin.page)).to_have_text("You are on Starter")
    expect(robin.page.get_by_role("main")).to_contain_text("$19 was paid. 200 credits came with it")
    expect(robin.count).to_have_text("200")
    looks_right(robin.page)
    robin.page.get_by_role("main").get_by_role("link", name="Billing").click()
    shows_the_plan_and_its_invoice(robin)


def shows_the_plan_and_its_invoice(person: Person) -> None:
    expect(balance(person)).to_have_text("200")
    expect(plan(person, "starter")).to_contain_text("Your plan")
    expect(person.page.get_by_text("0 of 200 used")).to_be_visible()
    expect(rows(person)).to_have_count(1)
    period = re.compile(r"^Starter, \d+ \w+ (\d{4} )?to \d+ \w+ \d{4}")
    expect(cells(person)).to_contain_text(["", period, "Paid", "Invoice", "$19"])
    looks_right(person.page)
    invoice = opens(person, rows(person).get_by_role("link", name="Invoice of Starter"))
    expect(invoice).to_have_url(INVOICE_PAGE)
    expect(invoice.get_by_role("heading", name="Paid on")).to_be_visible()


def test_a_payment_page_that_was_left_waits_for_who_comes_back(robin: Person, stripe: FakeStripe) -> None:
    robin.goto("/billing")
    choose(robin, STARTER, "To the payment page, $19")
    expect(robin.page).to_have_url(PAYMENT_PAGE)
    first = robin.page.url
    robin.page.get_by_role("link", name="Back to the shop").click()
    expect(note(robin, "Nothing was charged.")).to_contain_text("You left the payment page, and can still go on.")
    expect(balance(robin)).to_have_text("20")
    expect(rows(robin)).to_have_count(0)
    looks_right(robin.page)
    robin.page.get_by_role("link", name="Go on paying for Starter").click()
    expect(robin.page).to_have_url(first)
    robin.goto("/billing")
    expect(note(robin, "Starter is not paid yet.")).to_contain_text("nothing was charged")
    choose(robin, STARTER, "To the payment page, $19")
    expect(robin.page).to_have_url(first)
    pay(robin.page)
    expect(title(robin.page)).to_have_text("You are on Starter")
    assert [session["status"] for session in stripe.sessions.values()] == ["complete"]


def test_a_pack_that_was_left_is_gone_on_with(robin: Person) -> None:
    robin.goto("/billing")
    choose(robin, "Buy 250 credits for $20", "To the payment page, $20")
    expect(robin.page).to_have_url(PAYMENT_PAGE)
    robin.page.get_by_role("link", name="Back to the shop").click()
    expect(note(robin, "Nothing was charged.")).to_be_visible()
    expect(rows(robin).first).to_contain_text("Waiting for payment")
    robin.page.get_by_role("link", name="Go on paying for 250 credits").click()
    pay(robin.page)
    expect(title(robin.page)).to_have_text("250 credits added")
    expect(robin.count).to_have_text("270")


def test_another_card_mends_what_the_first_could_not(robin: Person, stripe: FakeStripe) -> None:
    robin.goto("/billing")
    choose(robin, STARTER, "To the payment page, $19")
    pay(robin.page, "Is declined")
    expect(robin.page.get_by_role("alert")).to_have_text("Your card was declined.")
    pay(robin.page, "Needs authentication")
    expect(title(robin.page).filter(has_text="is it you?")).to_be_visible()
    robin.button("No, refuse").click()
    expect(robin.page.get_by_role("alert")).to_contain_text("The authentication was refused.")
    assert robin.subscription()["tier"]["name"] == "free"
    pay(robin.page, "Needs authentication")
    robin.button("Yes, authenticate").click()
    expect(title(robin.page)).to_have_text("You are on Starter")
    expect(robin.count).to_have_text("200")
    assert [charge["amount"] for charge in stripe.charges.values() if charge["paid"]] == [1900]


def test_a_late_payment_is_waited_for_until_it_comes(robin: Person, stripe: FakeStripe) -> None:
    robin.page.clock.install()
    robin.goto("/billing")
    choose(robin, STARTER, "To the payment page, $19")
    pay(robin.page, "Pays later")
    is_told_to_wait(robin)
    robin.page.get_by_role("main").get_by_role("link", name="Billing").click()
    expect(note(robin, "Your payment for Starter is being confirmed.")).to_be_visible()
    expect(robin.button(STARTER)).to_have_count(0)
    looks_right(robin.page)
    robin.page.go_back()
    is_told_to_wait(robin)
    settles(robin, stripe, ok=True)
    expect(title(robin.page)).to_have_text("You are on Starter")
    expect(robin.count).to_have_text("200")


def test_a_late_payment_that_fails_costs_nothing(robin: Person, stripe: FakeStripe) -> None:
    robin.page.clock.install()
    robin.goto("/billing")
    choose(robin, "Buy 500 credits for $35", "To the payment page, $35")
    pay(robin.page, "Pays later")
    is_told_to_wait(robin)
    looks_right(robin.page)
    settles(robin, stripe, ok=False)
    expect(title(robin.page)).to_have_text("The payment did not go through")
    expect(robin.page.get_by_text("Nothing was charged for 500 credits")).to_be_visible()
    expect(robin.count).to_have_text("20")
    looks_right(robin.page)
    robin.page.get_by_role("link", name="Back to billing").click()
    expect(rows(robin)).to_have_count(1)
    expect(rows(robin).first).to_contain_text("Failed")


def test_a_late_plan_that_is_never_paid_is_given_up(robin: Person, stripe: FakeStripe) -> None:
    robin.page.clock.install()
    robin.goto("/billing")
    choose(robin, STARTER, "To the payment page, $19")
    pay(robin.page, "Pays later")
    is_told_to_wait(robin)
    stripe.set_card(only_customer(stripe), "declined", retry=False)
    settles(robin, stripe, ok=False)
    stripe.advance(timedelta(days=20))
    stripe.wait_delivered()
    robin.page.clock.fast_forward(61_000)
    expect(title(robin.page)).to_have_text("The payment did not go through")
    robin.page.get_by_role("link", name="Back to billing").click()
    expect(robin.button(STARTER)).to_be_visible()
    expect(rows(robin).first).to_contain_text("Void")
    expect(balance(robin)).to_have_text("20")


def is_told_to_wait(person: Person) -> None:
    expect(title(person.page)).to_have_text("The payment is being confirmed")
    expect(person.page.get_by_text("This way of paying can take some days.")).to_be_visible()
    expect(person.count).to_have_text("20")


def settles(person: Person, stripe: FakeStripe, ok: bool) -> None:
    """Let the payment end by an event alone, and the page look again, as it does every half minute."""
    (session,) = stripe.sessions
    stripe.settle_late(session, ok=ok)
    stripe.wait_delivered()
    person.page.clock.fast_forward(31_000)


def test_an_event_that_is_lost_keeps_nobody_waiting(robin: Person, stripe: FakeStripe) -> None:
    stripe.hold = True
    robin.goto("/billing")
    choose(robin, "Buy 100 credits for $10", "To the payment page, $10")
    pay(robin.page)
    expect(title(robin.page)).to_have_text("100 credits added")
    expect(robin.count).to_have_text("120")
    stripe.held.clear()
