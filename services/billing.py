"""Change plans and sell packs; the rules of "Changing plan" and "Packs" in the credit rules."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from errors import AppError, Conflict
from models import CreditPack, CreditPurchase, PurchaseStatus, SubscriptionTier, UserSubscription
from services import credits, idempotency
from services.billing_views import packs_of, pay_first, purchase_json, subscription_json
from services.idempotency import Call
from services.transaction import Database
from services.views import tier_view


def choose_tier(
    db: Database,
    user_id: int,
    *,
    tier_id: int | None = None,
    tier_name: str | None = None,
    now: datetime,
    simulated: bool,
    call: Call | None = None,
) -> dict[str, Any]:
    """Move to a higher tier at once, schedule a lower one for the period's end, or undo what is pending.

    Raises 400 `invalid_tier` for an unknown or inactive tier and 409 `already_on_tier` when there is nothing to do.
    """
    pay_first(simulated)
    with db.write() as tx:
        wallet = credits.enter(tx, user_id, now=now, simulated=simulated)
        kept = idempotency.claim(tx, call, now=now)
        if kept is not None:
            return kept
        tier = _find_tier(tx, wallet, tier_id, tier_name)
        message = _change(tx, wallet, tier, user_id, now)
        response = _answer(wallet, message, simulated)
        idempotency.keep(tx, call, response)
        return response


def cancel(db: Database, user_id: int, *, now: datetime, simulated: bool) -> dict[str, Any]:
    """Let the paid plan end with its period; raises 409 `nothing_to_cancel` when there is none or it ends already."""
    with db.write() as tx:
        wallet = credits.enter(tx, user_id, now=now, simulated=simulated)
        if wallet.tier.name == credits.FREE or wallet.cancel_at_period_end:
            raise Conflict("nothing_to_cancel", "There is no plan to cancel.")
        credits.schedule(tx, wallet, credits.free_tier(tx))
        return _answer(wallet, f"Your {wallet.tier.display_name} plan ends with its period.", simulated)


def resume(db: Database, user_id: int, *, now: datetime, simulated: bool) -> dict[str, Any]:
    """Undo a pending downgrade or cancellation; changes nothing when nothing is pending."""
    with db.write() as tx:
        wallet = credits.enter(tx, user_id, now=now, simulated=simulated)
        undone = credits.unschedule(tx, wallet)
        message = f"You stay on {wallet.tier.display_name}." if undone else "Nothing was pending."
        return _answer(wallet, message, simulated)


def buy_pack(
    db: Database, user_id: int, *, pack_size: int, now: datetime, simulated: bool, call: Call | None = None
) -> dict[str, Any]:
    """Buy a pack with simulated payments: its credits are there at once and never expire.

    Raises 400 `invalid_pack` for a size that is not sold.
    """
    pay_first(simulated)
    with db.write() as tx:
        wallet = credits.enter(tx, user_id, now=now, simulated=simulated)
        kept = idempotency.claim(tx, call, now=now)
        if kept is not None:
            return kept
        purchase = _order(tx, user_id, pack_size, now)
        credits.complete_purchase(tx, wallet, purchase, now=now)
        response = _answer(wallet, f"{purchase.credits_amount:,} credits added. They never expire.", simulated)
        response["purchase"] = purchase_json(purchase)
        idempotency.keep(tx, call, response)
        return response


def _find_tier(tx: Session, wallet: UserSubscription, tier_id: int | None, tier_name: str | None) -> SubscriptionTier:
    """Return the tier that was asked for; an inactive one only to those who hold it, so that they can undo."""
    query = select(SubscriptionTier)
    query = query.where(SubscriptionTier.id == tier_id) if tier_id is not None else query
    query = query.where(SubscriptionTier.name == tier_name) if tier_name is not None else query
    tier = tx.scalar(query)
    if tier is None or not (tier.is_active or tier.id == wallet.tier_id):
        raise AppError(400, "invalid_tier", "There is no such plan.")
    return tier


def _change(tx: Session, wallet: UserSubscription, tier: SubscriptionTier, user_id: int, now: datetime) -> str:
    """Do what choosing this tier means, and say so in one sentence."""
    present = wallet.tier
    if tier.id == present.id:
        if not credits.unschedule(tx, wallet):
            raise Conflict("already_on_tier", f"You are on {tier.display_name} already.")
        return f"You stay on {tier.display_name}."
    if tier.monthly_price_cents > present.monthly_price_cents:
        bonus = credits.upgrade(tx, wallet, tier, actor_id=user_id, now=now)
        return f"You are on {tier.display_name} now. {bonus:,} credits added."
    credits.schedule(tx, wallet, tier)
    return f"{tier.display_name} begins when this period ends. Until then nothing changes."


def _order(tx: Session, user_id: int, pack_size: int, now: datetime) -> CreditPurchase:
    pack = tx.scalar(select(CreditPack).where(CreditPack.credits == pack_size, CreditPack.is_active))
    if pack is None:
        sizes = ", ".join(str(pack.credits) for pack in packs_of(tx))
        raise AppError(400, "invalid_pack", f"There is no pack of this size. Packs: {sizes}.")
    purchase = CreditPurchase(
        user_id=user_id,
        credits_amount=pack.credits,
        price_paid_cents=pack.price_cents,
        payment_status=PurchaseStatus.PENDING,
        created_at=now,
    )
    tx.add(purchase)
    tx.flush()
    return purchase


def _answer(wallet: UserSubscription, message: str, simulated: bool) -> dict[str, Any]:
    return {
        "success": True,
        "simulated": simulated,
        "subscription": subscription_json(wallet),
        "message": message,
        "credits_remaining": wallet.credits_remaining,
        "tier": tier_view(wallet.tier),
    }
