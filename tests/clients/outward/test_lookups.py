"""Show that DNS is asked for public names only, and that addresses of inner networks are kept back."""

import pytest

from clients.outward import AllowList, Outward
from clients.outward.dns import TYPES
from clients.reach import DnsSeen, Refused, Unreachable
from tests.fakes.dns_server import DROP, REFUSED, SERVFAIL, TTL, DnsServer, Zone

ZONE: Zone = {
    ("shop.example", "A"): ["8.8.8.8", "8.8.4.4"],
    ("shop.example", "AAAA"): ["2606:4700::1111"],
    ("shop.example", "MX"): ["10 mail.shop.example."],
    ("shop.example", "TXT"): ['"v=spf1 " "-all"', '"caf\\195\\169"'],
    ("shop.example", "SOA"): ["ns1.example. admin.example. 1 2 3 4 5"],
    ("www.shop.example", "CNAME"): ["cdn.example."],
    ("cdn.example", "CNAME"): ["edge.example."],
    ("edge.example", "A"): ["1.1.1.1"],
    ("dead.example", "CNAME"): ["gone.example."],
    ("inner.example", "A"): ["8.8.8.8", "10.0.0.1", "192.168.1.1", "127.0.0.1"],
    ("mapped.example", "AAAA"): ["::ffff:10.0.0.1", "fd00::1"],
    ("broken.example", "A"): [SERVFAIL],
    ("closed.example", "A"): [REFUSED],
    ("silent.example", "A"): [DROP],
    ("_sip._tcp.shop.example", "SRV"): ["1 2 5060 sip.shop.example."],
    ("8.8.8.8.in-addr.arpa", "PTR"): ["dns.google."],
    ("db.internal", "A"): ["10.0.0.9"],
    ("evil.example", "CNAME"): ["Vault.corp.internal."],
    ("vault.corp.internal", "TXT"): ['"the inner text"'],
    ("vault.corp.internal", "A"): ["10.0.0.7"],
    ("vault.corp.internal", "SOA"): [SERVFAIL],
    ("gone.evil.example", "CNAME"): ["nobody.corp.internal."],
    ("long.example", "CNAME"): ["evil.example."],
    ("out.example", "CNAME"): ["way.corp.internal."],
    ("way.corp.internal", "CNAME"): ["shop.example."],
    ("single.example", "CNAME"): ["vault."],
    ("here.example", "CNAME"): ["localhost."],
    ("back.example", "CNAME"): ["7.0.0.10.in-addr.arpa."],
    ("7.0.0.10.in-addr.arpa", "PTR"): ["vault.corp.internal."],
    ("part.example", "CNAME"): ["7.0-25.0.0.10.in-addr.arpa."],
    ("4.4.8.8.in-addr.arpa", "CNAME"): ["4.0-25.4.8.8.in-addr.arpa."],
    ("4.0-25.4.8.8.in-addr.arpa", "PTR"): ["dns.google."],
}


def looked_up(name: str, kind: str = "A", allow: tuple[str, ...] = (), authenticated: bool = False) -> DnsSeen:
    with DnsServer(ZONE, authenticated=authenticated) as dns:
        return Outward(AllowList.parse(allow), [dns.address]).lookup(name, kind, seconds=0.5)


def test_records_come_with_their_time_to_live() -> None:
    seen = looked_up(" Shop.Example. ")
    assert (seen.name, seen.type, seen.status, seen.ttl) == ("shop.example", "A", "NOERROR", TTL)
    assert sorted(seen.records) == ["8.8.4.4", "8.8.8.8"]
    assert (seen.canonical, seen.aliases, seen.withheld, seen.authenticated) == ("shop.example", (), 0, False)


@pytest.mark.parametrize(
    ("name", "kind", "records"),
    [
        ("shop.example", "AAAA", ["2606:4700::1111"]),
        ("shop.example", "mx", ["10 mail.shop.example."]),
        ("shop.example", "TXT", ["v=spf1 -all", "café"]),
        ("shop.example", "SOA", ["ns1.example. admin.example. 1 2 3 4 5"]),
        ("www.shop.example", "CNAME", ["cdn.example."]),
        ("_sip._tcp.shop.example", "SRV", ["1 2 5060 sip.shop.example."]),
        ("8.8.8.8", "PTR", ["dns.google."]),
        ("8.8.8.8.in-addr.arpa", "PTR", ["dns.google."]),
    ],
)
def test_each_type_is_readable(name: str, kind: str, records: list[str]) -> None:
    assert sorted(looked_up(name, kind).records) == sorted(records)


def test_aliases_are_followed() -> None:
    seen = looked_up("www.shop.example")
    assert (seen.canonical, seen.aliases, seen.records) == (
        "edge.example",
        ("cdn.example", "edge.example"),
        ["1.1.1.1"],
    )


@pytest.mark.parametrize(
    ("name", "kind", "status", "canonical"),
    [
        ("nobody.example", "A", "NXDOMAIN", "nobody.example"),
        ("dead.example", "A", "NXDOMAIN", "gone.example"),
        ("shop.example", "CAA", "NODATA", "shop.example"),
        ("*.shop.example", "A", "NXDOMAIN", "*.shop.example"),
        ("broken.example", "A", "SERVFAIL", "broken.example"),
        ("closed.example", "A", "REFUSED", "closed.example"),
    ],
)
def test_no_answer_is_told_apart(name: str, kind: str, status: str, canonical: str) -> None:
    seen = looked_up(name, kind)
    assert (seen.status, seen.canonical, seen.records, seen.ttl) == (status, canonical, [], None)


def test_silence_is_unreachable() -> None:
    with pytest.raises(Unreachable) as late:
        looked_up("silent.example")
    assert late.value.kind == "timeout"


def test_what_dnssec_proved_is_told() -> None:
    assert looked_up("shop.example", authenticated=True).authenticated


def test_inner_addresses_are_kept_back() -> None:
    seen = looked_up("inner.example")
    assert (seen.records, seen.withheld, seen.withheld_kinds) == (["8.8.8.8"], 3, ("loopback", "private"))
    seen = looked_up("mapped.example", "AAAA")
    assert (seen.records, seen.withheld, seen.status) == ([], 2, "NOERROR")
    seen = looked_up("inner.example", allow=("10.0.0.0/8",))
    assert (sorted(seen.records), seen.withheld) == (["10.0.0.1", "8.8.8.8"], 2)


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("db.internal", "A", "internal_name"),
        ("*.svc.cluster.local", "SRV", "internal_name"),
        ("kubernetes", "A", "internal_name"),
        ("localhost", "A", "loopback"),
        ("metadata.google.internal", "TXT", "metadata"),
        ("10.0.0.1", "PTR", "private"),
        ("127.1", "PTR", "loopback"),
        ("::1", "PTR", "loopback"),
        ("1.0.0.10.in-addr.arpa", "PTR", "private"),
        ("1.0.0.10.IN-ADDR.ARPA.", "TXT", "private"),
        ("168.192.in-addr.arpa", "NS", "private"),
        ("10.in-addr.arpa", "NS", "private"),
        ("1.1.1.1.1.in-addr.arpa", "PTR", "bad_url"),
        ("x.in-addr.arpa", "PTR", "bad_url"),
        ("8.b.d.0.1.0.0.2.ip6.arpa", "NS", "documentation"),
        ("8.8.8.8", "A", "bad_url"),
        ("a..example", "A", "bad_url"),
        ("a b.example", "A", "bad_url"),
        ("example.com", "ANY", "bad_type"),
        ("example.com", "AXFR", "bad_type"),
    ],
)
def test_inner_names_are_not_asked_for(name: str, kind: str, reason: str) -> None:
    with DnsServer(ZONE) as dns, pytest.raises(Refused) as refused:
        Outward(dns_servers=[dns.address]).lookup(name, kind, seconds=0.5)
    assert (refused.value.reason, dns.questions) == (reason, [])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("evil.example", "TXT"),
        ("evil.example", "A"),
        ("evil.example", "MX"),
        ("evil.example", "SOA"),
        ("gone.evil.example", "A"),
        ("gone.evil.example", "TXT"),
        ("long.example", "TXT"),
        ("out.example", "A"),
        ("out.example", "CAA"),
        ("single.example", "A"),
        ("here.example", "A"),
        ("back.example", "PTR"),
        ("part.example", "PTR"),
    ],
)
def test_an_alias_to_an_inner_name_tells_nothing_of_it(name: str, kind: str) -> None:
    with pytest.raises(Refused) as refused:
        looked_up(name, kind)
    # One answer for all of them: whether the inner name exists, and how it is spelled, stays unsaid.
    assert (refused.value.reason, refused.value.message) == (
        "internal_name",
        f"{name} leads to an internal name; only public names can be looked up.",
    )


def test_what_a_public_name_itself_says_may_name_an_inner_one() -> None:
    assert looked_up("evil.example", "CNAME").records == ["Vault.corp.internal."]


def test_an_alias_to_a_listed_inner_name_is_followed() -> None:
    assert looked_up("evil.example", "TXT", allow=("vault.corp.internal",)).records == ["the inner text"]


def test_a_part_of_a_public_network_may_have_its_reverse_names_elsewhere() -> None:
    assert looked_up("8.8.4.4", "PTR").records == ["dns.google."]


def test_a_listed_inner_name_is_asked_for() -> None:
    seen = looked_up("db.internal", allow=("db.internal", "10.0.0.0/24"))
    assert seen.records == ["10.0.0.9"]
    assert "AXFR" not in TYPES
