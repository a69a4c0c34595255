"""Sign up, log in and log out, by form and by JSON."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.security import generate_password_hash

from models import CreditLedger, LoginSession, User, UserSubscription
from services.house import House
from services.transaction import utcnow
from tests.support.actors import PASSWORD, Actor, signed_up


def _count(house: House, table: type) -> int:
    with house.db.read() as tx:
        return tx.scalar(select(func.count()).select_from(table)) or 0


# --- Signing up -----------------------------------------------------------------------------------------------------


def test_signing_up_by_json_gives_an_account_with_20_credits(client: FlaskClient, house: House) -> None:
    answer = client.post("/signup", json={"email": " Alice@Example.com ", "password": PASSWORD, "username": "Alice"})
    assert answer.status_code == 201
    user = answer.get_json()["user"]
    assert answer.get_json() == {
        "user": {"id": user["id"], "email": "Alice@example.com", "username": "Alice"},
        "credits_remaining": 20,
    }
    assert client.get("/api/subscription").get_json()["subscription"]["credits_remaining"] == 20
    with house.db.read() as tx:
        entry = tx.scalars(select(CreditLedger)).one()
    assert (entry.user_id, entry.delta, entry.kind) == (user["id"], 20, "grant")


def test_signing_up_by_form_leads_to_the_chat(app: Flask) -> None:
    alice = Actor(app, "alice@example.com")
    answer = alice.submit("/signup", {"email": alice.email, "password": PASSWORD})
    assert (answer.status_code, answer.location) == (303, "/chat")
    assert alice.credits() == 20


def test_the_name_is_taken_from_the_address_when_none_is_given(client: FlaskClient) -> None:
    answer = client.post("/signup", json={"email": "bob.builder@example.com", "password": PASSWORD})
    assert answer.get_json()["user"]["username"] == "bob.builder"


@pytest.mark.one_database
@pytest.mark.parametrize(
    "email", ["", "alice", "alice@", "@example.com", "a b@example.com", "alice@example", "a" * 400 + "@example.com"]
)
def test_it_refuses_what_is_no_address(client: FlaskClient, house: House, email: str) -> None:
    answer = client.post("/signup", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 400
    assert answer.get_json()["error"] == "invalid_input"
    assert list(answer.get_json()["fields"]) == ["email"]
    assert _count(house, User) == 0


@pytest.mark.one_database
@pytest.mark.parametrize("password", ["", "seven77", "a" * 201, "Alice@Example.com"])
def test_it_refuses_a_bad_password(client: FlaskClient, password: str) -> None:
    answer = client.post("/signup", json={"email": "alice@example.com", "password": password})
    assert answer.status_code == 400
    assert list(answer.get_json()["fields"]) == ["password"]


@pytest.mark.one_database
@pytest.mark.parametrize("username", ["a" * 81, "line\nbreak", "nul\0", "\ud800", 7, ["x"], True])
def test_it_refuses_a_bad_name(client: FlaskClient, username: object) -> None:
    body = {"email": "alice@example.com", "password": PASSWORD, "username": username}
    answer = client.post("/signup", json=body)
    assert answer.status_code == 400
    assert list(answer.get_json()["fields"]) == ["username"]


def test_every_bad_field_is_named_at_once(client: FlaskClient) -> None:
    assert set(client.post("/signup", json={}).get_json()["fields"]) == {"email", "password"}
    assert set(client.post("/signup", json={"email": 1, "password": None}).get_json()["fields"]) == {
        "email",
        "password",
    }


def test_a_bad_form_comes_back_with_what_was_typed_but_the_password(app: Flask) -> None:
    alice = Actor(app, "alice@example.com")
    answer = alice.submit("/signup", {"email": "alice@", "username": "Al", "password": "do-not-show-me"})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 400
    assert 'value="alice@"' in page and 'value="Al"' in page
    assert "do-not-show-me" not in page


@pytest.mark.parametrize("other", ["ALICE@example.com", "alice+work@example.com", "Alice+a+b@EXAMPLE.COM"])
def test_an_address_counts_once_whatever_its_case_or_tag(alice: Actor, app: Flask, other: str) -> None:
    answer = Actor(app, other).sign_up()
    assert (answer.status_code, answer.get_json()["error"]) == (409, "email_taken")


def test_a_taken_address_is_said_beside_its_field(alice: Actor, app: Flask) -> None:
    answer = Actor(app, "x").submit("/signup", {"email": alice.email, "password": PASSWORD})
    assert answer.status_code == 409
    assert "already an account" in answer.get_data(as_text=True)


def test_of_sign_ups_racing_for_one_address_one_wins(app: Flask, house: House) -> None:
    names = ["race@example.com", "RACE@example.com", "race+1@example.com", "race+2@example.com"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda name: Actor(app, name).sign_up(), names * 2))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert (_count(house, User), _count(house, UserSubscription), _count(house, CreditLedger)) == (1, 1, 1)


def test_a_password_is_never_stored_as_it_is(alice: Actor, house: House) -> None:
    with house.db.read() as tx:
        user = tx.scalars(select(User)).one()
        session = tx.scalars(select(LoginSession)).one()
    assert (user.password_hash or "").startswith("$argon2id$")
    assert len(session.token_hash) == 64


# --- Logging in -----------------------------------------------------------------------------------------------------


def test_logging_in_by_json(alice: Actor, app: Flask) -> None:
    browser = Actor(app, "Alice+elsewhere@example.com")
    answer = browser.log_in()
    assert answer.status_code == 200
    assert answer.get_json() == {
        "user": {"id": alice.id, "email": "alice@example.com", "username": "alice"},
        "credits_remaining": 20,
    }
    assert browser.credits() == 20


def test_logging_in_by_form_leads_where_one_wanted_to_go(alice: Actor, app: Flask) -> None:
    browser = Actor(app, alice.email)
    away = browser.get("/settings?saved=profile")
    assert (away.status_code, away.location) == (303, "/login?next=%2Fsettings%3Fsaved%3Dprofile")
    given = {"email": alice.email, "password": PASSWORD, "next": "/settings?saved=profile"}
    answer = browser.submit("/login", given)
    assert (answer.status_code, answer.location) == (303, "/settings?saved=profile")


@pytest.mark.one_database
@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "evil", "/a\nb", "javascript:x"],
)
def test_logging_in_never_leads_elsewhere(alice: Actor, app: Flask, target: str) -> None:
    given = {"email": alice.email, "password": PASSWORD, "next": target}
    assert Actor(app, alice.email).submit("/login", given).location == "/chat"


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(alice: Actor, app: Flask) -> None:
    wrong = Actor(app, alice.email, "wrong password").log_in()
    unknown = Actor(app, "nobody@example.com", "wrong password").log_in()
    assert (wrong.status_code, wrong.get_json()["error"]) == (401, "invalid_credentials")
    assert (unknown.status_code, unknown.get_json()) == (wrong.status_code, wrong.get_json())


def test_a_wrong_password_by_form_shows_the_form_again(alice: Actor, app: Flask) -> None:
    answer = Actor(app, "x").submit("/login", {"email": alice.email, "password": "wrong password"})
    assert answer.status_code == 401
    assert f'value="{alice.email}"' in answer.get_data(as_text=True)
    assert "wrong password" not in answer.get_data(as_text=True)


def test_an_old_hash_still_fits_and_is_made_anew(app: Flask, house: House) -> None:
    old = generate_password_hash(PASSWORD, method="pbkdf2:sha256:1000")
    with house.db.write() as tx:
        tx.add(User(email="old@example.com", email_key="old@example.com", password_hash=old, created_at=utcnow()))
    browser = Actor(app, "old@example.com")
    assert browser.log_in().status_code == 200
    assert browser.credits() == 20  # Old users get their wallet on first use.
    with house.db.read() as tx:
        assert (tx.scalars(select(User.password_hash)).one() or "").startswith("$argon2id$")
    assert Actor(app, "old@example.com").log_in().status_code == 200


def test_someone_without_a_password_cannot_log_in(app: Flask, house: House) -> None:
    with house.db.write() as tx:
        tx.add(User(email="old@example.com", email_key="old@example.com", password_hash=None, created_at=utcnow()))
    assert Actor(app, "old@example.com", "").log_in().status_code == 401
    assert Actor(app, "old@example.com", "anything").log_in().status_code == 401


def test_someone_signed_in_is_led_past_the_forms(alice: Actor) -> None:
    assert alice.get("/login?next=/usage").location == "/usage"
    assert alice.get("/signup").location == "/chat"


# --- Sessions -------------------------------------------------------------------------------------------------------


def _cookie(client: FlaskClient) -> str:
    cookie = client.get_cookie("session")
    return cookie.value if cookie else ""


def test_logging_in_begins_a_session_that_nobody_could_have_planted(alice: Actor, app: Flask) -> None:
    browser = Actor(app, alice.email)
    token = browser.form_token("/login")
    before = _cookie(browser.client)
    browser.post("/login", data={"email": alice.email, "password": PASSWORD, "csrf_token": token})
    assert before and _cookie(browser.client) != before
    # The token of the form from before is worth nothing now.
    assert browser.post("/settings/profile", data={"username": "x", "csrf_token": token}).status_code == 400
    planted = app.test_client()
    planted.set_cookie("session", before)
    assert planted.get("/api/subscription").status_code == 401


def test_logging_in_again_ends_the_session_before(alice: Actor, bob: Actor, house: House) -> None:
    before = _cookie(alice.client)
    assert alice.post("/login", json={"email": bob.email, "password": PASSWORD}).status_code == 200
    assert alice.get("/settings").get_data(as_text=True).count(bob.email) > 0
    alice.client.set_cookie("session", before)
    assert alice.get("/api/subscription").status_code == 401
    assert _count(house, LoginSession) == 2


def test_a_session_that_is_used_goes_on(app: Flask) -> None:
    with time_machine.travel(utcnow(), tick=False) as clock:
        alice = signed_up(app, "alice")
        for _ in range(3):
            clock.shift(timedelta(days=29))
            answer = alice.get("/api/subscription")
            assert answer.status_code == 200
            assert "Set-Cookie" in answer.headers
            assert "Set-Cookie" not in alice.get("/api/subscription").headers
        clock.shift(timedelta(days=31))
        assert alice.get("/api/subscription").status_code == 401


def test_logging_out_ends_the_session_for_every_copy_of_the_cookie(alice: Actor, app: Flask, house: House) -> None:
    copy = app.test_client()
    copy.set_cookie("session", _cookie(alice.client))
    assert copy.get("/api/subscription").status_code == 200
    answer = alice.submit("/logout", page="/settings")
    assert (answer.status_code, answer.location) == (303, "/")
    assert copy.get("/api/subscription").status_code == 401
    assert alice.get("/api/subscription").status_code == 401
    assert _count(house, LoginSession) == 0


def test_logging_out_by_json(alice: Actor) -> None:
    assert alice.post("/logout", json={}).status_code == 200
    assert alice.get("/api/subscription").status_code == 401
    assert alice.post("/logout", json={}).status_code == 200


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(app: Flask) -> None:
    answer = Actor(app, "alice@example.com").sign_up()
    cookie = next(value for name, value in answer.headers if name == "Set-Cookie")
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie
    assert "Expires=" in cookie


def test_people_are_kept_apart(alice: Actor, bob: Actor) -> None:
    assert alice.id != bob.id
    assert alice.chat("hello").status_code == 200
    assert (alice.credits(), bob.credits()) == (19, 20)
