"""Hold many answers open at once: no database connection waits for a model, and other people notice nothing."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services import audit
from services.transaction import Database
from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic
from tests.support.servers import Browser, servers

CHATS = 50
QUICK = 10.0
"""Seconds; without a free connection a page would wait for the pool's 60."""


@pytest.mark.timeout(600)
def test_fifty_slow_chats_share_five_connections(
    tmp_path: Path, prepared_url: str, database: Database, anthropic: FakeAnthropic
) -> None:
    gate = threading.Event()
    anthropic.default = lambda wire: scripts.text("slow but sure", gate=gate)(wire)
    environment = {
        "AGENT": "claude",
        "ANTHROPIC_API_KEY": "sk-ant-test",
        "ANTHROPIC_BASE_URL": anthropic.url,
        "DB_POOL_SIZE": "5",
        "MODEL_TIMEOUT_SECONDS": "300",
    }
    with servers(tmp_path, prepared_url, **environment) as (server,), ThreadPoolExecutor(CHATS) as pool:
        alice = Browser(server, "alice@example.com")
        bob = Browser(server, "bob@example.com")
        assert alice.post("/api/credits/purchase", {"pack_size": 100}).status_code == 200
        chats = [pool.submit(alice.post, "/api/chat", {"message": f"chat {number}"}) for number in range(CHATS)]
        anthropic.wait_for_requests(CHATS)
        for path in ("/billing", "/chat", "/usage", "/api/subscription", "/health"):
            begun = time.monotonic()
            assert bob.get(path).status_code == 200
            assert time.monotonic() - begun < QUICK, path
        assert not any(chat.done() for chat in chats)
        gate.set()
        answers = [chat.result() for chat in chats]
        assert {answer.status_code for answer in answers} == {200}
        assert {answer.json()["response"] for answer in answers} == {"slow but sure"}
        assert alice.credits() == 120 - CHATS
        assert audit.audit(database) == []
