"""Let many requests meet on one wallet: threads in one process, and four processes on one database."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from models import CreditLedger, Message, UsageLog, User, UserSubscription
from services import audit, credits
from services.house import House
from services.transaction import Database, utcnow
from tests.support.actors import Actor, signed_up
from tests.support.servers import Browser, servers
from tests.support.wallets import new_user

REQUESTS = 200
AT_ONCE = 40


def the_books_are_right(db: Database, user_id: int, answered: int) -> None:
    """Check that the stored wallet, logs and messages agree with the number of answers that were given."""
    with db.read() as tx:
        wallet = tx.scalars(select(UserSubscription).where(UserSubscription.user_id == user_id)).one()
        logs = tx.scalars(select(UsageLog).where(UsageLog.user_id == user_id)).all()
        messages = tx.scalar(select(func.count()).select_from(Message))
    assert wallet.credits_remaining == 20 - answered
    assert Counter(log.success for log in logs if log.action_type == "chat_message") == {True: answered}
    assert messages == 2 * answered
    assert audit.audit(db) == []


@pytest.mark.timeout(600)
def test_threads_spend_exactly_what_there_is(app: Flask, house: House, alice: Actor) -> None:
    def ask(number: int) -> int:
        browser = app.test_client()
        browser.set_cookie("session", alice.client.get_cookie("session").value)
        return browser.post("/api/chat", json={"message": f"hello {number}"}).status_code

    with ThreadPoolExecutor(AT_ONCE) as pool:
        statuses = Counter(pool.map(ask, range(REQUESTS)))
    assert statuses == {200: 20, 402: REQUESTS - 20}
    the_books_are_right(house.db, alice.id, 20)


@pytest.mark.timeout(900)
def test_four_processes_spend_exactly_what_there_is(tmp_path: Path, prepared_url: str, database: Database) -> None:
    with servers(tmp_path, prepared_url, count=4) as four:
        alice = Browser(four[0], "alice@example.com")

        def ask(number: int) -> int:
            return alice.post("/api/chat", {"message": f"hello {number}"}, four[number % 4]).status_code

        with ThreadPoolExecutor(AT_ONCE) as pool:
            statuses = Counter(pool.map(ask, range(REQUESTS)))
        assert statuses == {200: 20, 402: REQUESTS - 20}
        the_books_are_right(database, alice.id, 20)


@pytest.mark.timeout(600)
def test_a_double_click_is_one_message(app: Flask, house: House, alice: Actor) -> None:
    """Many copies of one request with one key: one charge, and each other one is told to wait or gets its answer."""

    def ask(_number: int) -> tuple[int, str]:
        browser = app.test_client()
        browser.set_cookie("session", alice.client.get_cookie("session").value)
        answer = browser.post("/api/chat", json={"message": "hello"}, headers={"Idempotency-Key": "click"})
        body = answer.get_json()
        return answer.status_code, body.get("message_id") or body["error"]

    with ThreadPoolExecutor(20) as pool:
        answers = Counter(pool.map(ask, range(40)))
    assert {status for status, _what in answers} <= {200, 409}
    assert len({what for status, what in answers if status == 200}) == 1
    assert {what for status, what in answers if status == 409} <= {"request_in_progress"}
    the_books_are_right(house.db, alice.id, 1)


@pytest.mark.timeout(600)
def test_one_conversation_runs_one_answer(app: Flask, house: House, alice: Actor) -> None:
    first = alice.chat("hello").get_json()

    def ask(number: int) -> int:
        browser = app.test_client()
        browser.set_cookie("session", alice.client.get_cookie("session").value)
        body = {"message": f"again {number}", "conversation_id": first["conversation_id"]}
        return browser.post("/api/chat", json=body).status_code

    with ThreadPoolExecutor(20) as pool:
        statuses = Counter(pool.map(ask, range(40)))
    assert set(statuses) <= {200, 402, 409}
    the_books_are_right(house.db, alice.id, 1 + statuses[200])


def test_sign_ups_of_one_address_at_once_make_one_account(app: Flask, house: House) -> None:
    def sign_up(_number: int) -> int:
        return Actor(app, "Race@Example.com").sign_up().status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = Counter(pool.map(sign_up, range(8)))
    assert statuses == {201: 1, 409: 7}
    with house.db.read() as tx:
        assert tx.scalar(select(func.count()).select_from(UserSubscription)) == 1
        assert tx.scalar(select(func.sum(CreditLedger.delta))) == 20


def test_wallets_rolled_over_by_many_at_once_get_one_grant(database: Database) -> None:
    user_id = new_user(database)
    later = utcnow().replace(year=utcnow().year + 1)

    def use(_number: int) -> None:
        with database.write() as tx:
            credits.wake(tx, user_id, now=later, simulated=True)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(use, range(32)))
    with database.read() as tx:
        kinds = tx.scalars(select(CreditLedger.kind).where(CreditLedger.user_id == user_id)).all()
    assert Counter(kinds) == {"grant": 2, "expire": 1}


def test_lapsed_charges_released_by_many_at_once_come_back_once(database: Database) -> None:
    from_wallet = new_user(database)
    late = utcnow()
    with database.write() as tx:
        wallet = credits.wake(tx, from_wallet, now=late, simulated=True)
        for _ in range(5):
            work = credits.Work(from_wallet, "chat_message")
            credits.charge(tx, wallet, work, price=2, lease=timedelta(0), now=late)

    def release(_number: int) -> int:
        return credits.release_stale(database, now=late, simulated=True)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(release, range(8))) == 5
    assert audit.audit(database) == []


def test_two_people_never_pay_for_each_other(app: Flask, house: House) -> None:
    people = [signed_up(app, f"person{number}") for number in range(5)]

    def ask(number: int) -> int:
        person = people[number % 5]
        browser = app.test_client()
        browser.set_cookie("session", person.client.get_cookie("session").value)
        return browser.post("/api/chat", json={"message": "hello"}).status_code

    with ThreadPoolExecutor(20) as pool:
        assert Counter(pool.map(ask, range(50))) == {200: 50}
    assert {person.credits() for person in people} == {10}
    assert audit.audit(house.db) == []


def test_an_old_user_whose_requests_race_for_a_wallet_gets_one(database: Database) -> None:
    with database.write() as tx:
        user = User(email_key="old@example.com", created_at=utcnow())
        tx.add(user)
    meet = threading.Barrier(12)

    def use(_number: int) -> None:
        meet.wait()
        with database.write() as tx:
            credits.wake(tx, user.id, now=utcnow(), simulated=True)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(use, range(12)))
    with database.read() as tx:
        assert tx.scalars(select(UserSubscription.credits_remaining)).all() == [20]
        assert tx.scalars(select(CreditLedger.delta)).all() == [20]


@pytest.mark.timeout(600)
def test_deleting_a_conversation_while_it_is_used_never_fails(app: Flask, house: House, alice: Actor) -> None:
    """Everybody takes the locks in one order, so no two of them wait for each other for ever."""
    alice.post("/api/credits/purchase", json={"pack_size": 1000})

    def use(number: int) -> set[int]:
        browser = app.test_client()
        browser.set_cookie("session", alice.client.get_cookie("session").value)
        first = browser.post("/api/chat", json={"message": f"round {number}"}).get_json()
        path = f"/api/conversations/{first['conversation_id']}"
        again = {"message": "again", "conversation_id": first["conversation_id"]}
        with ThreadPoolExecutor(3) as three:

            def call(what: str) -> int:
                mine = app.test_client()
                mine.set_cookie("session", alice.client.get_cookie("session").value)
                return (mine.delete(path) if what == "delete" else mine.post("/api/chat", json=again)).status_code

            return set(three.map(call, ["chat", "delete", "chat"]))

    with ThreadPoolExecutor(4) as pool:
        statuses = set().union(*pool.map(use, range(40)))
    assert statuses <= {200, 204, 404, 409}
    assert audit.audit(house.db) == []
