"""Sell one small catalogue at the fake through the real SDK, for tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

import stripe
from tests.fakes.stripe.server import FakeStripe

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
"""A moment whose months have different ends."""
DAY = timedelta(days=1)
MONTH = timedelta(days=31)


class Shop:
    """A client of the fake with two monthly plans and one thing to buy once."""

    def __init__(self, fake: FakeStripe, *, wire: bool = False, retries: int = 0) -> None:
        self.fake = fake
        self.sdk = stripe.StripeClient(
            fake.secret_key,
            base_addresses={"api": fake.url},
            max_network_retries=retries,
            http_client=None if wire else fake.http_client(),
        )
        self.v1 = self.sdk.v1
        product = self.v1.products.create({"name": "Plans", "metadata": {"app": "shop"}})
        self.small = self._price(product.id, 900, "month", "small")
        self.large = self._price(product.id, 4900, "month", "large")
        self.pack = self._price(product.id, 1000, None, "pack")
        self.customer = self.v1.customers.create({"email": "ann@example.com", "metadata": {"account": "7"}}).id

    def _price(self, product: str, amount: int, interval: Any, key: str) -> str:
        given: dict[str, Any] = {"product": product, "unit_amount": amount, "currency": "usd", "lookup_key": key}
        if interval:
            given["recurring"] = {"interval": interval}
        return self.v1.prices.create(given).id  # type: ignore[arg-type]

    def page(self, price: str, mode: str = "subscription", **more: Any) -> Any:
        """Open a payment page."""
        data = "subscription_data" if mode == "subscription" else "payment_intent_data"
        given: dict[str, Any] = {
            "mode": mode,
            "customer": self.customer,
            "line_items": [{"price": price, "quantity": 1}],
            "success_url": "http://shop.test/done?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://shop.test/back",
            "metadata": {"token": "t1"},
            data: {"metadata": {"token": "t1"}},
            **more,
        }
        return self.v1.checkout.sessions.create(given)  # type: ignore[arg-type]

    def subscribe(self, card: str = "ok", price: str | None = None) -> Any:
        """Start a subscription through its payment page."""
        page = self.page(price or self.small)
        self.fake.pay(page.id, card, authenticate=True if card == "action" else None)
        return self.subscription()

    def subscription(self) -> Any:
        """Return the newest subscription as the API shows it now."""
        return self.v1.subscriptions.list({"customer": self.customer, "status": "all"}).data[0]

    def invoices(self) -> list[Any]:
        """Return the customer's invoices, oldest first."""
        pages = self.v1.invoices.list({"customer": self.customer, "expand": ["data.payments"]})
        return list(pages.auto_paging_iter())[::-1]

    def raise_to(self, price: str, **more: Any) -> Any:
        """Change the plan and charge the whole difference now."""
        subscription = self.subscription()
        item = subscription["items"].data[0]
        given: dict[str, Any] = {
            "items": [{"id": item.id, "price": price}],
            "proration_behavior": "always_invoice",
            "payment_behavior": "pending_if_incomplete",
            "proration_date": item.current_period_start,
            "expand": ["latest_invoice.payments"],
            **more,
        }
        return self.v1.subscriptions.update(subscription.id, given)  # type: ignore[arg-type]
