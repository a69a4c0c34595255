"""Chat as its clients do: charged messages, streams, stop, retry, and every way in which a model fails."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from agent.types import Reach, ToolOutput
from errors import AppError
from models import ActionPrice, Message, UsageLog, User
from services import audit, billing
from services.chat import MOST_JOINED, Chat
from services.house import House
from services.transaction import utcnow
from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic
from tests.support.actors import Actor, signed_up
from tests.support.servers import wait_for
from tests.support.streams import Event, events, names, words
from tests.support.wallets import SIMULATED

CRON = ("cron_explain", {"expression": "*/5 * * * *"})
STREAM = {"Accept": "text/event-stream"}


@pytest.fixture(autouse=True)
def _books_are_right(request: pytest.FixtureRequest) -> Any:
    """Audit the ledger after every test of this module."""
    house: House = request.getfixturevalue("house")
    yield
    assert audit.audit(house.db) == []


def set_price(house: House, action: str, credits: int) -> None:
    """Change the price of an action, as the operator would."""
    with house.db.write() as tx:
        tx.execute(update(ActionPrice).where(ActionPrice.action == action).values(credits=credits))


@pytest.fixture
def overrides() -> dict[str, Any]:
    """Let tools with any price run without asking; what asks first has tests of its own."""
    return {"approve_above_credits": 1000}


def begin(actor: Actor, message: str) -> tuple[Iterator[Event], str]:
    """Send a message and return its stream, read up to `start`, and the conversation's id."""
    answer = actor.post("/api/chat", json={"message": message}, headers=STREAM, buffered=False)
    reading = events(answer.response)
    return reading, next(reading)[1]["conversation_id"]


# Sending


def test_an_answer_has_every_key_of_the_contract(alice: Actor, anthropic: FakeAnthropic) -> None:
    anthropic.enqueue(scripts.text("The certificate is good until May."))
    answer = alice.chat("Check my certificate")
    assert answer.status_code == 200
    body = answer.get_json()
    assert body["response"] == "The certificate is good until May."
    assert body["conversation_title"] == "Check my certificate"
    assert (body["credits_used"], body["credits_remaining"], body["credits_used_this_month"]) == (1, 19, 1)
    assert body["tool_calls"] == []
    assert body["timestamp"].endswith("Z")
    assert {"conversation_id", "message_id"} <= set(body)


def test_a_message_goes_on_in_its_conversation(alice: Actor, anthropic: FakeAnthropic) -> None:
    first = alice.chat("one").get_json()
    alice.chat("two", conversation_id=first["conversation_id"])
    sent = anthropic.bodies[-1]["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]
    shown = alice.get(f"/api/conversations/{first['conversation_id']}").get_json()
    assert [message["text"] for message in shown["messages"]] == ["one", "You said: one", "two", "You said: two"]


def test_the_history_is_append_only(alice: Actor, anthropic: FakeAnthropic) -> None:
    conversation = alice.chat("one").get_json()["conversation_id"]
    anthropic.enqueue(scripts.tools(CRON), scripts.text("Every five minutes."))
    alice.chat("two", conversation_id=conversation)
    alice.chat("three", conversation_id=conversation)
    sent = [_unmarked(body["messages"]) for body in anthropic.bodies]
    for shorter, longer in zip(sent, sent[1:], strict=False):
        assert longer[: len(shorter)] == shorter
    assert len({str(body["tools"]) + str(body["system"]) for body in anthropic.bodies}) == 1


def _unmarked(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages without the cache marks, which move."""
    return [
        {
            "role": message["role"],
            "content": [{key: value for key, value in block.items() if key != "cache_control"} for block in content],
        }
        for message in messages
        for content in [message["content"]]
    ]


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"message": ""}, 400, "empty_message"),
        ({"message": " \n\t "}, 400, "empty_message"),
        ({"message": "x" * 60_001}, 400, "message_too_long"),
        ({"message": "a\x00b"}, 400, "invalid_text"),
        ({"message": "a\ud800b"}, 400, "invalid_text"),
        ({"message": 5}, 400, "invalid_input"),
        ({"message": None}, 400, "invalid_input"),
        ({"message": ["hi"]}, 400, "invalid_input"),
        ({"message": {"text": "hi"}}, 400, "invalid_input"),
        ({}, 400, "invalid_input"),
        ({"message": "hi", "conversation_id": 7}, 400, "invalid_input"),
        ({"message": "hi", "conversation_id": True}, 400, "invalid_input"),
        ({"message": "\0"}, 400, "invalid_text"),
        ({"message": "\ud800 "}, 400, "invalid_text"),
        ({"message": "hi", "conversation_id": "x" * 500}, 404, "conversation_not_found"),
        ({"message": "hi", "conversation_id": "no-such"}, 404, "conversation_not_found"),
    ],
)
def test_bad_input_is_refused_and_costs_nothing(alice: Actor, body: dict[str, Any], status: int, code: str) -> None:
    answer = alice.post("/api/chat", json=body)
    assert (answer.status_code, answer.get_json()["error"]) == (status, code)
    assert alice.credits() == 20
    assert alice.get("/api/conversations").get_json()["conversations"] == []


@pytest.mark.one_database
@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[1]", b'"hi"', b"null", b"\xff\xfe", b'{"message": NaN}', b'{"a":' * 100_000, b"[" * 200_000]
)
def test_broken_json_is_refused(alice: Actor, raw: bytes) -> None:
    answer = alice.post("/api/chat", data=raw, content_type="application/json")
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_json")
    assert alice.credits() == 20


def test_an_empty_wallet_is_402_and_leaves_no_trace(alice: Actor, house: House) -> None:
    for number in range(20):
        assert alice.chat(f"hello {number}").status_code == 200
    answer = alice.chat("one too many")
    body = answer.get_json()
    assert answer.status_code == 402
    assert body["error"] == "insufficient_credits"
    assert (body["credits_remaining"], body["credits_required"]) == (0, 1)
    assert body["tier"]["name"] == "free"
    assert len(alice.get("/api/conversations").get_json()["conversations"]) == 20
    assert alice.get("/api/usage/history").get_json()["total_count"] == 20
    assert alice.post("/api/credits/purchase", json={"pack_size": 100}).status_code == 200
    assert alice.chat("and now").status_code == 200


def test_chat_needs_an_account(client: FlaskClient) -> None:
    answer = client.post("/api/chat", json={"message": "hi"})
    assert (answer.status_code, answer.get_json()["error"]) == (401, "authentication_required")


def test_another_persons_conversation_does_not_exist(alice: Actor, bob: Actor) -> None:
    conversation = alice.chat("mine").get_json()["conversation_id"]
    paths = ("", "/stream")
    assert {bob.get(f"/api/conversations/{conversation}{path}").status_code for path in paths} == {404}
    assert bob.post(f"/api/conversations/{conversation}/stop", json={}).status_code == 404
    assert bob.post(f"/api/conversations/{conversation}/retry", json={}).status_code == 404
    assert bob.patch(f"/api/conversations/{conversation}", json={"title": "Bob's"}).status_code == 404
    assert bob.delete(f"/api/conversations/{conversation}").status_code == 404
    answer = bob.chat("hi", conversation_id=conversation)
    assert (answer.status_code, answer.get_json()["error"]) == (404, "conversation_not_found")
    assert bob.credits() == 20
    assert bob.get("/api/conversations").get_json()["conversations"] == []


# Tools


def test_a_tool_is_charged_logged_and_listed(alice: Actor, anthropic: FakeAnthropic, house: House) -> None:
    set_price(house, "cron_explain", 3)
    anthropic.enqueue(scripts.tools(CRON, before="Let me look."), scripts.text("Every five minutes."))
    body = alice.chat("When does this run?").get_json()
    assert body["response"] == "Let me look.\n\nEvery five minutes."
    assert body["tool_calls"] == [{"name": "cron_explain", "success": True, "credits_used": 3}]
    assert (body["credits_used"], body["credits_remaining"]) == (4, 16)
    logs = alice.get("/api/usage/history").get_json()["logs"]
    assert [(log["action_type"], log["tool_name"], log["credits_used"], log["success"]) for log in logs] == [
        ("tool_use", "cron_explain", 3, True),
        ("chat_message", None, 1, True),
    ]
    stats = alice.get("/api/usage/stats").get_json()
    assert stats["tool_usage_breakdown"] == [{"tool": "cron_explain", "count": 1, "credits": 3}]


def test_a_tool_that_cannot_be_paid_does_not_run_and_the_message_stands(
    alice: Actor, anthropic: FakeAnthropic, house: House
) -> None:
    set_price(house, "cron_explain", 50)
    anthropic.enqueue(scripts.tools(CRON), scripts.text("I could not afford it."))
    body = alice.chat("When does this run?").get_json()
    assert body["response"] == "I could not afford it."
    assert body["tool_calls"] == [{"name": "cron_explain", "success": False, "credits_used": 0}]
    assert body["credits_remaining"] == 19
    results = anthropic.bodies[-1]["messages"][-1]["content"]
    assert results[0]["is_error"] is True


def test_a_receipt_names_the_buckets(alice: Actor, anthropic: FakeAnthropic, house: House) -> None:
    set_price(house, "cron_explain", 25)
    alice.post("/api/credits/purchase", json={"pack_size": 100})
    anthropic.enqueue(scripts.tools(CRON), scripts.text("Every five minutes."))
    conversation = alice.chat("When?").get_json()["conversation_id"]
    receipt = alice.get(f"/api/conversations/{conversation}").get_json()["messages"][1]["receipt"]
    assert (receipt["credits"], receipt["plan"], receipt["pack"], receipt["refunded"]) == (26, 20, 6, 0)
    assert [line["label"] for line in receipt["lines"]] == ["Message", "cron_explain"]


def test_tokens_and_cost_are_kept_for_the_operator(alice: Actor, anthropic: FakeAnthropic, house: House) -> None:
    usage = scripts.Usage(input=1000, output=200, cache_write=50, cache_read=70, thinking=40)
    anthropic.enqueue(scripts.text("Hi.", usage=usage))
    message_id = alice.chat("hello").get_json()["message_id"]
    with house.db.read() as tx:
        message = tx.get(Message, message_id)
        assert message is not None
    assert (message.input_tokens, message.output_tokens) == (1000, 200)
    assert (message.cache_write_tokens, message.cache_read_tokens, message.thinking_tokens) == (50, 70, 40)
    # Sonnet 5.5: $2 in, $10 out, $2.50 cache write and $0.20 cache read per million tokens.
    assert message.cost_micros == 2000 + 2000 + 125 + 14


# Streams


def test_a_stream_tells_the_whole_story(alice: Actor, anthropic: FakeAnthropic) -> None:
    anthropic.enqueue(scripts.tools(CRON, before="Looking."), scripts.text("Every five minutes."))
    answer = alice.post("/api/chat", json={"message": "When?"}, headers=STREAM)
    assert answer.mimetype == "text/event-stream"
    found = list(events(answer.iter_encoded()))
    assert names(found) == ["start", "delta", "tool_start", "tool_result", "delta", "done"]
    assert found[0][1]["credits_remaining"] == 19
    assert words(found) == "Looking.Every five minutes."
    assert found[-1][1]["credits_used"] == 1
    assert found[-1][1]["response"] == "Looking.\n\nEvery five minutes."


def test_a_stream_renders_for_pages_that_ask(alice: Actor, anthropic: FakeAnthropic) -> None:
    anthropic.enqueue(scripts.text("**bold** <script>alert(1)</script>"))
    answer = alice.post("/api/chat?render=html", json={"message": "hi"}, headers=STREAM)
    html = [data["html"] for name, data in events(answer.iter_encoded()) if name == "delta" and "html" in data]
    assert html
    assert not any("<script" in piece for piece in html)


def test_a_refusal_before_the_stream_keeps_its_status(alice: Actor) -> None:
    answer = alice.post("/api/chat", json={"message": ""}, headers=STREAM)
    assert (answer.status_code, answer.mimetype) == (400, "application/json")


def test_a_failure_in_mid_stream_is_an_error_event_with_the_refund(alice: Actor, anthropic: FakeAnthropic) -> None:
    anthropic.enqueue(scripts.text("Half an ans", ending="dropped"))
    answer = alice.post("/api/chat", json={"message": "hi"}, headers=STREAM)
    *_rest, (name, data) = events(answer.iter_encoded())
    assert name == "error"
    assert data["error"] == "model_unavailable"
    assert (data["credits_refunded"], data["credits_remaining"]) == (1, 20)


def test_joining_where_nothing_runs_is_204(alice: Actor) -> None:
    conversation = alice.chat("hello").get_json()["conversation_id"]
    assert alice.get(f"/api/conversations/{conversation}/stream").status_code == 204


def test_an_answer_outlives_its_page_and_can_be_joined(alice: Actor, anthropic: FakeAnthropic) -> None:
    gate = threading.Event()
    anthropic.enqueue(scripts.text("one two three", gate=gate))
    answer = alice.post("/api/chat", json={"message": "count"}, headers=STREAM, buffered=False)
    reading = events(answer.response)
    _start, start = next(reading)
    assert next(reading)[0] == "delta"
    answer.close()
    joined = events(alice.get(f"/api/conversations/{start['conversation_id']}/stream", buffered=False).response)
    seen = [next(joined), next(joined)]
    gate.set()
    seen += list(joined)
    assert names(seen) == ["start", "delta", "done"]
    assert words(seen) == "one two three"
    assert alice.credits() == 19


def test_a_second_message_waits_for_the_first(alice: Actor, anthropic: FakeAnthropic) -> None:
    gate = threading.Event()
    anthropic.enqueue(scripts.text("slow", gate=gate))
    reading, conversation = begin(alice, "one")
    anthropic.wait_for_requests(1)  # Or the message elsewhere could take the script that waits.
    second = alice.chat("two", conversation_id=conversation)
    assert (second.status_code, second.get_json()["error"]) == (409, "answer_running")
    assert alice.chat("elsewhere").status_code == 200
    gate.set()
    assert names(list(reading))[-1] == "done"
    assert alice.credits() == 18


# Failures of the model

FAILURES = {
    **{f"status_{status}": scripts.error(status) for status in (400, 401, 402, 403, 404, 413, 429, 500, 503, 529)},
    "retry_after_an_hour": scripts.error(429, retry_after="3600"),
    "dropped": scripts.dropped(),
    "dropped_before_events": scripts.dropped_before_events(),
    "dropped_in_mid_stream": scripts.text("Half an ans", ending="dropped"),
    "error_in_mid_stream": scripts.text("Half an ans", ending="error"),
    "truncated": scripts.text("Half an ans", ending="truncated"),
    "empty": scripts.empty(),
    "blank": scripts.text("  \n "),
    "refusal_without_text": scripts.refusal(),
    "limit_without_text": scripts.max_tokens(),
    "broken_tool_input": scripts.broken_tool_json("cron_explain"),
}


@pytest.mark.one_database
@pytest.mark.parametrize("failure", sorted(FAILURES))
def test_each_failure_refunds_and_can_be_tried_again(
    alice: Actor, anthropic: FakeAnthropic, house: House, failure: str
) -> None:
    anthropic.default = FAILURES[failure]
    answer = alice.chat("hello")
    body = answer.get_json()
    assert (answer.status_code, body["error"]) == (502, "model_unavailable"), body
    assert (body["credits_refunded"], body["credits_remaining"]) == (1, 20)
    assert alice.credits() == 20
    with house.db.read() as tx:
        log = tx.scalars(select(UsageLog)).one()
    assert (log.success, log.credits_used) == (False, 0)
    assert log.error_message
    anthropic.default = scripts.text("Here it is.")
    again = alice.post(f"/api/conversations/{body['conversation_id']}/retry", json={})
    assert (again.status_code, again.get_json()["response"]) == (200, "Here it is.")
    assert alice.credits() == 19
    assert anthropic.refused == []


@pytest.mark.parametrize("overrides", [{"model_timeout_seconds": 2.0}], ids=["two_seconds"])
@pytest.mark.parametrize("silence", ["before_headers", "in_mid_stream"])
def test_a_silent_model_is_given_up(alice: Actor, anthropic: FakeAnthropic, silence: str) -> None:
    anthropic.default = scripts.silent() if silence == "before_headers" else scripts.text("Hm", ending="silent")
    body = alice.chat("hello").get_json()
    assert (body["error"], body["credits_refunded"]) == ("model_unavailable", 1)


def test_what_had_arrived_is_kept_and_marked_as_cut_off(alice: Actor, anthropic: FakeAnthropic) -> None:
    anthropic.enqueue(scripts.text("Half an ans", ending="dropped"))
    conversation = alice.chat("hello").get_json()["conversation_id"]
    message = alice.get(f"/api/conversations/{conversation}").get_json()["messages"][-1]
    assert (message["status"], message["text"], message["can_retry"]) == ("failed", "Half an ans", True)
    assert message["receipt"]["refunded"] == 1


@pytest.mark.parametrize("ending", [scripts.refusal("I would rather not."), scripts.max_tokens("And so on and")])
def test_a_refusal_or_a_limit_after_some_text_is_an_answer(
    alice: Actor, anthropic: FakeAnthropic, ending: scripts.Turn
) -> None:
    anthropic.enqueue(ending)
    assert alice.chat("hello").status_code == 200
    assert alice.credits() == 19


def test_a_retry_goes_on_behind_the_tools_that_ran(alice: Actor, anthropic: FakeAnthropic, house: House) -> None:
    set_price(house, "cron_explain", 3)
    anthropic.enqueue(scripts.tools(CRON), scripts.error(400))
    failed = alice.chat("When?").get_json()
    assert (failed["credits_refunded"], failed["credits_remaining"]) == (1, 17)
    anthropic.enqueue(scripts.text("Every five minutes."))
    body = alice.post(f"/api/conversations/{failed['conversation_id']}/retry", json={}).get_json()
    assert (body["credits_used"], body["credits_remaining"]) == (1, 16)
    last = anthropic.bodies[-1]["messages"]
    assert last[-1]["content"][0]["type"] == "tool_result"
    assert last == anthropic.bodies[1]["messages"]


def test_only_a_refunded_answer_can_be_tried_again(alice: Actor) -> None:
    conversation = alice.chat("hello").get_json()["conversation_id"]
    answer = alice.post(f"/api/conversations/{conversation}/retry", json={})
    assert (answer.status_code, answer.get_json()["error"]) == (409, "nothing_to_retry")
    assert alice.credits() == 19


# Stop


@pytest.mark.parametrize("moment", ["before_headers", "before_text"])
def test_a_stop_before_the_first_text_costs_nothing(alice: Actor, anthropic: FakeAnthropic, moment: str) -> None:
    gate = threading.Event()
    slow = scripts.silent(gate) if moment == "before_headers" else scripts.text("late", gate=gate, gate_after=0)
    anthropic.enqueue(slow)
    reading, conversation = begin(alice, "one")
    anthropic.wait_for_requests(1)
    assert alice.post(f"/api/conversations/{conversation}/stop", json={}).get_json() == {"stopped": True}
    name, done = list(reading)[-1]
    gate.set()
    assert (name, done["status"], done["credits_used"], done["credits_remaining"]) == ("done", "stopped", 0, 20)
    assert alice.get("/api/usage/history").get_json()["logs"][0]["error_message"] == "stopped"
    assert alice.post(f"/api/conversations/{conversation}/retry", json={}).status_code == 200


def test_a_stop_after_the_first_text_is_paid(alice: Actor, anthropic: FakeAnthropic) -> None:
    gate = threading.Event()
    anthropic.enqueue(scripts.text("one two three", gate=gate))
    reading, conversation = begin(alice, "count")
    assert next(reading)[0] == "delta"
    alice.post(f"/api/conversations/{conversation}/stop", json={})
    name, done = list(reading)[-1]
    gate.set()
    assert (name, done["status"], done["credits_used"], done["credits_remaining"]) == ("done", "stopped", 1, 19)
    # The conversation goes on as if nothing had happened.
    assert alice.chat("and then", conversation_id=conversation).status_code == 200
    assert anthropic.refused == []


def test_a_stop_where_nothing_runs_says_so(alice: Actor) -> None:
    conversation = alice.chat("hello").get_json()["conversation_id"]
    assert alice.post(f"/api/conversations/{conversation}/stop", json={}).get_json() == {"stopped": False}


# Idempotency


def test_the_same_key_gives_the_same_answer_again(alice: Actor, anthropic: FakeAnthropic) -> None:
    key = {"Idempotency-Key": "a-click"}
    first = alice.post("/api/chat", json={"message": "hi"}, headers=key).get_json()
    assert alice.post("/api/chat", json={"message": "hi"}, headers=key).get_json() == first
    streamed = alice.post("/api/chat", json={"message": "hi"}, headers=key | STREAM)
    assert list(events(streamed.iter_encoded()))[-1] == ("done", first)
    other = alice.post("/api/chat", json={"message": "ho"}, headers=key)
    assert (other.status_code, other.get_json()["error"]) == (422, "idempotency_key_reused")
    assert alice.credits() == 19
    assert len(anthropic.requests) == 1


def test_the_same_key_shows_the_tools_again(alice: Actor, anthropic: FakeAnthropic) -> None:
    anthropic.enqueue(scripts.tools(CRON), scripts.text("Every five minutes."))
    request = {"json": {"message": "hi"}, "headers": {"Idempotency-Key": "a-click"} | STREAM}
    first, again = (list(events(alice.post("/api/chat", **request).iter_encoded())) for _ in range(2))
    shown = [event for event in first if event[0] not in ("start", "delta")]
    assert names(shown) == ["tool_start", "tool_result", "done"]
    assert [event for event in again if event[0] not in ("start", "delta")] == shown
    assert words(again) == words(first) == "Every five minutes."


def test_a_failure_frees_the_key(alice: Actor, anthropic: FakeAnthropic) -> None:
    key = {"Idempotency-Key": "a-click"}
    anthropic.enqueue(scripts.error(400))
    assert alice.post("/api/chat", json={"message": "hi"}, headers=key).status_code == 502
    assert alice.post("/api/chat", json={"message": "hi"}, headers=key).status_code == 200
    assert alice.credits() == 19


def test_a_key_that_is_still_running_says_so(alice: Actor, anthropic: FakeAnthropic) -> None:
    gate = threading.Event()
    anthropic.enqueue(scripts.text("slow", gate=gate))
    key = {"Idempotency-Key": "a-click"}
    answer = alice.post("/api/chat", json={"message": "hi"}, headers=key | STREAM, buffered=False)
    reading = events(answer.response)
    next(reading)
    again = alice.post("/api/chat", json={"message": "hi"}, headers=key)
    assert (again.status_code, again.get_json()["error"]) == (409, "request_in_progress")
    other = alice.post("/api/chat", json={"message": "ho"}, headers=key)
    assert (other.status_code, other.get_json()["error"]) == (422, "idempotency_key_reused")
    gate.set()
    list(reading)
    assert alice.post("/api/chat", json={"message": "hi"}, headers=key).status_code == 200
    assert alice.credits() == 19


@pytest.mark.one_database
@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "ümlaut"])
def test_a_bad_key_is_refused(alice: Actor, key: str) -> None:
    answer = alice.post("/api/chat", json={"message": "hi"}, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_input")


# Leases


def test_an_answer_that_lost_its_lease_is_shown_for_nothing(
    alice: Actor, anthropic: FakeAnthropic, house: House
) -> None:
    gate = threading.Event()
    anthropic.enqueue(scripts.text("better late than never", gate=gate))
    reading, _conversation = begin(alice, "hi")
    assert next(reading)[0] == "delta"
    with house.db.write() as tx:
        tx.execute(update(UsageLog).values(lease_expires_at=utcnow()))
    assert alice.credits() == 20
    gate.set()
    name, done = list(reading)[-1]
    assert (name, done["response"]) == ("done", "better late than never")
    assert (done["credits_used"], done["credits_remaining"]) == (0, 20)


def test_an_answer_whose_process_died_is_released_by_whoever_watches(
    alice: Actor, bob: Actor, house: House, anthropic: FakeAnthropic
) -> None:
    conversation = alice.chat("hello").get_json()["conversation_id"]
    with house.db.write() as tx:  # What a process that was killed leaves behind.
        tx.execute(update(Message).where(Message.role == "assistant").values(status="running", finished_at=None))
        log = tx.scalars(select(UsageLog)).one()
        log.success, log.finished_at, log.lease_expires_at = None, None, utcnow()
    joined = alice.get(f"/api/conversations/{conversation}/stream")
    *_rest, (name, data) = events(joined.iter_encoded())
    assert (name, data["error"], data["credits_refunded"]) == ("error", "abandoned", 1)
    assert alice.credits() == 20
    assert alice.post(f"/api/conversations/{conversation}/retry", json={}).status_code == 200


# Conversations


def test_conversations_are_listed_found_renamed_and_deleted(alice: Actor) -> None:
    ids = [alice.chat(words).get_json()["conversation_id"] for words in ("red", "green", "blue")]
    page = alice.get("/api/conversations?limit=2").get_json()
    assert [row["title"] for row in page["conversations"]] == ["blue", "green"]
    rest = alice.get(f"/api/conversations?limit=2&cursor={page['next_cursor']}").get_json()
    assert [row["title"] for row in rest["conversations"]] == ["red"]
    assert rest["next_cursor"] is None
    assert [row["id"] for row in alice.get("/api/conversations?q=GREE").get_json()["conversations"]] == [ids[1]]
    renamed = alice.patch(f"/api/conversations/{ids[0]}", json={"title": "  Crimson   tide "})
    assert renamed.get_json()["conversation"]["title"] == "Crimson tide"
    assert alice.delete(f"/api/conversations/{ids[0]}").status_code == 204
    assert alice.get(f"/api/conversations/{ids[0]}").status_code == 404
    assert alice.get("/api/usage/history").get_json()["total_count"] == 3


@pytest.mark.one_database
@pytest.mark.parametrize("title", ["", "   ", "x" * 201, 5, None, True])
def test_a_bad_title_is_refused(alice: Actor, title: Any) -> None:
    conversation = alice.chat("hello").get_json()["conversation_id"]
    assert alice.patch(f"/api/conversations/{conversation}", json={"title": title}).status_code == 400


@pytest.mark.one_database
@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "limit=1.5", "cursor=nowhere"])
def test_a_bad_page_is_refused(alice: Actor, query: str) -> None:
    answer = alice.get(f"/api/conversations?{query}")
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_input")


def test_a_conversation_deleted_while_it_runs_ends_its_answer(
    alice: Actor, anthropic: FakeAnthropic, house: House
) -> None:
    gate = threading.Event()
    anthropic.enqueue(scripts.text("one two", gate=gate, gate_after=0))
    reading, conversation = begin(alice, "hi")
    assert alice.delete(f"/api/conversations/{conversation}").status_code == 204
    name, data = list(reading)[-1]
    gate.set()
    assert (name, data["error"]) == ("error", "conversation_not_found")
    assert alice.credits() == 20


# Without a model


@pytest.mark.parametrize(
    "overrides",
    [{"app_env": "production", "agent": "auto", "payments": "simulated", "secret_key": "k" * 40}],
)
def test_production_without_a_key_says_so(app: Flask) -> None:
    alice = Actor(app, "alice@example.com")
    alice.client = app.test_client()
    base = {"base_url": "https://localhost"}
    assert (
        alice.client.post("/signup", json={"email": alice.email, "password": alice.password}, **base).status_code == 201
    )
    answer = alice.client.post("/api/chat", json={"message": "hi"}, **base)
    assert (answer.status_code, answer.get_json()["error"]) == (503, "model_not_configured")


@pytest.mark.parametrize("overrides", [{"agent": "offline"}])
def test_the_offline_agent_runs_real_tools_and_the_page_says_who_answers(alice: Actor) -> None:
    body = alice.chat("explain cron */5 * * * *").get_json()
    assert [call["name"] for call in body["tool_calls"]] == ["cron_explain"]
    page = alice.get(f"/chat/{body['conversation_id']}").get_data(as_text=True)
    assert "offline agent" in page.lower()


def test_tools_are_listed_with_their_prices(alice: Actor) -> None:
    listed = alice.get("/api/tools").get_json()["tools"]
    assert {tool["name"] for tool in listed} >= {"cron_explain", "cidr_calc"}
    assert all({"name", "description", "credits", "writes", "needs_connection"} <= set(tool) for tool in listed)


# Shutting down


def test_a_restart_refunds_what_is_running(alice: Actor, anthropic: FakeAnthropic, house: House) -> None:
    gate = threading.Event()
    anthropic.enqueue(scripts.text("one two three", gate=gate))
    reading, _conversation = begin(alice, "count")
    assert next(reading)[0] == "delta"
    house.chat.shutdown()
    name, data = list(reading)[-1]
    gate.set()
    assert (name, data["error"], data["credits_refunded"]) == ("error", "server_restarting", 1)
    assert alice.chat("too late").status_code == 503
    wait_for(lambda: alice.credits() == 20, "the refund did not come")
    assert alice.get("/api/usage/history").get_json()["logs"][0]["error_message"] == "server_restarting"


@pytest.mark.parametrize("overrides", [{"rate_limits": "on", "rate_limit_chat": "2/minute"}])
def test_chat_is_limited_per_person(app: Flask, alice: Actor) -> None:
    bob = signed_up(app, "bob")
    assert [alice.chat("hi").status_code for _ in range(3)] == [200, 200, 429]
    limited = alice.chat("hi")
    assert limited.get_json()["error"] == "rate_limited"
    assert int(limited.headers["Retry-After"]) >= 1
    assert bob.chat("hi").status_code == 200
    assert alice.credits() == 18


# What a stop, a retry and a late answer cost


def test_a_stop_after_a_tools_result_is_paid(alice: Actor, anthropic: FakeAnthropic) -> None:
    gate = threading.Event()
    anthropic.enqueue(scripts.tools(CRON), scripts.silent(gate))
    reading, conversation = begin(alice, "When?")
    assert "tool_result" in (name for name, _data in reading)
    alice.post(f"/api/conversations/{conversation}/stop", json={})
    name, done = list(reading)[-1]
    gate.set()
    assert (name, done["status"], done["credits_used"], done["credits_remaining"]) == ("done", "stopped", 1, 19)


def test_a_stop_after_nothing_but_blanks_costs_nothing(alice: Actor, anthropic: FakeAnthropic) -> None:
    gate = threading.Event()
    anthropic.enqueue(scripts.text("\n \nlate", pieces=["\n \n", "late"], gate=gate))
    reading, conversation = begin(alice, "hi")
    assert next(reading)[1]["text"].strip() == ""
    alice.post(f"/api/conversations/{conversation}/stop", json={})
    name, done = list(reading)[-1]
    gate.set()
    assert (name, done["status"], done["credits_used"], done["credits_remaining"]) == ("done", "stopped", 0, 20)


def test_a_stopped_answer_that_was_paid_cannot_be_tried_again(alice: Actor, anthropic: FakeAnthropic) -> None:
    gate = threading.Event()
    anthropic.enqueue(scripts.text("one two three", gate=gate))
    reading, conversation = begin(alice, "count")
    assert next(reading)[0] == "delta"
    alice.post(f"/api/conversations/{conversation}/stop", json={})
    list(reading)
    gate.set()
    again = alice.post(f"/api/conversations/{conversation}/retry", json={})
    assert (again.status_code, again.get_json()["error"]) == (409, "nothing_to_retry")
    assert alice.credits() == 19


def test_the_same_key_tries_again_once(alice: Actor, anthropic: FakeAnthropic) -> None:
    anthropic.enqueue(scripts.error(400), scripts.text("Here it is."))
    conversation = alice.chat("hello").get_json()["conversation_id"]
    path, key = f"/api/conversations/{conversation}/retry", {"Idempotency-Key": "a-click"}
    first = alice.post(path, json={}, headers=key)
    again = alice.post(path, json={}, headers=key)
    assert (first.status_code, again.status_code, again.get_json()) == (200, 200, first.get_json())
    assert alice.credits() == 19


def test_a_402_frees_the_key(alice: Actor, house: House) -> None:
    set_price(house, "chat_message", 21)
    key = {"Idempotency-Key": "a-click"}
    refused = alice.post("/api/chat", json={"message": "hi"}, headers=key)
    assert (refused.status_code, refused.get_json()["credits_required"]) == (402, 21)
    assert alice.post("/api/credits/purchase", json={"pack_size": 100}).status_code == 200
    paid = alice.post("/api/chat", json={"message": "hi"}, headers=key)
    assert (paid.status_code, paid.get_json()["credits_used"], paid.get_json()["credits_remaining"]) == (200, 21, 99)


def test_a_late_answer_stays_cut_off_where_the_conversation_went_on(
    alice: Actor, anthropic: FakeAnthropic, house: House
) -> None:
    gate = threading.Event()
    anthropic.enqueue(scripts.text("better late than never", gate=gate))
    reading, conversation = begin(alice, "one")
    assert next(reading)[0] == "delta"
    with house.db.write() as tx:
        tx.execute(update(UsageLog).values(lease_expires_at=utcnow()))
    assert alice.chat("two", conversation_id=conversation).status_code == 200
    gate.set()
    name, data = list(reading)[-1]
    assert (name, data["error"], data["credits_refunded"]) == ("error", "abandoned", 1)
    shown = alice.get(f"/api/conversations/{conversation}").get_json()["messages"]
    assert [message["status"] for message in shown] == ["done", "failed", "done", "done"]
    assert alice.credits() == 19


def test_an_answer_goes_on_while_nobody_reads_it(alice: Actor, anthropic: FakeAnthropic) -> None:
    gate = threading.Event()
    anthropic.enqueue(scripts.text("one two three", gate=gate))
    answer = alice.post("/api/chat", json={"message": "count"}, headers=STREAM, buffered=False)
    reading = events(answer.response)
    conversation = next(reading)[1]["conversation_id"]
    assert next(reading)[0] == "delta"
    answer.close()
    time.sleep(1)  # Time enough for an answer that wrongly ends with its page.
    path = f"/api/conversations/{conversation}"
    assert alice.get(path).get_json()["messages"][-1]["status"] == "running"
    gate.set()
    wait_for(lambda: alice.get(path).get_json()["messages"][-1]["status"] == "done", "the answer did not end")
    assert alice.get(path).get_json()["messages"][-1]["text"] == "one two three"
    assert alice.credits() == 19


def test_no_connection_is_held_while_the_model_or_a_tool_works(
    alice: Actor, anthropic: FakeAnthropic, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    tool = house.tools.get("cron_explain")
    assert tool is not None

    def working(given: dict[str, Any], reach: Reach) -> ToolOutput:
        held.append(house.db.engine.pool.checkedout())
        return tool.run(given, reach)

    monkeypatch.setitem(house.tools._tools, "cron_explain", replace(tool, run=working))

    def thinking(turn: scripts.Script) -> scripts.Script:
        def script(wire: scripts.Wire) -> None:
            held.append(house.db.engine.pool.checkedout())
            turn(wire)

        return script

    anthropic.enqueue(thinking(scripts.tools(CRON)), thinking(scripts.text("Every five minutes.")))
    assert alice.chat("When?").get_json()["response"] == "Every five minutes."
    assert held == [0, 0, 0]


def test_a_stop_counts_from_the_moment_it_was_asked_for(alice: Actor, anthropic: FakeAnthropic, house: House) -> None:
    """Another process may take the stop; what arrives until this one notices it is not paid for."""
    gate = threading.Event()
    anthropic.enqueue(scripts.text("word " * 60, pieces=["word "] * 60, gate=gate, gate_after=0, delay=0.1))
    reading, _conversation = begin(alice, "hi")
    anthropic.wait_for_requests(1)
    with house.db.write() as tx:
        tx.execute(update(Message).where(Message.status == "running").values(stop_requested_at=utcnow()))
    gate.set()
    name, done = list(reading)[-1]
    assert (name, done["status"], done["credits_used"], done["credits_remaining"]) == ("done", "stopped", 0, 20)


def test_a_conversation_deleted_while_it_runs_says_what_came_back(
    alice: Actor, anthropic: FakeAnthropic, house: House
) -> None:
    set_price(house, "chat_message", 2)
    gate = threading.Event()
    anthropic.enqueue(scripts.text("one two", gate=gate, gate_after=0))
    reading, conversation = begin(alice, "hi")
    assert alice.delete(f"/api/conversations/{conversation}").status_code == 204
    _name, data = list(reading)[-1]
    gate.set()
    assert (data["error"], data["credits_refunded"], data["credits_remaining"]) == ("conversation_not_found", 2, 20)


# What a review found


@pytest.mark.one_database
@pytest.mark.parametrize("path", ["subscription/cancel", "subscription/resume", "subscription/portal"])
def test_broken_json_is_refused_where_no_words_are_needed(alice: Actor, path: str) -> None:
    alice.post("/api/subscription/upgrade", json={"tier_name": "starter"})
    for raw in (b"{broken", b"[]", b"[" * 100_000):
        answer = alice.post(f"/api/{path}", data=raw, content_type="application/json")
        assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_json")
    assert alice.wallet()["cancel_at_period_end"] is False
    assert alice.post("/api/subscription/cancel", content_type="application/json").status_code == 200


def test_a_stop_asked_for_before_the_first_text_is_free_even_if_text_comes_first(
    alice: Actor, anthropic: FakeAnthropic, house: House
) -> None:
    """Another process writes the stop; this one sees it a moment later, when text has arrived meanwhile."""
    gate = threading.Event()
    anthropic.enqueue(scripts.text("late words", gate=gate, gate_after=0))
    reading, conversation = begin(alice, "hi")
    anthropic.wait_for_requests(1)
    other = Chat(house.db, None, house.tools, house.chat._reaching, house.chat._terms)
    assert other.stop(alice.id, conversation)
    gate.set()
    name, done = list(reading)[-1]
    assert (name, done["credits_used"], done["credits_remaining"]) == ("done", 0, 20)


def test_looking_at_a_conversation_releases_what_a_dead_process_left(alice: Actor, house: House) -> None:
    conversation = alice.chat("hello").get_json()["conversation_id"]
    with house.db.write() as tx:
        tx.execute(update(Message).where(Message.role == "assistant").values(status="running", finished_at=None))
        log = tx.scalars(select(UsageLog)).one()
        log.success, log.finished_at, log.lease_expires_at = None, None, utcnow()
    listed = alice.get("/api/conversations").get_json()["conversations"]
    assert [row["running"] for row in listed] == [False]
    shown = alice.get(f"/api/conversations/{conversation}").get_json()
    assert (shown["conversation"]["running"], shown["messages"][-1]["status"]) == (False, "failed")
    assert alice.get("/api/usage/history").get_json()["logs"][0]["success"] is False
    assert alice.post(f"/api/conversations/{conversation}/stop", json={}).get_json() == {"stopped": False}


CALL = {"tool_use_id": "1", "name": "k8s_scale", "credits": 0}
WRITING = {**CALL, "type": "tool_start", "title": "", "target": "", "writes": True}
READING = {**WRITING, "writes": False}
WRITTEN = {**CALL, "type": "tool_result", "content": "", "success": True, "duration_ms": 1, "summary": ""}


@pytest.mark.parametrize(
    ("asked", "blocks", "ends"),
    [
        (31, [], True),
        (31, [READING], True),
        (31, [WRITING, WRITTEN], True),
        (31, [WRITING], False),
        (20, [], False),
        (None, [], False),
    ],
    ids=["long_ago", "read_under_way", "write_is_done", "write_under_way", "just_now", "not_asked"],
)
def test_a_stop_that_nobody_heeds_ends_the_lease_of_a_dead_process(
    alice: Actor, house: House, asked: int | None, blocks: list[dict[str, Any]], ends: bool
) -> None:
    conversation = alice.chat("hello").get_json()["conversation_id"]
    with house.db.write() as tx:
        answer = tx.scalars(select(Message).where(Message.role == "assistant")).one()
        answer.status, answer.finished_at, answer.content = "running", None, blocks
        answer.stop_requested_at = None if asked is None else utcnow() - timedelta(seconds=asked)
        log = tx.scalars(select(UsageLog)).one()
        log.success, log.finished_at, log.lease_expires_at = None, None, utcnow() + timedelta(minutes=10)
    assert alice.post(f"/api/conversations/{conversation}/stop", json={}).get_json() == {"stopped": not ends}
    shown = alice.get(f"/api/conversations/{conversation}").get_json()["messages"][-1]
    assert (shown["status"], shown["can_retry"]) == (("failed", True) if ends else ("running", False))
    assert alice.credits() == (20 if ends else 19)


def test_who_watches_sees_the_end_of_an_answer_whose_process_has_died(alice: Actor, house: House) -> None:
    conversation = alice.chat("hello").get_json()["conversation_id"]
    with house.db.write() as tx:
        answer = tx.scalars(select(Message).where(Message.role == "assistant")).one()
        answer.status, answer.finished_at = "running", None
        answer.stop_requested_at = utcnow() - timedelta(seconds=29)
        log = tx.scalars(select(UsageLog)).one()
        log.success, log.finished_at, log.lease_expires_at = None, None, utcnow() + timedelta(minutes=10)
    joined = alice.get(f"/api/conversations/{conversation}/stream", headers=STREAM, buffered=False)
    name, data = list(events(joined.response))[-1]
    assert (name, data["error"], data["credits_refunded"], data["credits_remaining"]) == ("error", "abandoned", 1, 20)


def test_a_key_is_free_again_when_its_conversation_was_deleted_in_mid_answer(
    alice: Actor, anthropic: FakeAnthropic
) -> None:
    gate = threading.Event()
    anthropic.enqueue(scripts.text("one two", gate=gate))
    key = {"Idempotency-Key": "a-click"}
    answer = alice.post("/api/chat", json={"message": "hi"}, headers=key | STREAM, buffered=False)
    reading = events(answer.response)
    conversation = next(reading)[1]["conversation_id"]
    assert next(reading)[0] == "delta"
    alice.delete(f"/api/conversations/{conversation}")
    assert list(reading)[-1][0] == "error"
    gate.set()
    assert alice.post("/api/chat", json={"message": "hi"}, headers=key).status_code == 200


def test_one_person_cannot_hold_every_thread_of_the_server(alice: Actor, anthropic: FakeAnthropic) -> None:
    gate = threading.Event()
    anthropic.enqueue(scripts.text("slow", gate=gate, gate_after=0))
    answer = alice.post("/api/chat", json={"message": "hi"}, headers=STREAM, buffered=False)
    reading = events(answer.response)
    path = f"/api/conversations/{next(reading)[1]['conversation_id']}/stream"
    joined = [alice.get(path, buffered=False) for _ in range(MOST_JOINED)]
    refused = alice.get(path)
    assert (refused.status_code, refused.get_json()["error"]) == (429, "too_many_streams")
    assert refused.headers["Retry-After"] == "10"
    joined.pop().close()
    assert alice.get(path, buffered=False).status_code == 200
    gate.set()
    for stream in joined:
        stream.close()
    assert list(reading)[-1][0] == "done"


def test_a_request_that_outlives_its_account_writes_nothing(alice: Actor, house: House) -> None:
    with house.db.write() as tx:
        tx.execute(update(User).where(User.id == alice.id).values(deleted_at=utcnow()))
    for use in (
        lambda: house.chat.send(alice.id, "hello", None),
        lambda: billing.buy_pack(house.db, SIMULATED, alice.id, pack_size=100, now=utcnow()),
    ):
        with pytest.raises(AppError) as refused:
            use()
        assert refused.value.status == 401
    with house.db.read() as tx:
        assert tx.scalars(select(Message)).all() == []


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("accept", "streams"),
    [
        ("text/event-stream", True),
        ("TEXT/EVENT-STREAM", True),
        ("text/event-stream, application/json;q=0.5", True),
        ("text/event-stream;q=0", False),
        ("application/json, text/event-stream;q=0.5", False),
        ("*/*", False),
    ],
)
def test_who_asks_for_a_stream_gets_one(alice: Actor, accept: str, streams: bool) -> None:
    answer = alice.post("/api/chat", json={"message": "hi"}, headers={"Accept": accept})
    assert (answer.mimetype == "text/event-stream") is streams
    answer.get_data()


@pytest.mark.one_database
@pytest.mark.parametrize("message", ["\u200b", "\u200b \u2060", "\u202e"])
def test_a_message_that_nobody_can_see_is_empty(alice: Actor, message: str) -> None:
    assert alice.chat(message).get_json()["error"] == "empty_message"
    assert alice.credits() == 20


def test_a_title_keeps_no_secret(alice: Actor) -> None:
    path = f"/api/conversations/{alice.chat('hello').get_json()['conversation_id']}"
    token = "ghp_" + "a1B2c3D4e5F6" * 3
    renamed = alice.patch(path, json={"title": f"why does {token} fail"}).get_json()
    assert token not in renamed["conversation"]["title"]
    assert renamed["conversation"]["title"].startswith("why does ")


def test_a_title_keeps_no_invisible_signs(alice: Actor) -> None:
    body = alice.chat("evil \u202etxt.exe\u200b").get_json()
    assert body["conversation_title"] == "evil txt.exe"
    path = f"/api/conversations/{body['conversation_id']}"
    assert alice.patch(path, json={"title": "\u202eabc"}).get_json()["conversation"]["title"] == "abc"
    assert alice.patch(path, json={"title": "\u200b"}).status_code == 400
