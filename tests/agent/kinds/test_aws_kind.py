"""Show that an AWS connection is checked, shown without its key, and tried."""

from collections.abc import Mapping
from typing import Any

import pytest

from agent.kinds.aws import AWS
from agent.types import Connection, Reach, ToolError
from clients.outward import AllowList, Outward
from tests.agent.tools.support import local_reach
from tests.fakes.aws import KEY_ID, REGION, SECRET, aws_server
from tests.fakes.scripted_web import Asked, Reply, WebServer

GIVEN = {"access_key_id": KEY_ID, "secret_access_key": SECRET, "region": REGION}


class Answering(WebServer):
    """Answer everything alike."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.fixed = reply

    def answer(self, asked: Asked) -> Reply:
        return self.fixed


def on(settings: Mapping[str, str]) -> Reach:
    return local_reach(Connection("c1", "aws", "main", settings))


def refusal(status: int, code: str) -> Reply:
    words = f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
    return Reply(status, words.encode(), {"Content-Type": "text/xml"})


def test_settings_are_read_as_they_are() -> None:
    assert AWS.read(GIVEN) == GIVEN
    assert AWS.read({**GIVEN, "endpoint_url": ""}) == GIVEN


def test_a_stand_in_takes_any_key() -> None:
    given = {"access_key_id": "test", "secret_access_key": "test", "region": REGION}
    settings = AWS.read({**given, "endpoint_url": "http://localhost:4566/"})
    assert settings == {**given, "endpoint_url": "http://localhost:4566"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"access_key_id": ""}, "Access key ID is missing."),
        ({"access_key_id": "test"}, "must begin with AKIA"),
        ({"access_key_id": "ASIA1234567890123456"}, "is temporary"),
        ({"access_key_id": "AKIA 123"}, "without spaces"),
        ({"secret_access_key": "short"}, "too short"),
        ({"secret_access_key": 5}, "must be text"),
        ({"region": "Ireland"}, "like eu-west-1"),
        ({"region": "eu-west-1.evil.example"}, "like eu-west-1"),
        ({"endpoint_url": "http://a:b@localhost"}, "must not hold a user name"),
        ({"session_token": "x"}, "unknown setting"),
    ],
)
def test_it_refuses_what_can_not_be_settings_without_repeating_them(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ToolError) as raised:
        AWS.read({**GIVEN, **change})
    assert words in str(raised.value) and SECRET not in str(raised.value)


def test_the_keys_are_shown_by_their_last_characters() -> None:
    assert AWS.mask(GIVEN) == {"access_key_id": "****1234", "secret_access_key": "****hijk", "region": REGION}
    assert tuple(field.key for field in AWS.fields if field.secret) == AWS.secrets


def test_the_probe_tells_whose_key_it_is() -> None:
    found = AWS.probe(on(aws_server().settings))
    assert found["account"] == "123456789012" and found["arn"].startswith("arn:aws:sts::123456789012:")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (refusal(403, "InvalidClientTokenId"), "does not know this access key ID"),
        (refusal(403, "SignatureDoesNotMatch"), "does not belong to this access key ID"),
        (refusal(403, "AuthFailure"), "does not know this access key ID"),
        (refusal(403, "ExpiredToken"), "this key has expired"),
        (refusal(403, "AccessDenied"), "AWS could not be asked: AWS refused sts get_caller_identity. AccessDenied: no"),
        (Reply(200, b"<!doctype html>"), "A web page came back"),
        (Reply(200, b"<a/>"), "not one of AWS"),
        (Reply(drop=True), "could not be asked"),
    ],
)
def test_what_goes_wrong_is_told_without_the_key(reply: Reply, words: str) -> None:
    with Answering(reply) as server, pytest.raises(ToolError) as raised:
        AWS.probe(on({**GIVEN, "endpoint_url": server.url}))
    assert words in str(raised.value) and SECRET not in str(raised.value) and KEY_ID not in str(raised.value)


def test_a_private_endpoint_is_refused_with_the_hint() -> None:
    settings = {**GIVEN, "endpoint_url": "http://127.0.0.1:4566"}
    reach = Reach(Outward(AllowList.parse([])), Connection("c1", "aws", "main", settings))
    with pytest.raises(ToolError, match="TOOLS_ALLOW_PRIVATE") as raised:
        AWS.probe(reach)
    assert raised.value.ours
