"""Show that no spelling of a forbidden place gets through, asked for directly or by way of a redirect."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from clients.outward import AllowList, Outward
from clients.outward.addresses import WORDS
from clients.outward.hosts import read_host
from clients.reach import Refused, Request
from tests.fakes.web_servers import Asked, Line, WebServer, redirect, reply

# Every line is what a user, a page or a redirect may say, and the reason for which it is refused.
FORBIDDEN = [
    # This server itself, in the spellings of inet_aton.
    ("http://127.0.0.1/", "loopback"),
    ("http://127.8.9.1/", "loopback"),
    ("http://127.1/", "loopback"),
    ("http://127.0.1/", "loopback"),
    ("http://2130706433/", "loopback"),
    ("http://0x7f000001/", "loopback"),
    ("http://0X7F.1/", "loopback"),
    ("http://0x7f.0x0.0x0.0x1/", "loopback"),
    ("http://0177.0.0.1/", "loopback"),
    ("http://017700000001/", "loopback"),
    ("http://0000177.00.00.01/", "loopback"),
    ("http://127.0.0.1./", "loopback"),
    ("http://127.0.0.1:8080/", "loopback"),
    ("http://127.0.0.1:/", "loopback"),
    # ... of browsers: other digits, other dots, invisible letters, percent-encoding.
    ("http://１２７.０.０.１/", "loopback"),  # noqa: RUF001
    ("http://①②⑦.⓪.⓪.①/", "loopback"),
    ("http://127。0。0。1/", "loopback"),
    ("http://127｡0｡0｡1/", "loopback"),
    ("http://127.0.0\u00ad.1/", "loopback"),
    ("http://127.0.0\u200b.1/", "loopback"),
    ("http://𝟙𝟚𝟟.𝟘.𝟘.𝟙/", "loopback"),
    ("http://%31%32%37.0.0.1/", "loopback"),
    ("http://127%2e0%2e0%2e1/", "loopback"),
    ("http://%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1/", "loopback"),
    # ... of IPv6.
    ("http://[::1]/", "loopback"),
    ("http://[0:0:0:0:0:0:0:1]:8080/", "loopback"),
    ("http://[0000:0000:0000:0000:0000:0000:0000:0001]/", "loopback"),
    ("http://[::ffff:127.0.0.1]/", "loopback"),
    ("http://[::ffff:7f00:1]/", "loopback"),
    ("http://[0:0:0:0:0:FFFF:7F00:0001]/", "loopback"),
    ("http://[::127.0.0.1]/", "reserved"),
    ("http://[::ffff:0:127.0.0.1]/", "reserved"),
    ("http://[::]/", "unspecified"),
    ("http://0.0.0.0/", "unspecified"),
    ("http://0/", "unspecified"),
    ("http://0x/", "unspecified"),
    ("http://0.1.2.3/", "reserved"),
    # ... by name.
    ("http://localhost/", "loopback"),
    ("http://LOCALHOST./", "loopback"),
    ("http://localhost.localdomain/", "loopback"),
    ("http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "loopback"),
    ("http://app.localhost/", "loopback"),
    ("http://ip6-localhost/", "loopback"),
    # Private networks.
    ("http://10.0.0.1/", "private"),
    ("http://10.1/", "private"),
    ("http://172.16.0.1/", "private"),
    ("http://172.31.255.255/", "private"),
    ("http://192.168.0.1/", "private"),
    ("http://0xc0.168.257/", "private"),
    ("http://3232235521/", "private"),
    ("http://[::ffff:10.0.0.1]/", "private"),
    ("http://[fd12:3456::1]/", "unique_local"),
    ("http://[fc00::1]/", "unique_local"),
    ("http://[fec0::1]/", "site_local"),
    ("http://100.64.0.1/", "shared"),
    ("http://100.127.255.254/", "shared"),
    # What clouds tell about themselves.
    ("http://169.254.169.254/latest/meta-data/", "metadata"),
    ("http://2852039166/", "metadata"),
    ("http://0xa9fea9fe/", "metadata"),
    ("http://0251.0376.0251.0376/", "metadata"),
    ("http://169.254.43518/", "metadata"),
    ("http://[::ffff:169.254.169.254]/", "metadata"),
    ("http://[::ffff:a9fe:a9fe]/", "metadata"),
    ("http://169.254.170.2/v2/credentials", "metadata"),
    ("http://[fd00:ec2::254]/", "metadata"),
    ("http://[fd20:ce::254]/", "metadata"),
    ("http://metadata.google.internal/", "metadata"),
    ("http://METADATA.google.internal./", "metadata"),
    ("http://168.63.129.16/", "azure_wireserver"),
    ("http://100.100.100.200/", "alibaba"),
    ("http://192.0.0.192/", "oracle"),
    ("http://169.254.1.1/", "link_local"),
    ("http://[fe80::1]/", "link_local"),
    ("http://[fe80::1%25eth0]/", "scope_id"),
    ("http://[::1%lo]/", "scope_id"),
    # Ranges in which no public host is.
    ("http://192.0.0.8/", "reserved"),
    ("http://192.0.2.1/", "documentation"),
    ("http://198.51.100.1/", "documentation"),
    ("http://203.0.113.1/", "documentation"),
    ("http://[2001:db8::1]/", "documentation"),
    ("http://[3fff::1]/", "documentation"),
    ("http://198.18.0.1/", "benchmarking"),
    ("http://198.19.255.255/", "benchmarking"),
    ("http://[2001:2::1]/", "benchmarking"),
    ("http://224.0.0.1/", "multicast"),
    ("http://239.255.255.250/", "multicast"),
    ("http://[ff02::1]/", "multicast"),
    ("http://240.0.0.1/", "reserved"),
    ("http://255.255.255.255/", "broadcast"),
    ("http://4294967295/", "broadcast"),
    ("http://[100::1]/", "reserved"),
    ("http://[4000::1]/", "reserved"),
    # Ways round into IPv4.
    ("http://[64:ff9b::7f00:1]/", "nat64"),
    ("http://[64:ff9b::8.8.8.8]/", "nat64"),
    ("http://[64:ff9b:1::a00:1]/", "nat64"),
    ("http://[2002:7f00:1::]/", "6to4"),
    ("http://192.88.99.1/", "6to4"),
    ("http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", "teredo"),
    # Names that mean something inside only.
    ("http://intranet/", "internal_name"),
    ("http://printer.local/", "internal_name"),
    ("http://db.corp.internal/", "internal_name"),
    ("http://kubernetes.default.svc/", "internal_name"),
    ("http://kubernetes.default.svc.cluster.local./", "internal_name"),
    ("http://nas.lan/", "internal_name"),
    ("http://router.home.arpa/", "internal_name"),
    # Addresses that two readers could read differently.
    ("http://example.com@127.0.0.1/", "credentials_in_url"),
    ("http://user:password@example.com/", "credentials_in_url"),
    ("http://@example.com/", "credentials_in_url"),
    ("http://127.0.0.1\\@example.com/", "credentials_in_url"),
    ("http://example.com\\.internal/", "bad_url"),
    ("http://example.com%00.internal/", "bad_url"),
    ("http://example.com%2f.internal/", "bad_url"),
    ("http://%2531%2532%2537.0.0.1/", "bad_url"),
    ("http://%ff/", "bad_url"),
    ("http:///etc/passwd", "bad_url"),
    ("http://256.0.0.1/", "bad_url"),
    ("http://127.0.0.08/", "bad_url"),
    ("http://1.2.3.4.5/", "bad_url"),
    ("http://4294967296/", "bad_url"),
    ("http://foo.0x7f/", "bad_url"),
    ("http://[127.0.0.1]/", "bad_url"),
    ("http://[::1/", "bad_url"),
    ("http://[v1.a]/", "bad_url"),
    ("http://a..example/", "bad_url"),
    ("http://-a.example/", "bad_url"),
    ("http://a b.example/", "bad_url"),
    (f"http://{'a' * 64}.example/", "bad_url"),
    (f"http://{'a.' * 130}example/", "bad_url"),
    (f"http://example.com/{'a' * 9000}", "bad_url"),
    ("http://example.com:99999/", "bad_port"),
    ("http://example.com:0/", "bad_port"),
    ("http://example.com:22/", "blocked_port"),
    ("http://example.com:25/", "blocked_port"),
    ("https://example.com:6379/", "blocked_port"),
    ("http://example.com:http/", "bad_port"),
    # Of an address that is closed itself, its port is not the reason.
    ("http://169.254.169.254:22/", "metadata"),
    ("http://127.0.0.1:9/", "loopback"),
    # Other ways than HTTP.
    ("ftp://example.com/", "bad_scheme"),
    ("file:///etc/passwd", "bad_scheme"),
    ("gopher://127.0.0.1:6379/_INFO", "bad_scheme"),
    ("javascript:alert(1)", "bad_scheme"),
    ("data:text/plain,hello", "bad_scheme"),
    ("unix:/var/run/docker.sock", "bad_scheme"),
]
# What cannot stand in a Location header, or means something else there.
DIRECTLY_ONLY = [
    ("", "bad_url"),
    ("example.com", "bad_url"),
    ("//127.0.0.1/", "bad_url"),
    ("localhost:8080", "bad_scheme"),
    ("http://example.com/\r\nX-Evil: yes", "bad_url"),
    ("http://example.com/\x00", "bad_url"),
    ("http://exam\tple.com/", "bad_url"),
    ("http://example.com/\ud800", "bad_url"),
]


@pytest.mark.parametrize(("url", "reason"), [*FORBIDDEN, *DIRECTLY_ONLY])
def test_it_refuses_each_spelling(url: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        Outward().fetch(Request("GET", url, seconds=2))
    assert refused.value.reason == reason
    assert refused.value.message.endswith(".")
    assert len(refused.value.message) < 250


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[WebServer]:
    """Serve redirects to wherever the query says."""

    def script(line: Line, asked: Asked) -> None:
        [to] = parse_qs(urlsplit(asked.target).query)["to"]
        redirect(to)(line, asked)

    with WebServer(script) as server:
        yield server


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        *FORBIDDEN,
        ("//10.0.0.1/x", "private"),
        ("///10.0.0.1", "bad_url"),
        ("/\\10.0.0.1/", "bad_url"),
        ("\\\\10.0.0.1/", "bad_url"),
        ("http:10", "bad_url"),
    ],
)
def test_it_refuses_each_spelling_behind_a_redirect(elsewhere: WebServer, location: str, reason: str) -> None:
    before = elsewhere.connections
    out = Outward(AllowList.parse([f"127.0.0.1:{elsewhere.port}"]))
    with pytest.raises(Refused) as refused:
        out.fetch(Request("GET", elsewhere.url, params={"to": location}, redirects=3, seconds=2))
    assert refused.value.reason == reason
    assert elsewhere.connections == before + 1


def test_a_redirect_to_another_port_of_the_listed_host_is_refused() -> None:
    with WebServer(reply()) as secret, WebServer(redirect(secret.url)) as listed:
        out = Outward(AllowList.parse([f"127.0.0.1:{listed.port}"]))
        with pytest.raises(Refused) as refused:
            out.fetch(Request("GET", listed.url, redirects=1))
        assert (refused.value.reason, secret.connections) == ("loopback", 0)


def test_every_reason_for_an_address_has_words() -> None:
    asked = {reason for _, reason in FORBIDDEN}
    others = {"scope_id", "internal_name", "bad_url", "bad_port", "blocked_port", "bad_scheme", "credentials_in_url"}
    assert asked - others == set(WORDS)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("EXAMPLE.com", "example.com"),
        ("example.com.", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("ＢÜCHER。example", "xn--bcher-kva.example"),  # noqa: RUF001
        ("b%C3%BCcher.example", "xn--bcher-kva.example"),
        ("my_host.example", "my_host.example"),
        ("1.example", "1.example"),
        ("0x7f.example", "0x7f.example"),
    ],
)
def test_a_public_name_is_read_as_browsers_do(host: str, name: str) -> None:
    assert read_host(host) == name
