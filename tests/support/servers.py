"""Run the product as its operator does: real processes that serve on real ports."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.support.environment import SECRET_KEY
from tests.support.launcher import launch

PASSWORD = "correct horse battery"
PATIENCE = 120.0
"""Seconds to wait for what must happen; machines are slow and noisy."""


class Server:
    """One `python app.py`."""

    def __init__(self, folder: Path, database_url: str, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = (folder / f"server-{self.port}.log").open("wb+")
        variables = {
            "PATH": os.environ["PATH"],
            "APP_ENV": "development",
            "INSTANCE_PATH": str(folder / "instance"),
            "SECRET_KEY": SECRET_KEY,
            "DATABASE_URL": database_url,
            "AGENT": "offline",
            "RATE_LIMITS": "off",
            "PORT": str(self.port),
            "BASE_URL": self.url,
            **environment,
        }
        self.process = launch("app.py", env=variables, output=self._log.fileno())

    def wait_until_ready(self) -> "Server":
        """Return when the server answers."""
        wait_for(self._answers, f"the server did not start: {self.log()}")
        return self

    def log(self) -> str:
        """Return what the server has printed."""
        return Path(self._log.name).read_text(errors="replace")[-4000:]

    def kill(self) -> None:
        """Kill the process as a crash would, with no chance to clean up."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)

    def stop(self) -> None:
        """Ask the process to end, and make sure that it does."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
        self._log.close()

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"the server ended: {self.log()}"
        try:
            return requests.get(f"{self.url}/health", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False


class Browser:
    """Someone signed in at one or more servers that share a database and a key."""

    def __init__(self, server: Server, email: str) -> None:
        self.url = server.url
        self.session = requests.Session()
        answer = self.session.post(f"{self.url}/signup", json={"email": email, "password": PASSWORD}, timeout=PATIENCE)
        assert answer.status_code == 201, answer.text
        self.id: int = answer.json()["user"]["id"]

    def get(self, path: str, server: Server | None = None) -> requests.Response:
        """Get a page or an API answer."""
        return requests.get(self._at(server, path), cookies=self._cookies(), timeout=PATIENCE)

    def post(self, path: str, body: dict[str, Any], server: Server | None = None, **headers: str) -> requests.Response:
        """Post JSON; safe to call from many threads at once."""
        return requests.post(
            self._at(server, path), json=body, cookies=self._cookies(), headers=headers, timeout=PATIENCE
        )

    def stream(self, path: str, body: dict[str, Any] | None, server: Server | None = None) -> requests.Response:
        """Open an event stream: a POST with a body, else a GET."""
        headers = {"Accept": "text/event-stream"}
        method = "GET" if body is None else "POST"
        return requests.request(
            method,
            self._at(server, path),
            json=body,
            cookies=self._cookies(),
            headers=headers,
            timeout=PATIENCE,
            stream=True,
        )

    def credits(self) -> int:
        """Return how many credits can be spent now."""
        return int(self.get("/api/subscription").json()["subscription"]["credits_remaining"])

    def _at(self, server: Server | None, path: str) -> str:
        return (server.url if server else self.url) + path

    def _cookies(self) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in self.session.cookies}


@contextmanager
def servers(folder: Path, database_url: str, count: int = 1, **environment: str) -> Iterator[list[Server]]:
    """Run several servers on one database, as a deployment with several processes does."""
    with ExitStack() as stack:
        running = []
        for _ in range(count):
            server = Server(folder, database_url, **environment)
            stack.callback(server.stop)
            running.append(server)
        yield [server.wait_until_ready() for server in running]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Any, otherwise: str, patience: float = PATIENCE) -> None:
    """Wait until the condition holds; fail with the words if it never does."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)
