"""Show that networks and addresses are read as Kubernetes and Docker read them."""

import pytest

from agent.networks import is_address, network_of


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.0.0.0/16", "10.0.0.0/16"),
        ("10.0.0.7/16", "10.0.0.0/16"),
        (" 010.000.0.1/8", "10.0.0.0/8"),
        ("::/0", "::/0"),
        ("2001:DB8::1/48", "2001:db8::/48"),
    ],
)
def test_a_network_is_read_with_its_host_bits(text: str, network: str) -> None:
    assert str(network_of(text)) == network


@pytest.mark.parametrize(
    "text", ["10.0.0.300/33", "10.0.0.0/33", "10.0.0.0", "10.0.0.0/255.0.0.0", "::/129", "", "10.0.0/8", "1" * 9999]
)
def test_what_is_no_network_is_told_apart(text: str) -> None:
    assert network_of(text) is None


def test_an_address_is_told_from_a_name() -> None:
    assert is_address("10.0.0.1") and is_address("::1")
    assert not is_address("None") and not is_address("10.0.0.1/8") and not is_address("shop.example.com")
