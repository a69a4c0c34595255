"""Keep the payment provider's catalogue in line with the price list, and know what each of its prices stands for.

The price list in the database says what is sold and for how much. A price at the provider never changes: another amount
is another price, and whoever pays the old one stays on it, so that old prices are remembered here for good.
"""

import uuid
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from clients.payments import APP, Gateway, NoSuchObject, Portal, Price
from models import StripeCatalogEntry
from services.catalogue_items import PACK, PORTAL, TIER, Item, items
from services.price_list import money
from services.transaction import Database, insert_new, utcnow

# --- What the prices stand for --------------------------------------------------------------------------------------


def price_for(tx: Session, kind: str, key: str, *, livemode: bool) -> StripeCatalogEntry | None:
    """Return the price at which something is sold now (or, of kind `portal`, the portal's set-up)."""
    return tx.scalars(
        select(StripeCatalogEntry)
        .where(StripeCatalogEntry.kind == kind, StripeCatalogEntry.key == key)
        .where(StripeCatalogEntry.livemode == livemode, StripeCatalogEntry.active)
        .order_by(StripeCatalogEntry.created_at.desc(), StripeCatalogEntry.id)
    ).first()


def meaning_of(tx: Session, price_id: str) -> tuple[str, str] | None:
    """Return what a price pays for, also an old one: `("tier", "starter")`, `("pack", "100")`."""
    entry = tx.get(StripeCatalogEntry, price_id)
    return (entry.kind, entry.key) if entry is not None and entry.kind != PORTAL else None


def learn(db: Database, gateway: Gateway, price_id: str) -> None:
    """Fetch a price that is not known here, as after a restored backup, and remember it if it carries our marks."""
    try:
        price = gateway.price(price_id)
    except NoSuchObject:
        return
    if price.metadata.get("app") != APP:
        return
    for kind in (TIER, PACK):
        if key := price.metadata.get(kind):
            # It is on sale if the lookup key still points to it.
            on_sale = price.active and price.lookup_key == f"{APP}:{kind}:{key}"
            _remember(db, _price_row(kind, key, price, active=on_sale), now=utcnow())


# --- Bringing it in line --------------------------------------------------------------------------------------------


def sync(db: Database, gateway: Gateway, *, now: datetime) -> list[str]:
    """Bring products, prices and the portal in line with the price list, and say what was done, line by line.

    Each step is remembered as soon as it is done, and what exists is found by its lookup key: after a crash, run it
    again. Raises PaymentsUnavailable.
    """
    with db.read() as tx:
        listed = items(tx)
    return _Sync(db, gateway, now).run(listed)


class _Sync:
    """One run, with what each of its steps needs."""

    def __init__(self, db: Database, gateway: Gateway, now: datetime) -> None:
        self._db = db
        self._gateway = gateway
        self._now = now
        # Keys of this run's own: a price that goes from A to B and back to A is made anew each time.
        self._run = uuid.uuid4().hex

    def run(self, listed: list[Item]) -> list[str]:
        found = {price.lookup_key: price for price in self._gateway.prices([item.lookup_key for item in listed])}
        lines = []
        for item in listed:
            price = found.get(item.lookup_key)
            lines += self._sell(item, price) if item.is_sold else self._take_off(item, price)
        lines.append(self._set_up_portal())
        return lines + self._leave_test_mode()

    # --- One thing of the list

    def _sell(self, item: Item, price: Price | None) -> list[str]:
        if price is not None:
            # Remembered before anything is changed, so that a crash leaves none on sale that nobody knows of.
            self._remember(item, price, active=price.active)
        entries = self._entries(item)
        product_id, name = self._product(price, entries)
        lines = []
        if product_id is None:
            product_id = self._gateway.create_product(item.name, item.metadata, key=self._key("product", item))
        elif name != item.name:
            self._gateway.rename_product(product_id, item.name)
            lines = [f"Renaming {item.label} at Stripe: '{name}' -> '{item.name}'"]
        if price is not None and price.product_id == product_id and item.is_met_by(price):
            current = price
            lines = lines or [f"{_capital(item.label)} is up to date at Stripe: {item.cost(price.amount)}"]
        else:
            current = self._new_price(item, product_id)
            lines.append(_said_of_new(item, price))
        for entry in entries:
            if entry.active and entry.id != current.id:
                self._retire(entry.id)
        return lines

    def _product(self, price: Price | None, entries: list[StripeCatalogEntry]) -> tuple[str | None, str]:
        """Return the product at which this was sold last, and its name, unless it was archived or deleted."""
        product_id = price.product_id if price is not None else entries[0].product_id if entries else None
        if product_id is not None:
            with suppress(NoSuchObject):
                return product_id, self._gateway.product_name(product_id)
        return None, ""

    def _new_price(self, item: Item, product_id: str) -> Price:
        price = self._gateway.create_price(
            product_id,
            item.amount,
            recurring=item.is_monthly,
            lookup_key=item.lookup_key,
            metadata=item.metadata,
            key=self._key("price", item),
        )
        self._remember(item, price, active=True)
        return price

    def _take_off(self, item: Item, price: Price | None) -> list[str]:
        on_sale = {entry.id for entry in self._entries(item) if entry.active}
        if price is not None and price.active:
            self._remember(item, price, active=True)
            on_sale.add(price.id)
        for price_id in sorted(on_sale):
            self._retire(price_id)
        stay = "; people who pay for it already stay" if item.is_monthly else ""
        return [f"Retiring {item.label} at Stripe: no longer sold{stay}"] if on_sale else []

    def _retire(self, price_id: str) -> None:
        with suppress(NoSuchObject):
            self._gateway.retire_price(price_id)
        with self._db.write() as tx:
            tx.execute(update(StripeCatalogEntry).where(StripeCatalogEntry.id == price_id).values(active=False))

    # --- What is not on the list

    def _set_up_portal(self) -> str:
        mine = self._gateway.portals()
        with self._db.read() as tx:
            entry = price_for(tx, PORTAL, PORTAL, livemode=self._gateway.livemode)
        known = entry.id if entry is not None else None
        portal = next((one for one in mine if one.id == known), mine[0] if mine else None)
        if portal is not None and portal.fits:
            line = "The customer portal is up to date at Stripe"
        else:
            line = f"{'Creating' if portal is None else 'Correcting'} the customer portal at Stripe"
            portal = self._gateway.save_portal(portal.id if portal else None, key=self._key(PORTAL))
        self._offer_portal(portal)
        return line

    def _offer_portal(self, portal: Portal) -> None:
        _remember(self._db, _portal_row(portal), now=self._now)
        older = (StripeCatalogEntry.kind == PORTAL, StripeCatalogEntry.livemode == portal.livemode)
        with self._db.write() as tx:
            tx.execute(
                update(StripeCatalogEntry).where(*older, StripeCatalogEntry.id != portal.id).values(active=False)
            )

    def _leave_test_mode(self) -> list[str]:
        """Stop offering what was made with a test key, once a live key is there; never the other way round."""
        if not self._gateway.livemode:
            return []
        tests = (~StripeCatalogEntry.livemode, StripeCatalogEntry.active)
        with self._db.write() as tx:
            retired = tx.scalars(
                update(StripeCatalogEntry).where(*tests).values(active=False).returning(StripeCatalogEntry.id)
            ).all()
        return [f"Leaving test mode: what was made in it ({len(retired)}) is no longer offered"] if retired else []

    # --- What the steps share

    def _entries(self, item: Item) -> list[StripeCatalogEntry]:
        """Return what is known of this thing's prices, the newest first."""
        with self._db.read() as tx:
            return list(
                tx.scalars(
                    select(StripeCatalogEntry)
                    .where(StripeCatalogEntry.kind == item.kind, StripeCatalogEntry.key == item.key)
                    .where(StripeCatalogEntry.livemode == self._gateway.livemode)
                    .order_by(StripeCatalogEntry.created_at.desc(), StripeCatalogEntry.id)
                )
            )

    def _remember(self, item: Item, price: Price, *, active: bool) -> None:
        _remember(self._db, _price_row(item.kind, item.key, price, active=active), now=self._now)

    def _key(self, what: str, item: Item | None = None) -> str:
        return f"sync:{self._run}:{what}" + (f":{item.kind}:{item.key}" if item else "")


def _said_of_new(item: Item, old: Price | None) -> str:
    if old is None or not old.active:
        return f"Creating {item.label} at Stripe: {item.cost(item.amount)}"
    if old.amount == item.amount:
        return f"Replacing the price of {item.label} at Stripe: {item.cost(item.amount)}"
    line = f"Updating {item.label} at Stripe: {item.cost(old.amount)} -> {item.cost(item.amount)}"
    return f"{line}; people who subscribe already stay at {money(old.amount)}" if item.is_monthly else line


def _capital(label: str) -> str:
    return f"{label[0].upper()}{label[1:]}"


# --- Remembering ----------------------------------------------------------------------------------------------------


def _price_row(kind: str, key: str, price: Price, *, active: bool) -> dict[str, Any]:
    return {
        "id": price.id,
        "kind": kind,
        "key": key,
        "amount_cents": price.amount,
        "product_id": price.product_id,
        "livemode": price.livemode,
        "active": active,
    }


def _portal_row(portal: Portal) -> dict[str, Any]:
    return {
        "id": portal.id,
        "kind": PORTAL,
        "key": PORTAL,
        "amount_cents": 0,
        "product_id": None,
        "livemode": portal.livemode,
        "active": True,
    }


def _remember(db: Database, row: dict[str, Any], *, now: datetime) -> None:
    with db.write() as tx:
        if not insert_new(tx, StripeCatalogEntry, {**row, "created_at": now}):
            tx.execute(update(StripeCatalogEntry).where(StripeCatalogEntry.id == row["id"]).values(**row))
