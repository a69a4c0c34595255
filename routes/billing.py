"""Serve plans, packs, purchases and the ledger as JSON."""

from typing import Any

from flask import Blueprint
from flask_login import current_user, login_required

from errors import InvalidInput
from routes import body
from routes.access import house, terms
from routes.chat import idempotent_call
from routes.limits import limiter, payments_limit
from services import billing, billing_views
from services.house import Gateway
from services.transaction import Database, utcnow

bp = Blueprint("billing", __name__)

_MOST = 2**31 - 1


@bp.get("/api/subscription")
@login_required
def subscription() -> Any:
    """Show the wallet and the plans."""
    return {
        "subscription": billing_views.subscription_view(house().db, current_user.id, **terms()),
        "available_tiers": billing_views.tiers_view(house().db),
    }


@bp.get("/api/subscription/tiers")
def tiers() -> Any:
    """List the plans, by price."""
    return {"tiers": billing_views.tiers_view(house().db)}


@bp.get("/api/credits/packs")
def packs() -> Any:
    """List the packs, the smallest first."""
    return {"packs": billing_views.packs_view(house().db)}


@bp.get("/api/credits/ledger")
@login_required
def ledger() -> Any:
    """List the changes of the user's own wallet, newest first."""
    limit = body.query_integer("limit", default=50, minimum=1, maximum=200)
    cursor = body.optional_query_integer("cursor", minimum=1)
    return billing_views.ledger_view(house().db, current_user.id, limit, cursor)


@bp.post("/api/subscription/upgrade")
@limiter.limit(payments_limit)
@login_required
def upgrade() -> Any:
    """Choose a plan: a higher one at once, a lower one at the period's end, the present one to undo that."""
    choice = _tier_choice(body.read_json())
    return billing.choose_tier(*_me(), **choice, **_here(), call=idempotent_call(choice))


@bp.post("/api/subscription/cancel")
@limiter.limit(payments_limit)
@login_required
def cancel() -> Any:
    """Let the paid plan end with its period."""
    body.read_nothing()
    return billing.cancel(*_me(), now=utcnow())


@bp.post("/api/subscription/resume")
@limiter.limit(payments_limit)
@login_required
def resume() -> Any:
    """Undo a pending downgrade or cancellation."""
    body.read_nothing()
    return billing.resume(*_me(), now=utcnow())


@bp.post("/api/credits/purchase")
@limiter.limit(payments_limit)
@login_required
def purchase() -> Any:
    """Buy a pack of credits."""
    size = body.integer(body.read_json(), "pack_size", minimum=1, maximum=_MOST)
    call = idempotent_call({"pack_size": size})
    return billing.buy_pack(*_me(), pack_size=size, **_here(), call=call)


@bp.post("/api/subscription/create-checkout")
@limiter.limit(payments_limit)
@login_required
def checkout_subscription() -> Any:
    """Open a payment page for a plan."""
    name = body.text(body.read_json(), "tier_name", maximum=50)
    call = idempotent_call({"tier_name": name})
    return billing.open_plan_checkout(*_me(), tier_name=name, **_here(), call=call)


@bp.post("/api/credits/create-checkout")
@limiter.limit(payments_limit)
@login_required
def checkout_pack() -> Any:
    """Open a payment page for a pack."""
    size = body.integer(body.read_json(), "pack_size", minimum=1, maximum=_MOST)
    call = idempotent_call({"pack_size": size})
    return billing.open_pack_checkout(*_me(), pack_size=size, **_here(), call=call)


@bp.post("/api/subscription/portal")
@limiter.limit(payments_limit)
@login_required
def portal() -> Any:
    """Open the payment provider's own page for payment methods and invoices."""
    body.read_nothing()
    return billing.open_portal(*_me(), **_here())


def _me() -> tuple[Database, Gateway, int]:
    return house().db, house().gateway, current_user.id


def _here() -> dict[str, Any]:
    return {"site": house().settings.public_url, "now": utcnow()}


def _tier_choice(json: dict[str, Any]) -> dict[str, Any]:
    tier_id = body.optional_integer(json, "tier_id", minimum=1, maximum=_MOST)
    tier_name = body.optional_text(json, "tier_name", maximum=50)
    if (tier_id is None) == (tier_name is None):
        raise InvalidInput({"tier_name": "Name the plan by tier_name or by tier_id, one of the two."})
    return {"tier_id": tier_id, "tier_name": tier_name}
