"""Project what a mix of plans brings in; packs come on top and are not guessed at."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select

from models import SubscriptionTier
from services.transaction import Database

SCENARIOS = {
    "Conservative": {"free": 80, "starter": 15, "professional": 4, "business": 1},
    "Growth": {"free": 700, "starter": 200, "professional": 80, "business": 20},
}
"""How many people are on each plan, by the plan's name."""


class UnknownTier(Exception):
    """The mix names a tier that is not on the price list."""


@dataclass(frozen=True)
class Line:
    """What one plan brings in a month."""

    tier: str
    users: int
    monthly_cents: int


@dataclass(frozen=True)
class Projection:
    """What a mix of plans brings in: monthly and annual recurring revenue."""

    lines: tuple[Line, ...]

    @property
    def users(self) -> int:
        return sum(line.users for line in self.lines)

    @property
    def mrr_cents(self) -> int:
        return sum(line.monthly_cents for line in self.lines)

    @property
    def arr_cents(self) -> int:
        return 12 * self.mrr_cents


def project(prices: Mapping[str, int], mix: Mapping[str, int]) -> Projection:
    """Return what the mix brings in, given each tier's monthly price in cents; raises UnknownTier."""
    for tier in mix:
        if tier not in prices:
            raise UnknownTier(f"There is no tier '{tier}'; there are {', '.join(prices)}.")
    return Projection(tuple(Line(tier, users, users * prices[tier]) for tier, users in mix.items()))


def prices(db: Database) -> dict[str, int]:
    """Return the monthly price in cents of every tier on the price list, cheapest first."""
    query = select(SubscriptionTier.name, SubscriptionTier.monthly_price_cents).where(SubscriptionTier.is_active)
    query = query.order_by(SubscriptionTier.monthly_price_cents, SubscriptionTier.id)
    with db.read() as tx:
        return {tier.name: tier.monthly_price_cents for tier in tx.execute(query)}
