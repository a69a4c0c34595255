"""Walk through the fake Stripe's hosted pages as a browser without scripts does."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.shop import MONTH, NOON, Shop


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe(now=NOON) as server:
        yield server


@pytest.fixture
def shop(fake: FakeStripe) -> Shop:
    return Shop(fake)


def seen(address: str) -> str:
    answer = requests.get(address, timeout=10)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    assert not re.search(r'(src|href)="https?://(?!127\.0\.0\.1|shop\.test)', answer.text)
    return answer.text


def sent(address: str, **form: str) -> Any:
    answer = requests.post(address, data=form, timeout=10, allow_redirects=False)
    assert answer.status_code == 303
    return answer.headers["location"]


def test_a_page_shows_what_is_bought_and_takes_the_money(fake: FakeStripe, shop: Shop) -> None:
    page = shop.page(shop.small)
    text = seen(page.url)
    assert "Plans" in text and "Pay $9.00" in text and 'href="http://shop.test/back"' in text
    assert sent(page.url, card="ok") == f"http://shop.test/done?session={page.id}"
    assert "complete" in seen(page.url)


def test_a_page_says_that_a_card_is_declined(fake: FakeStripe, shop: Shop) -> None:
    page = shop.page(shop.pack, "payment")
    again = sent(page.url, card="declined")
    assert "was declined" in seen(fake.url + again)
    assert fake.sessions[page.id]["status"] == "open"


def test_a_page_asks_the_bank(fake: FakeStripe, shop: Shop) -> None:
    page = shop.page(shop.small)
    assert "is it you?" in seen(fake.url + sent(page.url, card="action"))
    assert "was refused" in seen(fake.url + sent(page.url, auth="no"))
    sent(page.url, card="action")
    assert sent(page.url, auth="yes").startswith("http://shop.test/done")


def test_an_open_invoice_is_paid_on_its_page(fake: FakeStripe, shop: Shop) -> None:
    shop.subscribe()
    fake.set_card(shop.customer, "declined")
    fake.advance(MONTH)
    address = shop.invoices()[-1].hosted_invoice_url
    assert "Pay $9.00" in seen(address)
    sent(address, card="ok")
    assert "Paid on 28 February 2026" in seen(address) or "Paid on 3 March 2026" in seen(address)
    assert "Receipt" in seen(shop.v1.charges.list().data[0].receipt_url)  # type: ignore[arg-type]


def test_the_portal_changes_the_card_and_ends_the_plan(fake: FakeStripe, shop: Shop) -> None:
    subscription = shop.subscribe()
    names = ("subscription_cancel", "payment_method_update", "invoice_history")
    features: Any = {name: {"enabled": True} for name in names}
    shop.v1.billing_portal.configurations.create({"features": features})
    address = shop.v1.billing_portal.sessions.create({"customer": shop.customer, "return_url": "http://shop.test/"}).url
    assert "Renews on 28 February 2026" in seen(address)
    sent(address, cancel="yes", subscription=subscription.id)
    assert "Ends on 28 February 2026" in seen(address)
    sent(address, cancel="no", subscription=subscription.id)
    sent(address, card="declined")
    fake.advance(MONTH)
    text = seen(address)
    assert "past_due" in text and text.count('<a href="/i/in_') == 2


def test_the_portal_offers_only_what_it_is_set_up_for(fake: FakeStripe, shop: Shop) -> None:
    subscription = shop.subscribe()
    shop.v1.billing_portal.configurations.create({"features": {"invoice_history": {"enabled": True}}})
    address = shop.v1.billing_portal.sessions.create({"customer": shop.customer}).url
    assert "Cancel" not in seen(address) and "Save the card" not in seen(address)
    sent(address, cancel="yes", subscription=subscription.id)
    assert not shop.subscription().cancel_at_period_end


def test_the_control_page_does_what_a_dashboard_does(fake: FakeStripe, shop: Shop) -> None:
    control = f"{fake.url}/control"
    page = shop.page(shop.pack, "payment")
    sent(page.url, card="late")
    payment = str(fake.payment_of(page.id))
    assert "It arrives" in seen(control)
    sent(control, deed="settle", id=payment, ok="yes")
    sent(control, deed="refund", id=payment, amount="2.50")
    assert "$2.50 refunded" in seen(control)
    sent(control, deed="dispute", id=payment)
    sent(control, deed="close", id=next(iter(fake.disputes)), won="yes")
    sent(control, deed="month", id="")
    assert fake.now.month == 2 and fake.sessions[page.id]["payment_status"] == "paid"
    assert "charge.dispute.closed" in seen(control)


def test_there_is_no_other_page(fake: FakeStripe) -> None:
    assert requests.get(f"{fake.url}/c/pay/cs_none", timeout=10).status_code == 404
    assert requests.get(f"{fake.url}/other", timeout=10).status_code == 404
