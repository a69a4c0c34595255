"""Show what tls_inspect finds at servers with good and bad certificates."""

import json
import ssl
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.outcomes import RESULT_MAX_CHARS
from agent.tools.tls.certificates import Certificate, now_utc, plain_host, read_certificate
from agent.tools.tls.findings import find
from agent.tools.tls.inspect import TLS_INSPECT
from agent.types import Reach, ToolError, ToolOutput
from clients.outward import AllowList, Outward
from clients.reach import TlsSeen
from tests.agent.tools.support import LOCAL, local_reach
from tests.fakes.tls_servers import Authority, from_old_on, only, self_signed
from tests.fakes.web_servers import WebServer, raw, reply


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Return a CA."""
    return Authority()


def ran(host: str, port: int, reach: Reach | None = None) -> ToolOutput:
    output = TLS_INSPECT.run(TLS_INSPECT.read({"host": host, "port": port}), reach or local_reach())
    assert len(json.dumps(output.data)) < RESULT_MAX_CHARS
    assert len(output.summary) <= 120
    return output


def inspected(authority: Authority, context: ssl.SSLContext, host: str = "127.0.0.1") -> ToolOutput:
    reach = Reach(Outward(AllowList.parse(LOCAL), extra_roots=authority.roots))
    with WebServer(reply(), tls=context) as server:
        return ran(host, server.port, reach)


def rules(data: dict[str, Any]) -> set[str]:
    return {finding["rule"] for finding in data["findings"]}


def test_a_good_certificate_has_no_findings(authority: Authority) -> None:
    output = inspected(authority, authority.server())
    data = output.data
    assert (data["reachable"], data["trusted"], data["name_matches"], data["findings"]) == (True, True, True, [])
    shown = data["certificate"]
    assert (shown["names"], shown["days_left"], shown["self_signed"]) == (["localhost", "127.0.0.1"], 364, False)
    assert shown["key"]["type"].startswith(("EC", "RSA"))
    assert (data["protocol"], data["chain_length"], data["older_protocols"]) == ("TLSv1.3", 1, [])
    assert output.summary == "trusted, 364 days left, TLSv1.3, no findings"


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda one: one.server(starts=-9, ends=-1), {"expired"}),
        (lambda one: one.server(starts=2), {"not-yet-valid"}),
        (lambda one: one.server("other.example"), {"wrong-name"}),
        (lambda one: one.server("other.example", starts=-9, ends=-1), {"wrong-name", "expired"}),
        (lambda one: self_signed(), {"self-signed"}),
        (lambda one: self_signed(weak=True), {"self-signed", "weak-key"}),
        (lambda one: Authority().server(), {"chain-incomplete"}),
        (lambda one: one.behind_another(whole=False), {"chain-incomplete"}),
        (lambda one: one.behind_another(whole=True), set()),
        (lambda one: one.behind_another(whole=True, backwards=True), {"chain-order"}),
        (lambda one: one.server(ends=10), {"expires-soon"}),
        (lambda one: from_old_on(one.server()), {"old-protocols"}),
        (lambda one: only(one.server(), ssl.TLSVersion.TLSv1), {"only-old-protocols", "not-trusted"}),
    ],
)
def test_what_is_wrong_is_found(authority: Authority, make: Any, expected: set[str]) -> None:
    assert rules(inspected(authority, make(authority)).data) == expected


@pytest.mark.parametrize(("days", "severity"), [(14, "warning"), (29, "info"), (40, None)])
def test_the_end_is_announced(authority: Authority, days: int, severity: str | None) -> None:
    found = inspected(authority, authority.server(ends=days)).data["findings"]
    assert [one["severity"] for one in found] == ([severity] if severity else [])


def test_a_host_may_be_pasted_as_an_address_with_its_port(authority: Authority) -> None:
    with WebServer(reply(), tls=authority.server()) as server:
        for written in (
            f"https://127.0.0.1:{server.port}/path?x",
            f"127.0.0.1:{server.port}",
            f" localhost:{server.port} ",
        ):
            assert ran(written, 443).data["port"] == server.port
        with pytest.raises(ToolError, match="only one of them"):
            ran(f"127.0.0.1:{server.port}", 8443)


def test_a_port_without_tls_is_a_result() -> None:
    with WebServer(raw(b"220 ready\r\n")) as server:
        output = ran("127.0.0.1", server.port)
    assert (output.data["reachable"], output.data["problem_kind"], rules(output.data)) == (False, "tls", {"no-tls"})
    assert output.summary.startswith("no TLS: ")


def test_a_host_that_is_down_is_a_result() -> None:
    with WebServer(reply()) as gone:
        pass
    assert ran("127.0.0.1", gone.port).data["problem_kind"] == "connect"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "https://10.0.0.1/", "[::1]", "db.internal", "a b", "https://", "a\x00b", "https://u@a.example"],
)
def test_a_place_that_is_refused_is_the_askers_mistake(host: str) -> None:
    with pytest.raises(ToolError) as refused:
        ran(host, 443, Reach(Outward()))
    assert not refused.value.ours


@pytest.mark.parametrize(
    "given", [{}, {"host": ""}, {"host": "a", "port": 0}, {"host": "a", "port": "443"}, {"host": "a" * 301}]
)
def test_wrong_input_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ToolError):
        TLS_INSPECT.read(given)


# --- The rules by themselves ----------------------------------------------------------------------------------------

NOW = now_utc()
GOOD = Certificate(
    subject="CN=example.com",
    issuer="CN=R1",
    names=("example.com", "*.example.com", "2606:4700::1111"),
    serial="1",
    starts=NOW - timedelta(days=1),
    ends=NOW + timedelta(days=90),
    key_type="RSA",
    key_bits=2048,
    signature="sha256WithRSAEncryption",
    signature_hash="sha256",
    self_signed=False,
)
SEEN = TlsSeen("8.8.8.8", "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", [b""], True, None, [])


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        ("example.com", True),
        ("EXAMPLE.com.", True),
        ("www.example.com", True),
        ("a.b.example.com", False),
        (".example.com", False),
        ("example.org", False),
        ("wwwexample.com", False),
        ("[2606:4700:0::1111]", True),
        ("2606:4700::1112", False),
    ],
)
def test_a_wildcard_stands_for_one_label(host: str, covered: bool) -> None:
    assert GOOD.covers(host) is covered


def test_a_wildcard_covers_neither_addresses_nor_whole_domains() -> None:
    assert not replace(GOOD, names=("*.0.0.1",)).covers("127.0.0.1")
    assert not replace(GOOD, names=("*.com",)).covers("example.com")
    assert not replace(GOOD, names=("w*.example.com",)).covers("www.example.com")
    assert plain_host("Bücher.example") == "xn--bcher-kva.example"


def found(certificate: Certificate, **seen: Any) -> set[str]:
    return {one.rule for one in find("example.com", replace(SEEN, **seen), [certificate], NOW)}


def test_the_rules_know_weak_and_strong() -> None:
    assert found(GOOD) == set()
    assert found(replace(GOOD, key_bits=1024)) == {"weak-key"}
    assert found(replace(GOOD, key_type="EC secp192r1", key_bits=192)) == {"weak-key"}
    assert found(replace(GOOD, key_type="EC secp256r1", key_bits=256)) == set()
    assert found(replace(GOOD, key_type="Ed25519", key_bits=256)) == set()
    assert found(replace(GOOD, signature_hash="sha1")) == {"weak-signature"}
    assert found(GOOD, cipher="DES-CBC3-SHA") == {"weak-cipher"}
    assert found(GOOD, cipher="AES128-GCM-SHA256") == {"no-forward-secrecy"}
    assert found(GOOD, protocol="TLSv1.1", cipher="ECDHE-RSA-AES128-SHA") == {"only-old-protocols"}
    assert found(GOOD, trusted=False, problem="certificate revoked") == {"not-trusted"}
    assert found(replace(GOOD, names=())) == {"wrong-name"}


def test_a_certificate_that_cannot_be_read_is_found() -> None:
    assert read_certificate(b"\x30\x03\x02\x01\x01") is None
    assert {one.rule for one in find("a.example", SEEN, [None], NOW)} == {"unreadable-certificate"}
    assert {one.rule for one in find("a.example", replace(SEEN, chain=[]), [], NOW)} == {"unreadable-certificate"}


def test_the_target_names_the_host() -> None:
    assert TLS_INSPECT.target({"host": "example.com"}) == "example.com"
    assert TLS_INSPECT.target({"host": "example.com", "port": 8443}) == "example.com:8443"
    assert TLS_INSPECT.target({"host": 5}) == TLS_INSPECT.target({}) == ""
