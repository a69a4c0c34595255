"""Show that a stored conversation always becomes one that the model's service takes, and that it only grows."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.history import CUT_OFF, GO_ON, StoredMessage, askable, cut, to_messages
from agent.marking import marked_as_data
from tests.fakes.anthropic_rules import complaint


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def call(identity: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": identity, "name": "look", "input": {}}


def thinking(words: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": words, "signature": "s"}


def result(identity: str, *, is_error: bool = False) -> dict[str, Any]:
    ours = {"name": "look", "success": not is_error, "credits": 1, "duration_ms": 3, "summary": "seen"}
    return {"type": "tool_result", "tool_use_id": identity, "content": "{}", "is_error": is_error, **ours}


def sent(identity: str, *, is_error: bool = False) -> dict[str, Any]:
    marked = marked_as_data("look", "{}")
    return {"type": "tool_result", "tool_use_id": identity, "content": marked, "is_error": is_error}


def said(words: str) -> StoredMessage:
    return StoredMessage("user", "done", [text(words)])


def answered(status: str, *content: dict[str, Any]) -> StoredMessage:
    return StoredMessage("assistant", status, content)


def test_rounds_become_messages_of_their_own() -> None:
    stored = [said("hi"), answered("done", text("a"), call("1"), call("2"), result("1"), result("2"), text("b"))]
    assert to_messages(stored) == [
        {"role": "user", "content": [text("hi")]},
        {"role": "assistant", "content": [text("a"), call("1"), call("2")]},
        {"role": "user", "content": [sent("1"), sent("2")]},
        {"role": "assistant", "content": [text("b")]},
    ]


def test_a_failed_attempt_leaves_only_its_tool_rounds() -> None:
    stored = [said("hi"), answered("failed", text("a"), call("1"), result("1"), text("half a"))]
    assert to_messages(stored)[1:] == [
        {"role": "assistant", "content": [text("a"), call("1")]},
        {"role": "user", "content": [sent("1")]},
    ]
    assert to_messages([said("hi"), answered("failed", text("half a"), call("1"))]) == to_messages([said("hi")])


def test_another_attempt_goes_on_behind_the_results() -> None:
    failed = answered("failed", call("1"), result("1"), text("half a"))
    messages = to_messages([said("hi"), failed, answered("done", text("whole"))])
    assert [message["role"] for message in messages] == ["user", "assistant", "user", "assistant"]
    assert messages[-1]["content"] == [text("whole")]


def test_a_stopped_answer_keeps_its_text_and_answers_its_calls() -> None:
    stored = [said("hi"), answered("stopped", text("so far"))]
    assert to_messages(stored)[1:] == [{"role": "assistant", "content": [text("so far")]}]
    messages = to_messages([said("hi"), answered("stopped", text("now"), call("1"))])
    assert messages[2]["content"][0]["is_error"] is True


def test_nothing_stands_behind_tool_results() -> None:
    messages = to_messages([said("hi"), answered("failed", call("1"), result("1")), said("and now?")])
    assert messages[2:] == [
        {"role": "user", "content": [sent("1")]},
        {"role": "assistant", "content": [text(CUT_OFF)]},
        {"role": "user", "content": [text("and now?")]},
    ]


def test_users_messages_without_an_answer_are_merged() -> None:
    messages = to_messages([said("hi"), answered("failed", text("x")), said("still there?")])
    assert messages == [{"role": "user", "content": [text("hi"), text("still there?")]}]


def test_an_attempt_behind_a_text_that_was_cut_off_is_asked_for() -> None:
    stored = [said("hi"), answered("stopped", text("half"))]
    asked = askable(to_messages(stored))
    assert asked[-1] == {"role": "user", "content": [text(GO_ON)]}
    assert to_messages([*stored, answered("done", text("whole"))])[:3] == asked


def test_thinking_is_kept_with_whole_rounds_only() -> None:
    whole = [thinking("1"), call("1"), result("1"), thinking("2"), text("b")]
    assert to_messages([said("hi"), answered("done", *whole)])[3]["content"] == [thinking("2"), text("b")]
    assert to_messages([said("hi"), answered("stopped", *whole)])[3]["content"] == [text("b")]
    assert to_messages([said("hi"), answered("stopped", thinking("1"), call("1"))])[1]["content"] == [call("1")]
    assert "thinking" not in json.dumps(to_messages([said("hi"), answered("done", *whole)], thinking=False))


def test_blank_and_empty_answers_vanish() -> None:
    stored = [said("hi"), answered("done", text(" \n"), thinking("x")), answered("failed"), answered("running")]
    assert to_messages(stored) == [{"role": "user", "content": [text("hi")]}]


def test_it_starts_with_the_user() -> None:
    assert to_messages([answered("done", text("welcome"))]) == []


words = st.sampled_from(["a", "b", "", "  "]).map(text)


@st.composite
def conversations(draw: st.DrawFn) -> list[StoredMessage]:
    """Draw what can be stored: answers of any status, cut off anywhere, with results or without."""
    messages: list[StoredMessage] = []
    ids = iter(range(1000))
    for _ in range(draw(st.integers(0, 6))):
        if draw(st.booleans()):
            messages.append(said(draw(st.sampled_from(["hi", "go on"]))))
            continue
        content: list[dict[str, Any]] = []
        for _ in range(draw(st.integers(0, 3))):
            calls = [call(str(next(ids))) for _ in range(draw(st.integers(0, 2)))]
            if draw(st.booleans()):
                content.append(thinking("hm"))
            content += [*draw(st.lists(words, max_size=2)), *calls]
            content += [result(block["id"]) for block in calls[: draw(st.integers(0, 2))]]
        status = draw(st.sampled_from(["done", "failed", "stopped", "running"]))
        messages.append(answered(status, *content[: draw(st.integers(0, len(content)))]))
    return messages


def blocks_of(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(message["role"], json.dumps(block)) for message in messages for block in message["content"]]


@given(conversations(), st.booleans())
@settings(max_examples=400, deadline=None)
def test_every_conversation_is_taken(stored: list[StoredMessage], with_thinking: bool) -> None:
    messages = to_messages([said("first"), *stored], thinking=with_thinking)
    assert complaint({"model": "m", "max_tokens": 1, "messages": askable(messages)}) is None
    roles = [message["role"] for message in messages]
    assert all(before != after for before, after in zip(roles, roles[1:], strict=False))


@given(conversations(), conversations())
@settings(max_examples=300, deadline=None)
def test_what_was_sent_never_changes(stored: list[StoredMessage], later: list[StoredMessage]) -> None:
    before = blocks_of(to_messages(stored))
    after = blocks_of(to_messages([*stored, *later]))
    assert after[: len(before)] == before


@given(st.lists(st.integers(1, 400), min_size=1, max_size=30), st.integers(50, 400))
@settings(deadline=None)
def test_the_cut_keeps_within_the_budget_and_moves_seldom(sizes: list[int], budget: int) -> None:
    stored: list[StoredMessage] = []
    start = 0
    for size in sizes:
        stored.append(said("x" * size))
        found = cut(stored, budget)
        assert found >= start
        assert stored[found].role == "user"
        total = sum(len(json.dumps(text(message.content[0]["text"]))) for message in stored[found:])
        assert total <= budget * 4 or found == len(stored) - 1
        if found > start:
            assert total <= budget * 2 or found == len(stored) - 1
        start = found
        stored.append(answered("done", text("ok")))


def test_the_cut_never_parts_an_exchange() -> None:
    exchange = [said("x" * 400), answered("done", call("1"), result("1"), text("y" * 400))]
    cuts = [cut(exchange * count, 800) for count in range(1, 12)]
    assert cuts[0] == 0 and cuts[-1] > 0
    assert cuts == sorted(cuts)
    assert all(position % 2 == 0 for position in cuts)
    assert len(set(cuts)) < len(cuts) / 2
    assert cut([], 10) == 0
