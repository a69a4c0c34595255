"""Show a wallet, the plans, the packs and the ledger as plain data."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from errors import AppError
from models import (
    Conversation,
    CreditLedger,
    CreditPack,
    CreditPurchase,
    LedgerKind,
    SubscriptionTier,
    UsageLog,
    UserSubscription,
)
from services import credits
from services.transaction import Database
from services.views import dollars, iso, iso_or_none, tier_view

LOW = 5
_PACE_DAYS = 14


def pay_first(simulated: bool) -> None:
    """Refuse to give away what has to be paid for: 503 `payments_not_configured` unless payments are simulated."""
    if not simulated:
        raise AppError(503, "payments_not_configured", "Payments are not set up on this server yet.")


def subscription_view(db: Database, user_id: int, *, now: datetime, simulated: bool) -> dict[str, Any]:
    """Return the user's wallet, brought up to date first, as `GET /api/subscription` shows it."""
    credits.refresh(db, user_id, now=now, simulated=simulated)
    with db.read() as tx:
        return subscription_json(tx.scalars(select(UserSubscription).where(UserSubscription.user_id == user_id)).one())


def subscription_json(wallet: UserSubscription) -> dict[str, Any]:
    """Return a wallet as clients see it."""
    used, granted = wallet.credits_used_this_month, wallet.period_granted
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
    subscription = subscription_view(db, user_id, now=now, simulated=simulated)
    with db.read() as tx:
        tiers = _tiers_of(tx)
        purchases = tx.scalars(
            select(CreditPurchase).where(CreditPurchase.user_id == user_id).order_by(CreditPurchase.id.desc()).limit(20)
        ).all()
        pace = _pace(tx, user_id, subscription["credits_remaining"], now)
    return {
        "subscription": subscription,
        "available_tiers": [_offer(tier, subscription) for tier in tiers],
        "packs": packs_view(db),
        "recent": ledger_view(db, user_id, 6, None)["entries"],
        "purchases": [purchase_json(purchase) for purchase in purchases],
        "pace": pace,
        "simulated": simulated,
    }


def ledger_view(db: Database, user_id: int, limit: int, cursor: int | None) -> dict[str, Any]:
    """Return a page of the user's own ledger, newest first; `next_cursor` leads to the page after it."""
    query = select(CreditLedger).where(CreditLedger.user_id == user_id)
    if cursor is not None:
        query = query.where(CreditLedger.id < cursor)
    with db.read() as tx:
        rows = tx.scalars(query.order_by(CreditLedger.id.desc()).limit(limit + 1)).all()
        page = rows[:limit]
        words = _descriptions(tx, page)
    entries = [
        {
            "id": row.id,
            "delta": row.delta,
            "pack_delta": row.pack_delta,
            "balance_after": row.balance_after,
            "kind": row.kind,
            "description": words[row.id],
            "created_at": iso(row.created_at),
        }
        for row in page
    ]
    return {"entries": entries, "next_cursor": page[-1].id if len(rows) > limit else None}


def purchase_json(purchase: CreditPurchase) -> dict[str, Any]:
    """Return a purchase as clients see it."""
    return {
        "id": purchase.id,
        "credits_amount": purchase.credits_amount,
        "price_paid": dollars(purchase.price_paid_cents),
        "payment_status": purchase.payment_status,
        "created_at": iso(purchase.created_at),
        "completed_at": iso_or_none(purchase.completed_at),
    }


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


def _offer(tier: SubscriptionTier, subscription: dict[str, Any]) -> dict[str, Any]:
    """Return a tier with what choosing it would mean for this wallet."""
    present, pending = subscription["tier"], subscription["pending_tier"]
    price = dollars(tier.monthly_price_cents)
    direction = "up" if price > present["monthly_price"] else "down"
    return tier_view(tier) | {
        # Since the whole bonus is given, the whole difference in price is due.
        "due": max(0.0, price - present["monthly_price"]),
        "is_current": tier.id == present["id"],
        "is_pending": pending is not None and tier.id == pending["id"],
        "direction": "current" if tier.id == present["id"] else direction,
        "bonus": max(0, tier.monthly_credits - subscription["period_granted"]),
    }


def _pace(tx: Session, user_id: int, balance: int, now: datetime) -> dict[str, Any]:
    """Say how long the credits last at the pace of the last two weeks, or of the time since the first use."""
    since = now - timedelta(days=_PACE_DAYS)
    query = select(func.coalesce(func.sum(UsageLog.credits_used), 0), func.min(UsageLog.created_at))
    used, first = tx.execute(query.where(UsageLog.user_id == user_id, UsageLog.created_at >= since)).one()
    if not used or not balance:
        return {"per_day": 0.0, "lasts_days": None, "lasts_until": None}
    days = max(1.0, (now - max(first, since)) / timedelta(days=1))
    lasts = min(math.floor(balance * days / used), 3650)
    return {
        "per_day": round(used / days, 1),
        "lasts_days": lasts,
        "lasts_until": iso(now + timedelta(days=lasts)),
    }


def _descriptions(tx: Session, rows: Sequence[CreditLedger]) -> dict[int, str]:
    """Say in a few words for each ledger row what caused it."""
    log_ids = [int(row.source.split(":")[1]) for row in rows if row.source.startswith("usage:")]
    query = (
        select(UsageLog.id, UsageLog.tool_name, Conversation.title)
        .join(Conversation, Conversation.id == UsageLog.conversation_id, isouter=True)
        .where(UsageLog.id.in_(log_ids))
    )
    actions = {log_id: _action(tool, title) for log_id, tool, title in tx.execute(query)}
    return {row.id: _describe(row, actions) for row in rows}


def _action(tool: str | None, title: str | None) -> str:
    if tool is not None:
        return tool
    return f"Message in “{title}”" if title else "Message in a deleted conversation"


def _describe(row: CreditLedger, actions: dict[int, str]) -> str:
    kind = LedgerKind(row.kind)
    if row.source.startswith("usage:"):
        action = actions.get(int(row.source.split(":")[1]), "Action")
        if kind is LedgerKind.REFUND:
            return f"Refund: {action}"
        return action if kind is LedgerKind.SPEND else f"Expired after its period: {action}"
    return {
        LedgerKind.GRANT: "Credits of a new period",
        LedgerKind.EXPIRE: "Plan credits expired with their period",
        LedgerKind.BONUS: "Upgrade bonus",
        LedgerKind.PURCHASE: f"Pack of {row.delta:,}",
    }.get(kind, kind.value.capitalize())
