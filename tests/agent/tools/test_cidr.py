"""Show that networks are calculated as a network engineer would."""

import json
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.outcomes import RESULT_MAX_CHARS
from agent.tools.cidr import CIDR_CALC, MAX_NETWORKS, calculate
from agent.types import ToolError


def one(cidr: str) -> dict[str, Any]:
    details = calculate([cidr], None)["networks"][0]
    assert isinstance(details, dict)
    return details


def test_an_ordinary_network() -> None:
    assert one("10.1.2.0/24") == {
        "input": "10.1.2.0/24",
        "network": "10.1.2.0/24",
        "host_bits_set": False,
        "netmask": "255.255.255.0",
        "wildcard": "0.0.0.255",
        "first": "10.1.2.0",
        "last": "10.1.2.255",
        "first_usable": "10.1.2.1",
        "last_usable": "10.1.2.254",
        "usable_hosts": 254,
        "addresses": 256,
        "kind": "private",
    }


@pytest.mark.parametrize(
    ("cidr", "network", "usable"),
    [
        ("10.0.0.5/24", "10.0.0.0/24", 254),
        ("10.0.0.0/255.255.252.0", "10.0.0.0/22", 1022),
        ("192.0.2.0/31", "192.0.2.0/31", 2),
        ("192.0.2.7", "192.0.2.7/32", 1),
        ("0.0.0.0/0", "0.0.0.0/0", 2**32 - 2),
        (" 2001:DB8::/126 ", "2001:db8::/126", 4),
        ("2001:db8::/48", "2001:db8::/48", str(2**80)),
        ("::/0", "::/0", str(2**128)),
    ],
)
def test_hosts_are_counted(cidr: str, network: str, usable: int | str) -> None:
    details = one(cidr)
    assert (details["network"], details["usable_hosts"]) == (network, usable)


def test_host_bits_are_pointed_out() -> None:
    assert one("10.0.0.5/24")["host_bits_set"] is True
    assert one("10.0.0.5")["host_bits_set"] is False


@pytest.mark.parametrize(
    ("cidr", "kind"),
    [
        ("8.8.8.0/24", "public"),
        ("172.16.0.0/12", "private"),
        ("172.32.0.0/16", "public"),
        ("192.168.1.0/24", "private"),
        ("100.64.0.0/10", "shared (carrier-grade NAT)"),
        ("127.0.0.1", "loopback"),
        ("169.254.169.254", "link-local"),
        ("198.51.100.0/24", "documentation"),
        ("224.0.0.1", "multicast"),
        ("10.0.0.0/7", "mixed"),
        ("0.0.0.0/0", "mixed"),
        ("2606:4700::/32", "public"),
        ("fd00::/8", "private (unique local)"),
        ("fe80::1", "link-local"),
        ("::1", "loopback"),
        ("ff02::1", "multicast"),
        ("64:ff9b::/96", "NAT64"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.1.0/24", "public"),
        ("100::1", "discard"),
        ("2001::/32", "protocol assignments"),
        ("2001:200::/32", "public"),
    ],
)
def test_the_kind_of_addresses_is_named(cidr: str, kind: str) -> None:
    assert one(cidr)["kind"] == kind


def test_overlaps_are_found_and_named() -> None:
    found = calculate(["10.1.0.0/16", "10.0.0.0/8", "10.1.0.0/16", "192.168.0.0/24", "2001:db8::/32"], None)
    assert found["overlaps"] == [
        {"a": "10.0.0.0/8", "b": "10.1.0.0/16", "relation": "a contains b"},
        {"a": "10.1.0.0/16", "b": "10.1.0.0/16", "relation": "same"},
        {"a": "10.0.0.0/8", "b": "10.1.0.0/16", "relation": "a contains b"},
    ]
    assert found["collapsed"] == ["10.0.0.0/8", "192.168.0.0/24", "2001:db8::/32"]


def test_neighbours_are_joined() -> None:
    assert calculate(["10.0.0.0/25", "10.0.0.128/25", "10.0.1.0/24"], None)["collapsed"] == ["10.0.0.0/23"]


def test_a_split_lists_the_subnets() -> None:
    split = calculate(["10.0.0.0/16"], 20)["split"]
    assert (split["count"], split["listed"], split["usable_hosts_each"]) == (16, 16, 4094)
    assert split["subnets"][:2] == ["10.0.0.0/20", "10.0.16.0/20"]


@pytest.mark.parametrize(("cidr", "prefix", "count"), [("10.0.0.0/8", 32, 2**24), ("::/0", 128, str(2**128))])
def test_a_huge_split_is_counted_but_not_listed(cidr: str, prefix: int, count: int | str) -> None:
    split = calculate([cidr], prefix)["split"]
    assert (split["count"], split["listed"], len(split["subnets"])) == (count, 256, 256)


@pytest.mark.parametrize(
    ("cidrs", "prefix", "words"),
    [
        (["10.0.0.0/33"], None, "0 to 32"),
        (["2001:db8::/129"], None, "0 to 128"),
        (["300.1.1.1/8"], None, "not a valid"),
        (["010.0.0.1"], None, "not a valid"),
        (["hello"], None, "hello"),
        ([""], None, "not a valid"),
        (["fe80::1%eth0/64"], None, "zone"),
        (["x" * 10_000_000], None, "too long"),
        (["10.0.0.0/24"], 16, "larger"),
        (["10.0.0.0/24"], 64, "longest prefix is /32"),
    ],
)
def test_it_says_what_is_wrong(cidrs: list[str], prefix: int | None, words: str) -> None:
    with pytest.raises(ToolError) as refusal:
        calculate(cidrs, prefix)
    assert words in str(refusal.value)
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize(
    "raw",
    [
        {"cidrs": []},
        {"cidrs": "10.0.0.0/8"},
        {"cidrs": [5]},
        {"cidrs": [None]},
        {"cidrs": ["10.0.0.0/8"] * (MAX_NETWORKS + 1)},
        {"cidrs": ["10.0.0.0/8"], "split_prefix": 129},
        {"cidrs": ["10.0.0.0/8"], "split_prefix": -1},
        {"cidrs": ["10.0.0.0/8"], "split_prefix": 20.0},
        {"cidrs": ["10.0.0.0/8"], "split_prefix": True},
        {"cidrs": ["10.0.0.0/8"], "split_prefix": "20"},
    ],
)
def test_input_out_of_bounds_is_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(ToolError):
        CIDR_CALC.read(raw)


def test_the_largest_result_still_fits() -> None:
    cidrs = [f"{index + 0x1000:x}:ffff:ffff:ffff:ffff:ffff:ffff:ff00/120" for index in range(0, MAX_NETWORKS)]
    result = calculate(cidrs, 128)
    assert len(json.dumps(result, separators=(",", ":"))) < RESULT_MAX_CHARS
    nested = [f"2001:db8::/{prefix % 100 + 20}" for prefix in range(MAX_NETWORKS)]
    assert len(json.dumps(calculate(nested, 126), separators=(",", ":"))) < RESULT_MAX_CHARS


fours = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(lambda n: IPv4Network((n[0], n[1]), strict=False))
sixes = st.tuples(st.integers(0, 2**128 - 1), st.integers(0, 128)).map(
    lambda n: IPv6Network((n[0], n[1]), strict=False)
)


@given(st.lists(fours | sixes, min_size=1, max_size=12))
@settings(deadline=None)
def test_it_agrees_with_the_standard_library(networks: list[IPv4Network | IPv6Network]) -> None:
    found = calculate([str(network) for network in networks], None)
    pairs = sum(
        first.overlaps(second)
        for index, first in enumerate(networks)
        for second in networks[index + 1 :]
        if first.version == second.version
    )
    assert found["overlap_count"] == pairs
    collapsed = [ip_network(text) for text in found["collapsed"]]
    for network in networks:
        assert any(network.version == outer.version and network.subnet_of(outer) for outer in collapsed)  # type: ignore[arg-type]
    assert all(details["host_bits_set"] is False for details in found["networks"])


def test_the_label_stays_short() -> None:
    assert CIDR_CALC.target({"cidrs": ["10.0.0.0/8"] * 5}) == "10.0.0.0/8, 10.0.0.0/8, 10.0.0.0/8 and 2 more"
    assert len(CIDR_CALC.target({"cidrs": ["x" * 10_000]})) < 60
    assert CIDR_CALC.target({"cidrs": "10.0.0.0/8"}) == ""
