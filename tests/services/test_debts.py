"""What is taken back from a bucket that no longer holds it is owed, and whatever enters that bucket pays it first."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models import CreditPurchase, LedgerKind, StripeInvoice, SubscriptionTier, UserSubscription
from services import audit, credits
from services.credits import LedgerError
from services.periods import GRACE
from services.transaction import Database
from tests.support.wallets import (
    DAY_ONE,
    buy,
    charge,
    choose,
    ledger_of,
    new_user,
    refund,
    settle,
    wake,
    wallet_of,
)

MONTH_LATER = DAY_ONE + timedelta(days=31)


def take_back(db: Database, purchase_id: int, cents: int, *, disputed: int = 0) -> int:
    """Say how much of a pack's payment is refunded and disputed now, and return the credits moved."""
    with db.write() as tx:
        purchase = tx.get_one(CreditPurchase, purchase_id)
        wallet = credits.wake(tx, purchase.user_id, now=DAY_ONE, simulated=True)
        purchase.refunded_cents, purchase.disputed_cents = cents, disputed
        return credits.claw_back_pack(tx, wallet, purchase, now=DAY_ONE)


def follow(db: Database, user_id: int, *, paid_cents: int = 1900) -> int:
    """Let an invoice pay for a month of Starter, and return our number of it."""
    with db.write() as tx:
        wallet = credits.wake(tx, user_id, now=DAY_ONE, simulated=False)
        invoice = StripeInvoice(
            stripe_invoice_id=f"in_{user_id}",
            user_id=user_id,
            reason="subscription_create",
            status="paid",
            amount_due_cents=paid_cents,
            amount_paid_cents=paid_cents,
            created_at=DAY_ONE,
        )
        tx.add(invoice)
        tx.flush()
        starter = tx.scalars(select(SubscriptionTier).where(SubscriptionTier.name == "starter")).one()
        invoice.credits_granted = credits.begin_paid_period(
            tx,
            wallet,
            starter,
            DAY_ONE,
            MONTH_LATER,
            subscription_id=f"sub_{user_id}",
            price_id="price_starter",
            source=f"invoice:{invoice.id}",
            now=DAY_ONE,
        )
        invoice.period_number = wallet.period_number
        return invoice.id


def take_back_plan(db: Database, invoice_id: int, cents: int) -> int:
    """Say how much of a plan's payment is refunded now, and return the credits moved."""
    with db.write() as tx:
        invoice = tx.get_one(StripeInvoice, invoice_id)
        wallet = credits.wake(tx, invoice.user_id, now=DAY_ONE, simulated=False)
        invoice.refunded_cents = cents
        return credits.claw_back_plan(tx, wallet, invoice, now=DAY_ONE)


def test_steps_add_up_to_the_floor_of_the_whole(database: Database) -> None:
    """Three refunds of 3.33 take 33, 33 and 33 (floor of 99.9), never 33 + 33 + 34."""
    user_id = new_user(database)
    purchase_id = buy(database, user_id, 100)["purchase"]["id"]
    assert [take_back(database, purchase_id, cents) for cents in (333, 666, 999, 1000)] == [33, 33, 33, 1]
    assert wallet_of(database, user_id).pack_credits == 0
    assert audit.audit(database) == []


def test_a_refund_and_a_dispute_of_the_same_money_take_it_once(database: Database) -> None:
    user_id = new_user(database)
    purchase_id = buy(database, user_id, 100)["purchase"]["id"]
    assert take_back(database, purchase_id, 600) == 60
    assert take_back(database, purchase_id, 600, disputed=1000) == 40
    assert take_back(database, purchase_id, 600, disputed=0) == -40
    assert wallet_of(database, user_id).pack_credits == 40
    assert audit.audit(database) == []


def test_what_is_spent_is_owed_and_the_next_purchase_pays_it(database: Database) -> None:
    user_id = new_user(database)
    purchase_id = buy(database, user_id, 100)["purchase"]["id"]
    settle(database, charge(database, user_id, 90))
    assert take_back(database, purchase_id, 1000) == 100
    wallet = wallet_of(database, user_id)
    assert (wallet.plan_credits, wallet.pack_credits, wallet.pack_owed) == (0, 0, 70)
    buy(database, user_id, 250)
    wallet = wallet_of(database, user_id)
    assert (wallet.pack_credits, wallet.pack_owed) == (180, 0)
    assert ledger_of(database, user_id)[-3:] == [
        ("clawback", -30, -30, 0),
        ("purchase", 250, 250, 250),
        ("clawback", -70, -70, 180),
    ]
    assert audit.audit(database) == []


def test_a_small_purchase_pays_a_part_of_the_debt(database: Database) -> None:
    user_id = new_user(database)
    purchase_id = buy(database, user_id, 250)["purchase"]["id"]
    settle(database, charge(database, user_id, 270))
    take_back(database, purchase_id, 2000)
    buy(database, user_id, 100)
    wallet = wallet_of(database, user_id)
    assert (wallet.credits_remaining, wallet.pack_owed) == (0, 150)
    assert audit.audit(database) == []


def test_a_refunded_charge_pays_the_debts_of_both_its_buckets(database: Database) -> None:
    user_id = new_user(database)
    purchase_id = buy(database, user_id, 100)["purchase"]["id"]
    log_id = charge(database, user_id, 60)
    assert take_back(database, purchase_id, 1000) == 100
    assert wallet_of(database, user_id).pack_owed == 40
    refund(database, log_id)
    wallet = wallet_of(database, user_id)
    assert (wallet.plan_credits, wallet.pack_credits, wallet.pack_owed) == (20, 0, 0)
    assert audit.audit(database) == []


def test_a_won_dispute_lowers_the_debt_before_it_gives_back(database: Database) -> None:
    user_id = new_user(database)
    purchase_id = buy(database, user_id, 100)["purchase"]["id"]
    settle(database, charge(database, user_id, 90))
    take_back(database, purchase_id, 0, disputed=1000)
    take_back(database, purchase_id, 0, disputed=500)
    wallet = wallet_of(database, user_id)
    assert (wallet.pack_credits, wallet.pack_owed) == (0, 20)
    take_back(database, purchase_id, 0)
    wallet = wallet_of(database, user_id)
    assert (wallet.pack_credits, wallet.pack_owed) == (30, 0)
    assert audit.audit(database) == []


def test_an_upgrade_bonus_pays_what_the_plan_owes(database: Database) -> None:
    user_id = new_user(database)
    invoice_id = follow(database, user_id)
    settle(database, charge(database, user_id, 150))
    assert take_back_plan(database, invoice_id, 1900) == 200
    wallet = wallet_of(database, user_id)
    assert (wallet.plan_credits, wallet.plan_owed) == (0, 150)
    with database.write() as tx:
        wallet = credits.wake(tx, user_id, now=DAY_ONE, simulated=False)
        tier = tx.scalars(select(SubscriptionTier).where(SubscriptionTier.name == "professional")).one()
        assert credits.upgrade(tx, wallet, tier, actor_id=user_id, now=DAY_ONE, source="invoice:999") == 800
    wallet = wallet_of(database, user_id)
    assert (wallet.plan_credits, wallet.plan_owed, wallet.period_granted) == (650, 0, 1000)


def test_what_the_plan_owes_ends_with_its_period(database: Database) -> None:
    user_id = new_user(database)
    invoice_id = follow(database, user_id)
    settle(database, charge(database, user_id, 200))
    take_back_plan(database, invoice_id, 950)
    assert wallet_of(database, user_id).plan_owed == 100
    with database.write() as tx:
        wallet = credits.wake(tx, user_id, now=MONTH_LATER, simulated=False)
        credits.fall_to_free(tx, wallet, at=MONTH_LATER, now=MONTH_LATER)
    wallet = wallet_of(database, user_id)
    assert (wallet.tier.name, wallet.credits_remaining, wallet.plan_owed) == ("free", 20, 0)
    assert (wallet.payment_status, wallet.stripe_subscription_id) == ("cancelled", None)


def test_the_day_of_grace_is_a_day_to_the_moment(database: Database) -> None:
    user_id = new_user(database)
    follow(database, user_id)
    last = MONTH_LATER + GRACE - timedelta(microseconds=1)
    wake(database, user_id, now=last, simulated=False)
    assert wallet_of(database, user_id).plan_credits == 200
    for _ in range(2):
        wake(database, user_id, now=MONTH_LATER + GRACE, simulated=False)
    wallet = wallet_of(database, user_id)
    assert (wallet.plan_credits, wallet.tier.name, wallet.period_granted) == (0, "starter", 200)
    assert ledger_of(database, user_id)[-1] == ("expire", -200, 0, 0)
    wake(database, user_id, now=MONTH_LATER + timedelta(days=400), simulated=False)
    assert wallet_of(database, user_id).credits_remaining == 0


def test_a_refund_after_the_grace_brings_no_plan_credits_back(database: Database) -> None:
    user_id = new_user(database)
    follow(database, user_id)
    lease = timedelta(days=60)
    with database.write() as tx:
        wallet = credits.wake(tx, user_id, now=DAY_ONE, simulated=False)
        log = credits.charge(tx, wallet, credits.Work(user_id, "chat_message"), price=5, lease=lease, now=DAY_ONE)
    late = MONTH_LATER + GRACE
    with database.write() as tx:
        assert credits.refund(tx, log.id, "It failed.", now=late, simulated=False)
    wallet = wallet_of(database, user_id)
    assert (wallet.credits_remaining, wallet.total_credits_used, wallet.credits_used_this_month) == (0, 0, 0)
    # What was left expired first; the refund came and went after it.
    assert [entry[:2] for entry in ledger_of(database, user_id)[-3:]] == [
        ("expire", -195),
        ("refund", 5),
        ("expire", -5),
    ]
    assert audit.audit(database) == []


def test_a_late_month_leaves_the_present_one_alone(database: Database) -> None:
    user_id = new_user(database)
    choose(database, user_id, "starter")
    before = wallet_of(database, user_id)
    with database.write() as tx:
        wallet = credits.wake(tx, user_id, now=DAY_ONE, simulated=True)
        credits.grant_late(tx, wallet, LedgerKind.GRANT, 1000, source="invoice:77", now=DAY_ONE)
    after = wallet_of(database, user_id)
    assert (after.credits_remaining, after.period_granted, after.period_number) == (
        before.credits_remaining,
        before.period_granted,
        before.period_number,
    )
    assert [entry[:2] for entry in ledger_of(database, user_id)[-2:]] == [("grant", 1000), ("expire", -1000)]


def test_the_same_invoice_grants_once_whatever_its_marks_say(database: Database) -> None:
    """The mark on the invoice's row stops a second time; if it ever fails, the unique source in the ledger holds."""
    user_id = new_user(database)
    invoice_id = follow(database, user_id)
    with pytest.raises(IntegrityError), database.write() as tx:
        wallet = credits.wake(tx, user_id, now=DAY_ONE, simulated=False)
        again = f"invoice:{invoice_id}"
        credits.grant_late(tx, wallet, LedgerKind.GRANT, 200, source=again, now=DAY_ONE)
    assert wallet_of(database, user_id).credits_remaining == 200


@pytest.mark.parametrize("column", ["credits_remaining", "pack_credits", "plan_owed", "tier_id", "period_granted"])
def test_only_the_ledger_moves_credits(database: Database, column: str) -> None:
    user_id = new_user(database)
    with pytest.raises(LedgerError), database.write() as tx:
        credits.mirror(tx, credits.wake(tx, user_id, now=DAY_ONE, simulated=True), **{column: 7})


@pytest.mark.parametrize(
    "changes", [{"pack_owed": 5}, {"plan_owed": 5}, {"plan_owed": -1}, {"pack_owed": -1, "pack_credits": 0}]
)
def test_the_database_refuses_credits_beside_a_debt(database: Database, changes: dict[str, int]) -> None:
    user_id = new_user(database)
    buy(database, user_id, 100)
    with pytest.raises(IntegrityError), database.write() as tx:
        tx.execute(update(UserSubscription).where(UserSubscription.user_id == user_id).values(**changes))


def _debt_too_small(tx: Session, user_id: int) -> str:
    tx.execute(update(UserSubscription).where(UserSubscription.user_id == user_id).values(pack_owed=69))
    return f"wallet {user_id}: 100 pack credits were clawed back, 99 were taken or are owed"


def _taken_without_a_word(tx: Session, user_id: int) -> str:
    tx.execute(update(CreditPurchase).where(CreditPurchase.user_id == user_id).values(credits_clawed_back=0))
    return f"wallet {user_id}: 0 pack credits were clawed back, 100 were taken or are owed"


def _plan_debt_from_nowhere(tx: Session, user_id: int) -> str:
    tx.execute(update(UserSubscription).where(UserSubscription.user_id == user_id).values(plan_owed=3))
    return f"wallet {user_id}: owes 3 plan credits, more than was clawed back in this period"


def _paid_for_nothing(tx: Session, user_id: int) -> str:
    row = StripeInvoice(
        stripe_invoice_id="in_unheard",
        user_id=user_id,
        reason="subscription_cycle",
        status="paid",
        amount_due_cents=1900,
        amount_paid_cents=1900,
        created_at=DAY_ONE,
        credits_granted=200,
    )
    tx.add(row)
    return "invoice in_unheard: 200 credits were paid for, the ledger has 0"


@pytest.mark.parametrize(
    "break_it", [_debt_too_small, _taken_without_a_word, _plan_debt_from_nowhere, _paid_for_nothing]
)
def test_the_audit_names_what_is_off(database: Database, break_it: Callable[[Session, int], str]) -> None:
    user_id = new_user(database)
    purchase_id = buy(database, user_id, 100)["purchase"]["id"]
    settle(database, charge(database, user_id, 90))
    take_back(database, purchase_id, 1000)
    assert audit.audit(database) == []
    with database.write() as tx:
        told = break_it(tx, user_id)
    assert audit.audit(database) == [told]
