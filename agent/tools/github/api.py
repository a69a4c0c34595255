"""Speak to GitHub's REST API through a user's connection."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit

from agent.kinds.github import headers, is_limited
from agent.outside import ask, json_of, mapping, words
from agent.types import Reach, ToolError
from clients.reach import Request, Response, WayOut

# A name, or what people copy from the browser or from `git remote`.
REPO_HINT = "Write the repository as owner/name, or give its address on GitHub."
_REPO = re.compile(
    r"(?:(?:https?://|ssh://git@|git@)(?P<host>[A-Za-z0-9.-]{1,200})[:/])?"
    r"(?P<owner>[A-Za-z0-9][A-Za-z0-9_-]{0,99})/(?P<name>[A-Za-z0-9._-]{1,100}?)(?:\.git)?(?:/[^\s]{0,300})?"
)
_RATE_LIMITED = "GitHub lets this token make no more calls for now."


@dataclass(frozen=True)
class GitHub:
    """Ask GitHub about one repository; every answer is checked, every refusal becomes a ToolError."""

    out: WayOut
    settings: Mapping[str, str]
    repo: str

    @property
    def api(self) -> str:
        """Return the address of the API."""
        return self.settings["api_url"]

    def get(self, path: str, params: Mapping[str, str] | None = None, *, what: str = "") -> dict[str, Any]:
        """Return the JSON object at a path below the repository; raises ToolError. `what` is named if missing."""
        found = self.find(path, params)
        if found is None:
            missing(what or f"the repository {self.repo}")
        return found

    def find(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any] | None:
        """Return the JSON object at a path below the repository, or None if GitHub knows none; raises ToolError."""
        response = ask(self.out, self.request("GET", path, params=params), "GitHub")
        if response.status == 404:
            return None
        demand(response)
        return mapping(json_of(response, "GitHub"))

    def request(
        self, method: str, path: str, params: Mapping[str, str] | None = None, body: dict[str, Any] | None = None
    ) -> Request:
        """Return a request to a path below the repository."""
        return Request(
            method,
            f"{self.api}/repos/{self.repo}{path}",
            headers=headers(self.settings),
            params=params or {},
            body=None if body is None else json.dumps(body).encode(),
            max_bytes=6_000_000,
            # A renamed repository answers by a redirect within the API. A write is never sent twice.
            redirects=2 if method == "GET" else 0,
        )


def connect(reach: Reach, repo: str) -> GitHub:
    """Return the API for a repository that was written in any of the usual ways; raises ToolError."""
    assert reach.connection is not None
    settings = reach.connection.settings
    matched = _REPO.fullmatch(repo.strip())
    if not matched or matched["name"] in (".", ".."):
        raise ToolError(f"That is not a repository of GitHub. {REPO_HINT}")
    host, api_host = (matched["host"] or "").lower().removeprefix("www."), urlsplit(settings["api_url"]).hostname or ""
    if host and host != api_host.removeprefix("api."):
        raise ToolError(f"That repository is on {host}, and this connection is for {api_host}.")
    return GitHub(reach.out, settings, f"{matched['owner']}/{matched['name']}")


def demand(response: Response) -> None:
    """Raise ToolError for any answer but a success."""
    if 200 <= response.status < 300:
        return
    if response.status == 401:
        raise ToolError("GitHub says that the connection's token is wrong, expired or revoked.", ours=True)
    if is_limited(response):
        raise ToolError(_RATE_LIMITED + _again_at(response), ours=True)
    if 300 <= response.status < 400:
        raise ToolError("GitHub has moved this repository. Use its present name.")
    told = complaint(response)
    if response.status == 403:
        raise ToolError(f"GitHub does not allow the connection's token to do this{told}.", ours=True)
    if response.status in (400, 422):
        raise ToolError(f"GitHub does not take this{told}.")
    raise ToolError(f"GitHub answered with status {response.status}{told}.", ours=True)


def missing(what: str) -> NoReturn:
    """Say that GitHub does not know it; it answers 404 for what a token may not see, too."""
    raise ToolError(f"GitHub does not know {what}, or the connection's token may not see it.")


def complaint(response: Response) -> str:
    """Return GitHub's own words, led by a colon, or nothing."""
    try:
        told = mapping(json.loads(response.body))
    except (ValueError, RecursionError):
        return ""
    message = words(told.get("message"), 200).rstrip(".")
    return f": {message}" if message else ""


def segment(text: str) -> str:
    """Return text as one part of a path."""
    return quote(text, safe="")


def moment(value: Any) -> datetime | None:
    """Return a time as GitHub writes it, or None."""
    try:
        when = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return when if when is None or when.tzinfo else when.replace(tzinfo=UTC)


def _again_at(response: Response) -> str:
    wait = _number(response, "retry-after")
    if wait is not None:
        return f" It may again in {wait} s."
    # The reset is that of the hourly limit, which need not be the one that was reached.
    reset = _number(response, "x-ratelimit-reset") if response.header("x-ratelimit-remaining") == "0" else None
    if reset is None:
        return " Try again in some minutes."
    return f" It may again at {datetime.fromtimestamp(reset, UTC):%H:%M} UTC."


def _number(response: Response, header: str) -> int | None:
    value = response.header(header) or ""
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 11 else None
