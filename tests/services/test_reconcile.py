"""Lost events are found, and a database restored from yesterday's backup catches up."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from models import User
from services import credits
from services.reconcile import Report, reconcile
from services.transaction import connect
from tests.support.databases import Source
from tests.support.shops import Shop


def compare(shop: Shop, *, apply: bool) -> Report:
    """Compare the last three days."""
    return reconcile(shop.db, shop.gateway, since=shop.now - timedelta(days=3), apply=apply, now=shop.now)


def test_nothing_is_different_when_every_event_has_come(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    shop.buy(user_id, 100)
    report = compare(shop, apply=False)
    assert (report.agrees, report.customers) == (True, 1)


def test_lost_events_are_told_first_and_brought_in_when_asked(shop: Shop) -> None:
    user_id = shop.new_user()
    shop.stripe.hold = True
    shop.stripe.pay(shop.choose(user_id, "starter")["session_id"])
    session_id = shop.order(user_id, 100)["session_id"]
    shop.stripe.pay(session_id)
    shop.stripe.refund(shop.stripe.payment_of(session_id) or "", 250)
    shop.stripe.held.clear()
    before = shop.wallet(user_id)
    told = compare(shop, apply=False)
    assert any("pack of 100" in line for line in told.differences)
    assert any("250 cents refunded" in line for line in told.differences)
    after = shop.wallet(user_id)
    assert (after.tier_id, after.credits_remaining) == (before.tier_id, before.credits_remaining)
    brought = compare(shop, apply=True)
    assert brought.differences == told.differences
    assert shop.state(user_id) == ("starter", 200, 75)
    assert compare(shop, apply=False).agrees
    shop.is_sound()


def test_a_restored_database_catches_up(shop: Shop, databases: Source) -> None:
    """The backup knows the account; customer, subscription, upgrade, pack and even the prices came after it."""
    user_id = shop.new_user()
    with shop.db.read() as tx:
        account = tx.get_one(User, user_id)
    shop.subscribe(user_id, "starter")
    shop.choose(user_id, "professional")
    shop.buy(user_id, 250)
    with restored(shop, databases, account) as late:
        assert late.state(user_id) == ("free", 20, 0)
        report = compare(late, apply=True)
        assert report.unexplained == []
        assert late.state(user_id) == ("professional", 1000, 250)
        assert [purchase.payment_status for purchase in late.purchases(user_id)] == ["completed"]
        assert compare(late, apply=False).agrees
        late.is_sound()


def test_an_account_that_was_lost_is_pointed_out(shop: Shop, databases: Source) -> None:
    """Its number may be somebody else's by now, who must not get what the other one paid for."""
    user_id = shop.new_user()
    shop.subscribe(user_id, "starter")
    with shop.db.read() as tx:
        account = tx.get_one(User, user_id)
        stranger = User(id=user_id, email="stranger@example.com", created_at=account.created_at + timedelta(hours=1))
    with restored(shop, databases, stranger) as late:
        report = compare(late, apply=True)
        assert [line for line in report.unexplained if "not in this database" in line]
        assert late.state(user_id) == ("free", 20, 0)


@contextmanager
def restored(shop: Shop, databases: Source, account: User) -> Iterator[Shop]:
    """Open the same product on a database that has this account and nothing of what was paid."""
    db = connect(databases.prepared(), pool_size=5)
    with db.write() as tx:
        tx.add(User(id=account.id, email=account.email, email_key=account.email, created_at=account.created_at))
        tx.flush()
        credits.open_wallet(tx, account.id, now=account.created_at)
    yield Shop(db, shop.stripe, synced=False)
    db.engine.dispose()
