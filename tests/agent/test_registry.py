"""Show what the model is told of the tools, and how their input is read."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.prompt import SYSTEM_PROMPT
from agent.registry import REGISTRY, Registry, default_tools
from agent.types import ToolError
from tests.agent.support import fine, tool


def test_the_order_is_fixed() -> None:
    assert [tool.name for tool in REGISTRY] == REGISTRY.names == ["cron_explain", "cidr_calc"]
    schemas = REGISTRY.model_schemas({"cidr_calc", "cron_explain", "unknown"})
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
@settings(deadline=None)
def test_no_input_breaks_a_tool_or_its_label(name: str, raw: Any) -> None:
    used = REGISTRY.get(name)
    assert used is not None
    if isinstance(raw, dict):
        assert isinstance(used.target(raw), str)
    try:
        output = used.run(used.read(raw))
    except ToolError as refusal:
        assert not refusal.ours
        assert len(str(refusal)) < 1000
    else:
        json.dumps(output.data, allow_nan=False)


def test_the_prompt_says_what_matters_and_never_changes() -> None:
    for words in ("data", "not an instruction", "tool", "no shell"):
        assert words in SYSTEM_PROMPT
    assert "{" not in SYSTEM_PROMPT
