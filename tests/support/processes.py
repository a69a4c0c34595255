"""Run the product as an operator does: a process of its own with an environment of its own."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config import ROOT, Settings
from tests.support.launcher import programs

_SERVING = re.compile(r"https?://\S+")


def environment(folder: Path, **given: str) -> dict[str, str]:
    """Return an environment in which nothing of the developer's counts, not even `.env`: every variable is given."""
    ours = {name.upper(): field.default for name, field in Settings.model_fields.items()}
    inherited = {name: value for name, value in os.environ.items() if name.upper() not in ours}
    defaults = {name: "" if default in (None, []) else str(default) for name, default in ours.items()}
    return {**inherited, **defaults, "INSTANCE_PATH": str(folder / "instance"), "RATE_LIMITS": "off", **given}


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def run(*command: str, env: dict[str, str], timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run one of the repository's Python programs to its end."""
    return subprocess.run(
        [programs() / "python", *command],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@contextmanager
def serving(folder: Path, **given: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run `python app.py` and yield its address and the process; it is killed at the end if it still runs."""
    port = free_port()
    env = environment(folder, **{"PORT": str(port), "AGENT": "offline", **given})
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/health", process, folder / "server.log")
        yield url, process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def redis_server(program: str, folder: Path) -> Iterator[str]:
    """Run a Redis that keeps nothing, and yield its address."""
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait()


def _wait_for(url: str, process: "subprocess.Popen[str]", log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise AssertionError(f"the server stopped with {process.returncode}: {log.read_text()}")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the server does not answer: {log.read_text()}")
