"""Meet the Gateway protocol with Stripe's own SDK, on one pinned version of its API."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import stripe
from stripe import StripeClient
from stripe.params import SubscriptionUpdateParams
from stripe.params.checkout import SessionCreateParams

from clients.payments import (
    APP,
    Checkout,
    Customer,
    Event,
    Facts,
    Invoice,
    Metadata,
    NoSuchObject,
    Order,
    PaymentDeclined,
    Subscription,
)
from clients.stripe_catalogue import StripeCatalogue
from clients.stripe_facts import PAGE, customers_since, everything, fetch_facts, payment_customer
from clients.stripe_failures import asked, explain, has_no_way_to_pay, is_missing, refuses_to_wait
from clients.stripe_reading import id_of, marks, read_checkout, read_customer, read_invoice
from clients.stripe_signed_events import read_signed
from errors import AppError, NotFound

# What the objects in `stripe_reading` are shaped like. The SDK would follow its own release; look at both together.
API_VERSION = "2026-10-28.endive"
CONNECT_SECONDS = 5.0
RETRIES = 2
NO_CARD = "There is no card on file that could be charged. Add one under payment methods, then try again."


class StripeGateway(StripeCatalogue):
    """Take payments through Stripe. One object serves all threads of a process."""

    simulated = False

    def __init__(
        self,
        secret_key: str,
        *,
        webhook_secret: str | None,
        base: str | None = None,
        timeout: float = 20,
        http_client: stripe.HTTPClient | None = None,
    ) -> None:
        self.livemode = "_live_" in secret_key
        self._webhook_secret = webhook_secret
        client = StripeClient(
            secret_key,
            stripe_version=API_VERSION,
            base_addresses={"api": base} if base else None,
            # A retry repeats the idempotency key, so that nothing is done twice.
            max_network_retries=RETRIES,
            http_client=http_client or stripe.RequestsClient(timeout=(min(CONNECT_SECONDS, timeout), timeout)),
        )
        super().__init__(client)

    # --- Events

    def read_event(self, body: bytes, signature: str) -> Event:
        """Return what a signed event points to."""
        if not self._webhook_secret:
            raise NotFound()
        return read_signed(body, signature, self._webhook_secret)

    # --- Facts

    @asked()
    def customer(self, customer_id: str) -> Customer:
        """Return a customer, also a deleted one; raises NoSuchObject."""
        return read_customer(self._client.v1.customers.retrieve(customer_id))

    @asked()
    def find_customer(self, email: str, account: str) -> Customer | None:
        """Return the oldest customer with this mark."""
        listed = self._client.v1.customers.list({"email": email, "limit": PAGE})
        ours = [one for one in everything(listed) if marks(one).get("account") == account]
        return read_customer(min(ours, key=lambda one: (one.created, one.id))) if ours else None

    def facts(self, customer_id: str, *, subscription_ids: Iterable[str] = ()) -> Facts:
        """Return everything about a customer."""
        return fetch_facts(self._client, customer_id, subscription_ids)

    @asked()
    def payment_customer(self, payment_id: str) -> str | None:
        """Return whose payment this is; raises NoSuchObject."""
        return payment_customer(self._client, payment_id)

    def customers_since(self, since: datetime) -> Iterator[str]:
        """Yield, each once, the customers to whom anything has happened since then."""
        return customers_since(self._client, since)

    # --- Customers and pages

    @asked()
    def create_customer(self, email: str, account: str, *, key: str) -> Customer:
        """Make a customer with our mark."""
        mark = {"app": APP, "account": account}
        made = self._client.v1.customers.create({"email": email, "metadata": mark}, {"idempotency_key": key})
        return read_customer(made)

    @asked()
    def open_checkout(self, order: Order, *, key: str) -> Checkout:
        """Open a payment page; its marks are also put on what comes of it."""
        page: SessionCreateParams = {
            "mode": order.mode,
            "customer": order.customer_id,
            "line_items": [{"price": order.price_id, "quantity": 1}],
            "success_url": order.success_url,
            "cancel_url": order.cancel_url,
            # What was paid is compared with the price, so nothing may lower it.
            "allow_promotion_codes": False,
            "metadata": dict(order.metadata),
        }
        if order.mode == "subscription":
            page["subscription_data"] = {"metadata": dict(order.metadata)}
        else:
            page["payment_intent_data"] = {"metadata": dict(order.metadata)}
        return read_checkout(self._client.v1.checkout.sessions.create(page, {"idempotency_key": key}))

    @asked()
    def expire_checkout(self, checkout_id: str) -> bool:
        """Close a payment page; False if it is closed already, paid or not."""
        sessions = self._client.v1.checkout.sessions
        try:
            sessions.expire(checkout_id)
        except stripe.InvalidRequestError as error:
            if is_missing(error) or sessions.retrieve(checkout_id).status == "open":
                raise
            return False
        return True

    @asked()
    def open_portal(self, customer_id: str, return_url: str, portal_id: str | None) -> str:
        """Return the address of Stripe's own page for this customer; 503 where it is not set up."""
        sessions = self._client.v1.billing_portal.sessions
        try:
            if portal_id is None:
                return sessions.create({"customer": customer_id, "return_url": return_url}).url
            return sessions.create({"customer": customer_id, "return_url": return_url, "configuration": portal_id}).url
        except stripe.InvalidRequestError as error:
            if error.param == "customer":
                raise
            explain(error)
            message = "The payment provider's page is not set up. Tell the operator to run `flask stripe sync`."
            raise AppError(503, "payments_not_configured", message) from None

    # --- Subscriptions

    @asked()
    def set_coming(self, subscription: Subscription, price_id: str, *, cancel: bool, key: str) -> None:
        """Let the next invoices be of this price, or the subscription end with its period; nothing is charged now."""
        prices = self._client.v1.prices
        try:
            self._put_coming(subscription, price_id, cancel, key)
        except stripe.InvalidRequestError:
            if prices.retrieve(price_id).active:
                raise
            # Somebody goes back to a price that is no longer sold. Stripe takes only one that is.
            prices.update(price_id, {"active": True})
            try:
                self._put_coming(subscription, price_id, cancel, f"{key}:revived")
            finally:
                prices.update(price_id, {"active": False})

    def _put_coming(self, subscription: Subscription, price_id: str, cancel: bool, key: str) -> None:
        # All in one call, so that a line that breaks never leaves half of it.
        change: SubscriptionUpdateParams = {
            "items": [{"id": subscription.item_id, "price": price_id}],
            "proration_behavior": "none",
            "cancel_at_period_end": cancel,
        }
        subscriptions = self._client.v1.subscriptions
        changed = subscriptions.update(subscription.id, change, {"idempotency_key": key})
        if not cancel and changed.cancel_at is not None:
            # The portal and the dashboard may have set a date, which the flag does not take away.
            subscriptions.update(subscription.id, {"cancel_at": ""}, {"idempotency_key": f"{key}:date"})

    @asked()
    def raise_price(self, subscription: Subscription, price_id: str, *, since: datetime, key: str) -> Invoice:
        """Charge the whole difference since the period's start now; return its invoice, paid or open."""
        try:
            raised = self._charge_difference(subscription, price_id, since, "pending_if_incomplete", key)
        except stripe.InvalidRequestError as error:
            if has_no_way_to_pay(error):
                raise PaymentDeclined(NO_CARD) from None
            if not refuses_to_wait(error):
                raise
            # Stripe remembers the refusal under the first key.
            raised = self._charge_difference(subscription, price_id, since, "allow_incomplete", f"{key}:at-once")
        invoice_id = id_of(raised.latest_invoice)
        if invoice_id is None:
            raise NoSuchObject("Stripe made no invoice for the difference.")
        # Fetched afresh, since a repeated key repeats an old answer.
        return read_invoice(self._client.v1.invoices.retrieve(invoice_id, {"expand": ["payments"]}))

    def _charge_difference(
        self, subscription: Subscription, price_id: str, since: datetime, behavior: str, key: str
    ) -> stripe.Subscription:
        change: SubscriptionUpdateParams = {
            "items": [{"id": subscription.item_id, "price": price_id}],
            "proration_behavior": "always_invoice",
            "proration_date": int(since.timestamp()),
            "payment_behavior": behavior,
        }
        return self._client.v1.subscriptions.update(subscription.id, change, {"idempotency_key": key})

    @asked()
    def cancel_now(self, subscription_id: str) -> None:
        """End a subscription at once, without giving back anything; one that is over already stays so."""
        subscriptions = self._client.v1.subscriptions
        try:
            subscriptions.cancel(subscription_id, {"prorate": False, "invoice_now": False})
        except stripe.InvalidRequestError:
            # Stripe says of an ended one that there is no such subscription, but it can still be fetched.
            if subscriptions.retrieve(subscription_id).status not in ("canceled", "incomplete_expired"):
                raise

    @asked()
    def mark_invoice(self, invoice_id: str, metadata: Metadata) -> None:
        """Add our marks to an invoice."""
        self._client.v1.invoices.update(invoice_id, {"metadata": dict(metadata)})

    @asked()
    def void_invoice(self, invoice_id: str) -> None:
        """Make sure that nobody pays this invoice any more; one that is paid or void already stays so."""
        invoices = self._client.v1.invoices
        try:
            invoices.void_invoice(invoice_id)
        except stripe.InvalidRequestError:
            status = invoices.retrieve(invoice_id).status
            if status == "draft":
                # A subscription's draft cannot be deleted, and only what is final can be voided.
                if invoices.finalize_invoice(invoice_id, {"auto_advance": False}).status != "paid":
                    invoices.void_invoice(invoice_id)
            elif status not in ("paid", "void"):
                raise

    @asked()
    def refund(self, payment_id: str, *, key: str) -> None:
        """Give the whole rest of a payment back; one that is refunded already stays so."""
        try:
            self._client.v1.refunds.create({"payment_intent": payment_id}, {"idempotency_key": key})
        except stripe.InvalidRequestError as error:
            if error.code != "charge_already_refunded":
                raise
