"""Open payment pages, and let people pay on them."""

from typing import Any

from tests.fakes.stripe import invoices, payments, subscriptions
from tests.fakes.stripe.catalogue import create_customer, live_customer, merged
from tests.fakes.stripe.shapes import listed
from tests.fakes.stripe.store import Thing, World
from tests.fakes.stripe.wire import Refused

LONGEST_SECONDS, SHORTEST_SECONDS = 24 * 3600, 30 * 60


def create(world: World, params: Thing) -> Thing:
    """Open a payment page by the API."""
    mode = params.get("mode", "payment")
    if mode == "setup":
        raise Refused(400, "The fake takes payments and subscriptions only.", param="mode")
    _check_addresses(params)
    items = _line_items(world, mode, params.get("line_items"))
    customer = live_customer(world, params["customer"]) if params.get("customer") else None
    if customer and params.get("customer_email"):
        raise Refused(400, "You may only specify one of these parameters: customer, customer_email.")
    foreign = "payment_intent_data" if mode == "subscription" else "subscription_data"
    if foreign in params:
        raise Refused(400, f"You can not pass `{foreign}` in `{mode}` mode.", param=foreign)
    expires_at = params.get("expires_at", world.stamp + LONGEST_SECONDS)
    if not SHORTEST_SECONDS <= expires_at - world.stamp <= LONGEST_SECONDS:
        text = "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation."
        raise Refused(400, text, param="expires_at")
    total = sum(item["amount_total"] for item in items)
    identity = world.identity("checkout.session")
    session = world.add(
        "checkout.session",
        id=identity,
        allow_promotion_codes=params.get("allow_promotion_codes"),
        amount_subtotal=total,
        amount_total=total,
        automatic_tax={"enabled": False, "liability": None, "provider": None, "status": None},
        cancel_url=params.get("cancel_url"),
        client_reference_id=params.get("client_reference_id"),
        currency=items[0]["currency"],
        custom_fields=[],
        custom_text=dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        customer=customer["id"] if customer else None,
        customer_creation=None if customer else "always" if mode == "subscription" else "if_required",
        customer_details=_details(customer["email"]) if customer else None,
        customer_email=params.get("customer_email"),
        discounts=[],
        expires_at=expires_at,
        metadata=merged({}, params.get("metadata")),
        mode=mode,
        payment_method_collection="always" if mode == "subscription" else "if_required",
        payment_method_types=["card"],
        payment_status="unpaid",
        permissions=None,
        shipping_options=[],
        status="open",
        success_url=params["success_url"],
        total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        ui_mode="hosted_page",
        url=f"{world.base_url}/c/pay/{identity}",
    )
    data = params.get("subscription_data") or params.get("payment_intent_data") or {}
    world.carried[identity] = {
        "line_items": listed(f"/v1/checkout/sessions/{identity}/line_items", items),
        "metadata": merged({}, data.get("metadata")),
        "intent": None,
    }
    return session


def _check_addresses(params: Thing) -> None:
    if not params.get("success_url"):
        raise Refused(400, "Missing required param: success_url.", param="success_url", code="parameter_missing")
    for name in ("success_url", "cancel_url"):
        if params.get(name) and not params[name].startswith(("http://", "https://")):
            raise Refused(400, "Not a valid URL", param=name, code="url_invalid")


def _details(email: str | None) -> Thing:
    blank = dict.fromkeys(("address", "business_name", "individual_name", "name", "phone", "tax_ids"))
    return {**blank, "email": email, "tax_exempt": "none"}


def _line_items(world: World, mode: str, given: list[Thing] | None) -> list[Thing]:
    if not given:
        raise Refused(400, f"`line_items` is required in `{mode}` mode.", param="line_items", code="parameter_missing")
    if len(given) > 1 and mode == "subscription":
        raise Refused(400, "The fake sells one plan at a time.", param="line_items")
    return [_line_item(world, mode, at, one) for at, one in enumerate(given)]


def _line_item(world: World, mode: str, at: int, given: Thing) -> Thing:
    where = f"line_items[{at}][price]"
    if "price" not in given:
        raise Refused(400, "The fake sells existing prices only.", param=where, code="parameter_missing")
    price = world.get("price", given["price"], where)
    if not price["active"]:
        text = "The price specified is inactive. This field only accepts active prices."
        raise Refused(400, text, param=where)
    if (price["type"] == "recurring") != (mode == "subscription"):
        words = "at least one recurring price" if mode == "subscription" else "no recurring price"
        raise Refused(400, f"You must provide {words} in `{mode}` mode.", param=where)
    quantity: Any = given.get("quantity")
    if quantity is None:
        raise Refused(400, "Quantity is required. Add `quantity` to `line_items[0]`.", param="line_items[0][quantity]")
    amount = price["unit_amount"] * quantity
    return {
        "id": world.identity("line_item").replace("il_", "li_"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": world.get("product", price["product"])["name"],
        "metadata": {},
        "price": price,
        "quantity": quantity,
    }


# --- Paying ---------------------------------------------------------------------------------------------------------


def open_session(world: World, session_id: str) -> Thing:
    """Return a payment page that can still be paid on."""
    session = world.get("checkout.session", session_id)
    if session["status"] != "open":
        raise Refused(400, f"This Checkout Session is {session['status']}.", code="checkout_session_not_open")
    if session["customer"]:
        live_customer(world, session["customer"])
    return session


def pay(world: World, session_id: str, card: str) -> str:
    """Pay on the page with a test card; return what came of it. Only a success (or `processing`) ends the page."""
    session = open_session(world, session_id)
    intent = _intent(world, session)
    outcome = payments.confirm(world, intent, card)
    return _after(world, session, intent, outcome, card)


def authenticate(world: World, session_id: str, ok: bool) -> str:
    """Finish or refuse the authentication that the page has asked for."""
    session = open_session(world, session_id)
    intent = _intent(world, session)
    return _after(world, session, intent, payments.authenticate(world, intent, ok), "action")


def _intent(world: World, session: Thing) -> Thing:
    """Return the payment that the page makes; it is made on the first attempt, and the customer with it."""
    carried = world.carried[session["id"]]
    if session["customer"] is None and session["mode"] == "subscription":
        session["customer"] = create_customer(world, {"email": session["customer_email"]})["id"]
    if carried["intent"] is None:
        metadata = carried["metadata"] if session["mode"] == "payment" else {}
        intent = payments.new_intent(world, session["customer"], session["amount_total"], session["currency"], metadata)
        carried["intent"] = intent["id"]
        if session["mode"] == "payment":
            session["payment_intent"] = intent["id"]
    return world.get("payment_intent", carried["intent"])


def _after(world: World, session: Thing, intent: Thing, outcome: str, card: str) -> str:
    if outcome not in ("succeeded", "processing"):
        return outcome
    if session["mode"] == "subscription":
        _subscribe(world, session, intent, outcome, card)
    email = world.tables["customer"].get(session["customer"] or "", {}).get("email") or session["customer_email"]
    session.update(
        status="complete",
        payment_status="paid" if outcome == "succeeded" else "unpaid",
        customer_details=_details(email),
        url=None,
    )
    world.emit("checkout.session.completed", session)
    return outcome


def _subscribe(world: World, session: Thing, intent: Thing, outcome: str, card: str) -> None:
    carried = world.carried[session["id"]]
    item = carried["line_items"]["data"][0]
    world.cards[session["customer"]] = card
    subscription = subscriptions.start(world, session["customer"], item["price"], item["quantity"], carried["metadata"])
    invoice = subscriptions.bill_first(world, subscription, intent)
    invoice["attempt_count"] = 1
    subscriptions.follow(world, invoice, outcome)
    session.update(subscription=subscription["id"], invoice=invoice["id"])


def settle(world: World, intent: Thing, ok: bool) -> str:
    """Let a delayed payment arrive or fail, with all that follows for its invoice and its page."""
    outcome = payments.settle(world, intent, ok)
    invoice = invoices.invoice_of(world, intent["id"])
    if invoice is not None:
        subscriptions.follow(world, invoice, outcome, automatic=True)
    for session in world.rows("checkout.session", status="complete", payment_status="unpaid"):
        if world.carried[session["id"]]["intent"] == intent["id"]:
            if ok:
                session["payment_status"] = "paid"
            world.emit(f"checkout.session.async_payment_{'succeeded' if ok else 'failed'}", session)
    return outcome


# --- Ending ---------------------------------------------------------------------------------------------------------


def close(world: World, session: Thing) -> None:
    """Close a page that nobody paid on."""
    session.update(status="expired", url=None)
    intent_id = world.carried[session["id"]]["intent"]
    if intent_id:
        payments.cancel_intent(world, world.get("payment_intent", intent_id))
    world.emit("checkout.session.expired", session)


def expire(world: World, params: Thing, session_id: str) -> Thing:
    """Close a page by the API."""
    session = world.get("checkout.session", session_id)
    if session["status"] != "open":
        text = (
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of {session['status']}."
        )
        raise Refused(400, text)
    close(world, session)
    return session
