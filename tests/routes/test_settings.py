"""Change what belongs to an account, and delete it."""

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from models import (
    Conversation,
    CreditLedger,
    FormerAddress,
    IdempotencyKey,
    LoginSession,
    Message,
    UsageLog,
    User,
    UserSubscription,
)
from services import audit
from services.house import House
from services.transaction import utcnow
from tests.support.actors import PASSWORD, Actor, signed_up

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def test_the_name_can_be_changed(alice: Actor) -> None:
    answer = alice.submit("/settings/profile", {"username": "  Alice A. "}, page="/settings")
    assert (answer.status_code, answer.location) == (303, "/settings?saved=profile")
    page = alice.get(answer.location).get_data(as_text=True)
    assert "Your name is saved." in page and 'value="Alice A."' in page


def test_an_empty_name_is_the_first_one_again(alice: Actor) -> None:
    alice.submit("/settings/profile", {"username": "Someone"}, page="/settings")
    alice.submit("/settings/profile", {"username": " "}, page="/settings")
    assert 'value="alice"' in alice.get("/settings").get_data(as_text=True)


@pytest.mark.parametrize("name", ["a" * 81, "a\x07b", "a\0b"])
def test_a_bad_name_is_refused_beside_its_field(alice: Actor, name: str) -> None:
    answer = alice.submit("/settings/profile", {"username": name}, page="/settings")
    assert answer.status_code == 400
    assert 'id="username-wrong"' in answer.get_data(as_text=True)


def test_a_new_password_counts_from_now_on_and_ends_other_sessions(alice: Actor, app: Flask) -> None:
    elsewhere = Actor(app, alice.email)
    assert elsewhere.log_in().status_code == 200
    given = {"current_password": PASSWORD, "new_password": "a wholly new one"}
    answer = alice.submit("/settings/password", given, page="/settings")
    assert (answer.status_code, answer.location) == (303, "/settings?saved=password")
    assert alice.get("/api/subscription").status_code == 200
    assert elsewhere.get("/api/subscription").status_code == 401
    assert Actor(app, alice.email).log_in().status_code == 401
    assert Actor(app, alice.email, "a wholly new one").log_in().status_code == 200


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("current", "new", "field"),
    [
        ("wrong password", "a wholly new one", "current_password"),
        ("", "a wholly new one", "current_password"),
        (PASSWORD, "short", "new_password"),
        (PASSWORD, "", "new_password"),
        (PASSWORD, "alice@EXAMPLE.com", "new_password"),
    ],
)
def test_a_bad_change_of_password_changes_nothing(alice: Actor, app: Flask, current: str, new: str, field: str) -> None:
    given = {"current_password": current, "new_password": new}
    answer = alice.submit("/settings/password", given, page="/settings")
    assert answer.status_code == 400
    assert f'id="{field}-wrong"' in answer.get_data(as_text=True)
    assert Actor(app, alice.email).log_in().status_code == 200


def test_sessions_are_listed_and_can_be_ended(alice: Actor, bob: Actor, app: Flask, house: House) -> None:
    elsewhere = Actor(app, alice.email)
    elsewhere.client.environ_base["HTTP_USER_AGENT"] = FIREFOX
    elsewhere.client.environ_base["REMOTE_ADDR"] = "203.0.113.77"
    elsewhere.log_in()
    page = alice.get("/settings").get_data(as_text=True)
    assert "Firefox on Linux" in page and "203.0.113.0/24" in page and "203.0.113.77" not in page
    with house.db.read() as tx:
        theirs = tx.scalars(select(LoginSession.id).where(LoginSession.user_agent == FIREFOX)).one()
    assert bob.submit(f"/settings/sessions/{theirs}/end", page="/settings").status_code == 404
    assert elsewhere.get("/api/subscription").status_code == 200
    answer = alice.submit(f"/settings/sessions/{theirs}/end", page="/settings")
    assert (answer.status_code, answer.location) == (303, "/settings?saved=session")
    assert elsewhere.get("/api/subscription").status_code == 401
    assert alice.submit(f"/settings/sessions/{2**40}/end", page="/settings").status_code == 404


def test_all_other_sessions_can_be_ended_at_once(alice: Actor, bob: Actor, app: Flask) -> None:
    others = [Actor(app, alice.email) for _ in range(3)]
    for other in others:
        other.log_in()
    answer = alice.submit("/settings/sessions/end-others", page="/settings")
    assert (answer.status_code, answer.location) == (303, "/settings?saved=sessions")
    assert [other.get("/api/subscription").status_code for other in others] == [401] * 3
    assert alice.get("/api/subscription").status_code == 200
    assert bob.get("/api/subscription").status_code == 200


# --- Deleting the account -------------------------------------------------------------------------------------------


def _delete(actor: Actor, password: str = PASSWORD) -> int:
    return actor.submit("/settings/delete", {"password": password}, page="/settings").status_code


def _count(house: House, table: type) -> int:
    with house.db.read() as tx:
        return tx.scalar(select(func.count()).select_from(table)) or 0


def test_deleting_needs_the_password(alice: Actor) -> None:
    assert _delete(alice, "wrong password") == 400
    assert alice.credits() == 20


def test_a_deleted_account_leaves_a_tombstone_and_whole_books(alice: Actor, app: Flask, house: House) -> None:
    assert alice.post("/api/chat", json={"message": "hello"}, headers={"Idempotency-Key": "k"}).status_code == 200
    assert alice.post("/api/credits/purchase", json={"pack_size": 100}).status_code == 200
    elsewhere = Actor(app, alice.email)
    elsewhere.log_in()
    assert _delete(alice) == 303
    assert alice.get("/api/subscription").status_code == 401
    assert elsewhere.get("/api/subscription").status_code == 401
    with house.db.read() as tx:
        user = tx.scalars(select(User)).one()
    assert (user.email, user.email_key, user.username, user.password_hash) == (None, None, None, None)
    assert user.deleted_at is not None
    assert [_count(house, table) for table in (LoginSession, Conversation, Message, IdempotencyKey)] == [0, 0, 0, 0]
    assert (_count(house, UsageLog), _count(house, CreditLedger), _count(house, UserSubscription)) == (1, 3, 1)
    assert audit.audit(house.db) == []


def test_a_deleted_account_cannot_be_opened_again(alice: Actor, app: Flask) -> None:
    assert _delete(alice) == 303
    assert Actor(app, alice.email).log_in().status_code == 401


def test_the_address_cannot_be_read_from_what_is_remembered(alice: Actor, house: House) -> None:
    _delete(alice)
    with house.db.read() as tx:
        former = tx.scalars(select(FormerAddress)).one()
    assert "alice" not in former.address_hash and len(former.address_hash) == 64
    assert former.period_granted == 20


@pytest.mark.parametrize("again", ["alice@example.com", "Alice+again@Example.com"])
def test_signing_up_anew_hands_out_no_second_allotment(alice: Actor, app: Flask, house: House, again: str) -> None:
    renews = alice.wallet()["current_period_end"]
    _delete(alice)
    returned = Actor(app, again)
    answer = returned.sign_up()
    assert (answer.status_code, answer.get_json()["credits_remaining"]) == (201, 0)
    assert returned.wallet()["current_period_end"] == renews
    assert returned.id != alice.id
    _delete(returned)
    third = Actor(app, again)
    assert third.sign_up().get_json()["credits_remaining"] == 0
    assert audit.audit(house.db) == []


def test_after_the_period_the_address_is_like_any_other(app: Flask, house: House) -> None:
    with time_machine.travel(utcnow(), tick=False) as clock:
        alice = signed_up(app, "alice")
        _delete(alice)
        waiting = signed_up(app, "alice")
        assert waiting.credits() == 0
        clock.shift(timedelta(days=32))
        waiting.log_in()
        assert waiting.credits() == 20
        _delete(waiting)
        clock.shift(timedelta(days=32))
        assert signed_up(app, "alice").credits() == 20
    assert audit.audit(house.db) == []
