"""Complete packs whose payment has succeeded, and close payment pages that were left or have failed."""

from sqlalchemy import and_, or_, select

from clients.payments import Checkout
from models import CheckoutState, CreditPurchase, PurchaseStatus, StripeCheckout, User
from services import credits
from services.stripe_records import Case, account_mark


def settle(case: Case) -> None:
    """Bring the payment pages of the customer, and the packs that were bought on them, in line with the facts."""
    for told in sorted(case.facts.checkouts, key=lambda told: (told.created, told.id)):
        page = _page(case, told)
        if page is not None:
            _settle_page(case, page, told)
        if told.mode == "payment":
            _settle_pack(case, page, told)


def _page(case: Case, told: Checkout) -> StripeCheckout | None:
    """Return our row of a payment page, also if we died before we were told its number."""
    token = told.metadata.get("checkout", "")
    same = and_(StripeCheckout.token == token, StripeCheckout.session_id.is_(None))
    # In one look: the number may be written down between two of them.
    mine = (StripeCheckout.user_id == case.wallet.user_id, or_(StripeCheckout.session_id == told.id, same))
    return case.tx.scalar(select(StripeCheckout).where(*mine).order_by(StripeCheckout.session_id.is_(None)).limit(1))


def _settle_page(case: Case, page: StripeCheckout, told: Checkout) -> None:
    if page.session_id is None:
        page.session_id, page.url, page.expires_at = told.id, told.url, told.expires_at
        case.note(f"checkout {told.id} was not known")
    now_is = {"complete": CheckoutState.COMPLETE, "expired": CheckoutState.EXPIRED}.get(told.status)
    if page.state == CheckoutState.OPENING and now_is is None:
        now_is = CheckoutState.OPEN
    if now_is is not None and page.state != now_is:
        page.state = now_is
        case.note(f"checkout {told.id} is {now_is.value}")
    page.subscription_id = told.subscription_id
    case.tx.flush()


def _settle_pack(case: Case, page: StripeCheckout | None, told: Checkout) -> None:
    paid = told.payment_status == "paid" or (told.payment_status == "no_payment_required" and told.status == "complete")
    purchase = _purchase(case, page, told, paid)
    if purchase is None or purchase.payment_status == PurchaseStatus.COMPLETED:
        return
    if paid:
        purchase.stripe_payment_intent_id = told.payment_id
        purchase.price_paid_cents = told.amount_total
        case.tx.flush()
        credits.complete_purchase(case.tx, case.wallet, purchase, now=case.now)
        case.note(f"checkout {told.id} was paid: a pack of {purchase.credits_amount} credits")
    elif purchase.payment_status == PurchaseStatus.PENDING and (told.status == "expired" or _has_failed(case, told)):
        purchase.payment_status = PurchaseStatus.FAILED
        case.tx.flush()
        case.note(f"checkout {told.id} was not paid")


def _purchase(case: Case, page: StripeCheckout | None, told: Checkout, paid: bool) -> CreditPurchase | None:
    """Return the purchase of a payment page; one that our records have lost is made again when it was paid."""
    if page is not None and page.purchase_id is not None:
        found = case.tx.get_one(CreditPurchase, page.purchase_id)
        if found.stripe_checkout_session_id is None:
            found.stripe_checkout_session_id = told.id
        return found
    known = select(CreditPurchase).where(CreditPurchase.stripe_checkout_session_id == told.id)
    purchase = case.tx.scalar(known)
    size = told.metadata.get("pack", "")
    owner = case.tx.get_one(User, case.wallet.user_id)
    if purchase is None and paid and size.isdecimal() and told.metadata.get("account") == account_mark(owner):
        purchase = CreditPurchase(
            user_id=case.wallet.user_id,
            credits_amount=int(size),
            price_paid_cents=told.amount_total,
            stripe_checkout_session_id=told.id,
            payment_status=PurchaseStatus.PENDING,
            created_at=told.created,
        )
        case.tx.add(purchase)
        case.tx.flush()
    return purchase


def _has_failed(case: Case, told: Checkout) -> bool:
    """Say whether a delayed payment was refused in the end: it was tried, and no attempt is left that may succeed."""
    tried = {payment.status for payment in case.facts.payments if payment.payment_id == told.payment_id}
    return told.status == "complete" and told.payment_id is not None and tried == {"failed"}
