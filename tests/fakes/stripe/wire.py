"""Say what travels between a client and the fake: calls, answers, and errors in the provider's shape."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")


class Refused(Exception):
    """An answer that is an error, in the shape in which the real API gives it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        error = {"type": type, "message": message, "code": code, "param": param, **more}
        self.body = {"error": {name: value for name, value in error.items() if value is not None}}
        self.unsaved = False
        """Whether an idempotency key is free again after it: nothing had begun."""


def missing(noun: str, identity: str, param: str = "id") -> Refused:
    """Return the refusal of an identifier that names nothing."""
    return Refused(404, f"No such {noun}: '{identity}'", code="resource_missing", param=param)


@dataclass(frozen=True)
class Call:
    """What a client asks for."""

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    """Names in lower case."""
    body: bytes = b""

    def params(self) -> dict[str, Any]:
        """Return the parameters as nested dictionaries of words; lists are still dictionaries by position."""
        return nested(self.query) | nested(self.body.decode())


@dataclass(frozen=True)
class Answer:
    """What the client gets."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def nested(form: str) -> dict[str, Any]:
    """Read `a[b][0]=c` into nested dictionaries."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(form, keep_blank_values=True):
        head, _, _ = name.partition("[")
        path = [head, *_BRACKETS.findall(name)]
        place = found
        for step in path[:-1]:
            inner = place.setdefault(step or str(len(place)), {})
            if not isinstance(inner, dict):
                raise Refused(400, f"Invalid parameters: {name}", param=name)
            place = inner
        place[path[-1] or str(len(place))] = value
    return found
