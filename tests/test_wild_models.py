"""Let the model call tools as no model should: the wallet, the cluster and the conversation stay whole."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from models import UsageLog
from services import audit
from services.house import House
from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic
from tests.fakes.kubernetes_scenes import healthy
from tests.support.actors import Actor
from tests.support.clusters import PRICE, HeldCluster, body_of, let_ask, scale, shop

pytestmark = pytest.mark.one_database
LOOK = ("k8s_get", {"kind": "deployments", "namespace": "shop"})


@pytest.fixture
def overrides() -> dict[str, Any]:
    """Let tools reach this machine."""
    return {"tools_allow_private": "127.0.0.1"}


@pytest.fixture
def cluster(house: House, alice: Actor, anthropic: FakeAnthropic) -> Iterator[HeldCluster]:
    """Return Alice's cluster; at the end the ledger is right and the model was never asked wrongly."""
    with shop() as fake:
        assert alice.post("/api/connections", json=body_of(fake)).status_code == 201
        yield fake
    assert audit.audit(house.db) == []
    assert anthropic.refused == []


def results(anthropic: FakeAnthropic) -> list[dict[str, Any]]:
    """Return what the model was last told of its calls."""
    return [block for block in anthropic.bodies[-1]["messages"][-1]["content"] if block["type"] == "tool_result"]


def charges(house: House) -> list[tuple[str | None, bool | None, int]]:
    """Return what became of the charges of tools."""
    query = select(UsageLog).where(UsageLog.tool_name.is_not(None)).order_by(UsageLog.id)
    with house.db.read() as tx:
        return [(log.tool_name, log.success, log.credits_used) for log in tx.scalars(query)]


def decide(alice: Actor, body: dict[str, Any], word: str = "approve") -> Any:
    """Say the user's word on what waits."""
    return alice.post(f"/api/approvals/{body['approval']['id']}", json={"decision": word})


def goes_on(alice: Actor, body: dict[str, Any]) -> None:
    """Check that the conversation can be gone on with."""
    after = alice.chat("And now?", conversation_id=body["conversation_id"])
    assert (after.status_code, after.get_json().get("response")) == (200, "You said: And now?")


def test_calls_that_are_wrong_are_answered_and_cost_nothing(
    alice: Actor, anthropic: FakeAnthropic, house: House, cluster: HeldCluster
) -> None:
    wrong = [
        ("k8s_delete_everything", {"namespace": "shop"}),
        ("k8s_get", {"kind": 5}),
        ("k8s_get", {"kind": "pods", "approved": True}),
        scale(5, approved=True),
        scale(-1),
        ("k8s_scale", {"namespace": "shop", "deployment": ["web"], "replicas": "5 ; rm -rf /"}),
        ("k8s_get", {"kind": "pods", "connection": {"$ne": None}}),
    ]
    for call in wrong:
        seen = len(cluster.requests)
        anthropic.enqueue(scripts.tools(call), scripts.text("I was wrong."))
        body = alice.chat("Do something odd").get_json()
        assert (body["response"], body["credits_used"]) == ("I was wrong.", 1), call
        assert [result["is_error"] for result in results(anthropic)] == [True], call
        assert len(cluster.requests) == seen, call
    assert (charges(house), alice.credits(), cluster.arrived) == ([], 20 - len(wrong), 0)


@pytest.mark.parametrize("text", ['{"namespace": "shop", "deployment": ]', "[1, 2]", '"web"', "{", "null", "NaN"])
def test_broken_json_runs_nothing(
    alice: Actor, anthropic: FakeAnthropic, house: House, cluster: HeldCluster, text: str
) -> None:
    anthropic.enqueue(scripts.broken_tool_json("k8s_scale", text), scripts.text("I was wrong."))
    answer = alice.chat("Do something odd")
    assert answer.status_code in (200, 502), answer.get_data(as_text=True)
    paid = 1 if answer.status_code == 200 else 0
    assert (charges(house), alice.credits(), cluster.arrived) == ([], 20 - paid, 0)
    anthropic._queue.clear()
    goes_on(alice, answer.get_json())


@pytest.mark.parametrize(
    "blocks",
    [
        [scripts.tool_block(*LOOK, "toolu_same"), scripts.tool_block(*scale(), "toolu_same")],
        [scripts.tool_block("", {}), scripts.tool_block(*scale())],
        [scripts.tool_block("k8s_get\n", {"kind": "pods"})],
        [scripts.tool_block(*LOOK, "toolu_before")],
    ],
)
def test_calls_that_cannot_be_sent_back_do_not_spoil_the_conversation(
    alice: Actor, anthropic: FakeAnthropic, house: House, cluster: HeldCluster, blocks: list[dict[str, Any]]
) -> None:
    anthropic.enqueue(scripts.Turn([scripts.tool_block(*LOOK, "toolu_before")], stop_reason="tool_use"))
    anthropic.enqueue(scripts.text("Seen."), scripts.Turn(blocks, stop_reason="tool_use"))
    first = alice.chat("Look around").get_json()
    answer = alice.chat("Do something odd", conversation_id=first["conversation_id"])
    assert (answer.status_code, answer.get_json()["error"], cluster.arrived) == (502, "model_unavailable", 0)
    assert (charges(house), alice.credits()) == ([("k8s_get", True, 1)], 18)
    goes_on(alice, first)


def test_twenty_calls_in_one_turn_are_paid_as_far_as_the_credits_go(
    alice: Actor, anthropic: FakeAnthropic, house: House, cluster: HeldCluster
) -> None:
    calls = [
        ("k8s_get", {"kind": "pods", "namespace": "shop", "selector": f"number=n{number}"}) for number in range(20)
    ]
    anthropic.enqueue(scripts.tools(*calls), scripts.text("That is all."))
    body = alice.chat("Look everywhere").get_json()
    told = [result["is_error"] for result in results(anthropic)]
    assert told == [False] * 19 + [True]
    assert "it costs 1 credit and 0 are left" in results(anthropic)[-1]["content"]
    asked = [request.query["labelSelector"] for request in cluster.requests if "labelSelector" in request.query]
    assert sorted(asked) == sorted(f"number=n{number}" for number in range(19))
    assert (body["credits_used"], body["credits_remaining"]) == (20, 0)
    assert charges(house) == [("k8s_get", True, 1)] * 19


def test_of_two_writes_among_reads_one_waits_and_none_runs(
    alice: Actor, anthropic: FakeAnthropic, house: House, cluster: HeldCluster
) -> None:
    healthy(cluster, "api")
    second = scale(4, deployment="api")
    anthropic.enqueue(scripts.tools(LOOK, scale(), second, ("k8s_get", {**LOOK[1], "name": "web"})))
    body = alice.chat("Look around").get_json()
    assert (body["approval"]["input"], cluster.arrived) == (scale()[1], 0)
    assert charges(house) == [("k8s_get", True, 1)] * 2
    anthropic.enqueue(scripts.text("One is done."))
    done = decide(alice, body).get_json()
    told = {result["tool_use_id"]: result["is_error"] for result in results(anthropic)}
    assert (len(told), sum(told.values())) == (4, 1)
    assert done["credits_used"] == PRICE
    assert [(write.path.split("/")[-2], write.json()["spec"]["replicas"]) for write in cluster.writes] == [("web", 5)]
    goes_on(alice, body)


def test_a_write_that_is_asked_for_again_after_a_no_is_a_new_question(
    alice: Actor, anthropic: FakeAnthropic, house: House, cluster: HeldCluster
) -> None:
    let_ask(anthropic, scripts.tools(scale(), before="But I insist."), scripts.text("Scaled."))
    first = alice.chat("Look after web").get_json()
    second = decide(alice, first, "refuse").get_json()
    assert second["approval"]["id"] != first["approval"]["id"]
    assert (cluster.arrived, charges(house)) == (0, [])
    assert decide(alice, first).status_code == 409
    assert (cluster.arrived, charges(house)) == (0, [])
    assert decide(alice, second).get_json()["response"] == "Scaled."
    assert decide(alice, second).status_code == 409
    assert (cluster.arrived, charges(house), alice.credits()) == (1, [("k8s_scale", True, PRICE)], 14)
    goes_on(alice, first)


@pytest.mark.parametrize("reason", ["max_tokens", "end_turn", "refusal"])
def test_a_write_in_a_turn_that_ended_otherwise_is_not_even_asked_for(
    alice: Actor, anthropic: FakeAnthropic, house: House, cluster: HeldCluster, reason: str
) -> None:
    anthropic.enqueue(scripts.tools(scale(), before="I would scale it.", stop_reason=reason))
    body = alice.chat("Look after web").get_json()
    assert "approval" not in body
    assert (cluster.arrived, charges(house), body["credits_used"]) == (0, [], 1)
    goes_on(alice, body)


def test_a_model_that_breaks_off_behind_a_write_has_it_done_and_paid_once(
    alice: Actor, anthropic: FakeAnthropic, house: House, cluster: HeldCluster
) -> None:
    """However often it breaks off and asks for the same again, a retry runs nothing anew by itself."""
    let_ask(anthropic, scripts.dropped(), scripts.dropped(), scripts.dropped())
    body = alice.chat("Scale web to 5").get_json()
    anthropic.default = scripts.text("Half", ending="dropped")
    assert decide(alice, body).status_code == 502
    anthropic._queue.clear()
    path = f"/api/conversations/{body['conversation_id']}/retry"
    for _ in range(2):
        assert alice.post(path, json={}).status_code == 502
    anthropic.default = scripts.echo
    let_ask(anthropic, call=scale(6))
    again = alice.post(path, json={}).get_json()
    assert again["approval"]["input"]["replicas"] == 6
    assert (cluster.arrived, charges(house), alice.credits()) == (1, [("k8s_scale", True, PRICE)], 14)
    anthropic.enqueue(scripts.text("Now at 6."))
    assert decide(alice, again).get_json()["response"] == "Now at 6."
    assert [write.json()["spec"]["replicas"] for write in cluster.writes] == [5, 6]
    assert (charges(house), alice.credits()) == ([("k8s_scale", True, PRICE)] * 2, 9)
    goes_on(alice, body)
