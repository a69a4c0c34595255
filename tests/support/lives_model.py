"""Say in the plainest words what the credit rules make of what Stripe knows, as a wallet should be.

Written from the rules, not from the services: it reads the fake's own objects, all at once, and knows no order.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.stripe.store import Thing
from tests.services.test_ledger_machine import months_after
from tests.support.lives import Life

ALLOTMENTS = {0: 20, 1900: 200, 7900: 1000, 19900: 3000}
NAMES = {0: "free", 1900: "starter", 7900: "professional", 19900: "business"}
OVER = ("canceled", "incomplete_expired")
TAKING = ("needs_response", "under_review", "lost")
STATUS = {"active": "active", "past_due": "past_due", "incomplete": "past_due", "unpaid": "unpaid"}


def moment(stamp: int) -> datetime:
    """Return one of Stripe's times."""
    return datetime.fromtimestamp(stamp, UTC)


@dataclass(frozen=True)
class Bill:
    """A paid invoice."""

    subscription: str
    reason: str
    price: int
    """The monthly price of what it paid for, in cents."""
    start: int
    end: int
    paid_at: int
    paid: int
    gone: int
    """Refunded or in disputes that are open or lost."""
    disputed: bool
    """Whether it is in such disputes: then nobody can refund the rest."""


class Rules:
    """What everything that Stripe knows of one person comes to."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.stripe = life.shop.stripe
        self.now = life.shop.now
        self.subscriptions = self.stripe.subscriptions
        self.bills = [self._bill(row) for row in self.stripe.invoices.values() if row["status"] == "paid"]
        self.followed = self._followed()

    # --- Money

    def _gone(self, payment_id: str | None) -> int:
        """Return what was taken back of a payment."""
        charges = [one for one in self.stripe.charges.values() if one["payment_intent"] == payment_id]
        refunded = sum(one["amount_refunded"] for one in charges if one["status"] == "succeeded")
        return refunded + self._disputed(payment_id)

    def _disputed(self, payment_id: str | None) -> int:
        disputes = [one for one in self.stripe.disputes.values() if one["payment_intent"] == payment_id]
        return sum(one["amount"] for one in disputes if one["status"] in TAKING)

    def _bill(self, invoice: Thing) -> Bill:
        line = max(
            (one for one in invoice["lines"]["data"] if one["amount"] >= 0),
            key=lambda one: (one["period"]["end"], one["amount"]),
        )
        payment_id = self.stripe.payment_of(invoice["id"])
        price = self.stripe.prices[line["pricing"]["price_details"]["price"]]["unit_amount"]
        return Bill(
            invoice["parent"]["subscription_details"]["subscription"],
            invoice["billing_reason"],
            price,
            line["period"]["start"],
            line["period"]["end"],
            invoice["status_transitions"]["paid_at"],
            invoice["amount_paid"],
            self._gone(payment_id),
            self._disputed(payment_id) > 0,
        )

    # --- Plans

    def _followed(self) -> list[str]:
        """Return the subscriptions that counted: each was first paid while none of them ran."""
        first: dict[str, int] = {}
        for bill in self.bills:
            first[bill.subscription] = min(bill.paid_at, first.get(bill.subscription, bill.paid_at))
        found: list[str] = []
        for name in sorted(first, key=lambda name: first[name]):
            ends = [self.subscriptions[one]["ended_at"] for one in found]
            own_end = self.subscriptions[name]["ended_at"]
            in_time = own_end is None or first[name] <= own_end
            if in_time and all(end is not None and end <= first[name] for end in ends):
                found.append(name)
        return found

    @property
    def present(self) -> Thing | None:
        """Return the subscription that runs."""
        live = [one for one in self.followed if self.subscriptions[one]["status"] not in OVER]
        return self.subscriptions[live[0]] if live else None

    def periods(self) -> dict[tuple[str, int], list[Bill]]:
        """Return the paid bills of each period of the subscriptions that counted, oldest payment first."""
        found: dict[tuple[str, int], list[Bill]] = {}
        for bill in sorted(self.bills, key=lambda bill: (bill.paid_at, bill.price)):
            if bill.subscription in self.followed:
                found.setdefault((bill.subscription, bill.start), []).append(bill)
        return found

    @property
    def period(self) -> tuple[str, datetime, datetime]:
        """Return the present period: of which subscription (or none), from when, until when."""
        if self.present is not None:
            name = self.present["id"]
            bills = [one for one in self.bills if one.subscription == name and one.reason != "subscription_update"]
            latest = max(bills, key=lambda bill: bill.start)
            return name, moment(latest.start), moment(latest.end)
        ends = [self.subscriptions[one]["ended_at"] for one in self.followed]
        anchor = moment(max(ends)) if ends else self.life.setting.start
        k = 0
        while months_after(anchor, k + 1) <= self.now:
            k += 1
        return "", months_after(anchor, k), months_after(anchor, k + 1)

    def key(self) -> object:
        """Return what tells the present period from all others, also from one that began at the same moment."""
        return (*self.period[:2], len(self.followed))

    def paid_price(self) -> int:
        """Return the price of the plan: the highest that was paid for the latest period that was paid."""
        name, start, _ = self.period
        return max((bill.price for bill in self.periods().get((name, int(start.timestamp())), [])), default=0)

    def granted_by_invoices(self) -> int:
        """Return all plan credits that paid invoices have brought: each period the highest allotment, once."""
        return sum(max(ALLOTMENTS[bill.price] for bill in bills) for bills in self.periods().values())

    def taken_of_plan(self) -> int:
        """Return what refunds and disputes have taken of the present period's credits."""
        name, start, _ = self.period
        taken = so_far = 0
        for bill in self.periods().get((name, int(start.timestamp())), []):
            brought = max(0, ALLOTMENTS[bill.price] - so_far)
            so_far += brought
            taken += brought * min(bill.paid, bill.gone) // bill.paid if bill.paid else 0
        return taken

    # --- Packs

    def packs(self) -> list[tuple[int, int]]:
        """Return each pack that was paid for: its credits, and what refunds and disputes have taken of them."""
        found = []
        for session in self.stripe.sessions.values():
            if session["mode"] == "payment" and session["payment_status"] == "paid":
                size, paid = int(session["metadata"]["pack"]), session["amount_total"]
                gone = self._gone(self.stripe.payment_of(session["id"]))
                found.append((size, size * min(paid, gone) // paid))
        return found

    # --- The wallet

    def wallet(self) -> dict[str, Any]:
        """Return what the wallet must be."""
        name, start, end = self.period
        price = self.paid_price()
        used_plan, used_pack, used_now, used_ever = self._used(self.key())
        plan = ALLOTMENTS[price] - used_plan - self.taken_of_plan()
        if self.present is not None and self.now >= end + timedelta(days=1):
            plan = 0
        packs = self.packs()
        pack = sum(size for size, _ in packs) - sum(taken for _, taken in packs) - used_pack
        cancel, pending = self._pending(price)
        return {
            "tier": NAMES[price],
            "plan": max(plan, 0),
            "plan_owed": max(-plan, 0),
            "pack": max(pack, 0),
            "pack_owed": max(-pack, 0),
            "start": start,
            "end": end,
            "follows": name or None,
            "status": self._status(),
            "cancel": cancel,
            "pending": pending,
            "used_month": used_now,
            "used_ever": used_ever,
        }

    def _used(self, period: object) -> tuple[int, int, int, int]:
        kept = [one for one in self.life.charges if not self._is_returned(one)]
        here = [one for one in kept if one.period == period]
        used_pack, used_plan = sum(one.pack for one in kept), sum(one.plan for one in here)
        return used_plan, used_pack, sum(one.plan + one.pack for one in here), used_pack + sum(one.plan for one in kept)

    def _is_returned(self, charge: Any) -> bool:
        return charge.state == "returned" or (charge.state == "pending" and charge.lease_end <= self.now)

    def _status(self) -> str:
        if self.present is not None:
            return STATUS[self.present["status"]]
        return "cancelled" if self.followed else "active"

    def _pending(self, price: int) -> tuple[bool, str | None]:
        if self.present is None:
            return False, None
        if self.present["cancel_at_period_end"]:
            return True, "free"
        coming = self.present["items"]["data"][0]["price"]["unit_amount"]
        raised = any(row["billing_reason"] == "subscription_update" for row in self._open_invoices())
        return False, NAMES[coming] if coming != price and not raised else None

    def _is_deleted(self, subscription: Thing) -> bool:
        return bool(self.stripe.customers[subscription["customer"]].get("deleted"))

    def _open_invoices(self) -> list[Thing]:
        return [row for row in self.stripe.invoices.values() if row["status"] == "open"]

    # --- Money that nobody may keep

    def wrongs(self) -> Iterator[str]:
        """Yield what must not be at Stripe once everything has arrived; of deleted customers no invoice is voided."""
        yield from self._kept_of_second_ones()
        yield from self._charged_wrongly()
        yield from self._can_be_paid_in_vain()

    def _kept_of_second_ones(self) -> Iterator[str]:
        for name, subscription in self.subscriptions.items():
            paid = [bill for bill in self.bills if bill.subscription == name]
            if not paid or name in self.followed:
                continue
            if subscription["status"] not in OVER:
                yield f"the second subscription {name} is alive"
            for bill in paid:
                if bill.gone < bill.paid and not bill.disputed:
                    yield f"of {bill.paid} cents for the second subscription {name} {bill.gone} were given back"

    def _charged_wrongly(self) -> Iterator[str]:
        for bills in self.periods().values():
            so_far = 0
            for bill in bills:
                if bill.paid != max(0, bill.price - so_far):
                    yield f"{bill.paid} cents were charged for {NAMES[bill.price]}, {so_far} of which had been paid"
                so_far = max(so_far, bill.price)

    def _can_be_paid_in_vain(self) -> Iterator[str]:
        for invoice in self._open_invoices():
            subscription = self.subscriptions[invoice["parent"]["subscription_details"]["subscription"]]
            start = invoice["lines"]["data"][-1]["period"]["start"]
            if self._is_deleted(subscription):
                continue
            if subscription["status"] in OVER:
                yield f"invoice {invoice['id']} of an ended subscription can still be paid"
            elif start < subscription["items"]["data"][0]["current_period_start"]:
                yield f"invoice {invoice['id']} of a period that is over can still be paid"
