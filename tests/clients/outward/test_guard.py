"""Show what the list of exceptions opens, and that a second answer from DNS changes nothing."""

import pytest

from clients.outward import AllowList, Outward
from clients.reach import Refused, Request, Unreachable
from tests.fakes.dns_server import DROP, SERVFAIL, DnsServer, Zone
from tests.fakes.web_servers import WebServer, reply

PUBLIC = "8.8.8.8"


def refusal(url: str, allow: list[str], zone: Zone) -> str:
    """Return why nothing goes there."""
    with DnsServer(zone) as dns, pytest.raises(Refused) as refused:
        Outward(AllowList.parse(allow), [dns.address]).fetch(Request("GET", url, seconds=2))
    return refused.value.reason


def status(url: str, allow: list[str], zone: Zone) -> int:
    with DnsServer(zone) as dns:
        return Outward(AllowList.parse(allow), [dns.address]).fetch(Request("GET", url, seconds=2)).status


def one(address: str) -> Zone:
    """Return a zone in which app.example has this one address."""
    return {("app.example", "AAAA" if ":" in address else "A"): [address]}


# --- Names that lead inside -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("addresses", "reason"),
    [
        (["127.0.0.1"], "loopback"),
        (["10.0.0.5"], "private"),
        (["169.254.169.254"], "metadata"),
        (["0.0.0.0"], "unspecified"),
        (["100.64.1.1"], "shared"),
        ([PUBLIC, "127.0.0.1"], "loopback"),
        (["127.0.0.1", PUBLIC], "loopback"),
        ([*(f"8.8.4.{last}" for last in range(1, 13)), "192.168.0.1"], "private"),
    ],
)
def test_a_name_that_leads_inside_is_refused_also_with_others_beside(addresses: list[str], reason: str) -> None:
    with WebServer(reply()) as server:
        url = server.url_of("app.example")
        assert refusal(url, [], {("app.example", "A"): addresses}) == reason
        assert refusal(url, [], {("app.example", "CNAME"): ["x.example."], ("x.example", "A"): addresses}) == reason
    assert server.connections == 0


def test_the_other_family_of_addresses_is_judged_too() -> None:
    for six, reason in (("::1", "loopback"), ("::ffff:10.0.0.1", "private"), ("fd00:ec2::254", "metadata")):
        zone = {("app.example", "A"): [PUBLIC], ("app.example", "AAAA"): [six]}
        assert refusal("http://app.example/", [], zone) == reason


def test_a_second_answer_from_dns_changes_nothing() -> None:
    """The first answer is allowed and is where it goes; the second, which leads here, is never asked for."""
    with WebServer(reply()) as victim, WebServer(reply(204), host="::1") as first:
        zone = {("app.example", "A"): [[], ["127.0.0.1"]], ("app.example", "AAAA"): [["::1"], []]}
        url = f"http://app.example:{first.port}/"
        with DnsServer(zone) as dns:
            out = Outward(AllowList.parse(["::1"]), [dns.address])
            assert out.fetch(Request("GET", url, seconds=2)).address == "::1"
            assert dns.questions == [("app.example", "A"), ("app.example", "AAAA")]
            with pytest.raises(Refused) as refused:
                out.fetch(Request("GET", url, seconds=2))
        assert refused.value.reason == "loopback"
    assert (victim.connections, first.connections) == (0, 1)


def test_a_name_that_turns_inside_is_refused_when_it_is_asked_for_again() -> None:
    zone: Zone = {("app.example", "A"): [[PUBLIC], ["127.0.0.1"]]}
    with WebServer(reply()) as victim, DnsServer(zone) as dns:
        out = Outward(dns_servers=[dns.address])
        # The tests' own wall stops the dial to the public address, which shows that it is where it went.
        with pytest.raises(Exception, match=PUBLIC):
            out.fetch(Request("GET", victim.url_of("app.example"), seconds=2))
        with pytest.raises(Refused) as refused:
            out.fetch(Request("GET", victim.url_of("app.example"), seconds=2))
    assert (refused.value.reason, victim.connections) == ("loopback", 0)


def test_the_refusal_keeps_the_inner_address_to_itself() -> None:
    with DnsServer(one("10.11.12.13")) as dns, pytest.raises(Refused) as refused:
        Outward(dns_servers=[dns.address]).fetch(Request("GET", "http://app.example/", seconds=2))
    assert "10.11" not in refused.value.message


@pytest.mark.parametrize(("answer", "kind"), [([SERVFAIL], "dns"), ([DROP], "timeout"), ([], "dns")])
def test_a_name_without_an_answer_is_unreachable(answer: list[str], kind: str) -> None:
    with DnsServer({("app.example", "A"): answer}) as dns, pytest.raises(Unreachable) as failed:
        Outward(dns_servers=[dns.address]).fetch(Request("GET", "http://app.example/", seconds=0.3))
    assert (failed.value.kind, failed.value.sent) == (kind, False)


# --- Exceptions -----------------------------------------------------------------------------------------------------


def test_the_list_opens_a_name_an_address_or_a_network() -> None:
    with WebServer(reply()) as server:
        by_name, by_address = server.url_of("app.example"), server.url
        for entry in ("app.example", "APP.example.", f"app.example:{server.port}"):
            assert status(by_name, [entry], one("127.0.0.1")) == 200
            assert refusal(by_address, [entry], {}) == "loopback"
        for entry in ("127.0.0.1", f"127.0.0.1:{server.port}", "127.0.0.0/8"):
            assert status(by_name, [entry], one("127.0.0.1")) == 200
            assert status(by_address, [entry], {}) == 200


@pytest.mark.parametrize(
    "entry", ["other.example", "example", "app.example:1", "127.0.0.2", "127.0.0.1:1", "10.0.0.0/8", "::1"]
)
def test_the_list_opens_nothing_else(entry: str) -> None:
    with WebServer(reply()) as server:
        assert refusal(server.url_of("app.example"), [entry], one("127.0.0.1")) == "loopback"
        below = {("sub.app.example", "A"): ["127.0.0.1"]}
        assert refusal(server.url_of("sub.app.example"), [entry], below) == "loopback"
        assert refusal(server.url, [entry], {}) == "loopback"
    assert server.connections == 0


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("169.254.169.254", "metadata"),
        ("169.254.7.7", "link_local"),
        ("fe80::1", "link_local"),
        ("fd00:ec2::254", "metadata"),
        ("168.63.129.16", "azure_wireserver"),
        ("100.100.100.200", "alibaba"),
        ("192.0.0.192", "oracle"),
        ("224.0.0.1", "multicast"),
        ("0.0.0.0", "unspecified"),
    ],
)
def test_a_name_on_the_list_does_not_open_what_clouds_tell(address: str, reason: str) -> None:
    assert refusal("http://app.example/", ["app.example"], one(address)) == reason


def test_such_an_address_needs_an_entry_of_its_own() -> None:
    out = Outward(AllowList.parse(["169.254.169.254"]))
    with pytest.raises(Exception, match="169.254.169.254") as stopped:
        out.fetch(Request("GET", "http://169.254.169.254/", seconds=2))
    assert not isinstance(stopped.value, Refused)


def test_an_internal_name_needs_an_entry_by_name() -> None:
    with WebServer(reply()) as server:
        url, zone = server.url_of("db.internal"), {("db.internal", "A"): ["127.0.0.1"]}
        assert refusal(url, ["127.0.0.0/8"], zone) == "internal_name"
        assert status(url, ["db.internal"], zone) == 200


def test_a_port_that_browsers_refuse_needs_an_entry_with_it() -> None:
    assert refusal("http://10.0.0.1:6379/", ["10.0.0.1"], {}) == "blocked_port"
    assert refusal("http://app.example:6379/", ["app.example"], {}) == "blocked_port"
    for entry in ("127.0.0.1:6379", "app.example:6379"):
        with pytest.raises(Unreachable, match="refused the connection"):
            status(f"http://{entry}/", [entry], one("127.0.0.1"))


@pytest.mark.parametrize(
    "entry", ["", "a b", "10.0.0.1/8", "x.example:0", "x.example:99999", "[::1", "http://x.example"]
)
def test_an_entry_that_cannot_be_read_is_told(entry: str) -> None:
    with pytest.raises(ValueError, match="."):
        AllowList.parse([entry])


def test_public_addresses_are_public() -> None:
    for address in ("8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "192.0.1.1", "2606:4700::1111", "2a00:1450::1"):
        with DnsServer(one(address)) as dns, pytest.raises(Exception, match=address) as stopped:
            Outward(dns_servers=[dns.address]).fetch(Request("GET", "http://app.example/", seconds=2))
        assert not isinstance(stopped.value, Refused)


def test_the_systems_resolver_is_judged_too() -> None:
    with WebServer(reply()) as server:
        url = server.url_of("localhost")
        assert Outward(AllowList.parse(["localhost"])).fetch(Request("GET", url, seconds=2)).status == 200
        with pytest.raises(Refused):
            Outward(AllowList.parse(["127.0.0.0/8"])).fetch(Request("GET", url, seconds=2))
