"""Tell a database that is away from a fault of ours, and say in one line what the database said."""

import sqlite3

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

# Locked, full, read-only, damaged, not to be opened... whatever is wrong with the file and not with a statement.
_SQLITE_AWAY = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)


def is_away(error: SQLAlchemyError) -> bool:
    """Say whether the database could not answer just now; a wrong statement is no such thing."""
    if isinstance(error, PoolTimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        code = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_CANTOPEN)
        return code & 0xFF in _SQLITE_AWAY  # The rest of an extended code only says where.
    return isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated


def first_line(error: SQLAlchemyError) -> str:
    """Return the driver's own words; SQLAlchemy's would add the statement."""
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
