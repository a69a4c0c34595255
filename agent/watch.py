"""Notice when the tool calls of an answer reach their limit or go round in circles."""

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

SAME_CALL_LIMIT = 3
ERRORS_LIMIT = 3


@dataclass
class Watch:
    """Count the calls of one answer; `closed_because` says why no more of them run."""

    limit: int
    """Of tool calls for one message."""
    closed_because: str | None = None
    _recent: list[str] = field(default_factory=list)
    _errors: deque[str] = field(default_factory=lambda: deque(maxlen=ERRORS_LIMIT))

    def remember(self, calls: Iterable[dict[str, Any]]) -> None:
        """Count calls that were made for the same message before the user's word."""
        self._recent += [_key(call) for call in calls]

    def close(self, why: str) -> None:
        """Let no more tools run; the first reason stays."""
        self.closed_because = self.closed_because or why

    def call(self, call: dict[str, Any]) -> None:
        """Count a call, and close when the limit is reached or the calls go round in circles."""
        if self.closed_because is not None:
            return
        self._recent.append(_key(call))
        first, second, third, fourth = ([""] * 4 + self._recent)[-4:]
        if len(self._recent) > self.limit:
            self.close(f"the limit of {self.limit} tool calls for one message is reached.")
        elif self._recent.count(fourth) >= SAME_CALL_LIMIT:
            self.close("the same tool was called again and again with the same input.")
        elif first and first == third and second == fourth:
            self.close("the same two tool calls were repeated in turns.")

    def outcome(self, name: str, success: bool) -> None:
        """Close when one tool only fails."""
        self._errors.append("" if success else name)
        if len(self._errors) == ERRORS_LIMIT and set(self._errors) == {name}:
            self.close(f"the tool {name[:64]} failed {ERRORS_LIMIT} times in a row.")


def _key(call: dict[str, Any]) -> str:
    return json.dumps([call["name"], call["input"]], sort_keys=True)
