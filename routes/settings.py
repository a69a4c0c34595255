"""Show and change what belongs to the account: connections, name, password, sessions, and the account itself."""

from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, session
from flask_login import current_user, login_required, logout_user
from werkzeug.wrappers import Response

from errors import InvalidInput, NotFound
from routes import body
from routes.access import house
from routes.limits import limiter, login_limit
from services import accounts, allowed_tools, connections, sessions
from services.transaction import utcnow

bp = Blueprint("settings", __name__, url_prefix="/settings")

_SAVED = {
    "profile": "Your name is saved.",
    "password": "Your password is changed, and every other session has ended.",
    "session": "The session has ended.",
    "sessions": "Every other session has ended.",
}


@bp.get("")
@login_required
def page() -> str:
    """Show the settings, with a word on what has just been saved."""
    return _page(saved=_SAVED.get(request.args.get("saved", "")))


@bp.post("/profile")
@login_required
def profile() -> Response | tuple[str, int]:
    """Change the name."""
    try:
        accounts.rename(house().db, current_user.id, body.optional_text(_given(), "username") or "")
    except InvalidInput as error:
        return _refused(error)
    return _saved("profile")


@bp.post("/password")
@limiter.limit(login_limit)
@login_required
def password() -> Response | tuple[str, int]:
    """Change the password and end every other session."""
    try:
        accounts.change_password(
            house().db,
            current_user.id,
            current=_field("current_password"),
            new=_field("new_password"),
            keep_session=current_user.session_id,
        )
    except InvalidInput as error:
        return _refused(error)
    return _saved("password")


@bp.post("/sessions/<int:session_id>/end")
@login_required
def end_session(session_id: int) -> Response:
    """End one of the user's sessions; the present one is ended by logging out."""
    if session_id >= 2**31:
        abort(404)
    if not sessions.end(house().db, current_user.id, session_id):
        raise NotFound("session_not_found", "This session has already ended.")
    return _saved("session")


@bp.post("/sessions/end-others")
@login_required
def end_other_sessions() -> Response:
    """End every session but this one."""
    accounts.end_other_sessions(house().db, current_user.id, current_user.session_id)
    return _saved("sessions")


@bp.post("/delete")
@limiter.limit(login_limit)
@login_required
def delete() -> Response | tuple[str, int]:
    """Delete the account for good, once the password is given."""
    home = house()
    try:
        accounts.delete_account(
            home.db,
            home.gateway,
            current_user.id,
            _field("password"),
            address_key=accounts.address_secret(home.settings.signing_key()),
            now=utcnow(),
        )
    except InvalidInput as error:
        return _refused(error)
    logout_user()
    session.clear()
    return redirect("/", 303)


def _field(name: str) -> str:
    return body.text(_given(), name)


def _given() -> dict[str, Any]:
    """Return what the form says; a field left empty is not given."""
    return {key: value for key, value in request.form.items() if value}


def _saved(what: str) -> Response:
    return redirect(f"/settings?saved={what}", 303)


def _refused(error: InvalidInput) -> tuple[str, int]:
    return _page(fields=error.details["fields"]), error.status


def _page(*, saved: str | None = None, fields: dict[str, str] | None = None) -> str:
    home, user_id = house(), current_user.id
    return render_template(
        "settings/index.html",
        user=current_user,
        sessions=sessions.list_view(home.db, user_id, current=current_user.session_id, now=utcnow()),
        connections=connections.page_view(home.db, user_id),
        kinds=connections.kinds() if home.vault.is_open else [],
        allowed=[_titled(tool) for tool in allowed_tools.list_view(home.db, user_id)],
        fields=fields or {},
        saved=saved,
    )


def _titled(allowed: dict[str, Any]) -> dict[str, Any]:
    tool = house().tools.get(allowed["name"])
    return {**allowed, "title": tool.title if tool else allowed["name"]}
