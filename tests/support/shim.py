"""Stand in for `python` and `flask` on a `PATH`: what the product consists of is forked, all else is run itself.

It is copied into programs of its own and imports nothing but the standard library, so that it starts at once.
"""

import json
import os
import socket
import sys

OURS = ("app.py", "init_subscription_system.py")


def order(
    address: str, arguments: list[str], environment: dict[str, str], folder: str, files: list[int]
) -> socket.socket:
    """Have the launcher at this address start a program, and return where it tells the process's number and status."""
    told = socket.socket(socket.AF_UNIX)
    told.connect(address)
    message = {"arguments": arguments, "environment": environment, "folder": folder}
    socket.send_fds(told, [json.dumps(message).encode()], files)
    return told


def main(address: str, program: str) -> int:
    """Carry out this process's own command line, and return its exit status."""
    arguments = sys.argv[1:]
    if os.path.basename(program) == "flask":
        arguments = ["flask", *arguments]
    elif not arguments or os.path.basename(arguments[0]) not in OURS:
        os.execv(program, [program, *arguments])
    with order(address, arguments, dict(os.environ), os.getcwd(), [0, 1, 2]) as told, told.makefile("r") as lines:
        lines.readline()
        return int(lines.readline())
