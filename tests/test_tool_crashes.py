"""Kill the server in the middle of a write: it is never sent twice, and nobody pays for what nobody knows."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from models import CreditLedger, Message, UsageLog, UserSubscription
from services import audit, credits
from services.house import House
from services.transaction import Database, utcnow
from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic
from tests.support.actors import PASSWORD, Actor
from tests.support.clusters import PRICE, REACHABLE, HeldCluster, body_of, let_ask, shop
from tests.support.servers import Browser, Server, servers, wait_for
from tests.support.streams import events

STREAM = {"Accept": "text/event-stream"}
UNKNOWN = (False, 0, "outcome_unknown")
PAID = (True, PRICE, None)


@pytest.fixture
def overrides() -> dict[str, Any]:
    """Let tools reach this machine."""
    return {"tools_allow_private": "127.0.0.1"}


def environment(anthropic: FakeAnthropic) -> dict[str, str]:
    """Return the variables of a server whose charges are abandoned after three seconds."""
    model = {"AGENT": "claude", "ANTHROPIC_API_KEY": "sk-ant-test", "ANTHROPIC_BASE_URL": anthropic.url}
    return {**model, **REACHABLE, "CHARGE_LEASE_SECONDS": "3"}


def charges(db: Database, user_id: int) -> list[tuple[bool | None, int, str | None]]:
    """Return what became of the charges of a person's writes."""
    query = select(UsageLog).where(UsageLog.user_id == user_id, UsageLog.writes).order_by(UsageLog.id)
    with db.read() as tx:
        return [(log.success, log.credits_used, log.error_message) for log in tx.scalars(query)]


def refunds(db: Database, user_id: int) -> list[int]:
    """Return what was given back to a person, entry by entry."""
    query = select(CreditLedger.delta).where(CreditLedger.user_id == user_id, CreditLedger.kind == "refund")
    with db.read() as tx:
        return list(tx.scalars(query))


# --- Processes that die ---------------------------------------------------------------------------------------------


@dataclass
class Case:
    """One person whose server dies while a write of theirs runs."""

    db: Database
    anthropic: FakeAnthropic
    server: Server
    cluster: HeldCluster
    person: Browser
    conversation: str = ""
    approval: str = ""

    def ask(self) -> None:
        """Connect the cluster and let the agent ask to scale."""
        assert self.person.post("/api/connections", body_of(self.cluster)).status_code == 201
        let_ask(self.anthropic)
        body = self.person.post("/api/chat", {"message": "Scale web to 5"}).json()
        self.conversation, self.approval = body["conversation_id"], body["approval"]["id"]

    def approve(self) -> None:
        """Say yes, and return when the answer goes on."""
        answer = self.person.stream(f"/api/approvals/{self.approval}", {"decision": "approve"})
        assert next(events(answer.iter_content(None)))[0] == "start"


def before_it_is_sent(case: Case) -> None:
    """Die while the tool looks whether what was shown still holds."""
    case.cluster.hold_reads = threading.Event()
    seen = len(case.cluster.requests)
    case.approve()
    case.cluster.wait_for_requests(seen + 1, 60)
    case.server.kill()
    case.cluster.hold_reads.set()


def while_the_cluster_has_it(case: Case) -> None:
    """Die while the cluster keeps the write waiting; it is applied after all."""
    with held_at_the_cluster(case):
        case.server.kill()


def between_its_answer_and_the_books(case: Case) -> None:
    """Die when the cluster has answered and the charge is not settled yet, since somebody has the wallet's lock."""
    reached, locked = threading.Event(), threading.Event()

    def lock(_request: Any) -> None:
        reached.set()
        locked.wait(60)

    case.cluster.before_write = lock
    case.approve()
    assert reached.wait(60)
    with case.db.write() as tx:
        tx.execute(select(UserSubscription).where(UserSubscription.user_id == case.person.id).with_for_update())
        seen = len(case.cluster.requests)
        locked.set()
        case.cluster.wait_for_requests(seen + 1, 60)  # It looks once more after the write has been answered.
        case.server.kill()


def behind_the_books(case: Case) -> None:
    """Die when the charge is settled and the model is asked to go on."""
    asked = len(case.anthropic.requests)
    gate = threading.Event()
    case.anthropic.enqueue(scripts.silent(gate))
    case.approve()
    case.anthropic.wait_for_requests(asked + 1)
    case.server.kill()
    gate.set()


def told_to_end(case: Case) -> None:
    """End by SIGTERM while the cluster keeps the write waiting."""
    with held_at_the_cluster(case):
        case.server.process.send_signal(signal.SIGTERM)
        assert case.server.process.wait(60) == 0
        assert charges(case.db, case.person.id) == [UNKNOWN], "it waits for no lease"


@contextmanager
def held_at_the_cluster(case: Case) -> Iterator[None]:
    """Say yes, and keep the write waiting at the cluster."""
    case.cluster.hold_writes = threading.Event()
    case.approve()
    case.cluster.wait_for_writes(1)
    yield
    case.cluster.hold_writes.set()


Moment = Callable[[Case], None]
MOMENTS: dict[Moment, tuple[int, tuple[bool, int, str | None]]] = {
    between_its_answer_and_the_books: (1, UNKNOWN),
    behind_the_books: (1, PAID),
    while_the_cluster_has_it: (1, UNKNOWN),
    before_it_is_sent: (0, UNKNOWN),
    told_to_end: (1, UNKNOWN),
}
"""How many writes have arrived at the cluster then, and what the usage log says in the end.

The first two, which turn on the order of transactions, run on both kinds of database.
"""


@pytest.mark.timeout(600)
def test_a_write_whose_server_dies_is_not_sent_again_and_not_paid_unless_it_was_settled(
    tmp_path: Path, prepared_url: str, database: Database, anthropic: FakeAnthropic
) -> None:
    moments = list(MOMENTS)[: 2 if database.engine.dialect.name == "postgresql" else None]
    cases: dict[Moment, Case] = {}
    with ExitStack() as stack:
        victims = stack.enter_context(servers(tmp_path, prepared_url, len(moments), **environment(anthropic)))
        for number, (moment, victim) in enumerate(zip(moments, victims, strict=True)):
            person = Browser(victim, f"person{number}@example.com")
            case = cases[moment] = Case(database, anthropic, victim, stack.enter_context(shop()), person)
            case.ask()
            moment(case)
        (restarted,) = stack.enter_context(servers(tmp_path, prepared_url, **environment(anthropic)))
        for moment, case in cases.items():
            arrived, charged = MOMENTS[moment]
            what_is_left_is_right(case, restarted, charged)
            assert (case.cluster.arrived, moment.__name__) == (arrived, moment.__name__)
        credits.release_stale(database, now=utcnow(), simulated=True)
    assert audit.audit(database) == []
    assert anthropic.refused == []


def what_is_left_is_right(case: Case, restarted: Server, charged: tuple[bool, int, str | None]) -> None:
    """Check the books, the page, and that neither a retry nor a second click sends the write again."""
    path, db, paid = f"/api/conversations/{case.conversation}", case.db, charged[1]
    left = 20 - 1 - paid

    def wallet() -> int:
        return int(case.person.get("/api/subscription", restarted).json()["subscription"]["credits_remaining"])

    def last() -> dict[str, Any]:
        return dict(case.person.get(path, restarted).json()["messages"][-1])

    wait_for(lambda: wallet() == left and last()["status"] == "failed", "nobody gave the charge up")
    assert charges(db, case.person.id) == [charged]
    assert refunds(db, case.person.id) == ([] if paid else [PRICE])
    shown = last()
    tool = shown["blocks"][0]
    assert (tool["status"], tool["credits"]) == (("ok", PRICE) if paid else ("unknown", 0))
    assert (shown["can_retry"], shown["receipt"]["credits"]) == (True, paid)
    for word in ("approve", "refuse"):
        again = case.person.post(f"/api/approvals/{case.approval}", {"decision": word}, restarted)
        assert (again.status_code, again.json()["error"]) == (409, "approval_used")
    case.anthropic.enqueue(scripts.text("I would look first."))
    again = case.person.post(f"{path}/retry", {}, restarted)
    assert again.status_code == 200, f"{again.text} {restarted.log()}"
    done = again.json()
    assert (done["response"], done["credits_used"], done["credits_remaining"]) == ("I would look first.", 0, left)
    told = case.anthropic.bodies[-1]["messages"][-1]["content"][0]
    assert told["type"] == "tool_result"
    assert ('"outcome":"unknown"' in told["content"]) is (paid == 0)
    assert ('"after"' in told["content"]) is (paid > 0)
    assert (charges(db, case.person.id), wallet()) == ([charged], left)


# --- What is deleted under a write ------------------------------------------------------------------------------------


@pytest.mark.one_database
@pytest.mark.parametrize("what", ["conversation", "account", "connection"])
def test_what_is_deleted_under_a_write_leaves_the_books_right(
    app: Flask, house: House, alice: Actor, anthropic: FakeAnthropic, what: str
) -> None:
    with shop() as cluster:
        connection = alice.post("/api/connections", json=body_of(cluster)).get_json()["connection"]
        let_ask(anthropic)
        body = alice.chat("Scale web to 5").get_json()
        cluster.hold_writes = threading.Event()
        url = f"/api/approvals/{body['approval']['id']}"
        reading = events(alice.post(url, json={"decision": "approve"}, headers=STREAM, buffered=False).response)
        assert next(reading)[0] == "start"
        cluster.wait_for_writes(1)
        gone = {
            "conversation": lambda: alice.delete(f"/api/conversations/{body['conversation_id']}"),
            "account": lambda: alice.submit("/settings/delete", {"password": PASSWORD}, page="/settings"),
            "connection": lambda: alice.delete(f"/api/connections/{connection['id']}"),
        }[what]()
        assert gone.status_code in (204, 303), gone.get_data(as_text=True)
        if what == "connection":
            cluster.hold_writes.set()  # The write was under way already, and is done and paid.
        name, ended = list(reading)[-1]
        cluster.hold_writes.set()
        kept = what == "connection"
        assert (name, ended.get("error")) == (("done", None) if kept else ("error", "conversation_not_found"))
        assert charges(house.db, alice.id) == [PAID if kept else UNKNOWN]
        assert refunds(house.db, alice.id)[:1] == ([] if kept else [PRICE])
        assert cluster.arrived == 1
    assert audit.audit(house.db) == []
    assert anthropic.refused == []


def test_a_tool_that_was_paid_for_is_stored_with_its_result_before_the_model_goes_on(
    house: House, alice: Actor, anthropic: FakeAnthropic
) -> None:
    """A server that dies now loses no result, so that a retry has no reason to run and charge the tool again."""
    stored: list[list[tuple[str, int | None]]] = []

    def look(wire: scripts.Wire) -> None:
        with house.db.read() as tx:
            content = tx.scalars(select(Message.content).where(Message.status == "running")).one()
            pending = tx.scalars(select(UsageLog.tool_name).where(UsageLog.success.is_(None))).all()
        stored.append([(block["type"], block.get("credits")) for block in content])
        assert pending == [None], "only the message itself is not settled"
        scripts.text("It started.")(wire)

    anthropic.enqueue(scripts.tools(("log_analyze", {"text": "INFO started"})), look)
    assert alice.chat("Read this log").get_json()["response"] == "It started."
    assert stored == [[("tool_use", None), ("tool_start", 1), ("tool_result", 1)]]


@pytest.mark.one_database
def test_books_that_cannot_be_written_after_a_write_leave_its_outcome_unknown(
    app: Flask, house: House, alice: Actor, anthropic: FakeAnthropic
) -> None:
    """The cluster has done it, and the database refuses to settle: that is no failure before the write."""
    with shop() as cluster:
        assert alice.post("/api/connections", json=body_of(cluster)).status_code == 201
        let_ask(anthropic)
        body = alice.chat("Scale web to 5").get_json()
        with house.db.write() as tx:
            tx.execute(
                text(
                    "CREATE TRIGGER full_disk BEFORE UPDATE OF success ON usage_logs WHEN NEW.success AND NEW.writes "
                    "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
                )
            )
        failed = alice.post(f"/api/approvals/{body['approval']['id']}", json={"decision": "approve"})
        assert (failed.status_code, failed.get_json()["credits_refunded"]) == (500, PRICE)
        assert (charges(house.db, alice.id), alice.credits(), cluster.arrived) == ([UNKNOWN], 19, 1)
    assert audit.audit(house.db) == []
