"""Start the product's programs quickly: a process that has imported the product forks itself for each of them.

Most of a start is importing, which is the same each time. What is forked (`tests/support/forking.py`) runs the file of
the program as Python runs a script, with an environment, a folder and files of its own, and may be killed like any
process. `tests/test_app.py` starts `python app.py` itself.
"""

import atexit
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from functools import cache
from pathlib import Path

from config import ROOT
from tests.support import shim


class Launched:
    """A process that was forked, with what tests use of `subprocess.Popen`."""

    def __init__(self, told: socket.socket) -> None:
        self._told = told.makefile("r")
        self._socket = told
        self._lock = threading.Lock()
        self.returncode: int | None = None
        self.pid = int(self._told.readline())

    def poll(self) -> int | None:
        """Return the exit status, negative for the signal that ended it, and None while it runs."""
        with self._lock:
            if self.returncode is None and select.select([self._socket], [], [], 0)[0]:
                self.returncode = int(self._told.readline() or -signal.SIGKILL)
                self._told.close()
                self._socket.close()
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Return the exit status once there is one; raise `TimeoutExpired` after that many seconds."""
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("app.py", timeout)
            time.sleep(0.02)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal to the process if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask the process to end."""
        self.send_signal(signal.SIGTERM)


def launch(*arguments: str, env: dict[str, str], output: int) -> Launched:
    """Run a program of the repository, its output and errors into this open file."""
    with open(os.devnull) as nothing:
        files = [nothing.fileno(), output, output]
        return Launched(shim.order(str(_address()), list(arguments), env, str(ROOT), files))


@cache
def programs() -> Path:
    """Return a folder for `PATH` whose `python` and `flask` start what the product consists of quickly."""
    folder = _address().parent / "bin"
    folder.mkdir()
    for name in ("python", "flask"):
        # Without the site's packages it starts at once.
        head = f"#!{sys.executable} -SE\n"
        call = f"sys.exit(main({str(_address())!r}, {str(Path(sys.executable).with_name(name))!r}))\n"
        program = folder / name
        program.write_text(head + Path(shim.__file__).read_text() + f"\n\n{call}")
        program.chmod(0o755)
    return folder


@cache
def _address() -> Path:
    """Return the socket of this test process's own launcher, which is started now."""
    folder = tempfile.TemporaryDirectory(prefix="launcher-")
    address = Path(folder.name, "socket")
    with socket.socket(socket.AF_UNIX) as orders:
        orders.bind(str(address))
        orders.listen(64)
        command = [sys.executable, "-m", "tests.support.forking", str(orders.fileno())]
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=nothing, pass_fds=[orders.fileno()])

    def end() -> None:
        process.communicate()  # Closes the pipe, at whose end it ends.
        folder.cleanup()

    atexit.register(end)
    return address
