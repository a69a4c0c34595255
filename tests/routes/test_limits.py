"""Count what people do too often, each app for itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask

from app import create_app
from routes import limits
from services.transaction import utcnow
from tests.support.actors import Actor, signed_up
from tests.support.apps import close_app
from tests.support.environment import make_settings
from tests.support.processes import free_port

pytestmark = pytest.mark.one_database


@pytest.fixture
def overrides() -> dict[str, Any]:
    """Turn the limits on, low enough to reach."""
    return {
        "rate_limits": "on",
        "rate_limit_chat": "2/minute",
        "rate_limit_login": "3/minute",
        "rate_limit_signup": "4/hour",
    }


@contextmanager
def _from(actor: Actor, address: str) -> Iterator[Actor]:
    actor.client.environ_base["REMOTE_ADDR"] = address
    yield actor


def test_chat_is_limited_per_person(alice: Actor, bob: Actor) -> None:
    assert [alice.chat("hello").status_code for _ in range(3)] == [200, 200, 429]
    assert bob.chat("hello").status_code == 200
    assert alice.credits() == 18


def test_a_refusal_says_when_to_try_again(alice: Actor) -> None:
    with time_machine.travel(utcnow(), tick=False) as clock:
        answers = [alice.chat("hello") for _ in range(3)]
        refused = answers[-1]
        assert (refused.status_code, refused.get_json()["error"]) == (429, "rate_limited")
        wait = int(refused.headers["Retry-After"])
        assert 1 <= wait <= 61
        assert refused.get_json()["retry_after"] == wait
        clock.shift(wait)
        assert alice.chat("hello").status_code == 200


def test_guessing_a_password_is_limited_per_address_and_network(alice: Actor, bob: Actor, app: Flask) -> None:
    guesser = Actor(app, alice.email, "wrong password")
    assert [guesser.log_in().status_code for _ in range(4)] == [401, 401, 401, 429]
    # Another spelling of the address is no way around it, and the right password is not let through either.
    assert Actor(app, "ALICE+x@example.com").log_in().status_code == 429
    assert Actor(app, "alice@ｅｘａｍｐｌｅ.com").log_in().status_code == 429
    assert Actor(app, bob.email).log_in().status_code == 200
    with _from(Actor(app, alice.email), "198.51.100.7") as elsewhere:
        assert elsewhere.log_in().status_code == 200


def test_a_form_that_is_limited_gets_a_page(alice: Actor, app: Flask) -> None:
    browser = Actor(app, alice.email)
    given = {"email": alice.email, "password": "wrong password"}
    answers = [browser.submit("/login", given) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert answers[-1].mimetype == "text/html" and int(answers[-1].headers["Retry-After"]) >= 1
    assert browser.get("/login").status_code == 200


def test_signing_up_is_limited_per_network(app: Flask) -> None:
    same_network = [f"192.0.2.{number}" for number in range(1, 6)]
    answers = []
    for number, address in enumerate(same_network):
        with _from(Actor(app, f"user{number}@example.com"), address) as actor:
            answers.append(actor.sign_up().status_code)
    assert answers == [201, 201, 201, 201, 429]
    with _from(Actor(app, "other@example.com"), "192.0.3.1") as other:
        assert other.sign_up().status_code == 201


def test_one_person_has_a_whole_64_of_ipv6(app: Flask) -> None:
    answers = []
    for number in range(5):
        with _from(Actor(app, f"user{number}@example.com"), f"2001:db8:0:1::{number}") as actor:
            answers.append(actor.sign_up().status_code)
    assert answers == [201, 201, 201, 201, 429]
    with _from(Actor(app, "other@example.com"), "2001:db8:0:2::1") as other:
        assert other.sign_up().status_code == 201


def test_each_app_counts_for_itself(
    app: Flask, alice: Actor, tmp_path: Path, prepared_url: str, overrides: dict[str, Any]
) -> None:
    assert [alice.chat("hello").status_code for _ in range(3)] == [200, 200, 429]
    other = create_app(make_settings(tmp_path, database_url=prepared_url, **overrides))
    again = Actor(other, alice.email)
    assert again.log_in().status_code == 200
    assert again.chat("hello").status_code == 200
    assert alice.chat("hello").status_code == 429
    close_app(other)


def test_limits_can_be_turned_off(tmp_path: Path, prepared_url: str, overrides: dict[str, Any]) -> None:
    app = create_app(make_settings(tmp_path, database_url=prepared_url, **{**overrides, "rate_limits": "off"}))
    carol = signed_up(app, "carol")
    assert {carol.chat("hello").status_code for _ in range(5)} == {200}
    close_app(app)


def test_processes_that_share_redis_count_together(
    redis_url: str, tmp_path: Path, prepared_url: str, overrides: dict[str, Any]
) -> None:
    made = [make_settings(tmp_path, database_url=prepared_url, redis_url=redis_url, **overrides) for _ in range(2)]
    apps = [create_app(settings) for settings in made]
    guessers = [Actor(app, "alice@example.com", "wrong password") for app in apps]
    answers = [guesser.log_in() for guesser in guessers * 2]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 61
    for app in apps:
        close_app(app)


def test_without_its_redis_each_process_counts_for_itself(
    tmp_path: Path, prepared_url: str, overrides: dict[str, Any]
) -> None:
    nobody = f"redis://127.0.0.1:{free_port()}/0"
    app = create_app(make_settings(tmp_path, database_url=prepared_url, redis_url=nobody, **overrides))
    guesser = Actor(app, "alice@example.com", "wrong password")
    assert [guesser.log_in().status_code for _ in range(4)] == [401, 401, 401, 429]
    close_app(app)


def test_one_network_may_not_try_a_list_of_people(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_TRIES_PER_NETWORK", "4/minute")
    tried = [Actor(app, f"person{number}@example.com", "a password from a leak") for number in range(5)]
    assert [one.log_in().status_code for one in tried] == [401, 401, 401, 401, 429]
    with _from(Actor(app, "other@example.com"), "198.51.100.7") as elsewhere:
        assert elsewhere.log_in().status_code == 401


def test_trying_again_counts_like_a_message(alice: Actor) -> None:
    path = f"/api/conversations/{alice.chat('hello').get_json()['conversation_id']}/retry"
    assert [alice.post(path, json={}).status_code for _ in range(2)] == [409, 429]


def test_many_networks_may_not_share_the_guessing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_NETWORKS_PER_ADDRESS", 1)
    answers = []
    for number in range(4):
        with _from(Actor(app, "alice@example.com", "wrong password"), f"198.51.{number}.7") as guesser:
            answers.append(guesser.log_in().status_code)
    assert answers == [401, 401, 401, 429]
    assert Actor(app, "other@example.com").log_in().status_code == 401


@pytest.mark.parametrize("action", ["password", "delete"])
def test_someone_at_an_open_browser_cannot_guess_the_password(alice: Actor, bob: Actor, action: str) -> None:
    given = {"password": "wrong", "current_password": "wrong", "new_password": "a wholly new one"}
    for person, expected in ((alice, [400, 400, 400, 429]), (bob, [400])):
        answers = [person.submit(f"/settings/{action}", given, page="/settings") for _ in expected]
        assert [answer.status_code for answer in answers] == expected
