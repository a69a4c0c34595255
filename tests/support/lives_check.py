"""Compare a wallet and our records with the rules, once everything that has happened has arrived."""

from typing import Any

from sqlalchemy import func, select

from models import (
    CreditLedger,
    CreditPurchase,
    LedgerKind,
    RaiseState,
    StripeCheckout,
    StripeInvoice,
    StripeRaise,
    StripeSubscription,
    UserSubscription,
)
from services import audit, credits, payments
from tests.support.lives import Life
from tests.support.lives_model import Rules


def check(life: Life) -> dict[str, Any]:
    """Compare everything with the rules, once everything has arrived; return what can be compared with another life."""
    shop = life.shop
    with shop.db.read() as tx:
        waits = (StripeRaise.user_id == life.user_id, StripeRaise.state == RaiseState.WAITING)
        if tx.scalar(select(StripeRaise.id).where(*waits)) is not None:
            # Nothing at Stripe says that an upgrade has waited for too long; whoever looks next sees to it.
            payments.look(shop.db, shop.gateway, life.user_id, now=shop.now)
    rules = Rules(life)
    for customer_id in shop.stripe.customers:
        owner = payments.owner_of(shop.db, shop.gateway, customer_id, now=shop.now)
        assert owner == life.user_id, f"customer {customer_id} belongs to {owner}"
        again = payments.sync(shop.db, shop.gateway, owner, customer_id, now=shop.now, only_look=True)
        # No event that we listen to says that a draft was opened; it moves no money.
        changes = [change for change in again.changes if "draft -> open" not in change]
        assert (changes, again.deeds) == ([], []), f"a second look is not calm: {changes} {again.deeds}"
    credits.refresh(shop.db, life.user_id, now=shop.now, simulated=False)
    found, should = wallet_now(life), rules.wallet()
    assert found == should, _difference(found, should)
    assert audit.audit(shop.db) == []
    assert _ledger(life) == (rules.granted_by_invoices(), sum(size for size, _ in rules.packs()))
    assert not (wrongs := list(rules.wrongs())), wrongs
    return {key: value for key, value in found.items() if key != "follows"} | _records(life)


def _difference(found: dict[str, Any], should: dict[str, Any]) -> str:
    return "; ".join(f"{key} is {found[key]}, should be {should[key]}" for key in should if found[key] != should[key])


def wallet_now(life: Life) -> dict[str, Any]:
    """Return what the wallet is."""
    with life.shop.db.read() as tx:
        wallet = tx.scalars(select(UserSubscription).where(UserSubscription.user_id == life.user_id)).one()
        return {
            "tier": wallet.tier.name,
            "plan": wallet.plan_credits,
            "plan_owed": wallet.plan_owed,
            "pack": wallet.pack_credits,
            "pack_owed": wallet.pack_owed,
            "start": wallet.current_period_start,
            "end": wallet.current_period_end,
            "follows": wallet.stripe_subscription_id,
            "status": wallet.payment_status,
            "cancel": wallet.cancel_at_period_end,
            "pending": wallet.pending_tier.name if wallet.pending_tier else None,
            "used_month": wallet.credits_used_this_month,
            "used_ever": wallet.total_credits_used,
        }


def _ledger(life: Life) -> tuple[int, int]:
    """Return the credits that came with invoices, and those that came with packs."""
    mine = select(func.coalesce(func.sum(CreditLedger.delta), 0)).where(CreditLedger.user_id == life.user_id)
    granted = CreditLedger.kind.in_([LedgerKind.GRANT, LedgerKind.BONUS]) & CreditLedger.source.startswith("invoice:")
    with life.shop.db.read() as tx:
        bought = tx.scalar(mine.where(CreditLedger.kind == LedgerKind.PURCHASE))
        return int(tx.scalar(mine.where(granted)) or 0), int(bought or 0)


def _records(life: Life) -> dict[str, Any]:
    """Return what our tables say, in words that are the same for everybody who has lived the same life."""
    p, i, s, c, r = CreditPurchase, StripeInvoice, StripeSubscription, StripeCheckout, StripeRaise
    columns: dict[str, tuple[Any, ...]] = {
        "purchases": (
            p.credits_amount,
            p.payment_status,
            p.refunded_cents,
            p.disputed_cents,
            p.credits_clawed_back,
            p.price_paid_cents,
        ),
        "invoices": (
            i.created_at,
            i.reason,
            i.status,
            i.role,
            i.amount_paid_cents,
            i.credits_granted,
            i.refunded_cents,
            i.disputed_cents,
            i.period_start,
        ),
        "subscriptions": (s.created_at, s.status, s.is_duplicate, s.end_applied, s.cancel_at_period_end),
        "checkouts": (c.created_at, c.kind, c.target, c.state),
        "raises": (r.created_at, r.tier_id, r.state),
    }
    with life.shop.db.read() as tx:
        return {
            name: sorted(
                repr(row).replace("'draft'", "'open'")
                for row in tx.execute(select(*chosen).where(chosen[0].class_.user_id == life.user_id))
            )
            for name, chosen in columns.items()
        }
