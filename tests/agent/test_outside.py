"""Show when a refusal of the guard tells that an operator can open the place."""

import pytest

from agent.outside import ALLOW_HINT, PORT_HINT, refused
from clients.reach import Refused


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("private", ALLOW_HINT),
        ("loopback", ALLOW_HINT),
        ("shared", ALLOW_HINT),
        ("unique_local", ALLOW_HINT),
        ("link_local", ""),
        ("benchmarking", ALLOW_HINT),
        ("internal_name", ALLOW_HINT),
        ("metadata", ""),
        ("azure_wireserver", ""),
        ("multicast", ""),
        ("blocked_port", PORT_HINT),
        ("bad_port", ""),
        ("bad_url", ""),
        ("credentials_in_url", ""),
    ],
)
def test_only_where_somebodys_server_may_be_a_hint_is_given(reason: str, hint: str) -> None:
    error = refused(Refused(reason, "It is refused."), "Grafana")
    assert str(error) == "Grafana was not asked: It is refused." + (f" {hint}" if hint else "")
    assert error.ours is True
