"""Write a wallet and its ledger together: the one place where either changes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from models import CreditLedger, LedgerKind, UserSubscription


class LedgerError(Exception):
    """A change would break the wallet's invariants: a fault of ours; the transaction rolls back."""


@dataclass(frozen=True)
class Entry:
    """One row of the ledger to be: why, what caused it, and what it does to the two buckets."""

    kind: LedgerKind
    source: str
    plan: int = 0
    pack: int = 0


def post(
    tx: Session, wallet: UserSubscription, *entries: Entry, actor_id: int | None, now: datetime, **changes: Any
) -> None:
    """Change the buckets of a wallet and append the ledger rows that say why.

    What enters a bucket that owes pays the debt first, as one more row. Raises LedgerError if a bucket would fall
    below 0, and IntegrityError if a (kind, source) is in the ledger already.
    """
    entries, debts = _paying_debts(wallet, entries)
    plan, pack = sum(entry.plan for entry in entries), sum(entry.pack for entry in entries)
    w = UserSubscription
    balance = write(
        tx,
        wallet,
        w.credits_remaining + plan + pack >= 0,
        w.pack_credits + pack >= 0,
        w.credits_remaining - w.pack_credits + plan >= 0,
        credits_remaining=w.credits_remaining + plan + pack,
        pack_credits=w.pack_credits + pack,
        **debts,
        **changes,
    )
    balance -= plan + pack
    for entry in entries:
        balance += entry.plan + entry.pack
        row = CreditLedger(
            user_id=wallet.user_id,
            delta=entry.plan + entry.pack,
            pack_delta=entry.pack,
            balance_after=balance,
            kind=entry.kind,
            source=entry.source,
            actor_id=actor_id,
            created_at=now,
        )
        tx.add(row)
        tx.flush()  # One by one, so that their numbers follow the order in which the balance moved.


def _paying_debts(wallet: UserSubscription, entries: tuple[Entry, ...]) -> tuple[tuple[Entry, ...], dict[str, int]]:
    """Return the entries with what they pay of the wallet's debts as one more, and what is owed then."""
    plan, pack = sum(entry.plan for entry in entries), sum(entry.pack for entry in entries)
    plan_paid, pack_paid = min(max(plan, 0), wallet.plan_owed), min(max(pack, 0), wallet.pack_owed)
    if not (plan_paid or pack_paid):
        return entries, {}
    cause = entries[-1]
    source = f"debt:{cause.kind}:{cause.source}"
    paid = Entry(LedgerKind.CLAWBACK, source, plan=-plan_paid, pack=-pack_paid)
    return (*entries, paid), {"plan_owed": wallet.plan_owed - plan_paid, "pack_owed": wallet.pack_owed - pack_paid}


def write(tx: Session, wallet: UserSubscription, *guards: Any, **changes: Any) -> int:
    """Update the wallet's row where the guards hold, have it read afresh and return the new balance."""
    query = update(UserSubscription).where(UserSubscription.id == wallet.id, *guards).values(**changes)
    updated = tx.execute(
        query.returning(UserSubscription.credits_remaining).execution_options(synchronize_session=False)
    )
    balance = updated.scalar_one_or_none()
    if balance is None:
        raise LedgerError(f"wallet {wallet.id} cannot bear this change: {sorted(changes)}")
    tx.expire(wallet)
    return balance
