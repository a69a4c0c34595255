"""Open payment pages: one customer for each user, and at most one open page of each kind.

A page begins as a row of ours whose token is the key under which Stripe is asked. So of many clicks at once, and of a
click after a crash, all come to the same page.
"""

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from clients.payments import Checkout, Gateway, NoSuchObject, Order
from errors import AppError, Conflict, NotFound
from models import (
    CheckoutState,
    CreditPurchase,
    PurchaseStatus,
    StripeCatalogEntry,
    StripeCheckout,
    StripeCustomer,
    StripeSubscription,
    User,
    UserSubscription,
)
from services import catalogue, credits, payments
from services.stripe_records import account_mark
from services.transaction import Database, insert_new

log = logging.getLogger(__name__)

_EXPIRED = CheckoutState.EXPIRED
_IS_OPEN = StripeCheckout.state.in_((CheckoutState.OPENING, CheckoutState.OPEN))


@dataclass(frozen=True)
class Wanted:
    """What somebody wants to pay for: a tier by name, or a pack by its credits."""

    kind: str
    """`subscription` or `pack`."""
    target: str
    credits: int = 0
    price_cents: int = 0


@dataclass(frozen=True)
class Page:
    """An open payment page."""

    url: str
    session_id: str
    purchase: CreditPurchase | None


def open_page(db: Database, gateway: Gateway, user_id: int, wanted: Wanted, *, site: str, now: datetime) -> Page:
    """Return the user's open payment page for this, a new one if there is none; one for anything else is closed.

    Raises 409 `already_subscribed`, 409 `checkout_replaced` when another click has opened another page meanwhile, 503
    `payments_not_configured` where the price list has not been taken to Stripe, and PaymentsUnavailable.
    """
    customer_id = living_customer(db, gateway, user_id, now=now)
    with db.write() as tx:
        row = _claim(tx, gateway, user_id, customer_id, wanted, now)
    _close_replaced(db, gateway, user_id)
    return _open(db, gateway, row, site, now)


def forget_pages(db: Database, gateway: Gateway, user_id: int) -> None:
    """Close every payment page of a user, for an account that goes."""
    with db.write() as tx:
        for page in tx.scalars(select(StripeCheckout).where(StripeCheckout.user_id == user_id, _IS_OPEN)).all():
            _replace(tx, page)
    _close_replaced(db, gateway, user_id)


# --- The customer ---------------------------------------------------------------------------------------------------


def living_customer(db: Database, gateway: Gateway, user_id: int, *, now: datetime) -> str:
    """Return the user's customer, everything brought up to date first; one that was deleted unheard is made anew."""
    customer_of(db, gateway, user_id, now=now)
    payments.look(db, gateway, user_id, now=now)
    return customer_of(db, gateway, user_id, now=now)


def customer_of(db: Database, gateway: Gateway, user_id: int, *, now: datetime) -> str:
    """Return the user's customer at Stripe, made once, however many ask at once.

    Every process asks under the same key; what an earlier life of our database has made is found again.
    """
    with db.snapshot() as tx:
        user = tx.get_one(User, user_id)
        wallet = tx.scalar(select(UserSubscription).where(UserSubscription.user_id == user_id))
        former = tx.scalars(select(StripeCustomer.id).where(StripeCustomer.user_id == user_id)).all()
    if wallet is not None and wallet.stripe_customer_id is not None:
        return wallet.stripe_customer_id
    if user.email is None:
        raise NotFound()
    mark = account_mark(user)
    made = gateway.find_customer(user.email, mark)
    if made is None:
        made = gateway.create_customer(user.email, mark, key=_customer_key(mark, user.email, sorted(former), now))
    with db.write() as tx:
        wallet = credits.enter(tx, user_id, now=now, simulated=False)
        insert_new(tx, StripeCustomer, {"id": made.id, "user_id": user_id, "created_at": now})
        if wallet.stripe_customer_id is None:
            credits.mirror(tx, wallet, stripe_customer_id=made.id)
        return wallet.stripe_customer_id or made.id


def _customer_key(mark: str, email: str, former: list[str], now: datetime) -> str:
    """Return a key that is the same for all who ask now, and another one after the customer was deleted."""
    parts = "\n".join([mark, email, *former])
    return f"customer-{hashlib.sha256(parts.encode()).hexdigest()[:32]}-{_hour(now)}"


def _hour(now: datetime) -> int:
    """Number the hours: Stripe repeats a fault of its own for as long as the key is the same, up to a day."""
    return int(now.timestamp()) // 3600


# --- The page -------------------------------------------------------------------------------------------------------


def _claim(
    tx: Session, gateway: Gateway, user_id: int, customer_id: str, wanted: Wanted, now: datetime
) -> StripeCheckout:
    """Return the row of the page that is open or being opened for this; whatever else was open is replaced."""
    wallet = credits.enter(tx, user_id, now=now, simulated=False)
    if wanted.kind == "subscription":
        _refuse_second(tx, wallet)
    kind = "tier" if wanted.kind == "subscription" else "pack"
    price = catalogue.price_for(tx, kind, wanted.target, livemode=gateway.livemode)
    if price is None:
        raise AppError(503, "payments_not_configured", "This cannot be paid for yet: the price list is not at Stripe.")
    mine = (StripeCheckout.user_id == user_id, StripeCheckout.kind == wanted.kind, _IS_OPEN)
    present = tx.scalar(select(StripeCheckout).where(*mine))
    if present is not None:
        same = (present.target, present.price_id, present.customer_id) == (wanted.target, price.id, customer_id)
        if same and (present.expires_at is None or present.expires_at > now):
            return present
        _replace(tx, present)
    row = StripeCheckout(
        user_id=user_id,
        kind=wanted.kind,
        target=wanted.target,
        customer_id=customer_id,
        price_id=price.id,
        purchase_id=_purchase(tx, user_id, wanted, now),
        state=CheckoutState.OPENING,
        created_at=now,
    )
    tx.add(row)
    tx.flush()
    return row


def _replace(tx: Session, page: StripeCheckout) -> None:
    page.state = CheckoutState.REPLACED
    # Should it be paid all the same, its credits are added then.
    waiting = (CreditPurchase.id == page.purchase_id, CreditPurchase.payment_status == PurchaseStatus.PENDING)
    tx.execute(update(CreditPurchase).where(*waiting).values(payment_status=PurchaseStatus.FAILED))
    tx.flush()


def _refuse_second(tx: Session, wallet: UserSubscription) -> None:
    """Refuse a second subscription, also beside one that still waits for its first payment."""
    mine = (StripeSubscription.user_id == wallet.user_id, StripeSubscription.ended_at.is_(None))
    ours = select(StripeCatalogEntry.id).where(StripeCatalogEntry.kind == "tier")
    live = select(StripeSubscription.id).where(
        *mine, StripeSubscription.is_duplicate.is_(False), StripeSubscription.price_id.in_(ours)
    )
    if wallet.stripe_subscription_id is not None:
        raise Conflict("already_subscribed", "You have a subscription already. Change the plan on the billing page.")
    if tx.scalar(live.limit(1)) is not None:
        raise Conflict("payment_pending", "The first payment of your subscription is still being confirmed.")


def _purchase(tx: Session, user_id: int, wanted: Wanted, now: datetime) -> int | None:
    if wanted.kind != "pack":
        return None
    purchase = CreditPurchase(
        user_id=user_id,
        credits_amount=wanted.credits,
        price_paid_cents=wanted.price_cents,
        payment_status=PurchaseStatus.PENDING,
        created_at=now,
    )
    tx.add(purchase)
    tx.flush()
    return purchase.id


def _open(db: Database, gateway: Gateway, row: StripeCheckout, site: str, now: datetime) -> Page:
    if row.session_id is not None and row.url is not None:
        return _page(db, row)
    opened = _ask(db, gateway, row, site, now)
    with db.write() as tx:
        present = tx.get_one(StripeCheckout, row.id, with_for_update=True)
        if present.session_id is None:
            present.session_id, present.url, present.expires_at = opened.id, opened.url, opened.expires_at
        if present.state == CheckoutState.OPENING:
            present.state = CheckoutState.OPEN
        if present.purchase_id is not None:
            purchase = tx.get_one(CreditPurchase, present.purchase_id)
            purchase.stripe_checkout_session_id = present.session_id
    if present.session_id != opened.id:
        gateway.expire_checkout(opened.id)  # Another click has asked under the key of another hour, and was faster.
    if present.state != CheckoutState.OPEN:
        # Another click wanted something else while Stripe was asked; its page counts.
        gateway.expire_checkout(present.session_id or opened.id)
        raise Conflict("checkout_replaced", "Another payment page was opened meanwhile. Use that one.")
    return _page(db, present)


def _ask(db: Database, gateway: Gateway, row: StripeCheckout, site: str, now: datetime) -> Checkout:
    """Ask Stripe for the page of this row; asked again it is the same page."""
    with db.read() as tx:
        user = tx.get_one(User, row.user_id)
    meaning = "tier" if row.kind == "subscription" else "pack"
    order = Order(
        customer_id=row.customer_id,
        price_id=row.price_id,
        mode="subscription" if row.kind == "subscription" else "payment",
        success_url=f"{site}/billing/success?session_id={{CHECKOUT_SESSION_ID}}",
        cancel_url=f"{site}/billing?checkout=cancelled",
        metadata={"account": account_mark(user), "checkout": row.token, meaning: row.target},
    )
    try:
        return gateway.open_checkout(order, key=f"checkout-{row.token}-{_hour(now)}")
    except NoSuchObject:
        message = "This cannot be paid for right now. Tell the operator to run `flask stripe check`."
        raise AppError(503, "payments_not_configured", message) from None


def _close_replaced(db: Database, gateway: Gateway, user_id: int) -> None:
    """Close the pages that were replaced; one that was paid all the same is seen by the next sync."""
    replaced = (StripeCheckout.user_id == user_id, StripeCheckout.state == CheckoutState.REPLACED)
    with db.read() as tx:
        rows = tx.scalars(select(StripeCheckout).where(*replaced, StripeCheckout.session_id.is_not(None))).all()
    for row in rows:
        try:
            gateway.expire_checkout(row.session_id or "")
            # Whether it expired or was complete is for the next sync to say; for the one that asks now it is closed.
        except NoSuchObject:
            # Of another Stripe account, or of the other mode: nobody pays on it here.
            with db.write() as tx:
                tx.execute(update(StripeCheckout).where(StripeCheckout.id == row.id, *replaced).values(state=_EXPIRED))


def _page(db: Database, row: StripeCheckout) -> Page:
    with db.read() as tx:
        purchase = tx.get(CreditPurchase, row.purchase_id) if row.purchase_id is not None else None
    return Page(row.url or "", row.session_id or "", purchase)


def confirm(db: Database, gateway: Gateway, user_id: int, session_id: str, *, now: datetime) -> None:
    """Ask Stripe how a payment page stands that our records still wait for, so that a lost event keeps nobody waiting.

    Whoever does not answer is not insisted on: the event may come yet.
    """
    mine = (StripeCheckout.user_id == user_id, StripeCheckout.session_id == session_id)
    with db.read() as tx:
        page = tx.scalar(select(StripeCheckout).where(*mine))
        bought = tx.get(CreditPurchase, page.purchase_id) if page is not None and page.purchase_id else None
        follows = tx.scalar(select(UserSubscription.stripe_subscription_id).where(UserSubscription.user_id == user_id))
    if page is None:
        return
    is_paid = bought.payment_status == PurchaseStatus.COMPLETED if bought is not None else follows is not None
    if not is_paid and page.state in (CheckoutState.OPENING, CheckoutState.OPEN, CheckoutState.COMPLETE):
        try:
            payments.look(db, gateway, user_id, now=now)
        except AppError:
            log.warning("Stripe could not be asked about checkout %s", session_id)
