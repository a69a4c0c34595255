"""Let the month end: renewed, cancelled, or declined and mended. Stripe's clock moves; the shop's is the real one."""

from datetime import timedelta

from playwright.sync_api import expect

from services.transaction import utcnow
from tests.fakes.stripe import FakeStripe
from tests.journeys.payments.deeds import (
    balance,
    bought,
    comes_back,
    looks_right,
    month_ends,
    note,
    only_customer,
    opens,
    pay,
    plan,
    rows,
    seen,
    subscribed,
    subscribed_until,
    title,
)
from tests.journeys.support import Person

AN_HOUR_AHEAD, AN_HOUR_AGO, TWO_DAYS_AGO = timedelta(hours=1), timedelta(hours=-1), timedelta(days=-2)
UNPAID = "The renewal of Starter is not paid yet."
PAUSED = "Starter is paused, since its renewal is not paid."


def subscribed_with_a_pack(person: Person, stripe: FakeStripe, ends: timedelta, tier: str = "starter") -> Person:
    """Let the person have a plan whose month ends then, and a pack of 100."""
    subscribed_until(person, stripe, utcnow().replace(microsecond=0) + ends, tier)
    bought(person, stripe, 100)
    return seen(person, stripe)


def test_a_renewal_fills_the_credits_up(robin: Person, stripe: FakeStripe) -> None:
    subscribed_with_a_pack(robin, stripe, AN_HOUR_AHEAD)
    robin.spend_down_to(297)
    before = len(stripe.invoices)
    month_ends(robin, stripe)
    expect(balance(robin)).to_have_text("300")
    expect(robin.page.get_by_text("0 of 200 used")).to_be_visible()
    expect(rows(robin).filter(has_text="Starter,")).to_have_count(before + 1)
    expect(rows(robin).first).to_contain_text("Paid")


def test_a_downgrade_comes_with_the_renewal(robin: Person, stripe: FakeStripe) -> None:
    subscribed_with_a_pack(robin, stripe, AN_HOUR_AHEAD, "professional")
    down = plan(robin, "starter").get_by_role("button", name="Move on")
    words = down.inner_text()
    down.click()
    robin.confirm(words)
    expect(plan(robin, "starter")).to_contain_text("Comes next")
    expect(balance(robin)).to_have_text("1,100")
    month_ends(robin, stripe)
    expect(plan(robin, "starter")).to_contain_text("Your plan")
    expect(balance(robin)).to_have_text("300")
    expect(rows(robin).first).to_contain_text("$19")


def test_a_cancelled_plan_ends_with_its_period_and_packs_stay(robin: Person, stripe: FakeStripe) -> None:
    subscribed(robin, stripe)
    bought(robin, stripe, 100)
    seen(robin, stripe).button("Cancel plan").click()
    robin.question.get_by_role("button", name="Cancel on").click()
    expect(note(robin, "Starter ends on")).to_be_visible()
    expect(balance(robin)).to_have_text("300")
    stripe.advance(timedelta(days=32))
    seen(robin, stripe)
    expect(plan(robin, "free")).to_contain_text("Your plan")
    expect(balance(robin)).to_have_text("120")
    expect(robin.page.get_by_text("100 from packs, never expire")).to_be_visible()
    expect(robin.button("Starter for $19 a month, 200 credits")).to_be_visible()
    assert [one["status"] for one in stripe.subscriptions.values()] == ["canceled"]
    looks_right(robin.page)


def test_a_declined_renewal_is_paid_by_its_invoice(robin: Person, stripe: FakeStripe) -> None:
    subscribed_with_a_pack(robin, stripe, AN_HOUR_AGO)
    stripe.set_card(only_customer(stripe), "declined")
    month_ends(robin, stripe)
    expect(note(robin, UNPAID)).to_contain_text("Your plan credits stay usable until")
    expect(plan(robin, "professional")).to_contain_text("Pay the renewal first")
    expect(robin.page.locator("[data-upgrade]")).to_have_count(0)
    expect(balance(robin)).to_have_text("300")
    looks_right(robin.page)
    invoice = opens(robin, note(robin, UNPAID).get_by_role("link", name="Pay the invoice, $19"))
    pay(invoice)
    expect(invoice.get_by_role("heading", name="Paid on")).to_be_visible()
    stripe.wait_delivered()
    comes_back(robin)
    is_active_again(robin)
    expect(balance(robin)).to_have_text("300")


def test_a_declined_renewal_pauses_the_plan_until_the_card_is_mended(robin: Person, stripe: FakeStripe) -> None:
    subscribed_with_a_pack(robin, stripe, TWO_DAYS_AGO)
    stripe.set_card(only_customer(stripe), "declined")
    month_ends(robin, stripe)
    expect(note(robin, PAUSED)).to_contain_text("Credits from packs stay usable.")
    expect(robin.page.locator("[data-upgrade]")).to_have_count(0)
    expect(balance(robin)).to_have_text("100")
    looks_right(robin.page)
    robin.goto("/chat").ask("paid by the pack")
    expect(robin.count).to_have_text("99")
    robin.goto("/billing")
    note(robin, PAUSED).get_by_role("button", name="Change the card").click()
    expect(title(robin.page)).to_have_text("Your plan")
    robin.page.get_by_role("radio", name="Succeeds").check()
    robin.button("Save the card").click()
    expect(robin.page.get_by_role("cell", name="paid", exact=True)).to_have_count(len(stripe.invoices))
    stripe.wait_delivered()
    robin.page.get_by_role("link", name="Back to the shop").click()
    is_active_again(robin)
    expect(balance(robin)).to_have_text("299")


def is_active_again(person: Person) -> None:
    expect(person.button("Upgrade to Professional, 800 credits more now")).to_be_visible()
    for words in (UNPAID, PAUSED):
        expect(note(person, words)).to_have_count(0)
    expect(rows(person).filter(has_text="Waiting for payment")).to_have_count(0)
    assert person.subscription()["payment_status"] == "active"
