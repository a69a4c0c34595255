"""Kill the server with SIGKILL in the middle of an answer: nothing is lost, and nobody pays for nothing."""

import threading
from pathlib import Path
from typing import Any

import pytest

from services import audit
from services.transaction import Database
from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic
from tests.support.servers import Browser, Server, servers, wait_for
from tests.support.streams import events, words

CRON = ("cron_explain", {"expression": "*/5 * * * *"})


def environment(anthropic: FakeAnthropic) -> dict[str, str]:
    """Return the variables of a server whose charges are abandoned after three seconds."""
    return {
        "AGENT": "claude",
        "ANTHROPIC_API_KEY": "sk-ant-test",
        "ANTHROPIC_BASE_URL": anthropic.url,
        "CHARGE_LEASE_SECONDS": "3",
    }


def last_message(browser: Browser, conversation: str, server: Server) -> dict[str, Any]:
    """Return the conversation's last message."""
    shown = browser.get(f"/api/conversations/{conversation}", server).json()
    return dict(shown["messages"][-1])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("moment", ["before_the_model_answers", "in_mid_text", "behind_a_tool"])
def test_a_killed_answer_is_refunded_kept_and_can_be_tried_again(
    tmp_path: Path, prepared_url: str, database: Database, anthropic: FakeAnthropic, moment: str
) -> None:
    gate = threading.Event()
    script = {
        "before_the_model_answers": [scripts.silent(gate)],
        "in_mid_text": [scripts.text("Half of it is here, the rest is not", gate=gate)],
        "behind_a_tool": [scripts.tools(CRON), scripts.text("Half of it", gate=gate)],
    }[moment]
    anthropic.enqueue(*script)
    with servers(tmp_path, prepared_url, count=2, **environment(anthropic)) as (first, second):
        alice = Browser(first, "alice@example.com")
        reading = events(alice.stream("/api/chat", {"message": "hello"}).iter_content(None))
        conversation = next(reading)[1]["conversation_id"]
        anthropic.wait_for_requests(len(script))
        if moment != "before_the_model_answers":
            wait_for(lambda: last_message(alice, conversation, second)["blocks"], "nothing was stored")
        assert last_message(alice, conversation, second)["status"] == "running"
        first.kill()
        gate.set()
        wait_for(
            lambda: alice.get("/api/subscription", second).json()["subscription"]["credits_remaining"] == 20,
            "the charge was not released",
        )
        kept = last_message(alice, conversation, second)
        assert (kept["status"], kept["can_retry"]) == ("failed", True)
        if moment != "before_the_model_answers":
            assert kept["blocks"]
        assert audit.audit(database) == []
        anthropic.default = scripts.text("The whole answer.")
        again = alice.post(f"/api/conversations/{conversation}/retry", {}, second)
        assert (again.status_code, again.json()["response"], again.json()["credits_remaining"]) == (
            200,
            "The whole answer.",
            19,
        )
        assert audit.audit(database) == []
        assert anthropic.refused == []


@pytest.mark.timeout(600)
def test_another_process_joins_and_stops_a_running_answer(
    tmp_path: Path, prepared_url: str, database: Database, anthropic: FakeAnthropic
) -> None:
    gate = threading.Event()
    anthropic.enqueue(scripts.text("one two three four", gate=gate), scripts.text("five six", gate=threading.Event()))
    with servers(tmp_path, prepared_url, count=2, **environment(anthropic)) as (first, second):
        alice = Browser(first, "alice@example.com")
        reading = events(alice.stream("/api/chat", {"message": "count"}).iter_content(None))
        conversation = next(reading)[1]["conversation_id"]
        path = f"/api/conversations/{conversation}"
        joined = events(alice.stream(f"{path}/stream", None, second).iter_content(None))
        seen = [next(joined), next(joined)]
        assert [name for name, _data in seen] == ["start", "delta"]
        gate.set()
        seen += list(joined)
        assert (seen[-1][0], words(seen)) == ("done", "one two three four")

        body = {"message": "go on", "conversation_id": conversation}
        reading = events(alice.stream("/api/chat", body).iter_content(None))
        assert [next(reading)[0], next(reading)[0]] == ["start", "delta"]
        assert alice.post(f"{path}/stop", {}, second).json() == {"stopped": True}
        name, done = list(reading)[-1]
        assert (name, done["status"], done["credits_used"]) == ("done", "stopped", 1)
        assert audit.audit(database) == []


@pytest.mark.timeout(600)
def test_a_long_answer_keeps_its_lease(
    tmp_path: Path, prepared_url: str, database: Database, anthropic: FakeAnthropic
) -> None:
    """An answer that takes several leases is renewed all the while, also while the model says nothing."""
    gate = threading.Event()
    anthropic.enqueue(scripts.text("patience pays", gate=gate))
    with servers(tmp_path, prepared_url, **environment(anthropic)) as (server,):
        alice = Browser(server, "alice@example.com")
        reading = events(alice.stream("/api/chat", {"message": "think"}).iter_content(None))
        next(reading)
        released = threading.Event()
        # Three leases pass; any use of the wallet would release a charge that was not renewed.
        threading.Timer(9.0, released.set).start()
        while not released.wait(0.5):
            assert alice.credits() == 19
        gate.set()
        name, done = list(reading)[-1]
        assert (name, done["credits_used"], done["credits_remaining"]) == ("done", 1, 19)
        assert audit.audit(database) == []


@pytest.mark.timeout(600)
def test_a_server_that_is_told_to_stop_refunds_at_once(
    tmp_path: Path, prepared_url: str, database: Database, anthropic: FakeAnthropic
) -> None:
    anthropic.enqueue(scripts.text("one two", gate=threading.Event()))
    long_lease = environment(anthropic) | {"CHARGE_LEASE_SECONDS": "900"}
    with servers(tmp_path, prepared_url, count=2, **long_lease) as (first, second):
        alice = Browser(first, "alice@example.com")
        reading = events(alice.stream("/api/chat", {"message": "count"}).iter_content(None))
        conversation = next(reading)[1]["conversation_id"]
        first.process.terminate()
        assert first.process.wait(60) == 0
        assert alice.get("/api/subscription", second).json()["subscription"]["credits_remaining"] == 20
        assert last_message(alice, conversation, second)["error"]["code"] == "server_restarting"
        assert audit.audit(database) == []
