"""Read the quantities of Kubernetes, such as 250m, 1.5Gi and 1e3."""

import re
from decimal import Decimal, localcontext

_QUANTITY = re.compile(
    r"[+-]?([0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?[0-9]{1,3}))?"
)
_SUFFIXES = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}


def quantity(value: object) -> Decimal | None:
    """Return the number that a quantity stands for, or None if it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    match = _QUANTITY.fullmatch(str(value))
    if not match:
        return None
    number, suffix, exponent = match.groups()
    with localcontext(prec=80):
        result = Decimal(number)
        if suffix in _BINARY:
            result *= 1024 ** _BINARY[suffix]
        else:
            result *= Decimal(10) ** (_SUFFIXES[suffix] if suffix else int(exponent or 0))
    return -result if str(value).startswith("-") else result
