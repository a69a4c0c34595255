"""What Stripe refuses, or does late, keeps back nothing that was paid, and is told to the operator."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from clients.payments import PaymentsUnavailable
from models import InvoiceRole, SubscriptionTier
from services import billing_views, catalogue, credits
from services.reconcile import reconcile
from tests.services.test_plan_changes import second_page, subscription_of
from tests.support.shops import Shop
from tests.support.wallets import ledger_of

DAY = timedelta(days=1)


def look_back(shop: Shop, *, apply: bool = True) -> Any:
    """Compare the last sixty days with Stripe."""
    return reconcile(shop.db, shop.gateway, since=shop.now - 60 * DAY, apply=apply, now=shop.now)


@pytest.mark.parametrize("how", ["400", "500"])
def test_a_refund_that_is_refused_holds_up_nothing_else(shop: Shop, how: str) -> None:
    user_id = shop.new_user()
    first = shop.choose(user_id, "starter")["session_id"]
    second = second_page(shop, user_id, "business")
    shop.stripe.hold = True
    shop.stripe.pay(first)
    shop.stripe.advance(timedelta(minutes=1))
    shop.stripe.pay(second)
    shop.stripe.fail("POST /v1/refunds", how, times=None)
    shop.stripe.flush()
    assert shop.state(user_id) == ("starter", 200, 0)
    shop.stripe.hold = False
    if how == "400":
        shop.buy(user_id, 100)
        assert shop.state(user_id) == ("starter", 200, 100)
        assert any("refused to refund" in line for line in look_back(shop).unexplained)
    shop.stripe.stop_failing()
    shop.stripe.advance(timedelta(hours=2))
    assert look_back(shop).unexplained == []
    assert [refund["amount"] for refund in shop.stripe.refunds.values()] == [19900]
    shop.is_sound()


def test_a_slower_clock_brings_nothing_into_a_period_that_has_lapsed(shop: Shop) -> None:
    """Two servers a second apart: one has let the plan expire, the other does not know that the day is over."""
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    dispute_id = shop.stripe.dispute(shop.invoices(user_id)[0].stripe_payment_intent_id or "", 950)
    shop.arrive()
    shop.stripe.set_card(shop.customer(user_id), "declined")
    end = shop.wallet(user_id).current_period_end
    shop.stripe.advance_to(end + timedelta(hours=23))
    shop.arrive()
    with shop.db.write() as tx:
        credits.wake(tx, user_id, now=end + 2 * DAY, simulated=False)
    shop.stripe.close_dispute(dispute_id, won=True)
    shop.arrive()
    assert shop.wallet(user_id).plan_credits == 0
    with shop.db.write() as tx:
        credits.wake(tx, user_id, now=end + 2 * DAY, simulated=False)
    shop.stripe.set_card(shop.customer(user_id), "ok")
    shop.arrive()
    assert shop.state(user_id) == ("starter", 200, 0)
    shop.is_sound()


def test_a_renewal_that_is_paid_after_the_end_is_given_back(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.stripe.set_card(shop.customer(user_id), "declined")
    shop.stripe.advance_to(shop.wallet(user_id).current_period_end + timedelta(hours=2))
    shop.arrive()
    shop.stripe.hold = True
    owed = next(one for one in shop.stripe.invoices.values() if one["status"] == "open")
    shop.stripe.end_subscription(shop.wallet(user_id).stripe_subscription_id or "")
    shop.stripe.advance(timedelta(minutes=1))
    shop.stripe.pay_invoice(owed["id"], "ok")
    shop.stripe.flush()
    assert shop.state(user_id) == ("free", 20, 0)
    assert shop.invoices(user_id)[-1].role == InvoiceRole.DUPLICATE
    assert [refund["amount"] for refund in shop.stripe.refunds.values()] == [1900]
    shop.is_sound()


def test_what_was_paid_and_granted_nothing_is_reported(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    told = shop.gateway.facts(shop.customer(user_id)).subscriptions[0]
    price = next(one for one in shop.stripe.prices.values() if one["lookup_key"] == "devops-agent:tier:business")
    shop.gateway.raise_price(told, price["id"], since=told.period_start, key="by hand")
    shop.arrive()
    assert any("granted nothing" in line for line in look_back(shop, apply=False).unexplained)


def test_one_customer_that_cannot_be_compared_stops_no_other(shop: Shop) -> None:
    first, second = shop.new_user(), shop.new_user()
    shop.stripe.hold = True
    for user_id in (first, second):
        shop.stripe.pay(shop.order(user_id, 100)["session_id"])
    shop.stripe.held.clear()
    shop.stripe.fail("GET /v1/charges", "500", times=3)
    report = look_back(shop)
    assert len([line for line in report.unexplained if "could not be compared" in line]) == 1
    assert sorted(shop.state(user_id)[2] for user_id in (first, second)) == [0, 100]
    assert look_back(shop).unexplained == []
    assert [shop.state(user_id)[2] for user_id in (first, second)] == [100, 100]


@pytest.mark.parametrize("wish", ["cancel", "starter"])
def test_a_change_whose_call_breaks_leaves_the_one_that_was_agreed(shop: Shop, wish: str) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "professional")
    agreed = "starter" if wish == "cancel" else "free"
    shop.choose(user_id, agreed)
    shop.stripe.fail("POST /v1/subscriptions/*", "500", times=None)
    with pytest.raises(PaymentsUnavailable):
        shop.cancel(user_id) if wish == "cancel" else shop.choose(user_id, wish)
    shop.stripe.stop_failing()
    shop.stripe.advance(32 * DAY)
    shop.arrive()
    assert shop.state(user_id)[0] == agreed


def test_an_upgrade_whose_payment_is_under_way_is_not_dropped(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.stripe.set_card(shop.customer(user_id), "declined")
    invoice_id = shop.choose(user_id, "professional")["session_id"]
    shop.stripe.fail("POST /v1/invoices/*/void", "400", times=None)
    with pytest.raises(Exception, match="still being confirmed"):
        shop.resume(user_id)
    shop.stripe.stop_failing()
    shop.stripe.pay_invoice(invoice_id, "ok")
    shop.arrive()
    assert shop.state(user_id) == ("professional", 1000, 0)


def test_a_mark_that_cannot_be_made_does_not_undo_an_upgrade(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.stripe.fail("POST /v1/invoices/*", "500", times=None)
    assert shop.choose(user_id, "professional")["success"]
    assert shop.state(user_id) == ("professional", 1000, 0)


def test_a_plan_that_stripe_gave_up_can_be_ended_and_begun_anew(shop: Shop) -> None:
    shop.stripe.world.dunning = type(shop.stripe.world.dunning)(afterwards="unpaid")
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.stripe.set_card(shop.customer(user_id), "declined")
    shop.stripe.advance(50 * DAY)
    shop.arrive()
    assert subscription_of(shop, user_id)["status"] == "unpaid"
    assert shop.wallet(user_id).payment_status == "unpaid"
    shop.cancel(user_id)
    shop.arrive()
    assert shop.state(user_id)[0] == "free"
    shop.subscribe(user_id, "professional")
    assert shop.state(user_id) == ("professional", 1000, 0)
    shop.is_sound()


def test_the_page_names_what_a_subscriber_of_the_old_price_pays(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    assert [entry[0] for entry in ledger_of(shop.db, user_id)] == ["grant", "expire", "grant"]
    raise_the_price(shop, "starter", 2900)
    offers = billing_views.overview(shop.db, user_id, now=shop.now, simulated=False)["available_tiers"]
    named = {offer["name"]: (offer["paid_price"], offer["due"]) for offer in offers}
    assert named["starter"][0] == 19.0
    assert named["professional"] == (79.0, 60.0)
    shop.choose(user_id, "professional")
    assert shop.invoices(user_id)[-1].amount_paid_cents == 6000


def raise_the_price(shop: Shop, tier: str, cents: int) -> None:
    """Edit the price list and take it to Stripe."""
    with shop.db.write() as tx:
        tx.execute(update(SubscriptionTier).where(SubscriptionTier.name == tier).values(monthly_price_cents=cents))
    catalogue.sync(shop.db, shop.gateway, now=shop.now)


def test_an_older_month_that_is_paid_late_leaves_the_present_one_alone(shop: Shop) -> None:
    """It would have been voided when the next began; where Stripe refuses that, it is granted and expires at once."""
    shop.stripe.world.dunning = type(shop.stripe.world.dunning)(afterwards="past_due")
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.stripe.fail("POST /v1/invoices/*/void", "400", times=None)
    shop.stripe.set_card(shop.customer(user_id), "declined")
    shop.stripe.advance(62 * DAY)
    shop.arrive()
    older, newer = [one["id"] for one in shop.stripe.invoices.values() if one["status"] == "open"]
    shop.stripe.pay_invoice(newer, "ok")
    shop.arrive()
    shop.spend(user_id, 50)
    present = shop.wallet(user_id)
    shop.stripe.pay_invoice(older, "ok")
    shop.arrive()
    wallet = shop.wallet(user_id)
    assert (wallet.plan_credits, wallet.period_number) == (150, present.period_number)
    assert wallet.current_period_start == present.current_period_start
    assert [entry[:2] for entry in ledger_of(shop.db, user_id)[-2:]] == [("grant", 200), ("expire", -200)]
    shop.is_sound()


def test_a_page_that_is_open_beside_a_plan_is_closed(shop: Shop) -> None:
    user_id = shop.new_user()
    left_open = shop.choose(user_id, "starter")["session_id"]
    shop.stripe.pay(second_page(shop, user_id, "business"))
    shop.arrive()
    assert shop.state(user_id) == ("business", 3000, 0)
    assert shop.stripe.sessions[left_open]["status"] == "expired"


def test_a_replaced_page_that_could_not_be_closed_is_closed_later(shop: Shop) -> None:
    user_id = shop.new_user()
    first = shop.choose(user_id, "starter")["session_id"]
    shop.stripe.fail("POST /v1/checkout/sessions/*/expire", "500", times=None)
    with pytest.raises(PaymentsUnavailable):
        shop.choose(user_id, "business")
    shop.stripe.stop_failing()
    assert look_back(shop).done == [f"close checkout {first}"]
    assert shop.stripe.sessions[first]["status"] == "expired"
