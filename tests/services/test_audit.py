"""Break the books in one place at a time: the audit names each break, and nothing else."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from models import CreditLedger, CreditPurchase, UsageLog, User, UserSubscription
from services import audit, billing
from services.transaction import Database
from tests.support.wallets import DAY_ONE, SIMULATED, charge, new_user, refund, settle

W = UserSubscription


class Books:
    """A wallet with a pack, a settled charge from both buckets and a refunded one."""

    def __init__(self, db: Database) -> None:
        self.user_id = new_user(db)
        bought = billing.buy_pack(db, SIMULATED, self.user_id, pack_size=100, now=DAY_ONE)
        self.purchase_id: int = bought["purchase"]["id"]
        self.settled = charge(db, self.user_id, 25)
        settle(db, self.settled)
        self.refunded = charge(db, self.user_id, 3)
        refund(db, self.refunded)
        self.stranger = new_user(db)

    def wallet(self, tx: Session, user_id: int | None = None, **changes: object) -> None:
        """Change columns of a wallet past the product."""
        tx.execute(update(W).where(W.user_id == (user_id or self.user_id)).values(**changes))

    def log(self, tx: Session, log_id: int, **changes: object) -> None:
        """Change columns of a usage log past the product."""
        tx.execute(update(UsageLog).where(UsageLog.id == log_id).values(**changes))

    def entry(self, tx: Session, delta: int, balance: int, kind: str, source: str, **more: int) -> None:
        """Write a ledger row past the product."""
        values = {"user_id": self.user_id, "pack_delta": 0, **more}
        tx.add(CreditLedger(delta=delta, balance_after=balance, kind=kind, source=source, created_at=DAY_ONE, **values))
        tx.flush()


def _credits(books: Books, tx: Session) -> list[str]:
    books.wallet(tx, credits_remaining=96)
    return [f"wallet {books.user_id}: credits_remaining is 96, its ledger adds up to 95"]


def _packs(books: Books, tx: Session) -> list[str]:
    books.wallet(tx, pack_credits=94)
    return [f"wallet {books.user_id}: pack_credits is 94, its ledger adds up to 95"]


def _total_use(books: Books, tx: Session) -> list[str]:
    books.wallet(tx, total_credits_used=26)
    return [f"wallet {books.user_id}: total_credits_used is 26, its usage logs add up to 25"]


def _month_of_use(books: Books, tx: Session) -> list[str]:
    books.wallet(tx, credits_used_this_month=24)
    return [f"wallet {books.user_id}: credits_used_this_month is 24, its usage logs add up to 25"]


def _chain(books: Books, tx: Session) -> list[str]:
    books.entry(tx, 5, 101, "adjust", "by hand")
    books.wallet(tx, credits_remaining=100)
    return ["balance_after is 101, but 95 and +5 make 100"]


def _unspent(books: Books, tx: Session) -> list[str]:
    books.log(tx, books.settled, credits_used=26, plan_part=21)
    books.wallet(tx, total_credits_used=26, credits_used_this_month=26)
    return [f"usage log {books.settled}: costs 26 with 0 due back, but the ledger has -25 spent and 0 given back"]


def _wrong_bucket(books: Books, tx: Session) -> list[str]:
    books.log(tx, books.settled, plan_part=19, pack_part=6)
    return [f"usage log {books.settled}: "]


def _refund_missing(books: Books, tx: Session) -> list[str]:
    books.log(tx, books.settled, success=False, credits_used=0)
    books.wallet(tx, total_credits_used=0, credits_used_this_month=0)
    return [f"usage log {books.settled}: costs 25 with 25 due back, but the ledger has -25 spent and 0 given back"]


def _refund_not_due(books: Books, tx: Session) -> list[str]:
    books.log(tx, books.refunded, success=True, credits_used=3)
    books.wallet(tx, total_credits_used=28, credits_used_this_month=28)
    return [f"usage log {books.refunded}: costs 3 with 0 due back, but the ledger has -3 spent and 3 given back"]


def _refund_to_the_wrong_bucket(books: Books, tx: Session) -> list[str]:
    log = UsageLog(
        user_id=books.user_id,
        wallet_user_id=books.user_id,
        action_type="chat_message",
        credits_used=0,
        success=False,
        plan_part=0,
        pack_part=1,
        period_number=1,
        lease_expires_at=DAY_ONE + timedelta(minutes=1),
        created_at=DAY_ONE,
    )
    tx.add(log)
    tx.flush()
    books.entry(tx, -1, 94, "spend", f"usage:{log.id}", pack_delta=-1)
    books.entry(tx, 1, 95, "refund", f"usage:{log.id}")
    books.wallet(tx, pack_credits=94)
    return [f"usage log {log.id}: "]


def _wrong_wallet(books: Books, tx: Session) -> list[str]:
    books.log(tx, books.settled, wallet_user_id=books.stranger)
    books.wallet(tx, total_credits_used=0, credits_used_this_month=0)
    books.wallet(tx, books.stranger, total_credits_used=25, credits_used_this_month=25)
    return [f"usage log {books.settled}: "]


def _purchase_without_its_credits(books: Books, tx: Session) -> list[str]:
    tx.execute(update(CreditPurchase).values(credits_amount=250))
    return [f"purchase {books.purchase_id}: 250 credits were paid for, the ledger has 100"]


def _credits_of_an_unpaid_purchase(books: Books, tx: Session) -> list[str]:
    tx.execute(update(CreditPurchase).values(payment_status="pending"))
    return [f"purchase {books.purchase_id}: 0 credits were paid for, the ledger has 100"]


def _charge_without_its_log(books: Books, tx: Session) -> list[str]:
    books.entry(tx, -5, 90, "spend", "usage:424242", pack_delta=-5)
    books.wallet(tx, credits_remaining=90, pack_credits=90)
    return ["has no usage log"]


def _entry_without_its_wallet(books: Books, tx: Session) -> list[str]:
    tx.execute(delete(W).where(W.user_id == books.stranger))
    return ["has no wallet"]


BREAKS: list[Callable[[Books, Session], list[str]]] = [
    _credits,
    _packs,
    _total_use,
    _month_of_use,
    _chain,
    _unspent,
    _wrong_bucket,
    _refund_missing,
    _refund_not_due,
    _refund_to_the_wrong_bucket,
    _wrong_wallet,
    _purchase_without_its_credits,
    _credits_of_an_unpaid_purchase,
    _charge_without_its_log,
    _entry_without_its_wallet,
]


@pytest.mark.parametrize("break_it", BREAKS, ids=lambda one: one.__name__.strip("_"))
def test_each_break_is_found_and_named(database: Database, break_it: Callable[[Books, Session], list[str]]) -> None:
    books = Books(database)
    assert audit.audit(database) == []
    with database.write() as tx:
        expected = break_it(books, tx)
    findings = audit.audit(database)
    assert len(findings) == len(expected), findings
    for words, finding in zip(expected, findings, strict=True):
        assert words in finding


def test_all_checks_see_the_same_moment(database: Database) -> None:
    """A charge that comes between two of the audit's looks is no finding."""
    user_id = new_user(database)
    with database.snapshot() as tx:
        assert tx.query(CreditLedger).count() == 1
        settle(database, charge(database, user_id, 1))
        assert tx.query(CreditLedger).count() == 1
        assert tx.query(UsageLog).count() == 0
        assert tx.query(W.credits_remaining).scalar() == 20
    assert audit.audit(database) == []


def test_a_deleted_persons_books_still_count(database: Database) -> None:
    books = Books(database)
    with database.write() as tx:
        tx.execute(update(User).values(deleted_at=DAY_ONE, email=None, email_key=None))
        books.wallet(tx, credits_remaining=1000)
    assert len(audit.audit(database)) == 1
