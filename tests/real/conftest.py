"""Ask Stripe itself, in test mode, where a key is given; the summary says loudly where none was."""

import pytest
from pytest_socket import socket_allow_hosts

from tests.real.given_key import HAS_KEY

# Nothing is collected rather than skipped: on a machine without the key nothing is amiss.
collect_ignore_glob = [] if HAS_KEY else ["test_*.py"]


@pytest.fixture(autouse=True)
def _outside() -> None:
    """Let these tests, and no others, reach beyond this machine."""
    socket_allow_hosts(["0.0.0.0/0", "::/0"], allow_unix_socket=True)
