"""Compare our records with Stripe's, customer by customer, and bring what was missed through the way of every event.

So a lost webhook is found, and a database restored from a backup catches up.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select, union

from clients.payments import Facts, Gateway, NoSuchObject, PaymentsUnavailable
from models import (
    CheckoutState,
    CreditPurchase,
    InvoiceRole,
    PurchaseStatus,
    RaiseState,
    StripeCheckout,
    StripeInvoice,
    StripeRaise,
    StripeSubscription,
)
from services import payments
from services.transaction import Database


@dataclass
class Report:
    """What a comparison has found."""

    customers: int = 0
    """How many of ours were compared."""
    differences: list[str] = field(default_factory=list)
    """What Stripe says otherwise than our records did; with `apply` they were brought in line."""
    done: list[str] = field(default_factory=list)
    """What was done at Stripe (or has to be done, without `apply`)."""
    unexplained: list[str] = field(default_factory=list)
    """What no event of Stripe's could bring in line: somebody has to look at it."""

    @property
    def agrees(self) -> bool:
        """Say whether nothing at all was different."""
        return not (self.differences or self.done or self.unexplained)


def reconcile(db: Database, gateway: Gateway, *, since: datetime, apply: bool, now: datetime) -> Report:
    """Compare every customer to whom anything has happened since then, or for whom anything is still open.

    Without `apply` nothing is changed, here or at Stripe. Raises PaymentsUnavailable.
    """
    report = Report()
    seen: set[str] = set()
    for customer_id in _customers(db, gateway, since):
        if customer_id not in seen:
            seen.add(customer_id)
            try:
                _compare(db, gateway, customer_id, report, apply=apply, now=now)
            except (NoSuchObject, PaymentsUnavailable) as error:
                report.unexplained.append(f"customer {customer_id} could not be compared: {error}")
    report.unexplained += _granted_nothing(db, since)
    return report


def _customers(db: Database, gateway: Gateway, since: datetime) -> Iterator[str]:
    yield from gateway.customers_since(since)
    open_pages = StripeCheckout.state.in_([CheckoutState.OPENING, CheckoutState.OPEN, CheckoutState.REPLACED])
    running = StripeRaise.state.in_([RaiseState.ASKED, RaiseState.WAITING, RaiseState.DROPPED])
    raised = select(StripeRaise.stripe_subscription_id).where(running)
    live = StripeSubscription.ended_at.is_(None) | StripeSubscription.id.in_(raised)
    with db.read() as tx:
        still_open = tx.scalars(
            union(
                select(StripeSubscription.customer_id).where(live),
                select(StripeCheckout.customer_id).where(open_pages),
            )
        ).all()
    yield from still_open


def _compare(db: Database, gateway: Gateway, customer_id: str, report: Report, *, apply: bool, now: datetime) -> None:
    owner = payments.find_owner(db, gateway, customer_id)
    if owner is None:
        return
    if owner.user_id is None:
        report.unexplained.append(f"customer {customer_id} belongs to an account that is not in this database")
        return
    report.customers += 1
    if not owner.is_known:
        report.differences.append(f"customer {customer_id} of user {owner.user_id} was not known")
        if apply:
            payments.adopt(db, owner.customer_id, owner.user_id, deleted=owner.deleted, now=now)
    found = payments.sync(db, gateway, owner.user_id, customer_id, now=now, only_look=not apply)
    report.differences += found.changes
    report.done += found.deeds
    report.unexplained += [f"customer {customer_id}: Stripe refused to {deed}" for deed in found.refused]
    if found.facts is not None:
        report.unexplained += _unknown_at_stripe(db, owner.user_id, found.facts)


def _unknown_at_stripe(db: Database, user_id: int, facts: Facts) -> Iterator[str]:
    """Yield what our records say was paid by this customer, and Stripe does not."""
    paid = {payment.payment_id for payment in facts.payments if payment.status == "succeeded"}
    sessions = {told.id for told in facts.checkouts}
    completed = (CreditPurchase.user_id == user_id, CreditPurchase.payment_status == PurchaseStatus.COMPLETED)
    subscriptions = [told.id for told in facts.subscriptions]
    of_customer = (StripeInvoice.user_id == user_id, StripeInvoice.stripe_subscription_id.in_(subscriptions))
    told_paid = {told.id for told in facts.invoices if told.status == "paid"}
    with db.read() as tx:
        purchases = tx.scalars(select(CreditPurchase).where(*completed)).all()
        invoices = tx.scalars(select(StripeInvoice).where(*of_customer, StripeInvoice.status == "paid")).all()
    for purchase in purchases:
        payment_id = purchase.stripe_payment_intent_id
        if purchase.stripe_checkout_session_id in sessions and payment_id is not None and payment_id not in paid:
            yield f"purchase {purchase.id} of user {user_id} is completed here, but Stripe knows no such payment"
    for invoice in invoices:
        if invoice.stripe_invoice_id not in told_paid:
            yield f"invoice {invoice.stripe_invoice_id} of user {user_id} is paid here, but not at Stripe"


def _granted_nothing(db: Database, since: datetime) -> Iterator[str]:
    """Yield the invoices that were paid in the span and granted nothing, since we did not make them."""
    paid = (StripeInvoice.role == InvoiceRole.FOREIGN, StripeInvoice.paid_at >= since)
    with db.read() as tx:
        for invoice in tx.scalars(select(StripeInvoice).where(*paid, StripeInvoice.amount_paid_cents > 0)).all():
            yield f"invoice {invoice.stripe_invoice_id} of user {invoice.user_id} was paid and granted nothing"
