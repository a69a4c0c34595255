"""Stand in for a payment provider where none is connected: everything succeeds at once and no money moves."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from clients.payments import (
    Checkout,
    Customer,
    Event,
    Facts,
    Invoice,
    Metadata,
    NoSuchObject,
    Order,
    Portal,
    Price,
    Subscription,
    WebhookEndpoint,
)
from errors import AppError, NotFound


class SimulatedPayments:
    """Meet the Gateway protocol without a provider: it knows nobody, sells nothing and is never asked for money."""

    simulated = True
    livemode = False

    # --- Events

    def read_event(self, body: bytes, signature: str) -> Event:
        """Answer as if there were no webhook."""
        raise NotFound()

    # --- Facts

    def customer(self, customer_id: str) -> Customer:
        """Know nobody."""
        raise NoSuchObject(customer_id)

    def find_customer(self, email: str, account: str) -> Customer | None:
        """Find nobody."""
        return None

    def facts(self, customer_id: str, *, subscription_ids: Iterable[str] = ()) -> Facts:
        """Know nobody."""
        raise NoSuchObject(customer_id)

    def payment_customer(self, payment_id: str) -> str | None:
        """Know no payment."""
        raise NoSuchObject(payment_id)

    def customers_since(self, since: datetime) -> Iterator[str]:
        """Yield nobody."""
        return iter(())

    # --- Customers and pages

    def create_customer(self, email: str, account: str, *, key: str) -> Customer:
        """Refuse: nobody pays."""
        raise _not_connected()

    def open_checkout(self, order: Order, *, key: str) -> Checkout:
        """Refuse: there is no payment page."""
        raise _not_connected()

    def expire_checkout(self, checkout_id: str) -> bool:
        """Know no payment page."""
        raise NoSuchObject(checkout_id)

    def open_portal(self, customer_id: str, return_url: str, portal_id: str | None) -> str:
        """Refuse: there is no such page."""
        raise _not_connected()

    # --- Subscriptions

    def set_coming(self, subscription: Subscription, price_id: str, *, cancel: bool, key: str) -> None:
        """Know no subscription."""
        raise NoSuchObject(subscription.id)

    def raise_price(self, subscription: Subscription, price_id: str, *, since: datetime, key: str) -> Invoice:
        """Know no subscription."""
        raise NoSuchObject(subscription.id)

    def cancel_now(self, subscription_id: str) -> None:
        """Know no subscription."""
        raise NoSuchObject(subscription_id)

    def mark_invoice(self, invoice_id: str, metadata: Metadata) -> None:
        """Know no invoice."""
        raise NoSuchObject(invoice_id)

    def void_invoice(self, invoice_id: str) -> None:
        """Know no invoice."""
        raise NoSuchObject(invoice_id)

    def refund(self, payment_id: str, *, key: str) -> None:
        """Know no payment."""
        raise NoSuchObject(payment_id)

    # --- The catalogue

    def prices(self, lookup_keys: Sequence[str]) -> list[Price]:
        """Return none."""
        return []

    def price(self, price_id: str) -> Price:
        """Know no price."""
        raise NoSuchObject(price_id)

    def create_product(self, name: str, metadata: Metadata, *, key: str) -> str:
        """Refuse: there is nowhere to make it."""
        raise _not_connected()

    def product_name(self, product_id: str) -> str:
        """Know no product."""
        raise NoSuchObject(product_id)

    def rename_product(self, product_id: str, name: str) -> None:
        """Know no product."""
        raise NoSuchObject(product_id)

    def create_price(
        self, product_id: str, amount: int, *, recurring: bool, lookup_key: str, metadata: Metadata, key: str
    ) -> Price:
        """Refuse: there is nowhere to make it."""
        raise _not_connected()

    def retire_price(self, price_id: str) -> None:
        """Know no price."""
        raise NoSuchObject(price_id)

    def portals(self) -> list[Portal]:
        """Return none."""
        return []

    def save_portal(self, portal_id: str | None, *, key: str) -> Portal:
        """Refuse: there is nowhere to make it."""
        raise _not_connected()

    def webhook_endpoints(self) -> list[WebhookEndpoint]:
        """Return none."""
        return []


def _not_connected() -> AppError:
    return AppError(503, "payments_not_configured", "No payment provider is connected to this server.")
