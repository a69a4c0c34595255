"""Serve plans, packs, purchases and the ledger as JSON."""

from typing import Any

from flask import Blueprint
from flask_login import current_user, login_required

from errors import AppError, InvalidInput
from routes import body
from routes.access import house, terms
from routes.chat import idempotent_call
from services import billing, billing_views

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
    cursor = body.query_integer("cursor", default=None, minimum=1)
    return billing_views.ledger_view(house().db, current_user.id, limit or 50, cursor)


@bp.post("/api/subscription/upgrade")
@login_required
def upgrade() -> Any:
    """Choose a plan: a higher one at once, a lower one at the period's end, the present one to undo that."""
    choice = _tier_choice(body.read_json())
    return billing.choose_tier(house().db, current_user.id, **choice, **terms(), call=idempotent_call(choice))


@bp.post("/api/subscription/cancel")
@login_required
def cancel() -> Any:
    """Let the paid plan end with its period."""
    body.read_nothing()
    return billing.cancel(house().db, current_user.id, **terms())


@bp.post("/api/subscription/resume")
@login_required
def resume() -> Any:
    """Undo a pending downgrade or cancellation."""
    body.read_nothing()
    return billing.resume(house().db, current_user.id, **terms())


@bp.post("/api/credits/purchase")
@login_required
def purchase() -> Any:
    """Buy a pack of credits."""
    size = _pack_size(body.read_json())
    call = idempotent_call({"pack_size": size})
    return billing.buy_pack(house().db, current_user.id, pack_size=size, **terms(), call=call)


@bp.post("/api/subscription/create-checkout")
@login_required
def checkout_subscription() -> Any:
    """Refuse to open a checkout on a server without a payment provider."""
    body.text(body.read_json(), "tier_name", maximum=50)
    raise _no_provider()


@bp.post("/api/credits/create-checkout")
@login_required
def checkout_pack() -> Any:
    """Refuse to open a checkout on a server without a payment provider."""
    _pack_size(body.read_json())
    raise _no_provider()


@bp.post("/api/subscription/portal")
@login_required
def portal() -> Any:
    """Refuse to open the customer portal on a server without a payment provider."""
    body.read_nothing()
    raise _no_provider()


def _tier_choice(json: dict[str, Any]) -> dict[str, Any]:
    tier_id = body.integer(json, "tier_id", required=False, minimum=1, maximum=_MOST)
    tier_name = body.text(json, "tier_name", required=False, maximum=50)
    if (tier_id is None) == (tier_name is None):
        raise InvalidInput({"tier_name": "Name the plan by tier_name or by tier_id, one of the two."})
    return {"tier_id": tier_id, "tier_name": tier_name}


def _pack_size(json: dict[str, Any]) -> int:
    size = body.integer(json, "pack_size", minimum=1, maximum=_MOST)
    if size is None:
        raise InvalidInput({"pack_size": "pack_size is missing."})
    return size


def _no_provider() -> AppError:
    return AppError(503, "payments_not_configured", "No payment provider is connected to this server.")
