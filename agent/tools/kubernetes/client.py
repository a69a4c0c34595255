"""Speak to a cluster's API through the one guarded way out, and say in plain words what it refuses."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from agent.outside import refused
from agent.tools.kubernetes.answers import ApiError, parsed, refusal
from agent.tools.kubernetes.reading import Json, at, rows
from agent.types import Connection, OutcomeUnknown, Reach, ToolError
from clients.reach import Refused, Request, Response, TlsMaterial, Unreachable, WayOut

MAX_BYTES = 4_000_000
SECONDS_EACH = 15.0
# Less than the time of a tool, so that what was seen until then still comes out.
SECONDS_IN_ALL = 50.0
REQUESTS_IN_ALL = 60
PAGE = 250
OBJECTS_MAX = 1000
# Objects may be a megabyte each, as the secrets of Helm; then pages get smaller, and there are fewer of them.
SMALLEST_PAGE = 3
SMALL_PAGES = 20
MERGE_PATCH = "application/merge-patch+json"
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_SEGMENT = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.:]{0,251}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Listing:
    """What a list gave: the objects, and how many more there are at least."""

    items: list[Json]
    more: int = 0


@dataclass
class Cluster:
    """One cluster for one call: it bounds the requests and the time that the call may take."""

    out: WayOut
    name: str
    server: str
    namespace: str
    settings: Mapping[str, str] = field(repr=False)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    """The cluster's own time, as of its last answer."""
    _asked: int = 0
    _began: float = field(default_factory=time.monotonic)

    @property
    def title(self) -> str:
        """Return the cluster's name and address, as cards and errors show it."""
        return f"{self.name} ({self.server})"

    def get(self, *path: str, params: Mapping[str, str] | None = None, accept: str = "application/json") -> Json:
        """Read one object."""
        return self._object(self._fetch("GET", path, params or {}, {"Accept": accept}), path)

    def objects(
        self, *path: str, labels: str = "", fields: str = "", most: int = OBJECTS_MAX, accept: str = "application/json"
    ) -> Listing:
        """Read a list page by page, at most `most` objects."""
        found: list[Json] = []
        limit = min(PAGE, most)
        params = {"labelSelector": labels} if labels else {}
        params |= {"fieldSelector": fields} if fields else {}
        tries = 2
        while True:
            try:
                page = self.get(*path, params={**params, "limit": str(limit)}, accept=accept)
            except TooLarge:
                if limit <= SMALLEST_PAGE:
                    raise
                limit = max(SMALLEST_PAGE, limit // 10)
                most = min(most, limit * SMALL_PAGES)
                continue
            except ApiError as error:
                if error.status != 410 or "continue" not in params:
                    raise
                # A list may only be read on for some minutes; then it begins anew, as with kubectl.
                tries -= 1
                if not tries:
                    return Listing(found[:most], max(1, len(found) - most))
                found = []
                del params["continue"]
                continue
            found += rows(page, "items")
            token = at(page, "metadata", "continue")
            if not isinstance(token, str) or not token or len(token) > 10_000:
                return Listing(found[:most], max(0, len(found) - most))
            if len(found) >= most or not rows(page, "items"):
                return Listing(found[:most], _remaining(page) + max(0, len(found) - most))
            params["continue"] = token

    def text(self, *path: str, params: Mapping[str, str], max_bytes: int) -> str:
        """Read plain text, such as a log; what is longer than `max_bytes` is cut."""
        response = self._fetch("GET", path, params, {"Accept": "*/*"}, max_bytes=max_bytes, cut=True)
        if response.status != 200:
            raise refusal(response, path)
        return response.body.decode("utf-8", "replace")

    def patch(self, *path: str, body: Mapping[str, Any]) -> Json:
        """Write by merge patch; raises OutcomeUnknown when nobody can say whether it was applied."""
        headers = {"Accept": "application/json", "Content-Type": MERGE_PATCH}
        try:
            response = self._fetch("PATCH", path, {}, headers, body=json.dumps(body).encode())
        except LostAnswer as lost:
            raise OutcomeUnknown(f"{lost} The change may or may not have been made.") from None
        if response.status >= 500:
            raise OutcomeUnknown(f"{refusal(response, path)} The change may or may not have been made.")
        if response.status >= 300:
            raise refusal(response, path)
        try:
            return parsed(response)
        except ToolError as error:
            raise OutcomeUnknown(f"{error} The change was probably made.") from None

    def _fetch(
        self,
        method: str,
        path: tuple[str, ...],
        params: Mapping[str, str],
        headers: Mapping[str, str],
        *,
        body: bytes | None = None,
        max_bytes: int | None = None,
        cut: bool = False,
    ) -> Response:
        left = SECONDS_IN_ALL - (time.monotonic() - self._began)
        if self._asked >= REQUESTS_IN_ALL or left < 1:
            raise ToolError(f"{self.title} took too many requests or too long. Ask for less.", ours=True)
        self._asked += 1
        token = self.settings.get("token")
        request = Request(
            method=method,
            url=self.server.rstrip("/") + _joined(path),
            headers={**headers, **({"Authorization": f"Bearer {token}"} if token else {})},
            params=params,
            body=body,
            tls=_tls(self.settings),
            seconds=min(SECONDS_EACH, left),
            max_bytes=max_bytes or MAX_BYTES,
            cut=cut,
        )
        response = self._exchange(request)
        self.now = _date(response) or self.now
        return response

    def _exchange(self, request: Request) -> Response:
        try:
            return self.out.fetch(request)
        except Refused as error:
            raise refused(error, self.title) from None
        except Unreachable as failure:
            message = _unreachable(self.title, failure)
            if failure.kind == "too_large":
                raise TooLarge(message) from None
            raise LostAnswer(message) if failure.sent else ToolError(message, ours=True) from None

    def _object(self, response: Response, path: tuple[str, ...]) -> Json:
        if response.status != 200:
            raise refusal(response, path)
        return parsed(response)


def _remaining(page: Json) -> int:
    """Return how many objects the API says are left, at least one."""
    remaining = at(page, "metadata", "remainingItemCount")
    return remaining if type(remaining) is int and 0 < remaining < 2**40 else 1


class LostAnswer(ToolError):
    """The request was sent and no whole answer came back."""

    def __init__(self, message: str) -> None:
        super().__init__(message, ours=True)


class TooLarge(LostAnswer):
    """The answer is larger than what is read."""


def cluster_of(reach: Reach) -> Cluster:
    """Return the cluster of this call's connection."""
    connection = reach.connection
    if connection is None:
        raise ToolError("This needs a connection to a Kubernetes cluster, and there is none.", ours=True)
    return _opened(reach.out, connection)


def _opened(out: WayOut, connection: Connection) -> Cluster:
    settings = connection.settings
    return Cluster(out, connection.name, settings["server"], settings.get("namespace") or "default", settings)


def _tls(settings: Mapping[str, str]) -> TlsMaterial:
    return TlsMaterial(settings.get("ca"), settings.get("client_certificate"), settings.get("client_key"))


def _joined(path: tuple[str, ...]) -> str:
    """Return the path; no segment can climb out of it or start a query."""
    if not all(_SEGMENT.fullmatch(segment) and ".." not in segment for segment in path):
        raise ToolError("A name in this request is no name that Kubernetes knows.")
    return "".join(f"/{quote(segment, safe='')}" for segment in path)


def _date(response: Response) -> datetime | None:
    try:
        date = parsedate_to_datetime(response.header("Date") or "")
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _unreachable(title: str, failure: Unreachable) -> str:
    if failure.kind == "tls":
        return f"{title}: {failure.message} Check the certificate authority (`ca`) and the client certificate."
    if failure.kind == "too_large":
        return f"{title} answered with more than can be read at once. Ask for less: one object or one namespace."
    return f"{title}: {failure.message}"
