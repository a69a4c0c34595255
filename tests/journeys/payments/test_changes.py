"""Change a plan that is paid: up at once, down and cancelled at the period's end, each undone; and the portal."""

import re

from playwright.sync_api import expect

from tests.fakes.stripe import FakeStripe
from tests.journeys.payments.deeds import (
    INVOICE_PAGE,
    balance,
    cells,
    choose,
    comes_back,
    looks_right,
    note,
    only_customer,
    opens,
    pay,
    plan,
    rows,
    seen,
    subscribed,
    title,
)
from tests.journeys.support import Person

UP = "Upgrade to Professional, 800 credits more now"
WAITS = "Your upgrade to Professional waits for its payment."


def test_an_upgrade_is_paid_with_the_card_on_file(robin: Person, stripe: FakeStripe) -> None:
    subscribed(robin, stripe)
    robin.button(UP).click()
    expect(robin.question).to_contain_text("You get 800 more credits at once, and 1,000 each month from")
    expect(robin.question).to_contain_text("The whole difference of $60 is charged now to the card on file, then $79")
    robin.confirm("Upgrade for $60")
    expect(balance(robin)).to_have_text("1,000")
    expect(robin.count).to_have_text("1,000")
    expect(robin.page.locator("[data-billing-done]")).to_have_text("You are on Professional now. 800 credits added.")
    expect(plan(robin, "professional")).to_contain_text("Your plan")
    expect(rows(robin)).to_have_count(2)
    expect(cells(robin)).to_contain_text(["", "Upgrade to Professional", "Paid", "Invoice", "$60"])
    looks_right(robin.page)


def test_a_declined_upgrade_waits_for_its_invoice(robin: Person, stripe: FakeStripe) -> None:
    subscribed(robin, stripe)
    stripe.set_card(only_customer(stripe), "declined")
    choose(robin, UP, "Upgrade for $60")
    expect(robin.page).to_have_url(INVOICE_PAGE)
    looks_right(robin.page)
    stripe.wait_delivered()
    robin.page.go_back()
    expect(note(robin, WAITS)).to_contain_text("You keep Starter until $60 is paid.")
    expect(balance(robin)).to_have_text("200")
    expect(plan(robin, "professional")).to_contain_text("Waits for its payment")
    looks_right(robin.page)
    invoice = opens(robin, note(robin, WAITS).get_by_role("link", name="Pay the invoice, $60"))
    pay(invoice)
    expect(invoice.get_by_role("heading", name="Paid on")).to_be_visible()
    stripe.wait_delivered()
    comes_back(robin)
    expect(balance(robin)).to_have_text("1,000")
    expect(robin.count).to_have_text("1,000")
    expect(plan(robin, "professional")).to_contain_text("Your plan")
    expect(note(robin, WAITS)).to_have_count(0)


def test_a_waiting_upgrade_is_dropped(robin: Person, stripe: FakeStripe) -> None:
    subscribed(robin, stripe)
    stripe.set_card(only_customer(stripe), "declined")
    choose(robin, UP, "Upgrade for $60")
    expect(robin.page).to_have_url(INVOICE_PAGE)
    address = robin.page.url
    seen(robin, stripe).button("Drop the upgrade").click()
    expect(robin.page.locator("[data-billing-done]")).to_have_text("You stay on Starter.")
    expect(note(robin, WAITS)).to_have_count(0)
    expect(robin.button(UP)).to_be_visible()
    expect(rows(robin).first).to_contain_text("Void")
    expect(balance(robin)).to_have_text("200")
    robin.goto(address)
    expect(title(robin.page).filter(has_text="This invoice is void.")).to_be_visible()


def test_a_downgrade_is_undone(robin: Person, stripe: FakeStripe) -> None:
    subscribed(robin, stripe, "professional")
    down = plan(robin, "starter").get_by_role("button", name="Move on")
    date = down.inner_text().removeprefix("Move on ")
    down.click()
    expect(robin.question).to_contain_text(f"You keep Professional and its credits until {date}.")
    expect(robin.question).to_contain_text("Nothing is charged now.")
    robin.confirm(f"Move on {date}")
    expect(note(robin, f"Starter begins on {date}.")).to_be_visible()
    expect(plan(robin, "starter")).to_contain_text("Comes next")
    expect(balance(robin)).to_have_text("1,000")
    looks_right(robin.page)
    robin.button("Keep Professional").first.click()
    expect(note(robin, f"Starter begins on {date}.")).to_have_count(0)
    expect(plan(robin, "starter").get_by_role("button")).to_have_text(f"Move on {date}")
    assert len(stripe.invoices) == 1


def test_a_cancellation_is_undone_here_or_on_the_portal(robin: Person, stripe: FakeStripe) -> None:
    subscribed(robin, stripe)
    date = robin.button("Cancel plan").get_attribute("data-ask-button")
    assert date is not None
    choose(robin, "Cancel plan", date)
    ends = note(robin, date.replace("Cancel", "Starter ends"))
    expect(ends).to_contain_text("From then on you are on Free. Credits from packs stay.")
    looks_right(robin.page)
    robin.button("Keep Starter").first.click()
    expect(ends).to_have_count(0)
    choose(robin, "Cancel plan", date)
    expect(ends).to_be_visible()
    robin.button("Payment method and all invoices on Stripe").click()
    robin.button("Don't cancel").click()
    expect(robin.button("Cancel at the period's end")).to_be_visible()
    seen(robin, stripe)
    expect(ends).to_have_count(0)
    expect(robin.button("Cancel plan")).to_be_visible()


def test_the_portal_shows_the_bills_and_leads_back(robin: Person, stripe: FakeStripe) -> None:
    subscribed(robin, stripe)
    robin.button("Payment method and all invoices on Stripe").click()
    expect(robin.page).to_have_url(re.compile(r"/p/bps_"))
    assert robin.page.url.startswith(stripe.url)
    expect(robin.page.get_by_role("cell", name="$19.00", exact=True)).to_be_visible()
    looks_right(robin.page)
    robin.page.get_by_role("radio", name="Is declined").check()
    robin.button("Save the card").click()
    expect(robin.page.get_by_role("radio", name="Is declined")).to_be_checked()
    robin.page.get_by_role("link", name="Back to the shop").click()
    expect(title(robin.page)).to_have_text("Billing")
    expect(balance(robin)).to_have_text("200")
    choose(robin, UP, "Upgrade for $60")
    expect(robin.page).to_have_url(INVOICE_PAGE)
