"""Sell and subscribe at the fake Stripe through the gateway, for tests that need somebody who has paid."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from clients.payments import Checkout, Customer, Facts, Metadata, Order, Price, Subscription
from clients.stripe_gateway import StripeGateway
from tests.fakes.stripe import FakeStripe

DAY_ONE = datetime(2026, 1, 31, 10, 0, tzinfo=UTC)
MONTH = timedelta(days=28)
"""How long the period lasts that begins on the first day."""
MARKS = {"app": "devops-agent", "account": "mark-1", "checkout": "token-1"}
_numbers = count(1)


def fresh_key() -> str:
    """Return an idempotency key that nobody has used."""
    return f"test-{next(_numbers)}"


def new_customer(gateway: StripeGateway, email: str = "alice@example.com", account: str = "mark-1") -> Customer:
    """Make a customer."""
    return gateway.create_customer(email, account, key=fresh_key())


def new_price(gateway: StripeGateway, amount: int, *, recurring: bool = True) -> Price:
    """Make a product with one price."""
    product = gateway.create_product("Something", {"app": "devops-agent"}, key=fresh_key())
    name = fresh_key()
    return gateway.create_price(product, amount, recurring=recurring, lookup_key=name, metadata={}, key=name)


def open_page(
    gateway: StripeGateway, customer: Customer, price: Price, *, marks: Metadata = MARKS, key: str | None = None
) -> Checkout:
    """Open a payment page."""
    order = Order(
        customer_id=customer.id,
        price_id=price.id,
        mode="subscription" if price.recurring else "payment",
        success_url="https://shop.example/yes?session_id={CHECKOUT_SESSION_ID}",
        cancel_url="https://shop.example/no",
        metadata=marks,
    )
    return gateway.open_checkout(order, key=key or fresh_key())


def subscribe(fake: FakeStripe, gateway: StripeGateway, customer: Customer, price: Price) -> Subscription:
    """Let the customer pay for a subscription."""
    page = open_page(gateway, customer, price)
    assert fake.pay(page.id) == "complete"
    return next(one for one in gateway.facts(customer.id).subscriptions if not one.ended)


def buy(fake: FakeStripe, gateway: StripeGateway, customer: Customer, price: Price, card: str = "ok") -> str:
    """Let the customer pay once, and return the payment's id."""
    page = open_page(gateway, customer, price)
    assert fake.pay(page.id, card) == "complete"
    payment_id = next(one for one in gateway.facts(customer.id).checkouts if one.id == page.id).payment_id
    assert payment_id is not None
    return payment_id


class LiveMode:
    """Show a gateway as if its key were a live one, and everything at the fake of live mode."""

    simulated = False
    livemode = True

    def __init__(self, gateway: StripeGateway) -> None:
        self._gateway = gateway

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._gateway, name)
        if name not in ("prices", "price", "create_price", "portals", "save_portal"):
            return found
        return lambda *given, **named: _as_live(found(*given, **named))


def _as_live(answer: Any) -> Any:
    return [_as_live(one) for one in answer] if isinstance(answer, list) else replace(answer, livemode=True)


def latest(facts: Facts) -> Subscription:
    """Return the newest subscription."""
    return max(facts.subscriptions, key=lambda one: one.created)
