"""Show that the fake refuses what the real API refuses, and that it serves as a process of its own."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from clients.claude import ClaudeModel
from clients.model import TextDelta, TurnRequest
from tests.fakes.anthropic_rules import complaint

ROOT = Path(__file__).parents[2]


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def call(identity: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": identity, "name": "look", "input": {}}


def result(identity: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": identity, "content": "{}"}


def said(role: str, *blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "content": list(blocks)}


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], "at least one"),
        ([said("assistant", text("hi"))], "first message"),
        ([said("user")], "non-empty"),
        ([said("user", text(" "))], "non-empty"),
        ([said("system", text("x"))], "role"),
        ([said("user", call("1"))], "not allowed"),
        ([said("user", {**text("x"), "html": "x"})], "Extra inputs"),
        ([said("user", text("x")), said("assistant", call("1"))], "without `tool_result`"),
        ([said("user", text("x")), said("assistant", call("1")), said("user", text("y"))], "without `tool_result`"),
        ([said("user", result("1"))], "unexpected `tool_use_id`"),
        (
            [said("user", text("x")), said("assistant", call("1")), said("user", result("1"), text("y"))],
            "nothing may stand",
        ),
        ([said("user", text("x")), said("assistant", call("1"), call("1")), said("user", result("1"))], "unique"),
    ],
)
def test_a_conversation_out_of_shape_is_refused(messages: list[dict[str, Any]], words: str) -> None:
    assert words in str(complaint({"model": "m", "max_tokens": 1, "messages": messages}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"temperature": 1}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"tool_choice": {"type": "any"}}, "forced"),
        ({"tools": [{"name": "a"}]}, "input_schema"),
        ({"system": [{"type": "text", "text": "x", "cache_control": {}}] * 5}, "maximum of 4"),
    ],
)
def test_fields_out_of_shape_are_refused(change: dict[str, Any], words: str) -> None:
    fine = {"model": "m", "max_tokens": 1, "messages": [said("user", text("x"))]}
    assert complaint(fine) is None
    assert words in str(complaint({**fine, **change}))


def test_it_runs_as_a_process_of_its_own() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.fakes.anthropic_server", "--port", str(port), "--text", "All good."]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        patiently = Retrying(
            retry=retry_if_exception_type(OSError), stop=stop_after_delay(30), wait=wait_fixed(0.1), reraise=True
        )
        patiently(lambda: socket.create_connection(("127.0.0.1", port)).close())
        model = ClaudeModel("sk-ant-test", f"http://127.0.0.1:{port}", "claude-sonnet-5-5", 30)
        events = model.turn(TurnRequest("s", [said("user", text("hi"))], [], 10))
        assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "All good."
    finally:
        process.terminate()
        process.wait(30)
