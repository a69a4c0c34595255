"""Say what a person does at Stripe's hosted pages, and lead them past pages to where a journey begins."""

import re
from datetime import datetime, timedelta

from dateutil.relativedelta import relativedelta
from playwright.sync_api import Locator, Page, expect

from tests.fakes.stripe import FakeStripe
from tests.journeys.support import Person, fits, has_no_violations

SUCCESS = re.compile(r"/billing/success\?session_id=cs_")
PAYMENT_PAGE = re.compile(r"/c/pay/cs_")
INVOICE_PAGE = re.compile(r"/i/in_")

# --- In front of a page ---------------------------------------------------------------------------------------------


def choose(person: Person, button: str | re.Pattern[str], yes: str) -> None:
    """Click a button of the billing page and say yes to its question."""
    person.button(button).click()
    person.confirm(yes)


def pay(page: Page, card: str = "Succeeds") -> None:
    """Pay on a hosted page, which may be a checkout or an invoice, with one of its cards."""
    page.get_by_role("radio", name=card).check()
    page.get_by_role("button", name=re.compile(r"^Pay \$")).click()


def title(page: Page) -> Locator:
    """Return what a page says it is about."""
    return page.get_by_role("heading", level=1)


def rows(person: Person) -> Locator:
    """Return the payments that the billing page lists, the newest first."""
    return person.page.locator("#purchase-list tbody tr")


def cells(person: Person) -> Locator:
    """Return what the billing page says of the latest payment: date, what for, state, its paper, the amount."""
    return rows(person).first.get_by_role("cell")


def note(person: Person, words: str) -> Locator:
    """Return the note of the billing page with these words."""
    return person.page.get_by_role("note").filter(has_text=words)


def balance(person: Person) -> Locator:
    """Return where the billing page says how many credits are left."""
    return person.page.locator("[data-balance]")


def plan(person: Person, tier: str) -> Locator:
    """Return a plan's card on the billing page."""
    return person.page.locator(f"[data-tier={tier}]")


def opens(person: Person, link: Locator) -> Page:
    """Follow a link that leads to a tab of its own, and return that tab."""
    with person.context.expect_page() as tab:
        link.click()
    return tab.value


def comes_back(person: Person) -> None:
    """Look at the first tab again; a headless browser has no focus that could move."""
    person.page.bring_to_front()
    person.page.evaluate("window.dispatchEvent(new Event('focus'))")


def looks_right(page: Page) -> None:
    """Check that a state has no barrier, light and dark, and fits a phone."""
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        has_no_violations(page)
    wide = page.viewport_size
    page.set_viewport_size({"width": 390, "height": 844})
    fits(page)
    if wide is not None:
        page.set_viewport_size(wide)


# --- Past the pages -------------------------------------------------------------------------------------------------


def subscribed(person: Person, stripe: FakeStripe, tier: str = "starter") -> Person:
    """Let the person pay for a plan, and open the billing page."""
    opened = person.api("POST", "/api/subscription/create-checkout", {"tier_name": tier})
    assert stripe.pay(opened["session_id"]) == "complete"
    return seen(person, stripe)


def bought(person: Person, stripe: FakeStripe, size: int) -> str:
    """Let the person pay for a pack, and return the payment."""
    opened = person.api("POST", "/api/credits/create-checkout", {"pack_size": size})
    assert stripe.pay(opened["session_id"]) == "complete"
    stripe.wait_delivered()
    return payment_of(stripe, opened["session_id"])


def payment_of(stripe: FakeStripe, identity: str) -> str:
    """Return the payment of a payment page or an invoice."""
    found = stripe.payment_of(identity)
    assert found is not None
    return found


def seen(person: Person, stripe: FakeStripe) -> Person:
    """Open the billing page when all that has happened is told."""
    stripe.wait_delivered()
    expect(person.goto("/billing").page).to_have_title(re.compile("Billing"))
    return person


def only_customer(stripe: FakeStripe) -> str:
    """Return the only person whom Stripe knows."""
    (customer,) = stripe.customers
    return customer


# --- Time -----------------------------------------------------------------------------------------------------------


def subscribed_until(person: Person, stripe: FakeStripe, end: datetime, tier: str = "starter") -> Person:
    """Let the person have paid for months of which the last one ends then, a minute from where Stripe's clock stands.

    Not every day has its like a month before, so a plan may have begun earlier and been renewed since.
    """
    months = next(n for n in range(1, 12) if end - relativedelta(months=n) + relativedelta(months=n) == end)
    stripe.forget_people(end - relativedelta(months=months))
    subscribed(person, stripe, tier)
    stripe.advance_to(end - timedelta(minutes=1))
    return seen(person, stripe)


def month_ends(person: Person, stripe: FakeStripe) -> Person:
    """Let a minute pass at Stripe, in which the month ends, and look at the billing page."""
    stripe.advance(timedelta(minutes=2))
    return seen(person, stripe)
