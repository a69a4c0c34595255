"""Show what http_check finds at web addresses, good and bad, over real connections."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from agent.outcomes import RESULT_MAX_CHARS
from agent.tools.http import check as http_check
from agent.tools.http.check import HTTP_CHECK, REDIRECTS_MAX
from agent.types import Reach, ToolError, ToolOutput
from clients.outward import AllowList, Outward
from clients.reach import Request, Response
from tests.agent.tools.support import LOCAL, NOWHERE, Nowhere, local_reach
from tests.fakes.tls_servers import Authority, self_signed
from tests.fakes.web_servers import Script, WebServer, drip, hang_up, raw, redirect, reply

HSTS = ("Strict-Transport-Security", "max-age=31536000")


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Return a CA."""
    return Authority()


@pytest.fixture
def trusting(authority: Authority) -> Reach:
    """Return a reach that believes in the CA."""
    return Reach(Outward(AllowList.parse(LOCAL), extra_roots=authority.roots))


def ran(url: str, reach: Reach | None = None, **given: Any) -> ToolOutput:
    output = HTTP_CHECK.run(HTTP_CHECK.read({"url": url, **given}), reach or local_reach())
    assert len(json.dumps(output.data)) < RESULT_MAX_CHARS
    assert len(output.summary) <= 120
    return output


def checked(script: Script | dict[str, Script], path: str = "", **given: Any) -> dict[str, Any]:
    with WebServer(script) as server:
        return ran(f"{server.url}{path}", **given).data


def rules(data: dict[str, Any]) -> set[str]:
    return {finding["rule"] for finding in data["findings"]}


def test_a_healthy_site_has_no_findings(authority: Authority, trusting: Reach) -> None:
    page = reply(200, b"<h1>Hello</h1>\n", HSTS, ("Content-Type", "text/html; charset=utf-8"), ("Server", "x"))
    with WebServer(page, tls=authority.server()) as server:
        output = ran(server.url, trusting)
    data = output.data
    assert (data["reachable"], data["status"], data["redirects"], data["findings"]) == (True, 200, [], [])
    assert (data["content_type"], data["content_length"]) == ("text/html; charset=utf-8", 15)
    assert (data["address"], data["http_version"], data["body_start"]) == ("127.0.0.1", "HTTP/1.1", "<h1>Hello</h1>")
    assert data["headers"]["server"] == "x"
    assert set(data["timings_ms"]) == {"dns", "connect", "tls", "first_byte", "total"}
    assert output.summary.startswith("200 in ") and output.summary.endswith("ms, no findings")


def test_https_is_the_scheme_that_people_leave_out(authority: Authority, trusting: Reach) -> None:
    with WebServer(reply(), tls=authority.server()) as server:
        for written in (f"127.0.0.1:{server.port}", f"localhost:{server.port}/x", f"//127.0.0.1:{server.port}"):
            assert ran(written, trusting).data["status"] == 200


def test_head_leaves_the_body_out() -> None:
    with WebServer(reply(200, b"x" * 50)) as server:
        data = ran(server.url, method="HEAD").data
    assert server.requests[0].method == "HEAD"
    assert (data["content_length"], data["bytes_read"], data["body_start"]) == (50, 0, None)


def test_each_redirect_is_shown() -> None:
    data = checked({"/": redirect("/a", 301), "/a": redirect("b", 307), "/b": reply(200, b"there")})
    assert [(hop["status"], hop["location"].rpartition("/")[2]) for hop in data["redirects"]] == [
        (301, "a"),
        (307, "b"),
    ]
    assert data["url"].endswith("/b")
    assert "redirect-loop" not in rules(data)


def test_a_loop_is_found_where_it_closes() -> None:
    data = checked({"/": redirect("/a"), "/a": redirect("/")})
    assert "redirect-loop" in rules(data) and len(data["redirects"]) == 2


def test_redirects_without_end_are_given_up() -> None:
    with WebServer(lambda line, asked: redirect(f"{asked.target}x")(line, asked)) as server:
        data = ran(f"{server.url}/").data
    assert len(data["redirects"]) == REDIRECTS_MAX
    assert "too-many-redirects" in rules(data)


def test_a_way_back_to_http_is_found(authority: Authority, trusting: Reach) -> None:
    with WebServer(reply()) as plain, WebServer(redirect(plain.url), tls=authority.server()) as server:
        data = ran(server.url, trusting).data
    assert "redirect-to-http" in rules(data) and "no-https-redirect" not in rules(data)


def test_what_was_seen_on_the_way_is_kept_when_the_next_step_fails() -> None:
    with WebServer(reply()) as gone:
        pass
    data = checked(redirect(gone.url))
    assert (data["reachable"], data["problem_kind"], len(data["redirects"])) == (False, "connect", 1)


@pytest.mark.parametrize(
    ("status", "rule", "severity"),
    [
        (500, "server-error", "error"),
        (503, "server-error", "error"),
        (404, "client-error", "warning"),
        (401, "client-error", "info"),
    ],
)
def test_an_answer_that_is_no_success_is_found(status: int, rule: str, severity: str) -> None:
    [found] = [one for one in checked(reply(status))["findings"] if one["rule"] == rule]
    assert found["severity"] == severity


def test_plain_http_without_a_redirect_is_found(authority: Authority, trusting: Reach) -> None:
    assert "no-https-redirect" in rules(checked(reply()))
    with WebServer(reply(), tls=authority.server()) as server:
        assert "no-hsts" in rules(ran(server.url, trusting).data)
        with WebServer(redirect(server.url)) as plain:
            assert "no-https-redirect" not in rules(ran(plain.url, trusting).data)


def test_cookies_show_their_flags_and_no_value() -> None:
    data = checked(
        reply(
            200,
            b"",
            ("Set-Cookie", "session=tok-1; Path=/; HttpOnly; SameSite=Lax"),
            ("set-cookie", "other=tok-2; secure"),
        )
    )
    assert data["cookies"] == [
        {"name": "session", "secure": False, "http_only": True, "same_site": "Lax"},
        {"name": "other", "secure": True, "http_only": False, "same_site": None},
    ]
    assert {"cookie-not-secure", "cookie-not-http-only"} <= rules(data)
    assert "tok-" not in json.dumps(data)


@pytest.mark.parametrize(("days", "severity"), [(5, "warning"), (20, "info"), (60, None)])
def test_a_certificate_that_ends_soon_is_found(
    authority: Authority, trusting: Reach, days: int, severity: str | None
) -> None:
    with WebServer(reply(), tls=authority.server(ends=days)) as server:
        found = [one for one in ran(server.url, trusting).data["findings"] if one["rule"] == "certificate-expires-soon"]
    assert [one["severity"] for one in found] == ([severity] if severity else [])


class SlowAnswers(Nowhere):
    """Answer as a slow host does, without the wait: the way out says how long it took."""

    def fetch(self, request: Request) -> Response:
        timings = {"dns": 1.0, "connect": 1.0, "tls": 0.0, "first_byte": 1900.0, "total": 2500.0}
        return Response(200, request.url, [], b"", False, "8.8.8.8", "HTTP/1.1", [], timings)


def test_a_slow_answer_is_found() -> None:
    data = ran("http://example.com/", Reach(SlowAnswers())).data
    [slow] = [one for one in data["findings"] if one["rule"] == "slow"]
    assert "2.5 s" in slow["message"] and "first byte" in slow["message"]


# --- What cannot be reached -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "kind", "rule"),
    [
        (hang_up, "protocol", "unreachable-protocol"),
        (raw(b"nonsense\r\n\r\n"), "protocol", "unreachable-protocol"),
        (reply(200, b"", ("X", "x" * 70_000)), "too_large", "unreachable-too-large"),
    ],
)
def test_a_broken_host_is_a_result(script: Script, kind: str, rule: str) -> None:
    with WebServer(script) as server:
        output = ran(server.url)
    assert (output.data["reachable"], output.data["problem_kind"]) == (False, kind)
    assert rule in rules(output.data)
    assert output.summary.startswith("not reachable: 127.0.0.1")


def test_a_bad_certificate_is_a_result() -> None:
    with WebServer(reply(), tls=self_signed()) as server:
        data = ran(server.url).data
    assert (data["reachable"], data["problem_kind"], rules(data)) == (False, "tls", {"tls-problem"})
    assert "self-signed" in data["problem"]


def test_a_body_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_check, "SECONDS", 0.3)
    data = checked(drip)
    assert (data["reachable"], data["problem_kind"]) == (False, "timeout")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://169.254.169.254/",
        "localhost:5000",
        "ftp://example.com",
        "file:///etc/passwd",
        "http://u:p@example.com/",
        "  ",
        "mailto:a@b.example",
    ],
)
def test_a_place_that_is_refused_is_the_askers_mistake(url: str) -> None:
    with pytest.raises(ToolError) as refused:
        ran(url, Reach(Outward()))
    assert not refused.value.ours


def test_a_redirect_inside_is_refused_and_says_whence() -> None:
    with WebServer(redirect("http://169.254.169.254/latest")) as server:
        with pytest.raises(
            ToolError, match=f"127.0.0.1:{server.port}/? redirects to a place that is refused"
        ) as refused:
            ran(server.url)
    assert not refused.value.ours


# --- What comes back is data ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "body", "shown"),
    [
        ("text/plain", b"a\x00b", None),
        ("image/png", b"\x89PNG", None),
        ("application/json", b'{"a":1}', '{"a":1}'),
        ("application/problem+json", b"{}", "{}"),
        ("text/html; charset=iso-8859-1", b"caf\xe9", "café"),
        ("text/html; charset=zlib_codec", b"caf\xc3\xa9", "café"),
        ("text/plain", b"\x1b[31mred\x07\n\xe2\x80\xaeback", "[31mred\nback"),
        ("", b"plain", "plain"),
    ],
)
def test_the_start_of_a_text_is_shown_clean(kind: str, body: bytes, shown: str | None) -> None:
    assert checked(reply(200, body, ("Content-Type", kind)))["body_start"] == shown


def test_long_answers_are_shortened() -> None:
    headers = [("Server", "s" * 5000), *(("Set-Cookie", f"c{number}={'v' * 100}") for number in range(100))]
    data = checked(reply(200, "é".encode() * 100_000, ("Content-Type", "text/plain"), *headers))
    assert (len(data["body_start"]), len(data["headers"]["server"]), len(data["cookies"])) == (2000, 300, 20)


@pytest.mark.parametrize(
    "raw_input",
    [{}, {"url": ""}, {"url": 5}, {"url": "x" * 4001}, {"url": "a", "method": "POST"}, {"url": "a", "x": 1}, [], None],
)
def test_wrong_input_is_refused(raw_input: Any) -> None:
    with pytest.raises(ToolError):
        HTTP_CHECK.read(raw_input)


@pytest.fixture
def hostile() -> Iterator[list[str]]:
    """Return addresses that nobody would type."""
    yield [
        "http://[",
        "http://[::1",
        "http://a\ud800.example/",
        "\x00",
        "http://" + "a." * 1900,
        "http://%",
        "http://١٢٧.1/",
    ]


def test_hostile_addresses_are_refused_at_once(hostile: list[str]) -> None:
    for url in hostile:
        with pytest.raises(ToolError):
            ran(url, Reach(Outward()))


def test_the_target_names_the_address() -> None:
    assert HTTP_CHECK.target({"url": " https://example.com/ "}) == "https://example.com/"
    assert HTTP_CHECK.target({"url": 5}) == HTTP_CHECK.target({}) == ""
    assert NOWHERE.connection is None
