"""Show that an answer ends, whatever the model keeps calling."""

from typing import Any

from agent.types import Limits, ToolError, ToolOutput
from clients.claude import ClaudeModel
from tests.agent.support import PATIENCE, Recorder, Till, ask, fine, tool
from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic


def counting(fake: FakeAnthropic) -> None:
    """Let the model call a tool for ever, each time with another input."""
    fake.default = lambda wire: scripts.tools(("a", {"n": len(fake.requests)}))(wire)


def run(model: ClaudeModel, limits: Limits | None = None, till: Till | None = None) -> tuple[str, Recorder]:
    answer = Recorder()
    ending = ask(model, tool("a", fine), tool("b", fine), answer=answer, till=till, limits=limits)
    return ending.stop_reason, answer


def test_after_the_last_step_it_gets_one_chance_to_answer(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.enqueue(*[scripts.tools(("a", {"n": n})) for n in range(3)], scripts.text("Here is what I have."))
    reason, answer = run(model, Limits(rounds=3, seconds=PATIENCE))
    assert reason == "end_turn"
    assert [result["success"] for result in answer.results] == [True, True, False]
    assert "answer now" in answer.results[-1]["content"]
    assert answer.results[-1]["summary"] == "Not run: the limit of 3 steps for one message is reached."
    assert answer.said == "Here is what I have."


def test_if_it_still_calls_tools_it_ends_honestly(fake: FakeAnthropic, model: ClaudeModel) -> None:
    counting(fake)
    till = Till({"a": 1})
    reason, answer = run(model, Limits(rounds=3, seconds=PATIENCE), till)
    assert reason == "limit"
    assert len(fake.requests) == 4
    assert fake.refused == []
    assert till.outcomes == ["settled"] * 2
    assert "limit of 3 steps" in answer.said
    assert answer.blocks[-1] == {"type": "text", "text": answer.said}


def test_tool_calls_are_limited_also_within_one_turn(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.enqueue(scripts.tools(*[("a", {"n": n}) for n in range(5)]), scripts.text("Enough."))
    till = Till({"a": 1})
    reason, answer = run(model, Limits(tool_calls=2, seconds=PATIENCE), till)
    assert reason == "end_turn"
    in_order = {result["tool_use_id"]: result["success"] for result in answer.results}
    assert [in_order[call["id"]] for call in answer.calls] == [True, True, False, False, False]
    assert till.outcomes == ["settled"] * 2


def test_the_same_call_does_not_run_a_third_time(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.default = scripts.tools(("a", {"n": 1}))
    fake.default = lambda wire: scripts.tools(("a", {"n": 1}))(wire)
    reason, answer = run(model)
    assert reason == "limit"
    assert [result["success"] for result in answer.results] == [True, True, False, False]
    assert "again and again" in answer.said


def test_two_calls_in_turns_are_noticed(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.enqueue(*[scripts.tools((name, {})) for name in "abab"], scripts.text("I am going round in circles."))
    reason, answer = run(model)
    assert reason == "end_turn"
    assert [result["success"] for result in answer.results] == [True, True, True, False]


def test_three_errors_of_one_tool_in_a_row_are_enough(fake: FakeAnthropic, model: ClaudeModel) -> None:
    counting(fake)

    def broken(_given: dict[str, Any]) -> ToolOutput:
        raise ToolError("No such host.")

    answer, till = Recorder(), Till({"a": 1})
    assert ask(model, tool("a", broken), answer=answer, till=till).stop_reason == "limit"
    assert till.outcomes == ["settled"] * 3
    assert "failed 3 times in a row" in answer.said


def test_an_endless_pause_ends(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.default = lambda wire: scripts.text("Wait. ", stop_reason="pause_turn")(wire)
    reason, answer = run(model, Limits(rounds=3, seconds=PATIENCE))
    assert reason == "limit"
    assert len(fake.requests) == 4
