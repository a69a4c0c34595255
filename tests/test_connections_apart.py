"""Keep the connections of two people apart, and each approval with the very connection that its card named."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from models import Approval, Connection, CreditLedger, Message, UsageLog
from services import audit
from services.house import House
from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic
from tests.fakes.github import FakeGitHub, run
from tests.fakes.kubernetes_scenes import healthy
from tests.fakes.prometheus import FakePrometheus, sample
from tests.support.actors import Actor, signed_up
from tests.support.clusters import PRICE, HeldCluster, body_of, let_ask, scale, shop
from tests.support.connections import everything_stored

MESSAGES = 8
"""Of each person, all at once."""


@pytest.fixture
def overrides() -> dict[str, Any]:
    """Let tools reach this machine."""
    return {"tools_allow_private": "127.0.0.1"}


@pytest.fixture(autouse=True)
def _books_are_right(house: House, anthropic: FakeAnthropic) -> Iterator[None]:
    """Audit the ledger after every test of this module, and see that the model was never asked wrongly."""
    yield
    assert audit.audit(house.db) == []
    assert anthropic.refused == []


@dataclass
class Owner:
    """A person with systems of their own; each of them shows the owner's name and knows the owner's token only."""

    name: str
    actor: Actor
    token: str
    cluster: HeldCluster
    metrics: FakePrometheus
    github: FakeGitHub

    def seen(self) -> list[str | None]:
        """Return what each request to one of the systems was signed with."""
        heads = [request.headers for request in self.cluster.requests]
        heads += [asked.headers for asked in [*self.metrics.asked, *self.github.asked]]
        return [head.get("authorization") for head in heads]

    def connect(self) -> None:
        """Connect all of them under one name, which others use too."""
        web = {"token": self.token}
        for body in (
            body_of(self.cluster),
            {"kind": "prometheus", "name": "prod", "settings": {**web, "url": self.metrics.base}},
            {"kind": "github", "name": "prod", "settings": {**web, "api_url": self.github.url}},
        ):
            answer = self.actor.post("/api/connections", json=body)
            assert answer.status_code == 201, answer.get_data(as_text=True)
        assert self.actor.post("/api/credits/purchase", json={"pack_size": 250}).status_code == 200


@pytest.fixture
def owners(app: Flask) -> Iterator[tuple[Owner, Owner]]:
    """Return Alice and Bob with the same kinds of systems under the same names."""
    with ExitStack() as stack:
        found = []
        for name in ("alice", "bob"):
            token = f"ghp_{name.ljust(36, '7')}"
            cluster = stack.enter_context(shop(token))
            healthy(cluster, f"{name}-shop")
            metrics, github = stack.enter_context(FakePrometheus(token)), stack.enter_context(FakeGitHub(token))
            metrics.instant["up"] = [sample(1, __name__="up", job=f"{name}-job")]
            github.runs = [run(1, display_title=f"{name}-change")]
            owner = Owner(name, signed_up(app, name), token, cluster, metrics, github)
            owner.connect()
            found.append(owner)
        yield found[0], found[1]


def looking(**more: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return calls that read from each kind of system."""
    return [
        ("k8s_get", {"kind": "deployments", "namespace": "shop", **more}),
        ("promql_query", {"expr": "up", **more}),
        ("github_runs", {"repo": "acme/shop", **more}),
    ]


def results(anthropic: FakeAnthropic) -> list[dict[str, Any]]:
    """Return what the model was last told of its calls."""
    return [block for block in anthropic.bodies[-1]["messages"][-1]["content"] if block["type"] == "tool_result"]


def charges(house: House, user_id: int) -> list[tuple[bool | None, int]]:
    """Return what became of the charges of a person's tools."""
    query = select(UsageLog).where(UsageLog.user_id == user_id, UsageLog.tool_name.is_not(None)).order_by(UsageLog.id)
    with house.db.read() as tx:
        return [(log.success, log.credits_used) for log in tx.scalars(query)]


# --- Two people -------------------------------------------------------------------------------------------------------


@pytest.mark.one_database
@pytest.mark.timeout(600)
def test_calls_of_two_people_at_once_use_only_their_own_tokens(
    app: Flask, house: House, owners: tuple[Owner, Owner], anthropic: FakeAnthropic, capfd: pytest.CaptureFixture[str]
) -> None:
    def agent(wire: scripts.Wire) -> None:
        words = scripts.last_words(wire.body)
        if words == "tool results":
            told = [block["content"] for block in wire.body["messages"][-1]["content"]]
            scripts.text("I saw: " + "; ".join(told))(wire)
        else:
            scripts.tools(*looking(), *looking(connection="prod"))(wire)

    anthropic.default = agent

    def ask(number: int) -> tuple[Owner, dict[str, Any]]:
        owner = owners[number % 2]
        browser = app.test_client()
        browser.set_cookie("session", owner.actor.client.get_cookie("session").value)
        answer = browser.post("/api/chat", json={"message": f"What runs? {number}"})
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return owner, answer.get_json()

    with ThreadPoolExecutor(2 * MESSAGES) as pool:
        answers = list(pool.map(ask, range(2 * MESSAGES)))
    for owner, body in answers:
        (other,) = [one for one in owners if one is not owner]
        assert [call["success"] for call in body["tool_calls"]] == [True] * 6
        assert all(body["response"].count(f"{owner.name}-{what}") >= 2 for what in ("shop", "job", "change"))
        assert f"{other.name}-" not in body["response"]
    for owner in owners:
        assert set(owner.seen()) == {f"Bearer {owner.token}"}
        assert len(owner.seen()) >= 6 * MESSAGES
        assert owner.actor.credits() == 20 + 250 - 7 * MESSAGES
    with house.db.read() as tx:
        messages = json.dumps(list(tx.scalars(select(Message.content))))
    seen = {
        "stored": everything_stored(house.db),
        "messages": messages,
        "sent to the model": json.dumps(anthropic.bodies),
        "logs": "".join(capfd.readouterr()),
    }
    assert [(where, one.name) for where, text in seen.items() for one in owners if one.token in text] == []


@pytest.mark.one_database
def test_naming_anothers_connection_finds_nothing(
    house: House, owners: tuple[Owner, Owner], anthropic: FakeAnthropic
) -> None:
    alice, bob = owners
    secret = {**body_of(alice.cluster), "name": "alices-own"}
    foreign = alice.actor.post("/api/connections", json=secret).get_json()["connection"]
    before, charged = len(alice.seen()), len(charges(house, bob.actor.id))
    for named in ("alices-own", foreign["id"], "ALICES-OWN "):
        anthropic.enqueue(scripts.tools(looking(connection=named)[0], scale(connection=named)), scripts.text("No."))
        body = bob.actor.chat("Look there").get_json()
        assert "approval" not in body
        told = [block["content"] for block in results(anthropic)]
        assert all("There is no Kubernetes connection of that name" in one for one in told)
        assert '"prod\\"' in told[0], "only their own are offered"
        assert "alice" not in "".join(told)
    assert bob.actor.delete(f"/api/connections/{foreign['id']}").status_code == 404
    assert bob.actor.get("/api/connections").get_data(as_text=True).count("alice") == 0
    assert (len(alice.seen()), len(charges(house, bob.actor.id))) == (before, charged)


def test_a_row_that_was_moved_to_another_person_opens_nothing(
    house: House, owners: tuple[Owner, Owner], anthropic: FakeAnthropic
) -> None:
    alice, bob = owners
    moved = {**body_of(alice.cluster), "name": "moved"}
    row = alice.actor.post("/api/connections", json=moved).get_json()["connection"]
    before = len(alice.seen())
    with house.db.write() as tx:
        tx.execute(update(Connection).where(Connection.id == row["id"]).values(user_id=bob.actor.id))
    anthropic.enqueue(scripts.tools(looking(connection="moved")[0], scale(connection="moved")), scripts.text("No."))
    body = bob.actor.chat("Look there").get_json()
    assert "approval" not in body
    assert all("cannot be read" in block["content"] for block in results(anthropic))
    assert (len(alice.seen()), body["credits_used"]) == (before, 1)


def test_an_approval_that_was_pointed_at_anothers_connection_writes_nothing(
    house: House, owners: tuple[Owner, Owner], anthropic: FakeAnthropic
) -> None:
    alice, bob = owners
    let_ask(anthropic, scripts.text("It did not run."))
    body = bob.actor.chat("Scale web to 5").get_json()
    foreign = next(
        one for one in alice.actor.get("/api/connections").get_json()["connections"] if one["kind"] == "kubernetes"
    )
    with house.db.write() as tx:
        tx.execute(update(Approval).values(connection_id=foreign["id"]))
    assert alice.actor.post(f"/api/approvals/{body['approval']['id']}", json={"decision": "approve"}).status_code == 404
    done = bob.actor.post(f"/api/approvals/{body['approval']['id']}", json={"decision": "approve"}).get_json()
    assert (done["credits_used"], charges(house, bob.actor.id)) == (0, [(False, 0)])
    assert (alice.cluster.arrived, bob.cluster.arrived) == (0, 0)
    assert set(alice.seen()) == {f"Bearer {alice.token}"}


# --- Between the card and the click -----------------------------------------------------------------------------------


@pytest.mark.one_database
@pytest.mark.parametrize("then", ["nothing", "another of the same name", "the same one again"])
def test_a_connection_that_was_deleted_after_the_card_is_never_written_to(
    house: House, alice: Actor, anthropic: FakeAnthropic, then: str
) -> None:
    with shop() as shown, shop("another-cluster-token-0123456789") as other:
        connection = alice.post("/api/connections", json=body_of(shown)).get_json()["connection"]
        let_ask(anthropic, scripts.text("It did not run."))
        body = alice.chat("Scale web to 5").get_json()
        assert alice.delete(f"/api/connections/{connection['id']}").status_code == 204
        replaced: dict[str, Callable[[], Any]] = {
            "nothing": lambda: None,
            "another of the same name": lambda: alice.post("/api/connections", json=body_of(other)),
            "the same one again": lambda: alice.post("/api/connections", json=body_of(shown)),
        }
        replaced[then]()
        done = alice.post(f"/api/approvals/{body['approval']['id']}", json={"decision": "approve"}).get_json()
        assert done["tool_calls"] == [{"name": "k8s_scale", "success": False, "credits_used": 0}]
        assert (done["credits_remaining"], charges(house, alice.id)) == (19, [(False, 0)])
        assert "has been deleted meanwhile" in results(anthropic)[0]["content"]
        assert (shown.arrived, other.arrived) == (0, 0)
    with house.db.read() as tx:
        back = tx.scalars(select(CreditLedger.delta).where(CreditLedger.kind == "refund")).all()
    assert back == [PRICE]
