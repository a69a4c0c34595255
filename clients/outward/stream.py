"""Carry bytes between HTTP and a socket, within one deadline."""

import ssl
from socket import socket
from typing import Any

import httpcore

from clients.outward.deadline import Deadline, late
from clients.outward.trust import is_refusal_of_ours
from clients.reach import Unreachable

HEAD_MAX = 65_536


class BoundedStream(httpcore.NetworkStream):
    """A connection that is open already. However slowly the other side drips, no read outlasts the deadline."""

    def __init__(self, connection: socket, host: str, deadline: Deadline) -> None:
        self._connection = connection
        self._host = host
        self._deadline = deadline
        self._received = 0
        self.sent = False
        """Whether a byte of the request may have left."""
        self.in_head = True
        """Whether the head of the answer is still being read; it is bounded."""
        self.ended = False
        """Whether the other side closed the connection."""
        self.asked_at: float | None = None
        self.answered_at: float | None = None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has come; raises Unreachable."""
        room = HEAD_MAX - self._received if self.in_head else max_bytes
        if room <= 0:
            raise Unreachable(
                "too_large", f"{self._host} answered with more than {HEAD_MAX} bytes of headers.", sent=True
            )
        try:
            self._connection.settimeout(self._deadline.check(self._host, sent=self.sent))
            data = self._connection.recv(min(max_bytes, room))
        except TimeoutError:
            raise late(self._host, self._deadline.seconds, sent=self.sent) from None
        except ssl.SSLError as error:
            raise self._tls_problem(error) from None
        except OSError:
            raise Unreachable("protocol", f"{self._host} broke the connection off.", sent=self.sent) from None
        self._received += len(data)
        self.ended = not data
        self.answered_at = self.answered_at or self._deadline.now()
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send it all; raises Unreachable, or WriteError after which an answer may still be read."""
        rest = memoryview(buffer)
        while rest:
            left = self._deadline.check(self._host, sent=self.sent)
            self.sent = True
            try:
                self._connection.settimeout(left)
                rest = rest[self._connection.send(rest) :]
            except TimeoutError:
                raise late(self._host, self._deadline.seconds, sent=True) from None
            except OSError as error:
                raise httpcore.WriteError(type(error).__name__) from None
        self.asked_at = self._deadline.now()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def get_extra_info(self, info: str) -> Any:
        """Return nothing: HTTP needs to know nothing of what is below."""
        return None

    def _tls_problem(self, error: ssl.SSLError) -> Unreachable:
        if is_refusal_of_ours(error) and not self._received:
            return Unreachable("tls", f"{self._host} refused the client certificate, or wants one.", sent=False)
        return Unreachable("tls", f"The TLS connection to {self._host} broke.", sent=self.sent)
