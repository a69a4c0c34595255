"""Fetch what Stripe says of a customer and bring our records in line: the one way in which payments become credits.

Facts are fetched outside any transaction. The transaction that applies them first checks that nobody else has applied
any since the fetch began, and fetches again if so; what has to be done at Stripe meanwhile is done between two tries.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from clients.payments import Customer, Facts, Gateway, NoSuchObject, PaymentsUnavailable
from models import StripeCustomer, StripeSubscription, User, UserSubscription
from services import catalogue, credits, deeds
from services.deeds import Deed
from services.settlement import settle
from services.stripe_records import account_mark, unknown_prices
from services.transaction import Database, insert_new

log = logging.getLogger(__name__)

_TRIES = 20
_LONGEST_NUMBER = 18
"""Digits of an account's number; what another product has marked its customers with may be more than SQLite takes."""
# Two threads of one process that learn of the same customer take turns, so that the second finds everything done.
_TURNS = tuple(threading.Lock() for _ in range(256))


@dataclass(frozen=True)
class Synced:
    """What a sync has found to be different from our records, and done at Stripe; both are empty when all was well."""

    changes: list[str] = field(default_factory=list)
    deeds: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """What Stripe refused to do; if it is still wanted, the next sync tries it again."""
    facts: Facts | None = None
    """What was applied; None where the user is not known at Stripe."""
    sync_count: int = 0
    """The wallet's count of such changes, with these; a higher one means that the facts are no longer the newest."""


class AlreadyDone(Exception):
    """Say that the event was handled before; nothing was written."""


class _FetchAgain(Exception):
    """Say that our records have moved on since the facts were fetched."""


class _OnlyLooking(Exception):
    """Carry what would have been changed out of a transaction that changes nothing."""

    def __init__(self, result: Synced) -> None:
        super().__init__()
        self.result = result


def sync(
    db: Database,
    gateway: Gateway,
    user_id: int,
    customer_id: str,
    *,
    now: datetime,
    claim: Callable[[Session, Synced], None] | None = None,
    only_look: bool = False,
) -> Synced:
    """Bring the user's wallet in line with the customer at Stripe, and return what was different.

    What was paid is applied first. Then comes what has to be done at Stripe, once each, and the facts are fetched
    again; what Stripe refuses to do keeps nothing back, is told, and is tried again by the next sync. `claim` runs in
    the very transaction that applies the last facts, and may raise AlreadyDone to leave everything as it is. With
    `only_look` nothing is changed, here or at Stripe. Raises PaymentsUnavailable.
    """
    sofar = Synced()
    with _TURNS[hash(customer_id) % len(_TURNS)]:
        for _ in range(_TRIES):
            try:
                found, left = _try(db, gateway, user_id, customer_id, now, claim, only_look, sofar)
            except _FetchAgain:
                continue
            except _OnlyLooking as looked:
                return looked.result
            if not left:
                return found
            sofar = _do(gateway, left, found)
    raise PaymentsUnavailable("Your payments are changing right now. Try again in a moment.")


def _try(
    db: Database,
    gateway: Gateway,
    user_id: int,
    customer_id: str,
    now: datetime,
    claim: Callable[[Session, Synced], None] | None,
    only_look: bool,
    sofar: Synced,
) -> tuple[Synced, list[Deed]]:
    """Fetch and apply once; return what was found so far, and what has to be done at Stripe next."""
    with db.read() as tx:
        seen = tx.scalar(select(UserSubscription.sync_count).where(UserSubscription.user_id == user_id))
        known = tx.scalars(
            select(StripeSubscription.id).where(
                StripeSubscription.customer_id == customer_id, StripeSubscription.ended_at.is_(None)
            )
        ).all()
    facts = gateway.facts(customer_id, subscription_ids=known)
    with db.read() as tx:
        unknown = unknown_prices(tx, facts)
    for price_id in sorted(unknown):
        catalogue.learn(db, gateway, price_id)
    with db.write() as tx:
        wallet = credits.wake(tx, user_id, now=now, simulated=gateway.simulated)
        if seen is not None and wallet.sync_count != seen:
            raise _FetchAgain
        case = settle(tx, wallet, facts, now=now)
        _note_customer(tx, facts.customer, now)
        wanted = deeds.wanted(case)
        if only_look:
            raise _OnlyLooking(Synced(case.changes, [deed.words for deed in wanted], facts=facts))
        left = [deed for deed in wanted if deed.words not in (*sofar.deeds, *sofar.refused)]
        if case.changes:
            credits.mirror(tx, wallet, sync_count=wallet.sync_count + 1)
        credits.wake(tx, user_id, now=now, simulated=gateway.simulated)
        found = replace(sofar, changes=[*sofar.changes, *case.changes], facts=facts, sync_count=wallet.sync_count)
        if claim is not None and not left:
            claim(tx, found)
        return found, left


def _note_customer(tx: Session, customer: Customer, now: datetime) -> None:
    row = tx.get(StripeCustomer, customer.id)
    if row is not None and customer.deleted and row.deleted_at is None:
        row.deleted_at = now


def _do(gateway: Gateway, left: list[Deed], found: Synced) -> Synced:
    """Do each of them once, and return what was found with what came of it."""
    done, refused = list(found.deeds), list(found.refused)
    for deed in left:
        try:
            deed.do(gateway)
        except NoSuchObject:
            # Somebody else was faster, the state has moved on, or Stripe will not: the facts to come will say.
            log.warning("Stripe refused to %s", deed.words)
            refused.append(deed.words)
        else:
            log.info("done at Stripe: %s", deed.words)
            done.append(deed.words)
    return replace(found, deeds=done, refused=refused)


# --- Whose customer it is -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Owner:
    """Whose customer somebody is, as our records or the customer's own mark say."""

    customer_id: str
    user_id: int | None
    """None if the mark is of an account that this database does not have."""
    is_known: bool
    """Whether our records say so; else it is known by its mark only."""
    deleted: bool = False


def find_owner(db: Database, gateway: Gateway, customer_id: str) -> Owner | None:
    """Return whose customer this is, also if our records have lost it; None if we did not make it."""
    with db.read() as tx:
        known = tx.get(StripeCustomer, customer_id)
    if known is not None:
        return Owner(customer_id, known.user_id, is_known=True)
    try:
        customer = gateway.customer(customer_id)
    except NoSuchObject:
        return None
    number = (customer.account or "").partition("-")[0]
    if not number.isdecimal() or len(number) > _LONGEST_NUMBER:
        return None
    with db.read() as tx:
        user = tx.get(User, int(number))
    is_ours = user is not None and account_mark(user) == customer.account
    return Owner(customer_id, user.id if user and is_ours else None, is_known=False, deleted=customer.deleted)


def owner_of(db: Database, gateway: Gateway, customer_id: str, *, now: datetime) -> int | None:
    """Return the account whose customer this is, remembered from now on; None if it is none of ours."""
    owner = find_owner(db, gateway, customer_id)
    if owner is None or owner.user_id is None:
        return None
    if not owner.is_known:
        adopt(db, customer_id, owner.user_id, deleted=owner.deleted, now=now)
    return owner.user_id


def adopt(db: Database, customer_id: str, user_id: int, *, deleted: bool, now: datetime) -> None:
    """Remember whose customer this is; it becomes the one that the user pays with unless there is one."""
    with db.write() as tx:
        wallet = credits.wake(tx, user_id, now=now, simulated=False)
        insert_new(tx, StripeCustomer, {"id": customer_id, "user_id": user_id, "created_at": now})
        if wallet.stripe_customer_id is None and not deleted:
            credits.mirror(tx, wallet, stripe_customer_id=customer_id)


def look(db: Database, gateway: Gateway, user_id: int, *, now: datetime) -> Synced:
    """Bring a user's wallet up to date with Stripe, if the user is known there.

    A customer that Stripe does not know (of another account, or of test mode) is forgotten if nothing was paid there.
    """
    with db.read() as tx:
        wallet = tx.scalar(select(UserSubscription).where(UserSubscription.user_id == user_id))
        followed = tx.get(StripeSubscription, wallet.stripe_subscription_id or "") if wallet is not None else None
    customer_id = followed.customer_id if followed else (wallet.stripe_customer_id if wallet else None)
    if customer_id is None:
        return Synced()
    try:
        return sync(db, gateway, user_id, customer_id, now=now)
    except NoSuchObject:
        if followed is not None:
            log.error("Stripe does not know customer %s; `flask stripe check` says more", customer_id)
            raise PaymentsUnavailable from None
    with db.write() as tx:
        credits.mirror(tx, credits.wake(tx, user_id, now=now, simulated=False), stripe_customer_id=None)
    return Synced()
