"""Show that a GitHub connection is checked, shown without its token, and tried."""

from collections.abc import Iterator

import pytest

from agent.kinds.github import API, GITHUB
from agent.types import Connection, Reach, ToolError
from tests.agent.tools.support import local_reach
from tests.fakes.github import TOKEN, FakeGitHub
from tests.fakes.scripted_web import Asked, Reply


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with FakeGitHub() as fake:
        yield fake


def reach(github: FakeGitHub, token: str = TOKEN) -> Reach:
    return local_reach(Connection("c1", "github", "work", {"token": token, "api_url": github.url}))


def complaint(reach: Reach) -> ToolError:
    with pytest.raises(ToolError) as raised:
        GITHUB.probe(reach)
    assert TOKEN not in str(raised.value)
    return raised.value


def test_a_token_alone_is_enough() -> None:
    assert GITHUB.read({"token": f" {TOKEN}\n"}) == {"token": TOKEN, "api_url": API}


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("https://git.example.com/api/v3/", "https://git.example.com/api/v3"),
        ("https://github.com", API),
        ("", API),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_the_address_of_an_enterprise_server_is_kept(given: str, stored: str) -> None:
    assert GITHUB.read({"token": TOKEN, "api_url": given})["api_url"] == stored


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (None, "JSON object"),
        ([], "JSON object"),
        ({}, "Token is missing."),
        ({"token": "  "}, "Token is missing."),
        ({"token": 7}, "Token must be text."),
        ({"token": "short"}, "too short"),
        ({"token": "x" * 5000}, "too long"),
        ({"token": "ghp_1234\r\nX-Evil: 1"}, "without spaces and line breaks"),
        ({"token": "ghp_1234é"}, "plain characters"),
        ({"token": TOKEN, "apiurl": "x"}, "unknown setting; known are token, api_url"),
        ({"token": TOKEN, "api_url": "http://git.example.com/api/v3"}, "must begin with https://"),
        ({"token": TOKEN, "api_url": "ftp://git.example.com"}, "must begin with https://"),
        ({"token": TOKEN, "api_url": "https://alice:pw@git.example.com"}, "must not hold a user name"),
        ({"token": TOKEN, "api_url": "https://git.example.com/?a=1"}, "without ? or #"),
        ({"token": TOKEN, "api_url": "https://[::1"}, "not a valid address"),
        ({"token": TOKEN, "api_url": "https://x:99999"}, "not a valid address"),
        ({"token": TOKEN, "api_url": "https://x/" + "a" * 600}, "at most 500"),
    ],
)
def test_it_refuses_what_can_not_be_settings_without_repeating_them(raw: object, words: str) -> None:
    with pytest.raises(ToolError, match=".") as raised:
        GITHUB.read(raw)
    assert words in str(raised.value)
    assert not any(secret in str(raised.value) for secret in (TOKEN, "alice:pw", "ghp_1234"))


def test_of_the_token_its_last_characters_are_shown_and_of_a_short_one_none() -> None:
    assert GITHUB.mask({"token": TOKEN, "api_url": API}) == {"token": "****9XyZ", "api_url": API}
    assert GITHUB.mask({"token": "12345678", "api_url": API})["token"] == "****"


def test_the_fields_of_the_form_agree_with_the_secrets() -> None:
    assert tuple(field.key for field in GITHUB.fields if field.secret) == GITHUB.secrets


def test_a_fine_grained_token_tells_its_login(github: FakeGitHub) -> None:
    assert GITHUB.probe(reach(github)) == {"login": "octocat", "scopes": "of a fine-grained token"}


@pytest.mark.parametrize(("header", "told"), [("repo, workflow", "repo, workflow"), ("", "none")])
def test_a_classic_token_tells_its_scopes(github: FakeGitHub, header: str, told: str) -> None:
    github.scopes = header
    assert GITHUB.probe(reach(github)) == {"login": "octocat", "scopes": told}


def test_a_token_of_an_app_is_tried_by_its_limits(github: FakeGitHub) -> None:
    github.of_an_app = True
    assert GITHUB.probe(reach(github)) == {"login": "an app", "scopes": "of an app", "calls_an_hour": "5000"}


def test_a_wrong_token_is_told(github: FakeGitHub) -> None:
    assert "the token is wrong, expired or revoked" in str(complaint(reach(github, "ghp_somebody_elses")))


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(403, {"message": "SSO"}), "refuses this token (403)"),
        (Reply(403, {"message": "You have exceeded a secondary rate limit."}), "no more calls for now"),
        (Reply(404, {"message": "Not Found"}), "status 404. Is the API address right?"),
        (Reply(200, b"<html></html>", {"Content-Type": "text/html"}), "a web page"),
        (Reply(200, [1, 2]), "not as GitHub's API does"),
        (Reply(200, {"login": None}), "not as GitHub's API does"),
        (Reply(200, b"[" * 50_000), "JSON that can be read"),
        (Reply(200, b" " * 300_000), "more than can be read"),
        (Reply(302, b"", {"Location": "http://169.254.169.254/latest/"}), "status 302"),
        (Reply(drop=True), "could not be asked"),
    ],
)
def test_what_is_not_githubs_api_is_told_in_one_sentence(github: FakeGitHub, reply: Reply, words: str) -> None:
    github.override = lambda asked: reply
    error = complaint(reach(github))
    assert words in str(error) and "\n" not in str(error)


def test_the_token_goes_to_the_api_only(github: FakeGitHub) -> None:
    def away(asked: Asked) -> Reply:
        return Reply(302, b"", {"Location": f"{github.store.url}/user"})

    github.override = away
    complaint(reach(github))
    assert github.store.asked == []


def test_a_private_address_is_refused_with_the_hint() -> None:
    settings = {"token": TOKEN, "api_url": "https://10.1.2.3/api/v3"}
    error = complaint(local_reach(Connection("c1", "github", "work", settings)))
    assert "TOOLS_ALLOW_PRIVATE" in str(error) and error.ours
