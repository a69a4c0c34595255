"""Look at the billing page, and the page after a payment, as somebody does who pays with real money."""

import re
from datetime import timedelta

import pytest

from services.house import House
from services.transaction import utcnow
from tests.support import stripe_rows as rows
from tests.support.actors import Actor

real_payments = pytest.mark.parametrize("overrides", [{"stripe_secret_key": "sk_test_nothing"}], ids=["real"])
DAY = timedelta(days=1)


def words_of(page: str) -> str:
    """Return the text of a page, without its tags and line breaks."""
    return " ".join(re.sub(r"<[^>]+>", "", page).split())


@pytest.mark.one_database
@real_payments
def test_the_billing_page_leads_a_first_plan_to_the_payment_page(alice: Actor) -> None:
    page = alice.get("/billing").get_data(as_text=True)
    assert "Starter for $19</button>" in page and "Upgrade, +" not in page
    assert "The payment page comes next: $19 there, then $19 a month." in page
    assert "The 20 credits left of Free Tier end then." in page
    assert "data-portal" not in page and "Nothing bought yet." in page


@pytest.mark.one_database
@real_payments
def test_the_billing_page_charges_an_upgrade_to_the_card_on_file(alice: Actor, house: House) -> None:
    with house.db.write() as tx:
        rows.subscribe(tx, alice.id, start=utcnow() - 9 * DAY)
    page = alice.get("/billing").get_data(as_text=True)
    assert "The whole difference of $60 is charged now to the card on file, then $79 a month." in page
    assert "Upgrade for $60" in page and "data-portal" in page


@pytest.mark.one_database
@real_payments
@pytest.mark.parametrize(
    ("hours", "status", "words"),
    [
        (1, "active", "Starter is being renewed. The new credits come when the payment is confirmed."),
        (1, "past_due", "The renewal of Starter is not paid yet. Your plan credits stay usable until"),
        (30, "past_due", "Starter is paused, since its renewal is not paid."),
        (-9, "past_due", "The last payment did not go through. Starter renews once it is paid."),
    ],
)
def test_the_billing_page_says_what_a_renewal_waits_for(
    alice: Actor, house: House, hours: int, status: str, words: str
) -> None:
    end = utcnow() - timedelta(hours=hours)
    with house.db.write() as tx:
        rows.subscribe(tx, alice.id, start=end - 30 * DAY, current_period_end=end, payment_status=status)
        if status == "past_due":
            unpaid = rows.invoice(tx, alice.id, at=end, status="open")
    page = alice.get("/billing").get_data(as_text=True)
    assert words in words_of(page)
    assert "data-upgrade" not in page and "Pay the renewal first" in page and "renew once the renewal is paid" in page
    if status == "past_due":
        assert f'href="{unpaid.url}" target="_blank" rel="noopener noreferrer">Pay the invoice, $19<' in page
        assert "Change the card</button>" in page


@pytest.mark.one_database
@real_payments
def test_the_billing_page_says_that_an_upgrade_waits(alice: Actor, house: House) -> None:
    with house.db.write() as tx:
        rows.subscribe(tx, alice.id, start=utcnow() - 9 * DAY)
        rows.invoice(
            tx,
            alice.id,
            "professional",
            at=utcnow(),
            status="open",
            reason="subscription_update",
            amount_due_cents=6000,
        )
    page = alice.get("/billing").get_data(as_text=True)
    assert "Your upgrade to Professional waits for its payment. You keep Starter until $60 is paid." in words_of(page)
    assert "Pay the invoice, $60<" in page and "Drop the upgrade</button>" in page
    assert "Upgrade to Business" in page and 'data-upgrade="professional"' not in page


@pytest.mark.one_database
@real_payments
def test_the_billing_page_says_what_is_owed_before_more_is_bought(alice: Actor, house: House) -> None:
    with house.db.write() as tx:
        rows.change_wallet(tx, alice.id, pack_owed=130)
        rows.purchase(tx, alice.id, 250, at=utcnow(), refunded_cents=2000, credits_clawed_back=250)
    page = alice.get("/billing").get_data(as_text=True)
    assert "130 credits owed after the refund of the pack of 250." in words_of(page)
    assert "All 100 pay what is owed after the refund of the pack of 250, and none are added." in page
    assert "130 of them pay what is owed after the refund of the pack of 250. The other 120 are added" in page
    assert "Refunded $20</span>" in page and "250 credits taken back" in page


@pytest.mark.one_database
@real_payments
def test_the_billing_page_calms_who_left_the_payment_page(alice: Actor, house: House) -> None:
    nothing = words_of(alice.get("/billing?checkout=cancelled").get_data(as_text=True))
    assert "Nothing was charged. You left the payment page." in nothing
    with house.db.write() as tx:
        plan = rows.checkout(tx, alice.id, "starter", at=utcnow())
        bought = rows.purchase(tx, alice.id, 500, at=utcnow(), payment_status="pending")
        pack = rows.checkout(tx, alice.id, "500", at=utcnow(), buys=bought)
    page = alice.get("/billing?checkout=cancelled").get_data(as_text=True)
    assert f'href="{plan.url}">Go on paying for Starter</a>' in page
    assert f'href="{pack.url}">Go on paying for 500 credits</a>' in page
    assert "Starter is not paid yet." in words_of(alice.get("/billing").get_data(as_text=True))


@pytest.mark.one_database
@real_payments
def test_the_billing_page_folds_older_payments_away(alice: Actor, house: House) -> None:
    with house.db.write() as tx:
        for days in range(9):
            rows.invoice(tx, alice.id, at=utcnow() - days * DAY)
    page = alice.get("/billing").get_data(as_text=True)
    assert page.count('<tr>\n      <td class="when">') == 9 and "Older payments, 1</span>" in page


@pytest.mark.one_database
@real_payments
@pytest.mark.parametrize(
    ("status", "state", "words", "every"),
    [
        ("completed", "complete", "500 credits added", None),
        ("pending", "open", "The payment is being confirmed", "3"),
        ("pending", "complete", "This way of paying can take some days. You can leave this page", "30"),
        ("failed", "complete", "The payment did not go through", None),
        ("failed", "expired", "The payment page has closed", None),
    ],
)
def test_the_page_after_a_payment_says_how_it_stands(
    alice: Actor, bob: Actor, house: House, status: str, state: str, words: str, every: str | None
) -> None:
    with house.db.write() as tx:
        bought = rows.purchase(tx, alice.id, 500, at=utcnow(), payment_status=status)
        rows.checkout(tx, alice.id, "500", at=utcnow(), buys=bought, state=state, session_id="cs_1")
    page = alice.get("/billing/success?session_id=cs_1").get_data(as_text=True)
    assert words in words_of(page)
    assert re.findall(r'data-live-every="(\d+)"', page) == ([every] if every else [])
    other = bob.get("/billing/success?session_id=cs_1").get_data(as_text=True)
    assert "No payment here" in other and "500 credits" not in other
