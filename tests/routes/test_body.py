"""Read fields strictly."""

import pytest
from flask import Flask

from errors import InvalidInput
from routes import body


@pytest.mark.parametrize("value", [1, 0, -5, 2**31 - 1])
def test_whole_numbers_are_read(value: int) -> None:
    assert body.integer({"n": value}, "n", minimum=-10, maximum=2**31 - 1) == value


@pytest.mark.parametrize("value", [True, False, 1.0, 1.5, "1", [], {}, 10**30, -11, 2**31])
def test_anything_else_is_not_a_whole_number(value: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        body.integer({"n": value}, "n", minimum=-10, maximum=2**31 - 1)
    assert list(refused.value.details["fields"]) == ["n"]


@pytest.mark.parametrize("value", ["", "words", "Ü 🙂 \n\t", "x" * 10])
def test_texts_are_read(value: str) -> None:
    assert body.text({"t": value}, "t", maximum=10) == value


@pytest.mark.parametrize("value", [1, True, ["x"], {"x": 1}, "x" * 11, "a\0b", "\ud800", "\udfff\ud800"])
def test_anything_else_is_not_a_text(value: object) -> None:
    with pytest.raises(InvalidInput):
        body.text({"t": value}, "t", maximum=10)


def test_what_is_missing_is_refused_or_none() -> None:
    for given in ({}, {"x": None}):
        assert body.optional_text(given, "x") is None
        assert body.optional_integer(given, "x", minimum=1, maximum=2) is None
        with pytest.raises(InvalidInput):
            body.text(given, "x")
        with pytest.raises(InvalidInput):
            body.integer(given, "x", minimum=1, maximum=2)


def test_numbers_of_the_query_are_read() -> None:
    flask = Flask(__name__)
    with flask.test_request_context("/?limit=5"):
        assert body.query_integer("limit", default=50, minimum=1, maximum=200) == 5
        assert body.query_integer("offset", default=0) == 0
        assert body.query_integer("cursor", default=None) is None


@pytest.mark.parametrize(
    "value", ["", "0", "201", "-1", "x", "1.5", "1e2", "%2B1", "1_0", "%D9%A1", "9" * 5000, "%201"]
)
def test_anything_else_in_the_query_is_refused(value: str) -> None:
    with Flask(__name__).test_request_context(f"/?limit={value}"), pytest.raises(InvalidInput):
        body.query_integer("limit", default=50, minimum=1, maximum=200)
