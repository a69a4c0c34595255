"""Change a plan that is paid through Stripe: up when paid, down or cancelled at the period's end, and both undone.

Each of these asks Stripe first and then takes over what Stripe says; what is pending is Stripe's to know.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from clients.payments import Gateway, Invoice, NoSuchObject, PaymentDeclined, PaymentsUnavailable, Subscription
from errors import AppError, Conflict
from models import RaiseState, StripeRaise, SubscriptionTier, User, UserSubscription
from services import catalogue, credits, payments
from services.stripe_records import RAISE, account_mark
from services.transaction import Database

log = logging.getLogger(__name__)

_TURNS = 3
_RUNNING = StripeRaise.state.in_((RaiseState.ASKED, RaiseState.WAITING))


@dataclass(frozen=True)
class Standing:
    """A subscription as Stripe tells it now, and what the wallet has of it."""

    user_id: int
    told: Subscription
    paid_price_id: str
    """The price at which the present period was paid."""
    period_start: datetime
    period_end: datetime
    tier: SubscriptionTier
    sync_count: int
    """Tells whether our records have moved on since."""


def standing(db: Database, gateway: Gateway, user_id: int, *, now: datetime) -> Standing | None:
    """Return the subscription that the wallet follows, everything brought up to date first; None if there is none."""
    seen = payments.look(db, gateway, user_id, now=now)
    facts = seen.facts
    with db.read() as tx:
        wallet = tx.scalars(select(UserSubscription).where(UserSubscription.user_id == user_id)).one()
        tier = wallet.tier
    told = (
        next((one for one in facts.subscriptions if one.id == wallet.stripe_subscription_id), None) if facts else None
    )
    if told is None or told.ended or wallet.stripe_price_id is None:
        return None
    start, end = wallet.current_period_start, wallet.current_period_end
    return Standing(user_id, told, wallet.stripe_price_id, start, end, tier, seen.sync_count)


# --- At the period's end --------------------------------------------------------------------------------------------


@contextmanager
def _unless_it_has_ended() -> Iterator[None]:
    """Refuse clearly what Stripe no longer does because the subscription has ended, or begun anew, this moment."""
    try:
        yield
    except NoSuchObject:
        raise _in_progress() from None


@_unless_it_has_ended()
def lower(db: Database, gateway: Gateway, present: Standing, tier: SubscriptionTier, *, key: str) -> None:
    """Let a lower tier begin with the next invoice; a cancellation that was pending is taken back."""
    with db.read() as tx:
        price = _price_of(tx, gateway, tier)
    gateway.set_coming(present.told, price, cancel=False, key=key)


@_unless_it_has_ended()
def cancel(gateway: Gateway, present: Standing, *, key: str) -> None:
    """Let the plan end with its period; a lower tier that was to come is forgotten.

    A plan that Stripe no longer tries to collect has no period to wait for: it ends now, and another can begin.
    """
    if present.told.status == "unpaid":
        gateway.cancel_now(present.told.id)
    else:
        gateway.set_coming(present.told, present.paid_price_id, cancel=True, key=key)


@_unless_it_has_ended()
def resume(db: Database, gateway: Gateway, present: Standing, *, key: str, now: datetime) -> bool:
    """Undo what is pending; False if nothing was.

    Looks again until nothing is: an upgrade that was paid meanwhile would be lowered by the price put back.
    """
    was_pending = has_pending(present)
    now_is: Standing | None = present
    for turn in range(_TURNS):
        if now_is is None or not has_pending(now_is):
            break
        gateway.set_coming(now_is.told, now_is.paid_price_id, cancel=False, key=f"{key}-{turn}")
        now_is = standing(db, gateway, present.user_id, now=now)
    return was_pending


def has_pending(present: Standing) -> bool:
    """Say whether a lower tier, or the plan's end, is to come."""
    return present.told.cancel_at_period_end or present.told.price_id != present.paid_price_id


def drop_waiting(db: Database, gateway: Gateway, user_id: int, *, now: datetime) -> bool:
    """Give up an upgrade that waits for its payment; False if none does.

    Raises 409 `change_in_progress` while Stripe is being asked for one.
    """
    running = _running(db, user_id)
    if running is None:
        return False
    if running.stripe_invoice_id is None:
        raise _in_progress()
    _give_up(db, gateway, running, now)
    return True


# --- At once --------------------------------------------------------------------------------------------------------


def raise_to(db: Database, gateway: Gateway, present: Standing, tier: SubscriptionTier, *, now: datetime) -> Invoice:
    """Charge the whole difference to a higher tier, and return its invoice: paid, or open until the person pays it.

    The tier and its bonus come when the invoice is paid. Where a change was pending, an upgrade that is not paid at
    once is given up, and the change stands again. Asked again after a crash, or by a second click, Stripe gives the
    same invoice. Raises 409 `renewal_unpaid`, 409 `change_in_progress`, PaymentDeclined and PaymentsUnavailable.
    """
    _refuse_unpaid(present, now)
    asked = _running(db, present.user_id)
    if asked is not None and asked.tier_id != tier.id:
        drop_waiting(db, gateway, present.user_id, now=now)
        now_is = standing(db, gateway, present.user_id, now=now)
        if now_is is None:
            raise _in_progress()
        present, asked = now_is, None
    if asked is None:
        asked = _ask(db, gateway, present, tier, now)
        invoice = _charge(db, gateway, present, asked, now, is_new=True)
    elif asked.stripe_invoice_id is not None:
        invoice = _waiting_invoice(gateway, present, asked.stripe_invoice_id)
    else:
        invoice = _charge(db, gateway, present, asked, now, is_new=False)
    if invoice.status != "paid" and (asked.restore_cancel or asked.restore_price_id is not None):
        _give_up(db, gateway, asked, now)
        raise PaymentDeclined(
            "The payment did not go through, so everything stays as it was. Undo the change that is pending, or mend "
            "your card, and try again."
        )
    return invoice


def _charge(
    db: Database, gateway: Gateway, present: Standing, asked: StripeRaise, now: datetime, *, is_new: bool
) -> Invoice:
    """Ask Stripe for what was written down; one that refuses leaves nothing behind."""
    since, key = asked.period_start, f"raise-{asked.token}"
    try:
        _clear_pending(gateway, present, asked, is_new)
        invoice = gateway.raise_price(present.told, asked.to_price_id, since=since, key=key)
    except PaymentDeclined:
        _give_up(db, gateway, asked, now)
        raise
    except NoSuchObject:
        # The subscription has ended, or its next period has begun, since it was looked at.
        _give_up(db, gateway, asked, now)
        raise _in_progress() from None
    if invoice.reason != RAISE:
        # Nothing was charged: the dashboard has changed the price meanwhile, and Stripe gave an older invoice.
        _give_up(db, gateway, asked, now)
        raise _in_progress()
    _remember(db, gateway, asked, invoice)
    return invoice


def _refuse_unpaid(present: Standing, now: datetime) -> None:
    renewed = present.told.period_start > present.period_start
    if renewed or now >= present.period_end or present.told.status in ("past_due", "unpaid"):
        raise Conflict("renewal_unpaid", "Your renewal is not paid yet. Pay it first, then upgrade.")


def _running(db: Database, user_id: int) -> StripeRaise | None:
    with db.read() as tx:
        return tx.scalar(select(StripeRaise).where(StripeRaise.user_id == user_id, _RUNNING))


def _ask(db: Database, gateway: Gateway, present: Standing, tier: SubscriptionTier, now: datetime) -> StripeRaise:
    """Write down what Stripe is about to be asked, so that a crash loses neither the invoice nor what was pending."""
    with db.write() as tx:
        wallet = credits.enter(tx, present.user_id, now=now, simulated=False)
        running = tx.scalar(select(StripeRaise.id).where(StripeRaise.user_id == present.user_id, _RUNNING))
        # What was pending may have changed, and Stripe would reckon the difference from a price that nobody expects.
        if running is not None or wallet.sync_count != present.sync_count:
            raise _in_progress()
        is_lower = present.told.price_id != present.paid_price_id
        asked = StripeRaise(
            user_id=present.user_id,
            stripe_subscription_id=present.told.id,
            tier_id=tier.id,
            from_price_id=present.paid_price_id,
            to_price_id=_price_of(tx, gateway, tier),
            period_start=present.period_start,
            restore_price_id=present.told.price_id if is_lower else None,
            restore_cancel=present.told.cancel_at_period_end,
            state=RaiseState.ASKED,
            created_at=now,
        )
        tx.add(asked)
        tx.flush()
        return asked


def _waiting_invoice(gateway: Gateway, present: Standing, invoice_id: str) -> Invoice:
    for invoice in gateway.facts(present.told.customer_id).invoices:
        if invoice.id == invoice_id:
            return invoice
    raise _in_progress()


def _clear_pending(gateway: Gateway, present: Standing, asked: StripeRaise, is_new: bool) -> None:
    """Put the present price back, or Stripe would reckon the difference from the wrong one.

    A price that is the wanted one already may, for one who asks again, come of the first asking; it stays then.
    """
    told = present.told
    is_other = told.price_id != present.paid_price_id and (is_new or told.price_id != asked.to_price_id)
    if told.cancel_at_period_end or is_other:
        price_id = present.paid_price_id if is_other else told.price_id
        gateway.set_coming(told, price_id, cancel=False, key=f"clear-{asked.token}")


def _remember(db: Database, gateway: Gateway, asked: StripeRaise, invoice: Invoice) -> None:
    """Keep the invoice's number, and mark it as ours also for a database that will have lost this row."""
    with db.write() as tx:
        owner = tx.get_one(User, asked.user_id)
        changed = update(StripeRaise).where(StripeRaise.id == asked.id)
        tx.execute(changed.values(stripe_invoice_id=invoice.id))
        tx.execute(changed.where(StripeRaise.state == RaiseState.ASKED).values(state=RaiseState.WAITING))
    try:
        gateway.mark_invoice(invoice.id, {"account": account_mark(owner)})
    except (PaymentsUnavailable, NoSuchObject):
        log.warning("invoice %s could not be marked; only this database knows whose it is", invoice.id)


def _give_up(db: Database, gateway: Gateway, asked: StripeRaise, now: datetime) -> None:
    """Make sure that nobody pays for the upgrade any more; the sync puts back what was pending before it.

    Raises 409 `payment_pending` while a payment for it is under way, which cannot be called back.
    """
    if asked.stripe_invoice_id is not None:
        try:
            gateway.void_invoice(asked.stripe_invoice_id)
        except NoSuchObject:
            raise Conflict("payment_pending", "The payment of your upgrade is still being confirmed.") from None
    with db.write() as tx:
        wallet = credits.enter(tx, asked.user_id, now=now, simulated=False)
        given_up = update(StripeRaise).where(StripeRaise.id == asked.id, _RUNNING).values(state=RaiseState.DROPPED)
        tx.execute(given_up)
        # Whoever has fetched facts before this may have seen what was pending still there, and would not put it back.
        credits.mirror(tx, wallet, sync_count=wallet.sync_count + 1)
    payments.look(db, gateway, asked.user_id, now=now)


def _in_progress() -> Conflict:
    return Conflict("change_in_progress", "Another change of your plan is under way. Try again in a moment.")


def _price_of(tx: Session, gateway: Gateway, tier: SubscriptionTier) -> str:
    price = catalogue.price_for(tx, "tier", tier.name, livemode=gateway.livemode)
    if price is None:
        raise AppError(503, "payments_not_configured", "This plan cannot be paid for yet: it is not at Stripe.")
    return price.id
