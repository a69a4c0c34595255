"""Connect systems in tests, and move their rows as an attacker with the database in hand would."""

from pathlib import Path
from typing import Any

from sqlalchemy import select

from clients.outward import AllowList, Outward
from models import Connection
from services import connections
from services.transaction import Database, utcnow
from services.vault import Vault

KEY = "a key that only tests encrypt with 01"
OTHER_KEY = "another key that only tests encrypt with"
OUT = Outward(AllowList.parse(["127.0.0.0/8"]))


def connect_github(
    db: Database, vault: Vault, user_id: int, api_url: str, token: str, name: str = "code"
) -> dict[str, Any]:
    """Add a GitHub connection, which is tried first, and return what may be shown of it."""
    settings = {"token": token, "api_url": api_url}
    return connections.add(db, vault, OUT, user_id, "github", name, settings, now=utcnow())


def rows_of(db: Database) -> list[Connection]:
    """Return every stored connection."""
    with db.read() as tx:
        return list(tx.scalars(select(Connection).order_by(Connection.created_at)))


def everything_stored(db: Database) -> str:
    """Return all that the database knows of connections: the very file on SQLite, every column else."""
    if db.engine.dialect.name == "sqlite":
        path = db.engine.url.database or ""
        files = [file for file in (Path(path), Path(f"{path}-wal")) if file.exists()]
        return "".join(file.read_bytes().decode("latin-1") for file in files)
    with db.read() as tx:
        return str(tx.execute(select(*Connection.__table__.columns)).all())
