"""Run migrations, for `flask db ...` and for `services.schema.upgrade`, which hands over its own connection."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from flask import current_app
from sqlalchemy import Connection

from models import Base, UtcDateTime
from services import schema


def _render(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    # A revision has to stay readable when models.py has moved on, so it names plain types only.
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


def _skip_empty(_context: Any, _revision: Any, directives: list[Any]) -> None:
    if getattr(context.config.cmd_opts, "autogenerate", False) and directives[0].upgrade_ops.is_empty():
        directives.clear()


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=schema.is_ours,
        render_item=_render,
        process_revision_directives=_skip_empty,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("Migrations look at the tables that are there, so they need a database and cannot be printed.")
given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    with schema.locked(current_app.extensions["house"].db) as own:
        _run(own)
