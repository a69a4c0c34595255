"""Keep customers, products, prices, portal set-ups and webhook endpoints."""

from typing import Any

from tests.fakes.stripe.shapes import clone, shaped
from tests.fakes.stripe.store import Thing, World
from tests.fakes.stripe.wire import Refused, missing


def merged(old: Thing | None, given: Any) -> Thing:
    """Return metadata after an update: keys are added or replaced, an empty word removes one, '' removes all."""
    if given == "":
        return {}
    both = {**(old or {}), **(given or {})}
    if len(both) > 50 or any(len(key) > 40 or len(str(value)) > 500 for key, value in both.items()):
        raise Refused(400, "Metadata may have 50 keys of 40 characters, with values of 500.", param="metadata")
    return {key: value for key, value in both.items() if value != ""}


# --- Customers ------------------------------------------------------------------------------------------------------


def create_customer(world: World, params: Thing) -> Thing:
    """Make a customer."""
    given = {name: params.get(name) for name in ("email", "name", "description", "phone")}
    customer = world.add(
        "customer",
        **given,
        metadata=merged({}, params.get("metadata")),
        balance=0,
        delinquent=False,
        preferred_locales=[],
        tax_exempt="none",
        invoice_prefix=world.identity("customer")[-8:].upper(),
        next_invoice_sequence=1,
        invoice_settings={
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
    )
    world.emit("customer.created", customer)
    return customer


def update_customer(world: World, params: Thing, customer_id: str) -> Thing:
    """Change a customer's address, name or metadata."""
    customer = live_customer(world, customer_id)
    before = clone(customer)
    customer["metadata"] = merged(customer["metadata"], params.get("metadata"))
    customer.update({name: params[name] for name in ("email", "name", "description", "phone") if name in params})
    world.emit("customer.updated", customer, before)
    return customer


def retrieve_customer(world: World, params: Thing, customer_id: str) -> Thing:
    """Return a customer, or the little that is left of a deleted one."""
    return world.get("customer", customer_id)


def live_customer(world: World, customer_id: str, param: str = "customer") -> Thing:
    """Return a customer who was not deleted."""
    customer = world.get("customer", customer_id, param)
    if customer.get("deleted"):
        raise missing("customer", customer_id, param)
    return customer


def list_customers(world: World, params: Thing) -> list[Thing]:
    """Return the customers that were not deleted; an address is compared as it is written."""
    email = params.pop("email", None)
    return [
        row for row in world.rows("customer") if not row.get("deleted") and (email is None or row["email"] == email)
    ]


# --- Products and prices --------------------------------------------------------------------------------------------


def create_product(world: World, params: Thing) -> Thing:
    """Make a product."""
    if not params["name"]:
        raise Refused(400, "You passed an empty string for 'name'.", param="name", code="parameter_invalid_empty")
    product = world.add(
        "product",
        id=params.get("id") or world.identity("product"),
        name=params["name"],
        description=params.get("description"),
        active=params.get("active", True),
        images=[],
        marketing_features=[],
        metadata=merged({}, params.get("metadata")),
        type="service",
        updated=world.stamp,
    )
    world.emit("product.created", product)
    return product


def update_product(world: World, params: Thing, product_id: str) -> Thing:
    """Change a product."""
    product = world.get("product", product_id)
    before = clone(product)
    product.update({name: params[name] for name in ("name", "description", "active") if name in params})
    product["metadata"] = merged(product["metadata"], params.get("metadata"))
    product["updated"] = world.stamp
    world.emit("product.updated", product, before)
    return product


def create_price(world: World, params: Thing) -> Thing:
    """Make a price, and move the lookup key to it if asked."""
    if "unit_amount" not in params or params["unit_amount"] < 0:
        raise Refused(400, "A price needs a unit_amount of 0 or more.", param="unit_amount", code="parameter_missing")
    if "product" not in params:
        raise Refused(400, "A price needs a product.", param="product", code="parameter_missing")
    world.get("product", params["product"], "product")
    recurring = params.get("recurring")
    if recurring is not None:
        if recurring["interval"] != "month" or recurring.get("interval_count", 1) != 1:
            raise Refused(400, "The fake bills monthly only.", param="recurring[interval]")
        blank = {"meter": None, "trial_period_days": None, "usage_type": "licensed"}
        recurring = {"interval": "month", "interval_count": 1, **blank}
    lookup_key = params.get("lookup_key")
    _move_key(world, lookup_key, params.get("transfer_lookup_key", False))
    price = world.add(
        "price",
        active=params.get("active", True),
        billing_scheme="per_unit",
        currency=params["currency"].lower(),
        lookup_key=lookup_key,
        metadata=merged({}, params.get("metadata")),
        nickname=params.get("nickname"),
        product=params["product"],
        recurring=recurring,
        tax_behavior="unspecified",
        type="recurring" if recurring else "one_time",
        unit_amount=params["unit_amount"],
        unit_amount_decimal=str(params["unit_amount"]),
    )
    world.emit("price.created", price)
    return price


def _move_key(world: World, lookup_key: str | None, transfer: bool) -> None:
    if not lookup_key:
        return
    for holder in world.rows("price", lookup_key=lookup_key):
        if not transfer:
            raise Refused(
                400,
                f"A price (`{holder['id']}`) already uses that lookup key.",
                param="lookup_key",
                code="resource_already_exists",
            )
        before = clone(holder)
        holder["lookup_key"] = None
        world.emit("price.updated", holder, before)


def update_price(world: World, params: Thing, price_id: str) -> Thing:
    """Change what may change of a price: whether it is sold, its lookup key, its metadata."""
    price = world.get("price", price_id)
    before = clone(price)
    if "lookup_key" in params and params["lookup_key"] != price["lookup_key"]:
        _move_key(world, params["lookup_key"], params.get("transfer_lookup_key", False))
        price["lookup_key"] = params["lookup_key"] or None
    price.update({name: params[name] for name in ("active", "nickname") if name in params})
    price["metadata"] = merged(price["metadata"], params.get("metadata"))
    world.emit("price.updated", price, before)
    return price


def list_prices(world: World, params: Thing) -> list[Thing]:
    """Return prices, those with these lookup keys if any are given."""
    keys = params.pop("lookup_keys", None)
    if keys is not None and len(keys) > 10:
        raise Refused(400, "You may only specify up to 10 lookup_keys.", param="lookup_keys")
    return [row for row in world.rows("price") if keys is None or row["lookup_key"] in keys]


def plan_of(price: Thing) -> Thing:
    """Return the older form of a recurring price that subscription items still carry."""
    return shaped(
        "plan",
        **{name: price[name] for name in ("id", "active", "created", "currency", "livemode", "product")},
        amount=price["unit_amount"],
        amount_decimal=price["unit_amount_decimal"],
        billing_scheme="per_unit",
        interval="month",
        interval_count=1,
        metadata={},
        usage_type="licensed",
    )


# --- Webhook endpoints ----------------------------------------------------------------------------------------------


def create_webhook_endpoint(world: World, params: Thing) -> Thing:
    """Register an address for events; the fake itself sends only to the one that it was started with."""
    return world.add(
        "webhook_endpoint",
        url=params["url"],
        enabled_events=params["enabled_events"],
        status="enabled",
        metadata=merged({}, params.get("metadata")),
        api_version=params.get("api_version"),
        description=params.get("description"),
    )
