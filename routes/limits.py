"""Limit how often someone may do what costs us: chat, guess passwords, sign up.

`limiter.limit` marks a view when its module is imported; `register` lets each app count for itself, in memory or in
Redis when several processes share the counting.
"""

import ipaddress
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from flask import Flask, current_app, request
from flask.typing import RouteCallable
from flask_limiter import Limiter
from flask_login import current_user
from limits import parse_many

from config import Settings
from routes.access import house
from routes.body import is_json
from services import accounts

View = TypeVar("View", bound=Callable[..., object])

_EXTENSION = "rate_limiter"
_MARK = "rate_limits"
_TRIES_PER_NETWORK = "100/minute"
_CONNECTION_TESTS = "20/minute"
_NETWORKS_PER_ADDRESS = 10


@dataclass(frozen=True)
class _Limit:
    rate: Callable[[], str]
    by: Callable[[], str]


class _Marks:
    """Mark views with their limits; the counting is each app's own."""

    def limit(self, rate: Callable[[], str], *, key_func: Callable[[], str] | None = None) -> Callable[[View], View]:
        """Allow the decorated view `rate` times per `key_func`, per person where nothing is said.

        Views that name the same rate share one count.
        """

        def mark(view: View) -> View:
            setattr(view, _MARK, (*getattr(view, _MARK, ()), _Limit(rate, key_func or person)))
            return view

        return mark


limiter = _Marks()


def register(app: Flask, settings: Settings) -> None:
    """Count for the marked views of this app; call it when every blueprint is registered."""
    if settings.rate_limits == "off":
        return
    counting = Limiter(
        person,
        app=app,
        storage_uri=settings.redis_url or "memory://",
        strategy="moving-window",
        # A Redis that is down must not take the site down with it: each process then counts for itself.
        in_memory_fallback_enabled=settings.redis_url is not None,
        key_prefix="devops-agent",
    )
    app.extensions[_EXTENSION] = counting
    for endpoint, view in list(app.view_functions.items()):
        marks: tuple[_Limit, ...] = getattr(view, _MARK, ())
        for limit in marks:
            shared = counting.shared_limit(
                limit.rate, scope=limit.rate.__name__, key_func=limit.by, methods=["POST", "PUT", "PATCH", "DELETE"]
            )
            view = cast(RouteCallable, shared(view))
        app.view_functions[endpoint] = view


def retry_after() -> int:
    """Return in how many seconds the limit that refused this request lets the next one through."""
    counting: Limiter | None = current_app.extensions.get(_EXTENSION)
    refused = counting.current_limit if counting is not None else None
    return max(1, math.ceil(refused.reset_at - time.time())) if refused is not None else 60


def chat_limit() -> str:
    """Return how often one person may ask the agent."""
    return house().settings.rate_limit_chat


def payments_limit() -> str:
    """Return how often one person may change a plan or ask for a payment page, each of which asks Stripe."""
    return house().settings.rate_limit_payments


def connections_limit() -> str:
    """Return how often one person may have a connection tried, which makes this server call another one."""
    return _CONNECTION_TESTS


def login_limit() -> str:
    """Return how often one network may try the password of one address, and someone signed in their own."""
    return house().settings.rate_limit_login


def login_address_limit() -> str:
    """Return how often all networks together may try the password of one address, so that many cannot share the work.

    It is generous, since it keeps the owner out as well.
    """
    rates = parse_many(house().settings.rate_limit_login)
    return ";".join(f"{rate.amount * _NETWORKS_PER_ADDRESS}/{rate.multiples} {rate.GRANULARITY.name}" for rate in rates)


def login_network_limit() -> str:
    """Return how often one network may try any password: enough for an office, too little to try a list of people."""
    return _TRIES_PER_NETWORK


def signup_limit() -> str:
    """Return how often one network may sign up."""
    return house().settings.rate_limit_signup


def person() -> str:
    """Return who asks: the user, or the network of someone who is not signed in."""
    return f"user:{current_user.id}" if current_user.is_authenticated else f"network:{network()}"


def network() -> str:
    """Return the network that the request comes from: /24 of IPv4, /64 of IPv6, since one person has all of it."""
    try:
        address = ipaddress.ip_address((request.remote_addr or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 64), strict=False))


def network_and_address() -> str:
    """Return the network together with the e-mail address that the log-in names."""
    return f"{network()} {address()}"


def address() -> str:
    """Return the one spelling of the e-mail address that the log-in names."""
    return accounts.email_key(_named_address())[:320]


def _named_address() -> str:
    if not is_json():
        return request.form.get("email", "")
    try:
        body = request.get_json(silent=True)
    except RecursionError:
        return ""
    email = body.get("email") if isinstance(body, dict) else None
    return email if isinstance(email, str) else ""
