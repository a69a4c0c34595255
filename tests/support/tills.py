"""Let a server take payments through the fake Stripe, and see at a glance what an account has."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from clients.stripe_gateway import StripeGateway
from models import CreditLedger, CreditPurchase, StripeCheckout, StripeEvent, UserSubscription
from services import catalogue
from services.transaction import Database, utcnow
from tests.fakes.stripe import FakeStripe

WEBHOOK = "/api/stripe/webhook"
_NOT_MONEY = {"sync_count", "updated_at"}


def environment(stripe: FakeStripe) -> dict[str, str]:
    """Return the variables of a server that is paid through this fake."""
    return {
        "STRIPE_SECRET_KEY": stripe.secret_key,
        "STRIPE_WEBHOOK_SECRET": stripe.webhook_secret,
        "STRIPE_API_BASE": stripe.url,
    }


def gateway_to(stripe: FakeStripe) -> StripeGateway:
    """Return a gateway of the test's own that reaches the fake without a socket."""
    client = stripe.http_client()
    return StripeGateway(stripe.secret_key, webhook_secret=stripe.webhook_secret, base=stripe.url, http_client=client)


def price_list_at(stripe: FakeStripe, db: Database) -> None:
    """Take the price list to Stripe, as `flask stripe sync` does."""
    catalogue.sync(db, gateway_to(stripe), now=utcnow())


def books(db: Database) -> list[dict[str, Any]]:
    """Return every wallet and every entry of the ledger, to compare them before and after."""
    with db.read() as tx:
        rows = [*tx.scalars(select(UserSubscription).order_by(UserSubscription.id))]
        entries = [*tx.scalars(select(CreditLedger).order_by(CreditLedger.id))]
    return [
        {column.key: getattr(row, column.key) for column in row.__mapper__.column_attrs if column.key not in _NOT_MONEY}
        for row in [*rows, *entries]
    ]


def event_row(db: Database, event_id: str) -> StripeEvent | None:
    """Return what is remembered of an event."""
    with db.read() as tx:
        return tx.get(StripeEvent, event_id)


@dataclass(frozen=True)
class Holding:
    """What a user has."""

    tier: str
    plan: int
    pack: int
    pending: str | None
    ends: bool


def holding(db: Database, user_id: int) -> Holding:
    """Return what a user has now, as it is stored."""
    with db.read() as tx:
        wallet = tx.scalars(select(UserSubscription).where(UserSubscription.user_id == user_id)).one()
        pending = wallet.pending_tier.name if wallet.pending_tier else None
        return Holding(wallet.tier.name, wallet.plan_credits, wallet.pack_credits, pending, wallet.cancel_at_period_end)


def customer_of(db: Database, user_id: int) -> str:
    """Return the user's customer at Stripe."""
    with db.read() as tx:
        found = select(UserSubscription.stripe_customer_id).where(UserSubscription.user_id == user_id)
        return str(tx.scalar(found))


def purchases_of(db: Database, user_id: int) -> list[CreditPurchase]:
    """Return the user's purchases, the oldest first."""
    with db.read() as tx:
        mine = select(CreditPurchase).where(CreditPurchase.user_id == user_id)
        return list(tx.scalars(mine.order_by(CreditPurchase.id)))


def pages_of(db: Database, user_id: int) -> list[StripeCheckout]:
    """Return the user's payment pages as they are stored, the oldest first."""
    with db.read() as tx:
        mine = select(StripeCheckout).where(StripeCheckout.user_id == user_id)
        return list(tx.scalars(mine.order_by(StripeCheckout.id)))


def customers_at(stripe: FakeStripe, user_id: int) -> list[str]:
    """Return the customers that Stripe keeps for this user."""
    marks = {one["id"]: (one.get("metadata") or {}).get("account", "") for one in stripe.customers.values()}
    return [customer_id for customer_id, mark in marks.items() if mark.startswith(f"{user_id}-")]


def open_sessions(stripe: FakeStripe, user_id: int, mode: str | None = None) -> list[str]:
    """Return the user's payment pages that can be paid on at Stripe, of one mode or of both."""
    mine = customers_at(stripe, user_id)
    return [
        one["id"]
        for one in list(stripe.sessions.values())
        if one["customer"] in mine and one["status"] == "open" and mode in (None, one["mode"])
    ]


def paid_at(stripe: FakeStripe, user_id: int) -> list[int]:
    """Return the amounts that Stripe has taken from this user, less what was given back, the oldest first."""
    mine = customers_at(stripe, user_id)
    return [
        charge["amount"] - charge["amount_refunded"]
        for charge in list(stripe.charges.values())
        if charge["customer"] in mine and charge["status"] == "succeeded"
    ]
