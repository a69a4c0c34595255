"""Read plain YAML scalars as the program that a file is written for would read them.

YAML 1.1 and 1.2 disagree on `on`, `yes`, `0644` and `22:22`, and every reader has its own mixture:
Kubernetes reads with go-yaml 2, Compose with go-yaml 3, GitHub follows the core schema of YAML 1.2, GitLab is Ruby.
"""

import math
import re
from dataclasses import dataclass
from typing import Literal

Dialect = Literal["kubernetes", "compose", "github", "gitlab"]
Plain = str | int | float | bool | None

# A number with more characters stays text: reading it would cost much and tell nothing.
NUMBER_MAX = 40

_TRUE = {"true", "True", "TRUE"}
_FALSE = {"false", "False", "FALSE"}
_NULL = {"", "~", "null", "Null", "NULL"}
_WORDS_TRUE = {"yes", "Yes", "YES", "on", "On", "ON"}
_WORDS_FALSE = {"no", "No", "NO", "off", "Off", "OFF"}


@dataclass(frozen=True)
class _Rules:
    """What one reader makes of plain scalars."""

    true: frozenset[str]
    false: frozenset[str]
    old_octal: bool
    """Whether `0644` is 420."""
    underscores: bool
    """Whether `1_000` is 1000."""
    base_sixty: bool
    """Whether `22:22` is 1342."""


def _rules(
    true: set[str], false: set[str], *, old_octal: bool = False, underscores: bool = False, base_sixty: bool = False
) -> _Rules:
    return _Rules(frozenset(_TRUE | true), frozenset(_FALSE | false), old_octal, underscores, base_sixty)


_DIALECTS: dict[Dialect, _Rules] = {
    "kubernetes": _rules(_WORDS_TRUE | {"y", "Y"}, _WORDS_FALSE | {"n", "N"}, old_octal=True, underscores=True),
    "compose": _rules(set(), set(), old_octal=True, underscores=True),
    "github": _rules(set(), set()),
    "gitlab": _rules(_WORDS_TRUE, _WORDS_FALSE, old_octal=True, underscores=True, base_sixty=True),
}

_DECIMAL = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"[-+]?0(?:x[0-9a-fA-F]+|o[0-7]+|b[01]+)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SIXTY = re.compile(r"[-+]?[1-9][0-9]*(?::[0-5]?[0-9])+")
_OCTAL = re.compile(r"[-+]?0[0-7]+")


def resolve(text: str, dialect: Dialect) -> Plain:
    """Return the value of an unquoted scalar; infinities and NaN, which JSON can't hold, stay text."""
    rules = _DIALECTS[dialect]
    if text in _NULL:
        return None
    if text in rules.true:
        return True
    if text in rules.false:
        return False
    # Dates stay text in all four.
    return text if len(text) > NUMBER_MAX else _number(text, rules)


def _number(text: str, rules: _Rules) -> Plain:
    digits = text.replace("_", "") if rules.underscores and text[0] in "+-.0123456789" else text
    if rules.old_octal and _OCTAL.fullmatch(digits):
        return int(digits, 8)
    if _DECIMAL.fullmatch(digits):
        return int(digits)
    if _BASED.fullmatch(digits):
        return int(digits, 0)
    if _FLOAT.fullmatch(digits):
        number = float(digits)
        return number if math.isfinite(number) else text
    if rules.base_sixty and _SIXTY.fullmatch(digits):
        return _base_sixty(digits)
    return text


def _base_sixty(digits: str) -> int:
    total = 0
    for part in digits.lstrip("+-").split(":"):
        total = total * 60 + int(part)
    return -total if digits.startswith("-") else total


def key_text(value: Plain, text: str) -> str:
    """Return the name of a mapping's key; readers that build JSON spell what they resolved, so `on` becomes `true`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return text or "null"
    return str(value) if isinstance(value, int) else text
