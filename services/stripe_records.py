"""Keep what Stripe told of subscriptions and invoices in tables of our own, and read what their prices mean."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from clients.payments import Facts, Invoice, Line, Subscription
from models import (
    InvoiceRole,
    StripeCatalogEntry,
    StripeInvoice,
    StripeSubscription,
    SubscriptionTier,
    User,
    UserSubscription,
)

FIRST, CYCLE, RAISE = "subscription_create", "subscription_cycle", "subscription_update"


@dataclass
class Case:
    """One customer's facts on their way into one wallet, inside one write transaction."""

    tx: Session
    wallet: UserSubscription
    facts: Facts
    now: datetime
    changes: list[str] = field(default_factory=list)
    """What was different from our records, one sentence each."""
    subscriptions: dict[str, StripeSubscription] = field(default_factory=dict)
    invoices: dict[str, StripeInvoice] = field(default_factory=dict)

    def note(self, sentence: str) -> None:
        """Say that something was different from our records."""
        self.changes.append(sentence)


def account_mark(user: User) -> str:
    """Return the mark that customers, checkouts and invoices carry, so that a restored database knows them again.

    The number alone would not do: after a restore it may belong to somebody else.
    """
    return f"{user.id}-{int(user.created_at.timestamp())}"


def tier_of(tx: Session, price_id: str | None) -> SubscriptionTier | None:
    """Return the tier that is paid with this price, also with one that was replaced; None if it is none of ours."""
    if price_id is None:
        return None
    named = select(StripeCatalogEntry.key).where(StripeCatalogEntry.id == price_id, StripeCatalogEntry.kind == "tier")
    return tx.scalar(select(SubscriptionTier).where(SubscriptionTier.name.in_(named)))


def unknown_prices(tx: Session, facts: Facts) -> set[str]:
    """Return the prices in these facts that are in no row of the catalogue."""
    named = {line.price_id for invoice in facts.invoices for line in invoice.lines if line.price_id}
    named |= {subscription.price_id for subscription in facts.subscriptions}
    return named - set(tx.scalars(select(StripeCatalogEntry.id).where(StripeCatalogEntry.id.in_(named))))


def record(case: Case) -> None:
    """Bring the rows of the customer's subscriptions and invoices in line with the facts."""
    for subscription in case.facts.subscriptions:
        case.subscriptions[subscription.id] = _record_subscription(case, subscription)
    succeeded = {payment.payment_id for payment in case.facts.payments if payment.status == "succeeded"}
    for invoice in sorted(case.facts.invoices, key=lambda invoice: (invoice.created, invoice.id)):
        case.invoices[invoice.id] = _record_invoice(case, invoice, succeeded)
    case.tx.flush()


def _record_subscription(case: Case, told: Subscription) -> StripeSubscription:
    row = case.tx.get(StripeSubscription, told.id)
    values = {
        "status": told.status,
        "price_id": told.price_id,
        "current_period_start": told.period_start,
        "current_period_end": told.period_end,
        "cancel_at_period_end": told.cancel_at_period_end,
        "ended_at": told.ended_at,
    }
    if row is None:
        row = StripeSubscription(
            id=told.id,
            user_id=case.wallet.user_id,
            customer_id=told.customer_id,
            created_at=told.created,
            is_duplicate=False,
            end_applied=False,
            **values,
        )
        case.tx.add(row)
        case.note(f"subscription {told.id} ({told.status}) was not known")
    elif changed := _update(row, values):
        case.note(f"subscription {told.id}: {changed}")
    return row


def _record_invoice(case: Case, told: Invoice, succeeded: set[str | None]) -> StripeInvoice:
    row = case.tx.scalar(select(StripeInvoice).where(StripeInvoice.stripe_invoice_id == told.id))
    line = _main_line(case, told)
    tier = tier_of(case.tx, line.price_id) if line else None
    paid_by = [payment_id for payment_id in told.payment_ids if payment_id in succeeded] or list(told.payment_ids)
    values: dict[str, Any] = {
        "status": told.status,
        "number": told.number,
        "url": told.url,
        "amount_due_cents": told.amount_due,
        "amount_paid_cents": told.amount_paid,
        "stripe_payment_intent_id": paid_by[0] if paid_by else None,
        "paid_at": told.paid_at,
    }
    if row is None:
        row = StripeInvoice(
            stripe_invoice_id=told.id,
            user_id=case.wallet.user_id,
            stripe_subscription_id=told.subscription_id,
            reason=told.reason,
            created_at=told.created,
            credits_granted=0,
            refunded_cents=0,
            disputed_cents=0,
            credits_clawed_back=0,
            clawback_steps=0,
            **values,
        )
        case.tx.add(row)
        case.note(f"invoice {told.id} ({told.status}) was not known")
    elif changed := _update(row, values):
        case.note(f"invoice {told.id}: {changed}")
    if row.role == InvoiceRole.FOREIGN and row.tier_id is None and tier is not None:
        row.role = None  # Its price has become known since; it is judged again.
    if row.role is None:
        row.tier = tier
        row.price_id = line.price_id if line else None
        row.period_start, row.period_end = (line.start, line.end) if line else (None, None)
    return row


def _main_line(case: Case, invoice: Invoice) -> Line | None:
    """Return the line that says which plan was bought and for when: of the latest period, the dearest one.

    What is none of our plans (an add-on that the dashboard has put beside it) counts only where no line is one.
    """
    wanted = [line for line in invoice.lines if line.price_id is not None and line.amount >= 0]
    if invoice.reason in (FIRST, CYCLE):
        wanted = [line for line in wanted if not line.proration] or wanted
    ours = [line for line in wanted if tier_of(case.tx, line.price_id) is not None]
    return max(ours or wanted, key=lambda line: (line.end, line.amount), default=None)


def _update(row: Any, values: dict[str, Any]) -> str:
    """Set the columns that differ, and name them with their values before and after."""
    different = {name: (getattr(row, name), value) for name, value in values.items() if getattr(row, name) != value}
    for name, (_, value) in different.items():
        setattr(row, name, value)
    return ", ".join(f"{name} {_shown(old)} -> {_shown(new)}" for name, (old, new) in different.items())


def _shown(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def invoices_of(tx: Session, subscription_id: str, start: datetime | None) -> Iterable[StripeInvoice]:
    """Return the invoices of one period of a subscription."""
    of_period = (StripeInvoice.stripe_subscription_id == subscription_id, StripeInvoice.period_start == start)
    return tx.scalars(select(StripeInvoice).where(*of_period)).all()
