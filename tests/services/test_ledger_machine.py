"""Play every kind of change of a wallet in any order against a plain model of the credit rules."""

import calendar
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, update

from errors import AppError, InsufficientCredits
from models import Conversation, Message, SubscriptionTier, User, UserSubscription
from services import audit, billing, credits
from services.idempotency import KEPT_FOR, Call
from services.transaction import Database
from tests.support.wallets import SIMULATED

LEASE = timedelta(minutes=15)
PRICES = {"free": 0, "starter": 1900, "professional": 7900, "business": 19900}
PACKS = {100: 1000, 250: 2000, 500: 3500, 1000: 6000}


def months_after(anchor: datetime, months: int) -> datetime:
    """Return the anchor's day and time so many months later, or the month's last day where it has no such day."""
    year, month = divmod(anchor.month - 1 + months, 12)
    year, month = anchor.year + year, month + 1
    return anchor.replace(year=year, month=month, day=min(anchor.day, calendar.monthrange(year, month)[1]))


@dataclass
class Charge:
    """What the model remembers of one attempt."""

    plan: int
    pack: int
    period: int
    lease_end: datetime
    message_id: str = ""
    state: str = "pending"


@dataclass
class Wallet:
    """The credit rules in the plainest words."""

    anchor: datetime
    allotments: dict[str, int]
    tier: str = "free"
    pending: str | None = None
    plan: int = 20
    pack: int = 0
    used_month: int = 0
    used_total: int = 0
    granted: int = 20
    period: int = 1
    k: int = 0
    charges: dict[int, Charge] = field(default_factory=dict)

    @property
    def start(self) -> datetime:
        return months_after(self.anchor, self.k)

    @property
    def end(self) -> datetime:
        return months_after(self.anchor, self.k + 1)

    def wake(self, now: datetime) -> None:
        """Give back what has lapsed, then begin the period that holds now."""
        for charge in self.charges.values():
            if charge.state == "pending" and charge.lease_end <= now:
                self.give_back(charge)
        if now >= self.end:
            while now >= self.end:
                self.k += 1
            self.tier, self.pending = self.pending or self.tier, None
            self.plan = self.granted = self.allotments[self.tier]
            self.used_month = 0
            self.period += 1

    def spend(self, price: int, now: datetime) -> Charge:
        plan = min(self.plan, price)
        charge = Charge(plan, price - plan, self.period, now + LEASE)
        self.plan -= plan
        self.pack -= price - plan
        self.used_month += price
        self.used_total += price
        return charge

    def give_back(self, charge: Charge) -> None:
        charge.state = "refunded"
        self.pack += charge.pack
        self.used_total -= charge.plan + charge.pack
        if charge.period == self.period:
            self.plan += charge.plan
            self.used_month -= charge.plan + charge.pack

    def choose(self, tier: str) -> str:
        """Return what the answer must be: `up`, `down`, `undone` or `refused`."""
        if tier == self.tier:
            undone, self.pending = self.pending is not None, None
            return "undone" if undone else "refused"
        if PRICES[tier] > PRICES[self.tier]:
            bonus = max(0, self.allotments[tier] - self.granted)
            self.plan += bonus
            self.granted += bonus
            self.tier, self.pending = tier, None
            return "up"
        self.pending = tier
        return "down"


@dataclass(frozen=True)
class Kept:
    """A purchase that was made under a client's key."""

    path: str
    key: str
    size: int
    made_at: datetime


class LedgerMachine(RuleBasedStateMachine):
    """Drive one wallet; `db` is set by the test that runs it."""

    db: Database
    charges: Bundle[int] = Bundle("charges")
    keys: Bundle[Kept] = Bundle("keys")
    count = 0

    @initialize(
        anchor=st.sampled_from(
            [
                datetime(2024, 1, 31, 23, 59, 59, tzinfo=UTC),
                datetime(2023, 1, 29, 12, tzinfo=UTC),
                datetime(2024, 2, 29, 0, 0, 1, tzinfo=UTC),
                datetime(2025, 8, 31, 6, tzinfo=UTC),
                datetime(2026, 6, 15, 9, 30, tzinfo=UTC),
            ]
        )
    )
    def sign_up(self, anchor: datetime) -> None:
        LedgerMachine.count += 1
        self.now = anchor
        with self.db.write() as tx:
            tiers = tx.scalars(select(SubscriptionTier)).all()
            defaults = {"free": 20, "starter": 200, "professional": 1000, "business": 3000}
            for tier in tiers:
                tier.monthly_credits = defaults[tier.name]
            user = User(email_key=f"machine{LedgerMachine.count}@example.com", created_at=anchor)
            tx.add(user)
            tx.flush()
            self.user_id = user.id
            credits.open_wallet(tx, user.id, now=anchor)
            conversation = Conversation(user_id=user.id, title="Play", created_at=anchor, updated_at=anchor)
            tx.add(conversation)
            tx.flush()
            self.conversation_id = conversation.id
        self.messages = 0
        self.wallet = Wallet(anchor, dict(defaults))

    # Time

    @rule(minutes=st.sampled_from([1, 5, 14, 15, 16, 60]))
    def minutes_pass(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(days=st.sampled_from([1, 27, 28, 29, 30, 31, 59, 366, 800]))
    def days_pass(self, days: int) -> None:
        self.now += timedelta(days=days)

    @rule()
    def the_period_ends_this_moment(self) -> None:
        self.now = max(self.now, self.wallet.end)

    # Spending

    @rule(target=charges, price=st.sampled_from([0, 1, 1, 1, 5, 19, 20, 21, 150]))
    def charge(self, price: int) -> int:
        before = self.awake()
        affordable = self.wallet.plan + self.wallet.pack >= price
        with self.refusal_unless(affordable, before, InsufficientCredits), self.db.write() as tx:
            wallet = credits.wake(tx, self.user_id, now=self.now, simulated=True)
            self.messages += 1
            message = Message(
                conversation_id=self.conversation_id,
                position=self.messages,
                role="assistant",
                status="done",
                created_at=self.now,
            )
            tx.add(message)
            tx.flush()
            log = credits.charge(
                tx,
                wallet,
                credits.Work(self.user_id, "chat_message", self.conversation_id, message.id),
                price=price,
                lease=LEASE,
                now=self.now,
            )
        if not affordable:
            return 0
        self.wallet.charges[log.id] = self.wallet.spend(price, self.now)
        self.wallet.charges[log.id].message_id = message.id
        return log.id

    @rule(log_id=charges)
    def settle(self, log_id: int) -> None:
        """Settle, also late, twice, or after a refund: only the first one in time counts."""
        if not log_id:
            return
        self.wallet.wake(self.now)
        charge = self.wallet.charges[log_id]
        with self.db.write() as tx:
            kept = credits.settle(tx, log_id, now=self.now, simulated=True)
        assert kept == (charge.state == "pending")
        if kept:
            charge.state = "settled"

    @rule(log_id=charges)
    def fail(self, log_id: int) -> None:
        if not log_id:
            return
        self.wallet.wake(self.now)
        charge = self.wallet.charges[log_id]
        with self.db.write() as tx:
            given_back = credits.refund(tx, log_id, "The model failed.", now=self.now, simulated=True)
        assert given_back == (charge.state == "pending")
        if given_back:
            self.wallet.give_back(charge)

    @rule(log_id=charges)
    def renew(self, log_id: int) -> None:
        """Renew a lease; one that has run out stays so."""
        if not log_id:
            return
        charge = self.wallet.charges[log_id]
        with self.db.write() as tx:
            credits.renew(tx, charge.message_id, lease=LEASE, now=self.now)
        if charge.state == "pending" and charge.lease_end > self.now:
            charge.lease_end = self.now + LEASE

    @rule(log_id=consumes(charges))
    def crash(self, log_id: int) -> None:
        """Forget the charge: nobody will settle or refund it but the lease."""

    @rule()
    def release(self) -> None:
        """The command finds lapsed charges; it wakes only wallets that have one."""
        lapsed = [c for c in self.wallet.charges.values() if c.state == "pending" and c.lease_end <= self.now]
        if lapsed:
            self.wallet.wake(self.now)
        credits.release_stale(self.db, now=self.now, simulated=True)

    @rule()
    def look(self) -> None:
        self.wallet.wake(self.now)
        with self.db.write() as tx:
            credits.wake(tx, self.user_id, now=self.now, simulated=True)

    # Plans

    @rule(tier=st.sampled_from(sorted(PRICES)))
    def choose(self, tier: str) -> None:
        before = self.awake()
        outcome = self.wallet.choose(tier)
        with self.refusal_unless(outcome != "refused", before, AppError, "already_on_tier"):
            billing.choose_tier(self.db, SIMULATED, self.user_id, tier_name=tier, now=self.now)

    @rule()
    def cancel(self) -> None:
        before = self.awake()
        possible = self.wallet.tier != "free" and self.wallet.pending != "free"
        with self.refusal_unless(possible, before, AppError, "nothing_to_cancel"):
            billing.cancel(self.db, SIMULATED, self.user_id, now=self.now)
        if possible:
            self.wallet.pending = "free"

    @rule()
    def resume(self) -> None:
        self.wallet.wake(self.now)
        billing.resume(self.db, SIMULATED, self.user_id, now=self.now)
        self.wallet.pending = None

    @rule(tier=st.sampled_from(sorted(PRICES)), allotment=st.sampled_from([0, 10, 20, 200, 250, 1000, 3000]))
    def the_operator_edits_a_tier(self, tier: str, allotment: int) -> None:
        """Nothing changes for anybody until the next period."""
        with self.db.write() as tx:
            tx.execute(update(SubscriptionTier).where(SubscriptionTier.name == tier).values(monthly_credits=allotment))
        self.wallet.allotments[tier] = allotment

    # Packs, and repeats of what was done before

    @rule(target=keys, size=st.sampled_from(sorted(PACKS)))
    def buy(self, size: int) -> Kept:
        self.wallet.wake(self.now)
        key = f"key-{len(self.wallet.charges)}-{self.now.timestamp()}-{self.wallet.pack}-{size}"
        billing.buy_pack(
            self.db, SIMULATED, self.user_id, pack_size=size, now=self.now, call=self.call("/purchase", key, size)
        )
        self.wallet.pack += size
        return Kept("/purchase", key, size, self.now)

    @rule(kept=keys)
    def buy_again_with_the_same_key(self, kept: Kept) -> None:
        if self.now - kept.made_at > KEPT_FOR:
            return  # The key is forgotten by now, and would buy again.
        path, key, size = kept.path, kept.key, kept.size
        self.wallet.wake(self.now)
        response = billing.buy_pack(
            self.db, SIMULATED, self.user_id, pack_size=size, now=self.now, call=self.call(path, key, size)
        )
        assert response["purchase"]["credits_amount"] == size

    @rule(kept=keys)
    def the_same_key_with_another_body(self, kept: Kept) -> None:
        if self.now - kept.made_at > KEPT_FOR:
            return
        path, key, size = kept.path, kept.key, kept.size
        with pytest.raises(AppError) as refused:
            billing.buy_pack(
                self.db, SIMULATED, self.user_id, pack_size=100, now=self.now, call=self.call(path, key, -size)
            )
        assert refused.value.status == 422

    # What must always hold

    @invariant()
    def the_wallet_is_what_the_model_says(self) -> None:
        with self.db.read() as tx:
            wallet = tx.scalars(select(UserSubscription).where(UserSubscription.user_id == self.user_id)).one()
            found = {
                "plan": wallet.plan_credits,
                "pack": wallet.pack_credits,
                "tier": wallet.tier.name,
                "pending": wallet.pending_tier.name if wallet.pending_tier else None,
                "cancel": wallet.cancel_at_period_end,
                "granted": wallet.period_granted,
                "used_month": wallet.credits_used_this_month,
                "used_total": wallet.total_credits_used,
                "start": wallet.current_period_start,
                "end": wallet.current_period_end,
                "anchor": wallet.billing_anchor,
            }
        model = self.wallet
        assert found == {
            "plan": model.plan,
            "pack": model.pack,
            "tier": model.tier,
            "pending": model.pending,
            "cancel": model.pending == "free",
            "granted": model.granted,
            "used_month": model.used_month,
            "used_total": model.used_total,
            "start": model.start,
            "end": model.end,
            "anchor": model.anchor,
        }

    @invariant()
    def the_audit_is_clean(self) -> None:
        assert audit.audit(self.db) == []

    def call(self, path: str, key: str, size: object) -> Call:
        return Call(self.user_id, path, key, {"pack_size": size})

    @contextmanager
    def refusal_unless(
        self, allowed: bool, before: Wallet, error: type[AppError], code: str | None = None
    ) -> Iterator[None]:
        """Expect exactly this refusal where the rules refuse, with nothing changed, and none where they allow."""
        if allowed:
            yield
            return
        with pytest.raises(error) as refused:
            yield
        assert code is None or refused.value.code == code
        self.wallet = before

    def awake(self) -> Wallet:
        """Wake the model's wallet and return it as it was before."""
        before = deepcopy(self.wallet)
        self.wallet.wake(self.now)
        return before


@pytest.mark.timeout(600)
def test_any_order_of_changes_agrees_with_the_rules(database: Database) -> None:
    """`database` is a migrated and seeded one, on SQLite and on PostgreSQL."""
    LedgerMachine.db = database
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=False,
        ),
    )
