"""Turn stored values into the JSON that clients see."""

from datetime import UTC, datetime

from models import SubscriptionTier


def iso(moment: datetime) -> str:
    """Return a UTC time as `2026-11-22T17:00:00Z`."""
    return moment.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def iso_or_none(moment: datetime | None) -> str | None:
    """Return the time as JSON shows it, or None."""
    return None if moment is None else iso(moment)


def dollars(cents: int) -> float:
    """Return whole cents as a number of dollars; only for showing, never for adding up."""
    return cents / 100


def tier_view(tier: SubscriptionTier) -> dict[str, object]:
    """Return a tier as `GET /api/subscription/tiers` lists it."""
    return {
        "id": tier.id,
        "name": tier.name,
        "display_name": tier.display_name,
        "monthly_price": dollars(tier.monthly_price_cents),
        "monthly_credits": tier.monthly_credits,
        "price_per_credit": _price_per_credit(tier),
        "description": tier.description,
        "features": list(tier.features),
        "is_active": tier.is_active,
    }


def _price_per_credit(tier: SubscriptionTier) -> float | None:
    """Return dollars a credit; None where nothing is paid, or nothing is given."""
    if not tier.monthly_price_cents or not tier.monthly_credits:
        return None
    return round(dollars(tier.monthly_price_cents) / tier.monthly_credits, 4)
