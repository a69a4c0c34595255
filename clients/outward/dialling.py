"""Open a connection to an address that was checked, and to no other."""

import errno
import socket
from collections.abc import Sequence

from clients.outward.addresses import Address
from clients.outward.deadline import Deadline, late
from clients.reach import Unreachable

# A name with more addresses is still checked whole.
ADDRESSES_TRIED = 6

_WORDS = {
    errno.ECONNREFUSED: "refused the connection",
    errno.ECONNRESET: "reset the connection",
    errno.EHOSTUNREACH: "is not reachable (no route)",
    errno.ENETUNREACH: "is not reachable (no route)",
    errno.EADDRNOTAVAIL: "is not reachable (no route)",
}


def dial(host: str, addresses: Sequence[Address], port: int, deadline: Deadline) -> tuple[socket.socket, Address]:
    """Return a connected socket and the address that took the call; the next one is tried when one does not."""
    problem = late(host, deadline.seconds)
    tried = addresses[:ADDRESSES_TRIED]
    for index, address in enumerate(tried):
        # The time that is left is shared, so that one dead address does not use it up.
        seconds = deadline.check(host) / (len(tried) - index)
        try:
            return _connect(address, port, seconds), address
        except TimeoutError:
            problem = Unreachable("timeout", f"{host} did not take the connection on port {port} in time.")
        except OSError as error:
            words = _WORDS.get(error.errno or 0, "could not be connected to")
            problem = Unreachable("connect", f"{host} {words} on port {port}.")
    raise problem


def _connect(address: Address, port: int, seconds: float) -> socket.socket:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect((str(address), port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        connection.close()
        raise
    return connection
