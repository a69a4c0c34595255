"""Keep a user's connections, and the tools that may run without asking."""

from typing import Any

from flask import Blueprint
from flask_login import current_user, login_required

from errors import InvalidInput, NotFound
from routes.access import house
from routes.body import read_json, text
from routes.limits import connections_limit, limiter
from services import allowed_tools, connections
from services.transaction import utcnow

bp = Blueprint("connections", __name__, url_prefix="/api")


@bp.get("/connections")
@login_required
def list_connections() -> Any:
    """List the user's connections without their secrets."""
    return {"connections": connections.list_view(house().db, current_user.id)}


@bp.post("/connections")
@limiter.limit(connections_limit)
@login_required
def add_connection() -> Any:
    """Try a connection and store it if it works."""
    body = read_json()
    kind, name = text(body, "kind", maximum=40), text(body, "name", maximum=1000)
    settings = body.get("settings")
    if not isinstance(settings, dict):
        raise InvalidInput({"settings": "settings must be a JSON object."})
    home = house()
    added = connections.add(home.db, home.vault, home.out, current_user.id, kind, name, settings, now=utcnow())
    return {"connection": added}, 201


@bp.delete("/connections/<connection_id>")
@login_required
def remove_connection(connection_id: str) -> Any:
    """Forget a connection and its credentials."""
    connections.remove(house().db, current_user.id, connection_id)
    return "", 204


@bp.get("/allowed-tools")
@login_required
def list_allowed() -> Any:
    """List the tools that may run without asking, with the price at which each was allowed."""
    return {"tools": allowed_tools.list_view(house().db, current_user.id)}


@bp.delete("/allowed-tools/<name>")
@login_required
def ask_again(name: str) -> Any:
    """Ask again before this tool runs."""
    if not allowed_tools.forget(house().db, current_user.id, name):
        raise NotFound("tool_not_allowed", "This tool asks already.")
    return "", 204
