"""Show that whatever is wrong with settings is told of the field that it is about, in words without the value."""

from typing import Any

import pytest

from agent.kinds import KINDS
from agent.types import BadSetting

KEY = "AKIAFAKEFAKEFAKE1234"
SECRET = "fake/secret+of/alice0123456789abcdefghijk"
AWS = {"access_key_id": KEY, "secret_access_key": SECRET, "region": "eu-west-1"}
CLUSTER = {"server": "https://k.example", "token": "a-token"}


@pytest.mark.parametrize(
    ("kind", "raw", "field"),
    [
        ("github", {}, "token"),
        ("github", {"token": "a b c d e f"}, "token"),
        ("github", {"token": "a-token-of-alice", "api_url": "ftp://x"}, "api_url"),
        ("aws", {**AWS, "access_key_id": "ASIA1234567890123456"}, "access_key_id"),
        ("aws", {**AWS, "access_key_id": "key"}, "access_key_id"),
        ("aws", {**AWS, "secret_access_key": "short"}, "secret_access_key"),
        ("aws", {**AWS, "region": "Ireland"}, "region"),
        ("aws", {**AWS, "endpoint_url": "localhost"}, "endpoint_url"),
        ("prometheus", {"url": "x"}, "url"),
        ("prometheus", {"url": "http://prom.example.com", "token": "a-token"}, "url"),
        ("prometheus", {"url": "https://prom.example.com", "token": "a b"}, "token"),
        ("loki", {"url": "https://loki.example.com", "tenant": "a b"}, "tenant"),
        ("kubernetes", {}, "kubeconfig"),
        ("kubernetes", {"token": "a-token"}, "server"),
        ("kubernetes", {"server": "https://k.example"}, "token"),
        ("kubernetes", {**CLUSTER, "server": "http://k.example"}, "server"),
        ("kubernetes", {**CLUSTER, "token": "a b"}, "token"),
        ("kubernetes", {**CLUSTER, "ca": "no certificate"}, "ca"),
        ("kubernetes", {**CLUSTER, "kubeconfig": "clusters: []"}, "kubeconfig"),
        ("kubernetes", {"kubeconfig": "clusters: ["}, "kubeconfig"),
        ("kubernetes", {"kubeconfig": "clusters: []\nusers: [{token: a, server: b, ca: c}]"}, "kubeconfig"),
    ],
)
def test_a_bad_setting_is_named(kind: str, raw: dict[str, Any], field: str) -> None:
    with pytest.raises(BadSetting) as raised:
        KINDS[kind].read(raw)
    assert list(raised.value.fields) == [field]


@pytest.mark.parametrize("kind", list(KINDS))
def test_what_is_no_text_is_told_of_every_field(kind: str) -> None:
    for odd, words in (
        (5, "must be text"),
        ("a\0b", "no text"),
        ("a\ud800b", "no text"),
        ("x" * 200_001, "longer than 200,000 characters"),
    ):
        keys = [field.key for field in KINDS[kind].fields]
        with pytest.raises(BadSetting) as raised:
            KINDS[kind].read(dict.fromkeys(keys, odd))
        assert list(raised.value.fields) == keys
        assert all(words in told for told in raised.value.fields.values())


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("raw", [None, [], "x", {"nonsense": "x"}, {5: "x"}], ids=str)
def test_what_no_field_is_about_is_told_of_the_settings(kind: str, raw: object) -> None:
    with pytest.raises(BadSetting) as raised:
        KINDS[kind].read(raw)
    assert list(raised.value.fields) == ["settings"]
