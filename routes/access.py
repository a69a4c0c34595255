"""Guard the doors: who is signed in, and whether a request that changes something comes from this site."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

import structlog
from flask import Flask, Response, current_app, g, redirect, request, session
from flask_login import LoginManager, current_user, login_user
from flask_wtf.csrf import CSRFProtect
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response as AnyResponse

from errors import AppError, NotFound
from routes.body import is_json, unsupported_media_type
from services import addresses, sessions
from services.database_errors import first_line
from services.house import House
from services.sessions import SignedIn
from services.transaction import utcnow

log = structlog.get_logger(__name__)
csrf = CSRFProtect()

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_FORM_OR_JSON = frozenset({"/signup", "/login", "/logout"})


def house() -> House:
    """Return the parts of the app that handles this request."""
    return cast(House, current_app.extensions["house"])


def terms() -> dict[str, Any]:
    """Return what every service that looks at a wallet is told: the moment, and whether payments are simulated."""
    return {"now": utcnow(), "simulated": house().simulated}


@dataclass(frozen=True)
class LoginUser:
    """The signed-in user as routes and templates see it."""

    found: SignedIn
    token: str
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False

    @property
    def id(self) -> int:
        return self.found.user_id

    @property
    def email(self) -> str:
        return self.found.email

    @property
    def username(self) -> str:
        return self.found.username

    @property
    def is_admin(self) -> bool:
        """Say whether the user is an admin, by rank or by a verified address that ADMIN_EMAILS lists."""
        named = {addresses.canonical(email) for email in house().settings.admin_emails}
        return self.found.is_admin or (self.found.is_verified and addresses.canonical(self.email) in named)

    @property
    def session_id(self) -> int:
        return self.found.session_id

    def get_id(self) -> str:
        """Return what Flask-Login keeps in the cookie: the session's token, not the user's id."""
        return self.token


def register(app: Flask) -> None:
    """Guard every request of this app."""
    manager = LoginManager(app)
    manager.session_protection = None  # Sessions are rows that can be ended; an address may change on the way to work.
    manager.user_loader(_load)
    manager.unauthorized_handler(_send_to_login)
    csrf.init_app(app)
    app.before_request(_stay_here)
    app.before_request(_refuse_nul)
    app.before_request(_check_origin)
    app.after_request(_keep_session_alive)


def sign_in(token: str) -> None:
    """Let this browser be the one that holds the session, in a cookie that shares nothing with the one before."""
    found = sessions.find(house().db, token, now=utcnow())
    if found is None:
        raise AppError(401, "invalid_credentials", "The account has just changed. Log in again.")
    if current_user.is_authenticated:
        sessions.end(house().db, current_user.id, current_user.session_id)
    session.clear()
    session.permanent = True
    login_user(LoginUser(found, token))


def session_lifetime() -> timedelta:
    """Return how long a session lasts without being used."""
    return timedelta(days=house().settings.session_days)


def is_api() -> bool:
    """Say whether the request is for the API, where everything answers JSON."""
    return request.path == "/api" or request.path.startswith("/api/")


def wants_json() -> bool:
    """Say whether the answer, an error above all, should be JSON rather than a page."""
    if is_api() or is_json():
        return True
    accepted = request.accept_mimetypes
    return accepted["application/json"] > accepted["text/html"]


def inward(target: str | None) -> str | None:
    """Return the path if it leads into this site, else None: a log-in never sends anyone elsewhere."""
    if not target or not target.startswith("/") or target.startswith("//") or "\\" in target:
        return None
    if not target.isprintable() or urlsplit(target).netloc:
        return None
    return target


def _load(token: str) -> LoginUser | None:
    found = sessions.find(house().db, token, now=utcnow())
    return None if found is None else LoginUser(found, token)


def _send_to_login() -> AnyResponse:
    if wants_json():
        raise AppError(401, "authentication_required", "Log in to go on.")
    if request.method not in _SAFE_METHODS:
        return redirect("/login", 303)
    wanted = request.full_path.rstrip("?")
    return redirect(f"/login?{urlencode({'next': wanted})}", 303)


def _stay_here() -> AnyResponse | None:
    """Answer a redirect that routing asks for without the host, which is whatever the request has named."""
    asked = request.routing_exception
    if not isinstance(asked, RequestRedirect):
        return None
    return redirect(f"/{urlsplit(asked.new_url).path.lstrip('/')}", asked.code)


def _refuse_nul() -> None:
    """Refuse an address with a NUL, which no database stores and so nothing here is called."""
    if "\0" in request.path:
        raise NotFound()
    for name, value in request.args.items(multi=True):
        if "\0" in name + value:
            raise AppError(400, "invalid_text", "The address has characters that cannot be stored.")


def _check_origin() -> None:
    """Refuse a request that changes something unless it comes from this site.

    JSON proves it by its content type, which no foreign page may send, and by what the browser says; a form by its
    token. A call of the API without a cookie has nothing to misuse and is refused, or not, by its view.
    """
    if request.method in _SAFE_METHODS or request.routing_exception is not None:
        return
    if is_api():
        if current_user.is_authenticated:
            _require_json()
            _refuse_foreign()
    elif request.path in _FORM_OR_JSON and request.mimetype not in _FORM_TYPES:
        _require_json()
        _refuse_foreign()
    else:
        _refuse_foreign()
        csrf.protect()


def _require_json() -> None:
    bare_delete = request.method == "DELETE" and not request.content_length
    if not is_json() and not bare_delete:
        raise unsupported_media_type()


def _refuse_foreign() -> None:
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site not in (None, "same-origin", "none") or (origin is not None and origin.lower() not in _own_origins()):
        raise AppError(403, "foreign_origin", "This request comes from another site.")


def _own_origins() -> set[str]:
    return {_origin(request.host_url), _origin(house().settings.public_url)}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _keep_session_alive(response: Response) -> Response:
    """Note that the session is in use, after the view, so that no view waits for the database's write lock twice."""
    user = g.get("_login_user")
    now = utcnow()
    if isinstance(user, LoginUser) and user.found.is_stale(now) and "_user_id" in session:
        try:
            sessions.touch(house().db, user.session_id, lifetime=session_lifetime(), now=now)
            session.modified = True  # The browser then keeps the cookie as long as the row lasts.
        except SQLAlchemyError as error:
            log.warning("session_not_touched", reason=first_line(error))
    return response
