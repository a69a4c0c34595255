"""Say in plain words why a call to Claude failed, and whether it is worth another try."""

from typing import Any

import httpx2
from anthropic import APIConnectionError, APIStatusError, APITimeoutError

from clients.model import ModelFailure

RETRY_AFTER_MAX_SECONDS = 5.0
# In the middle of a stream the service names its errors by type, under a status of 200.
_STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_SENTENCES = {
    "rejected": "The model service could not take this conversation. Try again, or start a new one.",
    "refused": "The model service refused our request; the operator has been told.",
    "too_long": "This conversation is too long for the model. Start a new one.",
    "timeout": "The model service took too long to answer. Please try again.",
    "rate_limited": "The model service is busy right now. Please try again in a moment.",
    "overloaded": "The model service is overloaded right now. Please try again in a moment.",
    "server_error": "The model service had an error of its own. Please try again in a moment.",
    "connection": "The connection to the model service broke. Please try again.",
    "broken": "The model's answer arrived broken. Please try again.",
    "closed": "The call was ended.",
}
_KINDS = {
    401: "refused",
    402: "refused",
    403: "refused",
    404: "refused",
    408: "timeout",
    409: "server_error",
    413: "too_long",
    429: "rate_limited",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}


class CallFailure(ModelFailure):
    """A failed call; `detail` is for the operator's log, without secrets and without anybody's words.

    `retryable` holds before the first event only; `wait` is the pause that the service asked for, in seconds.
    """

    def __init__(self, kind: str, *, retryable: bool = False, wait: float | None = None, **detail: Any) -> None:
        super().__init__(kind, _SENTENCES[kind])
        self.retryable = retryable
        self.wait = wait
        self.detail = detail


def explain(error: Exception) -> CallFailure:
    """Return the failure that an exception of the SDK, or of the HTTP client below it, stands for."""
    name = type(error).__name__
    if isinstance(error, CallFailure):
        return error
    if isinstance(error, APIStatusError):
        return _by_status(error)
    if isinstance(error, APITimeoutError | httpx2.TimeoutException):
        # Nobody was reached, so nothing is running there. After a silent minute, though, another try only doubles it.
        unreached = isinstance(error, httpx2.ConnectTimeout) or isinstance(error.__cause__, httpx2.ConnectTimeout)
        return CallFailure("timeout", retryable=unreached, error=name)
    if isinstance(error, APIConnectionError | httpx2.HTTPError):
        return CallFailure("connection", retryable=True, error=name, cause=type(error.__cause__).__name__)
    # Tool input that is no JSON, events in the wrong order, blocks that never began. The exception's text would show
    # the user's words, so only its name is kept.
    return CallFailure("broken", error=name)


def _by_status(error: APIStatusError) -> CallFailure:
    status = error.status_code if error.status_code >= 400 else _STATUS_OF_TYPE.get(str(error.type), 500)
    kind = _KINDS.get(status, "server_error" if status >= 500 else "rejected")
    if kind == "rejected" and "too long" in (error.api_message or ""):
        kind = "too_long"
    wait = _retry_after(error.response)
    worth_it = (
        (status in (408, 409, 429) or status >= 500)
        and error.response.headers.get("x-should-retry") != "false"
        and (wait is None or wait <= RETRY_AFTER_MAX_SECONDS)
    )
    return CallFailure(
        kind, retryable=worth_it, wait=wait, status=error.status_code, type=error.type, request_id=error.request_id
    )


def _retry_after(response: httpx2.Response) -> float | None:
    """Return the pause that the service asks for in seconds; a date counts as too long."""
    text = response.headers.get("retry-after")
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        return float("inf")
