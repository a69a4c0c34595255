"""Show that the offline agent understands the example sentences of every tool, and that it can report its result."""

import importlib
import json
import pkgutil
from typing import Any

import pytest

import agent.tools
from agent.marking import marked_as_data
from agent.registry import REGISTRY
from agent.types import Tool
from clients.model import BlockDone, TurnRequest
from clients.offline import OfflineModel
from tests.agent.tools.support import NOWHERE


def _tools() -> list[Tool]:
    found: dict[str, Tool] = {}
    for module in pkgutil.walk_packages(agent.tools.__path__, "agent.tools."):
        for tool in getattr(importlib.import_module(module.name), "TOOLS", ()):
            found[tool.name] = tool
    return list({**{tool.name: tool for tool in REGISTRY}, **found}.values())


TOOLS = _tools()
SCHEMAS: list[dict[str, Any]] = [
    {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema} for tool in TOOLS
]
# Some examples are the head of what the user pastes below.
MATERIAL = {
    "dockerfile_lint": "FROM python:latest\nRUN pip install flask",
    "k8s_manifest_lint": "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web",
    "compose_lint": "services:\n  web:\n    image: nginx",
    "ci_lint": "on: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      - run: make",
    "terraform_review": 'resource "aws_s3_bucket" "logs" {\n  bucket = "logs"\n}',
    "log_analyze": "2026-01-01T10:00:00Z INFO start\n2026-01-01T10:00:01Z ERROR lost the database",
    "secret_scan": "password = hunter2-hunter2\nname: web",
}


def _blocks(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    events = OfflineModel().turn(TurnRequest("", messages, SCHEMAS, 100))
    return [event.block for event in events if isinstance(event, BlockDone)]


def _calls(text: str) -> list[dict[str, Any]]:
    asked = [{"role": "user", "content": [{"type": "text", "text": text}]}]
    return [block for block in _blocks(asked) if block["type"] == "tool_use"]


def _examples() -> list[tuple[Tool, str]]:
    return [(tool, example) for tool in TOOLS for example in tool.examples]


@pytest.mark.parametrize(("tool", "example"), _examples(), ids=[f"{t.name}:{e[:40]}" for t, e in _examples()])
def test_the_examples_of_a_tool_make_the_agent_call_it(tool: Tool, example: str) -> None:
    calls = _calls(example)
    if not calls and tool.name in MATERIAL:
        calls = _calls(f"{example}\n{MATERIAL[tool.name]}")
    assert {call["name"] for call in calls} == {tool.name}
    for call in calls:
        tool.read(call["input"])


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if tool.name in MATERIAL], ids=lambda tool: tool.name)
def test_what_a_tool_finds_in_a_paste_becomes_an_answer(tool: Tool) -> None:
    text = f"{tool.examples[0]}\n```\n{MATERIAL[tool.name]}\n```"
    asked = [{"role": "user", "content": [{"type": "text", "text": text}]}]
    (call,) = _blocks(asked)
    assert call["name"] == tool.name
    found = tool.run(tool.read(call["input"]), NOWHERE).data
    content = marked_as_data(tool.name, json.dumps(found, ensure_ascii=False))
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": content, "is_error": False}
    (answer,) = _blocks([*asked, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}])
    assert answer["type"] == "text"
    assert "```json" not in answer["text"] and "I could not" not in answer["text"]


def test_every_tool_of_the_product_has_examples_that_are_understood() -> None:
    assert [tool.name for tool in REGISTRY if not tool.examples] == []
