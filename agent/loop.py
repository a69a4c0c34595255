"""Run the agent: ask the model, run the tools that it calls, and ask again until it has answered.

After each tool the answer gets our own block: `{"type": "tool_result", "tool_use_id", "name", "content": <JSON text for
the model>, "is_error", "success", "credits", "duration_ms", "summary"}`.
"""

import re
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, cast

from agent.calls import ToolCalls
from agent.history import askable
from agent.pump import pump
from agent.registry import Registry
from agent.types import Answer, Charge, Ending, Limits, OpenReach, Verdict
from agent.watch import Watch
from clients.model import (
    BlockDone,
    Model,
    ModelFailure,
    TextDelta,
    TokenUsage,
    TurnDone,
    TurnEvent,
    TurnRequest,
    TurnStarted,
)

TICK_SECONDS = 0.2
CHARS_PER_TOKEN = 4
LAST_WORD_SECONDS = 60.0
LAST_WORD_PART = 0.2
"""What is kept of an answer's time for the model's last turn, whichever is less."""
_CALL_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
NO_MORE_TOOLS = "I stopped here: {why} What is above is as far as I got; ask again, more narrowly, to go on."


@dataclass(frozen=True)
class Setting:
    """What one answer is made with."""

    model: Model
    system: str
    tools: Registry
    prices: Mapping[str, int]
    """Of the tools that are for sale; no other is offered."""
    allowed: Mapping[str, int]
    limits: Limits
    open_reach: OpenReach


@dataclass(frozen=True)
class Before:
    """What was done for the same message before the user was asked."""

    rounds: int = 0
    calls: tuple[dict[str, Any], ...] = ()
    output_tokens: int = 0
    seconds: float = 0.0
    verdict: Verdict | None = None


def run(
    setting: Setting, messages: Callable[[], list[dict[str, Any]]], answer: Answer, charge: Charge, before: Before
) -> Ending:
    """Answer the last message and return how the answer ended.

    Raises ModelFailure when the model gave no whole answer, and Stopped as soon as `answer.beat` says so. The user's
    word, if this goes on behind one, is carried out first; `messages` is asked after it. No tool is left charged and
    unresolved, whatever is raised.
    """
    limits = setting.limits
    # The last part is the model's, so that it can still say what is known when the tools have used up their time.
    last_word = min(LAST_WORD_SECONDS, limits.seconds * LAST_WORD_PART)
    left = limits.seconds - before.seconds
    if before.verdict is not None:
        left = max(left, limits.tool_seconds + last_word)
    deadline = time.monotonic() + max(left, last_word)
    tools_until = deadline - last_word
    offered = [tool.name for tool in setting.tools if tool.name in setting.prices]
    watch = Watch(limits.tool_calls)
    watch.remember(before.calls)
    calls = ToolCalls(
        tools=setting.tools,
        offered=offered,
        prices=setting.prices,
        allowed=setting.allowed,
        open_reach=setting.open_reach,
        answer=answer,
        charge=charge,
        limits=limits,
        watch=watch,
        deadline=tools_until,
        tick=TICK_SECONDS,
    )
    if before.verdict is not None:
        calls.resume(before.verdict)
    schemas = setting.tools.model_schemas(offered, setting.prices)
    calls.conversation = askable(messages())
    run_ = _Run(setting, schemas, calls.conversation, answer, calls, deadline, before.rounds, before.output_tokens)
    return run_.to_the_end()


@dataclass
class _Turn:
    """What one turn of the model has brought so far."""

    content: list[dict[str, Any]] = field(default_factory=list)
    started: TurnStarted | None = None
    done: TurnDone | None = None
    chars: int = 0

    @property
    def tool_uses(self) -> list[dict[str, Any]]:
        """Return the calls of the turn."""
        return [block for block in self.content if block["type"] == "tool_use"]

    def usage(self) -> TokenUsage:
        """Return the turn's use of tokens; the output of a turn that broke off is estimated from its length."""
        if self.done is not None:
            return self.done.usage
        begun = self.started.usage if self.started else TokenUsage()
        missing = max(0, -(-self.chars // CHARS_PER_TOKEN) - begun.output_tokens)
        return begun + TokenUsage(output_tokens=missing)


@dataclass
class _Run:
    setting: Setting
    schemas: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    answer: Answer
    calls: ToolCalls
    deadline: float
    rounds: int
    output_tokens: int
    has_text: bool = False

    def to_the_end(self) -> Ending:
        """Take turns with the model until the answer has ended, or waits for the user's word."""
        watch, limits = self.calls.watch, self.setting.limits
        while True:
            self.rounds += 1
            turn = self._turn()
            reason = turn.done.stop_reason if turn.done else ""
            if reason not in ("tool_use", "pause_turn"):
                self._refuse_cut_off(turn)
                return self._ending(reason)
            self._remember("assistant", turn.content)
            if reason == "pause_turn":
                if self.rounds > limits.rounds:
                    return self._give_up("the model paused too often.")
                continue
            last_chance_is_over = watch.closed_because is not None
            if self.rounds >= limits.rounds:
                watch.close(f"the limit of {limits.rounds} steps for one message is reached.")
            if self.output_tokens >= limits.output_tokens:
                watch.close(f"the limit of {limits.output_tokens:,} written tokens for one message is reached.")
            self._remember("user", self.calls.results(turn.tool_uses))
            if self.calls.asked:
                return Ending("approval")
            if time.monotonic() >= self.calls.deadline:
                watch.close(f"the {limits.seconds:,.0f} seconds for one message are nearly over.")
            if last_chance_is_over:
                return self._give_up(str(watch.closed_because))

    def _turn(self) -> _Turn:
        """Ask for one turn and pass on what arrives; its tokens are counted however it ends."""
        request = TurnRequest(self.setting.system, list(self.messages), self.schemas, self.setting.limits.tokens)
        turn = _Turn()
        self.answer.beat()
        self._check_time()
        events = pump(lambda: self.setting.model.turn(request), TICK_SECONDS)
        try:
            with closing(cast(Any, events)):
                for event in events:
                    self.answer.beat()
                    if event is not None:
                        self._take(event, turn)
                    if turn.done is None:
                        self._check_time()
        finally:
            if turn.started is not None:
                self.output_tokens += turn.usage().output_tokens
                self.answer.spent(turn.started.model, turn.usage())
        return self._checked(turn)

    def _check_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise ModelFailure("timeout", "The answer took too long and was ended.")

    def _take(self, event: TurnEvent, turn: _Turn) -> None:
        match event:
            case TurnStarted():
                turn.started = event
            case TextDelta(text):
                turn.chars += len(text)
                self.has_text = self.has_text or bool(text.strip())
                self.answer.text(text)
            case BlockDone(block):
                self._take_block(block, turn)
            case TurnDone():
                turn.done = event

    def _take_block(self, block: dict[str, Any], turn: _Turn) -> None:
        if block["type"] == "text":
            if not block["text"]:
                return
            # A model may bring a text as a whole, without deltas before it.
            self.has_text = self.has_text or bool(block["text"].strip())
        else:
            turn.chars += len(str(block.get("input", "")))
        turn.content.append(block)
        self.answer.block(block)

    def _checked(self, turn: _Turn) -> _Turn:
        if turn.done is None:
            raise ModelFailure("broken", "The model's answer broke off.")
        reason = turn.done.stop_reason
        if (reason == "tool_use" and not turn.tool_uses) or (reason == "pause_turn" and not _sendable(turn.content)):
            raise ModelFailure("broken", "The model's answer arrived broken.")
        if not self._has_good_calls(turn):
            # Kept, they would spoil every later request of the conversation.
            raise ModelFailure("broken", "The model's answer arrived broken.")
        return turn

    def _has_good_calls(self, turn: _Turn) -> bool:
        """Say whether each call has a name that can be sent back, and an id that no call had before."""
        said = [
            block for message in self.messages if isinstance(message["content"], list) for block in message["content"]
        ]
        ids = [block["id"] for block in [*said, *turn.content] if block["type"] == "tool_use"]
        return len(ids) == len(set(ids)) and all(_CALL_NAME.fullmatch(call["name"]) for call in turn.tool_uses)

    def _remember(self, role: str, content: list[dict[str, Any]]) -> None:
        """Append to the conversation; a turn that goes on after a pause belongs to the message before it."""
        content = _sendable(content)
        last = self.messages[-1] if self.messages else None
        if role == "assistant" and last is not None and last["role"] == "assistant":
            self.messages[-1] = {"role": role, "content": [*last["content"], *content]}
        else:
            self.messages.append({"role": role, "content": content})

    def _refuse_cut_off(self, turn: _Turn) -> None:
        """Answer tool calls of a turn that ended otherwise; they may be cut off, so they never run."""
        self.calls.refuse_all(turn.tool_uses, "The answer ended before this call was complete, so it did not run.")

    def _ending(self, reason: str) -> Ending:
        if reason in ("end_turn", "stop_sequence"):
            failure = ModelFailure("empty", "The model gave an empty answer.")
        elif reason == "refusal":
            failure = ModelFailure("refusal", "The model declined to answer this.")
        elif reason == "max_tokens":
            failure = ModelFailure("max_tokens", "The model reached its length limit before it had answered.")
        elif reason == "model_context_window_exceeded":
            failure = ModelFailure("too_long", "This conversation is too long for the model. Start a new one.")
        else:
            raise ModelFailure("broken", "The model's answer arrived broken.")
        if not self.has_text:
            raise failure
        return Ending(reason)

    def _give_up(self, why: str) -> Ending:
        """End an answer that only calls tools with an honest word of our own."""
        text = NO_MORE_TOOLS.format(why=why[0].upper() + why[1:])
        self.answer.text(text)
        self.answer.block({"type": "text", "text": text})
        self.answer.beat()
        return Ending("limit")


def _sendable(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out blank texts, which the Messages API refuses."""
    return [block for block in content if block["type"] != "text" or block["text"].strip()]
