"""Show that secrets are found with their lines and what to do, and that no value ever comes back."""

import json
import time
from typing import Any

import pytest

from agent.redaction import redact
from agent.tools.secrets.scan import SECRET_SCAN
from agent.types import ToolError
from tests.agent.tools.support import NOWHERE

AWS_ID = "AKI" + "AZ7QK4M2WXPL3TNRV"
GITHUB = "gh" + "p_" + "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"
TELEGRAM = "123456789:" + "AA" + "Fh3kLmN9pQrStUvWxYz0123456789abcd"
CHANCE = "Zx81kQ0vT7" + "mWp3LrNs9Yb2HcUe5GaDf4"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEA\n-----END CERTIFICATE-----"


def scan(text: str) -> dict[str, Any]:
    return SECRET_SCAN.run(SECRET_SCAN.read({"text": text}), NOWHERE).data


def found(text: str) -> list[tuple[str, str, int]]:
    return [(one["rule"], one["severity"], one["line"]) for one in scan(text)["findings"]]


def test_each_kind_is_told_with_its_lines_and_where_to_revoke_it() -> None:
    text = f"a\nkey = {AWS_ID}\nurl = postgres://bob:hunter2@db/x\ntoken: {GITHUB}\nagain {GITHUB}\nbot {TELEGRAM}\n"
    data = scan(text)
    assert [(one["rule"], one["severity"], one["line"]) for one in data["findings"]] == [
        ("aws-access-key", "error", 2),
        ("password", "error", 3),
        ("github-token", "error", 4),
        ("telegram-bot-token", "error", 6),
    ]
    assert "lines 4, 5" in data["findings"][2]["message"]
    assert "IAM" in data["findings"][0]["fix"]
    assert data["kinds"] == ["aws-access-key", "github-token", "password", "telegram-bot-token"]


def test_no_part_of_a_value_comes_back() -> None:
    text = f"key = {AWS_ID}\nDB_PASSWORD=hunter2hunter2\n{GITHUB} {TELEGRAM}\nx = '{CHANCE}'\n"
    shown = json.dumps(scan(text))
    for secret in (AWS_ID, "hunter2hunter2", GITHUB, TELEGRAM, CHANCE):
        assert not any(secret[at : at + 6] in shown for at in range(len(secret) - 6))


def test_markers_count_as_secrets_that_stood_there() -> None:
    data = scan("one\nkey: <redacted:github-token>\n")
    assert [(one["rule"], one["line"]) for one in data["findings"]] == [("github-token", 2)]
    assert "removed before anything was stored" in data["findings"][0]["message"]


def test_a_string_that_looks_generated_is_a_hint() -> None:
    assert found(f'value = "{CHANCE}"') == [("high-entropy-string", "info", 1)]


def test_the_examples_of_a_manual_are_no_more_than_a_hint() -> None:
    text = (
        "AWS_ACCESS_KEY_ID=AKI"
        + "AIOSFODNN7EXAMPLE\nAWS_SECRET_ACCESS_KEY=wJalrXUtnFEM"
        + "I/K7MDENG/bPxRfiCYEXAMPLEKEY"
    )
    for shown in (text, redact(text)):
        assert found(shown) == [("aws-example-key", "info", 1)]
    assert "opens nothing" in scan(text)["findings"][0]["why"]


@pytest.mark.parametrize(
    "text",
    [
        "password: ${DB_PASSWORD}\nimage: web@sha256:" + "0123456789abcdef" * 4,
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        'revision = "9fceb02d0ae598e95dc970b74767f19372d61af89fceb02d0ae598e95dc970b7"',
        'integrity "sha512-' + CHANCE * 3 + '"',
        CERTIFICATE,
        'id = "550e8400-e29b-41d4-a716-446655440000"',
        "APACHEHTTPDSERVER is fine",
        'RUN adduser --disabled-password --gecos "" app',
        "mysqladmin --no-password ping",
        "kind: SealedSecret\nspec:\n  encryptedData:\n    password: AgBy3i4OJSWK+PiTySYZZA9rO43cGDEq" + CHANCE * 20,
        '"kid": "' + CHANCE + '"',
        'path: "/usr/local/share/Zx81kQ0vT7/mWp3LrNs/9Yb2HcUe5GaDf4"',
        "FROM python:3.12-slim\nRUN pip install --no-cache-dir flask==3.1.0\n",
    ],
)
def test_ordinary_text_has_no_findings(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "raw", [{}, {"text": ""}, {"text": "x" * 200_001}, {"text": 5}, {"text": "x", "y": 1}, {"text": "\ud800"}]
)
def test_input_out_of_bounds_is_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(ToolError):
        SECRET_SCAN.read(raw)


@pytest.mark.parametrize(
    "text",
    ["a" * 200_000, "x = '" * 40_000, "api_key:" * 25_000, '"' * 200_000, "\n" * 199_999, "k=\x00\u2028" * 40_000,
     "softlayer_key " * 14_000, ("cloudant-" * 20 + "\n") * 1_000, "abcdefgh123 " * 16_000],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_hostile_text_takes_no_time(text: str) -> None:
    began = time.process_time()
    scan(text)
    assert time.process_time() - began < 2.5
