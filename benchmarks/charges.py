"""Measure how many messages a second can be charged and settled, beside a bare transaction of the same engine.

The reference does the least that any ledger must: one guarded UPDATE of a balance and one INSERT, committed, twice
(once to charge, once to settle). The ratio says what the rules cost on top: the lock, the lapsed leases, the period,
the usage log, the ledger row and the idempotent settle.

    python -m benchmarks.charges [--seconds 3]
"""

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import text

from benchmarks.databases import prepared
from models import ActionType, User
from services import audit, credits
from services.transaction import Database, utcnow

LEASE = timedelta(minutes=15)


def main() -> None:
    """Print charges a second for both databases, for one writer and for eight, each with its reference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=3.0)
    seconds = parser.parse_args().seconds
    print(f"{'database':<12}{'writers':>8}{'charges/s':>12}{'bare/s':>12}{'ratio':>8}")
    for kind in ("sqlite", "postgresql"):
        with prepared(kind) as (db, _url):
            _measure(kind, db, seconds)


def _measure(kind: str, db: Database, seconds: float) -> None:
    wallets = [_wallet(db, number) for number in range(8)]
    _make_bare_table(db, len(wallets))
    for writers in (1, 8):
        ours = _rate(lambda number: _charge_and_settle(db, wallets[number]), writers, seconds)
        bare = _rate(lambda number: _bare(db, number), writers, seconds)
        print(f"{kind:<12}{writers:>8}{ours:>12.0f}{bare:>12.0f}{ours / bare:>8.2f}", flush=True)
    findings = audit.audit(db)
    print(f"{kind:<12}audit: {'clean' if not findings else findings[:3]}")


def _rate(work: Callable[[int], None], writers: int, seconds: float) -> float:
    """Return how often per second `writers` threads together do the work."""
    for number in range(writers):
        work(number)
    end = time.monotonic() + seconds

    def repeat(number: int) -> int:
        done = 0
        while time.monotonic() < end:
            work(number)
            done += 1
        return done

    with ThreadPoolExecutor(writers) as pool:
        return sum(pool.map(repeat, range(writers))) / seconds


def _wallet(db: Database, number: int) -> int:
    now = utcnow()
    with db.write() as tx:
        user = User(email_key=f"benchmark{number}@example.com", created_at=now)
        tx.add(user)
        tx.flush()
        credits.open_wallet(tx, user.id, now=now)
        wallet = credits.wake(tx, user.id, now=now, simulated=True)
        purchase = credits.CreditPurchase(
            user_id=user.id, credits_amount=10_000_000, price_paid_cents=0, payment_status="pending", created_at=now
        )
        tx.add(purchase)
        tx.flush()
        credits.complete_purchase(tx, wallet, purchase, now=now)
        return user.id


def _charge_and_settle(db: Database, user_id: int) -> None:
    with db.write() as tx:
        now = utcnow()
        wallet = credits.wake(tx, user_id, now=now, simulated=True)
        log = credits.charge(tx, wallet, credits.Work(user_id, ActionType.CHAT_MESSAGE), price=1, lease=LEASE, now=now)
    with db.write() as tx:
        credits.settle(tx, log.id, now=utcnow(), simulated=True)


def _make_bare_table(db: Database, rows: int) -> None:
    with db.write() as tx:
        tx.execute(text("CREATE TABLE bare (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)"))
        tx.execute(text("CREATE TABLE bare_log (number INTEGER NOT NULL, at TEXT NOT NULL)"))
        for number in range(rows):
            tx.execute(text("INSERT INTO bare VALUES (:id, 100000000)"), {"id": number})


def _bare(db: Database, number: int) -> None:
    for _step in ("charge", "settle"):
        with db.write() as tx:
            tx.execute(text("UPDATE bare SET balance = balance - 1 WHERE id = :id AND balance >= 1"), {"id": number})
            tx.execute(text("INSERT INTO bare_log VALUES (:id, :at)"), {"id": number, "at": utcnow().isoformat()})


if __name__ == "__main__":
    main()
