"""List the calls that the fake understands: where each is, what describes its parameters, and what it does."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stripe import params as sdk
from stripe.params import billing_portal
from stripe.params import checkout as checkout_params
from tests.fakes.stripe import catalogue, changes, checkout, invoices, lists, payments, portal, subscriptions
from tests.fakes.stripe.catalogue import merged
from tests.fakes.stripe.shapes import clone
from tests.fakes.stripe.store import Thing, World
from tests.fakes.stripe.wire import Refused

Deed = Callable[..., Thing]


@dataclass(frozen=True)
class Route:
    """One call of the API."""

    method: str
    pattern: re.Pattern[str]
    described_by: type
    deed: Deed
    """Takes the world, the parameters and the identifiers of the path."""


def _retrieve(kind: str) -> Deed:
    return lambda world, params, identity: world.get(kind, identity)


def _list(kind: str, path: str, rows: Callable[[World, Thing], list[Thing]] | None = None) -> Deed:
    def deed(world: World, params: Thing) -> Thing:
        chosen = rows(world, params) if rows else None
        return lists.page(world, kind, path, params, chosen)

    return deed


# --- Calls that are too small for a file of their own -----------------------------------------------------------------


def _update_invoice(world: World, params: Thing, invoice_id: str) -> Thing:
    invoice = world.get("invoice", invoice_id)
    before = clone(invoice)
    foreign = set(params) - {"metadata", "auto_advance", "description", "expand"}
    if foreign:
        raise Refused(400, "Finalized invoices can't be updated in this way", code="invoice_not_editable")
    invoice["metadata"] = merged(invoice["metadata"], params.get("metadata"))
    invoice.update({name: params[name] for name in ("auto_advance", "description") if name in params})
    world.emit("invoice.updated", invoice, before)
    return invoice


def _pay_invoice(world: World, params: Thing, invoice_id: str) -> Thing:
    invoice = world.get("invoice", invoice_id)
    if invoice["status"] == "draft":
        invoices.finalize(world, invoice)
    if invoice["status"] != "open":
        raise Refused(400, f"Invoice is already {invoice['status']}", code=f"invoice_already_{invoice['status']}")
    outcome = subscriptions.pay(world, invoice, world.cards.get(invoice["customer"], "ok"))
    intent = invoices.intent_of(world, invoice)
    if outcome == "declined":
        raise payments.card_error(intent)
    if outcome == "action":
        text = "The payment needs authentication by the customer."
        raise payments.card_error(intent, "invoice_payment_intent_requires_action", text)
    return invoice


def _create_subscription(world: World, params: Thing) -> Thing:
    foreign = set(params) - {"customer", "items", "metadata", "expand", "payment_behavior"}
    if foreign or len(params.get("items", [])) != 1:
        raise Refused(400, "The fake starts a subscription from a customer, one item and metadata.")
    customer = catalogue.live_customer(world, params["customer"])
    given = params["items"][0]
    price = world.get("price", given.get("price", ""), "items[0][price]")
    metadata = merged({}, params.get("metadata"))
    subscription = subscriptions.start(world, customer["id"], price, given.get("quantity", 1), metadata)
    invoice = subscriptions.bill_first(world, subscription)
    if invoice["status"] == "open" and params.get("payment_behavior") != "default_incomplete":
        subscriptions.pay(world, invoice, world.cards.get(customer["id"], "ok"), automatic=True)
    return subscription


def _list_events(world: World, params: Thing) -> list[Thing]:
    types = params.pop("types", None)
    return [row for row in world.rows("event") if not types or row["type"] in types]


def _invoice_payments(world: World, params: Thing) -> list[Thing]:
    payment: Any = params.pop("payment", None)
    rows = list(world.rows("invoice_payment"))
    if payment is None:
        return rows
    return [row for row in rows if row["payment"].get(payment["type"]) == payment.get(payment["type"])]


# --- The table --------------------------------------------------------------------------------------------------------

_TABLE: list[tuple[str, str, type, Deed]] = [
    ("POST", "/v1/customers", sdk.CustomerCreateParams, catalogue.create_customer),
    ("GET", "/v1/customers", sdk.CustomerListParams, _list("customer", "/v1/customers", catalogue.list_customers)),
    ("GET", "/v1/customers/*", sdk.CustomerRetrieveParams, catalogue.retrieve_customer),
    ("POST", "/v1/customers/*", sdk.CustomerUpdateParams, catalogue.update_customer),
    ("DELETE", "/v1/customers/*", sdk.CustomerDeleteParams, subscriptions.delete_customer),
    ("POST", "/v1/products", sdk.ProductCreateParams, catalogue.create_product),
    ("GET", "/v1/products", sdk.ProductListParams, _list("product", "/v1/products")),
    ("GET", "/v1/products/*", sdk.ProductRetrieveParams, _retrieve("product")),
    ("POST", "/v1/products/*", sdk.ProductUpdateParams, catalogue.update_product),
    ("POST", "/v1/prices", sdk.PriceCreateParams, catalogue.create_price),
    ("GET", "/v1/prices", sdk.PriceListParams, _list("price", "/v1/prices", catalogue.list_prices)),
    ("GET", "/v1/prices/*", sdk.PriceRetrieveParams, _retrieve("price")),
    ("POST", "/v1/prices/*", sdk.PriceUpdateParams, catalogue.update_price),
    ("POST", "/v1/checkout/sessions", checkout_params.SessionCreateParams, checkout.create),
    (
        "GET",
        "/v1/checkout/sessions",
        checkout_params.SessionListParams,
        _list("checkout.session", "/v1/checkout/sessions"),
    ),
    ("GET", "/v1/checkout/sessions/*", checkout_params.SessionRetrieveParams, _retrieve("checkout.session")),
    ("POST", "/v1/checkout/sessions/*/expire", checkout_params.SessionExpireParams, checkout.expire),
    ("POST", "/v1/subscriptions", sdk.SubscriptionCreateParams, _create_subscription),
    ("GET", "/v1/subscriptions", sdk.SubscriptionListParams, _list("subscription", "/v1/subscriptions")),
    ("GET", "/v1/subscriptions/*", sdk.SubscriptionRetrieveParams, _retrieve("subscription")),
    ("POST", "/v1/subscriptions/*", sdk.SubscriptionUpdateParams, changes.update),
    ("DELETE", "/v1/subscriptions/*", sdk.SubscriptionCancelParams, subscriptions.cancel),
    ("GET", "/v1/invoices", sdk.InvoiceListParams, _list("invoice", "/v1/invoices")),
    ("GET", "/v1/invoices/*", sdk.InvoiceRetrieveParams, _retrieve("invoice")),
    ("POST", "/v1/invoices/*", sdk.InvoiceUpdateParams, _update_invoice),
    ("POST", "/v1/invoices/*/void", sdk.InvoiceVoidInvoiceParams, subscriptions.void_invoice),
    ("POST", "/v1/invoices/*/pay", sdk.InvoicePayParams, _pay_invoice),
    (
        "GET",
        "/v1/invoice_payments",
        sdk.InvoicePaymentListParams,
        _list("invoice_payment", "/v1/invoice_payments", _invoice_payments),
    ),
    ("GET", "/v1/payment_intents", sdk.PaymentIntentListParams, _list("payment_intent", "/v1/payment_intents")),
    ("GET", "/v1/payment_intents/*", sdk.PaymentIntentRetrieveParams, _retrieve("payment_intent")),
    ("GET", "/v1/charges", sdk.ChargeListParams, _list("charge", "/v1/charges")),
    ("GET", "/v1/charges/*", sdk.ChargeRetrieveParams, _retrieve("charge")),
    ("POST", "/v1/refunds", sdk.RefundCreateParams, payments.create_refund),
    ("GET", "/v1/refunds", sdk.RefundListParams, _list("refund", "/v1/refunds")),
    ("GET", "/v1/refunds/*", sdk.RefundRetrieveParams, _retrieve("refund")),
    ("GET", "/v1/disputes", sdk.DisputeListParams, _list("dispute", "/v1/disputes")),
    ("GET", "/v1/disputes/*", sdk.DisputeRetrieveParams, _retrieve("dispute")),
    (
        "POST",
        "/v1/billing_portal/configurations",
        billing_portal.ConfigurationCreateParams,
        portal.create_configuration,
    ),
    (
        "GET",
        "/v1/billing_portal/configurations",
        billing_portal.ConfigurationListParams,
        _list("billing_portal.configuration", "/v1/billing_portal/configurations"),
    ),
    (
        "GET",
        "/v1/billing_portal/configurations/*",
        billing_portal.ConfigurationRetrieveParams,
        _retrieve("billing_portal.configuration"),
    ),
    (
        "POST",
        "/v1/billing_portal/configurations/*",
        billing_portal.ConfigurationUpdateParams,
        portal.update_configuration,
    ),
    ("POST", "/v1/billing_portal/sessions", billing_portal.SessionCreateParams, portal.create_portal_session),
    ("POST", "/v1/webhook_endpoints", sdk.WebhookEndpointCreateParams, catalogue.create_webhook_endpoint),
    (
        "GET",
        "/v1/webhook_endpoints",
        sdk.WebhookEndpointListParams,
        _list("webhook_endpoint", "/v1/webhook_endpoints"),
    ),
    ("GET", "/v1/events", sdk.EventListParams, _list("event", "/v1/events", _list_events)),
    ("GET", "/v1/events/*", sdk.EventRetrieveParams, _retrieve("event")),
]

ROUTES = [
    Route(method, re.compile(path.replace("*", "([^/]+)")), described_by, deed)
    for method, path, described_by, deed in _TABLE
]


def find(method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    """Return the route of a call and the identifiers in its path."""
    for route in ROUTES:
        if route.method == method and (match := route.pattern.fullmatch(path)):
            return route, match.groups()
    text = f"Unrecognized request URL ({method}: {path})."
    raise Refused(404, text, code="url_invalid")
