"""Choose plans and order packs through Stripe: ask it, take over what it says, and answer as the simulated way does."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import select

from clients.payments import Gateway
from errors import Conflict
from models import CreditPack, StripeInvoice, SubscriptionTier, UserSubscription
from services import checkouts, payments, plan_changes
from services.billing_views import subscription_json
from services.checkouts import Wanted
from services.payment_views import purchase_json
from services.plan_changes import Standing
from services.transaction import Database
from services.views import tier_view


def choose(
    db: Database, gateway: Gateway, user_id: int, tier: SubscriptionTier, site: str, now: datetime
) -> dict[str, Any]:
    """Do what choosing this tier means for a person who pays through Stripe, or is about to.

    Raises 409 `already_on_tier` when there is nothing to do, and what `plan_changes` and `checkouts` raise.
    """
    present = plan_changes.standing(db, gateway, user_id, now=now)
    if present is None:
        return plan_page(db, gateway, user_id, tier, site, now)
    if tier.monthly_price_cents > present.tier.monthly_price_cents:
        return _raise(db, gateway, present, tier, now)
    if plan_changes.drop_waiting(db, gateway, user_id, now=now):
        present = plan_changes.standing(db, gateway, user_id, now=now) or present
    elif tier.id == present.tier.id and not plan_changes.has_pending(present):
        raise Conflict("already_on_tier", f"You are on {tier.display_name} already.")
    if tier.id == present.tier.id:
        plan_changes.resume(db, gateway, present, key=new_key(), now=now)
        return taken_over(db, gateway, user_id, f"You stay on {tier.display_name}.", now)
    if tier.monthly_price_cents == 0:
        plan_changes.cancel(gateway, present, key=new_key())
    else:
        plan_changes.lower(db, gateway, present, tier, key=new_key())
    words = f"{tier.display_name} begins when this period ends. Until then nothing changes."
    return taken_over(db, gateway, user_id, words, now)


def _raise(db: Database, gateway: Gateway, present: Standing, tier: SubscriptionTier, now: datetime) -> dict[str, Any]:
    invoice = plan_changes.raise_to(db, gateway, present, tier, now=now)
    payments.look(db, gateway, present.user_id, now=now)
    if invoice.status == "paid":
        return _told(
            db, present.user_id, f"You are on {tier.display_name} now. {_bonus(db, invoice.id):,} credits added."
        )
    return {
        "success": False,
        "checkout_url": invoice.url,
        "session_id": invoice.id,
        "message": f"{tier.display_name} begins as soon as its invoice is paid.",
    }


def taken_over(db: Database, gateway: Gateway, user_id: int, message: str, now: datetime) -> dict[str, Any]:
    """Answer with what Stripe says now."""
    payments.look(db, gateway, user_id, now=now)
    return _told(db, user_id, message)


def _told(db: Database, user_id: int, message: str) -> dict[str, Any]:
    with db.read() as tx:
        wallet = tx.scalars(select(UserSubscription).where(UserSubscription.user_id == user_id)).one()
        return answer(wallet, message, False)


def _bonus(db: Database, invoice_id: str) -> int:
    with db.read() as tx:
        granted = select(StripeInvoice.credits_granted).where(StripeInvoice.stripe_invoice_id == invoice_id)
        return tx.scalar(granted) or 0


def plan_page(
    db: Database, gateway: Gateway, user_id: int, tier: SubscriptionTier, site: str, now: datetime
) -> dict[str, Any]:
    """Answer with the payment page for a plan."""
    wanted = Wanted("subscription", tier.name)
    page = checkouts.open_page(db, gateway, user_id, wanted, site=site, now=now)
    message = f"{tier.display_name} begins as soon as it is paid."
    return {"success": False, "checkout_url": page.url, "session_id": page.session_id, "message": message}


def pack_page(
    db: Database, gateway: Gateway, user_id: int, pack: CreditPack, site: str, now: datetime
) -> dict[str, Any]:
    """Answer with the payment page for a pack, and its purchase, which is pending."""
    wanted = Wanted("pack", str(pack.credits), credits=pack.credits, price_cents=pack.price_cents)
    page = checkouts.open_page(db, gateway, user_id, wanted, site=site, now=now)
    told = {"success": False, "checkout_url": page.url, "session_id": page.session_id}
    told["message"] = f"{pack.credits:,} credits are added as soon as they are paid."
    return told | ({"purchase": purchase_json(page.purchase)} if page.purchase else {})


def new_key() -> str:
    """Return a key under which Stripe is asked for one deed of one request."""
    return str(uuid.uuid4())


def answer(wallet: UserSubscription, message: str, simulated: bool) -> dict[str, Any]:
    """Return what a change of plan or a purchase answers with."""
    return {
        "success": True,
        "simulated": simulated,
        "subscription": subscription_json(wallet),
        "message": message,
        "credits_remaining": wallet.credits_remaining,
        "tier": tier_view(wallet.tier),
    }
