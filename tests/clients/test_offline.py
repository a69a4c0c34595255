"""Show what the agent can do without a model, from the words of the user to the answer."""

import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.registry import REGISTRY
from agent.types import Tool, ToolError, ToolOutput
from clients.model import BlockDone, TextDelta, TokenUsage, TurnDone, TurnRequest, TurnStarted
from clients.offline import SIGNATURE, OfflineModel
from clients.offline.understand import Call, Say, find_crons, find_networks, understand
from tests.agent.support import Recorder, ask, user

SCHEMAS = REGISTRY.model_schemas(REGISTRY.names)


def answer(text: str) -> Recorder:
    heard = Recorder()
    assert ask(OfflineModel(), *REGISTRY, answer=heard, messages=[user(text)]).stop_reason == "end_turn"
    return heard


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
    for words in ("cron_explain", "cidr_calc", "0 3 * * 1", "10.0.0.0/16"):
        assert words in said


def test_it_says_openly_that_no_model_is_connected() -> None:
    assert "no language model is connected" in answer("write me a poem").said.splitlines()[0]


def test_it_names_only_the_tools_that_are_offered() -> None:
    step = understand("explain cron */5 * * * *", SCHEMAS[1:])
    assert isinstance(step, Say)
    assert "cidr_calc" in step.text and "cron_explain" not in step.text
    assert isinstance(understand("help", []), Say)


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
    assert heard.said.count(SIGNATURE.strip()) == 1
    assert heard.said.endswith(SIGNATURE)
    assert heard.blocks[-1]["text"] == heard.said
    assert heard.usage == [("offline", TokenUsage())] * 2


def test_several_schedules_are_answered_together() -> None:
    heard = answer("compare 0 3 * * 1 and 0 4 * * 1")
    assert len({block["id"] for block in heard.blocks if block["type"] == "tool_use"}) == 2
    assert "At 03:00 on Mondays." in heard.said and "At 04:00 on Mondays." in heard.said
    assert heard.said.count(SIGNATURE) == 1


def test_it_streams_in_small_pieces() -> None:
    events = list(OfflineModel().turn(TurnRequest("", [user("help")], SCHEMAS, 100)))
    pieces = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(pieces) > 20
    assert isinstance(events[0], TurnStarted)
    assert events[-2] == BlockDone({"type": "text", "text": "".join(pieces)})
    assert events[-1] == TurnDone("end_turn", TokenUsage())


def test_it_goes_on_behind_results_that_are_there() -> None:
    call = {"type": "tool_use", "id": "t1", "name": "unknown_tool", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": '{"n": 1}', "is_error": False}
    messages = [user("x"), {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    heard = Recorder()
    ask(OfflineModel(), *REGISTRY, answer=heard, messages=messages)
    assert '"n": 1' in heard.said


def test_a_tool_that_fails_is_passed_on() -> None:
    def broken(_given: dict[str, Any]) -> ToolOutput:
        raise ToolError("It is out of order.")

    tool = Tool("cidr_calc", "t", "Calculate.", {"type": "object"}, broken)
    heard = Recorder()
    ask(OfflineModel(), tool, answer=heard, messages=[user("10.0.0.0/8")])
    assert "I could not do that: It is out of order." in heard.said


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
            tool.run(tool.read(call.input))
        except ToolError as refusal:
            assert not re.search(r"\bours\b", str(refusal))


def test_finders_return_each_thing_once() -> None:
    assert find_crons("@daily @daily 0 3 * * 1 or 0 3 * * 1") == ["@daily", "0 3 * * 1"]
    assert find_networks("10.0.0.0/8 10.0.0.0/8") == [Call("cidr_calc", {"cidrs": ["10.0.0.0/8"]})]
