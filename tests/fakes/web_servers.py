"""Serve HTTP on loopback as well and as badly as is asked for, and remember who came."""

import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

PATIENCE_SECONDS = 10.0
DRIP_SECONDS = 0.02


@dataclass(frozen=True)
class Asked:
    """What a client asked; the names of headers are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Line:
    """An open connection on which an answer is written."""

    socket: socket.socket
    closing: threading.Event

    def say(self, data: bytes) -> None:
        """Send it all."""
        self.socket.sendall(data)

    def pause(self) -> bool:
        """Wait a moment; False once the server closes."""
        return not self.closing.wait(DRIP_SECONDS)


Script = Callable[[Line, Asked], None]


class WebServer:
    """Answer each request by a script, one for each path or one for all, while the `with` block lasts.

    With `tls` it speaks https. `connections` counts who connected, whether or not anything was asked.
    """

    def __init__(
        self, scripts: Script | Mapping[str, Script], *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> None:
        self._scripts = scripts
        self._tls = tls
        self._host = host
        self._closing = threading.Event()
        self._listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._threads: list[threading.Thread] = []
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.requests: list[Asked] = []
        self.names: list[str | None] = []
        """What clients asked for by SNI."""
        if tls is not None:
            tls.sni_callback = lambda _socket, name, _context: self.names.append(name)

    def __enter__(self) -> Self:
        self._run(self._listen)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)

    @property
    def url(self) -> str:
        """Return the address by IP, without a slash at the end."""
        return self.url_of(f"[{self._host}]" if ":" in self._host else self._host)

    def url_of(self, host: str) -> str:
        """Return the address under another name."""
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    def _run(self, work: Callable[..., None], *given: socket.socket) -> None:
        thread = threading.Thread(target=work, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._run(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        # The other side may break off whenever it likes.
        with suppress(OSError), connection:
            connection.settimeout(PATIENCE_SECONDS)
            if self._tls is None:
                return self._converse(connection)
            with self._tls.wrap_socket(connection, server_side=True) as secured:
                self._converse(secured)

    def _converse(self, connection: socket.socket) -> None:
        asked = _read(connection)
        if asked is not None:
            self.requests.append(asked)
            self._script(asked)(Line(connection, self._closing), asked)

    def _script(self, asked: Asked) -> Script:
        if callable(self._scripts):
            return self._scripts
        return self._scripts.get(asked.target.partition("?")[0], reply(404))


def _read(connection: socket.socket) -> Asked | None:
    data = b""
    while b"\r\n\r\n" not in data:
        if data.startswith(b"\x16"):  # The client speaks TLS to a server that does not.
            return Asked("TLS", "/", {})
        more = connection.recv(65_536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65_536)
    return Asked(method, target, headers, body)


# --- Scripts --------------------------------------------------------------------------------------------------------


def reply(status: int = 200, body: bytes = b"ok\n", *headers: tuple[str, str]) -> Script:
    """Answer as a well-behaved server does."""

    def script(line: Line, asked: Asked) -> None:
        line.say(
            _head(status, ("Content-Length", str(len(body))), *headers) + (b"" if asked.method == "HEAD" else body)
        )

    return script


def redirect(location: str, status: int = 302) -> Script:
    """Send the client elsewhere."""
    return reply(status, b"", ("Location", location))


def zipped(body: bytes, times: int = 1, encoding: str = "gzip") -> Script:
    """Answer with a body that is compressed, once or more often."""
    for _ in range(times):
        body = gzip.compress(body, mtime=0)
    return reply(200, body, ("Content-Encoding", encoding))


def raw(data: bytes) -> Script:
    """Send these very bytes and close."""
    return lambda line, _asked: line.say(data)


def silence(line: Line, _asked: Asked) -> None:
    """Take the request and never answer."""
    line.closing.wait(PATIENCE_SECONDS)


def hang_up(_line: Line, _asked: Asked) -> None:
    """Take the request and close."""


def drip(line: Line, _asked: Asked) -> None:
    """Answer one byte at a time, each well within any time limit for one read."""
    line.say(_head(200, ("Content-Length", "100000")))
    while line.pause():
        line.say(b".")


def drip_head(line: Line, _asked: Asked) -> None:
    """Never come to the end of the headers, one byte at a time."""
    line.say(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while line.pause():
        line.say(b".")


def drip_handshake(line: Line, _asked: Asked) -> None:
    """Begin the handshake of TLS and never come to its end."""
    line.say(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03")
    while line.pause():
        line.say(b".")


def endless(line: Line, _asked: Asked) -> None:
    """Never come to the end of the body, as fast as possible."""
    line.say(_head(200))
    while not line.closing.is_set():
        line.say(b"x" * 65_536)


def endless_heads(line: Line, _asked: Asked) -> None:
    """Announce an answer again and again."""
    while not line.closing.is_set():
        line.say(b"HTTP/1.1 103 Early Hints\r\nX-Filler: " + b"x" * 1000 + b"\r\n\r\n")


def _head(status: int, *headers: tuple[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")
