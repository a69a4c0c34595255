"""Stand in for Stripe on a local port, over the real wire, or without any wire in the same process."""

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self, cast

import stripe
from tests.fakes.stripe.api import Api, Dropped
from tests.fakes.stripe.control import Control
from tests.fakes.stripe.events import Post, Receiver
from tests.fakes.stripe.pages import Pages
from tests.fakes.stripe.store import Dunning, World
from tests.fakes.stripe.wire import Answer, Call

MAX_BODY_BYTES = 10_000_000


class FakeStripe(Control):
    """Serve a stateful Stripe in test mode while the `with` block lasts.

    `now` makes the clock stand still at that moment; without it, it flows with the real one. `checks` holds answers to
    the SDK's classes; turn it off for thousands of calls. `receiver` takes events in place of a webhook's address.
    """

    def __init__(
        self,
        webhook_url: str | None = None,
        *,
        secret_key: str = "sk_test_fake",
        webhook_secret: str = "whsec_fake",
        port: int = 0,
        now: datetime | None = None,
        checks: bool = True,
        dunning: Dunning | None = None,
        receiver: Receiver | None = None,
        serve: bool = True,
    ) -> None:
        self.secret_key = secret_key
        self.webhook_secret = webhook_secret
        self.world = World(now, dunning or Dunning())
        self.api = Api(self.world, secret_key, checks=checks)
        self.post = Post(webhook_url, webhook_secret, receiver)
        self.world.listener = self.post.accept
        self.pages = Pages(self)
        self._server = _Server(("127.0.0.1", port), self) if serve else None
        self.world.base_url = self.url

    def __enter__(self) -> Self:
        if self._server is not None:
            threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, kind: object, *_exception: object) -> None:
        self.api.closing.set()
        self.post.close()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.hang_up()
        if kind is None and self.api.errors:
            raise AssertionError(f"the fake itself has failed:\n{self.api.errors[0]}")

    @property
    def url(self) -> str:
        """Return the address to give to the client; a made-up one where nothing is served."""
        if self._server is None:
            return "http://stripe.invalid"
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def webhook_url(self) -> str | None:
        """Return where events go."""
        return self.post.url

    @webhook_url.setter
    def webhook_url(self, url: str | None) -> None:
        self.post.url = url

    def reset(self) -> None:
        """Forget everything: objects, events, calls, faults; go back to the first moment."""
        with self.world.lock:
            self.world.clear()
            self.api.clear()
            self.post.clear()

    def forget_people(self, now: datetime) -> None:
        """Forget everything but the price list, and go to another moment: for one life after another."""
        with self.world.lock:
            self.world.forget_people(now)
            self.api.clear()
            self.post.clear()

    def answer(self, call: Call) -> Answer:
        """Answer a call of the API or of a page; raises Dropped where the line is to break."""
        if call.path.startswith("/v1/"):
            return self.api.answer(call)
        return self.pages.answer(call)

    def http_client(self) -> stripe.HTTPClient:
        """Return an HTTP client for the SDK that reaches this fake without a socket."""
        return InProcess(self.answer)


class InProcess(stripe.HTTPClient):
    """Carry the SDK's calls straight to the fake; nothing waits between two tries."""

    name = "in-process"

    def __init__(self, answer: Callable[[Call], Answer]) -> None:
        super().__init__()
        self._answer = answer

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_more: Any
    ) -> tuple[bytes, int, Mapping[str, str]]:
        path, _, query = url.partition("://")[2].partition("/")[2].partition("?")
        body = post_data.encode() if isinstance(post_data, str) else post_data or b""
        lower = {name.lower(): value for name, value in (headers or {}).items()}
        try:
            answer = self._answer(Call(method.upper(), f"/{path}", query, lower, body))
        except Dropped:
            raise stripe.APIConnectionError("The line broke.", should_retry=True) from None
        return answer.body, answer.status, answer.headers

    def close(self) -> None:
        """Do nothing: there is no line."""

    def _sleep_time_seconds(self, _num_retries: int) -> float:
        return 0.0


# --- The wire -------------------------------------------------------------------------------------------------------


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], fake: FakeStripe) -> None:
        super().__init__(address, _Handler)
        self.fake = fake
        self._lines: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the line while it is open."""
        self._lines.add(request)
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
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def _serve(self) -> None:
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(min(length, MAX_BODY_BYTES))
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            answer = cast(_Server, self.server).fake.answer(Call(self.command, path, query, headers, body))
        except Dropped:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        with contextlib.suppress(OSError):
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

    do_GET = do_POST = do_DELETE = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing."""
