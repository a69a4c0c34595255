"""Show that AWS is asked through the guard only, with the user's credentials only, and by reading only."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.httpsession
import pytest
import urllib3

from clients.outward import AllowList, Outward, aws
from clients.reach import Refused, Request, Response, Unreachable
from tests.fakes.aws import KEY_ID, REGION, SECRET, FakeAws, aws_server
from tests.fakes.scripted_web import Asked, Reply, WebServer

KEYS = {"access_key_id": KEY_ID, "secret_access_key": SECRET}


class Scripted(WebServer):
    """Answer what a test says."""

    reply_with = Reply()

    def answer(self, asked: Asked) -> Reply:
        return self.reply_with


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted() as fake:
        yield fake


@pytest.fixture
def fake_aws() -> Iterator[FakeAws]:
    fake = aws_server()
    fake.reset()
    yield fake
    fake.check_signatures(after=10**9)
    fake.reset()


@pytest.fixture
def out(monkeypatch: pytest.MonkeyPatch) -> Outward:
    """Return the real way out, while the SDK's own HTTP must stay unused."""

    def unwanted(*_given: Any, **_named: Any) -> None:
        raise AssertionError("the SDK opened a connection of its own")

    monkeypatch.setattr(botocore.httpsession.URLLib3Session, "send", unwanted)
    monkeypatch.setattr(urllib3.connectionpool.HTTPConnectionPool, "urlopen", unwanted)
    return Outward(AllowList.parse(["127.0.0.0/8"]))


def answering(body: bytes, status: int = 200) -> tuple[list[Request], Callable[[Request], Response]]:
    """Return a fetch that answers this, and the list of what it was asked."""
    asked: list[Request] = []

    def fetch(request: Request) -> Response:
        asked.append(request)
        return Response(status, request.url, [], body, False, "127.0.0.1", "HTTP/1.1", [], {})

    return asked, fetch


IDENTITY = (
    b'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    b"<Arn>arn:aws:iam::123456789012:user/a</Arn><Account>123456789012</Account></GetCallerIdentityResult>"
    b"</GetCallerIdentityResponse>"
)


def test_all_goes_through_the_guard_and_the_signature_holds(fake_aws: FakeAws, request: pytest.FixtureRequest) -> None:
    settings = fake_aws.user("sts:*", "s3:*", "ec2:*")
    fake_aws.client("s3").create_bucket(Bucket="a-b.c", CreateBucketConfiguration={"LocationConstraint": REGION})
    out: Outward = request.getfixturevalue("out")
    # From here on moto checks each signature over the very bytes that arrive; resetting it is not our SDK's call.
    request.getfixturevalue("monkeypatch").undo()
    fake_aws.check_signatures(after=0)
    assert out.aws(settings, "sts", "get_caller_identity", {}, REGION)["Arn"].endswith("user/reader")
    assert [one["Name"] for one in out.aws(settings, "s3", "list_buckets", {}, REGION)["Buckets"]] == ["a-b.c"]
    assert out.aws(settings, "s3", "get_bucket_acl", {"Bucket": "a-b.c"}, REGION)["Grants"]
    with pytest.raises(Unreachable, match="SignatureDoesNotMatch"):
        out.aws({**settings, "secret_access_key": "x" * 40}, "sts", "get_caller_identity", {}, REGION)


def test_the_sdk_opens_no_connection_of_its_own(out: Outward, server: Scripted) -> None:
    server.reply_with = Reply(200, IDENTITY, {"Content-Type": "text/xml"})
    found = out.aws({**KEYS, "endpoint_url": server.url}, "sts", "get_caller_identity", {}, REGION)
    assert found == {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/a"}
    (asked,) = server.asked
    assert asked.body == b"Action=GetCallerIdentity&Version=2011-06-15"
    assert f"Credential={KEY_ID}/" in asked.headers["authorization"]
    assert SECRET not in json.dumps(asked.headers) and asked.headers["user-agent"] == aws.USER_AGENT


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [("http://169.254.169.254", "metadata"), ("http://10.0.0.1:9000", "private"), ("http://[::1]:9000", "loopback")],
)
def test_a_forbidden_endpoint_is_refused_by_the_guard(out: Outward, endpoint: str, reason: str) -> None:
    with pytest.raises(Refused) as raised:
        out.aws({**KEYS, "endpoint_url": endpoint}, "sts", "get_caller_identity", {}, REGION)
    assert raised.value.reason == reason


def test_nothing_of_the_server_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config, keys = tmp_path / "config", tmp_path / "credentials"
    config.write_text("[default]\nregion = us-west-2\nendpoint_url = http://10.9.9.9\n[profile other]\nregion = x\n")
    keys.write_text("[default]\naws_access_key_id = AKIASERVER\naws_secret_access_key = server\n")
    for name, value in {
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(keys),
        "AWS_PROFILE": "nobody",
        "AWS_ACCESS_KEY_ID": "AKIASERVER",
        "AWS_SECRET_ACCESS_KEY": "server",
        "AWS_SESSION_TOKEN": "server-session",
        "AWS_ENDPOINT_URL": "http://169.254.169.254",
        "AWS_ENDPOINT_URL_STS": "http://169.254.169.254",
        "AWS_CA_BUNDLE": "/nowhere.pem",
        "AWS_REGION": "us-west-2",
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWS_DEFAULTS_MODE": "auto",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
        "AWS_DATA_PATH": str(tmp_path),
        "AWS_EXECUTION_ENV": "secret-place",
        "HTTPS_PROXY": "http://10.9.9.9:3128",
    }.items():
        monkeypatch.setenv(name, value)
    asked, fetch = answering(IDENTITY)
    aws.call(fetch, KEYS, "sts", "get_caller_identity", {}, REGION)
    (request,) = asked
    assert request.url == "https://sts.eu-west-1.amazonaws.com/"
    sent = " ".join(request.headers.values())
    assert f"Credential={KEY_ID}/" in sent and f"/{REGION}/sts/" in sent
    assert "SERVER" not in sent and "server" not in sent and "secret-place" not in sent
    assert not any(name.lower() == "x-amz-security-token" for name in request.headers)


def test_credentials_of_one_call_are_not_in_the_next() -> None:
    asked, fetch = answering(IDENTITY)
    for number in range(2):
        keys = {"access_key_id": f"AKIAUSER{number}", "secret_access_key": SECRET}
        aws.call(fetch, keys, "sts", "get_caller_identity", {}, REGION)
    assert ["AKIAUSER0/" in request.headers["Authorization"] for request in asked] == [True, False]
    assert ["AKIAUSER1/" in request.headers["Authorization"] for request in asked] == [False, True]


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("ec2", "terminate_instances"),
        ("s3", "get_object"),
        ("iam", "list_users"),
        ("ec2", "close"),
        ("ec2", "meta"),
        ("sts", "assume_role"),
        ("secretsmanager", "get_secret_value"),
        ("ec2", "_make_api_call"),
    ],
)
def test_only_listed_reading_operations_can_be_called(service: str, operation: str) -> None:
    asked, fetch = answering(b"")
    with pytest.raises(Refused) as raised:
        aws.call(fetch, KEYS, service, operation, {}, REGION)
    assert raised.value.reason == "operation" and asked == []


def test_every_listed_operation_reads() -> None:
    names = [name for names in aws.OPERATIONS.values() for name in names]
    assert all(name.startswith(("describe_", "list_", "get_")) for name in names)


@pytest.mark.parametrize("region", ["", "x", "eu-west-1.evil.example/#", "eu-west-1\n", "EU-WEST-1"])
def test_a_region_can_not_lead_to_another_host(region: str) -> None:
    asked, fetch = answering(b"")
    with pytest.raises(Refused) as raised:
        aws.call(fetch, KEYS, "sts", "get_caller_identity", {}, region)
    assert raised.value.reason == "region" and asked == []


def test_parameters_that_aws_does_not_know_are_refused() -> None:
    asked, fetch = answering(b"")
    with pytest.raises(Refused) as raised:
        aws.call(fetch, KEYS, "ec2", "describe_instances", {"InstanceIds": "i-1", "Evil": 1}, REGION)
    assert raised.value.reason == "parameters" and asked == []


def test_a_refusal_of_aws_has_its_code_and_words_but_no_keys() -> None:
    body = (
        b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User "
        + KEY_ID.encode()
        + b" with "
        + SECRET.encode()
        + b" may not.\n</Message></Error></ErrorResponse>"
    )
    asked, fetch = answering(body, 403)
    with pytest.raises(Unreachable) as raised:
        aws.call(fetch, KEYS, "sts", "get_caller_identity", {}, REGION)
    assert (raised.value.kind, raised.value.code, len(asked)) == ("protocol", "AccessDenied", 1)
    assert raised.value.message == "AWS refused sts get_caller_identity. AccessDenied: User *** with *** may not."


@pytest.mark.parametrize("error", [Unreachable("timeout", "too late", sent=True), Refused("private", "not there")])
def test_what_the_guard_says_comes_through_as_it_is(error: Exception) -> None:
    def fetch(_request: Request) -> Response:
        raise error

    with pytest.raises(type(error)) as raised:
        aws.call(fetch, KEYS, "sts", "get_caller_identity", {}, REGION)
    assert raised.value is error


@pytest.mark.parametrize("service", ["sts", "ecs", "s3"])
@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html><title>Sign in</title>",
        b"  <html><body>x</body></html>",
        b"<a>" * 50_000,
        b"[" * 100_000,
        b"\x00\xff",
    ],
)
def test_answers_that_are_not_from_aws_do_no_harm(service: str, body: bytes) -> None:
    operation = {"sts": "get_caller_identity", "ecs": "list_clusters", "s3": "list_buckets"}[service]
    _, fetch = answering(body)
    try:
        found = aws.call(fetch, KEYS, service, operation, {}, REGION)
    except Unreachable as error:
        assert error.kind == "protocol"
    else:
        assert b"html" not in body and not any(found.values())


def test_an_xml_bomb_is_not_built() -> None:
    entities = b"".join(b'<!ENTITY e%d "%s">' % (number, b"&e%d;" % (number - 1) * 10) for number in range(1, 12))
    body = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "lol">' + entities + b"]><x>&e11;</x>"
    _, fetch = answering(body)
    with pytest.raises(Unreachable):
        aws.call(fetch, KEYS, "sts", "get_caller_identity", {}, REGION)


def test_times_become_text(out: Outward) -> None:
    body = (
        b"<ListAllMyBucketsResult><Buckets><Bucket><Name>a</Name><CreationDate>2026-01-02T03:04:05.000Z</CreationDate>"
        b"</Bucket></Buckets></ListAllMyBucketsResult>"
    )
    _, fetch = answering(body)
    found = aws.call(fetch, KEYS, "s3", "list_buckets", {}, REGION)
    assert found["Buckets"] == [{"Name": "a", "CreationDate": "2026-01-02T03:04:05+00:00"}]
    json.dumps(found)
