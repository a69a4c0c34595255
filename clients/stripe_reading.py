"""Turn Stripe's objects, in the shapes of the pinned API version, into the product's own dataclasses."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import stripe
from stripe.billing_portal import Configuration

from clients.payments import (
    APP,
    Checkout,
    Customer,
    Invoice,
    Line,
    Metadata,
    Payment,
    Portal,
    Price,
    Subscription,
    WebhookEndpoint,
)

# Disputes that hold money or have taken it. Not those that were won or prevented, and not inquiries (`warning_...`).
_TAKING = {"needs_response", "under_review", "lost", "appeal_needs_response", "appeal_under_review"}


def id_of(value: Any) -> str | None:
    """Return an object's id, whether Stripe sent the id alone or the whole object."""
    if value is None or isinstance(value, str):
        return value or None
    return str(value["id"])


def moment(seconds: int) -> datetime:
    """Return one of Stripe's times."""
    return datetime.fromtimestamp(seconds, UTC)


def marks(thing: Any) -> Metadata:
    """Return the metadata of an object; a deleted one has none."""
    found = getattr(thing, "metadata", None)
    return found.to_dict() if found is not None else {}


def _moment_or_none(seconds: int | None) -> datetime | None:
    return None if seconds is None else moment(seconds)


def read_customer(customer: stripe.Customer) -> Customer:
    """Read a customer, or the stump that is left of a deleted one."""
    deleted = bool(getattr(customer, "deleted", False))
    return Customer(id=customer.id, account=marks(customer).get("account"), deleted=deleted)


def read_price(price: stripe.Price) -> Price:
    """Read a price; one that is no whole number of cents is none of ours and counts as 0."""
    return Price(
        id=price.id,
        product_id=id_of(price.product) or "",
        amount=price.unit_amount or 0,
        currency=price.currency,
        recurring=price.recurring is not None,
        active=price.active,
        lookup_key=price.lookup_key,
        livemode=price.livemode,
        metadata=marks(price),
    )


def read_subscription(subscription: stripe.Subscription) -> Subscription:
    """Read a subscription; the period and the price are on its item: ours, should the dashboard have added another."""
    items = subscription["items"].data
    item = next((one for one in items if marks(one.price).get("app") == APP), items[0])
    period_end = moment(item.current_period_end)
    return Subscription(
        id=subscription.id,
        customer_id=id_of(subscription.customer) or "",
        status=subscription.status,
        item_id=item.id,
        price_id=item.price.id,
        period_start=moment(item.current_period_start),
        period_end=period_end,
        cancel_at_period_end=_ends_with_period(subscription, period_end),
        created=moment(subscription.created),
        ended_at=_moment_or_none(subscription.ended_at),
        pending_update=subscription.pending_update is not None,
        latest_invoice_id=id_of(subscription.latest_invoice),
        metadata=marks(subscription),
    )


def _ends_with_period(subscription: stripe.Subscription, period_end: datetime) -> bool:
    # The portal and the dashboard may set a date instead of the flag.
    date = _moment_or_none(subscription.cancel_at)
    return subscription.cancel_at_period_end or (date is not None and date <= period_end)


def read_invoice(invoice: stripe.Invoice) -> Invoice:
    """Read an invoice that was fetched with its payments."""
    parent = invoice.parent.subscription_details if invoice.parent else None
    return Invoice(
        id=invoice.id,
        customer_id=id_of(invoice.customer) or "",
        subscription_id=id_of(parent.subscription) if parent else None,
        reason=invoice.billing_reason or "manual",
        status=invoice.status or "draft",
        total=invoice.total,
        amount_due=invoice.amount_due,
        amount_paid=invoice.amount_paid,
        currency=invoice.currency,
        created=moment(invoice.created),
        paid_at=_moment_or_none(invoice.status_transitions.paid_at),
        number=invoice.number,
        url=invoice.hosted_invoice_url,
        payment_ids=_payment_ids(invoice),
        lines=tuple(_line(line) for line in invoice.lines.auto_paging_iter()),
        metadata=marks(invoice),
    )


def _payment_ids(invoice: stripe.Invoice) -> tuple[str, ...]:
    payments = getattr(invoice, "payments", None)
    found = payments.auto_paging_iter() if payments is not None else ()
    intents = (id_of(getattr(one.payment, "payment_intent", None)) for one in found if one.status != "canceled")
    return tuple(intent for intent in intents if intent)


def _line(line: stripe.InvoiceLineItem) -> Line:
    price = line.pricing.price_details.price if line.pricing and line.pricing.price_details else None
    return Line(
        price_id=id_of(price),
        amount=line.amount,
        proration=_is_proration(line),
        start=moment(line.period.start),
        end=moment(line.period.end),
    )


def _is_proration(line: stripe.InvoiceLineItem) -> bool:
    # A change of plan comes under either name, depending on how the subscription is billed.
    names = ("subscription_item_details", "invoice_item_details")
    details = [getattr(line.parent, name, None) for name in names] if line.parent else []
    return any(detail.proration for detail in details if detail is not None)


def read_payment(charge: stripe.Charge, disputes: Iterable[stripe.Dispute]) -> Payment:
    """Read a charge together with its disputes."""
    return Payment(
        id=charge.id,
        payment_id=id_of(charge.payment_intent),
        customer_id=id_of(charge.customer),
        status=charge.status,
        amount=charge.amount,
        refunded=charge.amount_refunded,
        disputed=sum(dispute.amount for dispute in disputes if dispute.status in _TAKING),
        currency=charge.currency,
        created=moment(charge.created),
        receipt_url=charge.receipt_url,
    )


def read_checkout(session: stripe.checkout.Session) -> Checkout:
    """Read a payment page."""
    return Checkout(
        id=session.id,
        mode=session.mode,
        status=session.status or "open",
        payment_status=session.payment_status,
        url=session.url,
        customer_id=id_of(session.customer),
        payment_id=id_of(session.payment_intent),
        subscription_id=id_of(session.subscription),
        amount_total=session.amount_total or 0,
        created=moment(session.created),
        expires_at=moment(session.expires_at),
        metadata=marks(session),
    )


def read_portal(portal: Configuration) -> Portal:
    """Read a set-up of the portal, and whether it lets people do what we mean and nothing else."""
    may = portal.features
    fits = (
        portal.active
        and may.payment_method_update.enabled
        and may.invoice_history.enabled
        and may.subscription_cancel.enabled
        and may.subscription_cancel.mode == "at_period_end"
        and may.subscription_cancel.proration_behavior == "none"
        and not may.subscription_update.enabled
        and not _is_on(may, "subscription_pause")
        and (not may.customer_update.enabled or set(may.customer_update.allowed_updates) <= {"email", "address"})
    )
    return Portal(id=portal.id, livemode=portal.livemode, fits=fits)


def _is_on(features: Any, name: str) -> bool:
    feature = getattr(features, name, None)
    return feature is not None and bool(feature.enabled)


def read_endpoint(endpoint: stripe.WebhookEndpoint) -> WebhookEndpoint:
    """Read where events are sent to."""
    return WebhookEndpoint(
        id=endpoint.id,
        url=endpoint.url,
        enabled=endpoint.status == "enabled",
        events=frozenset(endpoint.enabled_events),
    )
