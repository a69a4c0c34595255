"""Move money: payment intents and their charges, refunds, disputes."""

from tests.fakes.stripe.catalogue import merged
from tests.fakes.stripe.shapes import clone
from tests.fakes.stripe.store import Thing, World
from tests.fakes.stripe.wire import Refused

CARDS = ("ok", "declined", "action", "late")
_OUTCOMES = {"ok": "succeeded", "declined": "declined", "action": "action", "late": "processing"}
DECLINED = "Your card was declined."


def card_error(intent: Thing | None, code: str = "card_declined", message: str = DECLINED) -> Refused:
    """Return the refusal of a payment by the card."""
    more = {"decline_code": "generic_decline"} if code == "card_declined" else {}
    if intent is not None:
        more |= {"payment_intent": clone(intent)}
    return Refused(402, message, type="card_error", code=code, **more)


# --- Payment intents and charges ------------------------------------------------------------------------------------


def new_intent(world: World, customer_id: str | None, amount: int, currency: str, metadata: Thing) -> Thing:
    """Make a payment intent that nobody has tried to pay yet."""
    identity = world.identity("payment_intent")
    intent = world.add(
        "payment_intent",
        id=identity,
        amount=amount,
        amount_capturable=0,
        amount_received=0,
        capture_method="automatic_async",
        client_secret=f"{identity}_secret_fake",
        confirmation_method="automatic",
        currency=currency,
        customer=customer_id,
        metadata=merged({}, metadata),
        payment_method_types=["card"],
        status="requires_payment_method",
    )
    world.emit("payment_intent.created", intent)
    return intent


def confirm(world: World, intent: Thing, card: str) -> str:
    """Try to pay with a test card; return `succeeded`, `declined`, `action` (it asks the person) or `processing`."""
    intent.update(next_action=None, last_payment_error=None, payment_method=world.identity("payment_method"))
    outcome = _OUTCOMES[card]
    if outcome == "action":
        intent["status"] = "requires_action"
        intent["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": {}}
        world.emit("payment_intent.requires_action", intent)
    elif outcome == "processing":
        intent["status"] = "processing"
        _charge(world, intent, "pending")
        world.emit("payment_intent.processing", intent)
    elif outcome == "succeeded":
        _succeed(world, intent, _charge(world, intent, "succeeded"))
    else:
        _fail(world, intent, _charge(world, intent, "failed"))
    return outcome


def authenticate(world: World, intent: Thing, ok: bool) -> str:
    """Finish an authentication that was asked for, as the person at the bank's page does."""
    if intent["status"] != "requires_action":
        raise Refused(400, f"The payment is {intent['status']}.", code="payment_intent_unexpected_state")
    intent["next_action"] = None
    if ok:
        _succeed(world, intent, _charge(world, intent, "succeeded"))
        return "succeeded"
    _refuse(world, intent, "payment_intent_authentication_failure", "The authentication failed.", None)
    return "declined"


def settle(world: World, intent: Thing, ok: bool) -> str:
    """Let a payment by a delayed method arrive or fail."""
    if intent["status"] != "processing":
        raise Refused(400, f"The payment is {intent['status']}.", code="payment_intent_unexpected_state")
    charge = world.get("charge", intent["latest_charge"])
    if ok:
        charge.update(status="succeeded", paid=True, amount_captured=charge["amount"], captured=True)
        _succeed(world, intent, charge)
        return "succeeded"
    charge.update(status="failed", paid=False, failure_code="payment_failed", failure_message="The debit was returned.")
    _fail(world, intent, charge)
    return "declined"


def cancel_intent(world: World, intent: Thing) -> None:
    """Make sure that nobody pays an intent any more."""
    if intent["status"] in ("succeeded", "canceled"):
        return
    if intent["status"] == "processing":
        charge = world.get("charge", intent["latest_charge"])
        charge.update(status="failed", failure_code="payment_canceled", failure_message="The payment was canceled.")
        world.emit("charge.failed", charge)
    intent.update(status="canceled", canceled_at=world.stamp, next_action=None)
    world.emit("payment_intent.canceled", intent)


def _charge(world: World, intent: Thing, status: str) -> Thing:
    customer = world.tables["customer"].get(intent["customer"] or "", {})
    identity = world.identity("charge")
    paid = status == "succeeded"
    billing = {"address": None, "email": customer.get("email"), "name": None, "phone": None, "tax_id": None}
    charge = world.add(
        "charge",
        id=identity,
        amount=intent["amount"],
        amount_captured=intent["amount"] if paid else 0,
        amount_refunded=0,
        billing_details=billing,
        captured=paid,
        currency=intent["currency"],
        customer=intent["customer"],
        disputed=False,
        failure_code="card_declined" if status == "failed" else None,
        failure_message=DECLINED if status == "failed" else None,
        metadata=dict(intent["metadata"]),
        paid=paid,
        payment_intent=intent["id"],
        payment_method=intent["payment_method"],
        receipt_url=f"{world.base_url}/r/{identity}" if status != "failed" else None,
        refunded=False,
        status=status,
    )
    intent["latest_charge"] = identity
    if status == "pending":
        world.emit("charge.pending", charge)
    return charge


def _succeed(world: World, intent: Thing, charge: Thing) -> None:
    intent.update(status="succeeded", amount_received=intent["amount"], latest_charge=charge["id"])
    world.emit("charge.succeeded", charge)
    world.emit("payment_intent.succeeded", intent)


def _fail(world: World, intent: Thing, charge: Thing) -> None:
    world.emit("charge.failed", charge)
    _refuse(world, intent, charge["failure_code"], charge["failure_message"], charge["id"])


def _refuse(world: World, intent: Thing, code: str, message: str, charge_id: str | None) -> None:
    error = {"type": "card_error", "code": code, "message": message, "charge": charge_id}
    intent.update(status="requires_payment_method", last_payment_error=error, payment_method=None)
    world.emit("payment_intent.payment_failed", intent)


# --- Refunds --------------------------------------------------------------------------------------------------------


def create_refund(world: World, params: Thing) -> Thing:
    """Give a payment back, in whole or in part."""
    charge = _charge_to_refund(world, params)
    rest = charge["amount"] - charge["amount_refunded"]
    amount = params.get("amount", rest)
    if rest == 0:
        text = f"Charge {charge['id']} has already been refunded."
        raise Refused(400, text, code="charge_already_refunded")
    if any(row["status"] in ("needs_response", "under_review", "lost") for row in _disputes_of(world, charge)):
        text = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise Refused(400, text, code="charge_disputed")
    if amount <= 0:
        raise Refused(400, "Invalid positive integer", param="amount", code="parameter_invalid_integer")
    if amount > rest:
        text = f"Refund amount ({_dollars(amount)}) is greater than unrefunded amount on charge ({_dollars(rest)})"
        raise Refused(400, text, param="amount")
    refund = world.add(
        "refund",
        amount=amount,
        charge=charge["id"],
        currency=charge["currency"],
        metadata=merged({}, params.get("metadata")),
        payment_intent=charge["payment_intent"],
        reason=params.get("reason"),
        status="succeeded",
    )
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    world.emit("refund.created", refund)
    world.emit("charge.refunded", charge)
    return refund


def _charge_to_refund(world: World, params: Thing) -> Thing:
    if "payment_intent" in params:
        intent = world.get("payment_intent", params["payment_intent"], "payment_intent")
        charge = world.tables["charge"].get(intent["latest_charge"] or "")
        if intent["status"] != "succeeded" or charge is None:
            text = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
            raise Refused(400, text, param="payment_intent", code="payment_intent_unexpected_state")
        return charge
    if "charge" not in params:
        raise Refused(400, "One of the following params should be provided: payment_intent or charge.")
    charge = world.get("charge", params["charge"], "charge")
    if charge["status"] != "succeeded":
        raise Refused(400, f"Charge {charge['id']} is {charge['status']}; cannot issue a refund.", param="charge")
    return charge


def _dollars(cents: int) -> str:
    return f"${cents / 100:,.2f}"


# --- Disputes -------------------------------------------------------------------------------------------------------


def open_dispute(world: World, intent_id: str, amount: int | None, inquiry: bool) -> Thing:
    """Let the payer's bank ask (an inquiry takes no money) or take the money back."""
    intent = world.get("payment_intent", intent_id)
    charge = world.get("charge", intent["latest_charge"])
    if charge["status"] != "succeeded":
        raise Refused(400, "Only a payment that succeeded can be disputed.")
    charge["disputed"] = True
    eligibility = {"visa_compelling_evidence_3": None, "visa_compliance": None, "mastercard_compliance": None}
    dispute = world.add(
        "dispute",
        amount=charge["amount"] if amount is None else amount,
        balance_transactions=[],
        charge=charge["id"],
        currency=charge["currency"],
        enhanced_eligibility_types=[],
        evidence={"enhanced_evidence": {}},
        evidence_details={
            "due_by": world.stamp + 7 * 86400,
            "enhanced_eligibility": {name: value for name, value in eligibility.items() if value},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        is_charge_refundable=inquiry,
        metadata={},
        payment_intent=intent_id,
        reason="fraudulent",
        status="warning_needs_response" if inquiry else "needs_response",
    )
    world.emit("charge.dispute.created", dispute)
    if not inquiry:
        world.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def escalate_dispute(world: World, dispute_id: str) -> None:
    """Turn an inquiry into a dispute that takes the money."""
    dispute = world.get("dispute", dispute_id)
    before = clone(dispute)
    dispute.update(status="needs_response", is_charge_refundable=False)
    world.emit("charge.dispute.updated", dispute, before)
    world.emit("charge.dispute.funds_withdrawn", dispute)


def close_dispute(world: World, dispute_id: str, won: bool) -> None:
    """End a dispute: won gives the money back; an inquiry just ends."""
    dispute = world.get("dispute", dispute_id)
    if dispute["status"] in ("won", "lost", "warning_closed"):
        raise Refused(400, f"This dispute is already {dispute['status']}.")
    if dispute["status"].startswith("warning_"):
        dispute["status"] = "warning_closed"
    else:
        dispute["status"] = "won" if won else "lost"
        if won:
            world.emit("charge.dispute.funds_reinstated", dispute)
    world.emit("charge.dispute.closed", dispute)


def _disputes_of(world: World, charge: Thing) -> list[Thing]:
    return list(world.rows("dispute", charge=charge["id"]))
