"""Put Alice and Bob into a world where all that is outside may be hostile, and look everywhere for what got out."""

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from sqlalchemy import select

from agent.tools.kubernetes.writing import RESTARTED_AT
from models import ActionPrice, AllowedTool, Approval, UsageLog
from services import audit
from services.house import House
from tests.fakes import kubernetes_scenes as scenes
from tests.fakes.anthropic_server import FakeAnthropic
from tests.fakes.dns_server import DnsServer
from tests.fakes.github import FakeGitHub
from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.kubernetes_objects import made
from tests.fakes.kubernetes_store import Address
from tests.fakes.loki import FakeLoki
from tests.fakes.prometheus import FakePrometheus
from tests.fakes.web_servers import WebServer, reply
from tests.support.actors import Actor
from tests.support.connections import KEY, everything_stored
from tests.support.environment import SECRET_KEY
from tests.support.loaded_pages import dangers
from tests.support.obedient import Obedient

EVIL = "attacker.com"
SHOP_SECRET = "zq8-Plum-Kettle-Orbit-41"
"""Stands in the cluster, in a Secret and in a deployment's environment."""


@dataclass
class World:
    """Everything outside of the product: the systems of two people, and an attacker's server and name."""

    cluster: FakeKubernetes
    github: FakeGitHub
    loki: FakeLoki
    prometheus: FakePrometheus
    bobs_loki: FakeLoki
    bobs_github: FakeGitHub
    evil: WebServer
    dns: DnsServer
    pages: dict[str, Any] = field(default_factory=dict)

    @property
    def secrets(self) -> dict[str, list[str]]:
        """Return every credential in the world, by the service that alone may see it."""
        return {
            "cluster": [self.cluster.token, SHOP_SECRET],
            "github": [self.github.token],
            "loki": [self.loki.token],
            "prometheus": [self.prometheus.token],
            "bobs_loki": [self.bobs_loki.token],
            "bobs_github": [self.bobs_github.token],
        }

    def evil_url(self, path: str = "/") -> str:
        """Return an address on the attacker's server."""
        return f"{self.evil.url_of(EVIL)}{path}"

    def asked(self) -> dict[str, list[Any]]:
        """Return every request that arrived anywhere."""
        webs = {
            name: getattr(self, name).asked for name in ("github", "loki", "prometheus", "bobs_loki", "bobs_github")
        }
        stores = [*self.github.store.asked, *self.bobs_github.store.asked]
        return {"cluster": self.cluster.requests, "evil": self.evil.requests, "log_store": stores, **webs}

    @property
    def writes(self) -> list[str]:
        """Return every request that could change something outside; queries are posted, and only read."""
        found = []
        for name, requests in self.asked().items():
            for one in requests:
                is_query = name in ("loki", "prometheus") and one.path.endswith(("/query", "/query_range", "/values"))
                if one.method not in ("GET", "HEAD") and not is_query:
                    found.append(f"{one.method} at {name}: {one}")
        return found


@contextmanager
def hostile_world(zone: dict[tuple[str, str], Any]) -> Iterator[World]:
    """Open the world; `zone` is what the attacker's DNS says besides the address of the server."""
    pages: dict[str, Any] = {"/": reply(200, b"Welcome.")}

    def script(line: Any, asked: Any) -> None:
        pages.get(asked.target.partition("?")[0], reply(404))(line, asked)

    with ExitStack() as stack:
        opened = [
            stack.enter_context(one)
            for one in (
                FakeKubernetes(token="alices-cluster-token-5b1f0c77d2a94e63"),
                FakeGitHub(),
                FakeLoki("alices-loki-token-93aa17c2"),
                FakePrometheus("alices-prometheus-token-61e0"),
                FakeLoki("bobs-loki-token-b770f2d1"),
                FakeGitHub("ghp_" + "bB7xQ2mN9kLs4RtV8wYz3Jp6Hc1Df5Ga0Te2"),
                WebServer(script),
                DnsServer({(EVIL, "A"): ["127.0.0.1"], **zone}),
            )
        ]
        world = World(*opened, pages)  # type: ignore[call-arg,arg-type]
        _furnish(world.cluster)
        yield world


def _furnish(cluster: FakeKubernetes) -> None:
    scenes.healthy(cluster, replicas=3)
    coded = base64.b64encode(SHOP_SECRET.encode()).decode()
    cluster.put(made("Secret", "database", type="Opaque", data={"DB_PASSWORD": coded}))
    scenes.healthy(cluster, "worker", replicas=1)
    worker = cluster.store.get(_deployment("worker"))
    worker["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "DB_PASSWORD", "value": SHOP_SECRET}]
    cluster.put(worker)


def _deployment(name: str) -> Address:
    return Address("deployments", "apps", "shop", name)


def settings_for(world: World) -> dict[str, Any]:
    """Return settings under which tools reach these very servers, and nothing else on this machine."""
    ports = [
        int(one.url.rpartition(":")[2])
        for one in (world.cluster, world.github, world.github.store, world.loki, world.prometheus, world.evil)
    ]
    ports += [int(one.url.rpartition(":")[2]) for one in (world.bobs_loki, world.bobs_github)]
    return {
        "credentials_key": KEY,
        "tools_allow_private": [f"127.0.0.1:{port}" for port in ports],
        "tools_dns_servers": [world.dns.address],
    }


def connect_all(world: World, alice: Actor, bob: Actor) -> None:
    """Let both connect what is theirs, by the API."""
    mine = {
        "kubernetes": {"kubeconfig": world.cluster.kubeconfig()},
        "github": {"token": world.github.token, "api_url": world.github.url},
        "loki": {"url": world.loki.url, "token": world.loki.token},
        "prometheus": {"url": world.prometheus.url, "token": world.prometheus.token},
    }
    his = {
        "loki": {"url": world.bobs_loki.url, "token": world.bobs_loki.token},
        "github": {"token": world.bobs_github.token, "api_url": world.bobs_github.url},
    }
    for person, name, owned in ((alice, "prod", mine), (bob, "bobs", his)):
        for kind, settings in owned.items():
            added = person.post("/api/connections", json={"kind": kind, "name": name, "settings": settings})
            assert added.status_code == 201, added.get_data(as_text=True)
    for one in (world.bobs_loki, world.bobs_github):
        one.asked.clear()


@dataclass
class Scene:
    """The world with the product in it, and a model that obeys whoever speaks last."""

    world: World
    alice: Actor
    bob: Actor
    house: House
    anthropic: FakeAnthropic
    model: Obedient
    prices: dict[str, int]
    answers: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, message: str, **more: Any) -> dict[str, Any]:
        """Let Alice send a message, and return the answer."""
        answer = self.alice.chat(message, **more)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        self.answers.append(answer.get_json())
        return self.answers[-1]

    def approve(self) -> dict[str, Any]:
        """Let Alice say yes to what waits, and return the answer that goes on."""
        waits = self.answers[-1]["approval"]
        answer = self.alice.post(f"/api/approvals/{waits['id']}", json={"decision": "approve"})
        assert answer.status_code == 200, answer.get_data(as_text=True)
        self.answers.append(answer.get_json())
        return self.answers[-1]

    @property
    def told(self) -> str:
        """Return all that the model was ever sent."""
        return json.dumps(self.anthropic.bodies, ensure_ascii=False)

    def approvals(self) -> list[Approval]:
        """Return every approval that there is."""
        with self.house.db.read() as tx:
            return list(tx.scalars(select(Approval).order_by(Approval.created_at)))

    def charges(self) -> dict[str, int]:
        """Return what Alice paid, by tool."""
        paid: dict[str, int] = {}
        with self.house.db.read() as tx:
            for log in tx.scalars(select(UsageLog).where(UsageLog.success.is_not(False))):
                assert (log.user_id, log.success) == (self.alice.id, True)
                name = log.tool_name or "message"
                paid[name] = paid.get(name, 0) + log.credits_used
        return {name: credits for name, credits in paid.items() if credits}

    def html(self) -> str:
        """Return the pages on which Alice sees the answers: each as a fragment, and the last one's as a whole."""
        pages = [self.alice.get(f"/chat/messages/{answer['message_id']}") for answer in self.answers]
        whole = self.alice.get(f"/chat/{self.answers[-1]['conversation_id']}")
        assert "img-src 'self' data:;" in whole.headers["Content-Security-Policy"]
        assert {page.status_code for page in (*pages, whole)} == {200}
        return "\n".join(page.get_data(as_text=True) for page in (*pages, whole))


def nothing_was_written(scene: Scene) -> None:
    """Show that nothing changed outside or in the product but what the messages and reading tools cost."""
    world = scene.world
    assert world.writes == []
    assert (world.cluster.writes, world.github.dispatched, world.bobs_github.dispatched) == ([], [], [])
    for name, replicas in (("web", 3), ("worker", 1)):
        found = world.cluster.store.get(_deployment(name))
        assert found["spec"]["replicas"] == replicas
        assert RESTARTED_AT not in json.dumps(found)
    approvals = scene.approvals()
    assert not [approval.tool_name for approval in approvals if approval.writes and approval.state == "approved"]
    waiting = [approval.conversation_id for approval in approvals if approval.state == "waiting"]
    assert len(waiting) == len(set(waiting))
    with scene.house.db.read() as tx:
        assert {row.action: row.credits for row in tx.scalars(select(ActionPrice))} == scene.prices
        assert tx.scalars(select(AllowedTool)).all() == []
    assert scene.alice.credits() == 20 - sum(scene.charges().values())
    assert scene.bob.credits() == 20
    assert audit.audit(scene.house.db) == []


def nothing_leaked(scene: Scene, logged: str) -> None:
    """Show that no secret of anybody is anywhere but at the one service that it is for."""
    world = scene.world
    places = _places(scene, logged)
    for owner, secrets in world.secrets.items():
        for name, requests in world.asked().items():
            if name != owner:
                assert not _found(secrets, _all_of(requests)), f"a secret of {owner} came to {name}"
        for place, text in places.items():
            assert not _found(secrets, text), f"a secret of {owner} is in {place}"
    assert (world.bobs_loki.asked, world.bobs_github.asked) == ([], [])
    ours = [SECRET_KEY, KEY, "sk-ant-test", "sqlite://", str(scene.bob.email)]
    for place in (scene.told, _all_of(world.evil.requests), json.dumps(scene.answers)):
        assert not _found(ours, place)
    assert scene.alice.email not in scene.told
    assert scene.anthropic.refused == []
    assert dangers(places["a page"]) == []


def _places(scene: Scene, logged: str) -> dict[str, str]:
    return {
        "what the model was sent": scene.told,
        "the answers": json.dumps(scene.answers, ensure_ascii=False),
        "the database": everything_stored(scene.house.db),
        "the logs": logged,
        "a page": scene.html(),
    }


def _all_of(requests: list[Any]) -> str:
    return "\n".join(repr(vars(one)) for one in requests)


def _found(secrets: list[str], text: str) -> list[str]:
    """Return the secrets that stand in the text, as they are or in a usual coding."""
    coded = {
        form
        for secret in secrets
        for form in (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode(), secret[::-1])
    }
    return sorted(form for form in coded if form in text)
