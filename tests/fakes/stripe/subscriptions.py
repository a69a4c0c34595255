"""Begin, bill and end subscriptions, and let what is paid or not paid decide their status."""

from tests.fakes.stripe import invoices, payments
from tests.fakes.stripe.catalogue import live_customer, plan_of
from tests.fakes.stripe.shapes import clone, listed, shaped
from tests.fakes.stripe.store import Thing, World, month_after
from tests.fakes.stripe.wire import Refused, missing

LIVE = ("active", "past_due", "unpaid", "trialing")
OVER = ("canceled", "incomplete_expired")
FIRST_PAYMENT_SECONDS = 23 * 3600


def item_of(subscription: Thing) -> Thing:
    """Return the only item of a subscription."""
    item: Thing = subscription["items"]["data"][0]
    return item


def card_of(world: World, subscription: Thing) -> str:
    """Return what the customer pays with."""
    return world.cards.get(subscription["customer"], "ok")


def put_price(item: Thing, price: Thing) -> None:
    """Let an item cost this from now on; the price itself stays one object, so that later changes show."""
    item.update(price=price, plan=plan_of(price))


# --- Beginning ------------------------------------------------------------------------------------------------------


def start(world: World, customer_id: str, price: Thing, quantity: int, metadata: Thing) -> Thing:
    """Make a subscription whose first invoice is still to be paid."""
    if price["type"] != "recurring":
        raise Refused(400, f"The price {price['id']} is not recurring.", param="items[0][price]")
    identity, item_id = world.identity("subscription"), world.identity("subscription_item")
    item = shaped(
        "subscription_item",
        id=item_id,
        created=world.stamp,
        current_period_start=world.stamp,
        current_period_end=month_after(world.stamp, world.stamp),
        discounts=[],
        metadata={},
        quantity=quantity,
        subscription=identity,
        tax_rates=[],
    )
    put_price(item, price)
    subscription = world.add(
        "subscription",
        id=identity,
        automatic_tax={"disabled_reason": None, "enabled": False, "liability": None},
        billing_cycle_anchor=world.stamp,
        billing_mode={"flexible": None, "type": "classic", "updated_at": None},
        billing_schedules=[],
        cancel_at_period_end=False,
        cancellation_details={"comment": None, "feedback": None, "reason": None},
        collection_method="charge_automatically",
        currency=price["currency"],
        customer=customer_id,
        default_tax_rates=[],
        discounts=[],
        invoice_settings={
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": {"account": None, "type": "self"},
        },
        items=listed(f"/v1/subscription_items?subscription={identity}", [item]),
        metadata=dict(metadata),
        start_date=world.stamp,
        status="incomplete",
    )
    world.emit("customer.subscription.created", subscription)
    return subscription


def bill_first(world: World, subscription: Thing, intent: Thing | None = None) -> Thing:
    """Make the first invoice, for the first month."""
    item = item_of(subscription)
    period = (item["current_period_start"], item["current_period_end"])
    amount = item["price"]["unit_amount"] * item["quantity"]
    lines = [invoices.line(world, subscription, item["price"], amount, period)]
    invoice = invoices.draft(world, subscription, "subscription_create", lines, (world.stamp, world.stamp))
    subscription["latest_invoice"] = invoice["id"]
    invoices.finalize(world, invoice, intent)
    if invoice["status"] == "paid":
        set_status(world, subscription, "active")
    return invoice


# --- Paying ---------------------------------------------------------------------------------------------------------


def pay(world: World, invoice: Thing, card: str, *, automatic: bool = False) -> str:
    """Try to pay an open invoice with a card; return what came of it. Only automatic attempts count for retries."""
    intent = invoices.intent_of(world, invoice)
    if intent is None or invoice["status"] != "open":
        raise Refused(400, f"Invoice is already {invoice['status']}.", code=f"invoice_already_{invoice['status']}")
    if intent["status"] == "processing":
        raise Refused(400, "A payment of this invoice is under way.", code="payment_intent_unexpected_state")
    invoice["attempt_count"] += automatic
    outcome = payments.confirm(world, intent, card)
    follow(world, invoice, outcome, automatic=automatic)
    return outcome


def follow(world: World, invoice: Thing, outcome: str, *, automatic: bool = False) -> None:
    """Draw the consequences of an attempt to pay: for the invoice, its subscription, and the next attempt."""
    subscription = subscription_of(world, invoice)
    if invoice["status"] != "open":
        return
    invoices.note(world, invoice, outcome)
    if subscription["status"] in OVER:
        return
    if outcome == "succeeded":
        _follow_success(world, subscription, invoice)
    elif outcome == "processing":
        if subscription["status"] == "incomplete":
            set_status(world, subscription, world.dunning.late_starts_as)
    elif not is_pending(subscription, invoice):
        if subscription["status"] == "active":
            set_status(world, subscription, "past_due")
        if automatic:
            _plan_retry(world, subscription, invoice)


def _follow_success(world: World, subscription: Thing, invoice: Thing) -> None:
    if is_pending(subscription, invoice):
        apply_pending(world, subscription)
    if subscription["latest_invoice"] == invoice["id"]:
        set_status(world, subscription, "active")


def subscription_of(world: World, invoice: Thing) -> Thing:
    """Return the subscription that an invoice bills."""
    return world.get("subscription", invoice["parent"]["subscription_details"]["subscription"])


def _plan_retry(world: World, subscription: Thing, invoice: Thing) -> None:
    retries = world.dunning.retries
    done = invoice["attempt_count"] - 1
    invoice["next_payment_attempt"] = None
    if subscription["status"] != "past_due":
        return
    if done < len(retries):
        invoice["next_payment_attempt"] = world.stamp + int(retries[done].total_seconds())
    elif world.dunning.afterwards == "canceled":
        end(world, subscription, "payment_failed")
    else:
        set_status(world, subscription, world.dunning.afterwards)


def set_status(world: World, subscription: Thing, status: str) -> None:
    """Change a subscription's status, and say so."""
    if subscription["status"] != status:
        before = clone(subscription)
        subscription["status"] = status
        world.emit("customer.subscription.updated", subscription, before)


# --- Pending updates ------------------------------------------------------------------------------------------------


def is_pending(subscription: Thing, invoice: Thing) -> bool:
    """Say whether a change of the subscription waits for this invoice."""
    return bool(subscription["pending_update"]) and subscription["latest_invoice"] == invoice["id"]


def apply_pending(world: World, subscription: Thing) -> None:
    """Make the change that has been paid."""
    before = clone(subscription)
    change = subscription["pending_update"]["subscription_items"][0]
    put_price(item_of(subscription), world.get("price", change["price"]["id"]))
    item_of(subscription)["quantity"] = change["quantity"]
    subscription["pending_update"] = None
    world.emit("customer.subscription.pending_update_applied", subscription)
    world.emit("customer.subscription.updated", subscription, before)


def discard_pending(world: World, subscription: Thing, *, expired: bool = False) -> None:
    """Give up a change that was not paid, and void its invoice."""
    if not subscription["pending_update"]:
        return
    before = clone(subscription)
    subscription["pending_update"] = None
    invoice = world.get("invoice", subscription["latest_invoice"])
    if invoice["status"] == "open":
        invoices.void(world, invoice)
    if expired:
        world.emit("customer.subscription.pending_update_expired", subscription)
    world.emit("customer.subscription.updated", subscription, before)


# --- Ending ---------------------------------------------------------------------------------------------------------


def end(world: World, subscription: Thing, reason: str) -> None:
    """End a subscription now; its open invoices stay open, but nobody tries to collect them."""
    discard_pending(world, subscription)
    if reason != "cancellation_requested" or not subscription["canceled_at"]:
        subscription["canceled_at"] = world.stamp
    subscription.update(status="canceled", ended_at=world.stamp)
    subscription["cancellation_details"]["reason"] = reason
    for invoice in _invoices_of(world, subscription):
        # A draft stays one: nobody finalizes it any more.
        invoice.update(auto_advance=False, next_payment_attempt=None, automatically_finalizes_at=None)
    world.emit("customer.subscription.deleted", subscription)


def expire_first(world: World, subscription: Thing) -> None:
    """End a subscription whose first invoice was not paid in time."""
    before = clone(subscription)
    subscription.update(status="incomplete_expired", ended_at=world.stamp, canceled_at=world.stamp)
    for invoice in _invoices_of(world, subscription):
        if invoice["status"] == "open":
            invoices.void(world, invoice)
    world.emit("customer.subscription.updated", subscription, before)


def _invoices_of(world: World, subscription: Thing) -> list[Thing]:
    return [
        row
        for row in world.rows("invoice", customer=subscription["customer"])
        if row["parent"]["subscription_details"]["subscription"] == subscription["id"]
    ]


def cancel(world: World, params: Thing, subscription_id: str) -> Thing:
    """End a subscription by the API."""
    subscription = world.get("subscription", subscription_id)
    if subscription["status"] in OVER:
        raise missing("subscription", subscription_id)
    if params.get("prorate") or params.get("invoice_now"):
        raise Refused(400, "The fake gives nothing back at the end.", param="prorate")
    end(world, subscription, "cancellation_requested")
    return subscription


def void_invoice(world: World, params: Thing, invoice_id: str) -> Thing:
    """Void an invoice by the API; a change that waits for it is given up."""
    invoice = world.get("invoice", invoice_id)
    invoices.void(world, invoice)
    subscription = subscription_of(world, invoice)
    if is_pending(subscription, invoice):
        discard_pending(world, subscription)
    elif subscription["status"] == "incomplete":
        expire_first(world, subscription)
    elif subscription["status"] == "past_due" and subscription["latest_invoice"] == invoice_id:
        set_status(world, subscription, "active")
    return invoice


def delete_customer(world: World, params: Thing, customer_id: str) -> Thing:
    """Forget a customer for good, which ends the subscriptions; payments and invoices stay."""
    customer = live_customer(world, customer_id, "id")
    for subscription in world.rows("subscription", customer=customer_id):
        if subscription["status"] not in OVER:
            end(world, subscription, "cancellation_requested")
    world.emit("customer.deleted", customer)
    customer.clear()
    customer.update(id=customer_id, object="customer", deleted=True)
    return customer
