"""Say what the product needs of a payment provider: facts to read, things to ask for, and what can go wrong.

Amounts are whole cents of one currency, times are aware and in UTC, identifiers are the provider's own. Every call that
writes carries a `key`: asked twice with the same key, the provider does it once and gives the first answer again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from errors import AppError

Metadata = Mapping[str, str]
APP = "devops-agent"
"""Marks what is ours at the provider, beside whatever else its account is used for."""


NO_ANSWER = "The payment provider does not answer. Look at the billing page in a moment before you try again."


class PaymentsUnavailable(AppError):
    """Say that the provider could not be reached, or answered with a fault of its own; what was asked may be done."""

    def __init__(self, message: str = NO_ANSWER) -> None:
        super().__init__(502, "payments_unavailable", message)


class PaymentDeclined(AppError):
    """Say that a payment was refused; nothing was charged and nothing has changed."""

    def __init__(self, message: str = "The payment did not go through. Nothing has changed.") -> None:
        super().__init__(402, "payment_declined", message)


class BadSignature(AppError):
    """Refuse an event that the provider has not signed, or signed too long ago."""

    def __init__(self, message: str = "The event's signature is not valid.") -> None:
        super().__init__(400, "invalid_signature", message)


class NoSuchObject(Exception):
    """Say that the provider does not know (or no longer knows) what was asked for, or cannot do this to it now."""


@dataclass(frozen=True)
class Event:
    """What a signed event points to; its content is not trusted, the objects are fetched afresh."""

    id: str
    type: str
    livemode: bool
    created: datetime
    object_type: str
    object_id: str | None
    customer_id: str | None
    """None where the object does not name its customer, as a dispute."""
    payment_id: str | None = None


@dataclass(frozen=True)
class Customer:
    """One payer at the provider."""

    id: str
    account: str | None
    """Our own mark of whose it is (`metadata.account`); None for a customer that we did not make."""
    deleted: bool = False


@dataclass(frozen=True)
class Price:
    """What something costs at the provider; never changed, only replaced."""

    id: str
    product_id: str
    amount: int
    currency: str
    recurring: bool
    active: bool
    lookup_key: str | None
    livemode: bool
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """One line of an invoice; the credit for an old price is negative."""

    price_id: str | None
    amount: int
    proration: bool
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Invoice:
    """A bill of a subscription."""

    id: str
    customer_id: str
    subscription_id: str | None
    reason: str
    """`subscription_create`, `subscription_cycle`, `subscription_update`, `manual` ..."""
    status: str
    """`draft`, `open`, `paid`, `void` or `uncollectible`."""
    total: int
    amount_due: int
    amount_paid: int
    currency: str
    created: datetime
    paid_at: datetime | None
    number: str | None
    url: str | None
    """Where a person sees and pays it."""
    payment_ids: tuple[str, ...]
    """The payment intents that paid it or would."""
    lines: tuple[Line, ...]
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True)
class Subscription:
    """A plan that somebody pays for each month."""

    id: str
    customer_id: str
    status: str
    """`incomplete`, `incomplete_expired`, `trialing`, `active`, `past_due`, `unpaid`, `paused` or `canceled`."""
    item_id: str
    price_id: str
    period_start: datetime
    period_end: datetime
    cancel_at_period_end: bool
    created: datetime
    ended_at: datetime | None
    pending_update: bool
    """Whether a raise waits for its payment."""
    latest_invoice_id: str | None
    metadata: Metadata = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Say whether it is over for good."""
        return self.status in ("canceled", "incomplete_expired")


@dataclass(frozen=True)
class Payment:
    """One attempt to charge money (a charge) of a payment intent, and what of it was taken back."""

    id: str
    payment_id: str | None
    customer_id: str | None
    status: str
    """`succeeded`, `pending` or `failed`."""
    amount: int
    refunded: int
    disputed: int
    """In disputes that are open or lost; neither in those that were won nor in mere inquiries, which take no money."""
    currency: str
    created: datetime
    receipt_url: str | None


@dataclass(frozen=True)
class Checkout:
    """A payment page (a checkout session)."""

    id: str
    mode: str
    """`subscription` or `payment`."""
    status: str
    """`open`, `complete` or `expired`."""
    payment_status: str
    """`paid`, `unpaid` or `no_payment_required`."""
    url: str | None
    customer_id: str | None
    payment_id: str | None
    subscription_id: str | None
    amount_total: int
    created: datetime
    expires_at: datetime
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """Everything that the provider knows of one customer, fetched now; the newest need not come first."""

    customer: Customer
    payments: tuple[Payment, ...]
    subscriptions: tuple[Subscription, ...]
    checkouts: tuple[Checkout, ...]
    invoices: tuple[Invoice, ...]


@dataclass(frozen=True)
class Order:
    """What a payment page is opened for."""

    customer_id: str
    price_id: str
    mode: str
    """`subscription` or `payment`."""
    success_url: str
    cancel_url: str
    metadata: Metadata
    """Put on the page itself and on the subscription or the payment that comes of it."""


@dataclass(frozen=True)
class Portal:
    """A set-up of the provider's own page for payment methods and invoices."""

    id: str
    livemode: bool
    fits: bool
    """Whether it lets people do what we mean and nothing else: no plan changes, no quantities, no immediate cancel."""


@dataclass(frozen=True)
class WebhookEndpoint:
    """Where the provider sends its events."""

    id: str
    url: str
    enabled: bool
    events: frozenset[str]


class Gateway(Protocol):
    """One payment provider. Raises PaymentsUnavailable from every call that cannot be made now."""

    @property
    def simulated(self) -> bool:
        """Say whether every payment succeeds at once and no money moves."""

    @property
    def livemode(self) -> bool:
        """Say whether real money moves."""

    # --- Events

    def read_event(self, body: bytes, signature: str) -> Event:
        """Return what a signed event points to.

        Raises BadSignature, and 404 where no webhook secret is set.
        """

    # --- Facts

    def customer(self, customer_id: str) -> Customer:
        """Return a customer, also a deleted one; raises NoSuchObject."""

    def find_customer(self, email: str, account: str) -> Customer | None:
        """Return the customer with this mark that was made before, if there is one."""

    def facts(self, customer_id: str, *, subscription_ids: Iterable[str] = ()) -> Facts:
        """Return everything about a customer.

        What is paid is fetched after what was taken back, so that no refund comes without its payment. Of a deleted
        customer the subscriptions named are fetched one by one. Raises NoSuchObject for an unknown customer.
        """

    def payment_customer(self, payment_id: str) -> str | None:
        """Return whose payment this is; raises NoSuchObject."""

    def customers_since(self, since: datetime) -> Iterator[str]:
        """Yield, each once, the customers to whom anything has happened since then."""

    # --- Customers and pages

    def create_customer(self, email: str, account: str, *, key: str) -> Customer:
        """Make a customer with our mark."""

    def open_checkout(self, order: Order, *, key: str) -> Checkout:
        """Open a payment page; raises 503 `payments_not_configured` where none is to be had."""

    def expire_checkout(self, checkout_id: str) -> bool:
        """Close a payment page; False if it is closed already, paid or not."""

    def open_portal(self, customer_id: str, return_url: str, portal_id: str | None) -> str:
        """Return the address of the provider's own page for this customer; 503 as `open_checkout`."""

    # --- Subscriptions

    def set_coming(self, subscription: Subscription, price_id: str, *, cancel: bool, key: str) -> None:
        """Let the next invoices be of this price, or the subscription end with its period, in one step.

        Nothing is charged or given back now.
        """

    def raise_price(self, subscription: Subscription, price_id: str, *, since: datetime, key: str) -> Invoice:
        """Charge the whole difference since `since`, the period's start, now; return its invoice, paid or open.

        The price changes when the invoice is paid. Where the way of payment does not allow that, it changes at once
        and the invoice stays open until it is paid.
        """

    def cancel_now(self, subscription_id: str) -> None:
        """End a subscription at once, without giving back anything; one that is over already stays so."""

    def mark_invoice(self, invoice_id: str, metadata: Metadata) -> None:
        """Add our marks to an invoice."""

    def void_invoice(self, invoice_id: str) -> None:
        """Make sure that nobody pays this invoice any more; one that is paid or void already stays so."""

    def refund(self, payment_id: str, *, key: str) -> None:
        """Give the whole rest of a payment back; one that is refunded already stays so."""

    # --- The catalogue

    def prices(self, lookup_keys: Sequence[str]) -> list[Price]:
        """Return the prices that carry these keys now."""

    def price(self, price_id: str) -> Price:
        """Return one price, also one that is no longer used; raises NoSuchObject."""

    def create_product(self, name: str, metadata: Metadata, *, key: str) -> str:
        """Make a product and return its id."""

    def product_name(self, product_id: str) -> str:
        """Return what a product is called; raises NoSuchObject."""

    def rename_product(self, product_id: str, name: str) -> None:
        """Change what a product is called."""

    def create_price(
        self, product_id: str, amount: int, *, recurring: bool, lookup_key: str, metadata: Metadata, key: str
    ) -> Price:
        """Make a price, monthly or once, and move the lookup key to it."""

    def retire_price(self, price_id: str) -> None:
        """Sell nothing more at this price; who pays it already goes on."""

    def portals(self) -> list[Portal]:
        """Return the portal set-ups that we made."""

    def save_portal(self, portal_id: str | None, *, key: str) -> Portal:
        """Make a portal set-up, or bring one in line."""

    def webhook_endpoints(self) -> list[WebhookEndpoint]:
        """Return where the provider sends its events."""
