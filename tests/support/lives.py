"""Live one customer's life at the fake Stripe and in the product: each step is a deed that can be done again elsewhere.

A step names what it touches by its place among all things of its kind (`refund` of payment 3), never by an identifier,
so that a life that was lived once can be lived again by another person. A step that is not possible does nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from clients.payments import Order
from errors import AppError
from models import User
from services import catalogue, credits
from services.stripe_records import account_mark
from tests.fakes.stripe import changes
from tests.fakes.stripe.store import Dunning, Thing
from tests.fakes.stripe.wire import Refused
from tests.support.lives_stage import close_former_lives
from tests.support.shops import SITE, Shop

Step = tuple[Any, ...]
"""A word and what it needs: `("order", 250, "late")`."""
BARRIER: Step = ("barrier",)
"""Here everything that has happened arrives, and wallets are compared."""
AT_BARRIERS = ("spend", "charge", "fail", "delete_customer")
"""What comes only right after a barrier: spending depends on the credits that have arrived, and of a customer who is
deleted Stripe lists no subscriptions any more."""
SPENDING_LEASE = timedelta(days=40)
NOT_POSSIBLE = "not possible"


@dataclass
class Charge:
    """Credits that were spent, or are being spent."""

    log_id: int
    period: object
    """Which period of which plan they were spent in."""
    plan: int
    pack: int
    lease_end: datetime
    state: str


@dataclass(frozen=True)
class Setting:
    """Where and when a life begins."""

    start: datetime
    late_starts_as: str = "active"
    afterwards: str = "canceled"
    draft_hours: int = 0


@dataclass
class Life:
    """One person, and the Stripe in which only this person is known."""

    shop: Shop
    setting: Setting
    user_id: int = 0
    charges: list[Charge] = field(default_factory=list)
    orders: int = 0

    def begin(self) -> None:
        """Empty the world, set its clock, and sign the person up."""
        setting, stripe = self.setting, self.shop.stripe
        stripe.forget_people(setting.start)
        stripe.world.dunning = Dunning(
            late_starts_as=setting.late_starts_as,
            afterwards=setting.afterwards,
            draft_for=timedelta(hours=setting.draft_hours),
        )
        stripe.hold = True
        close_former_lives(self.shop.db)
        self.user_id = self.shop.new_user()

    def do(self, step: Step) -> str:
        """Do what a step says, a second after the last one, and return what came of it in one word."""
        if step[0] != "until":
            self.shop.stripe.advance(timedelta(seconds=1))
        deed: Callable[..., str] = getattr(self, f"do_{step[0]}")
        try:
            return deed(*step[1:])
        except AppError as error:
            return error.code
        except Refused:
            return NOT_POSSIBLE

    # --- What the person does in the product

    def do_order(self, size: int, card: str) -> str:
        """Order a pack, and pay for it unless the card is `leave`."""
        return self._go_on(self.shop.order(self.user_id, size), card)

    def do_choose(self, tier: str, card: str) -> str:
        """Choose a plan, and pay where a payment is asked for."""
        return self._go_on(self.shop.choose(self.user_id, tier), card)

    def do_cancel(self) -> str:
        """Cancel the plan."""
        return str(self.shop.cancel(self.user_id)["success"])

    def do_resume(self) -> str:
        """Undo what is pending."""
        # Not its sentence: an upgrade that was paid for this moment is undone no more, whoever has heard of it.
        return str(self.shop.resume(self.user_id)["success"])

    def do_look(self) -> str:
        """Look at the wallet, which wakes it."""
        credits.refresh(self.shop.db, self.user_id, now=self.shop.now, simulated=False)
        return "looked"

    def _go_on(self, answer: Thing, card: str) -> str:
        if answer["success"]:
            return "done"
        identity = answer["session_id"]
        if card == "leave":
            return "left"
        is_page = identity in self.shop.stripe.sessions
        return self._pay(self.shop.stripe.pay if is_page else self.shop.stripe.pay_invoice, identity, card)

    def _pay(self, pay: Callable[..., str], identity: str, card: str) -> str:
        card, _, answer = card.partition("_")
        return pay(identity, card, authenticate=answer == "yes" if card == "action" else None)

    # --- What the person does at Stripe

    def do_pay_page(self, at: int, card: str) -> str:
        """Pay on a page that is still open."""
        return self._pay(self.shop.stripe.pay, self._nth("sessions", at), card)

    def do_pay_invoice(self, at: int, card: str) -> str:
        """Pay an invoice on its own page."""
        identity = self._nth("invoices", at)
        if self.shop.stripe.invoices[identity]["status"] != "open":
            return NOT_POSSIBLE
        return self._pay(self.shop.stripe.pay_invoice, identity, card)

    def do_card(self, card: str) -> str:
        """Change the card on file."""
        self.shop.stripe.set_card(self._customer(), card)
        return "changed"

    def do_portal_cancel(self, at: int, cancel: bool) -> str:
        """Cancel at the period's end in the portal, or go on after all."""
        return self._update(at, {"cancel_at_period_end": cancel})

    def do_second(self, tier: str, card: str) -> str:
        """Pay on a page for a plan that was open in another window, and that nobody has closed."""
        return self._page_of_old("tier", tier, card)

    def do_lost_pack(self, size: int, card: str) -> str:
        """Pay on a page for a pack that our records have lost."""
        return self._page_of_old("pack", str(size), card)

    def _page_of_old(self, kind: str, target: str, card: str) -> str:
        shop = self.shop
        with shop.db.read() as tx:
            price = catalogue.price_for(tx, kind, target, livemode=False)
            mark = account_mark(tx.get_one(User, self.user_id))
        assert price is not None
        self.orders += 1
        marks = {"account": mark, "checkout": f"lost-{self.user_id}-{self.orders}", kind: target}
        mode = "subscription" if kind == "tier" else "payment"
        order = Order(self._customer(), price.id, mode, f"{SITE}/yes", f"{SITE}/no", marks)
        page = shop.gateway.open_checkout(order, key=f"lost-{self.user_id}-{self.orders}")
        return self._pay(shop.stripe.pay, page.id, card)

    # --- What happens to the person

    def do_until(self, seconds: int) -> str:
        """Let time pass until so many seconds after the beginning."""
        self.shop.stripe.advance_to(self.setting.start + timedelta(seconds=seconds))
        return "passed"

    def do_settle(self, at: int, ok: bool) -> str:
        """Let a delayed payment arrive or fail."""
        return self.shop.stripe.settle_late(self._nth("payment_intents", at), ok)

    def do_refund(self, at: int, share: float) -> str:
        """Give a part of what is left of a payment back, or all of it."""
        identity = self._nth("payment_intents", at)
        charge = self.shop.stripe.charges.get(self.shop.stripe.payment_intents[identity]["latest_charge"] or "")
        rest = charge["amount"] - charge["amount_refunded"] if charge else 0
        self.shop.stripe.refund(identity, None if share == 1 else max(1, int(rest * share)))
        return "refunded"

    def do_dispute(self, at: int, share: float, inquiry: bool) -> str:
        """Let the bank dispute a payment, or ask about it."""
        identity = self._nth("payment_intents", at)
        amount = self.shop.stripe.payment_intents[identity]["amount"]
        if any(row["payment_intent"] == identity for row in self.shop.stripe.disputes.values()):
            return NOT_POSSIBLE
        self.shop.stripe.dispute(identity, None if share == 1 else max(1, int(amount * share)), inquiry)
        return "disputed"

    def do_escalate(self, at: int) -> str:
        """Turn an inquiry into a dispute."""
        identity = self._nth("disputes", at)
        if self.shop.stripe.disputes[identity]["status"] != "warning_needs_response":
            return NOT_POSSIBLE
        self.shop.stripe.escalate_dispute(identity)
        return "escalated"

    def do_close(self, at: int, won: bool) -> str:
        """Decide a dispute."""
        self.shop.stripe.close_dispute(self._nth("disputes", at), won)
        return "closed"

    def do_end(self, at: int) -> str:
        """End a subscription from the dashboard."""
        self.shop.stripe.end_subscription(self._nth("subscriptions", at))
        return "ended"

    def do_dashboard_price(self, at: int, tier: str) -> str:
        """Give a subscription another price from the dashboard, from the next invoice on."""
        with self.shop.db.read() as tx:
            price = catalogue.price_for(tx, "tier", tier, livemode=False)
        assert price is not None
        item = self.shop.stripe.subscriptions[self._nth("subscriptions", at)]["items"]["data"][0]["id"]
        return self._update(at, {"items": [{"id": item, "price": price.id}], "proration_behavior": "none"})

    def do_delete_customer(self) -> str:
        """Delete the customer from the dashboard."""
        self.shop.stripe.delete_customer(self._customer())
        return "deleted"

    def _update(self, at: int, params: Thing) -> str:
        with self.shop.stripe.world.lock:
            changes.update(self.shop.stripe.world, params, self._nth("subscriptions", at))
        return "updated"

    # --- Spending

    def spend(self, price: int, period: object, *, keep: bool) -> str:
        """Charge some credits, for good or until it is known whether the work succeeds."""
        now = self.shop.now
        with self.shop.db.write() as tx:
            wallet = credits.wake(tx, self.user_id, now=now, simulated=False)
            work = credits.Work(self.user_id, "chat_message")
            log = credits.charge(tx, wallet, work, price=price, lease=SPENDING_LEASE, now=now)
            state = "kept" if keep and credits.settle(tx, log.id, now=now, simulated=False) else "pending"
            self.charges.append(Charge(log.id, period, log.plan_part, log.pack_part, now + SPENDING_LEASE, state))
        return state

    def fail(self) -> str:
        """Give the oldest pending charge back."""
        pending = next((charge for charge in self.charges if charge.state == "pending"), None)
        if pending is None:
            return NOT_POSSIBLE
        with self.shop.db.write() as tx:
            given = credits.refund(tx, pending.log_id, "It failed.", now=self.shop.now, simulated=False)
        assert given == (self.shop.now < pending.lease_end), "a charge is given back once"
        pending.state = "returned"
        return "returned"

    # --- What there is

    def _nth(self, kind: str, at: int) -> str:
        """Return the thing of this kind that was made as the so-manieth."""
        found: list[str] = list(getattr(self.shop.stripe, kind))
        if at >= len(found):
            raise Refused(404, "There is no such thing.")
        return found[at]

    def _customer(self) -> str:
        live = [one for one, customer in self.shop.stripe.customers.items() if not customer.get("deleted")]
        if not live:
            raise Refused(404, "There is no customer.")
        return live[-1]
