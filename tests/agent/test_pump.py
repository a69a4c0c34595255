"""Show that waiting in another thread loses nothing and can be left at once."""

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.pump import call, pump
from tests.agent.support import PATIENCE

TICK = 0.02


@given(st.lists(st.integers()))
@settings(deadline=None)
def test_items_come_in_order_and_whole(items: list[int]) -> None:
    assert [item for item in pump(lambda: iter(items), PATIENCE) if item is not None] == items


def test_it_ticks_while_nothing_comes() -> None:
    gate = threading.Event()

    def slow() -> Iterator[int]:
        gate.wait(PATIENCE)
        yield 1

    ticks = 0
    for item in pump(slow, TICK):
        if item is None:
            ticks += 1
            if ticks == 3:
                gate.set()
        else:
            assert item == 1
    assert ticks >= 3


def test_an_exception_arrives_behind_the_items() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise KeyError("x")

    items = pump(failing, PATIENCE)
    assert next(items) == 1
    with pytest.raises(KeyError):
        next(items)


def test_an_exception_while_the_iterator_is_made_arrives() -> None:
    def failing() -> Iterator[int]:
        raise KeyError("x")

    with pytest.raises(KeyError):
        next(pump(failing, PATIENCE))


def test_leaving_does_not_wait_and_closes_the_iterator_at_its_next_item() -> None:
    gate, closed = threading.Event(), threading.Event()

    def slow() -> Iterator[int]:
        try:
            yield 1
            gate.wait(PATIENCE)
            yield 2
            raise AssertionError("it goes on after all")
        finally:
            closed.set()

    items = pump(slow, TICK)
    with closing(cast(Any, items)):
        assert next(items) == 1
        assert next(items) is None
    assert not closed.is_set()
    gate.set()
    assert closed.wait(PATIENCE)


def test_leaving_closes_at_once_what_can_be_closed_from_outside() -> None:
    class Closable:
        def __init__(self) -> None:
            self.closed = threading.Event()

        def __iter__(self) -> Iterator[int]:
            return self

        def __next__(self) -> int:
            self.closed.wait(PATIENCE)
            raise ConnectionError

        def close(self) -> None:
            self.closed.set()

    source = Closable()
    items = pump(lambda: source, TICK)
    assert next(items) is None
    cast(Any, items).close()
    assert source.closed.is_set()


def test_call_returns_and_beats() -> None:
    gate = threading.Event()
    beats: list[int] = []

    def beat() -> None:
        beats.append(1)
        if len(beats) == 2:
            gate.set()

    assert call(lambda: gate.wait(PATIENCE), TICK, beat) is True
    assert len(beats) >= 2


def test_call_raises_what_the_work_or_the_beat_raises() -> None:
    with pytest.raises(ZeroDivisionError):
        call(lambda: 1 // 0, TICK, lambda: None)
    gate = threading.Event()

    def beat() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        call(lambda: gate.wait(PATIENCE), TICK, beat)
    gate.set()
