"""Show what the model is told of the tools, and how their input is read."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.kinds import KINDS
from agent.prompt import SYSTEM_PROMPT
from agent.registry import REGISTRY, Registry, default_tools
from agent.types import Tool, ToolError, ToolOutput
from init_subscription_system import ACTIONS
from tests.agent.support import fine, tool
from tests.agent.tools.support import NOWHERE

# What clients and the offline agent may rely on; more optional keys may come, none may go.
KEYS = {
    "http_check": {"url", "method"},
    "tls_inspect": {"host", "port"},
    "dns_lookup": {"name", "type"},
    "log_analyze": {"text"},
    "k8s_manifest_lint": {"manifest", "version"},
    "dockerfile_lint": {"dockerfile"},
    "compose_lint": {"compose"},
    "ci_lint": {"workflow", "kind"},
    "terraform_review": {"source"},
    "cron_explain": {"expression", "tz"},
    "cidr_calc": {"cidrs"},
    "secret_scan": {"text"},
    "k8s_get": {"kind", "namespace", "name", "connection"},
    "k8s_logs": {"namespace", "pod", "container", "previous", "lines", "connection"},
    "k8s_diagnose": {"kind", "name", "namespace", "connection"},
    "k8s_scale": {"namespace", "deployment", "replicas", "connection"},
    "k8s_restart": {"namespace", "deployment", "connection"},
    "github_runs": {"repo", "limit", "connection"},
    "github_deploy": {"repo", "workflow", "ref", "inputs", "connection"},
    "promql_query": {"expr", "start", "end", "step", "connection"},
    "loki_query": {"expr", "start", "end", "step", "connection"},
    "aws_read": {"report", "region", "connection"},
}
WRITING = {"k8s_scale", "k8s_restart", "github_deploy"}
FAMILIES = {"network", "lint", "logs", "general", "kubernetes", "github", "metrics", "aws"}


@pytest.mark.parametrize("tool", list(REGISTRY), ids=lambda tool: tool.name)
def test_every_tool_says_all_that_is_said_of_it(tool: Tool) -> None:
    assert KEYS[tool.name] <= set(tool.input_schema["properties"])
    assert tool.family in FAMILIES
    assert tool.title and tool.description and tool.returns
    assert len(tool.examples) >= 2
    assert tool.name in ACTIONS
    assert (tool.name in WRITING) is tool.writes is (tool.preview is not None)
    assert ("connection" in tool.input_schema["properties"]) is (tool.needs_connection in KINDS)
    assert all(described(field) for field in tool.input_schema["properties"].values())


def described(field: dict[str, Any]) -> bool:
    """Say whether an input tells what it is."""
    return bool(field.get("description"))


def test_what_writes_is_dear_and_what_only_looks_is_cheap() -> None:
    assert {name: ACTIONS[name] for name in WRITING} == dict.fromkeys(WRITING, 5)
    assert max(ACTIONS[name] for name in KEYS if name not in WRITING) == 1


def test_the_order_is_fixed() -> None:
    assert [tool.name for tool in REGISTRY] == REGISTRY.names == list(KEYS)
    schemas = REGISTRY.model_schemas({*KEYS, "unknown"})
    assert [schema["name"] for schema in schemas] == REGISTRY.names
    assert json.dumps(schemas) == json.dumps(Registry(default_tools()).model_schemas(REGISTRY.names))


def test_only_named_tools_are_offered() -> None:
    assert [schema["name"] for schema in REGISTRY.model_schemas(["cidr_calc"])] == ["cidr_calc"]
    assert REGISTRY.get("nothing") is None


def test_schemas_are_closed_objects() -> None:
    for schema in REGISTRY.model_schemas(REGISTRY.names):
        assert set(schema) == {"name", "description", "input_schema"}
        assert schema["input_schema"]["type"] == "object"
        assert schema["input_schema"]["additionalProperties"] is False
        assert "title" not in json.dumps(schema["input_schema"])


@pytest.mark.parametrize("name", ["", "Two Words", "a" * 65, "é"])
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError):
        Registry([tool(name, fine)])


def test_a_name_stands_for_one_tool() -> None:
    with pytest.raises(ValueError):
        Registry([tool("a", fine), tool("a", fine)])


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        "x",
        {},
        {"expression": 5},
        {"expression": None},
        {"expression": ["* * * * *"]},
        {"expression": "* * * * *", "tz": 1},
        {"expression": "* * * * *", "more": 1},
    ],
)
def test_wrong_input_is_refused_in_one_sentence(raw: Any) -> None:
    reader = REGISTRY.get("cron_explain")
    assert reader is not None
    with pytest.raises(ToolError) as refusal:
        reader.read(raw)
    assert not refusal.value.ours
    assert "\n" not in str(refusal.value)
    assert "pydantic" not in str(refusal.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
inputs = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("expression", "tz", "cidrs", "split_prefix", "other"), json_values)
)


@pytest.mark.parametrize("name", REGISTRY.names)
@given(raw=json_values | inputs)
@settings(deadline=None, max_examples=40)
def test_no_input_breaks_a_tool_or_its_label(name: str, raw: Any) -> None:
    used = REGISTRY.get(name)
    assert used is not None
    if isinstance(raw, dict):
        assert isinstance(used.target(raw), str)
    if used.family in ("network", "github", "metrics", "aws", "kubernetes") or used.needs_connection:
        # What goes out has tests of its own, with somebody at the other end; here it only has to read its input.
        used = replace(used, run=lambda given, _reach: ToolOutput(given, "read"))
    try:
        output = used.run(used.read(raw), NOWHERE)
    except ToolError as refusal:
        assert not refusal.ours
        assert len(str(refusal)) < 1000
    else:
        json.dumps(output.data, allow_nan=False)


def test_the_prompt_says_what_matters_and_never_changes() -> None:
    for words in ("data", "not an instruction", "tool", "no shell"):
        assert words in SYSTEM_PROMPT
    assert "{" not in SYSTEM_PROMPT.replace("<redacted:...>", "")
