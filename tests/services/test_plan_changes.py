"""Plans that change through Stripe: nobody pays for what they do not get, and nothing that was pending is lost."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, update

from clients.payments import Order
from errors import AppError
from models import InvoiceRole, StripeRaise
from services import accounts, billing, checkouts, passwords, payments
from services.stripe_records import account_mark
from tests.support.shops import SITE, Shop
from tests.support.wallets import SIMULATED

DAY = timedelta(days=1)


def subscription_of(shop: Shop, user_id: int) -> dict[str, Any]:
    """Return the user's subscription as Stripe has it."""
    return shop.stripe.subscriptions[shop.wallet(user_id).stripe_subscription_id or ""]


def test_an_upgrade_that_needs_the_payer_waits_for_its_invoice(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.stripe.set_card(shop.customer(user_id), "action")
    answer = shop.choose(user_id, "professional")
    assert (answer["success"], answer["checkout_url"]) == (
        False,
        shop.stripe.invoices[answer["session_id"]]["hosted_invoice_url"],
    )
    assert shop.choose(user_id, "professional")["session_id"] == answer["session_id"]
    shop.arrive()
    assert shop.state(user_id) == ("starter", 200, 0)
    shop.stripe.pay_invoice(answer["session_id"], "ok")
    shop.arrive()
    assert shop.state(user_id) == ("professional", 1000, 0)
    shop.is_sound()


def test_an_upgrade_that_nobody_pays_leaves_everything_as_it_was(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.stripe.set_card(shop.customer(user_id), "declined")
    answer = shop.choose(user_id, "business")
    assert not answer["success"]
    shop.stripe.advance(2 * DAY)
    shop.arrive()
    assert shop.stripe.invoices[answer["session_id"]]["status"] == "void"
    assert shop.state(user_id) == ("starter", 200, 0)
    shop.stripe.set_card(shop.customer(user_id), "ok")
    shop.stripe.advance(31 * DAY)
    shop.arrive()
    assert shop.state(user_id) == ("starter", 200, 0)
    assert shop.invoices(user_id)[-1].amount_paid_cents == 1900


@pytest.mark.parametrize("pending", ["starter", "free"])
def test_a_declined_upgrade_keeps_what_was_pending(shop: Shop, pending: str) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "professional")
    shop.choose(user_id, pending)
    shop.stripe.set_card(shop.customer(user_id), "declined")
    with pytest.raises(AppError) as refused:
        shop.choose(user_id, "business")
    assert (refused.value.status, refused.value.code) == (402, "payment_declined")
    shop.arrive()
    wallet = shop.wallet(user_id)
    assert (wallet.tier.name, wallet.pending_tier.name if wallet.pending_tier else None) == ("professional", pending)
    subscription = subscription_of(shop, user_id)
    assert subscription["cancel_at_period_end"] == (pending == "free")
    assert subscription["pending_update"] is None
    shop.stripe.set_card(shop.customer(user_id), "ok")
    shop.stripe.advance(32 * DAY)
    shop.arrive()
    assert shop.state(user_id)[0] == pending


def test_an_upgrade_clears_what_was_pending(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "professional")
    shop.choose(user_id, "starter")
    answer = shop.choose(user_id, "business")
    assert answer["success"]
    assert answer["subscription"]["pending_tier"] is None
    assert shop.invoices(user_id)[-1].amount_paid_cents == 19900 - 7900
    assert shop.state(user_id) == ("business", 3000, 0)


def test_the_present_tier_undoes_and_then_has_nothing_to_undo(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "professional")
    shop.choose(user_id, "starter")
    assert shop.choose(user_id, "professional")["subscription"]["pending_tier"] is None
    with pytest.raises(AppError) as refused:
        shop.choose(user_id, "professional")
    assert refused.value.code == "already_on_tier"
    shop.stripe.advance(32 * DAY)
    shop.arrive()
    assert shop.state(user_id) == ("professional", 1000, 0)


def test_a_cancel_replaces_a_downgrade_and_resume_does_not_revive_it(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "professional")
    shop.choose(user_id, "starter")
    shop.cancel(user_id)
    answer = shop.resume(user_id)["subscription"]
    assert (answer["pending_tier"], answer["cancel_at_period_end"]) == (None, False)
    assert shop.resume(user_id)["message"] == "Nothing was pending."


def test_resume_gives_up_an_upgrade_that_waits(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.stripe.set_card(shop.customer(user_id), "declined")
    invoice_id = shop.choose(user_id, "professional")["session_id"]
    assert shop.resume(user_id)["message"] == "You stay on Starter."
    assert shop.stripe.invoices[invoice_id]["status"] == "void"


def test_up_down_and_up_again_pays_once_for_each_period(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.choose(user_id, "professional")
    shop.choose(user_id, "starter")
    shop.choose(user_id, "professional")
    assert [invoice.amount_paid_cents for invoice in shop.invoices(user_id)] == [1900, 6000]
    assert shop.state(user_id) == ("professional", 1000, 0)


def test_an_update_that_we_did_not_make_grants_nothing(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    told = shop.gateway.facts(shop.customer(user_id)).subscriptions[0]
    price = next(price for price in shop.stripe.prices.values() if price["lookup_key"] == "devops-agent:tier:business")
    shop.gateway.raise_price(told, price["id"], since=told.period_start, key="from-the-dashboard")
    shop.arrive()
    assert shop.invoices(user_id)[-1].role == InvoiceRole.FOREIGN
    tier, plan, _ = shop.state(user_id)
    assert (tier, plan) == ("starter", 200)
    shop.is_sound()


def test_nobody_gets_a_second_subscription(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    with pytest.raises(AppError) as refused:
        billing.open_plan_checkout(shop.db, shop.gateway, user_id, tier_name="business", site=SITE, now=shop.now)
    assert refused.value.code == "already_subscribed"


def second_page(shop: Shop, user_id: int, tier: str) -> str:
    """Open a payment page past the product, as an old tab or a race would leave one, and return its id."""
    price = next(one for one in shop.stripe.prices.values() if one["lookup_key"] == f"devops-agent:tier:{tier}")
    with shop.db.read() as tx:
        mark = account_mark(tx.get_one(accounts.User, user_id))
    order = Order(shop.customer(user_id), price["id"], "subscription", SITE, SITE, {"account": mark, "tier": tier})
    return shop.gateway.open_checkout(order, key=f"second-{user_id}-{tier}").id


@pytest.mark.parametrize("order", [None, "reversed"])
def test_a_second_subscription_that_got_paid_is_cancelled_and_refunded(shop: Shop, order: str | None) -> None:
    user_id = shop.new_user()
    first = shop.choose(user_id, "starter")["session_id"]
    second = second_page(shop, user_id, "business")
    shop.stripe.hold = True
    shop.stripe.pay(first)
    shop.stripe.advance(timedelta(minutes=5))
    shop.stripe.pay(second)
    shop.stripe.flush(order)
    shop.stripe.flush()
    assert shop.state(user_id) == ("starter", 200, 0)
    twin = shop.stripe.subscriptions[shop.stripe.sessions[second]["subscription"]]
    assert twin["status"] == "canceled"
    assert [refund["amount"] for refund in shop.stripe.refunds.values()] == [19900]
    assert subscription_of(shop, user_id)["status"] == "active"
    shop.is_sound()


def test_a_new_checkout_closes_the_open_one(shop: Shop) -> None:
    user_id = shop.new_user()
    first = shop.choose(user_id, "starter")["session_id"]
    assert shop.choose(user_id, "starter")["session_id"] == first
    second = shop.choose(user_id, "business")["session_id"]
    assert shop.stripe.sessions[first]["status"] == "expired"
    assert shop.stripe.sessions[second]["status"] == "open"


def test_a_page_that_was_left_loses_nothing(shop: Shop) -> None:
    user_id = shop.new_user()
    session_id = shop.order(user_id, 100)["session_id"]
    shop.stripe.expire(session_id)
    shop.arrive()
    assert [purchase.payment_status for purchase in shop.purchases(user_id)] == ["failed"]
    assert shop.state(user_id) == ("free", 20, 0)
    shop.buy(user_id, 100)
    assert shop.state(user_id) == ("free", 20, 100)


@pytest.mark.parametrize(("ok", "packs"), [(True, 100), (False, 0)])
def test_a_delayed_payment_brings_credits_when_it_has_come(shop: Shop, ok: bool, packs: int) -> None:
    user_id = shop.new_user()
    session_id = shop.buy(user_id, 100, "late")
    assert shop.state(user_id) == ("free", 20, 0)
    assert shop.purchases(user_id)[0].payment_status == "pending"
    shop.stripe.settle_late(session_id, ok)
    shop.arrive()
    assert shop.state(user_id) == ("free", 20, packs)
    assert shop.purchases(user_id)[0].payment_status == ("completed" if ok else "failed")


def test_a_deleted_customer_ends_the_plan_and_a_new_one_can_pay(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    former = shop.customer(user_id)
    shop.stripe.delete_customer(former)
    shop.arrive()
    assert shop.state(user_id) == ("free", 20, 0)
    assert shop.wallet(user_id).stripe_customer_id is None
    shop.subscribe(user_id, "professional")
    assert shop.state(user_id) == ("professional", 1000, 0)
    assert shop.customer(user_id) != former
    shop.is_sound()


def test_a_deleted_account_pays_no_more(shop: Shop) -> None:
    user_id = shop.new_user()
    with shop.db.write() as tx:
        tx.get_one(accounts.User, user_id).password_hash = passwords.hash_password("correct horse battery")
    shop.subscribe(user_id, "starter")
    page = shop.order(user_id, 100)["session_id"]
    subscription_id = shop.wallet(user_id).stripe_subscription_id or ""
    key = b"k" * 32
    accounts.delete_account(shop.db, shop.gateway, user_id, "correct horse battery", address_key=key, now=shop.now)
    shop.arrive()
    assert shop.stripe.subscriptions[subscription_id]["status"] == "canceled"
    assert shop.stripe.sessions[page]["status"] == "expired"
    shop.is_sound()


def test_an_account_is_not_deleted_while_its_subscription_cannot_be_ended(shop: Shop) -> None:
    user_id = shop.new_user()
    with shop.db.write() as tx:
        tx.get_one(accounts.User, user_id).password_hash = passwords.hash_password("correct horse battery")
    shop.subscribe(user_id, "starter")
    shop.stripe.fail("DELETE /v1/subscriptions/*", "500", times=None)
    key = b"k" * 32
    with pytest.raises(AppError) as refused:
        accounts.delete_account(shop.db, shop.gateway, user_id, "correct horse battery", address_key=key, now=shop.now)
    assert refused.value.status == 502
    with shop.db.read() as tx:
        assert tx.get_one(accounts.User, user_id).deleted_at is None


def test_a_plan_of_play_money_ends_with_its_period(shop: Shop) -> None:
    user_id = shop.new_user()
    billing.choose_tier(shop.db, SIMULATED, user_id, tier_name="business", now=shop.now)
    assert shop.state(user_id) == ("business", 3000, 0)
    shop.stripe.advance(32 * DAY)
    assert shop.state(user_id) == ("free", 20, 0)


def test_a_refunded_plan_gives_its_credits_back_in_its_own_period_only(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.spend(user_id, 150)
    payment_id = shop.invoices(user_id)[0].stripe_payment_intent_id or ""
    shop.stripe.refund(payment_id, 950)
    shop.arrive()
    wallet = shop.wallet(user_id)
    assert (wallet.plan_credits, wallet.plan_owed) == (0, 50)
    shop.stripe.advance(32 * DAY)
    shop.arrive()
    assert (shop.state(user_id), shop.wallet(user_id).plan_owed) == (("starter", 200, 0), 0)
    shop.stripe.refund(payment_id)
    shop.arrive()
    assert shop.state(user_id) == ("starter", 200, 0)
    shop.is_sound()


def test_a_customer_is_made_once_and_found_again(shop: Shop) -> None:
    user_id = shop.new_user()
    made = {checkouts.customer_of(shop.db, shop.gateway, user_id, now=shop.now) for _ in range(3)}
    assert made == set(shop.stripe.customers)
    assert len(made) == 1


def test_an_upgrade_to_what_the_dashboard_has_set_is_charged_all_the_same(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    told = shop.gateway.facts(shop.customer(user_id)).subscriptions[0]
    price = next(one for one in shop.stripe.prices.values() if one["lookup_key"] == "devops-agent:tier:business")
    shop.gateway.set_coming(told, price["id"], cancel=False, key="from the dashboard")
    shop.arrive()
    answer = shop.choose(user_id, "business")
    assert (answer["success"], answer["message"]) == (True, "You are on Business now. 2,800 credits added.")
    assert [invoice.amount_paid_cents for invoice in shop.invoices(user_id)] == [1900, 18000]
    assert shop.state(user_id) == ("business", 3000, 0)


def test_an_invoice_whose_number_is_written_down_while_it_is_looked_up_counts(shop: Shop) -> None:
    """The event of an upgrade may be handled in another process at the moment in which this one learns the number."""
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.stripe.hold = True
    looked: list[str] = []

    def write_down(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if looked or not statement.startswith("SELECT") or "stripe_raises.stripe_invoice_id =" not in statement:
            return
        looked.append(statement)
        if shop.db.engine.dialect.name == "postgresql":  # In SQLite whoever writes waits for the end of the look.
            number = update(StripeRaise).values(stripe_invoice_id=list(shop.stripe.invoices)[-1])
            with shop.db.engine.connect() as other:
                other.execute(number)
                other.commit()

    def handle_the_event() -> None:
        if not looked:
            event.listen(shop.db.engine, "after_cursor_execute", write_down)
            payments.look(shop.db, shop.gateway, user_id, now=shop.now)
            event.remove(shop.db.engine, "after_cursor_execute", write_down)

    shop.stripe.fail("GET /v1/invoices/*", handle_the_event)
    assert shop.choose(user_id, "business")["message"] == "You are on Business now. 2,800 credits added."
    assert looked
    shop.stripe.flush()
    assert shop.state(user_id) == ("business", 3000, 0)
    shop.is_sound()
