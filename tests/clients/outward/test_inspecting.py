"""Show that the TLS of a server is looked at through the guard, and judged as a browser would."""

import ssl

import pytest
from cryptography import x509

from clients.outward import AllowList, Outward
from clients.reach import Refused, TlsSeen, Unreachable
from tests.fakes.dns_server import DnsServer
from tests.fakes.tls_servers import Authority, from_old_on, only, self_signed
from tests.fakes.web_servers import WebServer, raw, reply, silence

LOCAL = AllowList.parse(["127.0.0.0/8", "localhost"])


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Return a CA that the way out believes in."""
    return Authority()


def inspected(authority: Authority, context: ssl.SSLContext, host: str = "127.0.0.1") -> TlsSeen:
    with WebServer(reply(), tls=context) as server:
        seen = Outward(LOCAL, extra_roots=authority.roots).inspect_tls(host, server.port, seconds=3)
    assert server.requests == []  # Nothing is ever said after the handshake.
    return seen


def test_a_good_server_is_trusted(authority: Authority) -> None:
    seen = inspected(authority, authority.server())
    assert (seen.address, seen.trusted, seen.problem, seen.older_protocols) == ("127.0.0.1", True, None, [])
    assert (seen.protocol, seen.cipher[:4]) == ("TLSv1.3", "TLS_")
    names = x509.load_der_x509_certificate(seen.chain[0]).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert "localhost" in names.value.get_values_for_type(x509.DNSName)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda one: one.server(starts=-9, ends=-1), "certificate has expired"),
        (lambda one: one.server("other.example"), "IP address mismatch, certificate is not valid for '127.0.0.1'"),
        (lambda one: self_signed(), "self-signed certificate"),
        (lambda one: Authority().server(), "unable to get local issuer certificate"),
    ],
)
def test_a_bad_certificate_is_shown_all_the_same(authority: Authority, make: object, problem: str) -> None:
    seen = inspected(authority, make(authority))  # type: ignore[operator]
    assert (seen.trusted, seen.problem, len(seen.chain)) == (False, problem, 1)


def test_the_whole_chain_is_shown_as_it_was_sent(authority: Authority) -> None:
    whole = inspected(authority, authority.behind_another(whole=True))
    assert (whole.trusted, len(whole.chain)) == (True, 2)
    assert inspected(authority, authority.behind_another(whole=False)).trusted is False


def test_old_protocols_are_found(authority: Authority) -> None:
    assert inspected(authority, from_old_on(authority.server())).older_protocols == ["TLSv1", "TLSv1.1"]
    seen = inspected(authority, only(authority.server(), ssl.TLSVersion.TLSv1_1))
    assert (seen.protocol, seen.older_protocols, seen.trusted) == ("TLSv1.1", ["TLSv1.1"], False)
    assert "version" in (seen.problem or "")


def test_the_name_is_asked_for_at_the_address_that_was_checked(authority: Authority) -> None:
    context = authority.server("shop.example")
    with DnsServer({("shop.example", "A"): ["127.0.0.1"]}) as dns, WebServer(reply(), tls=context) as server:
        out = Outward(AllowList.parse(["shop.example"]), [dns.address], extra_roots=authority.roots)
        assert out.inspect_tls("Shop.Example.", server.port, seconds=3).trusted
        assert dns.questions == [("shop.example", "A"), ("shop.example", "AAAA")]
    assert set(server.names) == {"shop.example"}


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [
        ("127.1", 443, "loopback"),
        ("[::ffff:7f00:1]", 443, "loopback"),
        ("::1", 443, "loopback"),
        ("169.254.169.254", 443, "metadata"),
        ("db.internal", 443, "internal_name"),
        ("fe80::1%eth0", 443, "scope_id"),
        ("example.com\n", 443, "bad_url"),
        ("a b", 443, "bad_url"),
        ("user@example.com", 443, "bad_url"),
        ("example.com/x", 443, "bad_url"),
        ("", 443, "bad_url"),
        ("example.com", 0, "bad_port"),
        ("example.com", 70000, "bad_port"),
        ("169.254.169.254", 22, "metadata"),
    ],
)
def test_forbidden_places_are_refused(host: str, port: int, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        Outward().inspect_tls(host, port, seconds=2)
    assert refused.value.reason == reason


@pytest.mark.parametrize("port", [1, 22, 25, 587, 6000, 6379, 11211])
def test_a_port_on_which_tls_is_not_spoken_from_the_start_is_refused(port: int) -> None:
    with DnsServer({}) as dns, pytest.raises(Refused, match=f"Port {port} is not one on which TLS is spoken") as no:
        Outward(LOCAL, [dns.address]).inspect_tls("shop.example", port, seconds=2)
    assert (no.value.reason, dns.questions) == ("blocked_port", [])


def test_a_refused_port_is_opened_by_an_entry_with_it() -> None:
    with pytest.raises(Unreachable, match="refused the connection on port 6000"):
        Outward(AllowList.parse(["127.0.0.1:6000"])).inspect_tls("127.0.0.1", 6000, seconds=2)


@pytest.mark.parametrize("port", [465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 5061, 6697, 8443])
def test_the_ports_of_tls_may_be_looked_at(port: int) -> None:
    with pytest.raises(Unreachable, match=f"refused the connection on port {port}"):
        Outward(LOCAL).inspect_tls("127.0.0.1", port, seconds=2)


def test_a_server_without_tls_is_told() -> None:
    with (
        WebServer(raw(b"220 mail ready\r\n")) as server,
        pytest.raises(Unreachable, match="No TLS with 127.0.0.1") as no,
    ):
        Outward(LOCAL).inspect_tls("127.0.0.1", server.port, seconds=2)
    assert no.value.kind == "tls"


def test_a_silent_server_is_given_up() -> None:
    with WebServer(silence) as server, pytest.raises(Unreachable) as late:
        Outward(LOCAL).inspect_tls("127.0.0.1", server.port, seconds=0.3)
    assert late.value.kind == "timeout"
