"""Begin each month of a subscription, and collect what it costs."""

from tests.fakes.stripe import invoices, subscriptions
from tests.fakes.stripe.shapes import clone
from tests.fakes.stripe.store import Thing, World, month_after


def renew(world: World, subscription: Thing) -> None:
    """Begin the next month at the item's present price, or end what was to end."""
    if subscription["cancel_at_period_end"]:
        subscriptions.end(world, subscription, "cancellation_requested")
        return
    subscriptions.discard_pending(world, subscription, expired=True)
    before = clone(subscription)
    item = subscriptions.item_of(subscription)
    old = (item["current_period_start"], item["current_period_end"])
    new = (old[1], month_after(subscription["billing_cycle_anchor"], old[1]))
    item.update(current_period_start=new[0], current_period_end=new[1])
    world.emit("customer.subscription.updated", subscription, before)
    lines = world.pending_lines.pop(subscription["id"], [])
    lines.append(
        invoices.line(world, subscription, item["price"], item["price"]["unit_amount"] * item["quantity"], new)
    )
    invoice = invoices.draft(world, subscription, "subscription_cycle", lines, old)
    subscription["latest_invoice"] = invoice["id"]
    if subscription["status"] == "unpaid":
        invoice["auto_advance"] = False
    elif world.dunning.draft_for:
        invoice["automatically_finalizes_at"] = world.stamp + int(world.dunning.draft_for.total_seconds())
    else:
        finalize_and_pay(world, invoice)


def finalize_and_pay(world: World, invoice: Thing) -> str:
    """Open a draft and charge the customer's card."""
    subscription = subscriptions.subscription_of(world, invoice)
    invoices.finalize(world, invoice)
    if invoice["status"] == "paid":
        subscriptions.set_status(world, subscription, "active")
        return "succeeded"
    return subscriptions.pay(world, invoice, subscriptions.card_of(world, subscription), automatic=True)


def retry(world: World, invoice: Thing) -> None:
    """Try once more to collect an open invoice."""
    invoice["next_payment_attempt"] = None
    subscription = subscriptions.subscription_of(world, invoice)
    intent = invoices.intent_of(world, invoice)
    if subscription["status"] in subscriptions.LIVE and intent is not None and intent["status"] != "processing":
        subscriptions.pay(world, invoice, subscriptions.card_of(world, subscription), automatic=True)
