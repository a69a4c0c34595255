"""Read JSON bodies strictly: whatever is not exactly what it should be is refused before anything happens."""

import json
import re
from typing import Any, NoReturn, TypeVar

from flask import request

from errors import AppError, InvalidInput
from services.texts import is_storable

LARGEST = 2**63 - 1
"""The largest whole number that the databases keep."""
T = TypeVar("T")
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")


def read_json() -> dict[str, Any]:
    """Return the JSON object in the request's body.

    Raises 415 `unsupported_media_type` for any other content type, and 400 `invalid_json` for what is broken, not an
    object, nested absurdly deep, not UTF-8, or holds a number that no JSON has (NaN, Infinity, thousands of digits).
    """
    if not is_json():
        raise unsupported_media_type()
    try:
        # Not request.get_json(): it takes NaN, and a RecursionError would leave it as a fault of ours.
        body = json.loads(request.get_data().decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise AppError(400, "invalid_json", "The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise AppError(400, "invalid_json", "The body must be a JSON object.")
    return body


def read_nothing() -> None:
    """Let a call that needs no words come without a body, or with any JSON object; raises as `read_json`."""
    if request.get_data():
        read_json()


def is_json() -> bool:
    """Say whether the request's content type is JSON."""
    return request.mimetype == "application/json"


def unsupported_media_type() -> AppError:
    """Return the refusal of a body that should have been JSON."""
    return AppError(415, "unsupported_media_type", "Send the body as JSON, with Content-Type: application/json.")


def text(body: dict[str, Any], name: str, *, maximum: int = 10_000) -> str:
    """Return a string of the body; raises InvalidInput, also where it is missing or null."""
    return _required(name, optional_text(body, name, maximum=maximum))


def optional_text(body: dict[str, Any], name: str, *, maximum: int = 10_000) -> str | None:
    """Return a string of the body, None where it is missing or null; raises InvalidInput."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidInput({name: f"{name} must be a string."})
    if len(value) > maximum:
        raise InvalidInput({name: f"{name} can have at most {maximum:,} characters."})
    if not is_storable(value):
        raise InvalidInput({name: f"{name} has characters that cannot be stored."})
    return value


def flag(body: dict[str, Any], name: str) -> bool:
    """Return true or false of the body, false where it is missing or null; raises InvalidInput."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise InvalidInput({name: f"{name} must be true or false."})
    return bool(value)


def integer(body: dict[str, Any], name: str, *, minimum: int, maximum: int) -> int:
    """Return a whole number of the body; raises InvalidInput, also where it is missing or null."""
    return _required(name, optional_integer(body, name, minimum=minimum, maximum=maximum))


def optional_integer(body: dict[str, Any], name: str, *, minimum: int, maximum: int) -> int | None:
    """Return a whole number of the body, None where it is missing or null.

    Raises InvalidInput; `true`, `1.0` and `"1"` are not whole numbers here.
    """
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidInput({name: f"{name} must be a whole number."})
    return _in_range(name, value, minimum, maximum)


def query_integer(name: str, *, default: int, minimum: int = 0, maximum: int = LARGEST) -> int:
    """Return a whole number of the query string, or the default where it is not given; raises InvalidInput."""
    value = optional_query_integer(name, minimum=minimum, maximum=maximum)
    return default if value is None else value


def optional_query_integer(name: str, *, minimum: int = 0, maximum: int = LARGEST) -> int | None:
    """Return a whole number of the query string, None where it is not given; raises InvalidInput."""
    value = request.args.get(name)
    if value is None:
        return None
    if not _WHOLE_NUMBER.fullmatch(value):
        raise InvalidInput({name: f"{name} must be a whole number."})
    return _in_range(name, int(value), minimum, maximum)


def _required(name: str, value: T | None) -> T:
    if value is None:
        raise InvalidInput({name: f"{name} is missing."})
    return value


def _in_range(name: str, value: int, minimum: int, maximum: int) -> int:
    if not minimum <= value <= maximum:
        raise InvalidInput({name: f"{name} must be from {minimum:,} to {maximum:,}."})
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
