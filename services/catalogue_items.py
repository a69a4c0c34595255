"""Say what the price list sells for money, and under which names the payment provider knows it."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from clients.payments import APP, Metadata, Price
from models import CreditPack, SubscriptionTier
from services.price_list import money

CURRENCY = "usd"
PORTAL = "portal"
TIER = "tier"
PACK = "pack"


@dataclass(frozen=True)
class Item:
    """One thing of the price list that costs money."""

    kind: str
    key: str
    """The tier's name or the pack's credits."""
    label: str
    """What the operator calls it: `tier 'Starter'`."""
    name: str
    """What people read on the payment page and on their invoices."""
    amount: int
    is_sold: bool

    @property
    def is_monthly(self) -> bool:
        """Say whether it is paid for each month."""
        return self.kind == TIER

    @property
    def lookup_key(self) -> str:
        """Return the key under which the provider finds its price."""
        return f"{APP}:{self.kind}:{self.key}"

    @property
    def metadata(self) -> Metadata:
        """Return our marks on its product and prices."""
        return {"app": APP, self.kind: self.key}

    def cost(self, cents: int) -> str:
        """Return an amount as the operator reads it: `$19 a month`."""
        return f"{money(cents)} a month" if self.is_monthly else money(cents)

    def is_met_by(self, price: Price) -> bool:
        """Say whether this price can be sold as it is."""
        terms = (price.active, price.amount, price.currency, price.recurring)
        return terms == (True, self.amount, CURRENCY, self.is_monthly)


def items(tx: Session) -> list[Item]:
    """Return what the price list sells for money, and what it once sold."""
    tiers = tx.scalars(select(SubscriptionTier).order_by(SubscriptionTier.monthly_price_cents, SubscriptionTier.id))
    packs = tx.scalars(select(CreditPack).order_by(CreditPack.credits))
    listed = [
        Item(
            TIER,
            tier.name,
            f"tier '{tier.display_name}'",
            f"{tier.display_name} plan",
            tier.monthly_price_cents,
            tier.is_active,
        )
        for tier in tiers
        if tier.monthly_price_cents > 0
    ]
    for pack in packs:
        name = f"{pack.credits:,} credits"
        listed.append(Item(PACK, str(pack.credits), f"pack {pack.credits}", name, pack.price_cents, pack.is_active))
    return listed
