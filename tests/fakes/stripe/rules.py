"""Hold what clients send to the types of the provider's own SDK, so that a misspelt parameter is refused.

The SDK describes every call's parameters as a TypedDict. A reader is made of it when a call is first used; it turns the
words of a form into the values that the types promise. The SDK leaves enumerations open (`Literal[...] | str`); the API
does not, nor do these readers.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from types import UnionType
from typing import Any, Literal, NotRequired, Required, Union, get_args, get_origin, get_type_hints

from typing_extensions import is_typeddict

from stripe import RequestOptions
from stripe._stripe_object import UntypedStripeObject
from tests.fakes.stripe.wire import Refused

Reader = Callable[[Any, str], Any]
_INTEGER = re.compile(r"-?\d{1,18}")
_OPTIONS = set(RequestOptions.__annotations__)


def read_params(described_by: type, given: dict[str, Any]) -> dict[str, Any]:
    """Return a call's parameters as the SDK's TypedDict describes them; refuse what it does not know."""
    read: dict[str, Any] = _dictionary(described_by)(given, "")
    return read


@cache
def _dictionary(described_by: Any) -> Reader:
    hints = get_type_hints(described_by, localns={"StripeContext": str, "Mapping": Mapping}, include_extras=True)
    fields = {name: hint for name, hint in hints.items() if name not in _OPTIONS}
    required = described_by.__required_keys__ & set(fields)
    readers: dict[str, Reader] = {}

    def read(value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Refused(400, f"Invalid object: {path}", param=path, code="parameter_invalid_empty")
        read: dict[str, Any] = {}
        for name, inner in value.items():
            where = f"{path}[{name}]" if path else name
            if name not in fields:
                raise Refused(400, f"Received unknown parameter: {where}", param=where, code="parameter_unknown")
            if name not in readers:
                readers[name] = _reader(fields[name])
            read[name] = readers[name](inner, where)
        for name in required - set(value):
            where = f"{path}[{name}]" if path else name
            raise Refused(400, f"Missing required param: {where}.", param=where, code="parameter_missing")
        return read

    return read


def _reader(hint: Any) -> Reader:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (NotRequired, Required):
        return _reader(arguments[0])
    if is_typeddict(hint):
        return _dictionary(hint)
    if origin in (Union, UnionType):
        return _union(arguments)
    if origin is list:
        return _list(_reader(arguments[0]))
    if origin in (dict, UntypedStripeObject):
        return _mapping(_reader(arguments[-1]))
    if origin is Literal:
        return _literal(arguments)
    return _SCALARS.get(hint, _text)


def _union(arms: tuple[Any, ...]) -> Reader:
    closed = any(get_origin(arm) is Literal and any(get_args(arm)) for arm in arms)
    kept = [arm for arm in arms if arm is not type(None) and not (closed and arm is str)]
    nests = [_reader(arm) for arm in kept if _is_nested(arm)]
    words = [_reader(arm) for arm in sorted((arm for arm in kept if not _is_nested(arm)), key=lambda arm: arm is str)]

    def read(value: Any, path: str) -> Any:
        refusal: Refused | None = None
        for arm in nests if isinstance(value, dict) else words or nests:
            try:
                return arm(value, path)
            except Refused as error:
                refusal = refusal or error
        raise refusal or Refused(400, f"Invalid value for {path}", param=path)

    return read


def _is_nested(arm: Any) -> bool:
    return is_typeddict(arm) or get_origin(arm) in (list, dict, UntypedStripeObject)


def _list(inner: Reader) -> Reader:
    def read(value: Any, path: str) -> list[Any]:
        if not isinstance(value, dict) or not all(key.isdigit() for key in value):
            raise Refused(400, f"Invalid array: {path}", param=path)
        return [inner(value[key], f"{path}[{key}]") for key in sorted(value, key=int)]

    return read


def _mapping(inner: Reader) -> Reader:
    def read(value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Refused(400, f"Invalid hash: {path}", param=path)
        return {key: inner(one, f"{path}[{key}]") for key, one in value.items()}

    return read


def _literal(choices: tuple[Any, ...]) -> Reader:
    by_word = {str(choice).lower() if isinstance(choice, bool) else choice: choice for choice in choices}

    def read(value: Any, path: str) -> Any:
        if not isinstance(value, str) or value not in by_word:
            listed = ", ".join(str(word) for word in list(by_word)[:20])
            raise Refused(400, f"Invalid {path}: must be one of {listed}", param=path)
        return by_word[value]

    return read


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise Refused(400, f"Invalid string: {path}", param=path)
    return value


def _integer(value: Any, path: str) -> int:
    if not isinstance(value, str) or not _INTEGER.fullmatch(value):
        raise Refused(400, f"Invalid integer: {value}", param=path, code="parameter_invalid_integer")
    return int(value)


def _boolean(value: Any, path: str) -> bool:
    if value not in ("true", "false"):
        raise Refused(400, f"Invalid boolean: {value}", param=path)
    return bool(value == "true")


def _number(value: Any, path: str) -> str:
    try:
        return str(Decimal(value))
    except (InvalidOperation, TypeError, ValueError):
        raise Refused(400, f"Invalid decimal: {value}", param=path) from None


_SCALARS: dict[Any, Reader] = {str: _text, int: _integer, bool: _boolean, float: _number, Decimal: _number}
