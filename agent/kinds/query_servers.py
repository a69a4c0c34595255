"""Hold what connections to Prometheus and Loki have in common: an address, perhaps a token and a tenant."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from agent.kinds.shapes import about, address, demand_privacy, mask_keys, secret, texts
from agent.outside import ask, json_of, looks_like_a_page, mapping, words
from agent.types import BadSetting, Kind, Reach, SettingField, ToolError
from clients.reach import Request, Response

_SECRETS = ("token",)
# What both servers take for the name of a tenant, and several of them with | in between.
_TENANT = re.compile(r"[A-Za-z0-9!_.*'()|-]{1,200}")
# Longer queries go into the body, since proxies bound the length of an address.
QUERY_IN_ADDRESS = 1_500
QUERY_BYTES = 10_000_000
QUERY_SECONDS = 25.0


def kind(name: str, title: str, probe: Callable[[Reach], dict[str, str]], help: str) -> Kind:
    """Return one of the two kinds."""
    example = f"https://{name}.example.com"
    fields = (
        SettingField("url", "Address", required=True, help=f"Such as {example}; a path at its end is kept."),
        SettingField("token", "Token", secret=True, help="Sent as a bearer token, if the server wants one."),
        SettingField("tenant", "Tenant", help="Sent as X-Scope-OrgID, if the server keeps several tenants apart."),
    )
    return Kind(
        name=name,
        title=title,
        fields=fields,
        read=lambda raw: _read(texts(raw, fields)),
        mask=lambda settings: mask_keys(settings, _SECRETS),
        probe=probe,
        secrets=_SECRETS,
        help=help,
    )


def _read(given: Mapping[str, str]) -> dict[str, str]:
    settings = {}
    with about("url"):
        settings["url"] = address(given["url"], "The address")
        if "token" in given:
            demand_privacy(settings["url"], "The address")
    if "token" in given:
        with about("token"):
            settings["token"] = secret(given["token"], "The token")
    if "tenant" in given:
        if not _TENANT.fullmatch(given["tenant"]):
            raise BadSetting({"tenant": "The tenant must be an ID such as team-a, or several joined by |."})
        settings["tenant"] = given["tenant"]
    return settings


def headers(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a call; raises ToolError for a token that would travel in the clear."""
    told = {"Accept": "application/json", "User-Agent": "devops-agent"}
    if settings.get("tenant"):
        told["X-Scope-OrgID"] = settings["tenant"]
    if not settings.get("token"):
        return told
    demand_privacy(settings["url"], "The address")
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
    if response.status == 401 and b"no org id" in response.body[:1_000].lower():
        wanted = "keeps several tenants apart and was told none (no org id). Set the connection's tenant."
        raise ToolError(f"{who} {wanted}", ours=True)
    if response.status == 401:
        wrong = "that the token is wrong or has expired" if has_token else "that it wants a token"
        raise ToolError(f"{who} says {wrong}.", ours=True)
    if response.status == 403:
        raise ToolError(f"{who} does not allow this (403). Has the token the right to read?", ours=True)
    if 300 <= response.status < 400:
        raise ToolError(f"{who} sends us elsewhere ({response.status}). Is there a login before it?", ours=True)


def query(
    reach: Reach, path: str, who: str, params: Mapping[str, str], more_headers: Mapping[str, str] | None = None
) -> Response:
    """Send a query, which may be long and whose answer may be large; raises ToolError if we are turned away."""
    assert reach.connection is not None
    settings = reach.connection.settings
    url, told = settings["url"] + path, {**headers(settings), **(more_headers or {})}
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


def plain_words(response: Response) -> str:
    """Return what a server or a proxy tells in plain text."""
    return words(response.body[:1200].decode("utf-8", "replace"), 400).strip()


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
