"""Sell plans and packs where price lists are odd, and show wallets and offers as they are."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from errors import AppError
from models import CreditLedger, CreditPack, PaymentStatus, SubscriptionTier, UserSubscription
from services import audit, billing, billing_views, credits, idempotency
from services.credits import LedgerError
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


def view(db: Database, user_id: int, *, now: datetime = DAY_ONE) -> dict[str, Any]:
    """Return the wallet as clients see it."""
    return billing_views.subscription_view(db, user_id, now=now, simulated=True)


def offers(db: Database, user_id: int) -> dict[str, dict[str, Any]]:
    """Return what the billing page offers, by the tier's name."""
    shown = billing_views.overview(db, user_id, now=DAY_ONE, simulated=True)
    return {tier["name"]: tier for tier in shown["available_tiers"]}


def set_price(db: Database, tier: str, cents: int) -> None:
    """Edit a tier's price, as the operator would."""
    with db.write() as tx:
        tx.execute(update(SubscriptionTier).where(SubscriptionTier.name == tier).values(monthly_price_cents=cents))


# Plans


def test_up_goes_by_price_even_where_it_grants_less(database: Database) -> None:
    set_allotment(database, "professional", 100)
    user_id = new_user(database)
    choose(database, user_id, "starter")
    assert offers(database, user_id)["professional"]["direction"] == "up"
    answer = choose(database, user_id, "professional")
    assert (answer["subscription"]["tier"]["name"], answer["credits_remaining"]) == ("professional", 200)
    # The highest allotment of the period still counts: a larger plan adds only what is above it.
    assert wallet_of(database, user_id).period_granted == 200
    assert choose(database, user_id, "business")["credits_remaining"] == 3000


def test_down_goes_by_price_even_where_it_grants_more(database: Database) -> None:
    set_allotment(database, "starter", 5000)
    user_id = new_user(database)
    choose(database, user_id, "professional")
    assert offers(database, user_id)["starter"]["direction"] == "down"
    answer = choose(database, user_id, "starter")
    assert answer["subscription"]["pending_tier"]["name"] == "starter"
    assert answer["credits_remaining"] == 1000


def test_a_plan_of_the_same_price_waits_for_the_periods_end(database: Database) -> None:
    set_price(database, "professional", 1900)
    user_id = new_user(database)
    choose(database, user_id, "starter")
    answer = choose(database, user_id, "professional")
    assert answer["subscription"]["pending_tier"]["name"] == "professional"
    assert answer["credits_remaining"] == 200


def test_the_offered_bonus_is_what_an_upgrade_adds(database: Database) -> None:
    user_id = new_user(database)
    set_allotment(database, "free", 50)
    assert offers(database, user_id)["starter"]["bonus"] == 180
    assert choose(database, user_id, "starter")["credits_remaining"] == 200
    assert offers(database, user_id)["free"]["bonus"] == 0


def test_a_downgrade_takes_the_place_of_a_cancellation_and_the_other_way_round(database: Database) -> None:
    user_id = new_user(database)
    choose(database, user_id, "business")
    billing.cancel(database, SIMULATED, user_id, now=DAY_ONE)
    down = choose(database, user_id, "starter")["subscription"]
    assert (down["pending_tier"]["name"], down["cancel_at_period_end"]) == ("starter", False)
    cancelled = billing.cancel(database, SIMULATED, user_id, now=DAY_ONE)["subscription"]
    assert (cancelled["pending_tier"]["name"], cancelled["cancel_at_period_end"]) == ("free", True)
    choose(database, user_id, "starter")
    wake(database, user_id, now=NEXT_MONTH)
    assert wallet_of(database, user_id).tier.name == "starter"


def test_resume_leaves_nothing_pending_that_a_cancel_replaced(database: Database) -> None:
    user_id = new_user(database)
    choose(database, user_id, "business")
    choose(database, user_id, "starter")
    billing.cancel(database, SIMULATED, user_id, now=DAY_ONE)
    billing.resume(database, SIMULATED, user_id, now=DAY_ONE)
    wake(database, user_id, now=NEXT_MONTH)
    wallet = wallet_of(database, user_id)
    assert (wallet.tier.name, wallet.plan_credits) == ("business", 3000)


def test_choosing_the_present_plan_undoes_a_cancellation(database: Database) -> None:
    user_id = new_user(database)
    choose(database, user_id, "starter")
    billing.cancel(database, SIMULATED, user_id, now=DAY_ONE)
    kept = choose(database, user_id, "starter")["subscription"]
    assert (kept["pending_tier"], kept["cancel_at_period_end"]) == (None, False)
    wake(database, user_id, now=NEXT_MONTH)
    assert wallet_of(database, user_id).tier.name == "starter"


def test_a_pending_simulated_plan_does_not_begin_when_payments_become_real(database: Database) -> None:
    user_id = new_user(database)
    choose(database, user_id, "business")
    choose(database, user_id, "starter")
    wake(database, user_id, now=NEXT_MONTH, simulated=False)
    assert wallet_of(database, user_id).tier.name == "free"


def test_an_upgrade_keeps_the_period(database: Database) -> None:
    user_id = new_user(database)
    later = DAY_ONE + timedelta(days=10)
    choose(database, user_id, "starter", now=later)
    wallet = wallet_of(database, user_id)
    assert (wallet.current_period_start, wallet.current_period_end) == (DAY_ONE, NEXT_MONTH)


# Packs


def test_a_pack_that_was_taken_off_is_neither_shown_nor_sold(database: Database) -> None:
    with database.write() as tx:
        tx.execute(update(CreditPack).where(CreditPack.credits == 500).values(is_active=False))
    assert [pack["credits"] for pack in billing_views.packs_view(database)] == [100, 250, 1000]
    with pytest.raises(AppError) as refused:
        buy(database, new_user(database), 500)
    assert (refused.value.status, refused.value.code) == (400, "invalid_pack")


def test_savings_are_against_the_smallest_pack_that_is_for_sale(database: Database) -> None:
    with database.write() as tx:
        tx.execute(update(CreditPack).where(CreditPack.credits == 100).values(is_active=False))
    savings = [(pack["credits"], pack["savings_percent"]) for pack in billing_views.packs_view(database)]
    assert savings == [(250, 0), (500, 13), (1000, 25)]


def test_purchases_that_are_shown_are_ones_own(database: Database) -> None:
    alice, bob = new_user(database), new_user(database)
    buy(database, alice, 100)
    buy(database, bob, 250)
    shown = billing_views.overview(database, alice, now=DAY_ONE, simulated=True)["purchases"]
    assert [purchase["credits_amount"] for purchase in shown] == [100]


# What a wallet shows


def test_used_is_counted_against_what_this_period_granted_and_ends_at_full(database: Database) -> None:
    user_id = new_user(database)
    set_allotment(database, "free", 50)
    settle(database, charge(database, user_id, 10))
    shown = view(database, user_id)
    assert (shown["credits_used_this_month"], shown["period_granted"], shown["used_percent"]) == (10, 20, 50)
    buy(database, user_id, 100)
    settle(database, charge(database, user_id, 30))
    shown = view(database, user_id)
    assert (shown["credits_used_this_month"], shown["used_percent"]) == (40, 100)


@pytest.mark.parametrize(
    ("left", "is_low", "is_out"), [(6, False, False), (5, True, False), (1, True, False), (0, False, True)]
)
def test_low_is_five_and_below_and_out_is_nothing(database: Database, left: int, is_low: bool, is_out: bool) -> None:
    user_id = new_user(database)
    settle(database, charge(database, user_id, 20 - left))
    shown = view(database, user_id)
    assert (shown["credits_remaining"], shown["is_low"], shown["is_out"]) == (left, is_low, is_out)


def test_looking_finds_a_charge_that_has_lapsed(database: Database) -> None:
    user_id = new_user(database)
    charge(database, user_id, 4)
    assert view(database, user_id)["credits_remaining"] == 16
    assert view(database, user_id, now=DAY_ONE + LEASE)["credits_remaining"] == 20


def test_a_new_period_says_when_it_was_reset(database: Database) -> None:
    user_id = new_user(database)
    later = NEXT_MONTH + timedelta(days=3)
    shown = view(database, user_id, now=later)
    assert shown["last_reset_date"] == "2026-03-03T10:00:00Z"
    assert shown["current_period_start"] == "2026-02-28T10:00:00Z"
    assert shown["current_period_end"] == "2026-03-31T10:00:00Z"


def test_a_tier_that_grants_nothing_counts_as_nothing_granted(database: Database) -> None:
    user_id = new_user(database)
    set_allotment(database, "free", 0)
    wake(database, user_id, now=NEXT_MONTH)
    wallet = wallet_of(database, user_id)
    assert (wallet.credits_remaining, wallet.period_granted) == (0, 0)
    assert choose(database, user_id, "starter", now=NEXT_MONTH)["credits_remaining"] == 200


# Who pays, and how the database holds the line


def test_a_charge_is_the_wallets_and_names_the_person_who_acted(database: Database) -> None:
    owner, member = new_user(database), new_user(database)
    with database.write() as tx:
        wallet = credits.wake(tx, owner, now=DAY_ONE, simulated=True)
        log_id = credits.charge(tx, wallet, credits.Work(member, "chat_message"), price=3, lease=LEASE, now=DAY_ONE).id
    log = log_of(database, log_id)
    assert (log.user_id, log.wallet_user_id) == (member, owner)
    with database.read() as tx:
        entry = tx.scalars(select(CreditLedger).where(CreditLedger.kind == "spend")).one()
    assert (entry.user_id, entry.actor_id) == (owner, member)
    assert refund(database, log_id)
    assert wallet_of(database, owner).credits_remaining == wallet_of(database, member).credits_remaining == 20
    assert ledger_of(database, member) == [("grant", 20, 0, 20)]
    assert audit.audit(database) == []


@pytest.mark.parametrize(("left", "packs"), [(0, 0), (5, 5), (4, 1)])
def test_a_charge_that_has_been_overtaken_changes_nothing(database: Database, left: int, packs: int) -> None:
    """The UPDATE itself is guarded: it does not trust what was read before it."""
    user_id = new_user(database)
    buy(database, user_id, 100)
    before = ledger_of(database, user_id)
    with pytest.raises(LedgerError), database.write() as tx:
        wallet = credits.wake(tx, user_id, now=DAY_ONE, simulated=True)
        assert wallet.tier.name == "free"
        tx.execute(
            update(UserSubscription)
            .where(UserSubscription.user_id == user_id)
            .values(credits_remaining=left, pack_credits=packs)
            .execution_options(synchronize_session=False)
        )
        credits.charge(tx, wallet, credits.Work(user_id, "chat_message"), price=6, lease=LEASE, now=DAY_ONE)
    assert ledger_of(database, user_id) == before
    assert wallet_of(database, user_id).credits_remaining == 120


def test_the_last_credit_can_be_spent(database: Database) -> None:
    user_id = new_user(database)
    settle(database, charge(database, user_id, 20))
    assert wallet_of(database, user_id).credits_remaining == 0


def test_payments_stand_in_one_of_four_ways(database: Database) -> None:
    user_id = new_user(database)
    assert {str(status) for status in PaymentStatus} == {"active", "past_due", "unpaid", "cancelled"}
    mine = update(UserSubscription).where(UserSubscription.user_id == user_id)
    for status in ("active", "past_due", "unpaid", "cancelled"):
        with database.write() as tx:
            tx.execute(mine.values(payment_status=status))
    with pytest.raises(IntegrityError), database.write() as tx:
        tx.execute(mine.values(payment_status="free of charge"))


def test_a_released_charge_frees_its_key(database: Database) -> None:
    user_id = new_user(database)
    call = Call(user_id, "/api/chat", "k", {"message": "hello"})
    with database.write() as tx:
        wallet = credits.wake(tx, user_id, now=DAY_ONE, simulated=True)
        assert idempotency.claim(tx, call, now=DAY_ONE) is None
        log = credits.charge(tx, wallet, credits.Work(user_id, "chat_message"), price=1, lease=LEASE, now=DAY_ONE)
        idempotency.bind(tx, call, log.id)
    late = DAY_ONE + LEASE
    assert credits.release_stale(database, now=late, simulated=True) == 1
    with database.write() as tx:
        assert idempotency.claim(tx, call, now=late) is None


def test_a_lease_that_has_run_out_is_not_renewed(database: Database) -> None:
    user_id = new_user(database)
    with database.write() as tx:
        tx.connection().exec_driver_sql(
            "INSERT INTO conversations (id, user_id, title, created_at, updated_at)"
            f" VALUES ('c', {user_id}, 'Talk', '2026-01-31', '2026-01-31')"
        )
        tx.connection().exec_driver_sql(
            "INSERT INTO messages (id, conversation_id, position, role, status, content, created_at)"
            " VALUES ('m', 'c', 0, 'assistant', 'running', '[]', '2026-01-31')"
        )
        wallet = credits.wake(tx, user_id, now=DAY_ONE, simulated=True)
        log_id = credits.charge(
            tx,
            wallet,
            credits.Work(user_id, "chat_message", "c", "m"),
            price=1,
            lease=LEASE,
            now=DAY_ONE,
        ).id
    almost, late = DAY_ONE + LEASE - timedelta(seconds=1), DAY_ONE + LEASE
    with database.write() as tx:
        credits.renew(tx, "m", lease=timedelta(seconds=1), now=almost)
        credits.renew(tx, "m", lease=LEASE, now=late)
    assert not settle(database, log_id, now=late)
    assert wallet_of(database, user_id).credits_remaining == 20


def test_a_late_refund_leaves_the_use_of_the_new_period_alone(database: Database) -> None:
    user_id = new_user(database)
    old = charge(database, user_id, 3, now=NEXT_MONTH - timedelta(minutes=1))
    settle(database, charge(database, user_id, 5, now=NEXT_MONTH), now=NEXT_MONTH)
    assert refund(database, old, now=NEXT_MONTH)
    wallet = wallet_of(database, user_id)
    assert (wallet.credits_used_this_month, wallet.total_credits_used, wallet.credits_remaining) == (5, 5, 15)


@pytest.mark.one_database
def test_triggers_also_fire_for_what_a_replace_deletes(database: Database) -> None:
    with database.read() as tx:
        assert tx.connection().exec_driver_sql("PRAGMA recursive_triggers").scalar() == 1
    with database.write() as tx:
        assert tx.connection().exec_driver_sql("PRAGMA recursive_triggers").scalar() == 1
