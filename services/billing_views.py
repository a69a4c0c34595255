"""Show a wallet, the plans, the packs and everything else on the billing page as plain data."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import CreditPack, StripeCatalogEntry, SubscriptionTier, UsageLog, UserSubscription
from services import credits, due_views, payment_views, periods
from services.ledger_views import ledger_view
from services.transaction import Database, utcnow
from services.views import dollars, iso, tier_view

LOW = 5
_PACE_DAYS_MIN = 3
_PACE_DAYS_MAX = 14
_LASTS_MAX = 3650


def subscription_view(db: Database, user_id: int, *, now: datetime, simulated: bool) -> dict[str, Any]:
    """Return the user's wallet, brought up to date first, as `GET /api/subscription` shows it."""
    credits.refresh(db, user_id, now=now, simulated=simulated)
    with db.read() as tx:
        return subscription_json(_wallet_of(tx, user_id), now=now)


def subscription_json(wallet: UserSubscription, now: datetime | None = None) -> dict[str, Any]:
    """Return a wallet as clients see it."""
    now = now or utcnow()
    used, granted = wallet.credits_used_this_month, wallet.period_granted
    paid_by_stripe = wallet.stripe_subscription_id is not None
    usable_until = wallet.current_period_end + (periods.GRACE if paid_by_stripe else timedelta())
    return {
        "tier": tier_view(wallet.tier),
        "credits_remaining": wallet.credits_remaining,
        "pack_credits": wallet.pack_credits,
        "plan_credits": wallet.plan_credits,
        "credits_used_this_month": used,
        "total_credits_used": wallet.total_credits_used,
        "period_granted": granted,
        "used_percent": min(100, used * 100 // granted) if granted else (100 if used else 0),
        "current_period_start": iso(wallet.current_period_start),
        "current_period_end": iso(wallet.current_period_end),
        "last_reset_date": iso(wallet.last_reset_date),
        "payment_status": wallet.payment_status,
        "pending_tier": tier_view(wallet.pending_tier) if wallet.pending_tier else None,
        "cancel_at_period_end": wallet.cancel_at_period_end,
        "plan_owed": wallet.plan_owed,
        "pack_owed": wallet.pack_owed,
        "paid_by_stripe": paid_by_stripe,
        "renewal_due": paid_by_stripe and now >= wallet.current_period_end,
        "plan_usable_until": iso(usable_until),
        "plan_lapsed": periods.grace_is_over(wallet, now),
        "is_low": 0 < wallet.credits_remaining <= LOW,
        "is_out": wallet.credits_remaining == 0,
    }


def tiers_view(db: Database) -> list[dict[str, Any]]:
    """Return the plans that are for sale, by price."""
    with db.read() as tx:
        return [tier_view(tier) for tier in _tiers_of(tx)]


def packs_view(db: Database) -> list[dict[str, Any]]:
    """Return the packs that are for sale, with what each saves against the smallest one's unit price."""
    with db.read() as tx:
        packs = packs_of(tx)
    return [_pack_json(pack, packs[0]) for pack in packs]


def overview(db: Database, user_id: int, *, now: datetime, simulated: bool) -> dict[str, Any]:
    """Return everything that the billing page shows."""
    credits.refresh(db, user_id, now=now, simulated=simulated)
    with db.read() as tx:
        wallet = _wallet_of(tx, user_id)
        subscription = subscription_json(wallet, now=now)
        tiers = _tiers_of(tx)
        dues = due_views.dues_of(tx, wallet, now=now)
        payments = payment_views.payments_of(tx, user_id, now=now)
        paid = _paid_price(tx, wallet)
        pace = _pace(tx, user_id, subscription["credits_remaining"], now)
        from_packs = _used_from_packs(tx, wallet)
    due = dues["open_payment"]
    waiting_for = due["tier"] if due is not None and due["kind"] == "upgrade" else None
    return {
        "subscription": subscription,
        "available_tiers": [_offer(tier, subscription, waiting_for, paid, simulated) for tier in tiers],
        "packs": [_with_debt(pack, subscription["pack_owed"]) for pack in packs_view(db)],
        "recent": ledger_view(db, user_id, 6, None)["entries"],
        "pace": pace,
        "used_from_packs": from_packs,
        "simulated": simulated,
        **dues,
        **payments,
    }


def _with_debt(pack: dict[str, Any], owed: int) -> dict[str, Any]:
    pays_debt = min(owed, pack["credits"])
    return pack | {"pays_debt": pays_debt, "added": pack["credits"] - pays_debt}


def _wallet_of(tx: Session, user_id: int) -> UserSubscription:
    return tx.scalars(select(UserSubscription).where(UserSubscription.user_id == user_id)).one()


def packs_of(tx: Session) -> Sequence[CreditPack]:
    """Return the packs that are for sale, the smallest first."""
    return tx.scalars(select(CreditPack).where(CreditPack.is_active).order_by(CreditPack.credits)).all()


def _tiers_of(tx: Session) -> Sequence[SubscriptionTier]:
    query = select(SubscriptionTier).where(SubscriptionTier.is_active)
    return tx.scalars(query.order_by(SubscriptionTier.monthly_price_cents, SubscriptionTier.id)).all()


def _pack_json(pack: CreditPack, smallest: CreditPack) -> dict[str, Any]:
    full_price = smallest.price_cents * pack.credits
    saved = full_price - pack.price_cents * smallest.credits
    return {
        "credits": pack.credits,
        "price": dollars(pack.price_cents),
        "price_per_credit": round(pack.price_cents / pack.credits / 100, 4),
        "savings_percent": max(0, (saved * 100 + full_price // 2) // full_price) if full_price else 0,
        "popular": pack.popular,
    }


def _paid_price(tx: Session, wallet: UserSubscription) -> float:
    """Return what the present period costs, in dollars: who subscribed before a price was changed pays the old one."""
    entry = tx.get(StripeCatalogEntry, wallet.stripe_price_id or "")
    return dollars(entry.amount_cents if entry is not None else wallet.tier.monthly_price_cents)


def _offer(
    tier: SubscriptionTier, subscription: dict[str, Any], waiting_for: str | None, paid: float, simulated: bool
) -> dict[str, Any]:
    """Return a tier with what choosing it would mean for this wallet; `paid` is what the present one costs."""
    present, pending = subscription["tier"], subscription["pending_tier"]
    price = dollars(tier.monthly_price_cents)
    direction = "up" if price > present["monthly_price"] else "down"
    # The first payment of a plan begins a period of its own; nothing of the present one counts towards it.
    starts_anew = not simulated and not subscription["paid_by_stripe"]
    bonus = max(0, tier.monthly_credits - (0 if starts_anew else subscription["period_granted"]))
    return tier_view(tier) | {
        # Since the whole bonus is given, the whole difference in price is due.
        "due": price if starts_anew else max(0.0, round(price - paid, 2)),
        "is_current": tier.id == present["id"],
        "paid_price": paid if tier.id == present["id"] else price,
        "is_pending": pending is not None and tier.id == pending["id"],
        "is_waiting": tier.display_name == waiting_for,
        "needs_checkout": starts_anew and tier.monthly_price_cents > 0,
        "direction": "current" if tier.id == present["id"] else direction,
        "bonus": bonus,
        "pays_debt": 0 if starts_anew else min(subscription["plan_owed"], bonus),
    }


def _pace(tx: Session, user_id: int, balance: int, now: datetime) -> dict[str, Any]:
    """Say how long the credits last at the pace of the last days, up to two weeks of them.

    The first days tell nothing: someone who has just begun tries things out.
    """
    mine = UsageLog.user_id == user_id
    first = tx.scalar(select(func.min(UsageLog.created_at)).where(mine))
    days = min((now - first).days, _PACE_DAYS_MAX) if first else 0
    since = now - timedelta(days=days)
    used = tx.scalar(select(func.sum(UsageLog.credits_used)).where(mine, UsageLog.created_at >= since)) or 0
    if days < _PACE_DAYS_MIN or not used or not balance:
        return {"days": days, "lasts_days": None}
    return {"days": days, "lasts_days": min(balance * days // used, _LASTS_MAX)}


def _used_from_packs(tx: Session, wallet: UserSubscription) -> int:
    """Return how much of this period's use packs have paid; what was refunded is not used."""
    kept = (UsageLog.wallet_user_id == wallet.user_id, UsageLog.credits_used > 0)
    packs = select(func.sum(UsageLog.pack_part)).where(*kept, UsageLog.period_number == wallet.period_number)
    return tx.scalar(packs) or 0
