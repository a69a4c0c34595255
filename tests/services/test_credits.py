"""Hold the wallet and the ledger to the credit rules, one rule a test."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from errors import AppError, InsufficientCredits
from models import (
    CreditLedger,
    CreditPurchase,
    FormerAddress,
    IdempotencyKey,
    SubscriptionTier,
    UsageLog,
    User,
    UserSubscription,
)
from services import audit, billing, credits, idempotency
from services.idempotency import Call
from services.transaction import Database
from tests.support.wallets import (
    DAY_ONE,
    LEASE,
    SIMULATED,
    buy,
    charge,
    choose,
    ledger_of,
    log_of,
    new_user,
    refund,
    set_allotment,
    settle,
    wake,
    wallet_of,
)

NEXT_MONTH = datetime(2026, 2, 28, 10, 0, tzinfo=UTC)


# The wallet


def test_a_new_wallet_has_twenty_credits_of_the_free_tier(database: Database) -> None:
    wallet = wallet_of(database, new_user(database))
    assert (wallet.credits_remaining, wallet.pack_credits, wallet.tier.name) == (20, 0, "free")
    assert wallet.current_period_start == wallet.billing_anchor == DAY_ONE
    assert wallet.current_period_end == NEXT_MONTH
    assert ledger_of(database, wallet.user_id) == [("grant", 20, 0, 20)]


def test_a_user_without_a_wallet_gets_one_on_first_use(database: Database) -> None:
    with database.write() as tx:
        user = User(email_key="old@example.com", created_at=DAY_ONE)
        tx.add(user)
    wake(database, user.id, now=DAY_ONE)
    assert wallet_of(database, user.id).credits_remaining == 20


def test_opening_a_wallet_twice_makes_one(database: Database) -> None:
    user_id = new_user(database)
    with database.write() as tx:
        credits.open_wallet(tx, user_id, now=DAY_ONE + timedelta(days=1))
    assert ledger_of(database, user_id) == [("grant", 20, 0, 20)]


@pytest.mark.parametrize(
    "broken",
    [{"credits_remaining": -1}, {"pack_credits": -1}, {"pack_credits": 21}, {"credits_used_this_month": -1}],
)
def test_the_database_refuses_a_broken_wallet(database: Database, broken: dict[str, int]) -> None:
    user_id = new_user(database)
    with pytest.raises(IntegrityError), database.write() as tx:
        tx.execute(update(UserSubscription).where(UserSubscription.user_id == user_id).values(**broken))


# The ledger


@pytest.mark.parametrize("statement", ["UPDATE credit_ledger SET delta = delta + 1", "DELETE FROM credit_ledger"])
def test_the_database_refuses_to_change_the_ledger(database: Database, statement: str) -> None:
    user_id = new_user(database)
    with pytest.raises(DBAPIError), database.write() as tx:
        tx.execute(text(statement))
    assert ledger_of(database, user_id) == [("grant", 20, 0, 20)]


def test_the_same_source_never_counts_twice(database: Database) -> None:
    user_id = new_user(database)
    with database.read() as tx:
        entry = tx.scalars(select(CreditLedger).where(CreditLedger.user_id == user_id)).one()
    copy = CreditLedger(
        user_id=user_id, delta=20, pack_delta=0, balance_after=40, kind="grant", source=entry.source, created_at=DAY_ONE
    )
    with pytest.raises(IntegrityError), database.write() as tx:
        tx.add(copy)


def test_every_entry_names_who_caused_it(database: Database) -> None:
    user_id = new_user(database)
    settle(database, charge(database, user_id, 1))
    wake(database, user_id, now=NEXT_MONTH)
    with database.read() as tx:
        query = select(CreditLedger.kind, CreditLedger.actor_id).where(CreditLedger.user_id == user_id)
        causes = tx.execute(query.order_by(CreditLedger.id)).all()
    assert [tuple(row) for row in causes] == [("grant", user_id), ("spend", user_id), ("expire", None), ("grant", None)]


# Spending


def test_plan_credits_burn_before_pack_credits(database: Database) -> None:
    user_id = new_user(database)
    buy(database, user_id, 100)
    log = log_of(database, charge(database, user_id, 25))
    wallet = wallet_of(database, user_id)
    assert (log.plan_part, log.pack_part) == (20, 5)
    assert (wallet.plan_credits, wallet.pack_credits) == (0, 95)


def test_a_charge_is_pending_until_it_is_settled(database: Database) -> None:
    user_id = new_user(database)
    log_id = charge(database, user_id, 1)
    assert log_of(database, log_id).success is None
    assert settle(database, log_id)
    assert log_of(database, log_id).success is True
    assert not settle(database, log_id)
    assert wallet_of(database, user_id).credits_remaining == 19


def test_a_price_above_the_balance_is_refused_and_leaves_nothing(database: Database) -> None:
    user_id = new_user(database)
    with pytest.raises(InsufficientCredits) as refused:
        charge(database, user_id, 21)
    assert refused.value.to_json()["credits_remaining"] == 20
    assert refused.value.to_json()["credits_required"] == 21
    assert refused.value.to_json()["tier"]["name"] == "free"
    with database.read() as tx:
        assert tx.scalars(select(UsageLog).where(UsageLog.user_id == user_id)).all() == []
    assert len(ledger_of(database, user_id)) == 1


def test_use_counts_for_the_month_and_for_ever(database: Database) -> None:
    user_id = new_user(database)
    settle(database, charge(database, user_id, 3))
    wake(database, user_id, now=NEXT_MONTH)
    settle(database, charge(database, user_id, 2, now=NEXT_MONTH), now=NEXT_MONTH)
    wallet = wallet_of(database, user_id)
    assert (wallet.credits_used_this_month, wallet.total_credits_used) == (2, 5)


def test_a_refund_goes_back_to_the_parts_it_came_from(database: Database) -> None:
    user_id = new_user(database)
    buy(database, user_id, 100)
    log_id = charge(database, user_id, 25)
    assert refund(database, log_id)
    wallet, log = wallet_of(database, user_id), log_of(database, log_id)
    assert (wallet.plan_credits, wallet.pack_credits) == (20, 100)
    assert (wallet.credits_used_this_month, wallet.total_credits_used) == (0, 0)
    assert (log.success, log.credits_used, log.error_message) == (False, 0, "It failed.")
    assert ledger_of(database, user_id)[-1] == ("refund", 25, 5, 120)


def test_a_charge_is_refunded_once_and_never_after_it_was_settled(database: Database) -> None:
    user_id = new_user(database)
    first, second = charge(database, user_id, 1), charge(database, user_id, 1)
    assert refund(database, first)
    assert not refund(database, first)
    assert settle(database, second)
    assert not refund(database, second)
    assert wallet_of(database, user_id).credits_remaining == 19


def test_a_refund_into_a_later_period_gives_back_packs_and_expires_the_plan_part(database: Database) -> None:
    user_id = new_user(database)
    buy(database, user_id, 100)
    just_before = NEXT_MONTH - timedelta(minutes=1)
    log_id = charge(database, user_id, 25, now=just_before)
    assert refund(database, log_id, now=NEXT_MONTH + timedelta(minutes=1))
    wallet = wallet_of(database, user_id)
    assert (wallet.plan_credits, wallet.pack_credits) == (20, 100)
    assert (wallet.credits_used_this_month, wallet.total_credits_used) == (0, 0)
    assert [entry[:2] for entry in ledger_of(database, user_id)][-2:] == [("refund", 25), ("expire", -20)]
    assert audit.audit(database) == []


# Leases


def test_a_lapsed_charge_is_refunded_by_any_use_of_the_wallet(database: Database) -> None:
    user_id = new_user(database)
    log_id = charge(database, user_id, 1)
    wake(database, user_id, now=DAY_ONE + LEASE - timedelta(seconds=1))
    assert log_of(database, log_id).success is None
    wake(database, user_id, now=DAY_ONE + LEASE)
    log = log_of(database, log_id)
    assert (log.success, log.error_message) == (False, "abandoned")
    assert wallet_of(database, user_id).credits_remaining == 20


def test_a_late_settle_loses_even_if_nobody_had_released_the_charge(database: Database) -> None:
    user_id = new_user(database)
    log_id = charge(database, user_id, 1)
    assert not settle(database, log_id, now=DAY_ONE + LEASE)
    assert log_of(database, log_id).credits_used == 0
    assert wallet_of(database, user_id).credits_remaining == 20


def test_the_command_releases_lapsed_charges_once(database: Database) -> None:
    user_id = new_user(database)
    charge(database, user_id, 2)
    late = DAY_ONE + LEASE
    assert credits.release_stale(database, now=late, simulated=True) == 1
    assert credits.release_stale(database, now=late, simulated=True) == 0
    assert wallet_of(database, user_id).credits_remaining == 20


# Periods


def test_a_period_that_ended_expires_the_plan_and_grants_anew(database: Database) -> None:
    user_id = new_user(database)
    buy(database, user_id, 100)
    settle(database, charge(database, user_id, 5))
    wake(database, user_id, now=NEXT_MONTH)
    wallet = wallet_of(database, user_id)
    assert (wallet.plan_credits, wallet.pack_credits) == (20, 100)
    assert wallet.credits_used_this_month == 0
    assert [entry[:2] for entry in ledger_of(database, user_id)][-2:] == [("expire", -15), ("grant", 20)]


def test_a_period_ends_at_its_end_and_not_before(database: Database) -> None:
    user_id = new_user(database)
    charge(database, user_id, 5)
    wake(database, user_id, now=NEXT_MONTH - timedelta(microseconds=1))
    assert wallet_of(database, user_id).period_number == 1
    wake(database, user_id, now=NEXT_MONTH)
    assert wallet_of(database, user_id).period_number == 2


def test_the_31st_leads_to_the_28th_and_back(database: Database) -> None:
    user_id = new_user(database)
    wake(database, user_id, now=NEXT_MONTH)
    assert wallet_of(database, user_id).current_period_end == datetime(2026, 3, 31, 10, tzinfo=UTC)


def test_months_of_absence_grant_once(database: Database) -> None:
    user_id = new_user(database)
    for _ in range(3):
        wake(database, user_id, now=datetime(2026, 11, 5, tzinfo=UTC))
    wallet = wallet_of(database, user_id)
    assert wallet.current_period_start == datetime(2026, 10, 31, 10, tzinfo=UTC)
    assert wallet.current_period_end == datetime(2026, 11, 30, 10, tzinfo=UTC)
    assert [entry[0] for entry in ledger_of(database, user_id)] == ["grant", "expire", "grant"]


def test_a_period_end_moved_by_hand_still_rolls_over_once(database: Database) -> None:
    user_id = new_user(database)
    charge_id = charge(database, user_id, 4)
    settle(database, charge_id)
    with database.write() as tx:
        tx.execute(
            update(UserSubscription)
            .where(UserSubscription.user_id == user_id)
            .values(current_period_start=DAY_ONE - timedelta(days=40), current_period_end=DAY_ONE - timedelta(days=9))
        )
    wake(database, user_id, now=DAY_ONE)
    wake(database, user_id, now=DAY_ONE)
    assert wallet_of(database, user_id).credits_remaining == 20
    assert wallet_of(database, user_id).current_period_end == NEXT_MONTH
    assert audit.audit(database) == []


def test_an_edited_tier_counts_from_the_next_period(database: Database) -> None:
    user_id = new_user(database)
    set_allotment(database, "free", 50)
    wake(database, user_id, now=DAY_ONE)
    assert wallet_of(database, user_id).period_granted == 20
    wake(database, user_id, now=NEXT_MONTH)
    assert wallet_of(database, user_id).credits_remaining == 50


def test_a_simulated_plan_ends_with_its_period_when_payments_become_real(database: Database) -> None:
    user_id = new_user(database)
    choose(database, user_id, "business")
    wake(database, user_id, now=NEXT_MONTH, simulated=False)
    wallet = wallet_of(database, user_id)
    assert (wallet.tier.name, wallet.credits_remaining) == ("free", 20)


# Changing plan


def test_an_upgrade_is_at_once_with_the_difference_as_bonus(database: Database) -> None:
    user_id = new_user(database)
    settle(database, charge(database, user_id, 7))
    answer = choose(database, user_id, "starter")
    assert answer["credits_remaining"] == 13 + 180
    assert answer["simulated"] is True
    wallet = wallet_of(database, user_id)
    assert (wallet.tier.name, wallet.period_granted) == ("starter", 200)
    assert wallet.current_period_end == NEXT_MONTH
    assert ledger_of(database, user_id)[-1] == ("bonus", 180, 0, 193)


def test_up_down_and_up_again_earns_nothing_twice(database: Database) -> None:
    user_id = new_user(database)
    choose(database, user_id, "professional")
    choose(database, user_id, "free")
    wake(database, user_id, now=NEXT_MONTH)
    choose(database, user_id, "starter", now=NEXT_MONTH)
    choose(database, user_id, "professional", now=NEXT_MONTH)
    wallet = wallet_of(database, user_id)
    assert (wallet.plan_credits, wallet.period_granted) == (1000, 1000)
    choose(database, user_id, "starter", now=NEXT_MONTH)
    choose(database, user_id, "professional", now=NEXT_MONTH)
    choose(database, user_id, "business", now=NEXT_MONTH)
    assert wallet_of(database, user_id).plan_credits == 3000


def test_a_downgrade_waits_for_the_periods_end(database: Database) -> None:
    user_id = new_user(database)
    choose(database, user_id, "professional")
    answer = choose(database, user_id, "starter")
    assert answer["subscription"]["tier"]["name"] == "professional"
    assert answer["subscription"]["pending_tier"]["name"] == "starter"
    assert answer["credits_remaining"] == 1000
    wake(database, user_id, now=NEXT_MONTH)
    wallet = wallet_of(database, user_id)
    assert (wallet.tier.name, wallet.plan_credits, wallet.pending_tier) == ("starter", 200, None)


def test_choosing_the_present_tier_undoes_and_then_is_refused(database: Database) -> None:
    user_id = new_user(database)
    choose(database, user_id, "professional")
    choose(database, user_id, "starter")
    assert choose(database, user_id, "professional")["subscription"]["pending_tier"] is None
    with pytest.raises(AppError) as refused:
        choose(database, user_id, "professional")
    assert (refused.value.status, refused.value.code) == (409, "already_on_tier")


def test_an_upgrade_clears_what_was_pending(database: Database) -> None:
    user_id = new_user(database)
    choose(database, user_id, "starter")
    billing.cancel(database, SIMULATED, user_id, now=DAY_ONE)
    answer = choose(database, user_id, "business")
    assert answer["subscription"]["pending_tier"] is None
    assert answer["subscription"]["cancel_at_period_end"] is False


def test_a_cancelled_plan_ends_with_its_period_and_packs_stay(database: Database) -> None:
    user_id = new_user(database)
    buy(database, user_id, 100)
    choose(database, user_id, "starter")
    answer = billing.cancel(database, SIMULATED, user_id, now=DAY_ONE)
    assert answer["subscription"]["cancel_at_period_end"] is True
    assert answer["credits_remaining"] == 300
    wake(database, user_id, now=NEXT_MONTH)
    wallet = wallet_of(database, user_id)
    assert (wallet.tier.name, wallet.plan_credits, wallet.pack_credits) == ("free", 20, 100)
    assert not wallet.cancel_at_period_end


def test_resume_undoes_a_cancellation_but_revives_no_downgrade(database: Database) -> None:
    user_id = new_user(database)
    choose(database, user_id, "professional")
    choose(database, user_id, "starter")
    billing.cancel(database, SIMULATED, user_id, now=DAY_ONE)
    answer = billing.resume(database, SIMULATED, user_id, now=DAY_ONE)
    assert answer["subscription"]["pending_tier"] is None
    assert answer["subscription"]["cancel_at_period_end"] is False


def test_resume_with_nothing_to_resume_changes_nothing(database: Database) -> None:
    user_id = new_user(database)
    before = ledger_of(database, user_id)
    answer = billing.resume(database, SIMULATED, user_id, now=DAY_ONE)
    assert answer["subscription"]["tier"]["name"] == "free"
    assert ledger_of(database, user_id) == before


@pytest.mark.parametrize("prepare", ["nothing", "cancelled"])
def test_cancel_with_nothing_to_cancel_is_refused(database: Database, prepare: str) -> None:
    user_id = new_user(database)
    if prepare == "cancelled":
        choose(database, user_id, "starter")
        billing.cancel(database, SIMULATED, user_id, now=DAY_ONE)
    with pytest.raises(AppError) as refused:
        billing.cancel(database, SIMULATED, user_id, now=DAY_ONE)
    assert (refused.value.status, refused.value.code) == (409, "nothing_to_cancel")


def test_an_unknown_or_inactive_tier_is_refused(database: Database) -> None:
    user_id = new_user(database)
    retire(database, "starter")
    for tier in ("starter", "gold"):
        with pytest.raises(AppError) as refused:
            choose(database, user_id, tier)
        assert (refused.value.status, refused.value.code) == (400, "invalid_tier")


def test_holders_of_a_retired_tier_stay_and_can_undo(database: Database) -> None:
    user_id = new_user(database)
    choose(database, user_id, "starter")
    retire(database, "starter")
    choose(database, user_id, "free")
    assert choose(database, user_id, "starter")["subscription"]["pending_tier"] is None
    wake(database, user_id, now=NEXT_MONTH)
    wallet = wallet_of(database, user_id)
    assert (wallet.tier.name, wallet.plan_credits) == ("starter", 200)


def retire(db: Database, tier: str) -> None:
    """Take a tier off the price list."""
    with db.write() as tx:
        tx.execute(update(SubscriptionTier).where(SubscriptionTier.name == tier).values(is_active=False))


# Packs


@pytest.mark.parametrize(("size", "dollars"), [(100, 10.0), (250, 20.0), (500, 35.0), (1000, 60.0)])
def test_a_pack_adds_its_credits_for_its_price(database: Database, size: int, dollars: float) -> None:
    user_id = new_user(database)
    answer = buy(database, user_id, size)
    assert answer["credits_remaining"] == 20 + size
    assert answer["purchase"]["price_paid"] == dollars
    assert answer["purchase"]["payment_status"] == "completed"
    assert ledger_of(database, user_id)[-1] == ("purchase", size, size, 20 + size)


def test_packs_never_expire(database: Database) -> None:
    user_id = new_user(database)
    buy(database, user_id, 250)
    wake(database, user_id, now=DAY_ONE + timedelta(days=4000))
    assert wallet_of(database, user_id).pack_credits == 250


def test_a_pack_that_is_not_sold_is_refused(database: Database) -> None:
    with pytest.raises(AppError) as refused:
        buy(database, new_user(database), 101)
    assert (refused.value.status, refused.value.code) == (400, "invalid_pack")


def test_a_payment_counts_once(database: Database) -> None:
    user_id = new_user(database)
    purchase_id = buy(database, user_id, 100)["purchase"]["id"]
    from_database = [row for row in ledger_of(database, user_id) if row[0] == "purchase"]
    with database.write() as tx:
        wallet = credits.wake(tx, user_id, now=DAY_ONE, simulated=True)
        purchase = tx.get(CreditPurchase, purchase_id)
        assert purchase is not None
        assert not credits.complete_purchase(tx, wallet, purchase, now=DAY_ONE)
    assert [row for row in ledger_of(database, user_id) if row[0] == "purchase"] == from_database


# Idempotency


def test_the_same_key_gives_the_first_success_again(database: Database) -> None:
    user_id = new_user(database)
    call = Call(user_id, "/api/credits/purchase", "k1", {"pack_size": 100})
    first = buy(database, user_id, 100, call=call)
    charge(database, user_id, 3)
    assert buy(database, user_id, 100, call=call) == first
    assert wallet_of(database, user_id).pack_credits == 100


def test_a_key_is_scoped_to_its_user_and_path(database: Database) -> None:
    alice, bob = new_user(database), new_user(database)
    for user_id, path in ((alice, "/a"), (alice, "/b"), (bob, "/a")):
        buy(database, user_id, 100, call=Call(user_id, path, "same", {"pack_size": 100}))
    assert wallet_of(database, alice).pack_credits == 200
    assert wallet_of(database, bob).pack_credits == 100


def test_a_refusal_frees_the_key(database: Database) -> None:
    user_id = new_user(database)
    call = Call(user_id, "/p", "k", {"pack_size": 100})
    with pytest.raises(AppError):
        buy(database, user_id, 999, call=call)
    assert buy(database, user_id, 100, call=call)["success"]


def test_a_refund_frees_the_key_of_its_charge(database: Database) -> None:
    user_id = new_user(database)
    call = Call(user_id, "/api/chat", "k", {"message": "hello"})
    with database.write() as tx:
        wallet = credits.wake(tx, user_id, now=DAY_ONE, simulated=True)
        assert idempotency.claim(tx, call, now=DAY_ONE) is None
        log = credits.charge(tx, wallet, credits.Work(user_id, "chat_message"), price=1, lease=LEASE, now=DAY_ONE)
        idempotency.bind(tx, call, log.id)
    with pytest.raises(AppError) as refused, database.write() as tx:
        idempotency.claim(tx, call, now=DAY_ONE)
    assert (refused.value.status, refused.value.code) == (409, "request_in_progress")
    refund(database, log.id)
    with database.write() as tx:
        assert idempotency.claim(tx, call, now=DAY_ONE) is None


def test_old_keys_are_forgotten(database: Database) -> None:
    user_id = new_user(database)
    buy(database, user_id, 100, call=Call(user_id, "/p", "k", {}))
    with database.write() as tx:
        idempotency.prune(tx, now=DAY_ONE + timedelta(days=31))
    with database.read() as tx:
        assert tx.scalars(select(IdempotencyKey)).all() == []


# Free credits once per person


def remember(db: Database, *, granted: int, renews_at: datetime) -> None:
    """Remember a deleted account's address."""
    with db.write() as tx:
        tx.execute(delete(FormerAddress))
        tx.add(
            FormerAddress(address_hash="h" * 64, billing_anchor=DAY_ONE, period_granted=granted, renews_at=renews_at)
        )


def sign_up_again(db: Database, now: datetime) -> int:
    """Open a wallet for the address that was deleted."""
    with db.write() as tx:
        user = User(email_key=f"again{now.timestamp()}@example.com", created_at=now)
        tx.add(user)
        tx.flush()
        credits.open_wallet(tx, user.id, now=now, address_hash="h" * 64)
        return user.id


def test_a_deleted_address_starts_at_zero_with_its_old_anchor(database: Database) -> None:
    remember(database, granted=200, renews_at=NEXT_MONTH)
    user_id = sign_up_again(database, DAY_ONE + timedelta(days=3))
    wallet = wallet_of(database, user_id)
    assert (wallet.credits_remaining, wallet.period_granted, wallet.billing_anchor) == (0, 200, DAY_ONE)
    assert choose(database, user_id, "professional", now=DAY_ONE + timedelta(days=3))["credits_remaining"] == 800
    wake(database, user_id, now=NEXT_MONTH)
    assert wallet_of(database, user_id).plan_credits == 1000


def test_a_deleted_address_starts_afresh_once_it_would_have_renewed(database: Database) -> None:
    remember(database, granted=20, renews_at=NEXT_MONTH)
    user_id = sign_up_again(database, NEXT_MONTH)
    assert wallet_of(database, user_id).credits_remaining == 20


# The audit


def test_the_audit_finds_what_is_off(database: Database) -> None:
    user_id = new_user(database)
    settle(database, charge(database, user_id, 2))
    assert audit.audit(database) == []
    with database.write() as tx:
        tx.execute(
            update(UserSubscription)
            .where(UserSubscription.user_id == user_id)
            .values(credits_remaining=30, pack_credits=4, total_credits_used=9, credits_used_this_month=8)
        )
    findings = "\n".join(audit.audit(database))
    for words in ("credits_remaining is 30", "pack_credits is 4", "total_credits_used is 9", "used_this_month is 8"):
        assert words in findings


def test_the_audit_finds_a_broken_chain_and_a_charge_without_its_log(database: Database) -> None:
    user_id = new_user(database)
    with database.write() as tx:
        tx.add(
            CreditLedger(
                user_id=user_id,
                delta=-5,
                pack_delta=0,
                balance_after=99,
                kind="spend",
                source="usage:424242",
                created_at=DAY_ONE,
            )
        )
    findings = "\n".join(audit.audit(database))
    assert "balance_after is 99" in findings
    assert "has no usage log" in findings


def test_the_audit_finds_a_log_that_the_ledger_does_not_know(database: Database) -> None:
    user_id = new_user(database)
    log_id = charge(database, user_id, 2)
    with database.write() as tx:
        tx.execute(update(UsageLog).where(UsageLog.id == log_id).values(plan_part=3, credits_used=3))
    assert f"usage log {log_id}" in "\n".join(audit.audit(database))
