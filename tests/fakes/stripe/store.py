"""Keep the fake's objects, its clock and its events; everything else reads and writes them here, under one lock."""

import itertools
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dateutil.relativedelta import relativedelta

from tests.fakes.stripe.shapes import CLASSES, clone, listed, shaped
from tests.fakes.stripe.wire import Refused, missing

API_VERSION = "2026-10-28.endive"
Thing = dict[str, Any]

PREFIXES = {
    "billing_portal.configuration": "bpc",
    "billing_portal.session": "bps",
    "charge": "ch",
    "checkout.session": "cs_test",
    "customer": "cus",
    "dispute": "du",
    "event": "evt",
    "invoice": "in",
    "invoice_payment": "inpay",
    "line_item": "il",
    "payment_intent": "pi",
    "payment_method": "pm",
    "price": "price",
    "product": "prod",
    "refund": "re",
    "request": "req",
    "subscription": "sub",
    "subscription_item": "si",
    "webhook_endpoint": "we",
}
_NOT_KEPT = {"request", "line_item", "subscription_item", "payment_method"}


@dataclass
class Dunning:
    """What happens to subscriptions that are not paid, or not yet."""

    retries: tuple[timedelta, ...] = (timedelta(days=3), timedelta(days=5), timedelta(days=6))
    """How long after the last attempt the next one comes."""
    afterwards: str = "canceled"
    """What a subscription becomes when the last retry has failed: `canceled`, `unpaid` or `past_due`."""
    late_starts_as: str = "active"
    """What a subscription is while its first payment is under way by a delayed method: `active` or `incomplete`."""
    draft_for: timedelta = timedelta(0)
    """How long the invoice of a renewal stays a draft; an hour at the real provider."""


class World:
    """All that the fake knows. Hold `lock` while reading or writing."""

    def __init__(self, now: datetime | None, dunning: Dunning) -> None:
        self.lock = threading.RLock()
        self.dunning = dunning
        self.base_url = ""
        self.listener: Callable[[Thing], None] = lambda event: None
        self.request: Thing = {"id": None, "idempotency_key": None}
        self.deleted_lists = "empty"
        """What lists show of a deleted customer: no subscriptions (`empty`), `all`, or a refusal (`missing`)."""
        self._started = now
        self.clear()

    def clear(self) -> None:
        """Forget everything and go back to the first moment."""
        self._frozen = self._started
        self._ahead = timedelta(0)
        self._mark = secrets.token_hex(4)
        self._count = itertools.count(1)
        self.tables: dict[str, dict[str, Thing]] = {kind: {} for kind in CLASSES}
        self.by_id: dict[str, Thing] = {}
        self.cards: dict[str, str] = {}
        """What each customer pays with: ok, declined, action or late."""
        self.pending_lines: dict[str, list[Thing]] = {}
        """Prorations of a subscription that wait for its next invoice."""
        self.carried: dict[str, Thing] = {}
        """What a payment page was opened with, by its session."""

    def forget_people(self, now: datetime) -> None:
        """Forget everything but the price list, and go to another moment; identifiers are not used again."""
        kept = ("product", "price", "billing_portal.configuration", "webhook_endpoint")
        self._frozen, self._ahead = now, timedelta(0)
        self.tables = {kind: rows if kind in kept else {} for kind, rows in self.tables.items()}
        self.by_id = {name: thing for kind in kept for name, thing in self.tables[kind].items()}
        for carried in (self.cards, self.pending_lines, self.carried):
            carried.clear()

    # --- Time

    @property
    def now(self) -> datetime:
        """Return the fake's time: it stands still if it was given, else it flows with the real one."""
        return (self._frozen or datetime.now(UTC)) + self._ahead

    @property
    def stamp(self) -> int:
        """Return the fake's time as the API writes it."""
        return int(self.now.timestamp())

    def set_clock(self, moment: datetime) -> None:
        """Go forward to a moment; never back."""
        self._ahead += max(timedelta(0), moment - self.now)

    # --- Objects

    def identity(self, kind: str) -> str:
        """Return an identifier that was never used, also not by another fake on the same database."""
        return f"{PREFIXES[kind]}_{self._mark}{next(self._count):06d}"

    def add(self, kind: str, **values: Any) -> Thing:
        """Make an object in the shape of its class and keep it."""
        given: Thing = {"id": self.identity(kind), "created": self.stamp, "livemode": False, **values}
        hints = CLASSES[kind].__annotations__
        thing = shaped(kind, **{name: value for name, value in given.items() if name in hints})
        self.tables[kind][thing["id"]] = thing
        self.by_id[thing["id"]] = thing
        return thing

    def get(self, kind: str, identity: Any, param: str = "id") -> Thing:
        """Return an object or refuse, as the API does for an identifier that names nothing."""
        found = self.tables[kind].get(str(identity))
        if found is None:
            raise missing(kind.replace(".", " "), str(identity), param)
        return found

    def rows(self, kind: str, **equal: Any) -> Iterator[Thing]:
        """Yield objects, oldest first, whose fields are these."""
        for thing in list(self.tables[kind].values()):
            if all(thing.get(name) == value for name, value in equal.items()):
                yield thing

    # --- Events

    def emit(self, type: str, thing: Thing, previous: Thing | None = None) -> Thing:
        """Note that something happened, with a snapshot of the object as it is now."""
        data: Thing = {"object": clone(thing)}
        if previous is not None:
            data["previous_attributes"] = {
                name: clone(value) for name, value in previous.items() if thing.get(name) != value
            }
        event = self.add(
            "event",
            type=type,
            data=data,
            api_version=API_VERSION,
            pending_webhooks=1,
            request=dict(self.request),
        )
        self.listener(event)
        return event

    # --- Answers

    def render(self, thing: Thing, expand: list[str]) -> Thing:
        """Return a copy of an object or list, with identifiers replaced by what they name where the call asks."""
        answer: Thing = clone(thing)
        for path in expand:
            steps = path.split(".")
            if len(steps) - (steps[0] == "data") > 4:
                raise Refused(400, "You cannot expand more than 4 levels of a property.", param="expand")
            self._expand([answer], steps, path)
        return answer

    def _expand(self, places: list[Any], steps: list[str], path: str) -> None:
        step, rest = steps[0], steps[1:]
        for place in places:
            if step == "payments" and place.get("object") == "invoice" and "payments" not in place:
                place["payments"] = payments_of(self, place["id"])
            if step == "line_items" and place.get("object") == "checkout.session":
                place["line_items"] = clone(self.carried[place["id"]]["line_items"])
            if step not in place:
                raise Refused(400, f"This property cannot be expanded ({path}).", param="expand")
            value = place[step]
            if isinstance(value, str):
                if value not in self.by_id:
                    raise Refused(400, f"This property cannot be expanded ({path}).", param="expand")
                value = place[step] = clone(self.by_id[value])
            inner = value if isinstance(value, list) else [value]
            if rest and value is not None:
                self._expand([one for one in inner if isinstance(one, dict)], rest, path)


def payments_of(world: World, invoice_id: str) -> Thing:
    """Return the list of an invoice's payments, newest first."""
    rows = [clone(row) for row in world.rows("invoice_payment", invoice=invoice_id)]
    return listed(f"/v1/invoices/{invoice_id}/payments", rows[::-1])


def month_after(anchor: int, start: int) -> int:
    """Return when the period that begins at `start` ends: whole months counted from the anchor."""
    first, begun = datetime.fromtimestamp(anchor, UTC), datetime.fromtimestamp(start, UTC)
    months = (begun.year - first.year) * 12 + begun.month - first.month
    while (end := first + relativedelta(months=months)) <= begun:
        months += 1
    return int(end.timestamp())
