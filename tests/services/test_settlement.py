"""Small lives in which something went wrong once; what finds more of them is `test_payment_lives.py`."""

from datetime import timedelta

from services.reconcile import Report, reconcile
from tests.support.lives import Life, Setting
from tests.support.shops import Shop


def newcomer(shop: Shop) -> Life:
    """Sign somebody up whose events are all lost."""
    shop.stripe.hold = True
    return Life(shop, Setting(shop.now), user_id=shop.new_user())


def catch_up(shop: Shop) -> Report:
    """Bring what was missed, and check that this was all."""
    shop.stripe.held.clear()
    report, again = (_reconcile(shop), _reconcile(shop))
    assert again.agrees, again
    shop.is_sound()
    return report


def _reconcile(shop: Shop) -> Report:
    return reconcile(shop.db, shop.gateway, since=shop.now - timedelta(days=90), apply=True, now=shop.now)


def refunded(shop: Shop) -> list[int]:
    """Return what was given back of each charge."""
    return [charge["amount_refunded"] for charge in shop.stripe.charges.values()]


def test_a_second_subscription_of_the_same_second_is_given_back_as_well(shop: Shop) -> None:
    """Cancelled, it is over in the second in which the first one began; yet it was not over before that one."""
    life = newcomer(shop)
    shop.subscribe(life.user_id, "starter")
    catch_up(shop)
    assert life.do_second("business", "ok") == "complete"
    catch_up(shop)
    assert shop.state(life.user_id) == ("starter", 200, 0)
    assert [one["status"] for one in shop.stripe.subscriptions.values()] == ["active", "canceled"]
    assert refunded(shop) == [0, 19900]


def test_a_dispute_of_a_second_subscription_holds_nothing_up(shop: Shop) -> None:
    """Stripe refuses to refund what is disputed; a won dispute is refunded then."""
    life = newcomer(shop)
    shop.subscribe(life.user_id, "starter")
    catch_up(shop)
    life.do_second("business", "ok")
    dispute_id = shop.stripe.dispute(list(shop.stripe.payment_intents)[-1], 5000)
    shop.buy(life.user_id, 100)
    catch_up(shop)
    assert shop.state(life.user_id) == ("starter", 200, 100)
    assert refunded(shop) == [0, 0, 0]
    shop.stripe.close_dispute(dispute_id, won=True)
    catch_up(shop)
    assert refunded(shop) == [0, 19900, 0]


def test_a_first_payment_that_comes_after_the_end_is_given_back(shop: Shop) -> None:
    """Nobody pays for a plan that is over, and no new Free period is to be had in this way."""
    life = newcomer(shop)
    shop.subscribe(life.user_id, "starter", "late")
    shop.spend(life.user_id, 15)
    shop.stripe.advance(timedelta(hours=1))
    shop.stripe.end_subscription(list(shop.stripe.subscriptions)[0])
    shop.stripe.advance(timedelta(hours=1))
    shop.stripe.settle_late(list(shop.stripe.payment_intents)[0])
    catch_up(shop)
    assert shop.state(life.user_id) == ("free", 5, 0)
    assert refunded(shop) == [1900]


def test_a_plan_that_ends_in_the_second_of_its_payment_is_over(shop: Shop) -> None:
    life = newcomer(shop)
    shop.subscribe(life.user_id, "starter")
    shop.stripe.end_subscription(list(shop.stripe.subscriptions)[0])
    catch_up(shop)
    assert shop.state(life.user_id) == ("free", 20, 0)
    assert shop.wallet(life.user_id).stripe_subscription_id is None


def test_a_plan_after_one_that_ended_in_the_same_second_is_no_second_one(shop: Shop) -> None:
    life = newcomer(shop)
    page = shop.choose(life.user_id, "business")["session_id"]
    life.do_second("professional", "ok")
    shop.stripe.end_subscription(list(shop.stripe.subscriptions)[0])
    shop.stripe.pay(page)
    catch_up(shop)
    assert shop.state(life.user_id) == ("business", 3000, 0)
    assert refunded(shop) == [0, 0]
