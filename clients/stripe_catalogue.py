"""Keep at Stripe what is sold, the portal's set-up, and where events go."""

from collections.abc import Sequence
from typing import cast

from stripe import StripeClient
from stripe.params import PriceCreateParams
from stripe.params.billing_portal import (
    ConfigurationCreateParamsFeatures,
    ConfigurationUpdateParams,
    ConfigurationUpdateParamsFeatures,
)

from clients.payments import APP, Metadata, NoSuchObject, Portal, Price, WebhookEndpoint
from clients.stripe_facts import PAGE, everything
from clients.stripe_failures import asked
from clients.stripe_reading import marks, read_endpoint, read_portal, read_price

"""Our mark on what we make, since the account at Stripe may serve other products too."""
CURRENCY = "usd"
_KEYS_AT_ONCE = 10
_PORTAL: ConfigurationCreateParamsFeatures = {
    # An address changed there would no longer be the one that a customer is found by.
    "customer_update": {"enabled": False},
    "invoice_history": {"enabled": True},
    "payment_method_update": {"enabled": True},
    "subscription_cancel": {"enabled": True, "mode": "at_period_end", "proration_behavior": "none"},
    # Changes of plan go through us, or the whole difference would not be charged.
    "subscription_update": {"enabled": False},
}


class StripeCatalogue:
    """Meet the catalogue's part of the Gateway protocol."""

    def __init__(self, client: StripeClient) -> None:
        self._client = client

    @asked()
    def prices(self, lookup_keys: Sequence[str]) -> list[Price]:
        """Return the prices that carry these keys now."""
        found: list[Price] = []
        # Stripe takes ten keys at once.
        for start in range(0, len(lookup_keys), _KEYS_AT_ONCE):
            keys = list(lookup_keys[start : start + _KEYS_AT_ONCE])
            listed = self._client.v1.prices.list({"lookup_keys": keys, "limit": PAGE})
            found += [read_price(price) for price in everything(listed)]
        return found

    @asked()
    def price(self, price_id: str) -> Price:
        """Return one price, also one that is no longer used; raises NoSuchObject."""
        return read_price(self._client.v1.prices.retrieve(price_id))

    @asked()
    def create_product(self, name: str, metadata: Metadata, *, key: str) -> str:
        """Make a product and return its id."""
        made = self._client.v1.products.create({"name": name, "metadata": dict(metadata)}, {"idempotency_key": key})
        return made.id

    @asked()
    def product_name(self, product_id: str) -> str:
        """Return what a product is called; raises NoSuchObject, also for one that can no longer be sold."""
        product = self._client.v1.products.retrieve(product_id)
        if getattr(product, "deleted", False) or not product.active:
            raise NoSuchObject(f"The product {product_id} is archived or deleted.")
        return product.name

    @asked()
    def rename_product(self, product_id: str, name: str) -> None:
        """Change what a product is called."""
        self._client.v1.products.update(product_id, {"name": name})

    @asked()
    def create_price(
        self, product_id: str, amount: int, *, recurring: bool, lookup_key: str, metadata: Metadata, key: str
    ) -> Price:
        """Make a price, monthly or once, and move the lookup key to it."""
        asked_for: PriceCreateParams = {
            "product": product_id,
            "unit_amount": amount,
            "currency": CURRENCY,
            "lookup_key": lookup_key,
            "transfer_lookup_key": True,
            "metadata": dict(metadata),
        }
        if recurring:
            asked_for["recurring"] = {"interval": "month"}
        return read_price(self._client.v1.prices.create(asked_for, {"idempotency_key": key}))

    @asked()
    def retire_price(self, price_id: str) -> None:
        """Sell nothing more at this price; who pays it already goes on."""
        self._client.v1.prices.update(price_id, {"active": False})

    @asked()
    def portals(self) -> list[Portal]:
        """Return the portal set-ups that we made."""
        listed = self._client.v1.billing_portal.configurations.list({"active": True, "limit": PAGE})
        return [read_portal(portal) for portal in everything(listed) if marks(portal).get("app") == APP]

    @asked()
    def save_portal(self, portal_id: str | None, *, key: str) -> Portal:
        """Make a portal set-up, or bring one in line."""
        configurations = self._client.v1.billing_portal.configurations
        if portal_id is None:
            made = configurations.create({"features": _PORTAL, "metadata": {"app": APP}}, {"idempotency_key": key})
            return read_portal(made)
        features = cast(ConfigurationUpdateParamsFeatures, _PORTAL)
        change: ConfigurationUpdateParams = {"features": features, "active": True, "metadata": {"app": APP}}
        return read_portal(configurations.update(portal_id, change, {"idempotency_key": key}))

    @asked()
    def webhook_endpoints(self) -> list[WebhookEndpoint]:
        """Return where the provider sends its events."""
        return [read_endpoint(one) for one in everything(self._client.v1.webhook_endpoints.list({"limit": PAGE}))]
