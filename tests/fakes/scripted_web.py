"""Serve scripted web answers on loopback, over the real wire; the fakes of web APIs stand on it."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """A request that arrived; header names are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    lists: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What to answer: JSON of any value, or bytes as they are."""

    status: int = 200
    value: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    """Hang up without an answer."""


class WebServer:
    """Serve `answer` on a free port while the `with` block lasts, and remember what was asked."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.override: Callable[[Asked], Reply | None] = lambda _asked: None
        """Answers before all else, if it does not return None."""
        self.let_go = threading.Event()
        """While a test holds requests back, they wait for this."""
        self.let_go.set()
        self._server = _Server(self)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.let_go.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Return the address of the server, without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def hold(self) -> None:
        """Keep answers back until `let_go` is set."""
        self.let_go.clear()

    @property
    def paths(self) -> list[str]:
        """Return the paths of all requests, in order."""
        return [one.path for one in self.asked]

    def reply(self, asked: Asked) -> Reply:
        """Note a request and return what to answer."""
        self.asked.append(asked)
        self.let_go.wait(20)
        return self.override(asked) or self.answer(asked)

    def answer(self, asked: Asked) -> Reply:
        """Return what this kind of server answers."""
        raise NotImplementedError


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, fake: WebServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fake = fake

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that hung up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without it a small answer waits for the client's delayed acknowledgement.
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        assert isinstance(self.server, _Server)
        parts = urlsplit(self.path)
        lists = parse_qs(parts.query, keep_blank_values=True)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        single = {name: values[-1] for name, values in lists.items()}
        reply = self.server.fake.reply(Asked(self.command, parts.path, single, lists, headers, body))
        if reply.drop:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._send(reply)

    do_GET = do_POST = do_HEAD = _serve

    def _send(self, reply: Reply) -> None:
        raw = isinstance(reply.value, bytes)
        payload = reply.value if raw else b"" if reply.status == 204 else json.dumps(reply.value).encode()
        headers = {"Content-Type": "application/json; charset=utf-8", **reply.headers}
        self.send_response(reply.status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""
