"""Run a function of ours in a process of its own, which is killed when it takes too much time or memory.

For parsers of other people's making that a hostile text can keep busy: a thread can't be stopped, a process can.
"""

import importlib
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from agent.types import ToolError

ROOT = Path(__file__).resolve().parent.parent
_TOO_MUCH = "This takes too long or too much memory to read. Give a smaller part of it."

# Each may use a whole core and much memory, so there are never more of them, whoever asks.
AT_ONCE = 2
WAIT_SECONDS = 15.0
_PLACES = BoundedSemaphore(AT_ONCE)


def run_bounded(function: str, argument: Any, *, seconds: int = 10, megabytes: int = 1024) -> Any:
    """Return what `module:function` of ours makes of this JSON value; raises ToolError, also at a limit."""
    asked = json.dumps({"function": function, "argument": argument, "seconds": seconds, "megabytes": megabytes})
    try:
        with _place():
            done = subprocess.run(
                [sys.executable, "-m", "agent.bounded"],
                input=asked.encode(),
                capture_output=True,
                timeout=seconds,
                cwd=ROOT,
                # Nothing of our own environment, since settings hold secrets.
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise ToolError(_TOO_MUCH) from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise ToolError(_TOO_MUCH) from None
    if "refused" in answer:
        raise ToolError(answer["refused"])
    return answer["result"]


@contextmanager
def _place() -> Iterator[None]:
    """Hold one of the few places while the block lasts; raises ToolError if none is free for too long."""
    if not _PLACES.acquire(timeout=WAIT_SECONDS):
        raise ToolError("The server is busy reading other large texts. Try again in a minute.", ours=True)
    try:
        yield
    finally:
        _PLACES.release()


def _child() -> None:
    asked = json.load(sys.stdin)
    size = asked["megabytes"] * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CPU, (asked["seconds"], asked["seconds"]))
    module, _, name = asked["function"].partition(":")
    function = getattr(importlib.import_module(module), name)
    try:
        answer = {"result": function(asked["argument"])}
    except ToolError as error:
        answer = {"refused": str(error)}
    except (MemoryError, RecursionError):
        answer = {"refused": _TOO_MUCH}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    _child()
