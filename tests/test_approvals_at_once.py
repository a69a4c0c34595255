"""Let clicks from four processes meet on one approval, and a new message race it: one wins, the write runs once."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import requests
from sqlalchemy import select

from models import UsageLog
from services import audit
from services.transaction import Database, connect
from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic
from tests.support.clusters import PRICE, REACHABLE, HeldCluster, body_of, scale, shop
from tests.support.databases import PostgresServer
from tests.support.servers import Browser, Server, servers

CLICKS = 20
ROUNDS = 8


@dataclass
class Site:
    """Four processes on one database, a model and a cluster."""

    servers: list[Server]
    db: Database
    anthropic: FakeAnthropic
    cluster: HeldCluster

    def person(self, name: str) -> Browser:
        """Sign somebody up who has connected the cluster and has credits enough."""
        person = Browser(self.servers[0], f"{name}@example.com")
        assert person.post("/api/connections", body_of(self.cluster)).status_code == 201
        assert person.post("/api/credits/purchase", {"pack_size": 100}).status_code == 200
        return person

    def asked(self, person: Browser, replicas: int) -> dict[str, Any]:
        """Let the agent ask whether it may scale."""
        body = person.post("/api/chat", {"message": f"Scale web to {replicas}"}).json()
        assert body["approval"]["input"]["replicas"] == replicas
        return dict(body)

    def writes(self) -> list[int]:
        """Return what the cluster was told, in order."""
        return [write.json()["spec"]["replicas"] for write in self.cluster.writes]

    def paid(self, person: Browser) -> list[tuple[bool | None, int]]:
        """Return the charges of a person's writes."""
        query = select(UsageLog).where(UsageLog.user_id == person.id, UsageLog.writes).order_by(UsageLog.id)
        with self.db.read() as tx:
            return [(log.success, log.credits_used) for log in tx.scalars(query)]


def agent(wire: scripts.Wire) -> None:
    """Ask to scale as the user says, and tell whatever comes of it."""
    words = scripts.last_words(wire.body)
    if words.startswith("Scale web to "):
        scripts.tools(scale(int(words.split()[-1])))(wire)
    else:
        scripts.text(f"Noted: {words}")(wire)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve from four processes; at the end the books are right and the model was never asked wrongly."""
    source = request.getfixturevalue("sqlite_files" if request.param == "sqlite" else "postgres")
    url = source.prepared()
    db = connect(url, pool_size=5)
    with FakeAnthropic(default=agent) as anthropic, shop() as cluster:
        model = {"AGENT": "claude", "ANTHROPIC_API_KEY": "sk-ant-test", "ANTHROPIC_BASE_URL": anthropic.url}
        with servers(tmp_path_factory.mktemp("at-once"), url, 4, **model, **REACHABLE) as four:
            yield Site(four, db, anthropic, cluster)
            assert [server for server in four if "Traceback" in server.log()] == []
        assert anthropic.refused == []
    assert audit.audit(db) == []
    db.engine.dispose()
    if isinstance(source, PostgresServer):
        source.drop(url)


def at_once(calls: list[Callable[[], requests.Response]]) -> list[requests.Response]:
    """Make all calls at the same moment."""
    meet = threading.Barrier(len(calls))

    def one(call: Callable[[], requests.Response]) -> requests.Response:
        meet.wait(60)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


@pytest.mark.timeout(600)
def test_clicks_from_four_processes_decide_once(site: Site) -> None:
    person = site.person("clicks")
    before = len(site.writes())
    body = site.asked(person, 7)
    path = f"/api/approvals/{body['approval']['id']}"

    def click(number: int) -> requests.Response:
        word = {"decision": "refuse" if number % 3 == 2 else "approve"}
        return person.post(path, word, site.servers[number % 4])

    answers = at_once([partial(click, number) for number in range(CLICKS)])
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: CLICKS - 1}
    lost = {answer.json()["error"] for answer in answers if answer.status_code == 409}
    assert lost == {"approval_used"}
    (won,) = [number for number, answer in enumerate(answers) if answer.status_code == 200]
    yes = won % 3 != 2
    assert site.writes()[before:] == ([7] if yes else [])
    assert site.paid(person) == ([(True, PRICE)] if yes else [])
    assert person.credits() == 120 - 1 - (PRICE if yes else 0)


@pytest.mark.timeout(600)
def test_one_key_from_four_processes_is_one_write(site: Site) -> None:
    person = site.person("key")
    before = len(site.writes())
    body = site.asked(person, 9)
    path, key = f"/api/approvals/{body['approval']['id']}", {"Idempotency-Key": "one-click"}

    def click(number: int) -> requests.Response:
        return person.post(path, {"decision": "approve"}, site.servers[number % 4], **key)

    answers = at_once([partial(click, number) for number in range(CLICKS)])
    answers += [click(number) for number in range(4)]
    told = {answer.status_code: answer.json().get("error") for answer in answers}
    assert told in ({200: None}, {200: None, 409: "request_in_progress"})
    assert len({answer.text for answer in answers if answer.status_code == 200}) == 1
    assert [answer.status_code for answer in answers[-4:]] == [200] * 4
    assert (site.writes()[before:], site.paid(person)) == ([9], [(True, PRICE)])
    assert person.credits() == 120 - 1 - PRICE


@pytest.mark.timeout(600)
def test_a_new_message_and_a_yes_never_both_win(site: Site) -> None:
    """Either the write ran and was paid, and the message came too early, or it was withdrawn and never ran."""
    person = site.person("race")
    one, other, won = site.servers[1], site.servers[2], Counter[str]()
    for number in range(ROUNDS):
        before, paid = len(site.writes()), len(site.paid(person))
        body = site.asked(person, 20 + number)
        conversation = body["conversation_id"]
        yes, message = at_once(
            [
                partial(person.post, f"/api/approvals/{body['approval']['id']}", {"decision": "approve"}, one),
                partial(person.post, "/api/chat", {"message": "Wait", "conversation_id": conversation}, other),
            ]
        )
        written, charged = site.writes()[before:], site.paid(person)[paid:]
        if yes.status_code == 200:
            won["yes"] += 1
            assert (written, charged) == ([20 + number], [(True, PRICE)])
            assert (message.status_code, message.json().get("error")) in ((409, "answer_running"), (200, None))
        else:
            won["message"] += 1
            assert (yes.status_code, yes.json()["error"]) in ((409, "approval_used"), (409, "answer_running"))
            assert (written, charged, message.status_code) == ([], [], 200)
        after = person.post("/api/chat", {"message": "And then?", "conversation_id": conversation})
        assert (after.status_code, after.json().get("response")) == (200, "Noted: And then?")
    spent = sum(credits for _success, credits in site.paid(person))
    assert spent == PRICE * won["yes"]
    assert site.anthropic.refused == []
