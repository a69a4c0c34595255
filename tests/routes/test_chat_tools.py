"""Show what tools do to a message of the chat: what they cost, where they end, and what never gets into the books."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, update

from models import ActionPrice, Conversation, Message, UsageLog
from services import audit, costs
from services.house import House
from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic
from tests.support.actors import PASSWORD, Actor
from tests.support.levers import Lever, built_in

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
SECRET = "AKIA" + "IOSFODNN7ABCDEFG"


@pytest.fixture
def overrides() -> dict[str, Any]:
    """Let one message make few calls."""
    return {"answer_max_tool_calls": 6, "answer_max_rounds": 12}


@pytest.fixture(autouse=True)
def _books_are_right(house: House) -> Iterator[None]:
    """Audit the ledger after every test of this module."""
    yield
    assert audit.audit(house.db) == []


@pytest.fixture
def gauge(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lever]:
    """Return a gauge that costs a credit to read, on a lever that costs one to pull."""
    with built_in(monkeypatch, house, Lever(), price=1) as built:
        yield built


def calling_for_ever(anthropic: FakeAnthropic, at_once: int = 1) -> None:
    """Let the model call the gauge for ever, each time with another input."""

    def script(wire: scripts.Wire) -> None:
        asked = len(anthropic.requests) * 10
        scripts.tools(*[("read_gauge", {"to": asked + n}) for n in range(at_once)])(wire)

    anthropic.default = script


@pytest.mark.parametrize("at_once", [1, 4])
def test_an_endless_loop_ends_with_an_answer_at_the_stated_price(
    alice: Actor, anthropic: FakeAnthropic, house: House, gauge: Lever, at_once: int
) -> None:
    calling_for_ever(anthropic, at_once)
    answer = alice.chat("What does it say?")
    body = answer.get_json()
    assert answer.status_code == 200
    assert "limit of 6 tool calls" in body["response"]
    assert (body["credits_used"], body["credits_remaining"]) == (1 + 6, 20 - 7)
    assert sum(call["credits_used"] for call in body["tool_calls"]) == 6
    with house.db.read() as tx:
        kept = tx.scalars(select(UsageLog.credits_used).where(UsageLog.success.is_(True))).all()
    assert sum(kept) == 7
    assert len(anthropic.requests) <= 8


def test_the_steps_of_a_message_are_limited_too(
    alice: Actor, anthropic: FakeAnthropic, house: House, gauge: Lever
) -> None:
    anthropic.default = lambda wire: scripts.tools(
        ("cron_explain", {"expression": f"{len(anthropic.requests)} * * * *"})
    )(wire)
    body = alice.chat("When?").get_json()
    assert (body["status"], body["credits_used"]) == ("done", 1)
    assert len(anthropic.requests) <= 13


def test_a_tool_without_its_connection_costs_nothing_and_says_what_to_do(
    alice: Actor, anthropic: FakeAnthropic, house: House
) -> None:
    anthropic.enqueue(scripts.tools(("k8s_get", {"kind": "pods"})), scripts.text("Connect one first."))
    body = alice.chat("Show my pods").get_json()
    assert body["tool_calls"] == [{"name": "k8s_get", "success": False, "credits_used": 0}]
    assert (body["credits_used"], body["credits_remaining"]) == (1, 19)
    told = json.dumps(anthropic.requests[-1].body["messages"][-1])
    assert "settings page" in told
    with house.db.read() as tx:
        assert tx.scalars(select(UsageLog).where(UsageLog.tool_name == "k8s_get")).all() == []


def test_a_secret_in_a_message_is_stored_nowhere_and_sent_nowhere(
    alice: Actor, anthropic: FakeAnthropic, house: House
) -> None:
    anthropic.enqueue(scripts.text("I see a key there."))
    body = alice.chat(f"AWS_ACCESS_KEY_ID={SECRET} does not work").get_json()
    assert SECRET not in body["conversation_title"]
    with house.db.read() as tx:
        stored = [row.content for row in tx.scalars(select(Message))]
        titles = [row.title for row in tx.scalars(select(Conversation))]
    assert SECRET not in json.dumps([stored, titles])
    assert SECRET not in json.dumps(anthropic.bodies)
    assert "<redacted:" in json.dumps(stored)


def test_a_secret_that_was_taken_out_of_a_message_is_still_found(alice: Actor) -> None:
    body = alice.chat(f"scan this for secrets:\nname = demo\nkey = {SECRET}\n").get_json()
    assert body["tool_calls"] == [{"name": "secret_scan", "success": True, "credits_used": 0}]
    assert SECRET not in body["response"]
    assert "aws" in body["response"].lower()


def test_a_tool_that_ran_and_failed_is_paid_and_told_as_failed_everywhere(
    alice: Actor, anthropic: FakeAnthropic, house: House
) -> None:
    with house.db.write() as tx:
        tx.execute(update(ActionPrice).where(ActionPrice.action == "http_check").values(credits=1))
    anthropic.enqueue(scripts.tools(("http_check", {"url": "http://10.1.2.3/"})), scripts.text("It is private."))
    body = alice.chat("check http://10.1.2.3/").get_json()
    assert body["tool_calls"] == [{"name": "http_check", "success": False, "credits_used": 1}]
    conversation = alice.get(f"/api/conversations/{body['conversation_id']}").get_json()
    [_message, line] = conversation["messages"][-1]["receipt"]["lines"]
    assert (line["success"], line["credits"], line["refunded"]) == (False, 1, 0)
    [logged, message] = alice.get("/api/usage/history").get_json()["logs"]
    assert (logged["success"], logged["credits_used"], message["success"]) == (False, 1, True)
    assert "10.1.2.3" in logged["error_message"] == line["note"]
    assert alice.get("/api/usage/stats").get_json()["success_rate"] == 0.5
    assert [use.failed for use in costs.since(house.db, EPOCH).actions if use.action == "http_check"] == [1]
    assert "failed: " in alice.get(f"/chat/{body['conversation_id']}").get_data(as_text=True)


@pytest.mark.parametrize("whole_account", [False, True])
def test_what_a_tool_said_goes_with_the_conversation(
    alice: Actor, anthropic: FakeAnthropic, house: House, whole_account: bool
) -> None:
    anthropic.enqueue(scripts.tools(("http_check", {"url": "http://10.1.2.3/"})), scripts.text("It is private."))
    conversation = alice.chat("check http://10.1.2.3/").get_json()["conversation_id"]
    if whole_account:
        assert alice.submit("/settings/delete", {"password": PASSWORD}, page="/settings").status_code == 303
    else:
        assert alice.delete(f"/api/conversations/{conversation}").status_code == 204
    with house.db.read() as tx:
        told = {log.tool_name: log.error_message for log in tx.scalars(select(UsageLog))}
    assert told == {None: None, "http_check": "What went wrong was deleted with the conversation."}
