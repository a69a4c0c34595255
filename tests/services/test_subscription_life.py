"""The life of a subscription that is paid through Stripe: its credits come with paid invoices and with nothing else."""

from datetime import timedelta

import pytest

from errors import AppError
from tests.support.shops import Shop
from tests.support.wallets import ledger_of

MONTH = timedelta(days=31)


def test_a_first_payment_begins_the_plan(shop: Shop) -> None:
    user_id = shop.new_user()
    page = shop.choose(user_id, "starter")
    assert (page["success"], page["checkout_url"].startswith("http")) == (False, True)
    assert shop.state(user_id) == ("free", 20, 0)
    shop.stripe.pay(page["session_id"])
    shop.arrive()
    assert shop.state(user_id) == ("starter", 200, 0)
    assert [entry[:2] for entry in ledger_of(shop.db, user_id)] == [("grant", 20), ("expire", -20), ("grant", 200)]
    wallet = shop.wallet(user_id)
    item = shop.stripe.subscriptions[wallet.stripe_subscription_id or ""]["items"]["data"][0]
    assert wallet.current_period_start.timestamp() == item["current_period_start"]
    assert wallet.current_period_end.timestamp() == item["current_period_end"]
    shop.is_sound()


def test_a_renewal_brings_the_allotment_once(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.spend(user_id, 50)
    shop.stripe.advance_to(shop.wallet(user_id).current_period_end + timedelta(hours=2))
    shop.arrive()
    assert shop.state(user_id) == ("starter", 200, 0)
    assert shop.wallet(user_id).credits_used_this_month == 0
    assert [invoice.reason for invoice in shop.invoices(user_id)] == ["subscription_create", "subscription_cycle"]
    shop.is_sound()


def test_an_upgrade_charges_the_whole_difference_and_gives_the_whole_bonus(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.spend(user_id, 50)
    shop.stripe.advance(timedelta(days=20))
    answer = shop.choose(user_id, "professional")
    assert answer["success"]
    assert answer["credits_remaining"] == 150 + 800
    assert shop.state(user_id) == ("professional", 950, 0)
    shop.arrive()
    assert shop.state(user_id) == ("professional", 950, 0)
    assert shop.invoices(user_id)[-1].amount_paid_cents == 7900 - 1900
    shop.is_sound()


def test_a_downgrade_follows_the_next_paid_invoice(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "professional")
    answer = shop.choose(user_id, "starter")
    assert answer["subscription"]["pending_tier"]["name"] == "starter"
    assert shop.state(user_id) == ("professional", 1000, 0)
    shop.stripe.advance_to(shop.wallet(user_id).current_period_end + timedelta(hours=2))
    shop.arrive()
    assert shop.state(user_id) == ("starter", 200, 0)
    assert shop.wallet(user_id).pending_tier is None
    assert shop.invoices(user_id)[-1].amount_paid_cents == 1900
    shop.is_sound()


def test_a_cancelled_plan_ends_with_its_period(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.buy(user_id, 100)
    assert shop.cancel(user_id)["subscription"]["cancel_at_period_end"]
    with pytest.raises(AppError, match="no plan to cancel"):
        shop.cancel(user_id)
    end = shop.wallet(user_id).current_period_end
    shop.stripe.advance_to(end + timedelta(hours=2))
    shop.arrive()
    assert shop.state(user_id) == ("free", 20, 100)
    assert shop.wallet(user_id).current_period_start == end
    shop.is_sound()


def test_an_undone_cancellation_goes_on(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.cancel(user_id)
    assert not shop.resume(user_id)["subscription"]["cancel_at_period_end"]
    shop.stripe.advance(MONTH + timedelta(days=1))
    shop.arrive()
    assert shop.state(user_id) == ("starter", 200, 0)


def test_a_failed_renewal_leaves_a_day_of_grace_and_mints_nothing(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.buy(user_id, 100)
    shop.stripe.set_card(shop.customer(user_id), "declined")
    end = shop.wallet(user_id).current_period_end
    shop.stripe.advance_to(end + timedelta(hours=2))
    shop.arrive()
    assert shop.wallet(user_id).payment_status == "past_due"
    assert shop.state(user_id) == ("starter", 200, 100)
    with pytest.raises(AppError) as refused:
        shop.choose(user_id, "professional")
    assert refused.value.code == "renewal_unpaid"
    shop.stripe.advance_to(end + timedelta(hours=25))
    shop.arrive()
    assert shop.state(user_id) == ("starter", 0, 100)
    shop.stripe.set_card(shop.customer(user_id), "ok")
    shop.arrive()
    assert shop.state(user_id) == ("starter", 200, 100)
    assert shop.wallet(user_id).payment_status == "active"
    shop.is_sound()


def test_the_end_of_an_unpaid_plan_leaves_free_and_the_packs(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.buy(user_id, 250)
    shop.stripe.set_card(shop.customer(user_id), "declined")
    shop.stripe.advance(timedelta(days=90))
    shop.arrive()
    tier, plan, pack = shop.state(user_id)
    assert (tier, plan, pack) == ("free", 20, 250)
    assert {invoice.status for invoice in shop.invoices(user_id)} == {"paid", "void"}
    shop.is_sound()


def test_a_full_refund_of_a_pack_leaves_a_debt_that_the_next_pack_pays(shop: Shop) -> None:
    user_id = shop.new_user()
    session_id = shop.buy(user_id, 100)
    shop.spend(user_id, 50)
    shop.stripe.refund(shop.stripe.payment_of(session_id) or "")
    shop.arrive()
    wallet = shop.wallet(user_id)
    assert (wallet.pack_credits, wallet.pack_owed) == (0, 30)
    shop.buy(user_id, 250)
    wallet = shop.wallet(user_id)
    assert (wallet.pack_credits, wallet.pack_owed) == (220, 0)
    shop.is_sound()


def test_partial_refunds_add_up_and_a_won_dispute_gives_back(shop: Shop) -> None:
    user_id = shop.new_user()
    session_id = shop.buy(user_id, 100)
    payment_id = shop.stripe.payment_of(session_id) or ""
    shop.stripe.refund(payment_id, 333)
    shop.arrive()
    assert shop.wallet(user_id).pack_credits == 67
    dispute_id = shop.stripe.dispute(payment_id)
    shop.arrive()
    assert shop.wallet(user_id).pack_credits == 0
    shop.stripe.close_dispute(dispute_id, won=True)
    shop.arrive()
    assert shop.wallet(user_id).pack_credits == 67
    shop.is_sound()
