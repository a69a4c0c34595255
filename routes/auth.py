"""Sign up, log in and log out, by form or by JSON."""

from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request, session
from flask_login import current_user, logout_user
from werkzeug.wrappers import Response as AnyResponse

from errors import AppError, InvalidInput
from routes.access import house, inward, session_lifetime, sign_in
from routes.body import is_json, optional_text, read_json, text
from routes.limits import (
    address,
    limiter,
    login_address_limit,
    login_limit,
    login_network_limit,
    network,
    network_and_address,
    signup_limit,
)
from services import accounts, billing_views, sessions
from services.accounts import Entry
from services.sessions import Browser
from services.transaction import utcnow

bp = Blueprint("auth", __name__)

Answer = AnyResponse | tuple[str, int] | tuple[Response, int]
_FIELDS = {"email": True, "password": True, "username": False}
HOME = "/chat"


@bp.get("/signup")
def signup_form() -> Answer:
    """Show the form to sign up."""
    return _form("signup")


@bp.post("/signup")
@limiter.limit(signup_limit, key_func=network)
def signup() -> Answer:
    """Make an account with its wallet and let this browser in."""
    try:
        entry = _sign_up(**_credentials(_FIELDS))
    except AppError as error:
        return _refused("signup", error)
    sign_in(entry.token)
    return _welcome(entry, 201)


@bp.get("/login")
def login_form() -> Answer:
    """Show the form to log in."""
    return _form("login")


@bp.post("/login")
@limiter.limit(login_network_limit, key_func=network)
@limiter.limit(login_address_limit, key_func=address)
@limiter.limit(login_limit, key_func=network_and_address)
def login() -> Answer:
    """Let this browser in."""
    try:
        given = _credentials({"email": True, "password": True})
        home = house()
        entry = accounts.log_in(home.db, **given, browser=_browser(), simulated=home.simulated, now=utcnow())
    except AppError as error:
        return _refused("login", error)
    sign_in(entry.token)
    return _welcome(entry, 200)


@bp.post("/logout")
def logout() -> Answer:
    """End this browser's session; nothing happens if there is none."""
    if current_user.is_authenticated:
        sessions.end(house().db, current_user.id, current_user.session_id)
    logout_user()
    session.clear()
    return jsonify({"success": True}) if is_json() else redirect("/", 303)


def _sign_up(email: str, password: str, username: str | None = None) -> Entry:
    home = house()
    secret = accounts.address_secret(home.settings.signing_key())
    return accounts.sign_up(
        home.db,
        email=email,
        password=password,
        username=username,
        browser=_browser(),
        address_key=secret,
        now=utcnow(),
    )


def _credentials(fields: dict[str, bool]) -> dict[str, Any]:
    """Return the fields of the form or the JSON body; raises InvalidInput naming every field that is wrong."""
    body = read_json() if is_json() else {name: value for name, value in request.form.items() if value}
    values, wrong = {}, {}
    for name, required in fields.items():
        try:
            values[name] = text(body, name) if required else optional_text(body, name)
        except InvalidInput as error:
            wrong.update(error.details["fields"])
    if wrong:
        raise InvalidInput(wrong)
    return values


def _browser() -> Browser:
    return Browser(session_lifetime(), user_agent=request.user_agent.string, network=network())


def _welcome(entry: Entry, status: int) -> Answer:
    if is_json():
        answer = {"user": entry.account.to_json(), "credits_remaining": entry.credits_remaining}
        return jsonify(answer), status
    return redirect(_next() or HOME, 303)


def _form(name: str) -> Answer:
    if current_user.is_authenticated:
        return redirect(_next() or HOME, 303)
    return _page(name), 200


def _refused(name: str, error: AppError) -> Answer:
    if is_json():
        raise error
    fields = error.details.get("fields", {})
    if error.code == "email_taken":
        fields = {"email": error.message}
    return _page(name, fields=fields, error=None if fields else error.message), error.status


def _page(name: str, *, fields: dict[str, str] | None = None, error: str | None = None) -> str:
    form = {"email": request.form.get("email", ""), "username": request.form.get("username", "")}
    return render_template(
        f"auth/{name}.html",
        form={**form, "next": _next()},
        fields=fields or {},
        error=error,
        next=_next(),
        tiers=billing_views.tiers_view(house().db),
        ended="ended" in request.args,  # Put there by the script of a page whose session is over.
    )


def _next() -> str | None:
    return inward(request.form.get("next") or request.args.get("next"))
