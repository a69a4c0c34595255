"""Become one program after the other: import the product once, and fork for each order that comes by a socket.

An order is JSON, `{"arguments", "environment", "folder"}`, and three open files for input, output and errors. The
answer is two lines: the number of the process as it starts, its exit status as it ends. `tests/support/launcher.py`
orders.
"""

import json
import os
import runpy
import select
import signal
import socket
import sys
import warnings
from typing import Any

import app

AT_MOST = 1 << 20
"""Bytes of an order."""
FILES = 3


def _serve(orders: socket.socket) -> dict[str, Any]:
    """Fork for each order; return it in the process that is to carry it out. End with who has started this process."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        if sys.stdin in select.select([orders, sys.stdin], [], [])[0]:
            sys.exit()
        caller, _address = orders.accept()
        message, files, _flags, _from = socket.recv_fds(caller, AT_MOST, FILES)
        if message and os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            orders.close()
            _stay_behind(caller, files)
            caller.close()
            for number, file in enumerate(files):
                os.dup2(file, number)
                os.close(file)
            order: dict[str, Any] = json.loads(message)
            return order
        caller.close()
        for file in files:
            os.close(file)


def _stay_behind(caller: socket.socket, files: list[int]) -> None:
    """Fork once more: the child returns, its parent stays to tell how it ends."""
    child = os.fork()
    if child:
        for file in files:
            os.close(file)
        caller.sendall(f"{child}\n".encode())
        _pid, ended = os.waitpid(child, 0)
        caller.sendall(f"{os.waitstatus_to_exitcode(ended)}\n".encode())
        os._exit(0)


def _become(arguments: list[str], environment: dict[str, str], folder: str) -> None:
    """Run the program as if it had been started from a shell."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    if "PYTHONWARNINGS" in environment:
        warnings.simplefilter(environment["PYTHONWARNINGS"])
    sys.argv = arguments
    program = arguments[0]
    runpy.run_path(program if program.endswith(".py") else f"{sys.prefix}/bin/{program}", run_name="__main__")


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv.pop())) as listening:
        ordered = _serve(listening)
    assert app
    _become(**ordered)
