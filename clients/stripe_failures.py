"""Say in the product's own words why a call to Stripe failed."""

from collections.abc import Iterator
from contextlib import contextmanager

import stripe
import structlog

from clients.payments import NoSuchObject, PaymentDeclined, PaymentsUnavailable

log = structlog.get_logger(__name__)

KEY_REFUSED = "The payment provider does not accept this server's STRIPE_SECRET_KEY. Nothing was charged."
KEY_TOO_NARROW = "This server's STRIPE_SECRET_KEY is accepted, but may not do this. Nothing was charged."


@contextmanager
def asked() -> Iterator[None]:
    """Turn whatever Stripe's SDK raises inside into the failures of `clients/payments.py`; decorates methods too."""
    try:
        yield
    except stripe.StripeError as error:
        raise explain(error) from None
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        # A well-formed answer that is none of Stripe's, as from a proxy in between.
        log.exception("stripe_answer_unreadable", error=type(error).__name__)
        raise PaymentsUnavailable from None


def explain(error: stripe.StripeError) -> Exception:
    """Return the failure that an error of the SDK stands for, and log what the operator needs to find it at Stripe.

    The provider's own words stay out of the log: they may repeat what a person typed, or parts of a key.
    """
    log.warning(
        "stripe_failed",
        kind=type(error).__name__,
        status=error.http_status,
        code=error.code,
        param=getattr(error, "param", None),
        request_id=error.request_id,
    )
    if isinstance(error, stripe.CardError):
        # These words are made for the person who pays: "Your card was declined."
        return PaymentDeclined(error.user_message) if error.user_message else PaymentDeclined()
    if isinstance(error, stripe.AuthenticationError):
        return PaymentsUnavailable(KEY_REFUSED)
    if isinstance(error, stripe.PermissionError):
        return PaymentsUnavailable(KEY_TOO_NARROW)
    if isinstance(error, stripe.InvalidRequestError):
        return NoSuchObject(f"Stripe refused this ({error.code or error.param or 'invalid request'}).")
    return PaymentsUnavailable()


def is_missing(error: stripe.InvalidRequestError) -> bool:
    """Say whether Stripe does not know the object that was asked for."""
    return error.code == "resource_missing"


def refuses_to_wait(error: stripe.InvalidRequestError) -> bool:
    """Say whether a change cannot be held back until it is paid, because of the way of payment."""
    # Stripe names no code for it: the parameter, or its value in the sentence, is all there is to go by.
    words = f"{error.param or ''} {error.user_message or ''}".lower()
    return any(word in words for word in ("payment_behavior", "pending_if_incomplete", "pending update"))


def has_no_way_to_pay(error: stripe.InvalidRequestError) -> bool:
    """Say whether the customer has neither card nor account on file that could be charged."""
    words = (error.user_message or "").lower()
    return "no attached payment source" in words or "default payment method" in words
