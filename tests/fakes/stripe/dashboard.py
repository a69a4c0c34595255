"""Serve the control page: what the provider's dashboard, banks and the calendar do, for people who try things out."""

from datetime import timedelta
from html import escape as e
from typing import TYPE_CHECKING

from dateutil.relativedelta import relativedelta

from tests.fakes.stripe import look
from tests.fakes.stripe.wire import Answer, Refused

if TYPE_CHECKING:
    from tests.fakes.stripe.server import FakeStripe

MAX_ROWS = 60


class Dashboard:
    """The control page of one fake."""

    def __init__(self, fake: "FakeStripe") -> None:
        self.fake = fake

    def page(self, _rest: str, form: dict[str, str], posted: bool) -> Answer:
        """Show the page, or do what one of its buttons says."""
        if posted:
            self._do(form.get("deed", ""), form.get("id", ""), form)
            return look.redirect("/control")
        body = (
            f"<section><h1>Control</h1><p>It is <b>{self.fake.now:%A, %-d %B %Y, %H:%M} UTC</b> here.</p>"
            f'<div class="row">{self._button("An hour later", "hour")}{self._button("A day later", "day")}'
            f"{self._button('A month later', 'month')}</div></section>"
            f"<section><h2>Open payment pages</h2>{self._pages()}</section>"
            f"<section><h2>Payments</h2>{self._payments()}</section>"
            f"<section><h2>Disputes</h2>{self._disputes()}</section>"
            f"<section><h2>Open invoices</h2>{self._invoices()}</section>"
            f"<section><h2>Events</h2>{self._events()}</section>"
        )
        return look.page("Control", body)

    def _button(self, label: str, deed: str, identity: str = "", **more: str) -> str:
        return look.button("/control", label, deed=deed, id=identity, **more)

    def _do(self, deed: str, identity: str, form: dict[str, str]) -> None:
        fake = self.fake
        if deed in ("hour", "day"):
            fake.advance(timedelta(hours=1) if deed == "hour" else timedelta(days=1))
        elif deed == "month":
            fake.advance_to(fake.now + relativedelta(months=1))
        elif deed == "settle":
            fake.settle_late(identity, form.get("ok") == "yes")
        elif deed == "refund":
            fake.refund(identity, _cents(form.get("amount", "")))
        elif deed == "dispute":
            fake.dispute(identity, inquiry=form.get("inquiry") == "yes")
        elif deed == "close":
            fake.close_dispute(identity, form.get("won") == "yes")
        elif deed == "deliver":
            event = fake.world.get("event", identity)
            fake.post.again(event)
        else:
            raise Refused(400, "There is no such button.")

    def _pages(self) -> str:
        rows = [
            [f'<a href="{e(session["url"])}">{e(session["id"])}</a>', look.money(session["amount_total"])]
            for session in self.fake.world.rows("checkout.session", status="open")
        ]
        return look.table(["Page", "Amount"], rows[::-1][:MAX_ROWS], "No payment page is open.")

    def _payments(self) -> str:
        rows = []
        for charge in list(self.fake.charges.values())[::-1][:MAX_ROWS]:
            intent = charge["payment_intent"]
            who = self.fake.customers.get(charge["customer"] or "", {}).get("email") or "(deleted)"
            deeds = ""
            if charge["status"] == "pending":
                deeds = self._button("It arrives", "settle", intent, ok="yes")
                deeds += self._button("It fails", "settle", intent, ok="no")
            elif charge["status"] == "succeeded":
                deeds = self._refund(charge) if charge["amount_refunded"] < charge["amount"] else ""
                deeds += self._button("Dispute", "dispute", intent)
                deeds += self._button("Inquire", "dispute", intent, inquiry="yes")
            state = f"{charge['status']}{', disputed' * charge['disputed']}"
            if charge["amount_refunded"]:
                state += f", {look.money(charge['amount_refunded'])} refunded"
            receipt = f'<a href="/r/{charge["id"]}">{look.money(charge["amount"])}</a>'
            rows.append([receipt, e(who), e(state), f'<div class="row">{deeds}</div>'])
        return look.table(["Amount", "Who", "State", ""], rows, "Nobody has paid anything yet.")

    def _refund(self, charge: dict[str, object]) -> str:
        return (
            '<form method="post" action="/control"><input type="hidden" name="deed" value="refund">'
            f'<input type="hidden" name="id" value="{charge["payment_intent"]}">'
            '<input name="amount" size="6" placeholder="all" aria-label="Dollars to refund, empty for all"> '
            "<button>Refund</button></form>"
        )

    def _disputes(self) -> str:
        rows = []
        for dispute in self.fake.disputes.values():
            decided = dispute["status"] in ("won", "lost", "warning_closed")
            deeds = "" if decided else self._button("Won", "close", dispute["id"], won="yes")
            deeds += "" if decided else self._button("Lost", "close", dispute["id"], won="no")
            rows.append([look.money(dispute["amount"]), e(dispute["status"]), f'<div class="row">{deeds}</div>'])
        return look.table(["Amount", "State", ""], rows[::-1], "There are no disputes.")

    def _invoices(self) -> str:
        rows = [
            [f'<a href="/i/{row["id"]}">{e(row["number"] or "")}</a>', look.money(row["amount_due"])]
            for row in self.fake.world.rows("invoice", status="open")
        ]
        return look.table(["Invoice", "Amount"], rows[::-1], "No invoice is open.")

    def _events(self) -> str:
        answers = {delivery.event_id: delivery.status for delivery in list(self.fake.post.deliveries)}
        rows = [
            [
                e(event["type"]),
                f"<code>{e(event['data']['object'].get('id', ''))}</code>",
                str(answers.get(event["id"], "not delivered")),
                self._button("Deliver again", "deliver", event["id"]),
            ]
            for event in self.fake.events[::-1][:MAX_ROWS]
        ]
        return look.table(["Type", "Object", "Answered", ""], rows, "Nothing has happened yet.")


def _cents(dollars: str) -> int | None:
    if not dollars.strip():
        return None
    try:
        return round(float(dollars) * 100)
    except (ValueError, OverflowError):
        raise Refused(400, "That is not an amount.") from None
