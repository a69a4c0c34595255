"""The script that prepares the database, run as an operator runs it."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from models import User, UserSubscription
from services import audit, billing, schema
from services.transaction import Database, connect, utcnow
from tests.support.launcher import programs
from tests.support.wallets import SIMULATED

ROOT = Path(__file__).resolve().parent.parent
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

FIRST_LINES = """\
Creating subscription tiers...
  Creating tier 'Free Tier'...
  Creating tier 'Starter'...
  Creating tier 'Professional'...
  Creating tier 'Business'...

Subscription tiers set up successfully!
Migration complete! 0 users migrated to free tier.

Total Active Credits: 0
"""


class Operator:
    """Someone who edits the price list and runs the script."""

    def __init__(self, folder: Path, url: str) -> None:
        self._script = folder / "init_subscription_system.py"
        self._script.write_text((ROOT / "init_subscription_system.py").read_text())
        self._environment = {**os.environ, "DATABASE_URL": url, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}

    def edit(self, old: str, new: str) -> None:
        """Change one place of the script."""
        before = self._script.read_text()
        assert before.count(old) == 1, f"{old} is there {before.count(old)} times"
        self._script.write_text(before.replace(old, new))

    def start(self, more: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start the script."""
        pipe = subprocess.PIPE
        environment = {**self._environment, **(more or {})}
        return subprocess.Popen(
            [programs() / "python", self._script], env=environment, stdout=pipe, stderr=pipe, text=True
        )

    def run(self) -> str:
        """Run the script, which must succeed, and return what it prints."""
        running = self.start()
        out, err = running.communicate(timeout=60)
        assert (running.returncode, err) == (0, "")
        return out

    def fail(self, more: Mapping[str, str] | None = None) -> str:
        """Run the script, which must refuse with exit status 2 and one line, and return that."""
        running = self.start(more)
        out, err = running.communicate(timeout=60)
        assert (running.returncode, out) == (2, "")
        assert err.count("\n") == 1
        return err


@pytest.fixture
def operator(tmp_path: Path, database_url: str) -> Operator:
    """Return an operator with an empty database."""
    return Operator(tmp_path, database_url)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """Open the operator's database."""
    opened = connect(database_url, pool_size=2)
    schema.make_directory(opened)
    yield opened
    opened.engine.dispose()


def test_it_prints_the_summary_line_for_line(operator: Operator) -> None:
    assert operator.run().startswith(FIRST_LINES)


def test_running_it_again_changes_nothing(operator: Operator) -> None:
    operator.run()
    lines = operator.run().splitlines()
    assert lines[1:5] == [
        "  Tier 'Free Tier' is up to date",
        "  Tier 'Starter' is up to date",
        "  Tier 'Professional' is up to date",
        "  Tier 'Business' is up to date",
    ]
    assert "Migration complete! 0 users migrated to free tier." in lines


def test_two_at_once_both_succeed(operator: Operator) -> None:
    both = [operator.start(), operator.start()]
    printed = "".join("".join(running.communicate(timeout=60)) for running in both)
    assert [running.returncode for running in both] == [0, 0]
    assert printed.count("Creating tier 'Free Tier'...") == 1


def test_an_edited_price_is_updated_and_said(operator: Operator) -> None:
    operator.run()
    operator.edit("'monthly_price': 79.0", "'monthly_price': 99.0")
    operator.edit("'monthly_credits': 1000", "'monthly_credits': 1500")
    assert "  Updating tier 'Professional': price $79 -> $99, credits 1000 -> 1500\n" in operator.run()


def test_a_tier_can_be_added(operator: Operator) -> None:
    operator.run()
    new = "{'name': 'enterprise', 'display_name': 'Enterprise', 'monthly_price': 499.0, 'monthly_credits': 10000}"
    operator.edit("TIERS = [", f"TIERS = [{new},")
    assert "  Creating tier 'Enterprise'...\n" in operator.run()


def test_users_without_a_wallet_get_the_free_tier(operator: Operator, db: Database) -> None:
    operator.run()
    with db.write() as tx:
        tx.add_all(User(email=f"{n}@example.com", email_key=f"{n}@example.com", created_at=NOW) for n in range(230))
        tx.add(User(created_at=NOW, deleted_at=NOW))
    printed = operator.run()
    assert "Migration complete! 230 users migrated to free tier.\n\nTotal Active Credits: 4600\n" in printed
    assert "Migration complete! 0 users migrated to free tier.\n\nTotal Active Credits: 4600\n" in operator.run()
    assert audit.audit(db) == []


def test_a_deleted_accounts_credits_are_not_active(operator: Operator, db: Database) -> None:
    operator.run()
    with db.write() as tx:
        tx.add_all([User(id=1, created_at=NOW), User(id=2, created_at=NOW)])
    operator.run()
    with db.write() as tx:
        tx.get_one(User, 2).deleted_at = NOW
    assert "Total Active Credits: 20\n" in operator.run()


def test_credits_of_packs_are_active_too(operator: Operator, db: Database) -> None:
    operator.run()
    with db.write() as tx:
        tx.add(User(id=1, created_at=NOW))
    operator.run()
    billing.buy_pack(db, SIMULATED, 1, pack_size=250, now=utcnow())
    assert "Total Active Credits: 270\n" in operator.run()


def test_an_older_sketchs_database_is_taken_over(operator: Operator, db: Database) -> None:
    with db.write() as tx:
        tx.execute(text("CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(120))"))
        tx.execute(text("CREATE TABLE messages (id INTEGER PRIMARY KEY)"))
        tx.execute(text("INSERT INTO users VALUES (4, 'alice@example.com'), (7, NULL)"))
    printed = operator.run()
    assert "Migration complete! 2 users migrated to free tier.\n\nTotal Active Credits: 40\n" in printed
    assert "  messages_before_credits\n  users_before_credits\n" in printed
    with db.read() as tx:
        wallets = tx.query(UserSubscription).order_by(UserSubscription.user_id).all()
        assert [(wallet.user_id, wallet.tier.name, wallet.credits_remaining) for wallet in wallets] == [
            (4, "free", 20),
            (7, "free", 20),
        ]


def test_a_wrong_price_list_is_refused_before_the_database_is_touched(operator: Operator, db: Database) -> None:
    operator.edit("'monthly_price': 79.0", "'monthly_price': -79.0")
    assert "init_subscription_system.py: tier 'professional': monthly_price must be dollars" in operator.fail()
    assert not schema.is_current(db)


def test_a_wrong_setting_is_refused(operator: Operator) -> None:
    assert "init_subscription_system.py: PORT: " in operator.fail({"PORT": "many"})


def test_a_database_that_is_not_there_is_told_without_its_password(tmp_path: Path) -> None:
    operator = Operator(tmp_path, "postgresql://someone:very-secret@127.0.0.1:1/nothing")
    complaint = operator.fail()
    assert "the database refused" in complaint
    assert "very-secret" not in complaint


def test_it_says_what_of_an_older_database_is_not_carried_over(operator: Operator, db: Database) -> None:
    with db.write() as tx:
        tx.execute(text("CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(120), username VARCHAR(80))"))
        tx.execute(text("CREATE TABLE user_subscriptions (id INTEGER PRIMARY KEY, credits_remaining FLOAT)"))
        tx.execute(
            text("INSERT INTO users VALUES (4, 'alice@example.com', 'alice'), (7, NULL, 'nobody'), (9, NULL, NULL)")
        )
        tx.execute(text("INSERT INTO user_subscriptions VALUES (1, 17.5), (2, 3)"))
    printed = operator.run()
    details = printed.partition("Total Active Credits: 60\n")[2]
    assert "Old wallets that are kept there and were not carried over: 2." in details
    assert "which nobody can log in to: 2\n  7 'nobody'\n  9\n" in details


def test_another_programs_migrations_are_set_aside(operator: Operator, db: Database) -> None:
    with db.write() as tx:
        tx.execute(text("CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(120))"))
        key = "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)"
        tx.execute(text(f"CREATE TABLE alembic_version (version_num VARCHAR(32), {key})"))
        tx.execute(text("INSERT INTO users VALUES (4, 'alice@example.com')"))
        tx.execute(text("INSERT INTO alembic_version VALUES ('3f2a91c0d7be')"))
    assert "  alembic_version_before_credits\n" in operator.run()
    assert schema.is_current(db)
    with db.read() as tx:
        assert tx.execute(text("SELECT version_num FROM alembic_version_before_credits")).scalar() == "3f2a91c0d7be"


def test_a_database_of_a_newer_version_is_refused(operator: Operator, db: Database) -> None:
    operator.run()
    with db.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert "the database is of a newer version of this program; nothing was changed" in operator.fail()
    assert schema.set_aside_tables(db) == []
