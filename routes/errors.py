"""Answer every refusal and every failure: JSON for programs, a friendly page for people, never a detail of ours."""

import html

import structlog
from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import BadHost, HTTPException

from errors import AppError
from routes import context, limits
from routes.access import wants_json
from services.database_errors import first_line, is_away

log = structlog.get_logger(__name__)

_KNOWN = {
    400: ("bad_request", "This request is not understood."),
    401: ("authentication_required", "Log in to go on."),
    403: ("forbidden", "This is not allowed."),
    404: ("not_found", "The address may be wrong, or what was here is gone."),
    405: ("method_not_allowed", "This address does not take that kind of request."),
    406: ("not_acceptable", "There is nothing here in the form that was asked for."),
    408: ("request_timeout", "The request took too long to arrive."),
    411: ("length_required", "The request must say how long it is."),
    413: ("too_large", "This is too large; at most 1 MB can be sent."),
    414: ("uri_too_long", "The address is too long."),
    415: ("unsupported_media_type", "The content type of this request is not understood here."),
    416: ("range_not_satisfiable", "There is no such part."),
    429: ("rate_limited", "Too many requests. Wait a little and try again."),
    431: ("headers_too_large", "The headers of the request are too large."),
    501: ("not_implemented", "This server does not know this way of sending a request."),
}
_FAILURE = (
    "internal_error",
    "The fault is on our side and has been noted. Try again in a moment.",
)
_RETRY_SECONDS = 5
_TITLES = {
    400: "That did not work",
    401: "Log in first",
    402: "Not enough credits",
    403: "Not allowed",
    404: "Nothing here",
    405: "Not possible here",
    409: "That does not fit",
    413: "Too large",
    415: "Not understood",
    429: "A little slower",
    500: "Something went wrong",
    502: "The model did not answer",
    503: "Not available",
}


def register(app: Flask) -> None:
    """Render every error of this app."""
    app.register_error_handler(AppError, _refusal)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(SQLAlchemyError, _database_error)
    app.register_error_handler(Exception, _failure)


def words(status: int) -> tuple[str, str]:
    """Return the code and the sentence of a status that nothing more is known of."""
    return _KNOWN.get(status, _FAILURE)


def _refusal(error: AppError) -> Response:
    return _answer(error)


def _stale_form(_error: CSRFError) -> Response:
    message = "This form has been open for too long or comes from elsewhere. Go back, reload the page and try again."
    return _answer(AppError(400, "stale_form", message))


def _http_error(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:
        return make_response(error.get_response())  # It is no error.
    code, message = words(error.code)
    refusal = AppError(error.code, code, message)
    if error.code == 429:
        refusal.details["retry_after"] = limits.retry_after()
    if error.code >= 500:
        log.error("http_error", status=error.code, exc_info=error)
    response = _answer(refusal)
    response.headers.extend((name, value) for name, value in error.get_headers() if name in ("Allow", "Content-Range"))
    return response


def _database_error(error: SQLAlchemyError) -> Response:
    """Answer that the database is away, which is soon over and is noted in one line; any other error is a failure."""
    if not is_away(error):
        return _failure(error)
    log.error("database_unavailable", reason=first_line(error))
    message = "The database does not answer just now. Try again in a moment."
    return _answer(AppError(503, "database_unavailable", message, retry_after=_RETRY_SECONDS))


def _failure(error: Exception) -> Response:
    """Answer what nobody expected; what it was stands in the log only."""
    log.error("unexpected_error", exc_info=error)
    return _answer(AppError(500, *_FAILURE))


def _answer(error: AppError) -> Response:
    response = jsonify(error.to_json()) if wants_json() else make_response(_page(error))
    response.status_code = error.status
    if "retry_after" in error.details:
        response.headers["Retry-After"] = str(error.details["retry_after"])
    return response


def _page(error: AppError) -> str:
    if error.status >= 500:
        context.leave_wallet_out()
    if isinstance(request.routing_exception, BadHost):
        return _plain_page(error)  # Without a host no address can be built, and a page has many.
    try:
        return _rendered(error)
    except SQLAlchemyError as failure:
        log.error("database_unavailable", reason=first_line(failure))
        if "without_wallet" in g:
            return _plain_page(error)
        context.leave_wallet_out()
        return _page(error)
    except Exception:
        # Whatever broke the request may break its page as well.
        log.exception("error_page_failed")
        return _plain_page(error)


def _rendered(error: AppError) -> str:
    return render_template("errors/error.html", status=error.status, title=_title(error.status), message=error.message)


def _plain_page(error: AppError) -> str:
    title = html.escape(_title(error.status))
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        f"<h1>{title}</h1><p>{html.escape(error.message)}</p><p><a href=/>Home</a></p></html>"
    )


def _title(status: int) -> str:
    return _TITLES.get(status, "That did not work")
