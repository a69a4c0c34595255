"""Connect a user's GitHub, or their GitHub Enterprise Server."""

from collections.abc import Mapping
from typing import Any

from agent.kinds.shapes import about, address, mask_keys, secret, texts
from agent.outside import ask, json_of, mapping, words
from agent.types import Kind, Reach, SettingField, ToolError
from clients.reach import Request, Response

API = "https://api.github.com"
API_VERSION = "2022-11-28"
TOKEN_AT_LEAST = 8
# The usual slip: the address of the web pages in the place of the API's.
_WEB_PAGES = {"https://github.com", "http://github.com", "https://www.github.com"}

_FIELDS = (
    SettingField("token", "Token", secret=True, required=True, help="A fine-grained personal access token."),
    SettingField(
        "api_url", "API address", help="Only for GitHub Enterprise Server, such as https://git.example.com/api/v3."
    ),
)


def read(raw: object) -> dict[str, str]:
    """Return a GitHub connection's settings, with the API address filled in; raises BadSetting."""
    given = texts(raw, _FIELDS)
    with about("token"):
        token = secret(given["token"], "The token", TOKEN_AT_LEAST)
    with about("api_url"):
        api = address(given.get("api_url", API), "The API address", encrypted=True)
    return {"token": token, "api_url": API if api in _WEB_PAGES else api}


def headers(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a call to the API."""
    return {
        "Authorization": f"Bearer {settings['token']}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": API_VERSION,
        "User-Agent": "devops-agent",
    }


def is_limited(response: Response) -> bool:
    """Return whether GitHub refuses because too much was asked: within the hour, or at once (its secondary limits)."""
    if response.status != 403:
        return response.status == 429
    if response.header("x-ratelimit-remaining") == "0" or response.header("retry-after") is not None:
        return True
    told = response.body[:2_000].lower()
    return b"secondary rate limit" in told or b"abuse detection" in told


def probe(reach: Reach) -> dict[str, str]:
    """Return whose token it is and which scopes it has; raises ToolError."""
    assert reach.connection is not None
    settings = reach.connection.settings
    response = _get(reach, settings, "/user")
    if response.status in (403, 404) and not is_limited(response):
        return _probe_of_an_app(reach, settings)
    _demand(response)
    login = words(_object(response).get("login"), 100)
    if not login:
        raise ToolError("That address answered, but not as GitHub's API does.", ours=True)
    scopes = response.header("x-oauth-scopes")
    told = "of a fine-grained token" if scopes is None else words(scopes) or "none"
    return {"login": login, "scopes": told}


def _probe_of_an_app(reach: Reach, settings: Mapping[str, str]) -> dict[str, str]:
    """Tokens of apps belong to no user, but every token may ask for its limits."""
    response = _get(reach, settings, "/rate_limit")
    _demand(response)
    core = mapping(mapping(_object(response).get("resources")).get("core"))
    if not core:
        raise ToolError("That address answered, but not as GitHub's API does.", ours=True)
    return {"login": "an app", "scopes": "of an app", "calls_an_hour": words(core.get("limit"))}


def _get(reach: Reach, settings: Mapping[str, str], path: str) -> Response:
    request = Request("GET", settings["api_url"] + path, headers=headers(settings), max_bytes=200_000)
    return ask(reach.out, request, "GitHub")


def _demand(response: Response) -> None:
    if response.status == 401:
        raise ToolError("GitHub says that the token is wrong, expired or revoked.")
    if is_limited(response):
        raise ToolError("GitHub lets this token make no more calls for now. Try again later.", ours=True)
    if response.status == 403:
        raise ToolError("GitHub refuses this token (403). Does an organisation still have to approve it?")
    if response.status != 200:
        raise ToolError(f"GitHub answered with status {response.status}. Is the API address right?", ours=True)


def _object(response: Response) -> dict[str, Any]:
    return mapping(json_of(response, "GitHub"))


GITHUB = Kind(
    name="github",
    title="GitHub",
    fields=_FIELDS,
    read=read,
    mask=lambda settings: mask_keys(settings, ("token",)),
    probe=probe,
    secrets=("token",),
    help=(
        "On GitHub, under Settings, Developer settings, Fine-grained tokens, make a token for the repositories that "
        "the agent may see. It needs Actions: read, Contents: read and Metadata: read. To let the agent start "
        "workflows after you approve, give Actions: read and write. A classic token needs the scope repo."
    ),
)
