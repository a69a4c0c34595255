"""Make wallets and charges for tests of the services."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import select

from clients.simulated_payments import SimulatedPayments
from models import CreditLedger, SubscriptionTier, UsageLog, User, UserSubscription
from services import billing, credits
from services.idempotency import Call
from services.transaction import Database

LEASE = timedelta(minutes=15)
SIMULATED = SimulatedPayments()
DAY_ONE = datetime(2026, 1, 31, 10, 0, tzinfo=UTC)
_numbers = count(1)


def new_user(db: Database, *, now: datetime = DAY_ONE) -> int:
    """Make a user with a wallet and return the user's id."""
    with db.write() as tx:
        user = User(email_key=f"wallet{next(_numbers)}@example.com", created_at=now)
        tx.add(user)
        tx.flush()
        credits.open_wallet(tx, user.id, now=now)
        return user.id


def charge(db: Database, user_id: int, price: int, *, now: datetime = DAY_ONE) -> int:
    """Charge a message and return its usage log's id."""
    with db.write() as tx:
        wallet = credits.wake(tx, user_id, now=now, simulated=True)
        log = credits.charge(tx, wallet, credits.Work(user_id, "chat_message"), price=price, lease=LEASE, now=now)
        return log.id


def settle(db: Database, log_id: int, *, now: datetime = DAY_ONE) -> bool:
    """Settle a charge and say whether it was kept."""
    with db.write() as tx:
        return credits.settle(tx, log_id, now=now, simulated=True)


def refund(db: Database, log_id: int, *, now: datetime = DAY_ONE) -> bool:
    """Refund a charge and say whether this call did it."""
    with db.write() as tx:
        return credits.refund(tx, log_id, "It failed.", now=now, simulated=True)


def wake(db: Database, user_id: int, *, now: datetime, simulated: bool = True) -> None:
    """Use the wallet without changing anything else."""
    with db.write() as tx:
        credits.wake(tx, user_id, now=now, simulated=simulated)


def wallet_of(db: Database, user_id: int) -> UserSubscription:
    """Return the wallet as it is stored, with its tiers."""
    with db.read() as tx:
        wallet = tx.scalars(select(UserSubscription).where(UserSubscription.user_id == user_id)).one()
        assert wallet.tier.name
        assert wallet.pending_tier is None or wallet.pending_tier.name
        return wallet


def ledger_of(db: Database, user_id: int) -> list[tuple[str, int, int, int]]:
    """Return the wallet's entries as (kind, delta, pack_delta, balance_after), the oldest first."""
    with db.read() as tx:
        rows = tx.scalars(select(CreditLedger).where(CreditLedger.user_id == user_id).order_by(CreditLedger.id))
        return [(row.kind, row.delta, row.pack_delta, row.balance_after) for row in rows]


def log_of(db: Database, log_id: int) -> UsageLog:
    """Return a usage log as it is stored."""
    with db.read() as tx:
        return tx.scalars(select(UsageLog).where(UsageLog.id == log_id)).one()


def set_allotment(db: Database, tier: str, credits: int) -> None:
    """Edit a tier's monthly credits, as the operator would."""
    with db.write() as tx:
        tx.scalars(select(SubscriptionTier).where(SubscriptionTier.name == tier)).one().monthly_credits = credits


def buy(db: Database, user_id: int, size: int, *, now: datetime = DAY_ONE, call: Call | None = None) -> dict[str, Any]:
    """Buy a pack with simulated payments and return the answer."""
    return billing.buy_pack(db, SIMULATED, user_id, pack_size=size, now=now, call=call)


def choose(db: Database, user_id: int, tier: str, *, now: datetime = DAY_ONE) -> dict[str, Any]:
    """Choose a plan with simulated payments and return the answer."""
    return billing.choose_tier(db, SIMULATED, user_id, tier_name=tier, now=now)
