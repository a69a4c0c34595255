"""Show what the agent can do without a model, from the words of the user to the answer."""

import json
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.registry import REGISTRY
from agent.types import ToolError
from clients.model import BlockDone, TextDelta, TokenUsage, TurnDone, TurnRequest, TurnStarted
from clients.offline import OfflineModel
from clients.offline.ranges import find_networks
from clients.offline.schedules import find_crons
from clients.offline.steps import Call, Say
from clients.offline.understand import understand
from tests.agent.support import user
from tests.agent.tools.support import NOWHERE

CALCULATORS = ["cron_explain", "cidr_calc"]
SCHEMAS = REGISTRY.model_schemas(CALCULATORS)


@dataclass
class Heard:
    """What was said and done for one message."""

    said: str = ""
    blocks: list[dict[str, Any]] = field(default_factory=list)
    usage: list[TokenUsage] = field(default_factory=list)


def answer(text: str) -> Heard:
    """Ask, run the tools that are called, and ask again with their results."""
    heard, messages = Heard(), [user(text)]
    for _ in range(2):
        blocks = _turn(heard, messages)
        calls = [block for block in blocks if block["type"] == "tool_use"]
        if not calls:
            return heard
        results = [_result(call) for call in calls]
        heard.blocks += results
        messages += [{"role": "assistant", "content": blocks}, {"role": "user", "content": results}]
    raise AssertionError("it called tools again after it had their results")


def _turn(heard: Heard, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    blocks = []
    for event in OfflineModel().turn(TurnRequest("", messages, SCHEMAS, 100)):
        match event:
            case TextDelta(text):
                heard.said += text
            case BlockDone(block):
                blocks.append(block)
            case TurnDone(_, usage):
                heard.usage.append(usage)
    heard.blocks += blocks
    return blocks


def _result(call: dict[str, Any]) -> dict[str, Any]:
    tool = REGISTRY.get(call["name"])
    assert tool is not None
    try:
        found, failed = tool.run(tool.read(call["input"]), NOWHERE).data, False
    except ToolError as error:
        found, failed = {"error": str(error)}, True
    return {"type": "tool_result", "tool_use_id": call["id"], "content": json.dumps(found), "is_error": failed}


def calls(text: str) -> list[tuple[str, dict[str, Any]]]:
    step = understand(text, SCHEMAS)
    return [] if isinstance(step, Say) else [(call.tool, call.input) for call in step]


def cron(expression: str, tz: str | None = None) -> list[tuple[str, dict[str, Any]]]:
    return [("cron_explain", {"expression": expression, "tz": tz} if tz else {"expression": expression})]


def cidr(*cidrs: str, split: int | None = None) -> list[tuple[str, dict[str, Any]]]:
    return [("cidr_calc", {"cidrs": list(cidrs), "split_prefix": split} if split else {"cidrs": list(cidrs)})]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("explain cron */5 * * * *", cron("*/5 * * * *")),
        ("*/5 * * * *", cron("*/5 * * * *")),
        ("What does `0 9-17 * * MON-FRI` mean?", cron("0 9-17 * * MON-FRI")),
        ("when does 0 3 * * 1 run in Europe/Berlin", cron("0 3 * * 1", "Europe/Berlin")),
        ("When does 0 3 * * 1 run in New York?", cron("0 3 * * 1", "America/New_York")),
        ("when does 0 3 * * 1 run in UTC", cron("0 3 * * 1", "UTC")),
        ("@daily", cron("@daily")),
        ("explain @Weekly.", cron("@weekly")),
        ("my cron job is */5 * * *, why?", cron("*/5 * * *")),
        ("0 0 13 * 5 please.", cron("0 0 13 * 5")),
        ("cron 61 * * * *", cron("61 * * * *")),
        ("*/10 * * * * *", cron("*/10 * * * * *")),
        ("compare 0 3 * * 1 and 0 4 * * 1", cron("0 3 * * 1") + cron("0 4 * * 1")),
        ("my jobs:\n*/5 * * * *\n0 3 * * 1", cron("*/5 * * * *") + cron("0 3 * * 1")),
        ("10.0.0.0/16", cidr("10.0.0.0/16")),
        ("192.168.1.7", cidr("192.168.1.7")),
        ("2001:db8::/32", cidr("2001:db8::/32")),
        ("is fe80::1 private?", cidr("fe80::1")),
        ("do 10.0.0.0/8 and 10.1.0.0/16 overlap", cidr("10.0.0.0/8", "10.1.0.0/16")),
        ("split 10.0.0.0/16 into /20", cidr("10.0.0.0/16", split=20)),
        ("Split 10.0.0.0/16 into /20s.", cidr("10.0.0.0/16", split=20)),
        ("divide 10.0.0.0/16 into 4 subnets", cidr("10.0.0.0/16", split=18)),
        ("divide 10.0.0.0/16 into 5 subnets", cidr("10.0.0.0/16", split=19)),
        ("10.0.0.0/255.255.0.0", cidr("10.0.0.0/255.255.0.0")),
        ("what is 10.0.0.0/33?", cidr("10.0.0.0/33")),
    ],
)
def test_it_understands_plain_requests(text: str, found: list[tuple[str, dict[str, Any]]]) -> None:
    assert calls(text) == found


@pytest.mark.parametrize(
    "text",
    ["deploy my app", "how are you in the evening at 12:30", "version 1.2.3", "1 2 3", "see https://example.com/a", ""],
)
def test_it_does_not_guess(text: str) -> None:
    assert calls(text) == []


@pytest.mark.parametrize("text", ["help", "What can you do?", "hello", "Hi there!", "write me a poem"])
def test_it_says_what_it_can_do(text: str) -> None:
    said = answer(text).said
    for words in ("Cron schedules", "Networks", "0 3 * * 1", "10.0.0.0/16"):
        assert words in said


def test_it_says_openly_that_no_model_is_connected() -> None:
    assert "no language model is connected" in answer("write me a poem").said.splitlines()[0]


def test_it_names_only_what_is_offered() -> None:
    step = understand("help", REGISTRY.model_schemas(["cidr_calc"]))
    assert isinstance(step, Say)
    assert "Networks" in step.text and "Cron schedules" not in step.text
    assert isinstance(understand("help", []), Say)


def test_its_help_is_short() -> None:
    step = understand("help", [{"name": name} for name in REGISTRY.names])
    assert isinstance(step, Say)
    assert len(step.text.splitlines()) <= 14


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("explain cron */5 * * * *", ["Every 5 minutes.", "| day | UTC |"]),
        (
            "when does 30 2 * * * run in Europe/Berlin",
            ["At 02:30 every day.", "Europe/Berlin", "Watch out", "does not exist"],
        ),
        ("do 10.0.0.0/8 and 10.1.0.0/16 overlap", ["**Yes**", "`10.0.0.0/8` contains `10.1.0.0/16`"]),
        ("do 10.0.0.0/16 and 10.1.0.0/16 overlap", ["**No**", "`10.0.0.0/15`"]),
        ("split 10.0.0.0/16 into /20", ["**16** subnets", "4,094 usable", "10.0.240.0/20"]),
        ("split 10.0.0.0/8 into /30", ["4,194,304", "and 4,194,272 more"]),
        ("10.0.0.5/24", ["has host bits set", "10.0.0.0/24", "254"]),
        ("2001:db8::/32", ["79,228,162,514,264,337,593,543,950,336", "documentation"]),
        ("cron 61 * * * *", ["could not", "minute"]),
        ("0 0 30 2 *", ["Never"]),
    ],
)
def test_it_answers_from_what_the_tool_found(text: str, words: list[str]) -> None:
    heard = answer(text)
    assert [block["type"] for block in heard.blocks] == ["tool_use", "tool_result", "text"]
    for word in words:
        assert word in heard.said
    assert "offline" not in heard.said  # The page says it above, once.
    assert heard.blocks[-1]["text"] == heard.said
    assert heard.usage == [TokenUsage()] * 2


def test_several_schedules_are_answered_together() -> None:
    heard = answer("compare 0 3 * * 1 and 0 4 * * 1")
    assert len({block["id"] for block in heard.blocks if block["type"] == "tool_use"}) == 2
    assert "At 03:00 on Mondays." in heard.said and "At 04:00 on Mondays." in heard.said


def test_it_streams_in_small_pieces() -> None:
    events = list(OfflineModel().turn(TurnRequest("", [user("help")], SCHEMAS, 100)))
    pieces = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(pieces) > 20
    assert isinstance(events[0], TurnStarted)
    assert events[-2] == BlockDone({"type": "text", "text": "".join(pieces)})
    assert events[-1] == TurnDone("end_turn", TokenUsage())


@pytest.mark.parametrize(
    "text",
    [
        "a" * 60_000,
        ":" * 60_000,
        "*/5 " * 15_000,
        "1.1.1.1 " * 7_500,
        "cron * " * 10_000,
        "into " * 12_000,
        "0:" * 30_000,
        "MON-" * 15_000,
    ],
)
def test_long_texts_are_read_quickly(text: str) -> None:
    started = time.monotonic()
    understand(text, SCHEMAS)
    assert time.monotonic() - started < 5


@given(st.text() | st.text(alphabet="0123456789.:/*,-#LW MONcron@in", max_size=80))
@settings(deadline=None)
def test_any_text_gets_an_answer(text: str) -> None:
    step = understand(text, SCHEMAS)
    if isinstance(step, Say):
        assert step.text
        return
    assert 1 <= len(step) <= 3
    for call in step:
        tool = REGISTRY.get(call.tool)
        assert tool is not None
        try:
            tool.run(tool.read(call.input), NOWHERE)
        except ToolError as refusal:
            assert not refusal.ours


def test_finders_return_each_thing_once() -> None:
    assert find_crons("@daily @daily 0 3 * * 1 or 0 3 * * 1") == ["@daily", "0 3 * * 1"]
    assert find_networks("10.0.0.0/8 10.0.0.0/8") == [Call("cidr_calc", {"cidrs": ["10.0.0.0/8"]})]
