"""Make, finalize, collect and void invoices; what follows for the subscription is decided in subscriptions.py."""

from tests.fakes.stripe import payments
from tests.fakes.stripe.shapes import clone, listed, shaped
from tests.fakes.stripe.store import Thing, World
from tests.fakes.stripe.wire import Refused


def line(
    world: World, subscription: Thing, price: Thing, amount: int, period: tuple[int, int], *, proration: bool = False
) -> Thing:
    """Return one line for a subscription's only item."""
    item = subscription["items"]["data"][0]
    product = world.get("product", price["product"])["name"]
    words = "Unused time on" if amount < 0 else "Remaining time on" if proration else f"{item['quantity']} ×"
    details = {
        "invoice_item": world.identity("line_item").replace("il_", "ii_") if proration else None,
        "proration": proration,
        "proration_details": {"credited_items": None},
        "subscription": subscription["id"],
        "subscription_item": item["id"],
    }
    return shaped(
        "line_item",
        id=world.identity("line_item"),
        amount=amount,
        currency=price["currency"],
        description=f"{words} {product}",
        discount_amounts=[],
        discountable=not proration,
        discounts=[],
        livemode=False,
        metadata=dict(subscription["metadata"]),
        parent={
            "type": "subscription_item_details",
            "invoice_item_details": None,
            "subscription_item_details": details,
        },
        period={"start": period[0], "end": period[1]},
        pretax_credit_amounts=[],
        pricing={
            "type": "price_details",
            "price_details": {"price": price["id"], "product": price["product"]},
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        quantity=item["quantity"],
        quantity_decimal=str(item["quantity"]),
        subtotal=amount,
        taxes=[],
    )


def draft(world: World, subscription: Thing, reason: str, lines: list[Thing], period: tuple[int, int]) -> Thing:
    """Make the draft of a subscription's invoice."""
    identity = world.identity("invoice")
    customer = world.get("customer", subscription["customer"])
    total = sum(one["amount"] for one in lines)
    for one in lines:
        one["invoice"] = identity
    invoice = world.add(
        "invoice",
        id=identity,
        amount_due=max(total, 0),
        amount_overpaid=0,
        amount_paid=0,
        amount_remaining=max(total, 0),
        amount_shipping=0,
        attempt_count=0,
        attempted=False,
        auto_advance=True,
        automatic_tax={"disabled_reason": None, "enabled": False, "liability": None, "provider": None, "status": None},
        billing_reason=reason,
        collection_method="charge_automatically",
        currency=lines[0]["currency"],
        customer=customer["id"],
        customer_email=customer["email"],
        customer_name=customer["name"],
        customer_tax_exempt="none",
        customer_tax_ids=[],
        default_tax_rates=[],
        discounts=[],
        issuer={"account": None, "type": "self"},
        lines=listed(f"/v1/invoices/{identity}/lines", lines),
        metadata={},
        parent={
            "type": "subscription_details",
            "quote_details": None,
            "subscription_details": {
                "metadata": dict(subscription["metadata"]),
                "subscription": subscription["id"],
                "subscription_proration_date": None,
            },
        },
        payment_settings={"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        period_end=period[1],
        period_start=period[0],
        post_payment_credit_notes_amount=0,
        pre_payment_credit_notes_amount=0,
        starting_balance=0,
        status="draft",
        status_transitions=dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
        subtotal=total,
        subtotal_excluding_tax=total,
        total=total,
        total_discount_amounts=[],
        total_excluding_tax=total,
        total_pretax_credit_amounts=[],
        total_taxes=[],
    )
    world.emit("invoice.created", invoice)
    return invoice


def finalize(world: World, invoice: Thing, intent: Thing | None = None) -> None:
    """Open an invoice for payment; one that asks for nothing is paid at once.

    `intent` is the payment that a payment page has made for it already.
    """
    customer = world.get("customer", invoice["customer"])
    _apply_balance(customer, invoice)
    number = customer.get("next_invoice_sequence") or 1
    customer["next_invoice_sequence"] = number + 1
    invoice.update(
        status="open",
        number=f"{customer['invoice_prefix']}-{number:04d}",
        hosted_invoice_url=f"{world.base_url}/i/{invoice['id']}",
        invoice_pdf=f"{world.base_url}/i/{invoice['id']}/pdf",
        automatically_finalizes_at=None,
        effective_at=world.stamp,
    )
    invoice["status_transitions"]["finalized_at"] = world.stamp
    if invoice["amount_due"]:
        intent = intent or payments.new_intent(
            world, customer["id"], invoice["amount_due"], invoice["currency"], metadata={}
        )
        _attach(world, invoice, intent)
    world.emit("invoice.finalized", invoice)
    if not invoice["amount_due"]:
        mark_paid(world, invoice)


def _apply_balance(customer: Thing, invoice: Thing) -> None:
    """Move a negative total to the customer's credit, or pay from it."""
    invoice["starting_balance"] = customer["balance"]
    after = customer["balance"] + invoice["total"]
    customer["balance"] = invoice["ending_balance"] = min(after, 0)
    invoice["amount_due"] = invoice["amount_remaining"] = max(after, 0)


def _attach(world: World, invoice: Thing, intent: Thing) -> None:
    world.add(
        "invoice_payment",
        amount_requested=invoice["amount_due"],
        currency=invoice["currency"],
        invoice=invoice["id"],
        is_default=True,
        payment={"type": "payment_intent", "payment_intent": intent["id"]},
        status="open",
        status_transitions={"canceled_at": None, "paid_at": None},
    )


def intent_of(world: World, invoice: Thing) -> Thing | None:
    """Return the payment intent that pays an invoice, or would."""
    row = next(world.rows("invoice_payment", invoice=invoice["id"]), None)
    return world.get("payment_intent", row["payment"]["payment_intent"]) if row else None


def invoice_of(world: World, intent_id: str) -> Thing | None:
    """Return the invoice that an intent pays."""
    for row in world.rows("invoice_payment"):
        if row["payment"]["payment_intent"] == intent_id:
            return world.get("invoice", row["invoice"])
    return None


def note(world: World, invoice: Thing, outcome: str) -> None:
    """Bring an open invoice in line with what came of an attempt to pay it."""
    invoice["attempted"] = True
    if outcome == "succeeded":
        mark_paid(world, invoice)
    elif outcome in ("declined", "action"):
        world.emit("invoice.payment_failed", invoice)
        if outcome == "action":
            world.emit("invoice.payment_action_required", invoice)


def mark_paid(world: World, invoice: Thing) -> None:
    """Note that an invoice is paid."""
    invoice.update(
        status="paid",
        attempted=True,
        amount_paid=invoice["amount_due"],
        amount_remaining=0,
        auto_advance=False,
        next_payment_attempt=None,
    )
    invoice["status_transitions"]["paid_at"] = world.stamp
    for row in world.rows("invoice_payment", invoice=invoice["id"]):
        row.update(status="paid", amount_paid=invoice["amount_due"])
        row["status_transitions"]["paid_at"] = world.stamp
        world.emit("invoice_payment.paid", row)
    world.emit("invoice.paid", invoice)
    world.emit("invoice.payment_succeeded", invoice)


def void(world: World, invoice: Thing) -> None:
    """Make sure that nobody pays an invoice any more."""
    if invoice["status"] not in ("open", "uncollectible"):
        text = f"You can only pass in open invoices. This invoice is {invoice['status']}."
        raise Refused(400, text, param="id", code="invoice_not_editable")
    intent = intent_of(world, invoice)
    if intent is not None:
        payments.cancel_intent(world, intent)
    customer = world.get("customer", invoice["customer"])
    if "balance" in customer:
        customer["balance"] += invoice["starting_balance"] - (invoice["ending_balance"] or 0)
    invoice.update(status="void", auto_advance=False, next_payment_attempt=None)
    invoice["status_transitions"]["voided_at"] = world.stamp
    for row in world.rows("invoice_payment", invoice=invoice["id"]):
        row["status"] = "canceled"
        row["status_transitions"]["canceled_at"] = world.stamp
    world.emit("invoice.voided", invoice)


def snapshot(thing: Thing) -> Thing:
    """Return a copy to compare with later."""
    copy: Thing = clone(thing)
    return copy
