"""Turn what is stored of a conversation into messages for the model.

The result is deterministic and only ever grows at its end as the conversation does, block by block: the model's prompt
cache and its thinking blocks hold only for an unchanged beginning.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from agent.marking import marked_as_data

Block = dict[str, Any]
CHARS_PER_TOKEN = 4
NOT_RUN = json.dumps({"error": "This call did not finish; its outcome is unknown."})
CUT_OFF = "(This answer ended here, before it was complete.)"
GO_ON = "(Please answer again; the answer above ended before it was complete.)"
_THINKING = ("thinking", "redacted_thinking")


@dataclass(frozen=True)
class StoredMessage:
    """A message as it is stored; `status` is done, running, stopped or failed."""

    role: str
    status: str
    content: Sequence[Block]


@dataclass
class _Round:
    """What the model said in one turn, and the results of the tools that it called."""

    said: list[Block] = field(default_factory=list)
    results: dict[str, Block] = field(default_factory=dict)

    @property
    def calls(self) -> list[Block]:
        """Return the tool calls of the round."""
        return [block for block in self.said if block["type"] == "tool_use"]


def to_messages(stored: Iterable[StoredMessage], *, thinking: bool = True) -> list[dict[str, Any]]:
    """Return the conversation in the shape of the Messages API.

    It starts with a user message, roles alternate, and every tool call is answered in the next message with nothing
    after the results. Of an attempt that failed only the rounds with tool results count; of one that was stopped also
    its text. With `thinking` false all thinking blocks are left out, as they must be once the beginning has been cut.
    """
    messages: list[dict[str, Any]] = []
    for message in stored:
        if message.role == "user":
            _add_user(messages, [_plain(block) for block in message.content if _counts(block)])
        elif messages:
            again = messages[-1]["role"] == "assistant"
            for said, results in _rounds_to_send(message, thinking):
                if again:
                    # Another attempt behind a text that was cut off; see also `askable`.
                    _add(messages, "user", [_text(GO_ON)])
                    again = False
                _add(messages, "assistant", said)
                _add(messages, "user", results)
    return messages


def askable(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages so that a model can be asked for the next one: the user has the last word."""
    if messages and messages[-1]["role"] == "assistant":
        return [*messages, {"role": "user", "content": [_text(GO_ON)]}]
    return list(messages)


def cut(stored: Sequence[StoredMessage], max_tokens: int) -> int:
    """Return the index of the user message from which to send, so that the conversation keeps within the budget.

    Whenever the estimate exceeds `max_tokens`, whole exchanges go from the beginning until half of it is left, so that
    the beginning then stays the same (and cached) for a long while. The latest user message is never cut off. Later
    messages only ever move the index forward.
    """
    sizes = [_tokens(message) for message in stored]
    users = [index for index, message in enumerate(stored) if message.role == "user"]
    start = users[0] if users else 0
    for latest in users:
        total = sum(sizes[start : latest + 1])
        if total <= max_tokens:
            continue
        for candidate in (index for index in users if start < index <= latest):
            total -= sum(sizes[start:candidate])
            start = candidate
            if total <= max_tokens // 2:
                break
    return start


def _tokens(message: StoredMessage) -> int:
    return -(-sum(len(json.dumps(_plain(block), ensure_ascii=False)) for block in message.content) // CHARS_PER_TOKEN)


def _rounds_to_send(message: StoredMessage, thinking: bool) -> Iterator[tuple[list[Block], list[Block]]]:
    rounds = list(_rounds(message.content))
    for index, one in enumerate(rounds):
        is_last = index == len(rounds) - 1
        cut_off = is_last and message.status != "done"
        if cut_off and message.status != "stopped" and not one.results:
            return
        # A turn that broke off, or a call without a result, makes the thinking before it useless.
        complete = all(call["id"] in one.results for call in one.calls) and not (cut_off and not one.calls)
        said = [_plain(block) for block in one.said if _counts(block) and (complete or block["type"] not in _THINKING)]
        if not thinking:
            said = [block for block in said if block["type"] not in _THINKING]
        if any(block["type"] not in _THINKING for block in said):
            yield said, [_result(call, one.results.get(call["id"])) for call in one.calls]


def _rounds(content: Sequence[Block]) -> Iterator[_Round]:
    """Split the blocks of an answer into rounds: what was said, then the results of its calls."""
    one = _Round()
    for is_result, blocks in groupby(content, lambda block: block["type"] == "tool_result"):
        if not is_result:
            if one.said:
                yield one
            one = _Round(said=list(blocks))
            continue
        for block in blocks:
            one.results.setdefault(block["tool_use_id"], block)
    if one.said:
        yield one


def _text(words: str) -> Block:
    return {"type": "text", "text": words}


def _counts(block: Block) -> bool:
    return block["type"] != "text" or bool(block["text"].strip())


def _plain(block: Block) -> Block:
    """Leave out what is only ours in a block."""
    if block["type"] == "tool_result":
        return _result({"id": block["tool_use_id"]}, block)
    return block


def _result(call: Block, stored: Block | None) -> Block:
    return {
        "type": "tool_result",
        "tool_use_id": call["id"],
        "content": marked_as_data(stored["name"], stored["content"]) if stored else NOT_RUN,
        "is_error": bool(stored["is_error"]) if stored else True,
    }


def _add_user(messages: list[dict[str, Any]], content: list[Block]) -> None:
    """Add what the user wrote; after tool results, which bear nothing behind them, an assistant's word comes first."""
    last = messages[-1] if messages else None
    if content and last is not None and any(block["type"] == "tool_result" for block in last["content"]):
        _add(messages, "assistant", [_text(CUT_OFF)])
    _add(messages, "user", content)


def _add(messages: list[dict[str, Any]], role: str, content: list[Block]) -> None:
    if not content:
        return
    if messages and messages[-1]["role"] == role:
        messages[-1]["content"].extend(content)
    else:
        messages.append({"role": role, "content": list(content)})
