"""Show how Claude is asked and heard, with the real SDK on the real wire."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest

from clients.claude import ClaudeModel
from clients.model import BlockDone, ModelFailure, TextDelta, TokenUsage, TurnDone, TurnEvent, TurnRequest, TurnStarted
from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic

PATIENCE = 30.0
MODEL = "claude-sonnet-5-5"
TOOL = {"name": "look", "description": "Look.", "input_schema": {"type": "object", "properties": {}}}


@pytest.fixture
def fake() -> Iterator[FakeAnthropic]:
    with FakeAnthropic() as server:
        yield server


@pytest.fixture
def model(fake: FakeAnthropic) -> ClaudeModel:
    return ClaudeModel("sk-ant-test-key", fake.base_url, MODEL, PATIENCE)


def request(*messages: dict[str, Any], tools: list[dict[str, Any]] | None = None) -> TurnRequest:
    asked = list(messages) or [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]
    return TurnRequest("Be brief.", asked, tools or [], 1000)


def turn(model: ClaudeModel, asked: TurnRequest | None = None) -> list[TurnEvent]:
    return list(model.turn(asked or request()))


def failure(model: ClaudeModel) -> ModelFailure:
    with pytest.raises(ModelFailure) as caught:
        turn(model)
    return caught.value


def test_a_text_arrives_in_pieces_and_as_a_block(fake: FakeAnthropic, model: ClaudeModel) -> None:
    usage = scripts.Usage(input=7, output=9, cache_write=11, cache_read=13)
    fake.enqueue(scripts.text("Hello there", pieces=["Hello ", "there"], usage=usage))
    assert turn(model) == [
        TurnStarted(MODEL, TokenUsage(7, 1, 11, 13)),
        TextDelta("Hello "),
        TextDelta("there"),
        BlockDone({"type": "text", "text": "Hello there"}),
        TurnDone("end_turn", TokenUsage(7, 9, 11, 13)),
    ]


def test_blocks_come_as_they_have_to_be_sent_back(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.enqueue(scripts.tools(("look", {"a": [1, {"b": "é"}]}), before="So.", thinking="Let me think."))
    blocks = [event.block for event in turn(model) if isinstance(event, BlockDone)]
    assert blocks[0] == {"type": "thinking", "thinking": "Let me think.", "signature": "signed:Let me think."}
    assert blocks[1] == {"type": "text", "text": "So."}
    assert blocks[2] | {"id": ""} == {"type": "tool_use", "id": "", "name": "look", "input": {"a": [1, {"b": "é"}]}}
    results = [{"type": "tool_result", "tool_use_id": blocks[2]["id"], "content": "{}", "is_error": False}]
    asked = request(
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": results},
        tools=[TOOL],
    )
    turn(model, asked)
    assert fake.refused == []
    assert fake.bodies[1]["messages"][1]["content"] == blocks


def test_the_request_is_complete_and_marks_the_cache(fake: FakeAnthropic, model: ClaudeModel) -> None:
    asked = request(tools=[TOOL])
    turn(model, asked)
    sent = fake.requests[0]
    mark = {"cache_control": {"type": "ephemeral"}}
    assert sent.headers["authorization"] == "Bearer sk-ant-test-key"
    assert sent.body == {
        "model": MODEL,
        "max_tokens": 1000,
        "stream": True,
        "system": [{"type": "text", "text": "Be brief.", **mark}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello", **mark}]}],
        "tools": [TOOL],
        "thinking": {"type": "adaptive", "display": "summarized"},
    }
    assert "cache_control" not in json.dumps(asked.messages)


def test_an_older_model_is_not_asked_to_think(fake: FakeAnthropic) -> None:
    turn(ClaudeModel("sk-ant-test-key", fake.base_url, "claude-haiku-4-5", PATIENCE))
    assert "thinking" not in fake.bodies[0]


def test_the_environment_decides_nothing(fake: FakeAnthropic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-other")
    turn(ClaudeModel("sk-ant-test-key", fake.base_url, MODEL, PATIENCE))
    assert fake.requests[0].headers["authorization"] == "Bearer sk-ant-test-key"
    plain = ClaudeModel("sk-ant-test-key", None, MODEL, PATIENCE)
    assert str(plain._client.base_url).startswith("https://api.anthropic.com")


def test_text_that_no_wire_takes_is_replaced(fake: FakeAnthropic, model: ClaudeModel) -> None:
    asked = {"role": "user", "content": [{"type": "text", "text": "a\x00b\ud800c"}]}
    fake.enqueue(scripts.text("x\x00y\udfffz"))
    events = turn(model, request(asked))
    assert fake.bodies[0]["messages"][0]["content"][0]["text"] == "a\ufffdb?c"
    assert events[-2] == BlockDone({"type": "text", "text": "x\ufffdy?z"})


def test_thinking_that_no_longer_fits_is_dropped(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.enqueue(scripts.error(400, message="thinking blocks cannot be modified"), scripts.text("Fine."))
    thought = {"type": "thinking", "thinking": "hm", "signature": "old"}
    asked = request(
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
        {"role": "assistant", "content": [thought, {"type": "text", "text": "Hi"}]},
        {"role": "user", "content": [{"type": "text", "text": "And?"}]},
    )
    assert isinstance(turn(model, asked)[-1], TurnDone)
    assert fake.bodies[1]["messages"][1]["content"] == [{"type": "text", "text": "Hi"}]


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_a_passing_error_is_tried_again(fake: FakeAnthropic, model: ClaudeModel, status: int) -> None:
    fake.enqueue(scripts.error(status, retry_after="0.01"), scripts.error(status, retry_after="0"), scripts.text("Hi"))
    assert isinstance(turn(model)[-1], TurnDone)
    assert len(fake.requests) == 3


@pytest.mark.parametrize("script", [scripts.dropped(), scripts.dropped_before_events()], ids=["no answer", "no event"])
def test_a_line_that_breaks_before_the_first_event_is_tried_again(
    fake: FakeAnthropic, model: ClaudeModel, script: scripts.Script
) -> None:
    fake.enqueue(script, scripts.text("Hi"))
    assert isinstance(turn(model)[-1], TurnDone)


def test_three_attempts_are_all(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.default = scripts.error(529, retry_after="0")
    assert failure(model).kind == "overloaded"
    assert len(fake.requests) == 3


@pytest.mark.parametrize("retry_after", ["6", "3600", "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_nobody_waits_long_because_the_service_says_so(
    fake: FakeAnthropic, model: ClaudeModel, retry_after: str
) -> None:
    fake.default = scripts.error(429, retry_after=retry_after)
    started = time.monotonic()
    assert failure(model).kind == "rate_limited"
    assert len(fake.requests) == 1
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("script", "kind", "words"),
    [
        (scripts.error(400), "rejected", "start a new one"),
        (scripts.error(400, message="prompt is too long: 9 > 8"), "too_long", "too long"),
        (scripts.error(401), "refused", "the operator has been told"),
        (scripts.error(402), "refused", "the operator has been told"),
        (scripts.error(403), "refused", "the operator has been told"),
        (scripts.error(404), "refused", "the operator has been told"),
        (scripts.error(413), "too_long", "too long"),
        (scripts.text("Hm", ending="truncated"), "connection", "broke"),
        (scripts.text("Hm", ending="dropped"), "connection", "broke"),
        (scripts.text("Hm", ending="error"), "overloaded", "overloaded"),
        (scripts.text("Hm", ending="error", error_type="api_error"), "server_error", "error of its own"),
        (scripts.text("Hm", ending="error", error_type="invalid_request_error"), "rejected", "start a new one"),
        (scripts.broken_tool_json("look"), "broken", "broken"),
        (scripts.broken_tool_json("look", '{"a": 1'), "broken", "broken"),
        (scripts.broken_tool_json("look", "[1]"), "broken", "broken"),
        (scripts.broken_tool_json("look", '{"a": NaN}'), "broken", "broken"),
    ],
)
def test_what_goes_wrong_is_said_plainly_and_only_once(
    fake: FakeAnthropic, model: ClaudeModel, script: scripts.Script, kind: str, words: str
) -> None:
    fake.enqueue(script)
    found = failure(model)
    assert (found.kind, words in found.message) == (kind, True)
    assert len(fake.requests) == 1


def test_events_in_no_order_are_a_failure(fake: FakeAnthropic, model: ClaudeModel) -> None:
    def nonsense(wire: scripts.Wire) -> None:
        wire.begin()
        wire.send("content_block_delta", {"index": 3, "delta": {"type": "text_delta", "text": "x"}})
        wire.send("message_stop", {})
        wire.end()

    fake.default = nonsense
    assert failure(model).kind in ("broken", "connection")


def test_a_page_instead_of_a_stream_is_a_failure(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.default = lambda wire: wire.answer(200, {"hello": "proxy"}, {})
    assert failure(model).kind == "connection"


def test_a_call_cut_off_at_the_length_limit_is_no_failure(fake: FakeAnthropic, model: ClaudeModel) -> None:
    cut = {**scripts.tool_block("look", {}), "pieces": ['{"a": "unfini']}
    fake.enqueue(scripts.Turn([scripts.text_block("So."), cut], stop_reason="max_tokens"))
    assert cast(TurnDone, turn(model)[-1]).stop_reason == "max_tokens"


def test_a_server_that_cannot_be_reached(model: ClaudeModel) -> None:
    nowhere = ClaudeModel("sk-ant-test-key", "http://127.0.0.1:1", MODEL, PATIENCE)
    assert failure(nowhere).kind == "connection"


@pytest.mark.parametrize("script", [scripts.silent(), scripts.text("Well", ending="silent")], ids=["all", "middle"])
def test_silence_times_out_and_is_not_tried_again(fake: FakeAnthropic, script: scripts.Script) -> None:
    fake.enqueue(script)
    found = failure(ClaudeModel("sk-ant-test-key", fake.base_url, MODEL, 0.5))
    assert found.kind == "timeout"
    assert len(fake.requests) == 1


def test_closing_from_another_thread_wakes_the_reader_and_tells_the_server(
    fake: FakeAnthropic, model: ClaudeModel
) -> None:
    hung_up = threading.Event()

    def watched(wire: scripts.Wire) -> None:
        try:
            scripts.text("Well, ", ending="silent")(wire)
        except OSError:
            hung_up.set()
            raise

    fake.enqueue(watched)
    events = model.turn(request())
    heard, ended = threading.Event(), threading.Event()

    def read() -> None:
        with pytest.raises(ModelFailure):
            for event in events:
                if isinstance(event, TextDelta):
                    heard.set()
        ended.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert heard.wait(PATIENCE)
    cast(Any, events).close()
    assert ended.wait(PATIENCE / 2)
    assert hung_up.wait(PATIENCE / 2)
    reader.join()


def test_closing_ends_the_retries(fake: FakeAnthropic, model: ClaudeModel) -> None:
    fake.default = scripts.error(529, retry_after="5")
    events = model.turn(request())
    ended = threading.Event()

    def read() -> None:
        with pytest.raises(ModelFailure):
            next(events)
        ended.set()

    reader = threading.Thread(target=read)
    reader.start()
    fake.wait_for_requests(1)
    cast(Any, events).close()
    assert ended.wait(4)
    reader.join()
    assert len(fake.requests) == 1


def test_one_object_serves_many_threads_and_reuses_its_lines(fake: FakeAnthropic, model: ClaudeModel) -> None:
    said: dict[int, str] = {}

    def talk(number: int) -> None:
        for _ in range(3):
            asked = {"role": "user", "content": [{"type": "text", "text": f"number {number}"}]}
            events = turn(model, request(asked))
            said[number] = "".join(event.text for event in events if isinstance(event, TextDelta))

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert said == {number: f"You said: number {number}" for number in range(12)}
    assert fake.lines_opened <= 12


def test_the_log_holds_no_secret_and_nobodys_words(
    fake: FakeAnthropic, model: ClaudeModel, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    fake.enqueue(
        scripts.error(401, message="invalid x-api-key sk-ant-test-key"), scripts.broken_tool_json("look", "{oops")
    )
    found = [failure(model), failure(model)]
    logged = "".join(capfd.readouterr()) + caplog.text
    assert "refused" in logged and "401" in logged and "req_fake" in logged and "broken" in logged
    for text in (logged, *(str(problem) + repr(problem) for problem in found)):
        assert "sk-ant" not in text and "oops" not in text and "Hello" not in text
