"""Show what the gateway reads of a customer and of everybody, with the real SDK on the real wire."""

from datetime import timedelta

import pytest

from clients.payments import NoSuchObject, PaymentsUnavailable, Price, Subscription
from clients.stripe_gateway import StripeGateway
from tests.fakes.stripe import FakeStripe
from tests.support.stripe_deeds import DAY_ONE, buy, fresh_key, new_customer, open_page, subscribe

# --- What is taken back ---------------------------------------------------------------------------------------------


def test_a_payment_is_given_back_once(fake: FakeStripe, gateway: StripeGateway, pack: Price) -> None:
    customer = new_customer(gateway)
    payment_id = buy(fake, gateway, customer, pack)
    fake.refund(payment_id, 300)
    assert [one.refunded for one in gateway.facts(customer.id).payments] == [300]
    gateway.refund(payment_id, key=fresh_key())
    gateway.refund(payment_id, key=fresh_key())
    assert [one.refunded for one in gateway.facts(customer.id).payments] == [1000]
    with pytest.raises(NoSuchObject):
        gateway.refund("pi_of_nobody", key=fresh_key())


@pytest.mark.parametrize(("won", "left"), [(True, 0), (False, 400)])
def test_a_dispute_takes_until_it_is_won(
    fake: FakeStripe, gateway: StripeGateway, pack: Price, won: bool, left: int
) -> None:
    customer = new_customer(gateway)
    dispute_id = fake.dispute(buy(fake, gateway, customer, pack), 400)
    assert [one.disputed for one in gateway.facts(customer.id).payments] == [400]
    fake.close_dispute(dispute_id, won)
    assert [one.disputed for one in gateway.facts(customer.id).payments] == [left]


def test_an_inquiry_takes_nothing_until_it_becomes_a_dispute(
    fake: FakeStripe, gateway: StripeGateway, pack: Price
) -> None:
    customer = new_customer(gateway)
    inquiry = fake.dispute(buy(fake, gateway, customer, pack), inquiry=True)
    assert [one.disputed for one in gateway.facts(customer.id).payments] == [0]
    fake.escalate_dispute(inquiry)
    assert [one.disputed for one in gateway.facts(customer.id).payments] == [1000]


# --- Everything about a customer ------------------------------------------------------------------------------------


def test_what_was_taken_back_is_fetched_before_what_was_paid(
    fake: FakeStripe, gateway: StripeGateway, pack: Price, subscription: Subscription
) -> None:
    customer = gateway.customer(subscription.customer_id)
    fake.dispute(buy(fake, gateway, customer, pack))
    before = len(fake.calls)
    gateway.facts(customer.id)
    assert [call.path.removeprefix("/v1/") for call in fake.calls[before:]] == [
        f"customers/{customer.id}",
        "charges",
        "disputes",
        "subscriptions",
        "checkout/sessions",
        "invoices",
    ]


def test_facts_hold_more_than_a_page(fake: FakeStripe, gateway: StripeGateway, subscription: Subscription) -> None:
    fake.advance(timedelta(days=31 * 104))
    facts = gateway.facts(subscription.customer_id)
    assert len(facts.invoices) == len(facts.payments) == len({one.id for one in facts.invoices})
    assert len(facts.invoices) > 100


def test_a_deleted_customers_subscriptions_are_fetched_by_name(
    fake: FakeStripe, gateway: StripeGateway, subscription: Subscription
) -> None:
    fake.delete_customer(subscription.customer_id)
    facts = gateway.facts(subscription.customer_id, subscription_ids=[subscription.id, "sub_of_nobody"])
    assert facts.customer.deleted
    assert [(one.id, one.ended) for one in facts.subscriptions] == [(subscription.id, True)]
    assert [one.status for one in facts.invoices] == ["paid"]
    with pytest.raises(NoSuchObject):
        gateway.facts("cus_of_nobody")


def test_a_failure_in_the_middle_is_no_half_truth(
    fake: FakeStripe, gateway: StripeGateway, subscription: Subscription
) -> None:
    fake.fail("GET /v1/invoices", "500", times=None)
    with pytest.raises(PaymentsUnavailable):
        gateway.facts(subscription.customer_id)


# --- Who was busy ---------------------------------------------------------------------------------------------------


def test_whoever_was_busy_since_then_is_found_once(
    fake: FakeStripe, gateway: StripeGateway, pack: Price, starter: Price
) -> None:
    def person(name: str) -> str:
        return new_customer(gateway, f"{name}@example.com", name).id

    def bought(customer_id: str) -> str:
        return buy(fake, gateway, gateway.customer(customer_id), pack)

    names = ("subscriber", "quitter", "refunded", "disputed", "asked", "won")
    subscriber, quitter, refunded, disputed, asked, won = map(person, names)
    subscribe(fake, gateway, gateway.customer(subscriber), starter)
    given_up = subscribe(fake, gateway, gateway.customer(quitter), starter)
    to_refund, to_dispute, to_win = bought(refunded), bought(disputed), bought(won)
    dispute, inquiry = fake.dispute(to_win), fake.dispute(bought(asked), inquiry=True)
    bought(person("long-ago"))
    fake.advance(timedelta(days=20))
    since = fake.now
    fake.advance(timedelta(hours=1))
    newcomer, visitor = person("new"), person("visitor")
    bought(newcomer)
    open_page(gateway, gateway.customer(visitor), pack)
    fake.refund(to_refund, 100)
    fake.dispute(to_dispute)
    fake.close_dispute(dispute, True)
    fake.escalate_dispute(inquiry)
    fake.end_subscription(given_up.id)

    found = list(gateway.customers_since(since))
    assert sorted(found) == sorted([subscriber, quitter, refunded, disputed, asked, won, newcomer, visitor])


def test_they_are_looked_for_only_as_far_as_somebody_asks(
    fake: FakeStripe, gateway: StripeGateway, subscription: Subscription
) -> None:
    before = len(fake.calls)
    busy = gateway.customers_since(DAY_ONE)
    assert len(fake.calls) == before
    assert next(busy) == subscription.customer_id
    assert len(fake.calls) == before + 1
    fake.fail("GET /v1/*", "500", times=None)
    with pytest.raises(PaymentsUnavailable):
        next(busy)
