"""Answer every refusal and every failure: JSON for programs, a friendly page for people, never a detail of ours."""

import html

import structlog
from flask import Flask, Response, jsonify, make_response, render_template
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from errors import AppError
from routes import context, limits
from routes.access import wants_json

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
}
_FAILURE = (
    "internal_error",
    "The fault is on our side and has been noted. Try again in a moment.",
)
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
    app.register_error_handler(Exception, _failure)


def _refusal(error: AppError) -> Response:
    return _answer(error)


def _stale_form(_error: CSRFError) -> Response:
    message = "This form has been open for too long or comes from elsewhere. Go back, reload the page and try again."
    return _answer(AppError(400, "stale_form", message))


def _http_error(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:
        return make_response(error.get_response())  # A redirect that routing asks for.
    code, message = _KNOWN.get(error.code, _FAILURE)
    refusal = AppError(error.code, code, message)
    if error.code == 429:
        refusal.details["retry_after"] = limits.retry_after()
    if error.code >= 500:
        log.error("http_error", status=error.code, exc_info=error)
    response = _answer(refusal)
    response.headers.extend((name, value) for name, value in error.get_headers() if name in ("Allow", "Content-Range"))
    return response


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
    title = _TITLES.get(error.status, "That did not work")
    try:
        return render_template("errors/error.html", status=error.status, title=title, message=error.message)
    except Exception:
        # Whatever broke the request may break its page as well.
        log.exception("error_page_failed")
        return (
            f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title>"
            f"<h1>{html.escape(title)}</h1><p>{html.escape(error.message)}</p><p><a href=/>Home</a></p></html>"
        )
