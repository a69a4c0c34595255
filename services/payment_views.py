"""Show packs, invoices and the payments of both as plain data."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import (
    CheckoutState,
    CreditLedger,
    CreditPurchase,
    InvoiceRole,
    PurchaseStatus,
    StripeCheckout,
    StripeInvoice,
    SubscriptionTier,
    UserSubscription,
)
from services import credits
from services.stripe_records import FIRST, RAISE
from services.transaction import Database
from services.views import dollars, iso, iso_or_none

PURCHASES = 20
INVOICES = 24


def purchase_json(purchase: CreditPurchase, checkout_url: str | None = None) -> dict[str, Any]:
    """Return a purchase as clients see it; `checkout_url` is where its payment can still be made."""
    return {
        "id": purchase.id,
        "credits_amount": purchase.credits_amount,
        "price_paid": dollars(purchase.price_paid_cents),
        "payment_status": purchase.payment_status,
        "created_at": iso(purchase.created_at),
        "completed_at": iso_or_none(purchase.completed_at),
        "refunded": dollars(purchase.refunded_cents),
        "disputed": dollars(purchase.disputed_cents),
        "credits_clawed_back": purchase.credits_clawed_back,
        "receipt_url": purchase.receipt_url,
        "checkout_url": checkout_url,
    }


def invoice_json(invoice: StripeInvoice) -> dict[str, Any]:
    """Return an invoice as clients see it."""
    return {
        "number": invoice.number,
        "created_at": iso(invoice.created_at),
        "paid_at": iso_or_none(invoice.paid_at),
        "what": what_of(invoice),
        "amount": amount_of(invoice),
        "status": invoice.status,
        "url": invoice.url,
        "refunded": dollars(invoice.refunded_cents),
        "disputed": dollars(invoice.disputed_cents),
        "credits_granted": invoice.credits_granted,
        "credits_clawed_back": invoice.credits_clawed_back,
    }


def payments_of(tx: Session, user_id: int, *, now: datetime) -> dict[str, Any]:
    """Return what a user has bought: packs, invoices, and both as one list, the newest first."""
    latest = select(CreditPurchase).where(CreditPurchase.user_id == user_id).order_by(CreditPurchase.id.desc())
    purchases = tx.scalars(latest.limit(PURCHASES)).all()
    bought = [purchase.id for purchase in purchases]
    on_pages = select(StripeCheckout).where(StripeCheckout.purchase_id.in_(bought)).order_by(StripeCheckout.id)
    pages = {page.purchase_id: page for page in tx.scalars(on_pages)}
    billed = select(StripeInvoice).where(StripeInvoice.user_id == user_id)
    newest_first = (StripeInvoice.created_at.desc(), StripeInvoice.id.desc())
    invoices = tx.scalars(billed.order_by(*newest_first).limit(INVOICES)).all()
    rows = [(row.created_at, _purchase_row(row, pages.get(row.id), now)) for row in purchases]
    rows += [(row.created_at, _invoice_row(row)) for row in invoices]
    return {
        "purchases": [purchase_json(row, _pay_url(row, pages.get(row.id), now)) for row in purchases],
        "invoices": [invoice_json(row) for row in invoices],
        "payments": [row for _, row in sorted(rows, key=lambda dated: dated[0], reverse=True)],
    }


# --- Packs and invoices ---------------------------------------------------------------------------------------------


def _pay_url(purchase: CreditPurchase, page: StripeCheckout | None, now: datetime) -> str | None:
    return open_url(page, now) if purchase.payment_status == PurchaseStatus.PENDING else None


def open_url(page: StripeCheckout | None, now: datetime) -> str | None:
    """Return the address of a page on which can still be paid."""
    if page is None or page.state != CheckoutState.OPEN or _is_late(page, now):
        return None
    return page.url


def _is_late(page: StripeCheckout, now: datetime) -> bool:
    return page.expires_at is not None and now >= page.expires_at


def _purchase_row(purchase: CreditPurchase, page: StripeCheckout | None, now: datetime) -> dict[str, Any]:
    return _row(purchase, purchase.price_paid_cents) | {
        "what": f"{purchase.credits_amount:,} credits",
        "number": None,
        "state": state_of(purchase, page, now),
        "document": "Receipt",
        "document_url": purchase.receipt_url,
        "pay_url": _pay_url(purchase, page, now),
        "pay_words": "Go on paying",
    }


def _invoice_row(invoice: StripeInvoice) -> dict[str, Any]:
    states = {"paid": "paid", "open": "waiting", "draft": "draft", "void": "void"}
    # A first invoice is open only while a way of payment that takes days has not been confirmed.
    is_confirming = invoice.status == "open" and invoice.reason == FIRST
    is_open = invoice.status == "open" and not is_confirming
    return _row(invoice, _cents_of(invoice)) | {
        "what": what_of(invoice),
        "number": invoice.number,
        "state": "confirming" if is_confirming else states.get(invoice.status, "unpaid"),
        "document": "Invoice",
        "document_url": None if invoice.status == "open" else invoice.url,
        "pay_url": invoice.url if is_open else None,
        "pay_words": "Pay the invoice",
    }


def _row(paid: CreditPurchase | StripeInvoice, cents: int) -> dict[str, Any]:
    return {
        "created_at": iso(paid.created_at),
        "amount": dollars(cents),
        "refunded": dollars(paid.refunded_cents),
        "disputed": dollars(paid.disputed_cents),
        "is_gone": 0 < cents <= paid.refunded_cents + paid.disputed_cents,
        "credits_clawed_back": paid.credits_clawed_back,
    }


def state_of(purchase: CreditPurchase, page: StripeCheckout | None, now: datetime) -> str:
    """Say how the payment of a pack stands: `paid`, `waiting`, `confirming`, `expired` or `unpaid`."""
    if purchase.payment_status == PurchaseStatus.COMPLETED:
        return "paid"
    if page is not None and page_state(page, now) == "expired":
        return "expired"
    if purchase.payment_status == PurchaseStatus.FAILED:
        return "unpaid"
    return page_state(page, now) if page is not None else "waiting"


def page_state(page: StripeCheckout, now: datetime) -> str:
    """Say how a payment page stands by itself: `waiting`, `confirming` or `expired`."""
    if page.state == CheckoutState.COMPLETE:
        return "confirming"
    if page.state in (CheckoutState.EXPIRED, CheckoutState.REPLACED):
        return "expired"
    return "expired" if _is_late(page, now) else "waiting"


def amount_of(invoice: StripeInvoice) -> float:
    """Return in dollars what an invoice has cost, or would."""
    return dollars(_cents_of(invoice))


def _cents_of(invoice: StripeInvoice) -> int:
    return invoice.amount_paid_cents if invoice.status == "paid" else invoice.amount_due_cents


def what_of(invoice: StripeInvoice) -> str:
    """Say what an invoice is for: `Starter, 22 Nov to 22 Dec 2026`, `Upgrade to Professional`."""
    if invoice.role == InvoiceRole.DUPLICATE:
        return "Second subscription, given back"
    if invoice.role == InvoiceRole.FOREIGN or invoice.tier is None:
        return "Other invoice"
    name = invoice.tier.display_name
    if invoice.reason == RAISE:
        return f"Upgrade to {name}"
    if invoice.period_start is None or invoice.period_end is None:
        return name
    return f"{name}, {_span(invoice.period_start, invoice.period_end)}"


def _span(start: datetime, end: datetime) -> str:
    first = f"{start.day} {start:%b}" if start.year == end.year else f"{start.day} {start:%b %Y}"
    return f"{first} to {end.day} {end:%b %Y}"


# --- One payment ----------------------------------------------------------------------------------------------------


def payment_view(
    db: Database, user_id: int, session_id: str | None, *, now: datetime, simulated: bool
) -> dict[str, Any]:
    """Return how the payment of a payment page stands, or that of the latest pack where no page is named.

    `state` is `done`, `pending`, `failed`, `expired`, `refunded` (a second subscription, given back) or `none`: what
    is not this user's own does not exist.
    """
    credits.refresh(db, user_id, now=now, simulated=simulated)
    with db.read() as tx:
        wallet = tx.scalars(select(UserSubscription).where(UserSubscription.user_id == user_id)).one()
        page, purchase = _payment_of(tx, user_id, session_id)
        shown: dict[str, Any] = {"state": "none", "kind": None, "credits": None, "tier": None, "amount": None}
        if purchase is not None:
            shown |= _pack_payment(tx, purchase, page, now)
        elif page is not None and page.kind == "subscription":
            shown |= plan_payment(tx, wallet, page, now)
        delayed = shown["state"] == "pending" and page is not None and page.state == CheckoutState.COMPLETE
        return shown | {
            "is_delayed": delayed,
            "credits_remaining": wallet.credits_remaining,
            "plan": wallet.tier.display_name,
        }


def _payment_of(
    tx: Session, user_id: int, session_id: str | None
) -> tuple[StripeCheckout | None, CreditPurchase | None]:
    """Return the page and the pack that is bought on it; either may be missing."""
    pages = select(StripeCheckout).where(StripeCheckout.user_id == user_id)
    packs = select(CreditPurchase).where(CreditPurchase.user_id == user_id)
    if session_id is None:
        purchase = tx.scalar(packs.order_by(CreditPurchase.id.desc()).limit(1))
        page = tx.scalar(pages.where(StripeCheckout.purchase_id == purchase.id)) if purchase else None
        return page, purchase
    page = tx.scalar(pages.where(StripeCheckout.session_id == session_id))
    if page is None or page.purchase_id is None:
        return page, tx.scalar(packs.where(CreditPurchase.stripe_checkout_session_id == session_id))
    return page, tx.get(CreditPurchase, page.purchase_id)


def _pack_payment(tx: Session, purchase: CreditPurchase, page: StripeCheckout | None, now: datetime) -> dict[str, Any]:
    states = {"paid": "done", "waiting": "pending", "confirming": "pending", "unpaid": "failed"}
    state = state_of(purchase, page, now)
    debt = select(CreditLedger.pack_delta).where(CreditLedger.source == f"debt:purchase:purchase:{purchase.id}")
    paid_debt = -(tx.scalar(debt) or 0)
    return {
        "state": states.get(state, state),
        "kind": "pack",
        "credits": purchase.credits_amount,
        "added": purchase.credits_amount - paid_debt,
        "paid_debt": paid_debt,
        "amount": dollars(purchase.price_paid_cents),
    }


def plan_payment(tx: Session, wallet: UserSubscription, page: StripeCheckout, now: datetime) -> dict[str, Any]:
    """Return how the first payment of a plan stands, by its page and by the invoice that came of it."""
    tier = tx.scalar(select(SubscriptionTier).where(SubscriptionTier.name == page.target))
    shown = {
        "state": "expired" if page_state(page, now) == "expired" else "pending",
        "kind": "subscription",
        "credits": tier.monthly_credits if tier else None,
        "tier": tier.display_name if tier else page.target,
        "amount": dollars(tier.monthly_price_cents) if tier else None,
    }
    if page.state != CheckoutState.COMPLETE:
        return shown
    invoice = _first_invoice(tx, page)
    if invoice is not None:
        shown["amount"] = amount_of(invoice)
    if invoice is not None and invoice.status in ("void", "uncollectible"):
        return shown | {"state": "failed"}
    if invoice is not None and invoice.role == InvoiceRole.DUPLICATE:
        return shown | {"state": "refunded"}
    if invoice is not None and invoice.role == InvoiceRole.PERIOD:
        return shown | {"state": "done", "credits": invoice.credits_granted}
    follows = wallet.stripe_subscription_id is not None and wallet.tier.name == page.target
    return shown | {"state": "done" if follows else "pending"}


def _first_invoice(tx: Session, page: StripeCheckout) -> StripeInvoice | None:
    """Return the first invoice of the subscription that was begun on this page."""
    firsts = (StripeInvoice.stripe_subscription_id == page.subscription_id, StripeInvoice.reason == FIRST)
    return tx.scalar(select(StripeInvoice).where(StripeInvoice.user_id == page.user_id, *firsts).limit(1))
