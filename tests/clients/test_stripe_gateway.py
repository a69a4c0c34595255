"""Show what the gateway asks of Stripe about customers, pages and subscriptions, with the real SDK on the real wire."""

from datetime import timedelta

import pytest

from clients.payments import NoSuchObject, PaymentsUnavailable, Price, Subscription
from clients.stripe_gateway import StripeGateway
from errors import AppError
from tests.fakes.stripe import FakeStripe
from tests.support.stripe_deeds import DAY_ONE, MARKS, MONTH, buy, fresh_key, latest, new_customer, open_page, subscribe

# --- Customers ------------------------------------------------------------------------------------------------------


def test_a_customer_is_made_once_per_key_and_carries_the_mark(fake: FakeStripe, gateway: StripeGateway) -> None:
    made = gateway.create_customer("alice@example.com", "mark-1", key="once")
    assert gateway.create_customer("alice@example.com", "mark-1", key="once") == made
    assert len(fake.customers) == 1
    assert gateway.customer(made.id) == made
    assert (made.account, made.deleted) == ("mark-1", False)
    assert fake.customers[made.id]["metadata"] == {"app": "devops-agent", "account": "mark-1"}


def test_a_customer_is_found_by_address_and_mark(fake: FakeStripe, gateway: StripeGateway) -> None:
    new_customer(gateway, account="somebody-else")
    first = new_customer(gateway)
    fake.advance(timedelta(hours=1))
    new_customer(gateway)
    assert gateway.find_customer("alice@example.com", "mark-1") == first
    assert gateway.find_customer("alice@example.com", "mark-2") is None
    assert gateway.find_customer("bob@example.com", "mark-1") is None


def test_a_deleted_customer_is_told(fake: FakeStripe, gateway: StripeGateway) -> None:
    customer = new_customer(gateway)
    fake.delete_customer(customer.id)
    assert gateway.customer(customer.id).deleted
    assert gateway.find_customer("alice@example.com", "mark-1") is None
    with pytest.raises(NoSuchObject):
        gateway.customer("cus_of_nobody")


# --- Payment pages --------------------------------------------------------------------------------------------------


def test_a_page_carries_our_marks_to_what_comes_of_it(fake: FakeStripe, gateway: StripeGateway, starter: Price) -> None:
    customer = new_customer(gateway)
    page = open_page(gateway, customer, starter, key="once")
    assert open_page(gateway, customer, starter, key="once").id == page.id
    assert (page.mode, page.status, page.payment_status) == ("subscription", "open", "unpaid")
    assert (page.customer_id, page.amount_total, page.metadata) == (customer.id, 1900, MARKS)
    assert page.expires_at == DAY_ONE + timedelta(hours=24)
    assert page.url is not None and page.url.startswith(fake.url)
    fake.pay(page.id)
    facts = gateway.facts(customer.id)
    (paid,) = facts.checkouts
    (subscription,) = facts.subscriptions
    assert (paid.status, paid.payment_status, paid.subscription_id) == ("complete", "paid", subscription.id)
    assert subscription.metadata == MARKS


def test_a_pack_is_one_payment(fake: FakeStripe, gateway: StripeGateway, pack: Price) -> None:
    customer = new_customer(gateway)
    payment_id = buy(fake, gateway, customer, pack)
    assert fake.world.tables["payment_intent"][payment_id]["metadata"] == MARKS
    facts = gateway.facts(customer.id)
    (payment,) = facts.payments
    assert (payment.payment_id, payment.customer_id) == (payment_id, customer.id)
    assert (payment.status, payment.amount, payment.currency) == ("succeeded", 1000, "usd")
    assert (payment.refunded, payment.disputed) == (0, 0)
    assert (facts.invoices, facts.subscriptions) == ((), ())
    assert gateway.payment_customer(payment_id) == gateway.payment_customer(payment.id) == customer.id
    with pytest.raises(NoSuchObject):
        gateway.payment_customer("pi_of_nobody")


def test_a_page_is_closed_once(fake: FakeStripe, gateway: StripeGateway, pack: Price) -> None:
    customer = new_customer(gateway)
    page, other = open_page(gateway, customer, pack), open_page(gateway, customer, pack)
    assert gateway.expire_checkout(page.id)
    assert not gateway.expire_checkout(page.id)
    fake.pay(other.id)
    assert not gateway.expire_checkout(other.id)
    with pytest.raises(NoSuchObject):
        gateway.expire_checkout("cs_of_nobody")


def test_a_page_for_what_is_not_there_is_not_opened(fake: FakeStripe, gateway: StripeGateway, pack: Price) -> None:
    customer = new_customer(gateway)
    fake.delete_customer(customer.id)
    with pytest.raises(NoSuchObject):
        open_page(gateway, customer, pack)


def test_the_portal_opens_with_our_set_up(fake: FakeStripe, gateway: StripeGateway) -> None:
    customer = new_customer(gateway)
    with pytest.raises(AppError) as caught:
        gateway.open_portal(customer.id, "https://shop.example", None)
    assert (caught.value.status, caught.value.code) == (503, "payments_not_configured")
    portal = gateway.save_portal(None, key=fresh_key())
    for set_up in (portal.id, None):
        assert gateway.open_portal(customer.id, "https://shop.example", set_up).startswith(f"{fake.url}/p/")
    with pytest.raises(AppError) as caught:
        gateway.open_portal(customer.id, "https://shop.example", "bpc_of_nobody")
    assert caught.value.status == 503
    with pytest.raises(NoSuchObject):
        gateway.open_portal("cus_of_nobody", "https://shop.example", portal.id)


# --- Subscriptions --------------------------------------------------------------------------------------------------


def test_a_subscription_and_its_invoice_are_read(
    gateway: StripeGateway, starter: Price, subscription: Subscription
) -> None:
    assert (subscription.status, subscription.price_id, subscription.ended) == ("active", starter.id, False)
    assert (subscription.period_start, subscription.period_end) == (DAY_ONE, DAY_ONE + MONTH)
    assert (subscription.cancel_at_period_end, subscription.pending_update) == (False, False)
    facts = gateway.facts(subscription.customer_id)
    (invoice,), (payment,) = facts.invoices, facts.payments
    assert invoice.id == subscription.latest_invoice_id
    assert (invoice.reason, invoice.status, invoice.subscription_id) == (
        "subscription_create",
        "paid",
        subscription.id,
    )
    assert (invoice.total, invoice.amount_due, invoice.amount_paid, invoice.currency) == (1900, 1900, 1900, "usd")
    assert (invoice.paid_at, invoice.payment_ids) == (DAY_ONE, (payment.payment_id,))
    assert invoice.url is not None and invoice.number is not None
    (line,) = invoice.lines
    assert (line.price_id, line.amount, line.proration) == (starter.id, 1900, False)
    assert (line.start, line.end) == (DAY_ONE, DAY_ONE + MONTH)


def test_a_raise_charges_the_whole_difference_once(
    fake: FakeStripe, gateway: StripeGateway, starter: Price, professional: Price, subscription: Subscription
) -> None:
    fake.advance(timedelta(days=20))
    raised = gateway.raise_price(subscription, professional.id, since=DAY_ONE, key="once")
    assert (raised.status, raised.reason, raised.amount_paid) == ("paid", "subscription_update", 6000)
    assert {(line.price_id, line.amount, line.proration, line.start) for line in raised.lines} == {
        (starter.id, -1900, True, DAY_ONE),
        (professional.id, 7900, True, DAY_ONE),
    }
    assert gateway.raise_price(subscription, professional.id, since=DAY_ONE, key="once") == raised
    facts = gateway.facts(subscription.customer_id)
    assert latest(facts).price_id == professional.id
    assert sorted(payment.amount for payment in facts.payments) == [1900, 6000]


@pytest.mark.parametrize("card", ["declined", "action"])
def test_a_raise_that_is_not_paid_changes_nothing_until_it_is(
    fake: FakeStripe,
    gateway: StripeGateway,
    starter: Price,
    professional: Price,
    subscription: Subscription,
    card: str,
) -> None:
    fake.set_card(subscription.customer_id, card)
    raised = gateway.raise_price(subscription, professional.id, since=DAY_ONE, key="once")
    waiting = latest(gateway.facts(subscription.customer_id))
    assert (raised.status, raised.amount_due, raised.amount_paid) == ("open", 6000, 0)
    assert (waiting.price_id, waiting.pending_update, waiting.latest_invoice_id) == (starter.id, True, raised.id)
    fake.pay_invoice(raised.id)
    done = latest(gateway.facts(subscription.customer_id))
    assert (done.price_id, done.pending_update) == (professional.id, False)
    # The key repeats the deed's first answer; the invoice is told as it is now.
    assert gateway.raise_price(subscription, professional.id, since=DAY_ONE, key="once").status == "paid"


def test_where_a_payment_takes_days_the_raise_is_made_at_once_and_its_invoice_waits(
    fake: FakeStripe, gateway: StripeGateway, professional: Price, subscription: Subscription
) -> None:
    fake.set_card(subscription.customer_id, "late")
    raised = gateway.raise_price(subscription, professional.id, since=DAY_ONE, key="once")
    told = latest(gateway.facts(subscription.customer_id))
    assert (raised.status, told.price_id, told.pending_update) == ("open", professional.id, False)
    fake.settle_late(raised.id)
    assert {one.id: one.status for one in gateway.facts(told.customer_id).invoices}[raised.id] == "paid"


def test_a_raise_whose_answer_was_lost_is_not_charged_twice(
    fake: FakeStripe, gateway: StripeGateway, professional: Price, subscription: Subscription
) -> None:
    fake.fail("POST /v1/subscriptions/*", "drop_after")
    raised = gateway.raise_price(subscription, professional.id, since=DAY_ONE, key="once")
    assert raised.status == "paid"
    assert sorted(payment.amount for payment in gateway.facts(subscription.customer_id).payments) == [1900, 6000]


def test_a_lower_price_waits_for_the_renewal(
    fake: FakeStripe, gateway: StripeGateway, professional: Price, starter: Price
) -> None:
    subscription = subscribe(fake, gateway, new_customer(gateway), professional)
    gateway.set_coming(subscription, starter.id, cancel=False, key=fresh_key())
    facts = gateway.facts(subscription.customer_id)
    assert (latest(facts).price_id, len(facts.invoices)) == (starter.id, 1)
    fake.advance(MONTH + timedelta(hours=2))
    cycle = next(one for one in gateway.facts(subscription.customer_id).invoices if one.reason == "subscription_cycle")
    assert (cycle.status, cycle.amount_paid, cycle.lines[0].price_id) == ("paid", 1900, starter.id)


def test_one_can_go_back_to_a_price_that_is_no_longer_sold(
    fake: FakeStripe, gateway: StripeGateway, professional: Price, starter: Price, subscription: Subscription
) -> None:
    gateway.set_coming(subscription, professional.id, cancel=False, key="away")
    gateway.retire_price(starter.id)
    gateway.set_coming(subscription, starter.id, cancel=False, key="back")
    assert latest(gateway.facts(subscription.customer_id)).price_id == starter.id
    assert not gateway.price(starter.id).active
    with pytest.raises(NoSuchObject):
        gateway.set_coming(subscription, "price_of_nobody", cancel=False, key=fresh_key())


def test_a_subscription_ends_with_its_period_or_goes_on(
    fake: FakeStripe, gateway: StripeGateway, subscription: Subscription
) -> None:
    gateway.set_coming(subscription, subscription.price_id, cancel=True, key=fresh_key())
    assert latest(gateway.facts(subscription.customer_id)).cancel_at_period_end
    gateway.set_coming(subscription, subscription.price_id, cancel=False, key=fresh_key())
    assert not latest(gateway.facts(subscription.customer_id)).cancel_at_period_end
    gateway.set_coming(subscription, subscription.price_id, cancel=True, key=fresh_key())
    fake.advance(MONTH + timedelta(hours=2))
    ended = latest(gateway.facts(subscription.customer_id))
    assert (ended.status, ended.ended, ended.ended_at) == ("canceled", True, DAY_ONE + MONTH)


def test_a_subscription_is_ended_at_once_and_only_once(gateway: StripeGateway, subscription: Subscription) -> None:
    gateway.cancel_now(subscription.id)
    gateway.cancel_now(subscription.id)
    facts = gateway.facts(subscription.customer_id)
    assert (latest(facts).ended, latest(facts).ended_at) == (True, DAY_ONE)
    assert [payment.refunded for payment in facts.payments] == [0]
    with pytest.raises(NoSuchObject):
        gateway.cancel_now("sub_of_nobody")
    with pytest.raises(NoSuchObject):
        gateway.set_coming(subscription, subscription.price_id, cancel=True, key=fresh_key())


def test_an_invoice_is_marked_and_made_unpayable(
    fake: FakeStripe, gateway: StripeGateway, professional: Price, subscription: Subscription
) -> None:
    fake.set_card(subscription.customer_id, "declined")
    raised = gateway.raise_price(subscription, professional.id, since=DAY_ONE, key="once")
    gateway.mark_invoice(raised.id, {"raise": "token"})
    gateway.mark_invoice(raised.id, {"seen": "yes"})
    gateway.void_invoice(raised.id)
    gateway.void_invoice(raised.id)
    facts = gateway.facts(subscription.customer_id)
    told = {one.id: one for one in facts.invoices}
    assert (told[raised.id].status, dict(told[raised.id].metadata)) == ("void", {"raise": "token", "seen": "yes"})
    assert not latest(facts).pending_update
    assert subscription.latest_invoice_id is not None
    gateway.void_invoice(subscription.latest_invoice_id)
    assert gateway.facts(subscription.customer_id).invoices[-1].status == "paid"


# --- The wire -------------------------------------------------------------------------------------------------------


def test_every_write_carries_a_key_and_every_call_the_version(
    fake: FakeStripe, gateway: StripeGateway, professional: Price, subscription: Subscription
) -> None:
    gateway.raise_price(subscription, professional.id, since=DAY_ONE, key="once")
    gateway.mark_invoice(subscription.latest_invoice_id or "", {"a": "b"})
    gateway.retire_price(professional.id)
    assert [call for call in fake.calls if call.method == "POST" and not call.idempotency_key] == []


@pytest.mark.parametrize("how", ["drop_before", "drop_after", "500"])
def test_a_moment_of_trouble_is_survived(fake: FakeStripe, gateway: StripeGateway, how: str) -> None:
    fake.fail("POST /v1/customers", how)
    new_customer(gateway)
    assert len(fake.customers) == 1


@pytest.mark.parametrize("how", ["drop_before", "500", "429"])
def test_lasting_trouble_is_told(fake: FakeStripe, gateway: StripeGateway, how: str) -> None:
    fake.fail("GET /v1/customers/*", how, times=None)
    with pytest.raises(PaymentsUnavailable):
        gateway.customer("cus_1")


def test_a_server_that_hangs_is_given_up(fake: FakeStripe) -> None:
    gateway = StripeGateway("sk_test_fake", webhook_secret=None, base=fake.url, timeout=0.3)
    fake.fail("GET /v1/customers/*", "hang:5", times=None)
    with pytest.raises(PaymentsUnavailable):
        gateway.customer("cus_1")


def test_an_event_that_was_sent_is_believed(
    fake: FakeStripe, gateway: StripeGateway, subscription: Subscription
) -> None:
    for event in fake.events:
        read = gateway.read_event(*fake.signed(event))
        assert (read.id, read.type, read.livemode) == (event["id"], event["type"], False)
        if read.object_type in ("checkout.session", "invoice", "subscription", "charge", "customer"):
            assert read.customer_id == subscription.customer_id
