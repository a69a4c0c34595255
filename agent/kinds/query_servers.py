"""Hold what connections to Prometheus and Loki have in common: an address and perhaps a token."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from agent.kinds.shapes import address, is_within_a_network, mask_keys, secret, texts
from agent.outside import ask, json_of, looks_like_a_page, mapping
from agent.types import Reach, SettingField, ToolError
from clients.reach import Request, Response

SECRETS = ("token",)
# Longer queries go into the body, since proxies bound the length of an address.
QUERY_IN_ADDRESS = 1_500
QUERY_BYTES = 10_000_000
QUERY_SECONDS = 25.0


def fields(example: str) -> tuple[SettingField, ...]:
    """Return the fields of the form, with an example of an address."""
    return (
        SettingField("url", "Address", required=True, help=f"Such as {example}; a path at its end is kept."),
        SettingField("token", "Token", secret=True, help="Sent as a bearer token, if the server wants one."),
    )


def read(raw: object, form: tuple[SettingField, ...]) -> dict[str, str]:
    """Return the settings; raises ToolError."""
    given = texts(raw, form)
    settings = {"url": address(given["url"], "The address")}
    if "token" in given:
        settings["token"] = secret(given["token"], "The token")
        _demand_privacy(settings["url"])
    return settings


def _demand_privacy(url: str) -> None:
    """Raise ToolError where a token would pass through the Internet for everybody to read."""
    if not url.lower().startswith("https://") and not is_within_a_network(url):
        raise ToolError("The address must begin with https://, since the token would travel in the clear.")


def mask(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings as they may be shown."""
    return mask_keys(settings, SECRETS)


def headers(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a call; raises ToolError for a token that would travel in the clear."""
    told = {"Accept": "application/json", "User-Agent": "devops-agent"}
    if not settings.get("token"):
        return told
    _demand_privacy(settings["url"])
    return {**told, "Authorization": f"Bearer {settings['token']}"}


def get(reach: Reach, path: str, who: str, params: Mapping[str, str] | None = None) -> Response:
    """Ask the connected server for one small answer; raises ToolError for a refusal."""
    assert reach.connection is not None
    settings = reach.connection.settings
    request = Request(
        "GET", settings["url"] + path, headers=headers(settings), params=params or {}, max_bytes=1_000_000
    )
    response = ask(reach.out, request, who)
    demand_access(response, who, bool(settings.get("token")))
    return response


def demand_access(response: Response, who: str, has_token: bool) -> None:
    """Raise ToolError if the server turned us away."""
    if response.status == 401:
        wrong = "that the token is wrong or has expired" if has_token else "that it wants a token"
        raise ToolError(f"{who} says {wrong}.", ours=True)
    if response.status == 403:
        raise ToolError(f"{who} does not allow this (403). Has the token the right to read?", ours=True)
    if 300 <= response.status < 400:
        raise ToolError(f"{who} sends us elsewhere ({response.status}). Is there a login before it?", ours=True)


def query(reach: Reach, path: str, who: str, params: Mapping[str, str]) -> Response:
    """Send a query, which may be long and whose answer may be large; raises ToolError if we are turned away."""
    assert reach.connection is not None
    settings = reach.connection.settings
    url, told = settings["url"] + path, headers(settings)
    if len(params["query"]) <= QUERY_IN_ADDRESS:
        request = Request("GET", url, told, params, seconds=QUERY_SECONDS, max_bytes=QUERY_BYTES)
    else:
        told = {**told, "Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(params, errors="replace").encode()
        request = Request("POST", url, told, body=body, seconds=QUERY_SECONDS, max_bytes=QUERY_BYTES)
    response = ask(reach.out, request, who)
    demand_access(response, who, bool(settings.get("token")))
    if response.status != 200 and looks_like_a_page(response):
        raise ToolError(f"{who} answered with status {response.status} and a web page.", ours=True)
    return response


def answer_of(response: Response, who: str) -> dict[str, Any]:
    """Return an answer in the shape that both servers use; raises ToolError for any other."""
    if looks_like_a_page(response):
        json_of(response, who)
    if response.status != 200:
        raise ToolError(f"{who} answered with status {response.status}. Is the address right?", ours=True)
    answer = mapping(json_of(response, who))
    if answer.get("status") != "success":
        raise ToolError(f"That address answered, but not as {who} does.", ours=True)
    return answer


def success(response: Response, who: str) -> Any:
    """Return the `data` of an answer in the shape that both servers use; raises ToolError for any other."""
    return answer_of(response, who).get("data")
