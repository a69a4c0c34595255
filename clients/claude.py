"""Ask Claude for one turn at a time, with Anthropic's SDK."""

import contextlib
import socket
import threading
import weakref
from collections.abc import Iterator
from typing import Any, cast

import httpx2
import structlog
import tenacity
from anthropic import Anthropic
from anthropic.lib.streaming import MessageStream

from clients.claude_failures import CallFailure, explain
from clients.claude_wire import TurnReader, request_body, without_thinking
from clients.model import TurnEvent, TurnRequest

log = structlog.get_logger(__name__)

DEFAULT_BASE_URL = "https://api.anthropic.com"
CONNECT_SECONDS = 5.0
ATTEMPTS = 3
FIRST_WAIT_SECONDS = 0.5


class ClaudeModel:
    """Meet the Model protocol with Anthropic's Messages API. One object serves all threads of a process."""

    def __init__(self, api_key: str, base_url: str | None, model: str, timeout_seconds: float) -> None:
        self.name = model
        # Everything is given, so that nothing in the environment decides where messages go. The SDK's own retries sleep
        # for as long as the server says, so they are off.
        self._client = Anthropic(
            api_key=api_key,
            base_url=base_url or DEFAULT_BASE_URL,
            max_retries=0,
            timeout=httpx2.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds)),
            open_telemetry=False,
        )
        # Idle connections are closed with this object, and not whenever the garbage collector finds them.
        weakref.finalize(self, self._client.close)

    def close(self) -> None:
        """Close the idle connections; the object is of no use afterwards."""
        self._client.close()

    def turn(self, request: TurnRequest) -> Iterator[TurnEvent]:
        """Return the events of one turn; `close()` on the iterator ends the call, from any thread.

        Retries a few times, but only before the first event. Raises ModelFailure for whatever goes wrong.
        """
        return _Turn(self, self._client, request_body(self.name, request))


class _Turn:
    """Read one turn. A class around a generator, since a generator alone can't be closed while it waits."""

    def __init__(self, model: ClaudeModel, client: Anthropic, body: dict[str, Any]) -> None:
        self._model = model  # It has to outlive the call, since the client closes with it.
        self._client = client
        self._body = body
        self._closed = threading.Event()
        self._response: httpx2.Response | None = None
        self._events = self._read()

    def __iter__(self) -> Iterator[TurnEvent]:
        return self

    def __next__(self) -> TurnEvent:
        return next(self._events)

    def close(self) -> None:
        """End the call now, also while another thread waits for it."""
        self._closed.set()
        if (response := self._response) is not None:
            _hang_up(response)
        with contextlib.suppress(ValueError):
            # ValueError: the other thread is reading just now; the line that was hung up ends it.
            self._events.close()  # type: ignore[attr-defined]

    def _read(self) -> Iterator[TurnEvent]:
        try:
            stream, first = self._open()
            with stream:
                yield from self._pass_on(first, stream)
        except Exception as error:
            failure = explain(error)
            if not self._closed.is_set():
                log.warning("model_failed", kind=failure.kind, **failure.detail)
            raise failure from None
        finally:
            self._response = None

    def _open(self) -> tuple[MessageStream[Any], Any]:
        try:
            return self._open_patiently()
        except CallFailure as failure:
            body = without_thinking(self._body)
            if failure.kind != "rejected" or body == self._body:
                raise
            # Thinking is bound to the exact beginning it grew from; a new prompt or model of ours makes it invalid.
            log.warning("model_thinking_dropped", **failure.detail)
            self._body = body
            return self._open_patiently()

    def _open_patiently(self) -> tuple[MessageStream[Any], Any]:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, CallFailure) and error.retryable),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=_pause,
            sleep=tenacity.sleep_using_event(self._closed),
            reraise=True,
        )
        return retrying(self._open_once)

    def _open_once(self) -> tuple[MessageStream[Any], Any]:
        """Send the request and wait for the first event."""
        if self._closed.is_set():
            raise CallFailure("closed")
        try:
            stream = self._client.messages.stream(**self._body).__enter__()
        except Exception as error:
            raise explain(error) from None
        try:
            self._response = stream.response
            return stream, next(stream)
        except BaseException as error:
            self._response = None
            stream.close()
            if isinstance(error, StopIteration):
                raise CallFailure("connection", retryable=True, error="no event") from None
            raise (explain(error) if isinstance(error, Exception) else error) from None

    def _pass_on(self, first: Any, stream: MessageStream[Any]) -> Iterator[TurnEvent]:
        reader = TurnReader()
        yield from reader.take(first)
        for event in stream:
            if event.type == "message_stop":
                # From here on the line may go back to the pool and to somebody else: it is not ours to hang up.
                self._response = None
            yield from reader.take(event)
        yield reader.done()


def _pause(state: tenacity.RetryCallState) -> float:
    """Return the seconds to wait: what the service asks for, else half a second and then a whole one."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait if isinstance(error, CallFailure) else None
    return asked if asked is not None else FIRST_WAIT_SECONDS * 2 ** (state.attempt_number - 1)


def _hang_up(response: httpx2.Response) -> None:
    """Shut the line down, which wakes the thread that reads from it; closing alone would not."""
    line = response.extensions.get("network_stream")
    connection = cast(Any, line).get_extra_info("socket") if line is not None else None
    if isinstance(connection, socket.socket):
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
