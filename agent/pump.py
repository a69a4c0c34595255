"""Wait for slow work in another thread, so that the one who waits can still look at the clock and at Stop."""

import contextvars
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")


@dataclass(frozen=True)
class _End:
    """What the worker sends last: nothing, or the exception that ended it."""

    error: BaseException | None = None


class _Worker(Generic[T]):
    """Read an iterator to its end in a daemon thread, unless told to stop before."""

    def __init__(self, make_iterator: Callable[[], Iterator[T]]) -> None:
        self.items: queue.SimpleQueue[T | _End] = queue.SimpleQueue()
        self._make_iterator = make_iterator
        self._iterator: Iterator[T] | None = None
        self._stopped = threading.Event()
        # The copied context carries the request's id into the logs of the thread.
        run = contextvars.copy_context().run
        threading.Thread(target=run, args=(self._work,), name="pump", daemon=True).start()

    def _work(self) -> None:
        end = _End()
        try:
            self._iterator = self._make_iterator()
            while not self._stopped.is_set():
                try:
                    item = next(self._iterator)
                except StopIteration:
                    break
                self.items.put(item)
        except BaseException as error:  # noqa: B036 - it is raised again in the thread that waits.
            end = _End(error)
        finally:
            _close(self._iterator)
            self.items.put(end)

    def abandon(self) -> None:
        """Tell the thread to close its iterator at the next item, and now if the iterator allows it."""
        self._stopped.set()
        _close(self._iterator)


def _close(iterator: Iterator[Any] | None) -> None:
    try:
        cast(Any, iterator).close()
    except Exception:
        # Nobody is left to be told. A generator that is just running refuses (ValueError); its own thread closes it
        # at its next item. Plain iterators and None have no `close` (AttributeError).
        return


def pump(make_iterator: Callable[[], Iterator[T]], tick: float) -> Iterator[T | None]:
    """Yield the items of a blocking iterator, or None whenever nothing came for `tick` seconds.

    The iterator is made and read in a daemon thread; its exception is raised here. Whoever stops reading leaves at
    once, also while the iterator is blocked: the thread is told to close it and is left to itself.
    """
    worker = _Worker(make_iterator)
    try:
        while True:
            try:
                item = worker.items.get(timeout=tick)
            except queue.Empty:
                yield None
                continue
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        worker.abandon()


class Task(Generic[T]):
    """Run `work()` in a daemon thread; it puts itself into `finished` when it is done."""

    def __init__(self, work: Callable[[], T], finished: "queue.SimpleQueue[Task[T]]") -> None:
        self._work = work
        self._finished = finished
        self._result: T | None = None
        self._error: BaseException | None = None
        run = contextvars.copy_context().run
        threading.Thread(target=run, args=(self._run,), name="task", daemon=True).start()

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:  # noqa: B036 - it is raised again in the thread that waits.
            self._error = error
        finally:
            self._finished.put(self)

    def result(self) -> T:
        """Return what the work brought, or raise what ended it; only for a task that has finished."""
        if self._error is not None:
            raise self._error
        return cast(T, self._result)


def call(work: Callable[[], T], tick: float, beat: Callable[[], None]) -> T:
    """Return `work()`, run in a daemon thread, calling `beat` every `tick` seconds meanwhile.

    Whatever `beat` raises leaves at once and abandons the work.
    """
    finished: queue.SimpleQueue[Task[T]] = queue.SimpleQueue()
    task = Task(work, finished)
    while True:
        try:
            finished.get(timeout=tick)
            break
        except queue.Empty:
            beat()
    return task.result()
