"""Bound everything that one exchange does by one point in time."""

import time

from clients.reach import Unreachable


class Deadline:
    """A point in time after which an exchange is given up; it never moves."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._start = time.monotonic()
        self._end = self._start + seconds

    def left(self) -> float:
        """Return the seconds that are left; 0 when it has passed."""
        return max(0.0, self._end - time.monotonic())

    def spent(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._start

    @staticmethod
    def now() -> float:
        """Return the present moment in seconds, on the clock of all deadlines."""
        return time.monotonic()

    def check(self, host: str, *, sent: bool = False) -> float:
        """Return the seconds that are left; raises Unreachable `timeout` when there are none."""
        left = self.left()
        if left <= 0:
            raise late(host, self.seconds, sent=sent)
        return left


def late(host: str, seconds: float, *, sent: bool = False) -> Unreachable:
    """Return the error for a host that took too long."""
    return Unreachable("timeout", f"{host} did not answer completely within {seconds:g} s.", sent=sent)
