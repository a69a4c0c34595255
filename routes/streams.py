"""Send an answer as server-sent events."""

import json
import time
from collections.abc import Iterator
from itertools import chain
from typing import Any

from flask import Response, request

from services import markdown
from services.chat import Repeated, Started
from services.watching import Event

RENDER_EVERY = 0.15
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def wants_stream() -> bool:
    """Say whether the caller asked for `text/event-stream`."""
    accepted = request.accept_mimetypes
    named = any(value.partition(";")[0].strip().lower() == "text/event-stream" for value, _quality in accepted)
    wanted = accepted["text/event-stream"]
    return named and wanted > 0 and wanted >= accepted["application/json"]


def stream(started: Started) -> Response:
    """Stream the answer from its beginning; the answer itself goes on when nobody reads any more."""
    response = _response(_events(started, request.args.get("render") == "html"))
    response.call_on_close(started.leave)
    return response


def stream_again(repeated: Repeated) -> Response:
    """Stream an answer that was given before."""
    response = repeated.response
    known = ("conversation_id", "conversation_title", "message_id", "credits_remaining")
    start = ("start", {key: response[key] for key in known})
    told = chain([start], _shown(repeated.events(), _OpenText(render=False)), [("done", response)])
    return _response(map(_line, told))


def _response(lines: Iterator[str]) -> Response:
    return Response(lines, mimetype="text/event-stream", headers=_HEADERS)


def _events(started: Started, render: bool) -> Iterator[str]:
    yield _line(("start", started.start))
    for event in _shown(started.events(), _OpenText(render)):
        yield ": still here\n\n" if event[0] == "ping" else _line(event)


def _shown(events: Iterator[Event], open_text: "_OpenText") -> Iterator[Event]:
    for name, data in events:
        yield name, open_text.add(data) if name == "delta" else data


def _line(event: Event) -> str:
    name, data = event
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


class _OpenText:
    """Render the block that is being written, now and then, for pages that show it as it grows."""

    def __init__(self, render: bool) -> None:
        self._render = render
        self._index: int | None = None
        self._text = ""
        self._next_at = 0.0

    def add(self, delta: dict[str, Any]) -> dict[str, Any]:
        shown = {"text": delta["text"]}
        if delta["index"] != self._index:
            self._index, self._text, self._next_at = delta["index"], "", 0.0
        self._text += delta["text"]
        if self._render and time.monotonic() >= self._next_at:
            begun = time.monotonic()
            shown["html"] = markdown.to_html(self._text)
            # Long texts are rendered less often, so that at most a tenth of the time goes into it.
            ended = time.monotonic()
            self._next_at = ended + max(RENDER_EVERY, 10 * (ended - begun))
        return shown
