"""Stand in for Anthropic's Messages API on a local port, over the real wire.

As a process of its own: `python -m tests.fakes.anthropic_server --port 8099 [--delay SECONDS] [--text WORDS]`.
"""

import argparse
import contextlib
import json
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self, cast

from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_rules import complaint
from tests.fakes.anthropic_scripts import PATIENCE_SECONDS, Script

WAIT_STEP_SECONDS = 0.02


@dataclass(frozen=True)
class Request:
    """What a client asked: its JSON body and its headers, their names in lower case."""

    body: dict[str, Any]
    headers: dict[str, str]


class FakeAnthropic:
    """Serve scripted answers on a free port while the `with` block lasts.

    Each request takes the next script of the queue, and `default` (an echo) when it is empty. A request that the real
    API would refuse is refused, and takes no script.
    """

    def __init__(self, port: int = 0, default: Script = scripts.echo) -> None:
        self.default = default
        self.requests: list[Request] = []
        self.refused: list[str] = []
        self.closing = threading.Event()
        self._queue: deque[Script] = deque()
        self._changed = threading.Condition()
        self._server = _Server(("127.0.0.1", port), self)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()

    @property
    def base_url(self) -> str:
        """Return the address to give to the client."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """Return the same address, under the name that all fakes give it."""
        return self.base_url

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """Return the bodies of all requests, in order."""
        return [request.body for request in self.requests]

    @property
    def lines_opened(self) -> int:
        """Return how many connections clients have made."""
        return self._server.lines_opened

    def enqueue(self, *more: Script) -> None:
        """Answer the next requests with these scripts, in order."""
        with self._changed:
            self._queue.extend(more)

    def wait_for_requests(self, count: int, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until so many requests have arrived."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count, seconds):
                raise AssertionError(f"{len(self.requests)} of {count} requests came within {seconds:.0f} s")

    def take(self, request: Request) -> Script:
        """Note the request and return what to do with it."""
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
            refusal = _refusal(request)
            if refusal is not None:
                self.refused.append(refusal[1])
                return scripts.error(refusal[0], message=refusal[1])
            return self._queue.popleft() if self._queue else self.default


def _refusal(request: Request) -> tuple[int, str] | None:
    if not request.headers.get("authorization", "").startswith("Bearer ") and not request.headers.get("x-api-key"):
        return 401, "the API key is missing"
    if not request.headers.get("anthropic-version"):
        return 400, "anthropic-version: header is required"
    message = complaint(request.body)
    return (400, message) if message else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], fake: FakeAnthropic) -> None:
        super().__init__(address, _Handler)
        self.fake = fake
        self.lines_opened = 0
        self._lines: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the line while it is open."""
        self._lines.add(request)
        self.lines_opened += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the line and close it."""
        self._lines.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Break all lines, which also ends the threads that wait on them."""
        for line in list(self._lines):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that hung up."""


class _Handler(BaseHTTPRequestHandler):
    """Meet the scripts' Wire protocol over HTTP/1.1 with a chunked body."""

    protocol_version = "HTTP/1.1"
    body: dict[str, Any]

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        raw = self.rfile.read(length)
        fake = cast(_Server, self.server).fake
        if self.path.partition("?")[0] != "/v1/messages":
            scripts.error(404)(self)
            return
        try:
            self.body = json.loads(raw)
        except ValueError:
            scripts.error(400, message="the body is not JSON")(self)
            return
        script = fake.take(Request(self.body, {name.lower(): value for name, value in self.headers.items()}))
        try:
            script(self)
        except OSError:
            self.close_connection = True

    def answer(self, status: int, body: dict[str, Any], headers: dict[str, str]) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", "request-id": "req_fake", **headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def begin(self) -> None:
        self.send_response(200)
        for name, value in (("content-type", "text/event-stream"), ("request-id", "req_fake")):
            self.send_header(name, value)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def send(self, event: str, data: dict[str, Any]) -> None:
        self._chunk(f"event: {event}\ndata: {json.dumps({'type': event, **data})}\n\n".encode())

    def end(self) -> None:
        self._chunk(b"")

    def drop(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def wait(self, gate: threading.Event | None, seconds: float = PATIENCE_SECONDS) -> None:
        fake = cast(_Server, self.server).fake
        end = time.monotonic() + seconds
        while time.monotonic() < end and not fake.closing.wait(0):
            if (gate or fake.closing).wait(min(WAIT_STEP_SECONDS, seconds)):
                return
            self._notice_hang_up()

    def _notice_hang_up(self) -> None:
        """Raise OSError when the client has gone; a request that waits would not see it otherwise."""
        self.connection.setblocking(False)
        try:
            if self.connection.recv(1, socket.MSG_PEEK) == b"":
                raise ConnectionResetError
        except BlockingIOError:
            pass
        finally:
            self.connection.setblocking(True)

    def _chunk(self, payload: bytes) -> None:
        self.wfile.write(f"{len(payload):x}\r\n".encode() + payload + b"\r\n")
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing."""


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds between two pieces of text")
    parser.add_argument("--text", default="", help="the answer to everything; an echo if it is empty")
    given = parser.parse_args()

    def answer(wire: scripts.Wire) -> None:
        words = given.text or f"You said: {scripts.last_words(wire.body)}"
        scripts.text(words, delay=given.delay)(wire)

    with FakeAnthropic(given.port, answer), contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()


if __name__ == "__main__":
    main()
