"""Show that HTTP goes out as asked for, within bounds, whatever the other side does."""

import gzip
import os
import ssl
import tempfile
import tracemalloc
import zlib
from functools import partial
from pathlib import Path
from time import monotonic

import pytest

from clients.outward import AllowList, Outward
from clients.outward.bodies import read_body
from clients.reach import Refused, Request, Response, TlsMaterial, Unreachable
from tests.fakes.dns_server import DnsServer
from tests.fakes.tls_servers import Authority, only, self_signed
from tests.fakes.web_servers import (
    Asked,
    Line,
    Script,
    WebServer,
    drip,
    drip_handshake,
    drip_head,
    endless,
    endless_heads,
    hang_up,
    raw,
    redirect,
    reply,
    silence,
    zipped,
)

LOCAL = AllowList.parse(["127.0.0.0/8", "::1", "localhost"])
MEGABYTE = 1_000_000
# With the second of its making in it, the same bytes would name a test otherwise in each process.
squeezed = partial(gzip.compress, mtime=0)


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Return a CA."""
    return Authority()


def get(url: str, out: Outward | None = None, **given: object) -> Response:
    return (out or Outward(LOCAL)).fetch(Request("GET", url, **{"seconds": 2.0, **given}))  # type: ignore[arg-type]


def failure(script: Script, **given: object) -> Unreachable:
    """Return what a server that answers in this way leads to."""
    with WebServer(script) as server, pytest.raises(Unreachable) as failed:
        get(server.url, **given)
    return failed.value


# --- What is asked --------------------------------------------------------------------------------------------------


def test_an_answer_comes_back_whole() -> None:
    with WebServer(reply(418, b"tea", ("X-Pot", "1"), ("X-Pot", "2"))) as server:
        answer = get(f"{server.url}/pot?a=1#top", params={"b": "ü &"}, headers={"X-Mine": "yes"})
    assert (answer.status, answer.body, answer.truncated, answer.http_version) == (418, b"tea", False, "HTTP/1.1")
    assert [value for name, value in answer.headers if name == "X-Pot"] == ["1", "2"]
    assert (answer.address, answer.hops) == ("127.0.0.1", [])
    assert set(answer.timings) == {"dns", "connect", "tls", "first_byte", "total"}
    assert answer.timings["total"] > 0
    [asked] = server.requests
    assert asked.target == "/pot?a=1&b=%C3%BC+%26"
    assert asked.headers["x-mine"] == "yes"
    assert asked.headers["host"] == f"127.0.0.1:{server.port}"


def test_a_body_is_sent() -> None:
    with WebServer(reply()) as server:
        Outward(LOCAL).fetch(Request("PUT", server.url, body=b"x" * 300_000, headers={"Content-Type": "text/plain"}))
    [asked] = server.requests
    assert (asked.method, len(asked.body), asked.headers["content-type"]) == ("PUT", 300_000, "text/plain")


def test_ipv6_is_spoken() -> None:
    with WebServer(reply(), host="::1") as server:
        assert get(server.url).address == "::1"
    assert server.requests[0].headers["host"] == f"[::1]:{server.port}"


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    zone = {("two.example", "A"): ["127.0.0.1"], ("two.example", "AAAA"): ["::1"]}
    with DnsServer(zone) as dns, WebServer(reply(), host="::1") as server:
        answer = get(server.url_of("two.example"), Outward(LOCAL, [dns.address]))
    assert answer.address == "::1"


def test_what_frames_the_request_is_ours() -> None:
    given = {"Host": "evil.example", "Content-Length": "5", "Transfer-Encoding": "chunked", "Proxy-Authorization": "x"}
    with WebServer(reply()) as server:
        get(server.url, headers=given)
    [asked] = server.requests
    assert asked.headers["host"] == f"127.0.0.1:{server.port}"
    assert not {"content-length", "transfer-encoding", "proxy-authorization"} & set(asked.headers)


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"X-A": "tok-1\r\nX-B: 2"}),
        ("GET", {"X-A\r\nX-B": "tok-1"}),
        ("GET", {"X A": "tok-1"}),
        ("GET", {"X-A": "tok-1\x00"}),
        ("GET", {"X-A": "tok-1\u2028"}),
        ("CONNECT", {}),
        ("TRACE", {}),
        ("GET / HTTP/1.1\r\n\r\nDELETE", {}),
    ],
)
def test_a_request_that_would_break_out_is_refused(method: str, headers: dict[str, str]) -> None:
    with WebServer(reply()) as server, pytest.raises(Refused) as refused:
        Outward(LOCAL).fetch(Request(method, server.url, headers=headers))
    assert (refused.value.reason, server.connections) == ("bad_request", 0)
    assert "tok-1" not in refused.value.message


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with WebServer(reply(500)) as proxy, WebServer(reply()) as server:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert get(server.url).status == 200
    assert (proxy.connections, server.connections) == (0, 1)


def test_no_cookie_is_kept() -> None:
    out = Outward(LOCAL)
    scripts = {"/": reply(302, b"", ("Set-Cookie", "a=b"), ("Location", "/next")), "/next": reply()}
    with WebServer(scripts) as server:
        get(server.url, out, redirects=1)
        get(server.url, out)
    assert all("cookie" not in asked.headers for asked in server.requests)


# --- Redirects ------------------------------------------------------------------------------------------------------


def test_redirects_are_followed_as_often_as_asked_for() -> None:
    scripts = {"/a": redirect("b?x=1", 301), "/b": redirect("/ c", 308), "/%20c": reply(200, b"there")}
    with WebServer(scripts) as server:
        answer = get(f"{server.url}/a", redirects=5)
        assert (answer.body, answer.url) == (b"there", f"{server.url}/%20c")
        assert [(hop.status, hop.url, hop.location) for hop in answer.hops] == [
            (301, f"{server.url}/a", f"{server.url}/b?x=1"),
            (308, f"{server.url}/b?x=1", f"{server.url}/%20c"),
        ]
        assert get(f"{server.url}/a", redirects=1).status == 308
        assert get(f"{server.url}/a").status == 301


def test_a_redirect_in_utf8_is_followed() -> None:
    with WebServer({"/": redirect("/caf\u00e9"), "/caf%C3%A9": reply(204)}) as server:
        assert get(server.url, redirects=1).status == 204


def test_a_loop_of_redirects_ends() -> None:
    with WebServer(redirect("/again")) as server:
        answer = get(server.url, redirects=7)
    assert (answer.status, len(answer.hops), len(server.requests)) == (302, 7, 8)


SECRETS = {"Authorization": "Bearer tok-1", "X-Api-Key": "tok-2", "Cookie": "tok-3"}


def test_secrets_stay_with_their_origin() -> None:
    with WebServer(reply()) as other, WebServer({"/": redirect("/2"), "/2": redirect(other.url)}) as server:
        get(server.url, headers=SECRETS, redirects=3)
    assert [asked.headers.get("authorization") for asked in server.requests] == ["Bearer tok-1", "Bearer tok-1"]
    [asked] = other.requests
    assert not {"authorization", "x-api-key", "cookie"} & set(asked.headers)


def test_secrets_do_not_come_back_with_a_redirect_home() -> None:
    with WebServer({}) as server, WebServer(redirect(f"{server.url}/back")) as other:
        server._scripts = {"/": redirect(other.url), "/back": reply()}
        get(server.url, headers=SECRETS, redirects=3)
    assert "authorization" not in server.requests[-1].headers


def test_secrets_do_not_follow_to_plain_http(authority: Authority) -> None:
    out = Outward(LOCAL, extra_roots=authority.roots)
    with WebServer(reply()) as plain, WebServer(redirect(plain.url), tls=authority.server()) as server:
        answer = get(server.url, out, headers=SECRETS, redirects=1)
    assert answer.hops[0].url.startswith("https:") and answer.url.startswith("http:")
    assert "authorization" not in plain.requests[0].headers


@pytest.mark.parametrize(
    ("status", "method", "body"),
    [(301, "GET", b""), (302, "GET", b""), (303, "GET", b""), (307, "POST", b"x"), (308, "POST", b"x")],
)
def test_a_redirected_post_does_as_browsers_do(status: int, method: str, body: bytes) -> None:
    with WebServer({"/": redirect("/2", status), "/2": reply()}) as server:
        Outward(LOCAL).fetch(Request("POST", server.url, body=b"x", redirects=1))
    assert (server.requests[1].method, server.requests[1].body) == (method, body)


def test_a_body_is_never_sent_to_another_origin() -> None:
    with WebServer(reply()) as other, WebServer(redirect(other.url, 307)) as server:
        answer = Outward(LOCAL).fetch(Request("POST", server.url, body=b"secret", redirects=1))
    assert (answer.status, other.connections) == (307, 0)


# --- Bounds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [drip, drip_head, silence, endless_heads])
def test_the_deadline_holds_however_slowly_it_drips(script: Script) -> None:
    start = monotonic()
    error = failure(script, seconds=0.4)
    assert monotonic() - start < 1.5
    assert error.kind in ("timeout", "too_large")
    assert error.sent


def test_the_deadline_holds_in_the_handshake() -> None:
    start = monotonic()
    with WebServer(drip_handshake) as server:
        with pytest.raises(Unreachable) as late:
            get(f"https://127.0.0.1:{server.port}/", seconds=0.4)
    assert (late.value.kind, late.value.sent, monotonic() - start < 1.5) == ("timeout", False, True)


def test_the_deadline_spans_all_redirects() -> None:
    start = monotonic()

    def slow(line: Line, asked: Asked) -> None:
        line.pause()
        redirect("/on")(line, asked)

    error = failure(slow, seconds=0.5, redirects=100)
    assert (error.kind, monotonic() - start < 1.5) == ("timeout", True)


def test_a_body_without_end_is_refused_or_cut() -> None:
    error = failure(endless, max_bytes=MEGABYTE)
    assert (error.kind, error.sent) == ("too_large", True)
    with WebServer(endless) as server:
        answer = get(server.url, max_bytes=MEGABYTE, cut=True)
    assert (len(answer.body), answer.truncated) == (MEGABYTE, True)


def test_a_body_of_just_the_size_is_whole() -> None:
    with WebServer(reply(200, b"x" * 1000)) as server:
        assert get(server.url, max_bytes=1000).truncated is False
        assert get(server.url, max_bytes=999, cut=True).truncated is True


@pytest.mark.parametrize("times", [1, 2])
def test_a_bomb_does_not_unfold(times: int) -> None:
    script = zipped(b"\0" * 50 * MEGABYTE, times, ", ".join(["gzip"] * times))
    start = monotonic()
    assert failure(script, max_bytes=MEGABYTE).kind == "too_large"
    with WebServer(script) as server:
        answer = get(server.url, max_bytes=MEGABYTE, cut=True)
    assert (answer.body, answer.truncated) == (b"\0" * MEGABYTE, True)
    assert monotonic() - start < 2


def test_a_bomb_takes_no_memory() -> None:
    bomb = squeezed(b"\0" * 30 * MEGABYTE)
    tracemalloc.start()
    try:
        body, truncated = read_body(iter([bomb]), "gzip", MEGABYTE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(body), truncated) == (MEGABYTE, True)
    assert peak < 5 * MEGABYTE


def test_empty_members_of_gzip_are_counted_too() -> None:
    script = reply(200, squeezed(b"") * 20_000, ("Content-Encoding", "gzip"))
    assert failure(script, max_bytes=1000).kind == "too_large"


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        ("gzip", squeezed(b"hello") + squeezed(b" world")),
        ("x-gzip", squeezed(b"hello world")),
        ("deflate", zlib.compress(b"hello world")),
        ("deflate", zlib.compress(b"hello world")[2:-4]),
        ("gzip, gzip", squeezed(squeezed(b"hello world"))),
        ("identity", b"hello world"),
    ],
)
def test_compression_is_undone(encoding: str, sent: bytes) -> None:
    with WebServer(reply(200, sent, ("Content-Encoding", encoding))) as server:
        assert get(server.url).body == b"hello world"


def test_a_compression_that_was_not_asked_for_stays() -> None:
    with WebServer(reply(200, b"\x01\x02", ("Content-Encoding", "br"))) as server:
        assert get(server.url).body == b"\x01\x02"


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        ("gzip", b"not gzip"),
        ("gzip", squeezed(b"x" * 999)[:-9]),
        ("gzip,gzip,gzip", b"x"),
        ("deflate", b"\xff\xff"),
    ],
)
def test_broken_compression_is_told(encoding: str, sent: bytes) -> None:
    error = failure(reply(200, sent, ("Content-Encoding", encoding)))
    assert (error.kind, error.sent) == ("protocol", True)
    assert "decompressed" in error.message


def test_headers_are_bounded() -> None:
    error = failure(reply(200, b"", ("X-Large", "x" * 70_000)))
    assert error.kind == "too_large"

    def in_two_parts(line: Line, _asked: Asked) -> None:
        line.say(b"HTTP/1.1 200 OK\r\nX-Large: " + b"x" * 60_000)
        line.pause()
        line.say(b"x" * 30_000 + b"\r\n\r\n")

    assert failure(in_two_parts).kind == "too_large"
    error = failure(reply(200, b"", *((f"X-{number}", "x" * 100) for number in range(3000))))
    assert error.kind == "too_large"


# --- What goes wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "closed the connection"),
        (raw(b"HTTP/1.1 twohundred OK\r\n\r\n"), "valid HTTP"),
        (raw(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), "valid HTTP"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), "valid HTTP"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"), "middle"),
        (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "middle"),
        (raw(b"HTTP/1.1 200 OK\r\nX-Half: "), "closed the connection"),
        (raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), "valid HTTP"),
        (hang_up, "closed the connection"),
    ],
)
def test_a_broken_answer_is_told(script: Script, words: str) -> None:
    error = failure(script)
    assert (error.kind, error.sent) == ("protocol", True)
    assert words in error.message and error.message.startswith("127.0.0.1")


def test_nothing_was_sent_when_nobody_listens() -> None:
    with WebServer(reply()) as server:
        url = server.url
    with pytest.raises(Unreachable, match="127.0.0.1 refused the connection") as failed:
        get(url)
    assert (failed.value.kind, failed.value.sent) == ("connect", False)


def test_nothing_was_sent_when_the_name_is_unknown() -> None:
    with DnsServer({("other.example", "A"): ["127.0.0.1"]}) as dns, pytest.raises(Unreachable) as failed:
        get("http://gone.example/", Outward(LOCAL, [dns.address]))
    assert (failed.value.kind, failed.value.sent) == ("dns", False)


def test_a_post_that_was_redirected_may_have_happened() -> None:
    with WebServer(reply()) as gone:
        pass
    with WebServer(redirect(gone.url, 303)) as server, pytest.raises(Unreachable) as failed:
        Outward(LOCAL).fetch(Request("POST", server.url, body=b"x", redirects=1))
    assert (failed.value.kind, failed.value.sent) == ("connect", True)


def test_a_failure_tells_no_secret() -> None:
    with WebServer(hang_up) as server, pytest.raises(Unreachable) as failed:
        get(f"{server.url}/?token=tok-4", headers=SECRETS, params={"key": "tok-5"})
    assert "tok-" not in repr(failed.value) + failed.value.message
    assert "tok-" not in repr(Request("GET", "http://a.example", headers=SECRETS))


# --- TLS ------------------------------------------------------------------------------------------------------------


def test_sni_and_host_keep_the_name(authority: Authority) -> None:
    zone = {("shop.example", "A"): ["127.0.0.1"]}
    with DnsServer(zone) as dns, WebServer(reply(), tls=authority.server("shop.example")) as server:
        out = Outward(LOCAL, [dns.address], extra_roots=authority.roots)
        answer = get(server.url_of("Shop.Example."), out)
    assert (answer.status, answer.address) == (200, "127.0.0.1")
    assert server.names == ["shop.example"]
    assert server.requests[0].headers["host"] == f"shop.example:{server.port}"
    assert answer.timings["tls"] > 0


@pytest.mark.parametrize(
    ("context", "words"),
    [
        (lambda authority: authority.server(ends=-1, starts=-9), "certificate has expired"),
        (lambda authority: authority.server(starts=3), "not yet valid"),
        (lambda authority: authority.server("other.example"), "not valid for '127.0.0.1'"),
        (lambda _: self_signed(), "self-signed certificate"),
        (lambda _: Authority().server(), "unable to get local issuer certificate"),
        (lambda authority: authority.behind_another(whole=False), "unable to get local issuer certificate"),
    ],
)
def test_a_bad_certificate_is_not_taken(authority: Authority, context: object, words: str) -> None:
    out = Outward(LOCAL, extra_roots=authority.roots)
    with WebServer(reply(), tls=context(authority)) as server, pytest.raises(Unreachable) as failed:  # type: ignore[operator]
        get(server.url, out)
    assert (failed.value.kind, failed.value.sent, server.requests) == ("tls", False, [])
    assert words in failed.value.message


def test_an_own_ca_replaces_the_systems_roots(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own, out = Authority(), Outward(LOCAL)
    (tmp_path / "roots.pem").write_text(authority.roots)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "roots.pem"))
    with WebServer(reply(), tls=own.server()) as theirs, WebServer(reply(), tls=authority.server()) as public:
        assert get(theirs.url, out, tls=TlsMaterial(ca=own.roots)).status == 200
        assert get(public.url, out).status == 200
        with pytest.raises(Unreachable, match="not trusted"):
            get(public.url, out, tls=TlsMaterial(ca=own.roots))
        with pytest.raises(Unreachable, match="not trusted"):
            get(theirs.url, out)


def test_a_client_certificate_is_shown_and_leaves_no_file(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    certificate, key = authority.client()
    own = TlsMaterial(authority.roots, certificate, key)
    with WebServer(reply(), tls=authority.server(verify=authority)) as server:
        assert get(server.url, tls=own).status == 200
        with pytest.raises(Unreachable, match="refused the client certificate, or wants one") as failed:
            get(server.url, tls=TlsMaterial(authority.roots))
    assert (failed.value.kind, failed.value.sent, len(server.requests)) == ("tls", False, 1)
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="needs Linux")
def test_a_client_key_never_lies_on_the_disk(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate, key = authority.client()
    context = authority.server(verify=authority)
    # Where nothing can be written, nothing can be left behind, however the process ends.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    open_before = len(os.listdir("/proc/self/fd"))
    with WebServer(reply(), tls=context) as server:
        assert get(server.url, tls=TlsMaterial(authority.roots, certificate, key)).status == 200
    assert len(os.listdir("/proc/self/fd")) <= open_before


@pytest.mark.parametrize("broken", ["missing", "forbidden"])
def test_a_client_certificate_is_shown_where_memory_can_not_be_a_file(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broken: str
) -> None:
    def refuse(*_given: object) -> int:
        raise PermissionError

    if broken == "missing":
        monkeypatch.delattr(os, "memfd_create", raising=False)
    else:
        monkeypatch.setattr(os, "memfd_create", refuse, raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    certificate, key = authority.client()
    with WebServer(reply(), tls=authority.server(verify=authority)) as server:
        assert get(server.url, tls=TlsMaterial(authority.roots, certificate, key)).status == 200
    assert os.listdir(tmp_path) == []


def test_a_client_certificate_stays_with_its_origin(authority: Authority) -> None:
    certificate, key = authority.client()
    out = Outward(LOCAL, extra_roots=authority.roots)
    with WebServer(reply(), tls=authority.server(verify=authority)) as other:
        with (
            WebServer(redirect(other.url), tls=authority.server()) as server,
            pytest.raises(Unreachable, match="wants one"),
        ):
            get(server.url, out, tls=TlsMaterial(authority.roots, certificate, key), redirects=1)
    assert other.requests == []


@pytest.mark.parametrize(
    "material",
    [
        TlsMaterial(ca="tok-1"),
        TlsMaterial(ca="-----BEGIN CERTIFICATE-----\ntok-1\n-----END CERTIFICATE-----\n"),
        TlsMaterial(client_certificate="tok-1", client_key="tok-1"),
        TlsMaterial(client_certificate="tok-1"),
    ],
)
def test_material_that_is_broken_is_told_without_showing_it(material: TlsMaterial) -> None:
    with WebServer(reply(), tls=self_signed()) as server, pytest.raises(Unreachable, match="certificate") as failed:
        get(server.url, tls=material)
    assert (failed.value.kind, server.connections) == ("tls", 0)
    assert "tok-1" not in failed.value.message + repr(material.client_key and material)


def test_a_key_behind_a_password_does_not_ask_at_the_terminal(authority: Authority) -> None:
    encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIH=\n-----END ENCRYPTED PRIVATE KEY-----\n"
    material = TlsMaterial(authority.roots, authority.client()[0], encrypted)
    with WebServer(reply(), tls=authority.server()) as server, pytest.raises(Unreachable, match="client certificate"):
        get(server.url, tls=material)


def test_plain_http_behind_https_is_told() -> None:
    with WebServer(raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server, pytest.raises(Unreachable) as failed:
        get(f"https://127.0.0.1:{server.port}/")
    assert (failed.value.kind, failed.value.sent) == ("tls", False)


@pytest.mark.parametrize("material", [None, "own"])
def test_old_protocols_are_not_spoken(authority: Authority, material: str | None) -> None:
    context = only(authority.server(), ssl.TLSVersion.TLSv1_1)
    with WebServer(reply(), tls=context) as server, pytest.raises(Unreachable) as failed:
        get(server.url, tls=TlsMaterial(authority.roots) if material else None)
    assert (failed.value.kind, failed.value.sent) == ("tls", False)
    assert "version" in failed.value.message
