"""Say what every model client offers; Claude and the offline agent both meet it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class TokenUsage:
    """Count the tokens of one turn; `input_tokens` excludes what the cache wrote or read.

    `thinking_tokens` is the part of `output_tokens` that the model only thought; it is paid like the rest.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0
    thinking_tokens: int = 0

    def __add__(self, other: "TokenUsage") -> "TokenUsage":
        return TokenUsage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.thinking_tokens + other.thinking_tokens,
        )


@dataclass(frozen=True)
class TurnRequest:
    """Ask a model for its next turn; `messages` and `tools` are in the shape of Anthropic's Messages API."""

    system: str
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    max_tokens: int


@dataclass(frozen=True)
class TurnStarted:
    """The model has begun to answer; `usage` is what it says at the start, counted even if the turn breaks off."""

    model: str
    usage: TokenUsage


@dataclass(frozen=True)
class TextDelta:
    """A piece of text of the block that is open."""

    text: str


@dataclass(frozen=True)
class BlockDone:
    """A block is complete: `text`, `tool_use` or any other, exactly as it has to be sent back later."""

    block: dict[str, Any]


@dataclass(frozen=True)
class TurnDone:
    """The turn ended as it should; `usage` is its whole use."""

    stop_reason: str
    usage: TokenUsage


TurnEvent = TurnStarted | TextDelta | BlockDone | TurnDone


class ModelFailure(Exception):
    """The model gave no whole answer: an error, a time-out, a drop, or something broken.

    `kind` is a short word for the operator's logs, the message one sentence for the user, without secrets.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class Model(Protocol):
    """Answer one turn at a time as a stream of events."""

    name: str

    def turn(self, request: TurnRequest) -> Iterator[TurnEvent]:
        """Yield the events of one turn, the last one TurnDone; closing the iterator ends the call.

        Raises ModelFailure for whatever goes wrong, before or after the first event.
        """
        ...
