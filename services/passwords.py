"""Hash passwords with Argon2id, and still know the hashes of older databases."""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from werkzeug.security import check_password_hash

MINIMUM = 8
MAXIMUM = 200

# OWASP's first choice for Argon2id: 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Each hash takes 19 MiB while it runs: a crowd at the log-in waits here instead of filling the memory.
_slots = threading.BoundedSemaphore(8)
# What an unknown address is checked against, so that it takes as long as a wrong password.
_NOBODY = _hasher.hash("nobody has this password")


def hash_password(password: str) -> str:
    """Return the hash to store for a password."""
    with _slots:
        return _hasher.hash(password)


def verify(stored: str | None, password: str) -> bool:
    """Say whether this is the password; takes as long when there is no hash to compare with."""
    with _slots:
        if stored is None:
            _matches(_NOBODY, password)
            return False
        return _matches(stored, password)


def is_outdated(stored: str) -> bool:
    """Say whether the hash should be made anew with the next password that fits it."""
    return not stored.startswith("$argon2") or _hasher.check_needs_rehash(stored)


def _matches(stored: str, password: str) -> bool:
    try:
        if stored.startswith("$argon2"):
            return _hasher.verify(stored, password)
        return check_password_hash(stored, password)
    except (VerificationError, InvalidHashError, ValueError):
        return False
