"""Change a subscription: its price with or without proration, its end, its metadata."""

from fractions import Fraction

from tests.fakes.stripe import invoices, payments, subscriptions
from tests.fakes.stripe.catalogue import merged
from tests.fakes.stripe.shapes import clone
from tests.fakes.stripe.store import Thing, World
from tests.fakes.stripe.wire import Refused

PENDING_SECONDS = 23 * 3600
_WITH_PENDING = {
    "add_invoice_items",
    "billing_cycle_anchor",
    "discounts",
    "expand",
    "items",
    "payment_behavior",
    "proration_behavior",
    "proration_date",
    "trial_end",
    "trial_from_plan",
}
"""What may stand beside payment_behavior=pending_if_incomplete."""
_UNDERSTOOD = {
    "cancel_at_period_end",
    "cancellation_details",
    "description",
    "expand",
    "items",
    "metadata",
    "payment_behavior",
    "proration_behavior",
    "proration_date",
}


def update(world: World, params: Thing, subscription_id: str) -> Thing:
    """Change a subscription by the API."""
    subscription = world.get("subscription", subscription_id)
    if subscription["status"] in subscriptions.OVER:
        text = "A canceled subscription can only update its cancellation_details and metadata."
        if set(params) - {"metadata", "cancellation_details", "expand"}:
            raise Refused(400, text)
    behaviour = params.get("payment_behavior", "allow_incomplete")
    _check_names(params, behaviour)
    before = clone(subscription)
    change = _changed_item(world, subscription, params)
    if change is not None:
        _change_price(world, subscription, change, params, behaviour)
    elif params.get("items"):
        subscriptions.discard_pending(world, subscription)
    _change_end(world, subscription, params)
    subscription["metadata"] = merged(subscription["metadata"], params.get("metadata"))
    if isinstance(params.get("description"), str):
        subscription["description"] = params["description"] or None
    if before != subscription:
        world.emit("customer.subscription.updated", subscription, before)
    return subscription


def _check_names(params: Thing, behaviour: str) -> None:
    if behaviour == "pending_if_incomplete" and (foreign := sorted(set(params) - _WITH_PENDING)):
        text = (
            "When `payment_behavior` is set to `pending_if_incomplete`, only supported attributes may be passed; "
            f"these are not: {', '.join(foreign)}."
        )
        raise Refused(400, text, param=foreign[0])
    if unknown := sorted(set(params) - _UNDERSTOOD):
        raise Refused(400, f"The fake does not know how to change {', '.join(unknown)}.", param=unknown[0])


def _changed_item(world: World, subscription: Thing, params: Thing) -> Thing | None:
    """Return the item as it will be, or None if it stays as it is."""
    given = params.get("items") or []
    item = subscriptions.item_of(subscription)
    if len(given) > 1 or any(one.get("id") != item["id"] for one in given):
        text = "The fake keeps one item per subscription: name the id of the item to change."
        raise Refused(400, text, param="items[0][id]")
    if not given:
        return None
    price = world.get("price", given[0].get("price", item["price"]["id"]), "items[0][price]")
    quantity = given[0].get("quantity", item["quantity"])
    if price["type"] != "recurring":
        raise Refused(400, f"The price {price['id']} is not recurring.", param="items[0][price]")
    if (price["id"], quantity) == (item["price"]["id"], item["quantity"]):
        return None
    if not price["active"]:
        text = "The price specified is inactive. This field only accepts active prices."
        raise Refused(400, text, param="items[0][price]")
    changed: Thing = {**item, "price": price, "quantity": quantity}
    subscriptions.put_price(changed, price)
    return changed


def _change_end(world: World, subscription: Thing, params: Thing) -> None:
    wanted = params.get("cancel_at_period_end", subscription["cancel_at_period_end"])
    if wanted == subscription["cancel_at_period_end"]:
        return
    subscription.update(
        cancel_at_period_end=wanted,
        cancel_at=subscriptions.item_of(subscription)["current_period_end"] if wanted else None,
        canceled_at=world.stamp if wanted else None,
    )
    subscription["cancellation_details"]["reason"] = "cancellation_requested" if wanted else None


# --- Prices ---------------------------------------------------------------------------------------------------------


def _change_price(world: World, subscription: Thing, change: Thing, params: Thing, behaviour: str) -> None:
    item = subscriptions.item_of(subscription)
    proration = params.get("proration_behavior", "create_prorations")
    if proration == "none" or subscription["status"] not in subscriptions.LIVE:
        subscriptions.discard_pending(world, subscription)
        item.update(change)
        return
    lines = _prorated(world, subscription, change, params.get("proration_date"))
    if proration == "always_invoice":
        _check_card(world, subscription, sum(one["amount"] for one in lines), behaviour)
    subscriptions.discard_pending(world, subscription)
    if proration == "create_prorations":
        world.pending_lines.setdefault(subscription["id"], []).extend(lines)
        item.update(change)
        return
    if behaviour != "pending_if_incomplete":
        item.update(change)
    invoice = _invoice_now(world, subscription, lines, params.get("proration_date"))
    subscription["latest_invoice"] = invoice["id"]
    if behaviour == "pending_if_incomplete":
        _wait_for(world, subscription, change)
    invoices.finalize(world, invoice)
    if invoice["status"] == "paid":
        if subscription["pending_update"]:
            subscriptions.apply_pending(world, subscription)
    elif behaviour != "default_incomplete":
        subscriptions.pay(world, invoice, subscriptions.card_of(world, subscription), automatic=True)


def _check_card(world: World, subscription: Thing, total: int, behaviour: str) -> None:
    card = subscriptions.card_of(world, subscription)
    if behaviour == "pending_if_incomplete" and card == "late":
        text = (
            "You cannot use `payment_behavior=pending_if_incomplete` with this subscription: "
            "its payment method does not support pending updates."
        )
        raise Refused(400, text, param="payment_behavior")
    if behaviour == "error_if_incomplete" and total > 0 and card in ("declined", "action"):
        code = "card_declined" if card == "declined" else "subscription_payment_intent_requires_action"
        raise payments.card_error(None, code, payments.DECLINED if card == "declined" else "Authenticate to pay.")


def _prorated(world: World, subscription: Thing, change: Thing, moment: int | None) -> list[Thing]:
    """Return the credit for the rest of the period at the old price, and the charge for it at the new one."""
    item = subscriptions.item_of(subscription)
    begin, end = item["current_period_start"], item["current_period_end"]
    moment = world.stamp if moment is None else moment
    if not begin <= moment <= end:
        text = "Cannot specify a proration_date outside of the current period."
        raise Refused(400, text, param="proration_date")
    share = Fraction(end - moment, end - begin)
    credit = -round(item["price"]["unit_amount"] * item["quantity"] * share)
    charge = round(change["price"]["unit_amount"] * change["quantity"] * share)
    return [
        invoices.line(world, subscription, item["price"], credit, (moment, end), proration=True),
        invoices.line(world, subscription, change["price"], charge, (moment, end), proration=True),
    ]


def _invoice_now(world: World, subscription: Thing, lines: list[Thing], moment: int | None) -> Thing:
    waiting = world.pending_lines.pop(subscription["id"], [])
    invoice = invoices.draft(world, subscription, "subscription_update", [*waiting, *lines], (world.stamp, world.stamp))
    invoice["parent"]["subscription_details"]["subscription_proration_date"] = moment or world.stamp
    return invoice


def _wait_for(world: World, subscription: Thing, change: Thing) -> None:
    subscription["pending_update"] = {
        "billing_cycle_anchor": None,
        "cancel_at_period_end": None,
        "discount": None,
        "discounts": None,
        "expires_at": min(world.stamp + PENDING_SECONDS, change["current_period_end"]),
        "metadata": None,
        "subscription_items": [clone(change)],
        "trial_end": None,
        "trial_from_plan": None,
    }
