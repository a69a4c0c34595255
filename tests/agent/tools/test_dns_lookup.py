"""Show what dns_lookup says about names, and what it keeps to itself."""

import json
from typing import Any

import pytest

from agent.outcomes import RESULT_MAX_CHARS
from agent.tools.dns.lookup import DNS_LOOKUP
from agent.types import Reach, ToolError, ToolOutput
from clients.outward import AllowList, Outward
from tests.fakes.dns_server import DROP, SERVFAIL, TTL, DnsServer, Zone

ZONE: Zone = {
    ("shop.example", "A"): ["8.8.8.8"],
    ("shop.example", "MX"): ["10 mail.shop.example."],
    ("shop.example", "NS"): ["ns1.shop.example."],
    ("shop.example", "TXT"): ['"v=spf1 -all"'],
    ("_dmarc.shop.example", "TXT"): ['"v=DMARC1; p=none"'],
    ("bare.example", "MX"): ["10 mail.bare.example."],
    ("loose.example", "TXT"): ['"v=spf1 a mx +all"', '"v=spf1 -all"'],
    ("many.example", "TXT"): ['"v=spf1 {} -all"'.format(" ".join(f"include:{n}.example" for n in range(12)))],
    ("a.example", "CNAME"): ["b.example."],
    ("b.example", "CNAME"): ["c.example."],
    ("c.example", "CNAME"): ["d.example."],
    ("d.example", "A"): ["8.8.4.4"],
    ("inner.example", "A"): ["8.8.8.8", "10.1.2.3"],
    ("broken.example", "A"): [SERVFAIL],
    ("silent.example", "A"): [DROP],
    ("silent.example", "TXT"): [DROP],
    ("evil.example", "TXT"): ['"\\027[31m\\226\\128\\174' + "x" * 200 + '"'],
    ("huge.example", "TXT"): [f'"{number:03}" "{"y" * 250}" "{"y" * 250}"' for number in range(110)],
}


def ran(name: str, kind: str | None = None) -> ToolOutput:
    with DnsServer(ZONE) as dns:
        reach = Reach(Outward(AllowList(), [dns.address]))
        given = {"name": name} if kind is None else {"name": name, "type": kind}
        output = DNS_LOOKUP.run(DNS_LOOKUP.read(given), reach)
    assert len(json.dumps(output.data)) < RESULT_MAX_CHARS
    assert len(output.summary) <= 120
    return output


def rules(name: str, kind: str | None = None) -> set[str]:
    return {finding["rule"] for finding in ran(name, kind).data["findings"]}


def test_records_are_shown() -> None:
    output = ran(" Shop.Example ")
    assert output.summary == "1 A record, no findings"
    assert output.data == {
        "name": "shop.example",
        "type": "A",
        "status": "NOERROR",
        "canonical": "shop.example",
        "aliases": [],
        "ttl": TTL,
        "records": ["8.8.8.8"],
        "records_not_listed": 0,
        "withheld": 0,
        "withheld_kinds": [],
        "dnssec_validated": False,
        "counts": {"error": 0, "warning": 0, "info": 0},
        "findings": [],
        "not_listed": 0,
    }


@pytest.mark.parametrize(
    ("name", "kind", "status", "rule"),
    [
        ("gone.example", "A", "NXDOMAIN", "no-such-name"),
        ("shop.example", "AAAA", "NODATA", "no-records"),
        ("shop.example", "CAA", "NODATA", "no-caa"),
        ("broken.example", "A", "SERVFAIL", "servfail"),
    ],
)
def test_no_answer_is_explained(name: str, kind: str, status: str, rule: str) -> None:
    output = ran(name, kind)
    assert output.data["status"] == status
    assert [finding["rule"] for finding in output.data["findings"]] == [rule]
    assert output.summary.startswith(status)


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("shop.example", "MX", set()),
        ("bare.example", "MX", {"no-spf", "no-dmarc"}),
        ("shop.example", "NS", {"single-name-server"}),
        ("shop.example", "TXT", set()),
        ("_dmarc.shop.example", "TXT", {"dmarc-only-watches"}),
        ("loose.example", "TXT", {"several-spf"}),
        ("many.example", "TXT", {"spf-too-many-lookups"}),
        ("a.example", "A", {"long-alias-chain"}),
    ],
)
def test_what_is_wrong_is_found(name: str, kind: str, expected: set[str]) -> None:
    assert rules(name, kind) - {"spf-allows-all"} == expected


def test_inner_addresses_are_withheld() -> None:
    output = ran("inner.example")
    assert (output.data["records"], output.data["withheld"], output.data["withheld_kinds"]) == (
        ["8.8.8.8"],
        1,
        ["private"],
    )
    assert "10.1.2.3" not in json.dumps(output.data)
    assert rules("inner.example") == {"private-address-in-dns"}
    assert output.summary == "1 A record, 1 withheld, 1 warning"


def test_what_others_write_is_only_data() -> None:
    [record] = ran("evil.example", "TXT").data["records"]
    assert record == "[31m" + "x" * 200


def test_a_long_answer_is_shortened() -> None:
    data = ran("huge.example", "TXT").data
    assert data["records"] and len(data["records"]) + data["records_not_listed"] == 110


def test_silence_is_not_charged() -> None:
    with DnsServer(ZONE) as dns:
        out = Outward(AllowList(), [dns.address])
        with pytest.raises(ToolError, match="no answer") as late:
            DNS_LOOKUP.run({"name": "silent.example", "type": "A"}, Reach(Impatient(out)))  # type: ignore[arg-type]
    assert late.value.ours


class Impatient:
    """Pass look-ups on with little time, so that the test is short."""

    def __init__(self, out: Outward) -> None:
        self._out = out

    def lookup(self, name: str, type: str, *, seconds: float = 10.0) -> Any:
        return self._out.lookup(name, type, seconds=min(seconds, 0.3))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("localhost", "A"),
        ("db.internal", "A"),
        ("10.0.0.1", "PTR"),
        ("8.8.8.8", "A"),
        ("a\x00b", "A"),
        ("a" * 64 + ".example", "A"),
        ("  ", "A"),
    ],
)
def test_an_inner_or_impossible_name_is_the_askers_mistake(name: str, kind: str) -> None:
    with pytest.raises(ToolError) as refused:
        ran(name, kind)
    assert not refused.value.ours


@pytest.mark.parametrize(
    "given", [{}, {"name": ""}, {"name": 5}, {"name": "a.example", "type": "ANY"}, {"name": "a" * 261}]
)
def test_wrong_input_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ToolError):
        DNS_LOOKUP.read(given)


def test_the_target_names_what_is_asked() -> None:
    assert DNS_LOOKUP.target({"name": " example.com ", "type": "MX"}) == "example.com MX"
    assert DNS_LOOKUP.target({"name": 5}) == DNS_LOOKUP.target({}) == ""
