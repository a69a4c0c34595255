"""Check the operator's price list and bring the database in line with it.

The list itself is data at the top of `init_subscription_system.py`. Nothing is written before all of it is valid.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from models import ActionPrice, ActionType, CreditPack, SubscriptionTier, UserSubscription
from services.transaction import Database, insert_new

FREE = "free"
MAX_CENTS = 100_000_000
MAX_CREDITS = 10_000_000
_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_LOCK = 7_264_002  # Any number, as long as nothing else in this database locks the same one.


class PriceListError(Exception):
    """Say in one line what is wrong with the price list; nothing was written."""


@dataclass(frozen=True)
class Changes:
    """What `apply` did, one line for each entry of the list, and for each that is no longer on it."""

    tiers: list[str] = field(default_factory=list)
    packs: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Tier:
    name: str
    display_name: str
    monthly_price_cents: int
    monthly_credits: int
    description: str
    features: list[str]


@dataclass(frozen=True)
class _Pack:
    credits: int
    price_cents: int
    popular: bool


def apply(
    db: Database,
    tiers: Sequence[Mapping[str, Any]],
    packs: Sequence[Mapping[str, Any]],
    actions: Mapping[str, int],
    *,
    now: datetime,
) -> Changes:
    """Make the tiers, packs and prices of actions in the database equal to the list, and say what changed.

    Tiers and packs that are no longer listed become inactive; nobody's wallet is touched. Raises PriceListError
    before anything is written.
    """
    new_tiers, new_packs, prices = check(tiers, packs, actions)
    with db.write() as tx:
        if db.engine.dialect.name == "postgresql":
            tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        return Changes(
            tiers=_apply_tiers(tx, new_tiers, now),
            packs=_apply_packs(tx, new_packs),
            actions=_apply_actions(tx, prices),
        )


def add_actions(db: Database, actions: Mapping[str, int]) -> None:
    """Insert the prices of actions that have none yet, such as a new tool's; raises PriceListError."""
    prices = _check_actions(actions)
    with db.read() as tx:
        missing = prices.keys() - set(tx.scalars(select(ActionPrice.action)))
    if missing:
        with db.write() as tx:
            for action in sorted(missing):
                insert_new(tx, ActionPrice, {"action": action, "credits": prices[action]})


def is_empty(db: Database) -> bool:
    """Say whether the database has no tiers yet."""
    with db.read() as tx:
        return tx.scalar(select(SubscriptionTier.id).limit(1)) is None


# --- Checking the list ----------------------------------------------------------------------------------------------


def check(
    tiers: Sequence[Mapping[str, Any]], packs: Sequence[Mapping[str, Any]], actions: Mapping[str, Any]
) -> tuple[list[_Tier], list[_Pack], dict[str, int]]:
    """Return the list as it will be stored; raises PriceListError."""
    return _check_tiers(tiers), _check_packs(packs), _check_actions(actions)


def _check_tiers(tiers: Sequence[Mapping[str, Any]]) -> list[_Tier]:
    checked = [_tier(entry, number) for number, entry in enumerate(tiers, start=1)]
    _refuse_twice("tier name", (tier.name for tier in checked))
    _refuse_twice("tier display_name", (tier.display_name for tier in checked))
    free = [tier.name for tier in checked if tier.monthly_price_cents == 0]
    if free != [FREE]:
        found = ", ".join(repr(name) for name in free) or "none"
        raise PriceListError(f"exactly one tier must cost 0, and its name must be '{FREE}' (found: {found})")
    return checked


def _check_packs(packs: Sequence[Mapping[str, Any]]) -> list[_Pack]:
    checked = sorted((_pack(entry, number) for number, entry in enumerate(packs, start=1)), key=lambda p: p.credits)
    _refuse_twice("pack size", (pack.credits for pack in checked))
    if sum(pack.popular for pack in checked) > 1:
        raise PriceListError("only one pack can be popular")
    for pack in checked[1:]:
        # Savings are shown against the smallest pack and must not be negative.
        if pack.price_cents * checked[0].credits > checked[0].price_cents * pack.credits:
            raise PriceListError(f"pack {pack.credits}: a credit costs more than in the smallest pack")
    return checked


def _check_actions(actions: Mapping[str, Any]) -> dict[str, int]:
    for name, credits in actions.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > 80:
            raise PriceListError(f"action {name!r}: the name must be lower-case letters, digits, '_' and '-'")
        _whole(credits, f"action '{name}'", least=0)
    if ActionType.CHAT_MESSAGE not in actions:
        raise PriceListError("actions: the price of 'chat_message' is missing")
    return dict(actions)


def _tier(entry: Mapping[str, Any], number: int) -> _Tier:
    name = entry.get("name") if isinstance(entry, Mapping) else None
    where = f"tier '{name}'" if isinstance(name, str) and name else f"tier {number}"
    _check_keys(entry, where, ("name", "display_name", "monthly_price", "monthly_credits"), ("description", "features"))
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > 50:
        raise PriceListError(f"{where}: name must be at most 50 lower-case letters, digits, '_' and '-'")
    features = entry.get("features", [])
    if not isinstance(features, list | tuple):
        raise PriceListError(f"{where}: features must be a list of texts")
    return _Tier(
        name=name,
        display_name=_words(entry["display_name"], f"{where}: display_name", longest=100),
        monthly_price_cents=_cents(entry["monthly_price"], f"{where}: monthly_price"),
        monthly_credits=_whole(entry["monthly_credits"], f"{where}: monthly_credits", least=0),
        description=_words(entry.get("description", ""), f"{where}: description", longest=1000, empty=True),
        features=[_words(feature, f"{where}: features", longest=200) for feature in features],
    )


def _pack(entry: Mapping[str, Any], number: int) -> _Pack:
    credits = entry.get("credits") if isinstance(entry, Mapping) else None
    where = f"pack {credits}" if isinstance(credits, int) else f"pack number {number}"
    _check_keys(entry, where, ("credits", "price"), ("popular",))
    popular = entry.get("popular", False)
    if not isinstance(popular, bool):
        raise PriceListError(f"{where}: popular must be True or False")
    price = _cents(entry["price"], f"{where}: price")
    if price == 0:
        raise PriceListError(f"{where}: price must be above 0")
    return _Pack(credits=_whole(credits, f"{where}: credits", least=1), price_cents=price, popular=popular)


def _check_keys(entry: Any, where: str, needed: Sequence[str], optional: Sequence[str]) -> None:
    if not isinstance(entry, Mapping):
        raise PriceListError(f"{where}: must be a dict")
    missing = [key for key in needed if key not in entry]
    unknown = [str(key) for key in entry if key not in (*needed, *optional)]
    if missing or unknown:
        problem = f"missing {', '.join(missing)}" if missing else f"unknown {', '.join(unknown)}"
        raise PriceListError(f"{where}: {problem}")


def _words(value: Any, where: str, *, longest: int, empty: bool = False) -> str:
    if not isinstance(value, str) or len(value) > longest or "\0" in value or not (empty or value.strip()):
        raise PriceListError(f"{where} must be a text of at most {longest} characters")
    return value


def _whole(value: Any, where: str, *, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MAX_CREDITS:
        raise PriceListError(f"{where} must be a whole number of credits from {least} to {MAX_CREDITS}, not {value!r}")
    return value


def _cents(value: Any, where: str) -> int:
    """Return dollars as whole cents; `str` first, so that 19.99 is not 19.989999999999998."""
    try:
        dollars = None if isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        dollars = None
    if dollars is None or not dollars.is_finite() or not 0 <= dollars <= MAX_CENTS // 100:
        raise PriceListError(f"{where} must be dollars from 0 to {MAX_CENTS // 100}, not {value!r}")
    cents = dollars * 100
    if cents != cents.to_integral_value():
        raise PriceListError(f"{where} has more than two decimals: {value!r}")
    return int(cents)


def _refuse_twice(what: str, values: Iterable[object]) -> None:
    for value, count in Counter(values).items():
        if count > 1:
            raise PriceListError(f"{what} {value!r} is there {count} times")


# --- Writing it -----------------------------------------------------------------------------------------------------


def _apply_tiers(tx: Session, tiers: list[_Tier], now: datetime) -> list[str]:
    stored = {tier.name: tier for tier in tx.scalars(select(SubscriptionTier))}
    lines = []
    for tier in tiers:
        values = vars(tier)
        row = stored.pop(tier.name, None)
        if row is None:
            tx.add(SubscriptionTier(**values, created_at=now))
            lines.append(f"Creating tier '{tier.display_name}'...")
        else:
            lines.append(_update(row, f"tier '{tier.display_name}'", values))
    for row in stored.values():
        if row.is_active:
            row.is_active = False
            number = tx.scalar(select(func.count()).where(UserSubscription.tier_id == row.id))
            holders = "1 holder" if number == 1 else f"{number} holders"
            lines.append(f"Deactivating tier '{row.display_name}': no longer listed, kept by its {holders}")
    return lines


def _apply_packs(tx: Session, packs: list[_Pack]) -> list[str]:
    stored = {pack.credits: pack for pack in tx.scalars(select(CreditPack))}
    lines = []
    for pack in packs:
        row = stored.pop(pack.credits, None)
        if row is None:
            tx.add(CreditPack(**vars(pack)))
            lines.append(f"Creating pack {pack.credits}...")
        else:
            lines.append(_update(row, f"pack {pack.credits}", vars(pack)))
    for row in stored.values():
        if row.is_active:
            row.is_active = False
            lines.append(f"Deactivating pack {row.credits}: no longer listed")
    return lines


def _apply_actions(tx: Session, prices: dict[str, int]) -> list[str]:
    stored = {price.action: price for price in tx.scalars(select(ActionPrice))}
    lines = []
    for action, credits in prices.items():
        row = stored.pop(action, None)
        if row is None:
            tx.add(ActionPrice(action=action, credits=credits))
            lines.append(f"Creating action '{action}'...")
        else:
            lines.append(_update(row, f"action '{action}'", {"credits": credits}))
    for row in stored.values():
        tx.delete(row)
        lines.append(f"Removing action '{row.action}': no longer listed")
    return lines


def _update(row: Any, what: str, values: Mapping[str, Any]) -> str:
    """Change what differs in a stored row and return the line that says it."""
    changed = []
    for name, new in values.items():
        old = getattr(row, name)
        if old != new:
            setattr(row, name, new)
            changed.append(_difference(name, old, new))
    if getattr(row, "is_active", True) is False:
        row.is_active = True
        return f"Reactivating {what}" + (f": {', '.join(changed)}" if changed else "")
    return f"Updating {what}: {', '.join(changed)}" if changed else f"{what[0].upper()}{what[1:]} is up to date"


def _difference(name: str, old: Any, new: Any) -> str:
    if name.endswith("price_cents"):
        return f"price {money(old)} -> {money(new)}"
    if name.endswith("credits"):
        return f"credits {old} -> {new}"
    if name == "display_name":
        return f"name '{old}' -> '{new}'"
    return f"{name} changed"


def money(cents: int) -> str:
    """Return an amount the way people write it: `$79`, `$19.50`."""
    whole, rest = divmod(cents, 100)
    return f"${whole:,}.{rest:02}" if rest else f"${whole:,}"
