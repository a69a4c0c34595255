"""Take back credits whose payment was refunded or is disputed, and give them back when a dispute is won."""

from dataclasses import dataclass

from sqlalchemy import select

from clients.payments import Payment
from models import CreditPurchase, InvoiceRole, PurchaseStatus, StripeInvoice
from services import credits, periods
from services.stripe_records import Case


@dataclass
class _Gone:
    """What of one payment was taken back, in cents."""

    refunded: int = 0
    disputed: int = 0
    receipt_url: str | None = None


def settle(case: Case) -> None:
    """Bring what was clawed back in line with the refunds and disputes of the customer's payments."""
    for payment_id, gone in sorted(_taken_back(case.facts.payments).items()):
        bought = select(CreditPurchase).where(CreditPurchase.stripe_payment_intent_id == payment_id)
        purchase = case.tx.scalar(bought.where(CreditPurchase.user_id == case.wallet.user_id))
        if purchase is not None:
            _settle_pack(case, purchase, gone)
        of_payment = select(StripeInvoice).where(StripeInvoice.stripe_payment_intent_id == payment_id)
        invoice = case.tx.scalar(of_payment.where(StripeInvoice.user_id == case.wallet.user_id))
        if invoice is not None:
            _settle_invoice(case, invoice, gone)


def _taken_back(payments: tuple[Payment, ...]) -> dict[str, _Gone]:
    found: dict[str, _Gone] = {}
    for payment in payments:
        if payment.payment_id is not None and payment.status == "succeeded":
            gone = found.setdefault(payment.payment_id, _Gone())
            gone.refunded += payment.refunded
            gone.disputed += payment.disputed
            gone.receipt_url = payment.receipt_url or gone.receipt_url
    return found


def _settle_pack(case: Case, purchase: CreditPurchase, gone: _Gone) -> None:
    if purchase.receipt_url is None and gone.receipt_url is not None:
        purchase.receipt_url = gone.receipt_url
        case.note(f"purchase {purchase.id} has a receipt")
    if not _is_new(purchase, gone):
        return
    purchase.refunded_cents, purchase.disputed_cents = gone.refunded, gone.disputed
    case.tx.flush()
    step = 0
    if purchase.payment_status == PurchaseStatus.COMPLETED:
        step = credits.claw_back_pack(case.tx, case.wallet, purchase, now=case.now)
    case.note(_words(f"purchase {purchase.id}", gone, step))


def _settle_invoice(case: Case, invoice: StripeInvoice, gone: _Gone) -> None:
    if not _is_new(invoice, gone):
        return
    invoice.refunded_cents, invoice.disputed_cents = gone.refunded, gone.disputed
    case.tx.flush()
    step = 0
    granted = invoice.role in (InvoiceRole.PERIOD, InvoiceRole.RAISE)
    holds = invoice.period_number == case.wallet.period_number and not periods.grace_is_over(case.wallet, case.now)
    if granted and holds:
        step = credits.claw_back_plan(case.tx, case.wallet, invoice, now=case.now)
    case.note(_words(f"invoice {invoice.stripe_invoice_id}", gone, step))


def _is_new(row: CreditPurchase | StripeInvoice, gone: _Gone) -> bool:
    return (row.refunded_cents, row.disputed_cents) != (gone.refunded, gone.disputed)


def _words(what: str, gone: _Gone, step: int) -> str:
    return f"{what}: {gone.refunded} cents refunded and {gone.disputed} disputed, {step} credits clawed back"
