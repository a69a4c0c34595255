"""Show that connections to Prometheus and Loki are checked, shown without their token, and tried."""

from collections.abc import Callable
from typing import Any

import pytest

from agent.kinds.loki import LOKI
from agent.kinds.prometheus import PROMETHEUS
from agent.types import Connection, Kind, Reach, ToolError
from tests.agent.tools.support import local_reach
from tests.fakes.loki import FakeLoki
from tests.fakes.prometheus import FakePrometheus
from tests.fakes.scripted_web import Reply

TOKEN = "a-token-of-alice-1234"
Fake = FakePrometheus | FakeLoki
BOTH = pytest.mark.parametrize(("kind", "fake"), [(PROMETHEUS, FakePrometheus), (LOKI, FakeLoki)])


def on(kind: Kind, url: str, token: str = TOKEN) -> Reach:
    settings = {"url": url, "token": token} if token else {"url": url}
    return local_reach(Connection("c1", kind.name, "main", settings))


def complaint(kind: Kind, reach: Reach) -> ToolError:
    with pytest.raises(ToolError) as raised:
        kind.probe(reach)
    assert TOKEN not in str(raised.value) and "\n" not in str(raised.value)
    return raised.value


@BOTH
def test_an_address_with_a_path_is_kept_and_a_token_is_not_needed(kind: Kind, fake: Callable[..., Fake]) -> None:
    assert kind.read({"url": "http://prom.example.com:9090/prom/"}) == {"url": "http://prom.example.com:9090/prom"}
    assert kind.read({"url": "https://x.example.com", "token": TOKEN})["token"] == TOKEN


@BOTH
@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({}, "Address is missing."),
        ({"url": "prometheus:9090"}, "must begin with https://"),
        ({"url": "file:///etc/passwd"}, "must begin with https://"),
        ({"url": "http://user:secret@x"}, "must not hold a user name"),
        ({"url": "http://@x"}, "must not hold a user name"),
        ({"url": "http://x/#a"}, "without ? or #"),
        ({"url": "http://x y"}, "without spaces"),
        ({"url": "http://x", "token": "a b"}, "without spaces"),
        ({"url": "http://x", "tenant": "team a"}, "The tenant must be an ID"),
        ({"url": "http://x", "tenant": "a\r\nX-Evil: 1"}, "The tenant must be an ID"),
        ({"url": "http://x", "password": "a"}, "unknown setting"),
    ],
)
def test_it_refuses_what_can_not_be_settings(
    kind: Kind, fake: Callable[..., Fake], raw: dict[str, Any], words: str
) -> None:
    with pytest.raises(ToolError) as raised:
        kind.read(raw)
    assert words in str(raised.value) and "secret" not in str(raised.value)


OPEN = [
    "http://prom.example.com:9090",
    "http://8.8.8.8",
    "http://134744072",
    "http://0x08080808",
    "http://010.8.8.8",
    "http://8.8",
    "http://[2606:4700::1111]:9090",
    "http://[::ffff:8.8.8.8]",
    "http://prom%2eexample%2ecom",
    "http://internal.example",
    "http://a.xinternal",
    "HTTP://prom.example.com.",
]
CLOSED = [
    "https://prom.example.com",
    "http://localhost:9090",
    "http://127.0.0.1:9090",
    "http://127.8.0.1",
    "http://[::1]:9090",
    "http://10.0.0.5:9090/prom",
    "http://192.168.1.5",
    "http://100.64.0.7",
    "http://[fd00::1]:9090",
    "http://[::ffff:10.0.0.5]",
    "http://prometheus:9090",
    "http://prometheus.monitoring.svc:9090",
    "http://prometheus.monitoring.svc.cluster.local:9090",
    "http://Prom.Corp.Internal.",
]


@BOTH
@pytest.mark.parametrize("url", OPEN)
def test_a_token_does_not_travel_in_the_clear_through_the_internet(
    kind: Kind, fake: Callable[..., Fake], url: str
) -> None:
    with pytest.raises(ToolError, match="https://.*clear"):
        kind.read({"url": url, "token": TOKEN})
    assert kind.read({"url": url})["url"] == url
    # Nor for a connection that was made before.
    assert "clear" in str(complaint(kind, on(kind, url)))


@BOTH
@pytest.mark.parametrize("url", CLOSED)
def test_a_token_may_travel_in_the_clear_within_a_network(kind: Kind, fake: Callable[..., Fake], url: str) -> None:
    assert kind.read({"url": url, "token": TOKEN}) == {"url": url, "token": TOKEN}


@BOTH
def test_the_token_is_shown_by_its_last_characters(kind: Kind, fake: Callable[..., Fake]) -> None:
    assert kind.mask({"url": "http://x", "token": TOKEN}) == {"url": "http://x", "token": "****1234"}
    assert kind.mask({"url": "http://x"}) == {"url": "http://x"}
    assert tuple(field.key for field in kind.fields if field.secret) == kind.secrets


def test_prometheus_is_tried_by_a_query_and_tells_its_version() -> None:
    with FakePrometheus(TOKEN, "/prom") as fake:
        assert PROMETHEUS.probe(on(PROMETHEUS, fake.base)) == {"version": "3.5.0"}
        assert fake.paths == ["/prom/api/v1/query", "/prom/api/v1/status/buildinfo"]


def test_a_relative_of_prometheus_without_a_version_is_fine() -> None:
    with FakePrometheus() as fake:
        fake.override = lambda asked: Reply(404, b"no") if asked.path.endswith("buildinfo") else None
        assert PROMETHEUS.probe(on(PROMETHEUS, fake.url, "")) == {"version": "unknown"}


def test_loki_is_tried_by_its_labels_and_tells_its_version() -> None:
    with FakeLoki(TOKEN, "/logs") as fake:
        assert LOKI.probe(on(LOKI, fake.base)) == {"version": "3.5.7", "labels": "2"}


def test_a_loki_without_logs_behind_a_gateway_is_fine() -> None:
    with FakeLoki() as fake:
        empty = Reply(200, {"status": "success"})
        fake.override = lambda asked: empty if asked.path.endswith("labels") else Reply(404, b"no")
        assert LOKI.probe(on(LOKI, fake.url, "")) == {"version": "unknown", "labels": "0"}


@BOTH
def test_a_wrong_and_a_missing_token_are_told(kind: Kind, fake: Callable[..., Fake]) -> None:
    with fake(TOKEN) as server:
        assert "the token is wrong" in str(complaint(kind, on(kind, server.url, "wrong-token")))
        assert "it wants a token" in str(complaint(kind, on(kind, server.url, "")))


@BOTH
def test_a_tenant_is_sent_and_a_missing_one_told(kind: Kind, fake: Callable[..., Fake]) -> None:
    settings = kind.read({"tenant": " team-a|team-b ", "token": TOKEN, "url": "http://localhost"})
    assert (settings["tenant"], kind.mask(settings)["tenant"]) == ("team-a|team-b", "team-a|team-b")
    with fake(TOKEN, tenant=settings["tenant"]) as server:
        assert "Set the connection's tenant" in str(complaint(kind, on(kind, server.url)))
        mine = local_reach(Connection("c1", kind.name, "main", settings | {"url": server.url}))
        assert kind.probe(mine)["version"].startswith("3.5")


@BOTH
@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(403, b"no"), "does not allow this (403)"),
        (Reply(404, b"404 page not found\n", {"Content-Type": "text/plain"}), "status 404. Is the address right?"),
        (Reply(302, b"", {"Location": "http://169.254.169.254/"}), "sends us elsewhere (302)"),
        (Reply(200, b"<!DOCTYPE html><title>Grafana</title>", {"Content-Type": "text/html"}), "a web page"),
        (Reply(200, {"status": "ok"}), "but not as"),
        (Reply(200, 5), "but not as"),
        (Reply(200, b"[" * 50_000), "JSON that can be read"),
        (Reply(200, b" " * 2_000_000), "more than can be read"),
        (Reply(drop=True), "could not be asked"),
    ],
)
def test_what_is_no_such_server_is_told(kind: Kind, fake: Callable[..., Fake], reply: Reply, words: str) -> None:
    with fake(TOKEN) as server:
        server.override = lambda asked: reply
        assert words in str(complaint(kind, on(kind, server.url)))


@BOTH
def test_a_private_address_is_refused_with_the_hint(kind: Kind, fake: Callable[..., Fake]) -> None:
    error = complaint(kind, on(kind, "http://192.168.1.5:9090"))
    assert "TOOLS_ALLOW_PRIVATE" in str(error) and error.ours


@BOTH
def test_the_metadata_address_is_refused_without_a_hint(kind: Kind, fake: Callable[..., Fake]) -> None:
    assert "TOOLS_ALLOW_PRIVATE" not in str(complaint(kind, on(kind, "http://169.254.169.254")))
