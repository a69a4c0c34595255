"""The operator's commands, as `flask ...` runs them."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select, text, update

from app import create_app
from models import ActionType, LoginSession, UsageLog, User, UserSubscription
from services import credits, schema
from services.house import House
from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic
from tests.support.actors import Actor
from tests.support.environment import make_settings


def _flask(app: Flask, *words: str, typed: str = "") -> Result:
    return app.test_cli_runner().invoke(args=words, input=typed)


def _user(house: House, key: str) -> User:
    with house.db.read() as tx:
        return tx.scalars(select(User).where(User.email_key == key)).one()


# --- flask credits --------------------------------------------------------------------------------------------------


def test_audit_says_that_the_ledger_adds_up(app: Flask, alice: Actor) -> None:
    done = _flask(app, "credits", "audit")
    assert (done.exit_code, done.output) == (0, "The ledger adds up: 1 wallet, 1 entry.\n")


def test_audit_prints_what_is_off_and_changes_nothing(app: Flask, house: House, alice: Actor) -> None:
    with house.db.write() as tx:
        tx.execute(text("UPDATE user_subscriptions SET credits_remaining = 21"))
    done = _flask(app, "credits", "audit")
    assert done.exit_code == 1
    assert f"wallet {alice.id}: credits_remaining is 21, its ledger adds up to 20" in done.output
    assert done.output.endswith("The ledger does not add up: 1 finding. Nothing was changed.\n")
    assert _flask(app, "credits", "audit").output == done.output


def test_release_stale_refunds_what_was_abandoned(app: Flask, house: House, alice: Actor) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    with house.db.write() as tx:
        wallet = tx.scalars(select(UserSubscription)).one()
        chat, lease = ActionType.CHAT_MESSAGE, timedelta(minutes=15)
        credits.charge(tx, wallet, credits.Work(alice.id, chat), price=1, lease=lease, now=long_ago)
    assert _flask(app, "credits", "release-stale").output == "Refunded 1 charge whose lease had run out.\n"
    assert _flask(app, "credits", "release-stale").output == "Refunded 0 charges whose lease had run out.\n"
    with house.db.read() as tx:
        assert tx.scalars(select(UserSubscription.credits_remaining)).one() == 20
        assert tx.scalars(select(UsageLog.success)).one() is False
    assert _flask(app, "credits", "audit").exit_code == 0


def test_costs_stand_beside_the_credits_that_were_taken(
    app: Flask, alice: Actor, anthropic: FakeAnthropic, house: House
) -> None:
    usage = scripts.Usage(input=1000, output=200, cache_write=50, cache_read=70, thinking=40)
    anthropic.enqueue(scripts.tools(("cron_explain", {"expression": "@daily"}), usage=usage), scripts.text(usage=usage))
    assert alice.chat("When?").status_code == 200
    done = _flask(app, "credits", "costs", "--days", "1")
    assert done.exit_code == 0
    lines = done.output.splitlines()
    # Two turns of Sonnet 5.5 at $2 in, $10 out, $2.50 cache write and $0.20 cache read per million tokens.
    assert lines[0] == (
        "claude-sonnet-5-5: 1 answer, 2,240 tokens in (140 from the cache), 400 out (80 thought), $0.0083"
    )
    assert lines[1] == "chat_message: 1 times, 0 failed, 1 credits"
    assert lines[2].startswith("cron_explain: 1 times, 0 failed, 0 credits, ")
    assert lines[-1] == "In 1 days: $0.0083 for 1 credit used, $0.0083 for each."


# --- flask users ----------------------------------------------------------------------------------------------------


def test_create_makes_an_account_with_the_typed_password(app: Flask, house: House) -> None:
    done = _flask(app, "users", "create", "Carol@example.com", typed="correct horse battery\n")
    assert done.output == "Created the account Carol@example.com with 20 credits.\n"
    carol = Actor(app, "carol@example.com", "correct horse battery")
    assert carol.log_in().status_code == 200
    assert not _user(house, "carol@example.com").is_admin


def test_create_makes_up_a_password_and_shows_it_once(app: Flask, house: House) -> None:
    done = _flask(app, "users", "create", "root@example.com", "--admin")
    shown = re.search(r"Password, shown only now: (\S{16,})\n", done.output)
    assert shown is not None
    assert _user(house, "root@example.com").is_admin
    assert Actor(app, "root@example.com", shown.group(1)).log_in().status_code == 200


def test_create_leaves_nobody_signed_in(app: Flask, house: House) -> None:
    _flask(app, "users", "create", "carol@example.com")
    with house.db.read() as tx:
        assert tx.scalars(select(LoginSession)).all() == []


@pytest.mark.parametrize(
    ("email", "password", "complaint"),
    [
        ("alice+more@example.com", "", "There is already an account with this address."),
        ("nobody", "", "Enter an e-mail address"),
        ("carol@example.com", "short\n", "Use at least 8 characters."),
    ],
)
def test_create_refuses(app: Flask, alice: Actor, email: str, password: str, complaint: str) -> None:
    done = _flask(app, "users", "create", email, typed=password)
    assert done.exit_code == 1
    assert f"Error: {complaint}" in done.output
    assert "Password" not in done.output


def test_promote_makes_an_admin(app: Flask, house: House, alice: Actor) -> None:
    assert _flask(app, "users", "promote", "ALICE@example.com").output == "ALICE@example.com is an admin.\n"
    promoted = _user(house, "alice@example.com")
    assert promoted.is_admin
    assert promoted.email_verified_at is not None


def test_promote_keeps_when_the_address_was_verified(app: Flask, house: House, alice: Actor) -> None:
    before = datetime(2026, 1, 1, tzinfo=UTC)
    with house.db.write() as tx:
        tx.execute(update(User).values(email_verified_at=before))
    _flask(app, "users", "promote", "alice@example.com")
    assert _user(house, "alice@example.com").email_verified_at == before


def test_promote_refuses_an_unknown_address(app: Flask) -> None:
    done = _flask(app, "users", "promote", "nobody@example.com")
    assert done.exit_code == 1
    assert "There is no account with the address nobody@example.com." in done.output


# --- flask revenue --------------------------------------------------------------------------------------------------


def test_project_shows_two_scenarios(app: Flask) -> None:
    done = _flask(app, "revenue", "project")
    assert done.exit_code == 0
    assert "Conservative (100 users)\n  80 free: $0/mo\n  15 starter: $285/mo\n" in done.output
    assert "  MRR: $800/month\n  ARR: $9,600/year\n" in done.output
    assert "Growth (1,000 users)" in done.output
    assert "  MRR: $14,100/month\n  ARR: $169,200/year\n" in done.output


def test_project_counts_any_mix(app: Flask) -> None:
    done = _flask(app, "revenue", "project", "--mix", "free=1, starter=2")
    assert "Your mix (3 users)\n  1 free: $0/mo\n  2 starter: $38/mo\n  MRR: $38/month\n" in done.output


@pytest.mark.one_database
@pytest.mark.parametrize("mix", ["free", "free=", "free=-1", "free=1.5", "free=1,free=2", "gold=1", "=1"])
def test_project_refuses_a_mix_that_is_none(app: Flask, mix: str) -> None:
    done = _flask(app, "revenue", "project", "--mix", mix)
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")


# --- Without a database ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["credits audit", "credits release-stale", "users promote a@b.c", "revenue project"])
def test_a_database_that_is_not_prepared_is_told(tmp_path: Path, words: str) -> None:
    app = create_app(make_settings(tmp_path, database_url=f"sqlite:///{tmp_path / 'empty.db'}"))
    done = _flask(app, *words.split())
    assert done.exit_code == 2
    assert "run `python init_subscription_system.py` first" in done.output
    app.extensions["house"].db.engine.dispose()


def test_migrations_run_by_flask_too(tmp_path: Path) -> None:
    app = create_app(make_settings(tmp_path, database_url=f"sqlite:///{tmp_path / 'empty.db'}"))
    db = app.extensions["house"].db
    assert _flask(app, "db", "upgrade").exit_code == 0
    assert schema.is_current(db)
    assert _flask(app, "db", "check").exit_code == 0
    assert _flask(app, "db", "downgrade").exit_code == 0
    assert not schema.is_current(db)
    db.engine.dispose()
