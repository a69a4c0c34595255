"""Keep who is signed in."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from models import LoginSession, User
from services import sessions
from services.sessions import Browser
from services.transaction import Database

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MONTH = timedelta(days=30)


@pytest.fixture
def user_id(database: Database) -> int:
    """Make a user."""
    with database.write() as tx:
        user = User(email="alice@example.com", email_key="alice@example.com", created_at=NOW)
        tx.add(user)
        tx.flush()
        return user.id


def _start(db: Database, user_id: int, now: datetime = NOW, **browser: str) -> str:
    with db.write() as tx:
        return sessions.start(tx, user_id, Browser(MONTH, **browser), now=now)


def test_the_token_leads_to_the_user_and_nothing_else_does(database: Database, user_id: int) -> None:
    token = _start(database, user_id)
    found = sessions.find(database, token, now=NOW)
    assert found is not None
    assert (found.user_id, found.email, found.username) == (user_id, "alice@example.com", "alice")
    for wrong in ("", token[:-1], token + "a", str(found.session_id), "\ud800"):
        assert sessions.find(database, wrong, now=NOW) is None
    with database.read() as tx:
        row = tx.scalars(select(LoginSession)).one()
    assert token not in (row.token_hash, row.user_agent, row.network)
    assert sessions.find(database, row.token_hash, now=NOW) is None


def test_a_session_ends_a_month_after_its_last_use(database: Database, user_id: int) -> None:
    token = _start(database, user_id)
    found = sessions.find(database, token, now=NOW + MONTH - timedelta(seconds=1))
    assert found is not None
    assert sessions.find(database, token, now=NOW + MONTH) is None
    sessions.touch(database, found.session_id, lifetime=MONTH, now=NOW + timedelta(days=20))
    assert sessions.find(database, token, now=NOW + timedelta(days=49)) is not None
    assert sessions.find(database, token, now=NOW + timedelta(days=50)) is None


def test_use_is_noted_every_five_minutes_at_most(database: Database, user_id: int) -> None:
    token = _start(database, user_id)
    found = sessions.find(database, token, now=NOW)
    assert found is not None
    soon, later = NOW + timedelta(minutes=4, seconds=59), NOW + timedelta(minutes=5)
    assert (found.is_stale(soon), found.is_stale(later)) == (False, True)
    sessions.touch(database, found.session_id, lifetime=MONTH, now=soon)
    unchanged = sessions.find(database, token, now=soon)
    assert unchanged is not None and unchanged.last_seen_at == NOW
    sessions.touch(database, found.session_id, lifetime=MONTH, now=later)
    changed = sessions.find(database, token, now=later)
    assert changed is not None and changed.last_seen_at == later


def test_a_session_of_a_deleted_user_is_nobodys(database: Database, user_id: int) -> None:
    token = _start(database, user_id)
    with database.write() as tx:
        tx.execute(update(User).values(deleted_at=NOW))
    assert sessions.find(database, token, now=NOW) is None


def test_sessions_that_have_run_out_are_cleared_away(database: Database, user_id: int) -> None:
    _start(database, user_id)
    _start(database, user_id, now=NOW + MONTH)
    with database.read() as tx:
        assert len(tx.scalars(select(LoginSession)).all()) == 1


def test_the_list_begins_with_the_present_one(database: Database, user_id: int) -> None:
    tokens = [
        _start(database, user_id, now=NOW + timedelta(hours=hour), network=f"192.0.{hour}.0/24") for hour in range(3)
    ]
    found = sessions.find(database, tokens[0], now=NOW)
    assert found is not None
    listed = sessions.list_view(database, user_id, current=found.session_id, now=NOW + timedelta(hours=3))
    assert [(entry["network"], entry["current"]) for entry in listed] == [
        ("192.0.0.0/24", True),
        ("192.0.2.0/24", False),
        ("192.0.1.0/24", False),
    ]
    assert listed[0]["created_at"] == "2026-11-22T12:00:00Z"


@pytest.mark.parametrize(
    ("user_agent", "label"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/130.0 Safari/537.36 Edg/130.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/130.0 Safari/537.36", "Chrome on macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/130.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5.0", "curl"),
        ("python-requests/2.32", "python-requests"),
        ("", "Unknown browser"),
        ("<script>", "Unknown browser"),
    ],
)
def test_browsers_are_named_in_plain_words(user_agent: str, label: str) -> None:
    assert sessions.label(user_agent) == label


def test_long_and_strange_browsers_can_be_stored(database: Database, user_id: int) -> None:
    _start(database, user_id, user_agent="x\0y" * 500, network="n" * 500)
    with database.read() as tx:
        row = tx.scalars(select(LoginSession)).one()
    assert (len(row.user_agent), len(row.network)) == (255, 64)
    assert "\0" not in row.user_agent
