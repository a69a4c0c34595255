"""Show how the agent answers, on the real wire, and what it charges for."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from agent.loop import Before
from agent.outcomes import RESULT_MAX_CHARS
from agent.registry import REGISTRY
from agent.types import Limits, Stopped, ToolError, ToolOutput
from clients.claude import ClaudeModel
from clients.model import ModelFailure, TextDelta, TokenUsage, TurnEvent, TurnRequest, TurnStarted
from tests.agent.support import PATIENCE, Recorder, Till, ask, fine, tool, user
from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic


def raising(error: Exception) -> Any:
    def run(_given: dict[str, Any]) -> ToolOutput:
        raise error

    return run


def test_it_passes_a_text_on_as_it_arrives(fake: FakeAnthropic, model: ClaudeModel) -> None:
    gate = threading.Event()
    fake.enqueue(scripts.text("one two", pieces=["one ", "two"], gate=gate))
    heard: list[str] = []

    def listen(recorder: Recorder) -> bool:
        if recorder.deltas and not heard:
            heard.extend(recorder.deltas)
            gate.set()
        return False

    answer = Recorder(stop_when=listen)
    assert ask(model, answer=answer).stop_reason == "end_turn"
    assert heard == ["one "]
    assert answer.said == "one two"
    assert answer.blocks == [{"type": "text", "text": "one two"}]
    assert answer.usage == [("claude-sonnet-5-5", TokenUsage(100, 20, 0, 0))]


def test_it_runs_a_tool_between_charge_and_settle(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.enqueue(scripts.tools(("look", {"at": "it"}), before="Let me see."), scripts.text("All is well."))
    till = Till({"look": 5})
    seen: list[str] = []

    def look(given: dict[str, Any]) -> ToolOutput:
        seen.extend(till.outcomes)
        return fine(given)

    answer = Recorder()
    ask(model, tool("look", look), answer=answer, till=till)
    assert seen == ["open"]
    assert till.outcomes == ["settled"]
    assert answer.started == [("look", "look", 5)]
    result = answer.results[0]
    assert json.loads(result["content"]) == {"found": {"at": "it"}}
    assert result | {"duration_ms": 0, "tool_use_id": ""} == {
        "type": "tool_result",
        "tool_use_id": "",
        "name": "look",
        "content": '{"found":{"at":"it"}}',
        "is_error": False,
        "success": True,
        "credits": 5,
        "duration_ms": 0,
        "summary": "found it",
    }
    assert [block["type"] for block in answer.blocks] == ["text", "tool_use", "tool_result", "text"]


def test_it_sends_results_in_the_shape_of_the_api(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.enqueue(scripts.tools(("a", {"n": 1}), ("b", {}), thinking="Hm."), scripts.text("Done."))
    ask(model, tool("a", fine), tool("b", fine))
    assert fake.refused == []
    second = fake.bodies[1]["messages"]
    assert [block["type"] for block in second[1]["content"]] == ["thinking", "tool_use", "tool_use"]
    assert [block["tool_use_id"] for block in second[2]["content"]] == [b["id"] for b in second[1]["content"][1:]]
    assert all(
        set(block) <= {"type", "tool_use_id", "content", "is_error", "cache_control"} for block in second[2]["content"]
    )


def test_it_only_ever_adds_to_the_conversation(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.enqueue(*[scripts.tools(("a", {"n": n})) for n in range(3)], scripts.text("Done."))
    asked = [user("What now?")]
    ask(model, tool("a", fine), messages=asked)
    assert asked == [user("What now?")]
    bodies = [
        json.loads(json.dumps(body).replace(', "cache_control": {"type": "ephemeral"}', "")) for body in fake.bodies
    ]
    for before, after in zip(bodies, bodies[1:], strict=False):
        assert after["messages"][: len(before["messages"])] == before["messages"]
        assert {**after, "messages": []} == {**before, "messages": []}


@pytest.mark.parametrize(
    ("run", "outcome", "credits", "words"),
    [
        (raising(ToolError("That is no host.")), "settled", 3, "That is no host."),
        (raising(ToolError("Our disk is full.", ours=True)), "refunded", 0, "Our disk is full."),
        (raising(KeyError("secret detail")), "refunded", 0, "failed on our side"),
        (lambda _given: ToolOutput({"n": float("nan")}, "x"), "refunded", 0, "failed on our side"),
        (lambda _given: ToolOutput({"n": object()}, "x"), "refunded", 0, "failed on our side"),
        (lambda _given: ToolOutput({"n": "x" * RESULT_MAX_CHARS}, "x"), "refunded", 0, "too large"),
    ],
)
def test_a_tool_that_fails_is_told_and_paid_only_for_what_it_found(
    fake: FakeAnthropic, model: ClaudeModel, run: Any, outcome: str, credits: int, words: str
) -> None:
    fake.enqueue(scripts.tools(("look", {})), scripts.text("I see."))
    answer, till = Recorder(), Till({"look": 3})
    assert ask(model, tool("look", run), answer=answer, till=till).stop_reason == "end_turn"
    assert till.outcomes == [outcome]
    result = answer.results[0]
    assert (result["is_error"], result["success"], result["credits"]) == (True, False, credits)
    assert words in result["summary"] and words in json.loads(result["content"])["error"]
    assert "secret" not in json.dumps(answer.blocks)
    assert fake.bodies[1]["messages"][-1]["content"][0]["is_error"] is True


def test_wrong_input_is_refused_before_the_charge(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.enqueue(scripts.tools(("cron_explain", {"expresion": "* * * * *"})), scripts.text("Sorry."))
    answer, till = Recorder(), Till({"cron_explain": 1})
    ask(model, *REGISTRY, answer=answer, till=till)
    assert till.bills == []
    assert "expression" in answer.results[0]["summary"]
    assert answer.results[0]["credits"] == 0
    assert answer.started == [("cron_explain", "cron_explain", 0)]


def test_a_tool_that_cannot_be_paid_does_not_run(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.enqueue(scripts.tools(("deploy", {})), scripts.text("You are out of credits."))
    answer, till = Recorder(), Till({"deploy": 5}, credits=2)
    assert ask(model, tool("deploy", raising(AssertionError())), answer=answer, till=till).stop_reason == "end_turn"
    assert till.bills == []
    [result] = answer.results
    assert (result["not_run"], result["summary"]) == (True, "Not run: it costs 5 credits and 2 are left.")
    assert json.loads(result["content"])["advice"] == "Tell the user, and answer without it."


def test_a_tool_that_does_not_exist_or_is_not_offered_does_not_run(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.enqueue(scripts.tools(("rm_rf", {})), scripts.text("There is none."))
    answer, till = Recorder(), Till({})
    ask(model, tool("look", fine), answer=answer, till=till)
    assert till.bills == []
    assert answer.started == [("rm_rf", None, 0)]
    assert (answer.results[0]["success"], answer.results[0]["not_run"]) == (False, True)


def test_the_model_is_told_what_a_tool_costs(fake: FakeAnthropic, model: ClaudeModel) -> None:
    ask(model, tool("look", fine), tool("deploy", fine), till=Till({"deploy": 5}))
    assert [schema["description"] for schema in fake.bodies[0]["tools"]] == [
        "Do look.",
        "Do deploy. Costs the user 5 credits.",
    ]


def test_it_goes_on_after_a_pause(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.enqueue(
        scripts.text("First half, ", stop_reason="pause_turn"), scripts.tools(("a", {})), scripts.text("second half.")
    )
    answer = Recorder()
    ask(model, tool("a", fine), answer=answer)
    assert fake.refused == []
    assert [message["role"] for message in fake.bodies[2]["messages"]] == ["user", "assistant", "user"]
    assert answer.said == "First half, second half."


@pytest.mark.parametrize("script", [scripts.refusal, scripts.max_tokens], ids=["refusal", "max_tokens"])
def test_a_cut_after_some_text_is_an_answer_and_without_it_is_not(
    fake: FakeAnthropic, model: ClaudeModel, script: Any
) -> None:
    fake.enqueue(script("I can only say"), script())
    assert ask(model).stop_reason == script().stop_reason
    with pytest.raises(ModelFailure) as failure:
        ask(model)
    assert failure.value.kind == script().stop_reason


def test_text_before_a_tool_counts_as_text_of_the_answer(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.enqueue(scripts.tools(("a", {}), before="Looking."), scripts.empty())
    assert ask(model, tool("a", fine)).stop_reason == "end_turn"


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (scripts.empty(), "empty"),
        (scripts.text("  \n"), "empty"),
        (scripts.Turn([], stop_reason="tool_use"), "broken"),
        (scripts.Turn([], stop_reason="pause_turn"), "broken"),
        (scripts.text("Hm", stop_reason="something_new"), "broken"),
    ],
)
def test_an_answer_of_nothing_is_a_failure(
    fake: FakeAnthropic, model: ClaudeModel, script: scripts.Turn, kind: str
) -> None:
    fake.enqueue(script)
    with pytest.raises(ModelFailure) as failure:
        ask(model)
    assert failure.value.kind == kind


def test_a_call_in_a_turn_that_was_cut_off_never_runs(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.enqueue(scripts.tools(("a", {"n": 1}), before="Now", stop_reason="max_tokens"))
    answer, till = Recorder(), Till({})
    assert ask(model, tool("a", raising(AssertionError())), answer=answer, till=till).stop_reason == "max_tokens"
    assert till.bills == []
    assert [block["type"] for block in answer.blocks] == ["text", "tool_use", "tool_result"]
    assert answer.results[0]["success"] is False


def test_blank_text_is_not_sent_back(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.enqueue(scripts.tools(("a", {}), before="\n\n"), scripts.text("Done."))
    ask(model, tool("a", fine))
    assert fake.refused == []


@pytest.mark.parametrize(
    "script",
    [scripts.text("half an ans", ending=ending) for ending in ("truncated", "dropped", "error")],
    ids=["truncated", "dropped", "error"],
)
def test_tokens_of_a_turn_that_breaks_off_are_counted(
    fake: FakeAnthropic, model: ClaudeModel, script: scripts.Turn
) -> None:
    fake.enqueue(script)
    answer = Recorder()
    with pytest.raises(ModelFailure):
        ask(model, answer=answer)
    assert answer.said == "half an ans"
    assert answer.usage == [("claude-sonnet-5-5", TokenUsage(100, 3, 0, 0))]


def test_stop_works_before_the_model_says_anything(fake: FakeAnthropic, model: ClaudeModel) -> None:
    gate = threading.Event()
    fake.enqueue(scripts.silent(gate))
    with pytest.raises(Stopped):
        ask(model, answer=Recorder(stop_when=lambda _answer: len(fake.requests) == 1))
    assert not gate.is_set()


def test_stop_works_in_the_middle_of_a_silence_and_counts_tokens(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.enqueue(scripts.text("Well, ", ending="silent"))
    answer = Recorder(stop_when=lambda answer: bool(answer.deltas) and answer.beats > 6)
    with pytest.raises(Stopped):
        ask(model, answer=answer)
    assert answer.usage[0][1].input_tokens == 100


def test_stop_while_a_tool_runs_refunds_it(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.enqueue(scripts.tools(("slow", {})))
    running, gate = threading.Event(), threading.Event()

    def slow(_given: dict[str, Any]) -> ToolOutput:
        running.set()
        gate.wait(PATIENCE)
        return ToolOutput({}, "late")

    till = Till({"slow": 5})
    answer = Recorder(stop_when=lambda _answer: running.is_set())
    with pytest.raises(Stopped):
        ask(model, tool("slow", slow), answer=answer, till=till)
    gate.set()
    assert till.outcomes == ["refunded"]
    assert answer.results == []


def test_whatever_else_ends_the_answer_leaves_no_charge_open(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.enqueue(scripts.tools(("slow", {})))
    till = Till({"slow": 5})

    class Broken(Recorder):
        def tool_started(self, *_args: Any) -> None:
            raise OSError("the database has gone")

    with pytest.raises(OSError):
        ask(model, tool("slow", fine), answer=Broken(), till=till)
    assert [(bill.outcome, bill.reason) for bill in till.bills] == [("refunded", "internal_error")]


def test_time_runs_out_while_the_model_is_silent(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.enqueue(scripts.silent())
    with pytest.raises(ModelFailure) as failure:
        ask(model, limits=Limits(seconds=0.3))
    assert failure.value.kind == "timeout"


def test_tools_that_use_up_the_time_leave_the_model_its_last_word(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.enqueue(scripts.tools(("slow", {})), scripts.text("It hangs, as far as I can see."))
    gate = threading.Event()
    answer, till = Recorder(), Till({"slow": 5})
    slow = tool("slow", lambda _given: ToolOutput({"done": gate.wait(PATIENCE)}, "late"))
    # Most of the time is kept for the model here, so that a slow machine does not fail the test.
    limits = Limits(seconds=PATIENCE, tool_seconds=0.3)
    assert ask(model, slow, answer=answer, till=till, limits=limits).stop_reason == "end_turn"
    gate.set()
    assert till.outcomes == ["refunded"]
    assert answer.results[0]["credits"] == 0
    assert answer.said == "It hangs, as far as I can see."


def test_no_more_tools_run_when_their_part_of_the_time_is_over(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.default = lambda wire: scripts.tools(("look", {"n": len(fake.requests)}), before="Looking.")(wire)
    answer = Recorder()
    spent = Before(seconds=PATIENCE * 0.8)  # What is left is the model's own fifth.
    ending = ask(model, tool("look", fine), answer=answer, limits=Limits(seconds=PATIENCE), before=spent)
    assert ending.stop_reason == "limit"
    assert "seconds for one message are nearly over" in answer.said
    assert len(fake.requests) == 2


def test_it_can_be_asked_again_behind_an_answer_that_was_cut_off(fake: FakeAnthropic, model: ClaudeModel) -> None:
    partial = {"role": "assistant", "content": [{"type": "text", "text": "Half"}]}
    ask(model, messages=[user("What now?"), partial])
    assert fake.refused == []
    assert fake.bodies[0]["messages"][-1]["role"] == "user"


def test_what_cannot_be_stored_is_replaced(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.enqueue(scripts.tools(("look", {"at": "a\x00b"}), before="x\x00\udfff"), scripts.text("Done."))
    answer = Recorder()
    bad = tool("look", lambda given: ToolOutput({"at": given["at"] + "\ud800\x00"}, "\ud800 \x00"))
    ask(model, bad, answer=answer)
    stored = json.dumps(answer.blocks, ensure_ascii=False)
    assert stored.encode("utf-8")
    assert "\\u0000" not in json.dumps([block for block in answer.blocks if block["type"] != "tool_result"])
    assert "\x00" not in answer.said + answer.results[0]["summary"] + answer.results[0]["content"]


class BreaksOff:
    """A model whose turn ends without an end."""

    name = "breaks-off"

    def turn(self, _request: TurnRequest) -> Iterator[TurnEvent]:
        yield TurnStarted("claude-sonnet-5-5", TokenUsage(input_tokens=1))
        yield TextDelta("half an ans")


def test_a_turn_without_an_end_is_a_failure() -> None:
    with pytest.raises(ModelFailure) as failure:
        ask(BreaksOff())
    assert failure.value.kind == "broken"
