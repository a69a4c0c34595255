"""Check every wallet against its ledger in one consistent snapshot; read, and change nothing."""

from collections.abc import Iterator

from sqlalchemy import String, Subquery, and_, case, cast, func, literal, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from models import (
    CreditLedger,
    CreditPurchase,
    LedgerKind,
    PurchaseStatus,
    StripeInvoice,
    UsageLog,
    User,
    UserSubscription,
)
from services.transaction import Database

_L, _W, _U = CreditLedger, UserSubscription, UsageLog


def audit(db: Database) -> list[str]:
    """Return a sentence for everything that is off; empty when every credit adds up."""
    with db.snapshot() as tx:
        checks = (_sums, _chains, _charges, _use, _purchases, _invoices, _debts, _orphans)
        return [finding for check in checks for finding in check(tx)]


def size(db: Database) -> tuple[int, int]:
    """Return how many wallets and ledger entries there are."""
    with db.read() as tx:
        wallets = tx.scalar(select(func.count()).select_from(_W)) or 0
        entries = tx.scalar(select(func.count()).select_from(_L)) or 0
    return wallets, entries


def _sums(tx: Session) -> Iterator[str]:
    """The sums of a wallet's entries equal its columns."""
    entries = (
        select(_L.user_id, func.sum(_L.delta).label("total"), func.sum(_L.pack_delta).label("packs"))
        .group_by(_L.user_id)
        .subquery()
    )
    total, packs = func.coalesce(entries.c.total, 0), func.coalesce(entries.c.packs, 0)
    query = (
        select(_W.user_id, _W.credits_remaining, total, _W.pack_credits, packs)
        .join(entries, entries.c.user_id == _W.user_id, isouter=True)
        .where(or_(_W.credits_remaining != total, _W.pack_credits != packs))
    )
    for user_id, has, should, has_packs, should_packs in tx.execute(query):
        if has != should:
            yield f"wallet {user_id}: credits_remaining is {has}, its ledger adds up to {should}"
        if has_packs != should_packs:
            yield f"wallet {user_id}: pack_credits is {has_packs}, its ledger adds up to {should_packs}"


def _chains(tx: Session) -> Iterator[str]:
    """Each entry's balance is the one before it plus its own change."""
    before = func.lag(_L.balance_after, 1, 0).over(partition_by=_L.user_id, order_by=_L.id)
    chained = select(_L.id, _L.user_id, _L.delta, _L.balance_after, before.label("before")).subquery()
    query = select(chained).where(chained.c.balance_after != chained.c.before + chained.c.delta)
    for row in tx.execute(query):
        yield (
            f"ledger entry {row.id} of wallet {row.user_id}: balance_after is {row.balance_after}, "
            f"but {row.before} and {row.delta:+} make {row.before + row.delta}"
        )


def _charges(tx: Session) -> Iterator[str]:
    """Each charge is in the ledger as its usage log says: spent once, and given back once if it failed."""
    source = literal("usage:") + cast(_U.id, String)
    spend = _entry(LedgerKind.SPEND)
    back = _entry(LedgerKind.REFUND)
    price = _U.plan_part + _U.pack_part
    refunded: ColumnElement[int] = case((_U.success.is_(False), price), else_=0)
    query = (
        select(_U.id, price, spend.c.delta, refunded, back.c.delta)
        .join(spend, spend.c.source == source, isouter=True)
        .join(back, back.c.source == source, isouter=True)
        .where(
            or_(
                func.coalesce(spend.c.delta, 0) != -price,
                func.coalesce(spend.c.pack_delta, 0) != -_U.pack_part,
                func.coalesce(back.c.delta, 0) != refunded,
                and_(_U.success.is_(False), func.coalesce(back.c.pack_delta, 0) != _U.pack_part),
                func.coalesce(spend.c.user_id, _U.wallet_user_id) != _U.wallet_user_id,
            )
        )
    )
    for log_id, cost, spent, due, given in tx.execute(query):
        yield (
            f"usage log {log_id}: costs {cost} with {due} due back, "
            f"but the ledger has {spent or 0} spent and {given or 0} given back"
        )


def _use(tx: Session) -> Iterator[str]:
    """What a wallet says it has used is what its usage logs say."""
    in_period: ColumnElement[int] = case((_U.period_number == _W.period_number, _U.credits_used), else_=0)
    total, month = func.coalesce(func.sum(_U.credits_used), 0), func.coalesce(func.sum(in_period), 0)
    query = (
        select(_W.user_id, _W.total_credits_used, total, _W.credits_used_this_month, month)
        .join(_U, _U.wallet_user_id == _W.user_id, isouter=True)
        .group_by(_W.user_id, _W.total_credits_used, _W.credits_used_this_month)
        .having(or_(_W.total_credits_used != total, _W.credits_used_this_month != month))
    )
    for user_id, says, should, says_month, should_month in tx.execute(query):
        if says != should:
            yield f"wallet {user_id}: total_credits_used is {says}, its usage logs add up to {should}"
        if says_month != should_month:
            yield f"wallet {user_id}: credits_used_this_month is {says_month}, its usage logs add up to {should_month}"


def _purchases(tx: Session) -> Iterator[str]:
    """Each completed purchase is in the ledger with its credits, and no other one is."""
    source = literal("purchase:") + cast(CreditPurchase.id, String)
    entry = _entry(LedgerKind.PURCHASE)
    due: ColumnElement[int] = case(
        (CreditPurchase.payment_status == PurchaseStatus.COMPLETED, CreditPurchase.credits_amount), else_=0
    )
    query = (
        select(CreditPurchase.id, due, entry.c.pack_delta)
        .join(entry, entry.c.source == source, isouter=True)
        .where(func.coalesce(entry.c.pack_delta, 0) != due)
    )
    for purchase_id, should, has in tx.execute(query):
        yield f"purchase {purchase_id}: {should} credits were paid for, the ledger has {has or 0}"


def _invoices(tx: Session) -> Iterator[str]:
    """Each paid invoice is in the ledger with the credits that it brought, and no other one is."""
    source = literal("invoice:") + cast(StripeInvoice.id, String)
    begun, raised = _entry(LedgerKind.GRANT), _entry(LedgerKind.BONUS)
    has = func.coalesce(begun.c.delta, 0) + func.coalesce(raised.c.delta, 0)
    query = (
        select(StripeInvoice.stripe_invoice_id, StripeInvoice.credits_granted, has)
        .join(begun, begun.c.source == source, isouter=True)
        .join(raised, raised.c.source == source, isouter=True)
        .where(has != StripeInvoice.credits_granted)
    )
    for invoice_id, should, given in tx.execute(query):
        yield f"invoice {invoice_id}: {should} credits were paid for, the ledger has {given}"


def _debts(tx: Session) -> Iterator[str]:
    """What was clawed back of a wallet's packs is in the ledger, or owed."""
    clawed = (
        select(CreditPurchase.user_id, func.sum(CreditPurchase.credits_clawed_back).label("due"))
        .group_by(CreditPurchase.user_id)
        .subquery()
    )
    taken = (
        select(_L.user_id, func.sum(-_L.pack_delta).label("taken"))
        .where(_L.kind == LedgerKind.CLAWBACK)
        .group_by(_L.user_id)
        .subquery()
    )
    due, had = func.coalesce(clawed.c.due, 0), func.coalesce(taken.c.taken, 0) + _W.pack_owed
    query = (
        select(_W.user_id, due, had)
        .join(clawed, clawed.c.user_id == _W.user_id, isouter=True)
        .join(taken, taken.c.user_id == _W.user_id, isouter=True)
        .where(due != had)
    )
    for user_id, should, has in tx.execute(query):
        yield f"wallet {user_id}: {should} pack credits were clawed back, {has} were taken or are owed"
    of_period = (
        select(func.coalesce(func.sum(StripeInvoice.credits_clawed_back), 0))
        .where(StripeInvoice.user_id == _W.user_id, StripeInvoice.period_number == _W.period_number)
        .scalar_subquery()
    )
    for user_id, owed in tx.execute(select(_W.user_id, _W.plan_owed).where(_W.plan_owed > of_period)):
        yield f"wallet {user_id}: owes {owed} plan credits, more than was clawed back in this period"


def _orphans(tx: Session) -> Iterator[str]:
    """No entry belongs to nothing: each has a wallet, and each charge its usage log."""
    no_wallet = select(_L.id).where(~select(_W.id).where(_W.user_id == _L.user_id).exists())
    for entry_id in tx.scalars(no_wallet):
        yield f"ledger entry {entry_id} has no wallet"
    # Not a correlated EXISTS, which would look through a wallet's whole history for each of its entries.
    logged = select(literal("usage:") + cast(_U.id, String))
    for entry_id in tx.scalars(select(_L.id).where(_L.source.startswith("usage:"), _L.source.not_in(logged))):
        yield f"ledger entry {entry_id} has no usage log"
    no_user = select(_W.user_id).where(~select(User.id).where(User.id == _W.user_id).exists())
    for user_id in tx.scalars(no_user):
        yield f"wallet {user_id} has no user"


def _entry(kind: LedgerKind) -> Subquery:
    return select(_L.source, _L.user_id, _L.delta, _L.pack_delta).where(_L.kind == kind).subquery()
