"""Show the ledger as plain data, with what caused each entry in a few words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import (
    Conversation,
    CreditLedger,
    CreditPurchase,
    LedgerKind,
    StripeInvoice,
    SubscriptionTier,
    UsageLog,
)
from services.transaction import Database
from services.views import iso

_KINDS = {
    LedgerKind.GRANT: "Credits of a new period",
    LedgerKind.EXPIRE: "Plan credits expired with their period",
    LedgerKind.BONUS: "Upgrade bonus",
}


def ledger_view(db: Database, user_id: int, limit: int, cursor: int | None) -> dict[str, Any]:
    """Return a page of the user's own ledger, newest first; `next_cursor` leads to the page after it."""
    query = select(CreditLedger).where(CreditLedger.user_id == user_id)
    if cursor is not None:
        query = query.where(CreditLedger.id < cursor)
    with db.read() as tx:
        rows = tx.scalars(query.order_by(CreditLedger.id.desc()).limit(limit + 1)).all()
        page = rows[:limit]
        causes = _causes(tx, page)
    entries = [
        {
            "id": row.id,
            "delta": row.delta,
            "pack_delta": row.pack_delta,
            "balance_after": row.balance_after,
            "kind": row.kind,
            "description": _describe(row, causes),
            "created_at": iso(row.created_at),
        }
        for row in page
    ]
    return {"entries": entries, "next_cursor": page[-1].id if len(rows) > limit else None}


@dataclass
class _Payment:
    """What was paid for, by name, and whether it was refunded or disputed."""

    name: str
    refunded: bool
    disputed: bool


@dataclass
class _Causes:
    """What the sources of some entries mean, by the ids in them."""

    actions: dict[int, str] = field(default_factory=dict)
    payments: dict[tuple[str, int], _Payment] = field(default_factory=dict)


def _causes(tx: Session, rows: Sequence[CreditLedger]) -> _Causes:
    return _Causes(
        actions_of(tx, _ids(rows, "usage")),
        _packs(tx, _ids(rows, "purchase")) | _invoices(tx, _ids(rows, "invoice")),
    )


def _ids(rows: Iterable[CreditLedger], kind: str) -> list[int]:
    return [int(row.source.split(":")[1]) for row in rows if row.source.startswith(f"{kind}:")]


def actions_of(tx: Session, log_ids: list[int]) -> dict[int, str]:
    """Return by its usage log what each charge was for: a tool's name, or `Message in “hello”`."""
    query = (
        select(UsageLog.id, UsageLog.tool_name, Conversation.title)
        .join(Conversation, Conversation.id == UsageLog.conversation_id, isouter=True)
        .where(UsageLog.id.in_(log_ids))
    )
    return {log_id: _action(tool, title) for log_id, tool, title in tx.execute(query)}


def _action(tool: str | None, title: str | None) -> str:
    if tool is not None:
        return tool
    return f"Message in “{title}”" if title else "Message in a deleted conversation"


def _packs(tx: Session, ids: list[int]) -> dict[tuple[str, int], _Payment]:
    bought = tx.scalars(select(CreditPurchase).where(CreditPurchase.id.in_(ids)))
    return {
        ("purchase", row.id): _Payment(
            f"Pack of {row.credits_amount:,}", bool(row.refunded_cents), bool(row.disputed_cents)
        )
        for row in bought
    }


def _invoices(tx: Session, ids: list[int]) -> dict[tuple[str, int], _Payment]:
    query = (
        select(StripeInvoice, SubscriptionTier.display_name)
        .join(SubscriptionTier, SubscriptionTier.id == StripeInvoice.tier_id, isouter=True)
        .where(StripeInvoice.id.in_(ids))
    )
    return {
        ("invoice", row.id): _Payment(name or "Plan", bool(row.refunded_cents), bool(row.disputed_cents))
        for row, name in tx.execute(query)
    }


def _describe(row: CreditLedger, causes: _Causes) -> str:
    kind = LedgerKind(row.kind)
    cause, _, rest = row.source.partition(":")
    if cause == "period" and kind is LedgerKind.GRANT and rest.endswith(":1"):
        return "Free credits to start with"
    if cause == "debt":
        return "Paid what was owed"
    if cause == "usage":
        return _of_use(kind, causes.actions.get(int(rest.split(":")[0]), "Action"))
    if cause in ("purchase", "invoice"):
        payment = causes.payments.get((cause, int(rest.split(":")[0])))
        if payment is not None:
            return _of_payment(row, kind, payment)
    return _KINDS.get(kind, kind.value.capitalize())


def _of_use(kind: LedgerKind, action: str) -> str:
    if kind is LedgerKind.REFUND:
        return f"Refund: {action}"
    return action if kind is LedgerKind.SPEND else f"Expired after its period: {action}"


def _of_payment(row: CreditLedger, kind: LedgerKind, payment: _Payment) -> str:
    if kind is LedgerKind.PURCHASE:
        return payment.name
    if kind is not LedgerKind.CLAWBACK:
        words = _KINDS.get(kind, kind.value.capitalize())
        return words if kind is LedgerKind.EXPIRE else f"{words}, {payment.name}"
    if row.delta > 0:
        return f"Dispute won: {payment.name}"
    if payment.refunded == payment.disputed:
        # Both, or neither any more: what this very step was for is not known.
        return f"Taken back: {payment.name}"
    return f"{'Refunded' if payment.refunded else 'Disputed'}: {payment.name}"
