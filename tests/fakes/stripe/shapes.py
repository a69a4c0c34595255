"""Make objects in the shape of the SDK's classes, and check that answers have kept it."""

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from types import UnionType
from typing import Any, ClassVar, ForwardRef, Literal, Union, get_args, get_origin

import stripe
from stripe._stripe_object import StripeObject, UntypedStripeObject

Check = Callable[[Any, str], str | None]
"""Return what is wrong with a value at a path, or None."""

CLASSES: dict[str, type] = {
    "billing_portal.configuration": stripe.billing_portal.Configuration,
    "billing_portal.session": stripe.billing_portal.Session,
    "charge": stripe.Charge,
    "checkout.session": stripe.checkout.Session,
    "customer": stripe.Customer,
    "dispute": stripe.Dispute,
    "event": stripe.Event,
    "invoice": stripe.Invoice,
    "invoice_payment": stripe.InvoicePayment,
    "line_item": stripe.InvoiceLineItem,
    "payment_intent": stripe.PaymentIntent,
    "plan": stripe.Plan,
    "price": stripe.Price,
    "product": stripe.Product,
    "refund": stripe.Refund,
    "subscription": stripe.Subscription,
    "subscription_item": stripe.SubscriptionItem,
    "webhook_endpoint": stripe.WebhookEndpoint,
}

_ONLY_WHEN_ASKED = {
    "charge": {"refunds"},
    "checkout.session": {"line_items"},
    "customer": {"cash_balance", "invoice_credit_balance", "sources", "subscriptions", "tax", "tax_ids"},
    "invoice": {"confirmation_secret", "payments"},
    "price": {"currency_options", "tiers"},
    "webhook_endpoint": {"secret"},
}
"""What an answer leaves out unless the call expands it, or that only some objects have."""


@cache
def _empty_fields(kind: str) -> dict[str, None]:
    hints = CLASSES[kind].__annotations__
    left_out = {"deleted", *_ONLY_WHEN_ASKED.get(kind, ())}
    return {name: None for name, hint in hints.items() if _is_optional(hint) and name not in left_out}


def _is_optional(hint: Any) -> bool:
    return get_origin(hint) in (Union, UnionType) and type(None) in get_args(hint)


def shaped(kind: str, **values: Any) -> dict[str, Any]:
    """Return an object that has all fields of its class, null where nothing is given."""
    shape: dict[str, Any] = {"object": kind}
    shape.update(_empty_fields(kind))
    shape.update(values)
    return shape


def clone(value: Any) -> Any:
    """Copy plain data all the way down."""
    if isinstance(value, dict):
        return {key: clone(inner) if isinstance(inner, dict | list) else inner for key, inner in value.items()}
    if isinstance(value, list):
        return [clone(inner) if isinstance(inner, dict | list) else inner for inner in value]
    return value


def listed(url: str, data: list[Any], has_more: bool = False) -> dict[str, Any]:
    """Return a list as the API gives it."""
    return {"object": "list", "url": url, "has_more": has_more, "data": data}


# --- Checking answers -----------------------------------------------------------------------------------------------


def complaint(answer: Any, path: str = "") -> str | None:
    """Return how an answer differs from the SDK's classes, or None."""
    kind = answer.get("object")
    if kind == "list":
        return next((wrong for one in answer["data"] if (wrong := complaint(one, f"{path}{kind}."))), None)
    if answer.get("deleted"):
        return None if set(answer) == {"id", "object", "deleted"} else f"{path}{kind}: a deleted object has no fields"
    return _object(CLASSES[kind])(answer, kind)


@cache
def _object(described_by: Any) -> Check:
    hints = {
        name: hint for name, hint in described_by.__annotations__.items() if get_origin(hint) is not ClassVar
    } or None
    checks: dict[str, Check] = {}

    def check(value: Any, path: str) -> str | None:
        if not isinstance(value, dict):
            return f"{path} is {value!r}, not an object"
        if hints is None or value.get("deleted"):
            return None
        for name, inner in value.items():
            if name not in hints:
                return f"{path}.{name} is unknown to the SDK"
            if name not in checks:
                checks[name] = _check(hints[name])
            wrong = checks[name](inner, f"{path}.{name}")
            if wrong:
                return wrong
        absent = [name for name, hint in hints.items() if name not in value and not _is_optional(hint)]
        return f"{path}.{absent[0]} is missing" if absent else None

    return check


def _check(hint: Any) -> Check:
    origin, arguments = get_origin(hint), get_args(hint)
    if isinstance(hint, str | ForwardRef):
        found = getattr(stripe, hint if isinstance(hint, str) else hint.__forward_arg__, None)
        return _check(found) if found is not None else _anything
    if origin in (Union, UnionType):
        arms = [_check(arm) for arm in arguments]
        return lambda value, path: _best(arms, value, path)
    if origin is list:
        inner = _check(arguments[0])
        return lambda value, path: _each(inner, value, path)
    if origin is stripe.ListObject:
        inner = _check(arguments[0])
        return lambda value, path: _each(inner, value.get("data"), path) if isinstance(value, dict) else f"{path}: list"
    if origin is Literal:
        return lambda value, path: None if value in arguments else f"{path} is {value!r}"
    if origin in (dict, UntypedStripeObject) or hint is dict:
        return lambda value, path: None if isinstance(value, dict) else f"{path} is {value!r}, not a hash"
    if isinstance(hint, type) and issubclass(hint, StripeObject):
        return _object(hint)
    return _SCALARS.get(hint, _anything)


def _best(arms: list[Check], value: Any, path: str) -> str | None:
    wrongs = [wrong for arm in arms if (wrong := arm(value, path))]
    if len(wrongs) < len(arms):
        return None
    return max(wrongs, key=len)


def _each(inner: Check, value: Any, path: str) -> str | None:
    if not isinstance(value, list):
        return f"{path} is {value!r}, not a list"
    return next((wrong for at, one in enumerate(value) if (wrong := inner(one, f"{path}[{at}]"))), None)


def _anything(_value: Any, _path: str) -> str | None:
    return None


def _of(*kinds: type) -> Check:
    return lambda value, path: None if type(value) in kinds else f"{path} is {value!r}, not {kinds[0].__name__}"


_SCALARS: dict[Any, Check] = {
    str: _of(str),
    int: _of(int),
    bool: _of(bool),
    float: _of(float, int),
    Decimal: _of(str),
    type(None): _of(type(None)),
}
