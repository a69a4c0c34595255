"""Show that a function in a process of its own is stopped at its limits and sees nothing of ours."""

import os
import threading
import time
from typing import Any

import pytest

from agent import bounded
from agent.bounded import run_bounded
from agent.types import ToolError


def echo(argument: Any) -> Any:
    return argument


def names(_argument: Any) -> list[str]:
    return sorted(os.environ)


def endless(_argument: Any) -> None:
    while True:
        pass


def greedy(_argument: Any) -> int:
    return len(bytearray(2_000_000_000))


def refuse(argument: Any) -> None:
    raise ToolError(f"no {argument}")


def test_the_result_comes_back() -> None:
    assert run_bounded("tests.agent.test_bounded:echo", {"a": [1, "ü", None]}) == {"a": [1, "ü", None]}


def test_a_refusal_comes_back_as_it_is() -> None:
    with pytest.raises(ToolError, match="no way"):
        run_bounded("tests.agent.test_bounded:refuse", "way")


def test_it_is_stopped_when_time_is_up() -> None:
    began = time.monotonic()
    with pytest.raises(ToolError, match="too long"):
        run_bounded("tests.agent.test_bounded:endless", None, seconds=1)
    assert time.monotonic() - began < 8


def test_it_is_stopped_when_memory_is_up() -> None:
    with pytest.raises(ToolError, match="too much memory"):
        run_bounded("tests.agent.test_bounded:greedy", None, megabytes=512)


def test_it_gets_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "x" * 40)
    assert "SECRET_KEY" not in run_bounded("tests.agent.test_bounded:names", None)


def test_no_more_run_at_once_than_there_are_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "WAIT_SECONDS", 0.05)
    children = [threading.Thread(target=_endless_for_a_second) for _ in range(bounded.AT_ONCE)]
    for child in children:
        child.start()
    while bounded._PLACES._value:
        pass
    with pytest.raises(ToolError, match="busy") as busy:
        run_bounded("tests.agent.test_bounded:echo", 1)
    assert busy.value.ours
    for child in children:
        child.join(10)
    # Whoever is done, and be it by force, makes room.
    for _ in range(bounded.AT_ONCE + 1):
        assert run_bounded("tests.agent.test_bounded:echo", 1) == 1


def _endless_for_a_second() -> None:
    with pytest.raises(ToolError):
        run_bounded("tests.agent.test_bounded:endless", None, seconds=1)
