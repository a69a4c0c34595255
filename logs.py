"""Log one line per event, JSON in production and readable in development, and never a secret."""

import logging
import re
import secrets
import sys
import time
from typing import Any, TextIO

import structlog
from flask import Flask, Response, g, request
from structlog.typing import EventDict, Processor, WrappedLogger

from agent.redaction import redact
from agent.secret_judgement import speaks_of_secret
from config import Settings

log = structlog.get_logger(__name__)

HIDDEN = "[hidden]"
_HANDLER = "devops-agent"
_CHATTY = (
    "httpx",
    "httpcore",
    "httpx2",
    "anthropic",
    "stripe",
    "alembic",
    "boto3",
    "botocore",
    "urllib3",
    "drain3",
    "hcl2",
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HIDDEN_TOO = re.compile(r"cookie|csrf|authorization", re.I)
# What may be harmless in a user's text, such as a word under `token:`, but is not worth a risk in a log.
_SECRET_VALUES = (
    (re.compile(r"\b(?:sk|rk|pk)[-_][A-Za-z0-9_-]{8,}"), HIDDEN),
    (re.compile(r"\bwhsec_[A-Za-z0-9+/=_-]+"), HIDDEN),
    (re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=<>:-]{6,}", re.I), rf"\1 {HIDDEN}"),
    (re.compile(r"(://[^/\s:@]*):[^/\s@]+@"), rf"\1:{HIDDEN}@"),
    (
        re.compile(r"""((?:passw(?:or)?d|secret|token|api[-_]?key|cookie)["']?\s*[=:]\s*)["']?[^\s"',;&}]+""", re.I),
        rf"\1{HIDDEN}",
    ),
)


def setup(settings: Settings) -> None:
    """Send every logger of this process through the same chain to standard error."""
    chain: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *chain,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = _StandardError()
    handler.set_name(_HANDLER)
    handler.setFormatter(_formatter(chain, settings))
    root = logging.getLogger()
    for old in [known for known in root.handlers if known.get_name() == _HANDLER]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)


def register(app: Flask) -> None:
    """Give each request an id that all its lines carry, and write one line when it is answered."""
    app.before_request(_begin)
    app.after_request(_finish)


def hide_secrets(_logger: WrappedLogger | None, _method: str, event: EventDict) -> EventDict:
    """Mask whatever looks like a secret, by the name of its key or by its own shape, however deep it lies."""
    return {name: _hidden(value, name) for name, value in event.items()}


def _formatter(chain: list[Processor], settings: Settings) -> logging.Formatter:
    """Return what turns an event, ours or a library's, into its line."""
    last: Processor = structlog.processors.JSONRenderer()
    if not settings.is_production:
        plain = structlog.dev.plain_traceback  # The fancy ones show local variables, secrets among them.
        last = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=chain,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            # Tracebacks become text before the secrets are taken out.
            structlog.processors.format_exc_info,
            hide_secrets,
            last,
        ],
    )


class _StandardError(logging.StreamHandler[TextIO]):
    """Write to what standard error is at that moment, since tests and daemons exchange it."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _stream: TextIO) -> None:
        pass


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
    g.request_began = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _finish(response: Response) -> Response:
    if "request_began" not in g:
        return response
    response.headers["X-Request-ID"] = g.request_id
    write = log.debug if request.endpoint == "static" else log.info
    write(
        "request",
        method=request.method,
        path=request.path,  # Without the query, which may hold what is private.
        status=response.status_code,
        duration_ms=round((time.perf_counter() - g.request_began) * 1000, 1),
    )
    return response


def _is_hidden(name: str) -> bool:
    return speaks_of_secret(name) or _HIDDEN_TOO.search(name) is not None


def _hidden(value: Any, name: str = "") -> Any:
    # A number under such a name is a count, such as `input_tokens`.
    if _is_hidden(name) and not isinstance(value, int | float | None):
        return HIDDEN
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        # First, since it knows best where a secret ends.
        value = redact(value)
        for pattern, replacement in _SECRET_VALUES:
            value = pattern.sub(replacement, value)
        return value
    if isinstance(value, dict):
        return {key: _hidden(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_hidden(inner) for inner in value]
    return value if isinstance(value, int | float | None) else _hidden(str(value))
