"""Bring a wallet in line with everything that Stripe says of its customer; the order of events cannot matter.

The facts are always all of them, and they are applied along one line of time: paid periods oldest first, what was paid
to raise a period after the period itself, and the end of a subscription before whatever was paid after it. Then come
packs, and last what was refunded or disputed. Each step leaves a mark on a row of ours, so that a second time changes
nothing.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from clients.payments import Facts, Subscription
from models import (
    InvoiceRole,
    LedgerKind,
    PaymentStatus,
    RaiseState,
    StripeInvoice,
    StripeRaise,
    StripeSubscription,
    User,
    UserSubscription,
)
from services import credits, paybacks, purchases
from services.stripe_records import CYCLE, FIRST, RAISE, Case, account_mark, invoices_of, record, tier_of

log = logging.getLogger(__name__)

_STATUS = {
    "active": PaymentStatus.ACTIVE,
    "trialing": PaymentStatus.ACTIVE,
    "past_due": PaymentStatus.PAST_DUE,
    "incomplete": PaymentStatus.PAST_DUE,
    "unpaid": PaymentStatus.UNPAID,
    "paused": PaymentStatus.UNPAID,
}


def settle(tx: Session, wallet: UserSubscription, facts: Facts, *, now: datetime) -> Case:
    """Apply a customer's facts to a wallet that is awake, and return what was different from our records."""
    case = Case(tx, wallet, facts, now)
    record(case)
    for _, step in sorted(_timeline(case), key=lambda timed: timed[0]):
        step()
    purchases.settle(case)
    paybacks.settle(case)
    _mirror(case)
    return case


# --- One line of time -----------------------------------------------------------------------------------------------


def _timeline(case: Case) -> Iterator[tuple[tuple[datetime, str, int, str], Callable[[], None]]]:
    """Yield when each step counts and what it does; at one moment the subscription that began earlier comes first."""
    for invoice in case.invoices.values():
        if invoice.status != "paid" or invoice.role is not None:
            continue
        moment, rank, step = _place(case, invoice)
        yield (moment, _age(case, invoice.stripe_subscription_id), rank, invoice.stripe_invoice_id), step
    for subscription in case.subscriptions.values():
        if subscription.ended_at is not None and not subscription.end_applied:
            place = (subscription.ended_at, _age(case, subscription.id), 4, subscription.id)
            yield place, partial(_end, case, subscription)


def _age(case: Case, subscription_id: str | None) -> str:
    """Return what sorts subscriptions, the oldest first; none at all comes last."""
    subscription = case.subscriptions.get(subscription_id or "")
    return f"{subscription.created_at.isoformat()} {subscription.id}" if subscription else "none"


def _place(case: Case, invoice: StripeInvoice) -> tuple[datetime, int, Callable[[], None]]:
    """Say when an invoice counts, what comes first at one moment, and what it does."""
    start = invoice.period_start
    if invoice.tier_id is None or start is None or invoice.stripe_subscription_id not in case.subscriptions:
        return invoice.created_at, 3, partial(_foreign, case, invoice, "it is for nothing on the price list")
    if invoice.reason == FIRST:
        # A first payment may come a day after its period has begun; whether another subscription ran is asked of then.
        return max(start, invoice.paid_at or start), 1, partial(_pay_period, case, invoice)
    if invoice.reason == CYCLE:
        return start, 1, partial(_pay_period, case, invoice)
    if invoice.reason == RAISE:
        return max(start, invoice.paid_at or start), 2, partial(_pay_raise, case, invoice)
    return invoice.created_at, 3, partial(_foreign, case, invoice, f"its reason is {invoice.reason}")


def _pay_period(case: Case, invoice: StripeInvoice) -> None:
    """Begin the period that was paid, once; a period that is over already gets its grant and its expiry together."""
    wallet, tier = case.wallet, invoice.tier
    subscription = case.subscriptions[invoice.stripe_subscription_id or ""]
    if _came_too_late(subscription, invoice) or _is_duplicate(case, subscription):
        _give_back_later(case, invoice)
        return
    if tier is None or invoice.period_start is None or invoice.period_end is None:
        raise AssertionError(f"invoice {invoice.stripe_invoice_id} has no period")
    source = f"invoice:{invoice.id}"
    invoice.role = InvoiceRole.PERIOD
    invoice.credits_granted = tier.monthly_credits
    case.tx.flush()
    if _is_over(case, subscription, invoice):
        credits.grant_late(case.tx, wallet, LedgerKind.GRANT, tier.monthly_credits, source=source, now=case.now)
    else:
        credits.begin_paid_period(
            case.tx,
            wallet,
            tier,
            invoice.period_start,
            invoice.period_end,
            subscription_id=subscription.id,
            price_id=invoice.price_id,
            source=source,
            now=case.now,
        )
        invoice.period_number = wallet.period_number
    case.note(f"invoice {invoice.stripe_invoice_id} was paid: {tier.monthly_credits} credits of {tier.display_name}")


def _is_duplicate(case: Case, subscription: StripeSubscription) -> bool:
    """Say whether this subscription was paid while the wallet followed another one, or by an account that is gone."""
    if subscription.is_duplicate:
        return True
    followed_id = case.wallet.stripe_subscription_id
    if followed_id == subscription.id or subscription.end_applied:
        return False
    if followed_id is None:
        gone = case.tx.scalar(select(User.deleted_at).where(User.id == case.wallet.user_id))
        subscription.is_duplicate = gone is not None and subscription.ended_at is None
        return subscription.is_duplicate
    followed = case.tx.get_one(StripeSubscription, followed_id)
    if subscription.ended_at is not None and subscription.ended_at < followed.created_at:
        return False  # It was over before the other one began; we only learn of it now.
    subscription.is_duplicate = True
    return True


def _came_too_late(subscription: StripeSubscription, invoice: StripeInvoice) -> bool:
    """Say whether it was paid after its subscription's end, as a delayed method may: nobody pays for what is over."""
    return subscription.ended_at is not None and invoice.paid_at is not None and invoice.paid_at > subscription.ended_at


def _give_back_later(case: Case, invoice: StripeInvoice) -> None:
    invoice.role = InvoiceRole.DUPLICATE
    case.note(f"invoice {invoice.stripe_invoice_id} paid for a second subscription or one that is over: it is refunded")


def _is_over(case: Case, subscription: StripeSubscription, invoice: StripeInvoice) -> bool:
    """Say whether a later period of a subscription has begun already; a Free period before the first never counts."""
    wallet, start = case.wallet, invoice.period_start
    if start is None:
        return True
    if wallet.stripe_subscription_id == subscription.id:
        return start <= wallet.current_period_start
    if wallet.stripe_subscription_id is not None or subscription.end_applied:
        return True
    ended = select(func.max(StripeSubscription.ended_at)).where(
        StripeSubscription.user_id == wallet.user_id, StripeSubscription.end_applied
    )
    last_end = case.tx.scalar(ended)
    return last_end is not None and (invoice.paid_at or start) < last_end


def _pay_raise(case: Case, invoice: StripeInvoice) -> None:
    """Raise the period that an upgrade was paid for; an invoice that we did not make grants nothing."""
    wallet, tier = case.wallet, invoice.tier
    subscription = case.subscriptions[invoice.stripe_subscription_id or ""]
    if subscription.is_duplicate or _came_too_late(subscription, invoice):
        _give_back_later(case, invoice)
        return
    asked = _asked_raise(case, invoice)
    if tier is None or (asked is None and not _is_marked(case, invoice)):
        _foreign(case, invoice, "we did not make it")
        return
    source = f"invoice:{invoice.id}"
    invoice.role = InvoiceRole.RAISE
    follows = wallet.stripe_subscription_id == subscription.id
    if follows and invoice.period_start == wallet.current_period_start:
        bonus = credits.upgrade(
            case.tx, wallet, tier, actor_id=None, now=case.now, source=source, stripe_price_id=invoice.price_id
        )
        invoice.period_number = wallet.period_number
    else:
        of_period = invoices_of(case.tx, subscription.id, invoice.period_start)
        bonus = max(0, tier.monthly_credits - sum(other.credits_granted for other in of_period))
        credits.grant_late(case.tx, wallet, LedgerKind.BONUS, bonus, source=source, now=case.now)
    invoice.credits_granted = bonus
    if asked is not None:
        asked.state, asked.stripe_invoice_id = RaiseState.PAID, invoice.stripe_invoice_id
    case.tx.flush()
    case.note(f"invoice {invoice.stripe_invoice_id} was paid: raised to {tier.display_name}, {bonus} more credits")


def _asked_raise(case: Case, invoice: StripeInvoice) -> StripeRaise | None:
    """Return the change of plan that this invoice charges, also if we died before we were told its number."""
    known = StripeRaise.stripe_invoice_id == invoice.stripe_invoice_id
    same = and_(
        StripeRaise.stripe_subscription_id == invoice.stripe_subscription_id,
        StripeRaise.stripe_invoice_id.is_(None),
        StripeRaise.to_price_id == invoice.price_id,
        StripeRaise.period_start == invoice.period_start,
    )
    # In one look: whoever has asked may write the number down between two of them, and neither would find it.
    mine = select(StripeRaise).where(StripeRaise.user_id == case.wallet.user_id, or_(known, same))
    return case.tx.scalar(mine.order_by(StripeRaise.stripe_invoice_id.is_(None), StripeRaise.id.desc()).limit(1))


def _is_marked(case: Case, invoice: StripeInvoice) -> bool:
    told = next(told for told in case.facts.invoices if told.id == invoice.stripe_invoice_id)
    owner = case.tx.get_one(User, case.wallet.user_id)
    return told.metadata.get("account") == account_mark(owner)


def _foreign(case: Case, invoice: StripeInvoice, why: str) -> None:
    invoice.role = InvoiceRole.FOREIGN
    log.warning("invoice %s was paid and grants nothing: %s", invoice.stripe_invoice_id, why)
    case.note(f"invoice {invoice.stripe_invoice_id} was paid and grants nothing: {why}")


def _end(case: Case, subscription: StripeSubscription) -> None:
    """Let the wallet fall to Free with the subscription that it follows; the end of any other changes nothing."""
    if case.wallet.stripe_subscription_id != subscription.id or subscription.ended_at is None:
        return
    credits.fall_to_free(case.tx, case.wallet, at=subscription.ended_at, now=case.now)
    subscription.end_applied = True
    case.tx.flush()
    case.note(f"subscription {subscription.id} has ended: the wallet is on Free")


# --- What Stripe says of the subscription ---------------------------------------------------------------------------


def _mirror(case: Case) -> None:
    """Take over what is pending, how the payments stand, and who the customer is."""
    wallet, customer = case.wallet, case.facts.customer
    columns: dict[str, object] = {}
    if customer.deleted and wallet.stripe_customer_id == customer.id:
        columns["stripe_customer_id"] = None
    for subscription in case.facts.subscriptions:
        if subscription.id == wallet.stripe_subscription_id:
            columns |= _pending(case, subscription)
            columns["payment_status"] = _STATUS.get(subscription.status, PaymentStatus.ACTIVE)
    if credits.mirror(case.tx, wallet, **columns):
        case.note(f"the wallet of user {wallet.user_id} takes over {', '.join(sorted(columns))}")


def _pending(case: Case, subscription: Subscription) -> dict[str, object]:
    """Return what comes at the period's end: the end of the plan, another tier, or nothing new."""
    wallet = case.wallet
    if subscription.cancel_at_period_end:
        return {"pending_tier_id": credits.free_tier(case.tx).id, "cancel_at_period_end": True}
    coming = tier_of(case.tx, subscription.price_id)
    other = coming is not None and coming.id != wallet.tier_id and not _is_being_raised(case, subscription)
    return {"pending_tier_id": coming.id if coming and other else None, "cancel_at_period_end": False}


def _is_being_raised(case: Case, subscription: Subscription) -> bool:
    running = select(StripeRaise.id).where(
        StripeRaise.user_id == case.wallet.user_id,
        StripeRaise.state.in_([RaiseState.ASKED, RaiseState.WAITING]),
        StripeRaise.to_price_id == subscription.price_id,
    )
    return case.tx.scalar(running) is not None
