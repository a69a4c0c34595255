"""Show actions of the agent so that nothing in them passes for something else."""

import json
from datetime import timedelta

import pytest

from agent.types import RefundReason
from routes import showing
from services.transaction import utcnow
from services.views import iso


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("deployment web", "deployment web"),
        ("a\nb\tc", "a\nb\tc"),
        ("prod\u202edorp", "prod\\u202edorp"),
        ("we\u200bb", "we\\u200bb"),
        ("\x1b[31mred", "\\u001b[31mred"),
        ("a\u2028b", "a\\u2028b"),
        ("web\u3164\ufe0f\u00a0", "web\\u3164\\ufe0f\\u00a0"),
        ("web\U000e0041", "web\\U000e0041"),
        ("Größe, 中文, é", "Größe, 中文, é"),
        (5, "5"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: object, shown: str) -> None:
    assert showing.visible(text) == shown


def test_an_input_is_shown_key_by_key() -> None:
    given = {"name": "web", "replicas": 5, "wait": True, "cidrs": ["a", "b"], "inputs": {"x": 1}, "tz": None, "ref": ""}
    rows = {row["key"]: row["value"] for row in showing.input_rows(given)}
    assert rows == {
        "name": "web",
        "replicas": "5",
        "wait": "true",
        "cidrs": "a\nb",
        "inputs": '{\n  "x": 1\n}',
        "tz": "not given",
        "ref": "(empty)",
    }
    assert showing.input_rows(json.dumps(given)) == showing.input_rows(given)


@pytest.mark.parametrize("given", [None, [], "no json", "[" * 100_000, 5])
def test_an_odd_input_has_no_rows(given: object) -> None:
    assert showing.input_rows(given) == []


def test_findings_are_told_from_other_output() -> None:
    one = {"rule": "no-limit", "severity": "error", "message": "No limit", "line": 7, "fix": "a\nb"}
    found = showing.findings(json.dumps({"findings": [one, {"message": "x", "severity": "odd"}], "not_listed": 3}))
    assert found is not None and found["not_listed"] == 3
    first, second = found["listed"]
    assert (first["severity"], first["line"], first["fix_is_code"], first["why"]) == ("error", 7, True, "")
    assert (second["severity"], second["line"]) == ("info", None)


@pytest.mark.parametrize(
    "output", ["", "text", "[]", "{}", '{"findings": {}}', '{"findings": ["x"]}', '{"findings": [{}]}', "[" * 100_000]
)
def test_other_output_is_shown_as_it_is(output: str) -> None:
    assert showing.findings(output) is None


@pytest.mark.parametrize(
    ("note", "words"),
    [
        ("timeout", "it took too long"),
        ("outcome_unknown", "outcome unknown"),
        ("abandoned", "the server stopped while it ran"),
        ("internal_error", "it failed on our side"),
        (None, "it failed on our side"),
        ("The cluster did not answer.", "The cluster did not answer"),
        # As rows that are older have it.
        ("OperationalError", "it failed on our side"),
        ("The server stopped in the middle of this answer.", "The server stopped in the middle of this answer"),
    ],
)
def test_a_refund_says_why(note: str | None, words: str) -> None:
    assert showing.refund_words(note) == words


@pytest.mark.parametrize("reason", RefundReason)
def test_every_reason_of_a_refund_has_words(reason: RefundReason) -> None:
    assert " " in showing.refund_words(reason)


@pytest.mark.parametrize(
    ("plan", "pack", "words"), [(1, 0, "plan"), (0, 2, "packs"), (3, 2, "3 plan, 2 packs"), (0, 0, "")]
)
def test_a_line_of_a_receipt_says_who_paid(plan: int, pack: int, words: str) -> None:
    assert showing.bucket_words({"plan": plan, "pack": pack}) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "in less than a minute"),
        (59, "in less than a minute"),
        (90, "in 1 minute"),
        (59 * 60 + 30, "in 59 minutes"),
        (119 * 60 + 30, "in 119 minutes"),
        (121 * 60, "in 2 hours"),
        (49 * 3600, "in 2 days"),
    ],
)
def test_time_that_is_left_is_said_in_words(seconds: int, words: str) -> None:
    until = iso(utcnow() + timedelta(seconds=seconds))
    assert showing.until(until) == words
    assert 0 <= showing.seconds_left(until) <= max(0, seconds)


def test_code_in_a_text_is_told_apart() -> None:
    assert showing.code_spans("Set `a: b` or `c`.") == [
        {"code": False, "text": "Set "},
        {"code": True, "text": "a: b"},
        {"code": False, "text": " or "},
        {"code": True, "text": "c"},
        {"code": False, "text": "."},
    ]
