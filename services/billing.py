"""Change plans and sell packs; the rules of "Changing plan" and "Packs" in the credit rules."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from clients.payments import Gateway
from errors import AppError, Conflict
from models import CreditPack, CreditPurchase, PurchaseStatus, SubscriptionTier, UserSubscription
from services import catalogue, checkouts, credits, idempotency, paid_plans, plan_changes
from services.billing_views import packs_of
from services.idempotency import Call
from services.paid_plans import answer
from services.payment_views import purchase_json
from services.plan_changes import Standing
from services.transaction import Database


def choose_tier(
    db: Database,
    gateway: Gateway,
    user_id: int,
    *,
    tier_id: int | None = None,
    tier_name: str | None = None,
    site: str = "",
    now: datetime,
    call: Call | None = None,
) -> dict[str, Any]:
    """Move to a higher tier at once (when it is paid), schedule a lower one for the period's end, or undo that.

    The answer has `success`, or a `checkout_url` where the person has to pay first; `site` is where Stripe sends the
    person back to. Raises 400 `invalid_tier` for an unknown or inactive tier, 409 `already_on_tier` when there is
    nothing to do, and what `plan_changes` and `checkouts` raise.
    """
    with db.write() as tx:
        wallet = credits.enter(tx, user_id, now=now, simulated=gateway.simulated)
        kept = idempotency.claim(tx, call, now=now)
        if kept is not None:
            return kept
        tier = _find_tier(tx, wallet, tier_id, tier_name)
        if gateway.simulated or _is_free_already(wallet, tier):
            response = answer(wallet, _change(tx, wallet, tier, user_id, now), gateway.simulated)
            idempotency.keep(tx, call, response)
            return response
    with _keeping(db, call) as keep:
        return keep(paid_plans.choose(db, gateway, user_id, tier, site, now))


def cancel(db: Database, gateway: Gateway, user_id: int, *, now: datetime) -> dict[str, Any]:
    """Let the paid plan end with its period; raises 409 `nothing_to_cancel` when there is none or it ends already."""
    if not gateway.simulated:
        plan_changes.drop_waiting(db, gateway, user_id, now=now)
    present = _standing(db, gateway, user_id, now)
    if present is not None and not present.told.cancel_at_period_end:
        plan_changes.cancel(gateway, present, key=paid_plans.new_key())
        message = f"Your {present.tier.display_name} plan ends with its period."
        return paid_plans.taken_over(db, gateway, user_id, message, now)
    with db.write() as tx:
        wallet = credits.enter(tx, user_id, now=now, simulated=gateway.simulated)
        if present is not None or wallet.tier.name == credits.FREE or wallet.cancel_at_period_end:
            raise Conflict("nothing_to_cancel", "There is no plan to cancel.")
        if wallet.stripe_subscription_id is not None:
            raise Conflict("nothing_to_cancel", "Your plan is ending already.")
        credits.schedule(tx, wallet, credits.free_tier(tx))
        return answer(wallet, f"Your {wallet.tier.display_name} plan ends with its period.", gateway.simulated)


def resume(db: Database, gateway: Gateway, user_id: int, *, now: datetime) -> dict[str, Any]:
    """Undo a pending downgrade, cancellation or unpaid upgrade; changes nothing when nothing is pending."""
    dropped = not gateway.simulated and plan_changes.drop_waiting(db, gateway, user_id, now=now)
    present = _standing(db, gateway, user_id, now)
    if present is not None:
        undone = plan_changes.resume(db, gateway, present, key=paid_plans.new_key(), now=now) or dropped
        message = f"You stay on {present.tier.display_name}." if undone else "Nothing was pending."
        return paid_plans.taken_over(db, gateway, user_id, message, now)
    with db.write() as tx:
        wallet = credits.enter(tx, user_id, now=now, simulated=gateway.simulated)
        undone = wallet.stripe_subscription_id is None and credits.unschedule(tx, wallet)
        message = f"You stay on {wallet.tier.display_name}." if undone else "Nothing was pending."
        return answer(wallet, message, gateway.simulated)


def buy_pack(
    db: Database,
    gateway: Gateway,
    user_id: int,
    *,
    pack_size: int,
    site: str = "",
    now: datetime,
    call: Call | None = None,
) -> dict[str, Any]:
    """Buy a pack; its credits never expire. With simulated payments they are there at once, else when it is paid.

    Raises 400 `invalid_pack` for a size that is not sold.
    """
    with db.write() as tx:
        wallet = credits.enter(tx, user_id, now=now, simulated=gateway.simulated)
        kept = idempotency.claim(tx, call, now=now)
        if kept is not None:
            return kept
        pack = _find_pack(tx, pack_size)
        if gateway.simulated:
            purchase = _order(tx, user_id, pack, now)
            credits.complete_purchase(tx, wallet, purchase, now=now)
            response = answer(wallet, f"{purchase.credits_amount:,} credits added. They never expire.", True)
            response["purchase"] = purchase_json(purchase)
            idempotency.keep(tx, call, response)
            return response
    with _keeping(db, call) as keep:
        return keep(paid_plans.pack_page(db, gateway, user_id, pack, site, now))


def open_plan_checkout(
    db: Database, gateway: Gateway, user_id: int, *, tier_name: str, site: str, now: datetime, call: Call | None = None
) -> dict[str, Any]:
    """Open a payment page for a plan; raises 409 `already_subscribed` and what `checkouts.open_page` raises."""
    _need_provider(gateway)
    with db.write() as tx:
        wallet = credits.enter(tx, user_id, now=now, simulated=False)
        idempotency.claim(tx, call, now=now)
        tier = _find_tier(tx, wallet, None, tier_name)
        if tier.monthly_price_cents == 0:
            raise AppError(400, "invalid_tier", "The Free plan needs no payment.")
    with _keeping(db, call):
        return {**paid_plans.plan_page(db, gateway, user_id, tier, site, now), "success": True}


def open_pack_checkout(
    db: Database, gateway: Gateway, user_id: int, *, pack_size: int, site: str, now: datetime, call: Call | None = None
) -> dict[str, Any]:
    """Open a payment page for a pack; raises 400 `invalid_pack` and what `checkouts.open_page` raises."""
    _need_provider(gateway)
    with db.write() as tx:
        credits.enter(tx, user_id, now=now, simulated=False)
        idempotency.claim(tx, call, now=now)
        pack = _find_pack(tx, pack_size)
    with _keeping(db, call):
        return {**paid_plans.pack_page(db, gateway, user_id, pack, site, now), "success": True}


def open_portal(db: Database, gateway: Gateway, user_id: int, *, site: str, now: datetime) -> dict[str, Any]:
    """Return the address of the provider's own page for payment methods and invoices."""
    _need_provider(gateway)
    customer_id = checkouts.living_customer(db, gateway, user_id, now=now)
    with db.read() as tx:
        portal = catalogue.price_for(tx, "portal", "portal", livemode=gateway.livemode)
    return {"portal_url": gateway.open_portal(customer_id, f"{site}/billing", portal.id if portal else None)}


# --- Keys and guards --------------------------------------------------------------------------------------------------


@contextmanager
def _keeping(db: Database, call: Call | None) -> Iterator[Callable[[dict[str, Any]], dict[str, Any]]]:
    """Keep a success under the request's key; a failure, or an answer that only leads to a payment, frees it."""
    kept = False

    def keep(response: dict[str, Any]) -> dict[str, Any]:
        nonlocal kept
        if call is not None and response["success"]:
            with db.write() as tx:
                idempotency.keep(tx, call, response)
            kept = True
        return response

    try:
        yield keep
    finally:
        if call is not None and not kept:
            with db.write() as tx:
                idempotency.let_go(tx, call)


def _standing(db: Database, gateway: Gateway, user_id: int, now: datetime) -> Standing | None:
    return None if gateway.simulated else plan_changes.standing(db, gateway, user_id, now=now)


def _need_provider(gateway: Gateway) -> None:
    if gateway.simulated:
        raise AppError(503, "payments_not_configured", "No payment provider is connected to this server.")


def _is_free_already(wallet: UserSubscription, tier: SubscriptionTier) -> bool:
    """Say whether nothing has to be asked of Stripe: the Free plan is chosen, and nothing is paid through Stripe."""
    return tier.monthly_price_cents == 0 and wallet.stripe_subscription_id is None


# --- What is chosen -------------------------------------------------------------------------------------------------


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


def _find_pack(tx: Session, pack_size: int) -> CreditPack:
    pack = tx.scalar(select(CreditPack).where(CreditPack.credits == pack_size, CreditPack.is_active))
    if pack is None:
        sizes = ", ".join(str(pack.credits) for pack in packs_of(tx))
        raise AppError(400, "invalid_pack", f"There is no pack of this size. Packs: {sizes}.")
    return pack


def _order(tx: Session, user_id: int, pack: CreditPack, now: datetime) -> CreditPurchase:
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
