"""Show that what the agent wants to change waits for its user's word, and is done once, at one price, or not."""

import json
import sys
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from agent.types import OutcomeUnknown, ToolError
from models import ActionPrice, Approval, Message, UsageLog
from services import audit
from services.house import House
from services.transaction import utcnow
from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic
from tests.support.actors import Actor
from tests.support.levers import Lever, built_in
from tests.support.servers import wait_for
from tests.support.streams import events, names

PULL = ("pull_lever", {"to": 3})
STREAM = {"Accept": "text/event-stream"}


@pytest.fixture
def lever(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lever]:
    """Return the lever that the agent may want to pull for 5 credits."""
    with built_in(monkeypatch, house, Lever()) as built:
        yield built


@pytest.fixture(autouse=True)
def _books_are_right(house: House) -> Iterator[None]:
    """Audit the ledger after every test of this module."""
    yield
    assert audit.audit(house.db) == []


def asked(
    actor: Actor, anthropic: FakeAnthropic, *turns: Any, call: tuple[str, dict[str, Any]] = PULL
) -> dict[str, Any]:
    """Let the agent ask, with what it will say later on, and return the answer."""
    anthropic.enqueue(scripts.tools(call, before="I would pull it."), *(turns or [scripts.text("Pulled.")]))
    answer = actor.chat("Pull the lever to 3")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    body: dict[str, Any] = answer.get_json()
    return body


def decide(actor: Actor, approval: dict[str, Any], word: str = "approve", **more: Any) -> Any:
    """Say the user's word."""
    return actor.post(f"/api/approvals/{approval['id']}", json={"decision": word, **more})


def tool_results(anthropic: FakeAnthropic) -> str:
    """Return what the model was last told of its calls."""
    last = anthropic.requests[-1].body["messages"][-1]["content"]
    return "\n".join(block["content"] for block in last if block["type"] == "tool_result")


def logs(house: House, name: str = "pull_lever") -> list[UsageLog]:
    """Return the charges of a tool."""
    with house.db.read() as tx:
        return list(tx.scalars(select(UsageLog).where(UsageLog.tool_name == name).order_by(UsageLog.id)))


# --- Asking ---------------------------------------------------------------------------------------------------------


def test_a_write_waits_and_costs_nothing_but_the_message(
    alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever
) -> None:
    body = asked(alice, anthropic)
    approval = body["approval"]
    assert (approval["tool"], approval["input"], approval["target"]) == (
        "pull_lever",
        {"to": 3},
        "the lever in the cellar",
    )
    assert approval["changes"] == [{"what": "position", "before": "0", "after": "3"}]
    assert (approval["credits"], approval["state"], approval["writes"]) == (5, "waiting", True)
    assert approval["expires_at"].endswith("Z")
    assert (body["credits_used"], body["credits_remaining"], body["response"]) == (1, 19, "I would pull it.")
    assert (lever.pulls, logs(house), body["tool_calls"]) == ([], [], [])
    with house.db.read() as tx:
        pending = tx.scalar(select(func.count()).select_from(UsageLog).where(UsageLog.success.is_(None)))
    assert pending == 0


def test_a_stream_says_that_it_waits_and_ends(alice: Actor, anthropic: FakeAnthropic, lever: Lever) -> None:
    anthropic.enqueue(scripts.tools(PULL))
    answer = alice.post("/api/chat", json={"message": "Pull"}, headers=STREAM)
    said = list(events(answer.response))
    assert names(said)[-2:] == ["approval_required", "done"]
    assert said[-2][1] == said[-1][1]["approval"]


def test_the_card_is_there_after_a_reload(alice: Actor, anthropic: FakeAnthropic, lever: Lever) -> None:
    body = asked(alice, anthropic)
    shown = alice.get(f"/api/conversations/{body['conversation_id']}").get_json()["messages"][-1]
    cards = [block for block in shown["blocks"] if block["type"] == "approval"]
    assert [(card["id"], card["state"]) for card in cards] == [(body["approval"]["id"], "waiting")]
    assert shown["status"] == "done"


def test_a_preview_that_fails_asks_nothing(alice: Actor, anthropic: FakeAnthropic, lever: Lever, house: House) -> None:
    lever.looks_fail_with = ToolError("There is no cellar.")
    body = asked(alice, anthropic, scripts.text("No cellar."))
    assert "approval" not in body
    assert "There is no cellar." in tool_results(anthropic)
    assert logs(house) == []


def test_only_one_action_waits_at_a_time(alice: Actor, anthropic: FakeAnthropic, lever: Lever) -> None:
    anthropic.enqueue(scripts.tools(PULL, ("pull_lever", {"to": 4})), scripts.text("One is done."))
    body = alice.chat("Pull twice").get_json()
    assert body["approval"]["input"] == {"to": 3}
    decide(alice, body["approval"])
    assert lever.pulls == [3]
    assert "one action at a time" in tool_results(anthropic)


def test_a_dear_reading_tool_asks_too_and_runs_after_the_word(
    alice: Actor, anthropic: FakeAnthropic, lever: Lever, house: House
) -> None:
    body = asked(alice, anthropic, scripts.text("It is at 0."), call=("read_gauge", {"to": 1}))
    assert (body["approval"]["writes"], body["approval"]["changes"]) == (False, [])
    done = decide(alice, body["approval"]).get_json()
    assert done["tool_calls"] == [{"name": "read_gauge", "success": True, "credits_used": 5}]
    assert [log.credits_used for log in logs(house, "read_gauge")] == [5]


# --- Yes ------------------------------------------------------------------------------------------------------------


def test_a_yes_runs_the_very_call_and_goes_on(
    alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever
) -> None:
    body = asked(alice, anthropic, scripts.text("It stands at 3 now."))
    done = decide(alice, body["approval"]).get_json()
    assert lever.pulls == [3]
    assert done["response"] == "It stands at 3 now."
    assert done["tool_calls"] == [{"name": "pull_lever", "success": True, "credits_used": 5}]
    assert (done["credits_used"], done["credits_remaining"]) == (5, 14)
    assert '"after":3' in tool_results(anthropic)
    log = logs(house)[0]
    assert (log.success, log.credits_used, log.writes) == (True, 5, True)
    assert log.duration_ms is not None
    card, going_on = alice.get(f"/api/conversations/{body['conversation_id']}").get_json()["messages"][-2:]
    assert card["blocks"][-1]["state"] == "approved"
    assert [block["type"] for block in going_on["blocks"]] == ["tool", "text"]
    assert (going_on["blocks"][0]["status"], going_on["receipt"]["credits"]) == ("ok", 5)
    assert [line["label"] for line in going_on["receipt"]["lines"]] == ["pull_lever"]


def test_a_yes_streams_like_a_message(alice: Actor, anthropic: FakeAnthropic, lever: Lever) -> None:
    body = asked(alice, anthropic)
    url = f"/api/approvals/{body['approval']['id']}"
    said = list(events(alice.post(url, json={"decision": "approve"}, headers=STREAM).response))
    assert names(said)[:3] == ["start", "tool_start", "tool_result"]
    assert names(said)[-1] == "done"
    assert said[0][1]["credits_remaining"] == 14
    assert said[1][1]["input"] == {"to": 3}


def test_the_price_on_the_card_counts(alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever) -> None:
    body = asked(alice, anthropic)
    with house.db.write() as tx:
        tx.execute(update(ActionPrice).where(ActionPrice.action == "pull_lever").values(credits=9))
    assert decide(alice, body["approval"]).get_json()["credits_used"] == 5


def test_what_the_client_sends_beside_its_word_changes_nothing(
    alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever
) -> None:
    body = asked(alice, anthropic)
    altered = {"input": {"to": 99}, "tool": "read_gauge", "credits": 0, "conversation_id": "other"}
    assert decide(alice, body["approval"], **altered).status_code == 200
    assert (lever.pulls, [log.credits_used for log in logs(house)]) == ([3], [5])


def test_the_model_goes_on_from_exactly_what_it_had_said(alice: Actor, anthropic: FakeAnthropic, lever: Lever) -> None:
    """The prompt only grows, so that its cache and the model's thinking hold."""
    body = asked(alice, anthropic)
    decide(alice, body["approval"])
    anthropic.enqueue(scripts.text("Anything else?"))
    alice.chat("Thanks", conversation_id=body["conversation_id"])
    first, second, third = [request.body["messages"] for request in anthropic.requests[-3:]]
    assert plain(second)[: len(first)] == plain(first)
    assert plain(third)[: len(second)] == plain(second)


def plain(messages: list[dict[str, Any]]) -> list[Any]:
    """Return messages without the marks of the cache, which move with the end."""
    return json.loads(
        json.dumps(messages), object_hook=lambda block: {k: v for k, v in block.items() if k != "cache_control"}
    )


# --- Once, by its user, in its time ---------------------------------------------------------------------------------


def test_a_word_counts_once(alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever) -> None:
    body = asked(alice, anthropic)
    assert decide(alice, body["approval"]).status_code == 200
    for word in ("approve", "refuse"):
        again = decide(alice, body["approval"], word)
        assert (again.status_code, again.get_json()["error"]) == (409, "approval_used")
    assert (lever.pulls, len(logs(house)), alice.credits()) == ([3], 1, 14)


def test_a_refused_action_stays_refused(alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever) -> None:
    body = asked(alice, anthropic, scripts.text("Then not."))
    done = decide(alice, body["approval"], "refuse", reason="It is rusty.").get_json()
    assert (done["response"], done["credits_used"], done["credits_remaining"]) == ("Then not.", 0, 19)
    assert "The user refused it. They said: It is rusty." in tool_results(anthropic).replace("the user", "The user")
    assert decide(alice, body["approval"]).get_json()["error"] == "approval_used"
    assert (lever.pulls, logs(house)) == ([], [])


def test_clicks_at_once_run_and_charge_once(alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever) -> None:
    body = asked(alice, anthropic)
    clients = [alice, *[Actor(alice.app, alice.email) for _ in range(11)]]
    for browser in clients[1:]:
        assert browser.log_in().status_code == 200
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda one: decide(one, body["approval"]), clients))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 11
    assert (lever.pulls, [log.credits_used for log in logs(house)], alice.credits()) == ([3], [5], 14)


def test_another_persons_approval_does_not_exist(
    alice: Actor, bob: Actor, anthropic: FakeAnthropic, lever: Lever
) -> None:
    body = asked(alice, anthropic)
    foreign = decide(bob, body["approval"])
    assert (foreign.status_code, foreign.get_json()["error"]) == (404, "approval_not_found")
    assert decide(bob, {"id": "no-such-id"}).get_json() == foreign.get_json()
    assert (lever.pulls, bob.credits()) == ([], 20)
    assert decide(alice, body["approval"]).status_code == 200


def test_an_approval_expires(alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever) -> None:
    body = asked(alice, anthropic)
    with house.db.write() as tx:
        tx.execute(update(Approval).values(expires_at=utcnow() - timedelta(seconds=1)))
    for word in ("approve", "refuse"):
        late = decide(alice, body["approval"], word)
        assert (late.status_code, late.get_json()["error"]) == (409, "approval_expired")
    shown = alice.get(f"/api/conversations/{body['conversation_id']}").get_json()["messages"][-1]
    assert shown["approval"]["state"] == "expired"
    assert (lever.pulls, alice.credits()) == ([], 19)


def test_a_new_message_withdraws_it(alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever) -> None:
    body = asked(alice, anthropic, scripts.text("As you like."))
    alice.chat("Yes, do it! I approve, approved: true", conversation_id=body["conversation_id"])
    last = anthropic.requests[-1].body["messages"]
    assert "instead of approving" in json.dumps(last)
    refused = decide(alice, body["approval"])
    assert (refused.status_code, refused.get_json()["state"]) == (409, "voided")
    assert (lever.pulls, logs(house)) == ([], [])


def test_an_approval_is_gone_with_its_conversation(alice: Actor, anthropic: FakeAnthropic, lever: Lever) -> None:
    body = asked(alice, anthropic)
    alice.delete(f"/api/conversations/{body['conversation_id']}")
    assert decide(alice, body["approval"]).status_code == 404
    assert lever.pulls == []


def test_too_few_credits_leave_it_open(alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever) -> None:
    with house.db.write() as tx:
        tx.execute(update(ActionPrice).where(ActionPrice.action == "pull_lever").values(credits=25))
    body = asked(alice, anthropic)
    short = decide(alice, body["approval"])
    assert (short.status_code, short.get_json()["credits_required"]) == (402, 25)
    assert (lever.pulls, logs(house), alice.credits()) == ([], [], 19)
    assert alice.post("/api/credits/purchase", json={"pack_size": 100}).status_code == 200
    done = decide(alice, body["approval"]).get_json()
    assert (lever.pulls, done["credits_remaining"]) == ([3], 94)


def test_a_key_makes_a_word_repeatable(alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever) -> None:
    body = asked(alice, anthropic)
    url, key = f"/api/approvals/{body['approval']['id']}", {"Idempotency-Key": "one-click"}
    first = alice.post(url, json={"decision": "approve"}, headers=key)
    again = alice.post(url, json={"decision": "approve"}, headers=key)
    assert (again.status_code, again.get_json()) == (200, first.get_json())
    other = alice.post(url, json={"decision": "refuse"}, headers=key)
    assert (other.status_code, other.get_json()["error"]) == (422, "idempotency_key_reused")
    assert (lever.pulls, len(logs(house))) == ([3], 1)


@pytest.mark.one_database
@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"decision": "yes"},
        {"decision": True},
        {"decision": "approve", "always": "yes"},
        {"decision": "refuse", "reason": 5},
        {"decision": "refuse", "reason": "x" * 501},
        {"decision": "refuse", "always": True},
        {"decision": "approve", "always": True},
    ],
)
def test_a_wrong_word_changes_nothing(
    alice: Actor, anthropic: FakeAnthropic, lever: Lever, wrong: dict[str, Any]
) -> None:
    body = asked(alice, anthropic)
    answer = alice.post(f"/api/approvals/{body['approval']['id']}", json=wrong)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_input")
    assert lever.pulls == []
    assert decide(alice, body["approval"]).status_code == 200


# --- What goes wrong ------------------------------------------------------------------------------------------------


def test_a_model_that_fails_behind_the_tool_leaves_it_done_and_paid_once(
    alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever
) -> None:
    body = asked(alice, anthropic, scripts.error(400), scripts.text("It is done."))
    failed = decide(alice, body["approval"])
    told = failed.get_json()
    assert (failed.status_code, told["error"], told["credits_used"]) == (502, "model_unavailable", 5)
    assert [(call["success"], call["credits_used"]) for call in told["tool_calls"]] == [(True, 5)]
    assert (lever.pulls, alice.credits()) == ([3], 14)
    done = alice.post(f"/api/conversations/{body['conversation_id']}/retry", json={}).get_json()
    assert (done["response"], done["credits_used"]) == ("It is done.", 0)
    assert '"after":3' in tool_results(anthropic)
    assert (lever.pulls, len(logs(house)), alice.credits()) == ([3], 1, 14)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OutcomeUnknown("the line broke."), "outcome_unknown"),
        (RuntimeError("nobody knows"), "outcome_unknown"),
        (ToolError("The cellar is locked.", ours=True), "The cellar is locked."),
    ],
)
def test_a_write_that_fails_is_refunded(
    alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever, error: Exception, reason: str
) -> None:
    body = asked(alice, anthropic, scripts.text("I don't know."))
    lever.fails_with = error
    done = decide(alice, body["approval"]).get_json()
    assert done["tool_calls"] == [{"name": "pull_lever", "success": False, "credits_used": 0}]
    assert [(log.success, log.credits_used, log.error_message) for log in logs(house)] == [(False, 0, reason)]
    assert alice.credits() == 19


def test_a_stop_in_the_middle_of_a_write_waits_for_it_and_does_not_make_it_free(
    alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever
) -> None:
    """A write can't be called back: a click on Stop must neither hide what it did nor give its price back."""
    body = asked(alice, anthropic)
    reading = events_of_a_held_write(alice, body, lever)
    assert alice.post(f"/api/conversations/{body['conversation_id']}/stop", json={}).get_json() == {"stopped": True}
    wait_for(sees_the_write_through, "the stop was not noticed while the write was held")
    lever.let_go()
    name, done = list(reading)[-1]
    assert (name, done["status"], done["credits_used"]) == ("done", "stopped", 5)
    assert done["tool_calls"] == [{"name": "pull_lever", "success": True, "credits_used": 5}]
    assert ([(log.success, log.credits_used) for log in logs(house)], alice.credits()) == ([(True, 5)], 14)
    alice.chat("And now?", conversation_id=body["conversation_id"])
    assert '\\"after\\":3' in json.dumps(anthropic.requests[-1].body["messages"])
    assert lever.pulls == [3]


def test_deleting_the_conversation_in_the_middle_of_a_write_does_not_make_it_free(
    alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever
) -> None:
    body = asked(alice, anthropic)
    reading = events_of_a_held_write(alice, body, lever)
    assert alice.delete(f"/api/conversations/{body['conversation_id']}").status_code == 204
    lever.let_go()
    assert list(reading)[-1][0] == "error"
    assert (lever.pulls, [log.credits_used for log in logs(house)], alice.credits()) == ([3], [5], 14)


@pytest.mark.parametrize("ours", [True, False], ids=["refunded", "kept"])
def test_a_write_that_fails_behind_its_deletion_leaves_no_words(
    alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever, ours: bool
) -> None:
    body = asked(alice, anthropic)
    reading = events_of_a_held_write(alice, body, lever)
    assert alice.delete(f"/api/conversations/{body['conversation_id']}").status_code == 204
    lever.fails_with = ToolError("deployment cellar at 10.1.2.3 refused it.", ours=ours)
    lever.let_go()
    assert list(reading)[-1][0] == "error"
    [log] = logs(house)
    assert (log.success, log.error_message) == (not ours, "What went wrong was deleted with the conversation.")
    assert len(anthropic.requests) == 1  # Nobody is left to be answered.


def test_the_time_to_heed_a_stop_begins_anew_behind_a_write(
    alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever
) -> None:
    """Who watches from another process must not take this one for dead while it ends what a write held up."""
    body = asked(alice, anthropic)
    reading = events_of_a_held_write(alice, body, lever)
    alice.post(f"/api/conversations/{body['conversation_id']}/stop", json={})
    with house.db.write() as tx:
        long_ago = utcnow() - timedelta(minutes=2)
        tx.execute(update(Message).where(Message.status == "running").values(stop_requested_at=long_ago))
    lever.let_go()
    assert list(reading)[-1][1]["status"] == "stopped"
    with house.db.read() as tx:
        asked_at = tx.scalar(select(Message.stop_requested_at).where(Message.continues_id.is_not(None)))
    assert asked_at is not None and asked_at > long_ago + timedelta(minutes=1)


def sees_the_write_through() -> bool:
    """Say whether an answer has noticed that it is to end, and waits for its write alone."""
    stacks = [traceback.extract_stack(frame) for frame in sys._current_frames().values()]
    return any(call.name == "_see_writes_through" for stack in stacks for call in stack)


def events_of_a_held_write(actor: Actor, body: dict[str, Any], lever: Lever) -> Iterator[Any]:
    """Approve, and return the stream once the lever is being pulled and held."""
    lever.gate = threading.Event()
    url = f"/api/approvals/{body['approval']['id']}"
    reading = events(actor.post(url, json={"decision": "approve"}, headers=STREAM, buffered=False).response)
    assert next(reading)[0] == "start"
    assert lever.pulling.wait(60)
    return reading


def test_who_stops_during_the_preview_is_not_asked(
    alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever
) -> None:
    anthropic.enqueue(scripts.tools(PULL))

    def stop_it() -> None:
        with house.db.write() as tx:  # As another process writes it.
            tx.execute(update(Message).where(Message.status == "running").values(stop_requested_at=utcnow()))

    lever.while_looking = stop_it
    body = alice.chat("Pull it").get_json()
    assert (body["status"], body["credits_used"], alice.credits()) == ("stopped", 0, 20)
    assert "approval" not in body
    with house.db.read() as tx:
        assert tx.scalar(select(func.count()).select_from(Approval)) == 0


def test_the_reason_of_a_refusal_holds_no_secret(
    alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever
) -> None:
    body = asked(alice, anthropic)
    secret = "ghp_" + "a1B2" * 9
    decide(alice, body["approval"], "refuse", reason=f"use {secret} instead")
    with house.db.read() as tx:
        stored = [row.content for row in tx.scalars(select(Message))], tx.scalars(select(Approval)).one().reason
    assert secret not in json.dumps(stored) + json.dumps(anthropic.bodies)


def test_a_refusal_outlives_a_crash(alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever) -> None:
    body = asked(alice, anthropic, scripts.error(400), scripts.text("As you wish."))
    assert decide(alice, body["approval"], "refuse", reason="No.").status_code == 502
    done = alice.post(f"/api/conversations/{body['conversation_id']}/retry", json={}).get_json()
    assert (done["response"], done["credits_used"]) == ("As you wish.", 0)
    assert "The user refused it. They said: No." in tool_results(anthropic).replace("the user", "The user")


def test_going_on_is_no_message_of_its_own(alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever) -> None:
    body = asked(alice, anthropic)
    decide(alice, body["approval"])
    history = alice.get("/api/usage/history").get_json()
    assert [(log["action_type"], log["credits_used"]) for log in history["logs"]] == [
        ("tool_use", 5),
        ("chat_message", 1),
    ]
    assert history["total_count"] == 2
    assert alice.get("/api/usage/stats").get_json()["daily"][-1]["count"] == 2


def test_a_dead_process_leaves_an_unknown_outcome_and_no_second_run(
    alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever
) -> None:
    """As the database looks when the server was killed right after it had asked for the write."""
    body = asked(alice, anthropic, scripts.text("Pulled."))
    decide(alice, body["approval"])
    with house.db.write() as tx:
        last = tx.scalars(select(Message).order_by(Message.position.desc())).first()
        assert last is not None
        last.status, last.finished_at, last.content = "running", None, last.content[:1]
        for log in tx.scalars(select(UsageLog).where(UsageLog.message_id == last.id)):
            log.success, log.finished_at, log.lease_expires_at = None, None, utcnow()
    assert alice.credits() == 19
    assert [(log.success, log.error_message) for log in logs(house)] == [(False, "outcome_unknown")]
    shown = alice.get(f"/api/conversations/{body['conversation_id']}").get_json()["messages"][-1]
    assert (shown["status"], shown["blocks"][0]["status"]) == ("failed", "unknown")
    anthropic.enqueue(scripts.text("I would look first."))
    done = alice.post(f"/api/conversations/{body['conversation_id']}/retry", json={}).get_json()
    assert (done["response"], done["credits_used"]) == ("I would look first.", 0)
    assert '"outcome":"unknown"' in tool_results(anthropic)
    assert lever.pulls == [3]
    assert decide(alice, body["approval"]).status_code == 409


def test_refusing_for_ever_ends_within_the_limits_of_one_message(
    alice: Actor, anthropic: FakeAnthropic, lever: Lever, house: House
) -> None:
    """A refusal costs nothing, so it must not buy any number of turns of the model."""
    anthropic.default = lambda wire: scripts.tools(PULL)(wire)
    body = alice.chat("Pull it").get_json()
    refusals = 0
    while "approval" in body:
        body = decide(alice, body["approval"], "refuse").get_json()
        refusals += 1
        assert refusals < 20
    assert "again and again" in body["response"]
    assert (lever.pulls, alice.credits()) == ([], 19)


# --- Always -----------------------------------------------------------------------------------------------------------


def test_a_reading_tool_can_be_allowed_for_good_up_to_its_price(
    alice: Actor, bob: Actor, anthropic: FakeAnthropic, house: House, lever: Lever
) -> None:
    def asks(actor: Actor, call: tuple[str, dict[str, Any]]) -> bool:
        body = asked(actor, anthropic, call=call)
        if "approval" in body:
            decide(actor, body["approval"], "refuse")
        return "approval" in body

    gauge = ("read_gauge", {"to": 1})
    body = asked(alice, anthropic, scripts.text("0."), call=gauge)
    assert decide(alice, body["approval"], always=True).status_code == 200
    assert not asks(alice, gauge)
    assert asks(bob, gauge)
    assert asks(alice, PULL), "a tool that writes always asks"
    with house.db.write() as tx:
        tx.execute(update(ActionPrice).where(ActionPrice.action == "read_gauge").values(credits=6))
    assert asks(alice, gauge)


def test_the_word_is_gone_with_the_tool(alice: Actor, anthropic: FakeAnthropic, house: House, lever: Lever) -> None:
    body = asked(alice, anthropic)
    with house.db.write() as tx:
        tx.execute(delete(ActionPrice).where(ActionPrice.action == "pull_lever"))
    house.tools._tools.pop("pull_lever")
    done = decide(alice, body["approval"]).get_json()
    assert done["tool_calls"] == [{"name": "pull_lever", "success": False, "credits_used": 0}]
    assert (lever.pulls, alice.credits()) == ([], 19)
