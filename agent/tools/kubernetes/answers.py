"""Read what a cluster's API answers: its objects, and in plain words what it refuses."""

import json
import re
from urllib.parse import urlsplit

from agent.tools.kubernetes.reading import Json, clean, table, words
from agent.types import ToolError
from clients.reach import Response


class ApiError(ToolError):
    """The API answered with an error; `status` is its HTTP status."""

    def __init__(self, status: int, message: str, *, ours: bool) -> None:
        super().__init__(message, ours=ours)
        self.status = status


def parsed(response: Response) -> Json:
    """Return the object in an answer; raises ToolError for anything else."""
    try:
        value = json.loads(response.body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ToolError(_not_json(response), ours=True) from None
    if not isinstance(value, dict):
        raise ToolError("The cluster answered with JSON that is no object of its API.", ours=True)
    return value


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _not_json(response: Response) -> str:
    kind = clean(response.header("Content-Type") or "something unnamed", 60).partition(";")[0]
    host = urlsplit(response.url).netloc
    return f"{host} answered with {kind} that is no readable JSON. Is `server` the address of a Kubernetes API?"


# What an API server says, as plain text, of a group or version that it does not know.
_NO_PATH = b"404 page not found"


def refusal(response: Response, path: tuple[str, ...]) -> ToolError:
    """Return what an error answer says, in plain words. Only what the input caused keeps its charge."""
    status = response.status
    if 300 <= status < 400:
        words_ = "The server answers with a redirect, which no Kubernetes API does. Is `server` its right address?"
        return ApiError(status, words_, ours=True)
    try:
        body = parsed(response)
    except ToolError as error:
        if status == 404 and response.body.startswith(_NO_PATH):
            return _unserved(path)
        body = {"message": str(error)} if status not in (401, 403) else {}
    message = words(body, "message", default="no reason given", longest=600)
    if status == 401:
        return ApiError(401, "The cluster does not accept the connection's credentials (401).", ours=True)
    if status == 403:
        return ApiError(403, _forbidden(message), ours=True)
    if status == 404:
        if path[0] == "apis" and not table(body, "details").get("name"):
            return _unserved(path)
        return ApiError(404, _missing(body, message), ours=False)
    if status in (400, 409, 410, 422):
        return ApiError(status, f"The cluster refused it ({status}): {message}", ours=status in (409, 410))
    return ApiError(status, f"The cluster could not answer ({status}): {message}", ours=True)


def _unserved(path: tuple[str, ...]) -> ToolError:
    """Return that the API itself is missing: an object that is asked for there may exist in another version of it."""
    if path[0] != "apis":
        return ToolError("The server has no such path (404). Is `server` the address of a Kubernetes API?", ours=True)
    what = path[5] if path[3:4] == ("namespaces",) and len(path) > 5 else path[-1]
    api = "/".join(path[1:3])
    return ToolError(f"This cluster does not serve {what} in the API {api} (404); it may be too old.", ours=True)


_RIGHT = re.compile(
    r'cannot (\w+) resource "([^"]{1,100})" in API group "([^"]{0,100})"(?: in the namespace "([^"]+)")?'
)


def _forbidden(message: str) -> str:
    right = _RIGHT.search(message)
    if right is None:
        return f"The connection may not do this (403): {message}"
    where = f" in namespace {right[4]}" if right[4] else " in the whole cluster"
    group = f" of group {right[3]}" if right[3] else ""
    return (
        f"The connection may not {right[1]} {right[2]}{group}{where} (403). Its role needs this verb on this resource."
    )


def _missing(body: Json, message: str) -> str:
    if table(body, "details").get("name"):
        return f"It does not exist: {message}."
    return f"The cluster does not have this (404): {message}."
