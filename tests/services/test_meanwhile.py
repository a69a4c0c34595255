"""Something happens at Stripe between two calls of ours: nobody loses what was paid, and every answer is clear."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from clients.payments import Order
from errors import AppError
from services import billing, closing, payments
from services.reconcile import reconcile
from tests.support.shops import SITE, Shop
from tests.support.tills import open_sessions, paid_at

pytestmark = pytest.mark.one_database

Deed = Callable[[], object]


def once(shop: Shop, call: str, deed: Deed) -> None:
    """Let this happen at Stripe right before it answers such a call for the first time."""
    done: list[bool] = []

    def meanwhile() -> None:
        if not done:
            done.append(True)
            deed()

    shop.stripe.fail(call, meanwhile)


def subscription_of(shop: Shop, user_id: int) -> str:
    return str(shop.wallet(user_id).stripe_subscription_id)


def price_of(shop: Shop, tier: str) -> str:
    return shop.gateway.prices([f"devops-agent:tier:{tier}"])[0].id


def refused(deed: Deed) -> AppError:
    with pytest.raises(AppError) as caught:
        deed()
    return caught.value


# --- While the facts are fetched --------------------------------------------------------------------------------------

LISTS = ["customers/*", "charges", "subscriptions", "checkout/sessions", "invoices"]


@pytest.mark.parametrize("listed", LISTS)
def test_a_plan_that_is_paid_while_the_lists_are_fetched_counts(shop: Shop, listed: str) -> None:
    user_id = shop.new_user()
    page = shop.choose(user_id, "starter")
    shop.stripe.hold = True
    once(shop, f"GET /v1/{listed}", lambda: shop.stripe.pay(page["session_id"]))
    payments.look(shop.db, shop.gateway, user_id, now=shop.now)
    shop.stripe.flush()
    assert shop.state(user_id) == ("starter", 200, 0)
    assert shop.stripe.subscriptions[subscription_of(shop, user_id)]["status"] == "active"
    shop.is_sound()


@pytest.mark.parametrize("listed", LISTS)
def test_a_pack_and_its_refund_while_the_lists_are_fetched_count(shop: Shop, listed: str) -> None:
    user_id = shop.new_user()
    page = shop.order(user_id, 100)
    shop.stripe.hold = True

    def pay_and_refund() -> None:
        shop.stripe.pay(page["session_id"])
        shop.stripe.refund(shop.stripe.payment_of(page["session_id"]) or "", 300)

    once(shop, f"GET /v1/{listed}", pay_and_refund)
    payments.look(shop.db, shop.gateway, user_id, now=shop.now)
    shop.stripe.flush("shuffled")
    assert shop.state(user_id) == ("free", 20, 70)
    shop.is_sound()


@pytest.mark.parametrize("listed", LISTS)
def test_a_renewal_while_the_lists_are_fetched_counts(shop: Shop, listed: str) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.choose(user_id, "professional")
    shop.choose(user_id, "starter")
    shop.spend(user_id, 60)
    shop.stripe.hold = True
    end = shop.wallet(user_id).current_period_end
    once(shop, f"GET /v1/{listed}", lambda: shop.stripe.advance_to(end + timedelta(hours=2)))
    payments.look(shop.db, shop.gateway, user_id, now=shop.now)
    shop.stripe.flush("shuffled")
    assert shop.state(user_id) == ("starter", 200, 0)
    assert shop.wallet(user_id).pending_tier is None
    shop.is_sound()


@pytest.mark.parametrize("listed", LISTS)
def test_a_plan_that_ends_while_another_begins_is_no_second_one(shop: Shop, listed: str) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.stripe.hold = True
    order = Order(shop.customer(user_id), price_of(shop, "professional"), "subscription", SITE, SITE, {})
    # Stripe still had a page of an earlier life of our database.
    page = shop.gateway.open_checkout(order, key="stale")

    def end_and_begin() -> None:
        ends(shop, user_id)
        shop.stripe.pay(page.id)

    once(shop, f"GET /v1/{listed}", end_and_begin)
    payments.sync(shop.db, shop.gateway, user_id, shop.customer(user_id), now=shop.now)
    shop.stripe.flush("shuffled")
    assert shop.state(user_id)[0] == "professional"
    assert paid_at(shop.stripe, user_id) == [1900, 7900]
    shop.is_sound()


# --- While a plan is changed ------------------------------------------------------------------------------------------


def ends(shop: Shop, user_id: int) -> None:
    shop.stripe.end_subscription(subscription_of(shop, user_id))


def renews(shop: Shop, user_id: int) -> None:
    shop.stripe.advance_to(shop.wallet(user_id).current_period_end + timedelta(hours=2))


CHANGES: dict[str, Callable[[Shop, int], object]] = {
    "up": lambda shop, user_id: shop.choose(user_id, "professional"),
    "down": lambda shop, user_id: shop.choose(user_id, "free"),
    "cancel": lambda shop, user_id: shop.cancel(user_id),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_plan_that_ends_while_it_is_changed_is_told_so(shop: Shop, change: str) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    once(shop, "POST /v1/subscriptions/*", lambda: ends(shop, user_id))
    assert refused(lambda: CHANGES[change](shop, user_id)).status == 409
    shop.arrive()
    assert shop.state(user_id) == ("free", 20, 0)
    # Nothing stands in the way of the next plan.
    shop.subscribe(user_id, "professional")
    assert shop.state(user_id) == ("professional", 1000, 0)
    assert paid_at(shop.stripe, user_id) == [1900, 7900]
    shop.is_sound()


def test_a_plan_that_ends_while_its_end_is_undone_is_told_so(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.cancel(user_id)
    once(shop, "POST /v1/subscriptions/*", lambda: ends(shop, user_id))
    assert refused(lambda: shop.resume(user_id)).status == 409
    shop.arrive()
    assert shop.state(user_id) == ("free", 20, 0)
    shop.is_sound()


def test_a_renewal_during_an_upgrade_refuses_it_and_the_next_click_works(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    once(shop, "POST /v1/subscriptions/*", lambda: renews(shop, user_id))
    assert refused(lambda: shop.choose(user_id, "professional")).status == 409
    shop.arrive()
    assert shop.state(user_id) == ("starter", 200, 0)
    assert shop.choose(user_id, "professional")["success"]
    assert shop.state(user_id) == ("professional", 1000, 0)
    assert paid_at(shop.stripe, user_id) == [1900, 1900, 6000]
    shop.is_sound()


def test_a_pending_change_stands_again_after_an_upgrade_that_was_refused(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.cancel(user_id)
    # The second call of the upgrade is the charge; the first one takes the cancellation back.
    shop.stripe.fail("POST /v1/subscriptions/*", lambda: None)
    once(shop, "POST /v1/subscriptions/*", lambda: renews(shop, user_id))
    assert refused(lambda: shop.choose(user_id, "professional")).status == 409
    shop.arrive()
    assert shop.wallet(user_id).cancel_at_period_end
    shop.is_sound()


def test_a_card_that_is_refused_during_an_upgrade_leaves_what_was_pending(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "professional")
    shop.choose(user_id, "starter")
    once(
        shop,
        "POST /v1/subscriptions/*",
        lambda: shop.stripe.set_card(shop.customer(user_id), "declined", retry=False),
    )
    assert refused(lambda: shop.choose(user_id, "business")).code == "payment_declined"
    shop.arrive()
    assert shop.state(user_id) == ("professional", 1000, 0)
    pending = shop.wallet(user_id).pending_tier
    assert pending is not None
    assert pending.name == "starter"
    assert paid_at(shop.stripe, user_id) == [7900]
    shop.is_sound()


def test_an_upgrade_that_never_reached_stripe_gives_back_what_was_pending(shop: Shop) -> None:
    """Stripe is away after the pending change was taken back; five minutes later the comparison puts it there again."""
    user_id = shop.new_user()
    shop.subscribe(user_id, "professional")
    shop.choose(user_id, "starter")
    shop.stripe.fail("POST /v1/subscriptions/*", lambda: None)
    shop.stripe.fail("POST /v1/subscriptions/*", "500", times=None)
    assert refused(lambda: shop.choose(user_id, "business")).status == 502
    shop.stripe.stop_failing()
    shop.stripe.advance(timedelta(minutes=6))
    reconcile(shop.db, shop.gateway, since=shop.now - timedelta(days=1), apply=True, now=shop.now)
    pending = shop.wallet(user_id).pending_tier
    assert pending is not None
    assert pending.name == "starter"
    assert shop.choose(user_id, "business")["success"]
    shop.arrive()
    assert shop.wallet(user_id).pending_tier is None
    assert len(paid_at(shop.stripe, user_id)) == 2
    shop.is_sound()


def looks(shop: Shop, user_id: int) -> None:
    payments.look(shop.db, shop.gateway, user_id, now=shop.now)


def declined_once(shop: Shop) -> int:
    """Return somebody whose upgrade was just declined, so that the downgrade that was pending stands again."""
    user_id = shop.new_user()
    shop.subscribe(user_id, "professional")
    shop.choose(user_id, "starter")
    shop.stripe.set_card(shop.customer(user_id), "declined", retry=False)
    assert refused(lambda: shop.choose(user_id, "business")).code == "payment_declined"
    return user_id


def test_a_second_try_does_not_take_the_first_ones_invoice_for_its_own(shop: Shop) -> None:
    """Events arrive while Stripe is asked for the second upgrade; the first one's invoice was voided a moment ago."""
    user_id = declined_once(shop)
    once(shop, "POST /v1/subscriptions/*", lambda: looks(shop, user_id))
    assert refused(lambda: shop.choose(user_id, "business")).code == "payment_declined"
    shop.arrive()
    pending = shop.wallet(user_id).pending_tier
    assert pending is not None
    assert pending.name == "starter"
    shop.is_sound()


def test_a_second_try_that_is_paid_counts_also_when_its_event_comes_first(shop: Shop) -> None:
    user_id = declined_once(shop)
    shop.stripe.set_card(shop.customer(user_id), "ok", retry=False)
    once(shop, "POST /v1/subscriptions/*", lambda: looks(shop, user_id))
    once(shop, "GET /v1/invoices/*", lambda: looks(shop, user_id))
    shop.choose(user_id, "business")
    shop.arrive()
    assert paid_at(shop.stripe, user_id) == [7900, 12000]
    assert shop.state(user_id) == ("business", 3000, 0)
    shop.is_sound()


def test_an_undoing_that_meets_an_upgrade_does_not_lower_what_was_just_paid(shop: Shop) -> None:
    """Both clicks saw the downgrade that was pending; the upgrade is paid before the undoing reaches Stripe."""
    user_id = shop.new_user()
    shop.subscribe(user_id, "professional")
    shop.choose(user_id, "starter")
    once(shop, "POST /v1/subscriptions/*", lambda: shop.choose(user_id, "business"))
    shop.resume(user_id)
    shop.arrive()
    assert shop.state(user_id) == ("business", 3000, 0)
    assert shop.wallet(user_id).pending_tier is None
    assert paid_at(shop.stripe, user_id) == [7900, 12000]
    renews(shop, user_id)
    shop.arrive()
    assert shop.state(user_id) == ("business", 3000, 0)
    shop.is_sound()


def test_another_upgrade_takes_the_place_of_one_that_waits(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.stripe.set_card(shop.customer(user_id), "action")
    waiting = shop.choose(user_id, "professional")["session_id"]
    shop.stripe.set_card(shop.customer(user_id), "ok", retry=False)
    assert shop.choose(user_id, "business")["success"]
    shop.arrive()
    assert shop.stripe.invoices[waiting]["status"] == "void"
    assert shop.state(user_id) == ("business", 3000, 0)
    assert paid_at(shop.stripe, user_id) == [1900, 18000]
    shop.is_sound()


def test_a_cancellation_that_meets_an_upgrade_ends_the_plan_that_was_paid(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "professional")
    shop.choose(user_id, "starter")
    once(shop, "POST /v1/subscriptions/*", lambda: shop.choose(user_id, "business"))
    shop.cancel(user_id)
    shop.arrive()
    assert shop.state(user_id) == ("business", 3000, 0)
    assert shop.wallet(user_id).cancel_at_period_end
    shop.resume(user_id)
    renews(shop, user_id)
    shop.arrive()
    assert shop.state(user_id) == ("business", 3000, 0)
    assert paid_at(shop.stripe, user_id) == [7900, 12000, 19900]
    shop.is_sound()


# --- Customers and pages that are gone --------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["pack", "plan", "portal"])
def test_a_customer_that_was_deleted_unheard_is_made_anew(shop: Shop, what: str) -> None:
    user_id = shop.new_user()
    shop.buy(user_id, 100)
    first = shop.customer(user_id)
    shop.stripe.hold = True
    shop.stripe.delete_customer(first)
    if what == "pack":
        assert shop.order(user_id, 100)["checkout_url"]
    elif what == "plan":
        assert shop.choose(user_id, "starter")["checkout_url"]
    else:
        assert billing.open_portal(shop.db, shop.gateway, user_id, site=SITE, now=shop.now)["portal_url"]
    assert shop.customer(user_id) != first
    assert shop.state(user_id) == ("free", 20, 100)
    shop.is_sound()


def test_pages_of_another_stripe_account_are_in_nobodys_way(shop: Shop) -> None:
    """The operator has changed to another account at Stripe: what was open there is not to be found here."""
    user_id = shop.new_user()
    shop.order(user_id, 100)
    shop.choose(user_id, "starter")
    for known in (shop.stripe.sessions, shop.stripe.customers):
        known.clear()
    assert shop.order(user_id, 250)["checkout_url"]
    assert shop.choose(user_id, "professional")["checkout_url"]
    closing.end_payments(shop.db, shop.gateway, user_id, now=shop.now)


def test_a_page_that_was_paid_before_another_was_opened_leaves_one_plan(shop: Shop) -> None:
    user_id = shop.new_user()
    first = shop.choose(user_id, "starter")["session_id"]
    shop.stripe.hold = True
    once(shop, "POST /v1/checkout/sessions/*/expire", lambda: shop.stripe.pay(first))
    second = shop.choose(user_id, "professional")["session_id"]
    shop.stripe.pay(second)
    shop.stripe.flush("shuffled")
    live = [one for one in shop.stripe.subscriptions.values() if one["status"] == "active"]
    assert len(live) == 1
    assert sorted(paid_at(shop.stripe, user_id)) == [0, live[0]["items"]["data"][0]["price"]["unit_amount"]]
    shop.is_sound()


def test_two_clicks_around_the_hour_open_one_page(shop: Shop) -> None:
    """Each hour Stripe is asked under another key; of two pages for one wish the second is closed."""
    user_id = shop.new_user()

    def an_hour_later() -> None:
        shop.stripe.advance(timedelta(hours=1))
        shop.order(user_id, 100)

    once(shop, "POST /v1/checkout/sessions", an_hour_later)
    page = shop.order(user_id, 100)["session_id"]
    assert open_sessions(shop.stripe, user_id) == [page]
    shop.stripe.pay(page)
    shop.arrive()
    assert shop.state(user_id) == ("free", 20, 100)
    shop.is_sound()


def test_a_price_that_the_dashboard_has_retired_is_said_plainly(shop: Shop) -> None:
    user_id = shop.new_user()
    for price in shop.stripe.prices.values():
        price["active"] = False
    assert refused(lambda: shop.order(user_id, 100)).code == "payments_not_configured"
    assert refused(lambda: shop.choose(user_id, "starter")).code == "payments_not_configured"
    assert {purchase.payment_status for purchase in shop.purchases(user_id)} == {"pending"}
    shop.is_sound()
