"""Fetch from Stripe everything about one customer, and the customers to whom anything has happened."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TypeVar

import stripe
from stripe import ListObject, StripeClient

from clients.payments import Checkout, Customer, Facts, Invoice, Payment, Subscription
from clients.stripe_failures import asked, is_missing
from clients.stripe_reading import (
    id_of,
    read_checkout,
    read_customer,
    read_invoice,
    read_payment,
    read_subscription,
)
from clients.stripe_signed_events import pointed_to

PAGE = 100
# What happens to things that were made long ago. Stripe remembers its events for 30 days.
LATER_EVENTS = (
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",  # An inquiry has become a dispute.
    "charge.refunded",
    "checkout.session.async_payment_failed",
    "checkout.session.async_payment_succeeded",
    "customer.deleted",
    "customer.subscription.deleted",
    "customer.subscription.updated",
    "invoice.paid",
    "refund.failed",
)
_Thing = TypeVar("_Thing", bound=stripe.StripeObject)
_Read = TypeVar("_Read")


def everything(listed: ListObject[_Thing]) -> Iterator[_Thing]:
    """Yield all entries of a list, page after page."""
    return iter(listed.auto_paging_iter())


# --- One customer ---------------------------------------------------------------------------------------------------


@asked()
def fetch_facts(client: StripeClient, customer_id: str, subscription_ids: Iterable[str]) -> Facts:
    """Return everything about a customer.

    The order matters: what was taken back comes first, so that whatever paid for it is seen as well.
    """
    customer = read_customer(client.v1.customers.retrieve(customer_id))
    payments = _payments(client, customer)
    subscriptions = _subscriptions(client, customer, subscription_ids)
    checkouts = _checkouts(client, customer)
    invoices = _invoices(client, customer, subscriptions)
    billed = {invoice.subscription_id for invoice in invoices if invoice.subscription_id}
    if billed - {subscription.id for subscription in subscriptions}:
        # It began, and was paid, while the lists were fetched. No invoice may come without its subscription.
        subscriptions = _subscriptions(client, customer, {*subscription_ids, *billed})
    return Facts(customer, payments, subscriptions, checkouts, invoices)


def _payments(client: StripeClient, customer: Customer) -> tuple[Payment, ...]:
    return _listed(
        customer,
        lambda: client.v1.charges.list({"customer": customer.id, "limit": PAGE}),
        lambda charge: read_payment(charge, _disputes(client, charge)),
    )


def _disputes(client: StripeClient, charge: stripe.Charge) -> list[stripe.Dispute]:
    if not charge.disputed:
        return []
    return list(everything(client.v1.disputes.list({"charge": charge.id, "limit": PAGE})))


def _subscriptions(client: StripeClient, customer: Customer, named: Iterable[str]) -> tuple[Subscription, ...]:
    found = _listed(
        customer,
        lambda: client.v1.subscriptions.list({"customer": customer.id, "status": "all", "limit": PAGE}),
        read_subscription,
    )
    if not customer.deleted:
        return found
    # A deleted customer's are no longer listed, but each can still be fetched.
    known = {subscription.id for subscription in found}
    fetched = (_subscription_or_none(client, name) for name in dict.fromkeys(named) if name not in known)
    return found + tuple(one for one in fetched if one is not None and one.customer_id == customer.id)


def _subscription_or_none(client: StripeClient, subscription_id: str) -> Subscription | None:
    try:
        return read_subscription(client.v1.subscriptions.retrieve(subscription_id))
    except stripe.InvalidRequestError as error:
        if not is_missing(error):
            raise
        return None


def _checkouts(client: StripeClient, customer: Customer) -> tuple[Checkout, ...]:
    return _listed(
        customer,
        lambda: client.v1.checkout.sessions.list({"customer": customer.id, "limit": PAGE}),
        read_checkout,
    )


def _invoices(client: StripeClient, customer: Customer, subscriptions: Iterable[Subscription]) -> tuple[Invoice, ...]:
    found = _listed(
        customer,
        lambda: client.v1.invoices.list({"customer": customer.id, "limit": PAGE, "expand": ["data.payments"]}),
        read_invoice,
    )
    if found or not customer.deleted:
        return found
    return tuple(
        read_invoice(invoice)
        for subscription in subscriptions
        for invoice in everything(
            client.v1.invoices.list({"subscription": subscription.id, "limit": PAGE, "expand": ["data.payments"]})
        )
    )


def _listed(
    customer: Customer, ask: Callable[[], ListObject[_Thing]], read: Callable[[_Thing], _Read]
) -> tuple[_Read, ...]:
    """Return a whole list, read; nothing where Stripe no longer lists what a deleted customer had."""
    try:
        return tuple(read(thing) for thing in everything(ask()))
    except stripe.InvalidRequestError as error:
        if customer.deleted and is_missing(error):
            return ()
        raise


# --- All customers --------------------------------------------------------------------------------------------------


def customers_since(client: StripeClient, since: datetime) -> Iterator[str]:
    """Yield, each once, the customers to whom anything has happened since then, and all who subscribe."""
    seen: set[str] = set()
    with asked():
        for source in (_of_new_things, _of_later_events, _of_live_subscriptions):
            for customer_id in source(client, int(since.timestamp())):
                if customer_id is not None and customer_id not in seen:
                    seen.add(customer_id)
                    yield customer_id


def _of_new_things(client: StripeClient, since: int) -> Iterator[str | None]:
    api = client.v1
    for session in everything(api.checkout.sessions.list({"created": {"gte": since}, "limit": PAGE})):
        yield id_of(session.customer)
    newly = api.subscriptions.list({"created": {"gte": since}, "status": "all", "limit": PAGE})
    for subscription in everything(newly):
        yield id_of(subscription.customer)
    for invoice in everything(api.invoices.list({"created": {"gte": since}, "limit": PAGE})):
        yield id_of(invoice.customer)
    for charge in everything(api.charges.list({"created": {"gte": since}, "limit": PAGE})):
        yield id_of(charge.customer)
    for refund in everything(api.refunds.list({"created": {"gte": since}, "limit": PAGE, "expand": ["data.charge"]})):
        yield _payer(refund.charge)
    for dispute in everything(api.disputes.list({"created": {"gte": since}, "limit": PAGE, "expand": ["data.charge"]})):
        yield _payer(dispute.charge)


def _of_later_events(client: StripeClient, since: int) -> Iterator[str | None]:
    listed = client.v1.events.list({"created": {"gte": since}, "types": list(LATER_EVENTS), "limit": PAGE})
    for event in everything(listed):
        pointed = pointed_to(event.to_dict())
        if pointed.customer_id is None and pointed.payment_id is not None:
            yield payment_customer(client, pointed.payment_id)
        else:
            yield pointed.customer_id


def _of_live_subscriptions(client: StripeClient, _since: int) -> Iterator[str | None]:
    # Without a status Stripe leaves out those that have ended.
    for subscription in everything(client.v1.subscriptions.list({"limit": PAGE})):
        yield id_of(subscription.customer)


def payment_customer(client: StripeClient, payment_id: str) -> str | None:
    """Return whose payment intent, or charge without one, this is."""
    if payment_id.startswith(("ch_", "py_")):
        return id_of(client.v1.charges.retrieve(payment_id).customer)
    return id_of(client.v1.payment_intents.retrieve(payment_id).customer)


def _payer(charge: stripe.Charge | str | None) -> str | None:
    return None if charge is None or isinstance(charge, str) else id_of(charge.customer)
