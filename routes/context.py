"""Give every page what its frame shows: the wallet of who is signed in, and how this site runs."""

from typing import Any

from flask import Flask, current_app, g, request
from flask_login import current_user

from routes.access import house
from services import billing_views
from services.transaction import utcnow


def register(app: Flask) -> None:
    """Add `wallet` and `site` to the context of every template; Flask-Login adds `current_user`."""
    app.context_processor(_frame)


def leave_wallet_out() -> None:
    """Render the page of this request without asking the database, because it may be what failed."""
    g.without_wallet = True
    if "_login_user" not in g:
        # Flask-Login would look the session up; who is not known by now stays unknown for the rest of the request.
        g._login_user = current_app.login_manager.anonymous_user()  # type: ignore[attr-defined]


def _frame() -> dict[str, Any]:
    home = house()
    site = {
        "offline": home.settings.agent_mode == "offline",
        "no_model": home.model is None,
        "simulated": home.simulated,
        "path": request.path,
    }
    return {"site": site, "wallet": _wallet()}


def _wallet() -> dict[str, Any] | None:
    if g.get("without_wallet") or not current_user.is_authenticated:
        return None
    home = house()
    return billing_views.subscription_view(home.db, current_user.id, now=utcnow(), simulated=home.simulated)
