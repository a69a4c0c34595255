"""Serve the hosted pages: checkout, invoice, portal and receipt, as plain forms."""

from collections.abc import Callable
from datetime import UTC, datetime
from html import escape as e
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from tests.fakes.stripe import look
from tests.fakes.stripe.dashboard import Dashboard
from tests.fakes.stripe.payments import CARDS, DECLINED
from tests.fakes.stripe.store import Thing
from tests.fakes.stripe.wire import Answer, Call, Refused

if TYPE_CHECKING:
    from tests.fakes.stripe.server import FakeStripe

Form = dict[str, str]
_WORDS = {"declined": DECLINED, "refused": "The authentication was refused. Choose a card and try again."}


def day(stamp: int) -> str:
    """Return a date as people read it."""
    return datetime.fromtimestamp(stamp, UTC).strftime("%-d %B %Y")


class Pages:
    """The pages of one fake."""

    def __init__(self, fake: "FakeStripe") -> None:
        self.fake = fake
        self._pages: dict[str, Callable[[str, Form, bool], Answer]] = {
            "c/pay": self._checkout,
            "i": self._invoice,
            "p": self._portal,
            "r": self._receipt,
            "control": Dashboard(fake).page,
        }

    def answer(self, call: Call) -> Answer:
        """Answer a browser."""
        pairs = parse_qs(call.body.decode() if call.method == "POST" else call.query, keep_blank_values=True)
        form = {name: values[-1] for name, values in pairs.items()}
        kind, _, rest = call.path.strip("/").partition("/")
        if kind == "c":
            more, _, rest = rest.partition("/")
            kind = f"c/{more}"
        serve = self._pages.get(kind)
        if call.path == "/":
            return look.redirect("/control")
        try:
            if serve is None:
                raise Refused(404, "There is no such page.")
            with self.fake.world.lock:
                return serve(rest.partition("/")[0], form, call.method == "POST")
        except Refused as refused:
            back = '<p><a href="/control">To the control page</a></p>'
            return look.page("Not possible", f"<section><h1>{e(str(refused))}</h1>{back}</section>", refused.status)

    # --- Checkout

    def _checkout(self, session_id: str, form: Form, posted: bool) -> Answer:
        session = self.fake.world.get("checkout.session", session_id)
        if posted and session["status"] == "open":
            outcome = self._try(form, session_id, lambda card: self.fake.pay(session_id, card))
            if session["status"] == "complete":
                return look.redirect(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session_id))
            return look.redirect(f"/c/pay/{session_id}?said={outcome}")
        carried = self.fake.world.carried[session_id]
        item = carried["line_items"]["data"][0]
        each = " each month" if session["mode"] == "subscription" else ""
        summary = (
            f'<section><h1>{e(item["description"])}</h1><p class="sum">{look.money(session["amount_total"])}</p>'
            f'<p class="soft">{item["quantity"]} × {look.money(item["price"]["unit_amount"])}{each}</p>'
            f"<p>{_back(session['cancel_url'], 'Back to the shop')}</p></section>"
        )
        if session["status"] != "open":
            words = "This payment is complete." if session["status"] == "complete" else "This page has expired."
            right = f"<section><h1>{words}</h1></section>"
        else:
            label = f"Pay {look.money(session['amount_total'])}"
            intent = self.fake.payment_intents.get(carried["intent"] or "")
            right = self._payment(f"/c/pay/{session_id}", label, intent, form.get("said", ""), session)
        return look.page("Payment", f'<div class="two">{summary}{right}</div>')

    def _payment(self, action: str, label: str, intent: Thing | None, said: str, thing: Thing) -> str:
        if intent is not None and intent["status"] == "requires_action":
            return (
                "<section><h1>Your bank asks: is it you?</h1><div class='row'>"
                f"{look.button(action, 'Yes, authenticate', auth='yes')}{look.button(action, 'No, refuse', auth='no')}"
                "</div></section>"
            )
        if intent is not None and intent["status"] == "processing":
            return "<section><h1>The payment is under way.</h1></section>"
        email = self.fake.customers.get(thing["customer"] or "", {}).get("email") or ""
        who = f'<p class="soft">{e(email)}</p>' if email else ""
        return (
            f'<section>{look.alert(_WORDS.get(said, ""))}{who}<form method="post" action="{action}">{look.cards()}'
            f'<button class="main">{label}</button></form></section>'
        )

    def _try(self, form: Form, identity: str, pay: Callable[[str], object]) -> str:
        """Do what the form asks for: pay with a card, or answer the bank; return what to say if it did not work."""
        if "auth" in form:
            self.fake.authenticate(identity, form["auth"] == "yes")
            return "" if form["auth"] == "yes" else "refused"
        if form.get("card") not in CARDS:
            raise Refused(400, "Choose one of the test cards.")
        pay(form["card"])
        return form["card"]

    # --- Invoice and receipt

    def _invoice(self, invoice_id: str, form: Form, posted: bool) -> Answer:
        invoice = self.fake.world.get("invoice", invoice_id)
        if posted and invoice["status"] == "open":
            outcome = self._try(form, invoice_id, lambda card: self.fake.pay_invoice(invoice_id, card))
            return look.redirect(f"/i/{invoice_id}?said={outcome}")
        lines = [
            [
                e(line["description"]),
                f"{day(line['period']['start'])} to {day(line['period']['end'])}",
                look.money(line["amount"]),
            ]
            for line in invoice["lines"]["data"]
        ]
        due = look.money(invoice["amount_due"])
        summary = (
            f'<section><h1>Invoice {e(invoice["number"] or "(draft)")}</h1><p class="sum">{due}</p>'
            f"{look.table(['What', 'For', 'Amount'], lines, 'Nothing')}</section>"
        )
        if invoice["status"] == "open":
            intent_id = self.fake.payment_of(invoice_id)
            intent = self.fake.payment_intents.get(intent_id or "")
            right = self._payment(f"/i/{invoice_id}", f"Pay {due}", intent, form.get("said", ""), invoice)
        else:
            paid_at = invoice["status_transitions"]["paid_at"]
            words = f"Paid on {day(paid_at)}" if paid_at else f"This invoice is {invoice['status']}."
            right = f'<section><h1 class="good">{words}</h1></section>'
        return look.page("Invoice", f'<div class="two">{summary}{right}</div>')

    def _receipt(self, charge_id: str, _form: Form, _posted: bool) -> Answer:
        charge = self.fake.world.get("charge", charge_id)
        refunded = f"<p>Refunded: {look.money(charge['amount_refunded'])}</p>" if charge["amount_refunded"] else ""
        body = (
            f'<section><h1>Receipt</h1><p class="sum">{look.money(charge["amount"])}</p>'
            f"<p>{e(charge['status'].capitalize())} on {day(charge['created'])}</p>{refunded}</section>"
        )
        return look.page("Receipt", body)

    # --- Portal

    def _portal(self, session_id: str, form: Form, posted: bool) -> Answer:
        portal = self.fake.world.get("billing_portal.session", session_id)
        customer = portal["customer"]
        features = self.fake.portals[portal["configuration"]]["features"]
        if posted:
            self._change(customer, features, form)
            return look.redirect(f"/p/{session_id}")
        body = (
            f"<p>{_back(portal['return_url'], 'Back to the shop')}</p>"
            f"<section><h1>Your plan</h1>{self._plans(portal, features)}</section>"
        )
        if features["payment_method_update"]["enabled"]:
            card = self.fake.world.cards.get(customer, "ok")
            body += (
                f'<section><h2>Card</h2><form method="post">{look.cards(card, "The card for renewals")}'
                "<button>Save the card</button></form></section>"
            )
        if features["invoice_history"]["enabled"]:
            body += f"<section><h2>Invoices</h2>{self._bills(customer)}</section>"
        return look.page("Your billing", body)

    def _change(self, customer: str, features: Thing, form: Form) -> None:
        """Do what the portal's set-up allows."""
        if form.get("card") in CARDS and features["payment_method_update"]["enabled"]:
            self.fake.set_card(customer, form["card"])
        subscription = self.fake.subscriptions.get(form.get("subscription", ""))
        allowed = features["subscription_cancel"]["enabled"]
        if "cancel" in form and allowed and subscription is not None and subscription["customer"] == customer:
            self.fake.cancel_at_period_end(subscription["id"], form["cancel"] == "yes")

    def _plans(self, portal: Thing, features: Thing) -> str:
        rows = []
        for subscription in self.fake.world.rows("subscription", customer=portal["customer"]):
            if subscription["status"] in ("canceled", "incomplete_expired"):
                continue
            item = subscription["items"]["data"][0]
            ends = subscription["cancel_at_period_end"]
            words = f"{'Ends' if ends else 'Renews'} on {day(item['current_period_end'])}"
            label, wish = ("Don't cancel", "no") if ends else ("Cancel at the period's end", "yes")
            deed = look.button(f"/p/{portal['id']}", label, cancel=wish, subscription=subscription["id"])
            name = self.fake.products[item["price"]["product"]]["name"]
            price = f"{look.money(item['price']['unit_amount'])} a month"
            allowed = features["subscription_cancel"]["enabled"]
            rows.append([e(name), price, e(subscription["status"]), words, deed if allowed else ""])
        return look.table(["Plan", "Price", "Status", "", ""], rows, "There is no plan.")

    def _bills(self, customer: str) -> str:
        rows = [
            [
                f'<a href="/i/{invoice["id"]}">{e(invoice["number"] or "draft")}</a>',
                day(invoice["created"]),
                look.money(invoice["total"]),
                e(invoice["status"]),
            ]
            for invoice in self.fake.world.rows("invoice", customer=customer)
        ]
        return look.table(["Number", "Date", "Amount", "Status"], rows[::-1], "There are no invoices.")


def _back(address: str | None, words: str) -> str:
    return f'<a href="{e(address)}">← {words}</a>' if address else ""
