"""Find what has to be done at Stripe so that nobody pays for what they do not get."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from clients.payments import Gateway, Subscription
from models import (
    CheckoutState,
    InvoiceRole,
    RaiseState,
    StripeCheckout,
    StripeInvoice,
    StripeRaise,
    StripeSubscription,
    User,
)
from services.stripe_records import CYCLE, FIRST, RAISE, Case

ASKED_FOR = timedelta(minutes=5)
"""How long a change of plan may be on its way to Stripe before it counts as never having arrived."""
WAITS_FOR = timedelta(hours=23)
"""How long an upgrade may wait for its payment; Stripe gives a pending update as long."""


@dataclass(frozen=True)
class Deed:
    """One thing to do at Stripe; doing it twice does no harm."""

    words: str
    do: Callable[[Gateway], object]


def wanted(case: Case) -> list[Deed]:
    """Return what has to be done at Stripe for this customer, and close the upgrades that have come to nothing."""
    live = {told.id: told for told in case.facts.subscriptions if not told.ended}
    if case.facts.customer.deleted:
        return list(_second_subscriptions(case, live))
    finders = (
        _second_subscriptions(case, live),
        _failed_beginnings(case, live),
        _overdue(case),
        _failed_raises(case, live),
        _left_pages(case),
    )
    return [deed for found in finders for deed in found]


def _second_subscriptions(case: Case, live: dict[str, Subscription]) -> Iterator[Deed]:
    """Cancel a subscription that was paid beside another one, or whose account is gone, and refund what it took."""
    gone = case.tx.get_one(User, case.wallet.user_id).deleted_at is not None
    for subscription in case.subscriptions.values():
        if subscription.id in live and (subscription.is_duplicate or gone):
            yield Deed(f"cancel subscription {subscription.id}", _cancel(subscription.id))
    twice = {
        invoice.stripe_payment_intent_id for invoice in case.invoices.values() if invoice.role == InvoiceRole.DUPLICATE
    }
    for payment in case.facts.payments:
        # Stripe refunds nothing of a payment that is disputed; once that is won, it does.
        can_be = payment.status == "succeeded" and payment.refunded < payment.amount and not payment.disputed
        if can_be and payment.payment_id in twice and payment.payment_id:
            key = f"second-{payment.payment_id}-{payment.refunded}-{int(case.now.timestamp()) // 3600}"
            yield Deed(f"refund payment {payment.payment_id}", _refund(payment.payment_id, key))


def _failed_beginnings(case: Case, live: dict[str, Subscription]) -> Iterator[Deed]:
    """Cancel a subscription whose first payment, by a delayed method, was refused; Stripe would try on for weeks."""
    attempts: dict[str | None, set[str]] = {}
    for payment in case.facts.payments:
        attempts.setdefault(payment.payment_id, set()).add(payment.status)
    for invoice in case.invoices.values():
        told = live.get(invoice.stripe_subscription_id or "")
        never_began = told is not None and told.status not in ("incomplete", "trialing")
        failed = attempts.get(invoice.stripe_payment_intent_id) == {"failed"}
        if told and never_began and failed and invoice.reason == FIRST and invoice.status == "open":
            yield Deed(f"cancel subscription {told.id}, which was never paid", _cancel(told.id))


def _overdue(case: Case) -> Iterator[Deed]:
    """Void what is unpaid when the next cycle has begun or its subscription has ended; invoices of ours only."""
    for invoice in case.invoices.values():
        subscription = case.subscriptions.get(invoice.stripe_subscription_id or "")
        is_ours = invoice.reason in (FIRST, CYCLE, RAISE) and invoice.tier is not None
        if invoice.status in ("open", "uncollectible") and subscription is not None and is_ours:
            if subscription.ended_at is not None or _is_of_the_past(invoice, subscription):
                yield Deed(f"void invoice {invoice.stripe_invoice_id}", _void(invoice.stripe_invoice_id))


def _is_of_the_past(invoice: StripeInvoice, subscription: StripeSubscription) -> bool:
    return invoice.period_start is not None and invoice.period_start < subscription.current_period_start


def _failed_raises(case: Case, live: dict[str, Subscription]) -> Iterator[Deed]:
    """Put back what was pending before an upgrade that nobody paid."""
    running = select(StripeRaise).where(
        StripeRaise.user_id == case.wallet.user_id,
        StripeRaise.state.in_([RaiseState.ASKED, RaiseState.WAITING, RaiseState.DROPPED]),
        StripeRaise.stripe_subscription_id.in_(case.subscriptions),
    )
    for asked in case.tx.scalars(running).all():
        invoice = _invoice_of(case, asked)
        if invoice is not None and asked.state == RaiseState.ASKED:
            asked.stripe_invoice_id, asked.state = invoice.stripe_invoice_id, RaiseState.WAITING
            case.note(f"the upgrade of subscription {asked.stripe_subscription_id} waits for its payment")
        if not _has_failed(case, asked, invoice):
            continue
        left = list(_to_put_back(asked, invoice, live.get(asked.stripe_subscription_id)))
        state = RaiseState.DROPPED if left else RaiseState.FAILED
        if asked.state != state:
            asked.state = state
            case.note(f"the upgrade of subscription {asked.stripe_subscription_id} was not paid")
        yield from left


def _to_put_back(
    asked: StripeRaise, invoice: StripeInvoice | None, subscription: Subscription | None
) -> Iterator[Deed]:
    if invoice is not None and invoice.status == "open":
        yield Deed(f"void invoice {invoice.stripe_invoice_id}", _void(invoice.stripe_invoice_id))
    if subscription is None:
        return
    price_id = asked.restore_price_id or asked.from_price_id
    cancel = asked.restore_cancel or subscription.cancel_at_period_end
    if subscription.price_id != price_id or cancel != subscription.cancel_at_period_end:
        key = f"restore-{asked.token}"
        yield Deed(f"put back what was to come of {subscription.id}", _set_coming(subscription, price_id, cancel, key))


def _invoice_of(case: Case, asked: StripeRaise) -> StripeInvoice | None:
    for invoice in case.invoices.values():
        if invoice.stripe_invoice_id == asked.stripe_invoice_id:
            return invoice
        same = (invoice.stripe_subscription_id, invoice.price_id, invoice.period_start)
        wanted = (asked.stripe_subscription_id, asked.to_price_id, asked.period_start)
        is_new = invoice.created_at >= asked.created_at - ASKED_FOR
        if asked.stripe_invoice_id is None and invoice.role is None and same == wanted and is_new:
            # Not the one that an earlier try of the same upgrade has left behind.
            of_another = select(StripeRaise.id).where(StripeRaise.stripe_invoice_id == invoice.stripe_invoice_id)
            if case.tx.scalar(of_another) is None:
                return invoice
    return None


def _has_failed(case: Case, asked: StripeRaise, invoice: StripeInvoice | None) -> bool:
    age = case.now - asked.created_at
    if asked.state == RaiseState.DROPPED:
        return True
    if case.subscriptions[asked.stripe_subscription_id].ended_at is not None:
        return True
    if invoice is None:
        return age > ASKED_FOR
    waits_in_vain = invoice.status == "open" and age > WAITS_FOR and not _is_under_way(case, invoice)
    return invoice.status in ("void", "uncollectible") or waits_in_vain


def _is_under_way(case: Case, invoice: StripeInvoice) -> bool:
    """Say whether a delayed method is paying this; it may take days, and Stripe does not call it back."""
    paying = invoice.stripe_payment_intent_id
    return any(payment.payment_id == paying and payment.status == "pending" for payment in case.facts.payments)


def _left_pages(case: Case) -> Iterator[Deed]:
    """Close payment pages that were replaced, whose account is gone, or that would sell a second subscription."""
    gone = case.tx.get_one(User, case.wallet.user_id).deleted_at is not None
    follows = case.wallet.stripe_subscription_id is not None
    mine = select(StripeCheckout).where(StripeCheckout.user_id == case.wallet.user_id)
    pages = {page.session_id: page for page in case.tx.scalars(mine)}
    for told in case.facts.checkouts:
        page = pages.get(told.id)
        if told.status != "open" or page is None:
            continue
        if gone or page.state == CheckoutState.REPLACED or (follows and page.kind == "subscription"):
            yield Deed(f"close checkout {told.id}", _expire(told.id))


def _cancel(subscription_id: str) -> Callable[[Gateway], object]:
    return lambda gateway: gateway.cancel_now(subscription_id)


def _refund(payment_id: str, key: str) -> Callable[[Gateway], object]:
    return lambda gateway: gateway.refund(payment_id, key=key)


def _void(invoice_id: str) -> Callable[[Gateway], object]:
    return lambda gateway: gateway.void_invoice(invoice_id)


def _set_coming(subscription: Subscription, price_id: str, cancel: bool, key: str) -> Callable[[Gateway], object]:
    return lambda gateway: gateway.set_coming(subscription, price_id, cancel=cancel, key=key)


def _expire(checkout_id: str) -> Callable[[Gateway], object]:
    return lambda gateway: gateway.expire_checkout(checkout_id)
