"""Define every table, enum and constraint of the database.

Facts about a row itself live here; no commits, no Flask, no arithmetic of credits. Times are UTC, money is
whole cents, credits are whole numbers.
"""

import enum
import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ColumnElement,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    case,
    false,
    text,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class UtcDateTime(TypeDecorator[datetime]):
    """Store an aware datetime as UTC; `timestamptz` on PostgreSQL, naive UTC text on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Carry the metadata of all tables, with names for constraints that migrations can rely on."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JSON, list[Any]: JSON}


class LedgerKind(enum.StrEnum):
    """Say why a wallet changed."""

    GRANT = "grant"
    SPEND = "spend"
    REFUND = "refund"
    EXPIRE = "expire"
    PURCHASE = "purchase"
    BONUS = "bonus"
    CLAWBACK = "clawback"
    ADJUST = "adjust"


class PaymentStatus(enum.StrEnum):
    """Say how the payments of a subscription stand."""

    ACTIVE = "active"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    CANCELLED = "cancelled"


class PurchaseStatus(enum.StrEnum):
    """Say how far the payment of a pack has come."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


class InvoiceRole(enum.StrEnum):
    """Say what a paid invoice did; one that is not paid has none."""

    PERIOD = "period"
    """It began a period, or belonged to one that was over."""
    RAISE = "raise"
    """It paid for a higher tier within a period."""
    DUPLICATE = "duplicate"
    """It paid for a second subscription, or for one that was over; it granted nothing and is given back."""
    FOREIGN = "foreign"
    """We did not make it; it granted nothing."""


class CheckoutState(enum.StrEnum):
    """Say how a payment page stands."""

    OPENING = "opening"
    OPEN = "open"
    COMPLETE = "complete"
    EXPIRED = "expired"
    REPLACED = "replaced"
    """A newer one took its place; it may still have to be closed at Stripe."""


class RaiseState(enum.StrEnum):
    """Say how a paid change to a higher tier stands."""

    ASKED = "asked"
    WAITING = "waiting"
    DROPPED = "dropped"
    """It was given up; what was pending before has to be put back at Stripe."""
    PAID = "paid"
    FAILED = "failed"


class EventOutcome(enum.StrEnum):
    """Say what became of an event."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    FOREIGN = "foreign"
    UNKNOWN_TYPE = "unknown_type"
    FAILED = "failed"


class ActionType(enum.StrEnum):
    """Say what was charged."""

    CHAT_MESSAGE = "chat_message"
    TOOL_USE = "tool_use"


class MessageStatus(enum.StrEnum):
    """Say how a message stands; a user's message is always `done`."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


class ApprovalState(enum.StrEnum):
    """Say what became of an action that waits for its user's word; one that is past its time stays `waiting`."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    VOIDED = "voided"
    """The conversation went on without it."""


def _one_of(column: str, values: type[enum.StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def _new_id() -> str:
    return str(uuid.uuid4())


class User(Base):
    """An account. A deleted one stays as a tombstone without personal data, so that the ledger stays whole."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str | None] = mapped_column(String(320))
    email_key: Mapped[str | None] = mapped_column(String(320), unique=True)
    """The address in the one spelling that counts: lower case, without `+tag`. None for a deleted account."""
    username: Mapped[str | None] = mapped_column(String(80))
    password_hash: Mapped[str | None] = mapped_column(String(255))
    is_admin: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    email_verified_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class LoginSession(Base):
    """A signed-in browser. The cookie holds a random token, the row only its SHA-256."""

    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_agent: Mapped[str] = mapped_column(String(255), default="")
    network: Mapped[str] = mapped_column(String(64), default="")
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    user: Mapped[User] = relationship()


class FormerAddress(Base):
    """What is remembered of a deleted account, so that its free credits are not handed out again.

    `address_hash` is a keyed hash; the address cannot be read back from it.
    """

    __tablename__ = "former_addresses"

    address_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    billing_anchor: Mapped[datetime]
    period_granted: Mapped[int]
    renews_at: Mapped[datetime]


class SubscriptionTier(Base):
    """A plan. One that is taken off the price list becomes inactive and keeps its holders."""

    __tablename__ = "subscription_tiers"
    __table_args__ = (CheckConstraint("monthly_price >= 0 AND monthly_credits >= 0", name="not_negative"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)
    display_name: Mapped[str] = mapped_column(String(100))
    monthly_price_cents: Mapped[int] = mapped_column("monthly_price")
    monthly_credits: Mapped[int]
    description: Mapped[str] = mapped_column(Text, default="")
    features: Mapped[list[Any]] = mapped_column(default=list)
    is_active: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    created_at: Mapped[datetime]


class CreditPack(Base):
    """A pack of credits that is bought once and never expires."""

    __tablename__ = "credit_packs"
    __table_args__ = (CheckConstraint("credits > 0 AND price >= 0", name="positive"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    credits: Mapped[int] = mapped_column(unique=True)
    price_cents: Mapped[int] = mapped_column("price")
    popular: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    is_active: Mapped[bool] = mapped_column(default=True, server_default=text("true"))


class ActionPrice(Base):
    """What an action costs in credits: `chat_message`, or the name of a tool."""

    __tablename__ = "action_prices"
    __table_args__ = (CheckConstraint("credits >= 0", name="not_negative"),)

    action: Mapped[str] = mapped_column(String(80), primary_key=True)
    credits: Mapped[int]


class UserSubscription(Base):
    """The wallet of one user. Only `services/credits/` writes it, always beside a ledger row."""

    __tablename__ = "user_subscriptions"
    __table_args__ = (
        CheckConstraint("pack_credits >= 0 AND pack_credits <= credits_remaining", name="buckets_hold"),
        CheckConstraint("credits_used_this_month >= 0 AND total_credits_used >= 0", name="use_not_negative"),
        CheckConstraint("period_granted >= 0 AND period_number >= 0", name="period_not_negative"),
        CheckConstraint("plan_owed >= 0 AND pack_owed >= 0", name="debts_not_negative"),
        CheckConstraint(
            "(pack_owed = 0 OR pack_credits = 0) AND (plan_owed = 0 OR credits_remaining = pack_credits)",
            name="no_credits_beside_a_debt",
        ),
        _one_of("payment_status", PaymentStatus),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), unique=True)
    tier_id: Mapped[int] = mapped_column(ForeignKey("subscription_tiers.id"), index=True)
    credits_remaining: Mapped[int]
    """Everything that can be spent now, packs included."""
    pack_credits: Mapped[int] = mapped_column(default=0, server_default="0")
    """The part of `credits_remaining` that was bought in packs."""
    plan_owed: Mapped[int] = mapped_column(default=0, server_default="0")
    """Plan credits that were refunded after they had been spent; whatever enters the bucket pays them first."""
    pack_owed: Mapped[int] = mapped_column(default=0, server_default="0")
    credits_used_this_month: Mapped[int] = mapped_column(default=0, server_default="0")
    total_credits_used: Mapped[int] = mapped_column(default=0, server_default="0")
    billing_anchor: Mapped[datetime]
    """The start of the first period; period k starts k months after it."""
    period_number: Mapped[int] = mapped_column(default=0, server_default="0")
    """Counts the periods that this wallet has been granted; part of each grant's unique source."""
    period_granted: Mapped[int]
    """The highest allotment granted in the present period."""
    current_period_start: Mapped[datetime]
    current_period_end: Mapped[datetime]
    last_reset_date: Mapped[datetime]
    plan_lapsed: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """The day of grace after this period is over and its plan credits have expired; nothing enters them any more."""
    pending_tier_id: Mapped[int | None] = mapped_column(ForeignKey("subscription_tiers.id"))
    cancel_at_period_end: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    stripe_customer_id: Mapped[str | None] = mapped_column(String(255), unique=True)
    stripe_subscription_id: Mapped[str | None] = mapped_column(String(255), unique=True)
    """The subscription whose paid invoices bring the plan credits; None while nothing has been paid."""
    stripe_price_id: Mapped[str | None] = mapped_column(String(255))
    """The price at which the present period was paid."""
    sync_count: Mapped[int] = mapped_column(default=0, server_default="0")
    """Counts what was taken over from Stripe, so that whoever fetched before that fetches again."""
    payment_status: Mapped[str] = mapped_column(String(20), default=PaymentStatus.ACTIVE, server_default="active")

    tier: Mapped[SubscriptionTier] = relationship(foreign_keys=tier_id)
    pending_tier: Mapped[SubscriptionTier | None] = relationship(foreign_keys=pending_tier_id)

    @property
    def plan_credits(self) -> int:
        """Return what is left of the plan's credits in this period."""
        return self.credits_remaining - self.pack_credits


class CreditLedger(Base):
    """One change of one wallet. Append-only: triggers refuse every UPDATE, DELETE, REPLACE and TRUNCATE."""

    __tablename__ = "credit_ledger"
    __table_args__ = (
        UniqueConstraint("kind", "source"),
        Index("ix_credit_ledger_user_id_id", "user_id", "id"),
        CheckConstraint("balance_after >= 0", name="balance_not_negative"),
        _one_of("kind", LedgerKind),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    delta: Mapped[int]
    pack_delta: Mapped[int]
    balance_after: Mapped[int]
    kind: Mapped[str] = mapped_column(String(20))
    source: Mapped[str] = mapped_column(String(200))
    """What caused it, made of our own ids: `usage:17`, `period:3:2`, `purchase:5`."""
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """The person who caused it; None when nobody did (a period that ended)."""
    created_at: Mapped[datetime]


class CreditPurchase(Base):
    """A pack that was bought, or is being paid for."""

    __tablename__ = "credit_purchases"
    __table_args__ = (
        CheckConstraint("credits_amount > 0 AND price_paid >= 0", name="positive"),
        _one_of("payment_status", PurchaseStatus),
        CheckConstraint(
            "refunded >= 0 AND disputed >= 0 AND credits_clawed_back >= 0 AND credits_clawed_back <= credits_amount",
            name="taken_back_holds",
        ),
        Index("ix_credit_purchases_user_id_id", "user_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    credits_amount: Mapped[int]
    price_paid_cents: Mapped[int] = mapped_column("price_paid")
    stripe_payment_intent_id: Mapped[str | None] = mapped_column(String(255), unique=True)
    stripe_checkout_session_id: Mapped[str | None] = mapped_column(String(255), unique=True)
    payment_status: Mapped[str] = mapped_column(String(20), default=PurchaseStatus.PENDING)
    created_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    refunded_cents: Mapped[int] = mapped_column("refunded", default=0, server_default="0")
    disputed_cents: Mapped[int] = mapped_column("disputed", default=0, server_default="0")
    """In disputes that are open or lost."""
    credits_clawed_back: Mapped[int] = mapped_column(default=0, server_default="0")
    clawback_steps: Mapped[int] = mapped_column(default=0, server_default="0")
    """Counts the clawbacks, one way or the other; part of each one's unique source."""
    receipt_url: Mapped[str | None] = mapped_column(Text)


class StripeCustomer(Base):
    """A payer at Stripe and whose it is; a deleted one stays, since its payments can still be refunded."""

    __tablename__ = "stripe_customers"

    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class StripeCatalogEntry(Base):
    """What the price list is called at Stripe. Prices that were replaced stay, since subscribers may be on them."""

    __tablename__ = "stripe_catalog"
    __table_args__ = (
        CheckConstraint("kind IN ('tier', 'pack', 'portal')", name="kind_known"),
        Index("ix_stripe_catalog_kind_key", "kind", "key"),
    )

    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    """The price's id at Stripe, or the portal configuration's."""
    kind: Mapped[str] = mapped_column(String(20))
    key: Mapped[str] = mapped_column(String(50))
    """The tier's name, the pack's credits, or `portal`."""
    amount_cents: Mapped[int] = mapped_column("amount")
    product_id: Mapped[str | None] = mapped_column(String(255))
    livemode: Mapped[bool]
    active: Mapped[bool]
    created_at: Mapped[datetime]


class StripeSubscription(Base):
    """A subscription as Stripe last told it."""

    __tablename__ = "stripe_subscriptions"

    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    customer_id: Mapped[str] = mapped_column(String(255))
    status: Mapped[str] = mapped_column(String(30))
    price_id: Mapped[str] = mapped_column(String(255))
    current_period_start: Mapped[datetime]
    current_period_end: Mapped[datetime]
    cancel_at_period_end: Mapped[bool]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    is_duplicate: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """It was paid while another one ran: it grants nothing, is cancelled and refunded."""
    end_applied: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """The wallet fell to Free with it."""


class StripeInvoice(Base):
    """An invoice as Stripe last told it, and what it brought."""

    __tablename__ = "stripe_invoices"
    __table_args__ = (
        CheckConstraint(
            "credits_granted >= 0 AND credits_clawed_back >= 0 AND credits_clawed_back <= credits_granted",
            name="taken_back_holds",
        ),
        Index("ix_stripe_invoices_user_id_id", "user_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    stripe_invoice_id: Mapped[str] = mapped_column(String(255), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    stripe_subscription_id: Mapped[str | None] = mapped_column(String(255), index=True)
    reason: Mapped[str] = mapped_column(String(50))
    status: Mapped[str] = mapped_column(String(20))
    number: Mapped[str | None] = mapped_column(String(100))
    url: Mapped[str | None] = mapped_column(Text)
    amount_due_cents: Mapped[int] = mapped_column("amount_due")
    amount_paid_cents: Mapped[int] = mapped_column("amount_paid")
    stripe_payment_intent_id: Mapped[str | None] = mapped_column(String(255), index=True)
    tier_id: Mapped[int | None] = mapped_column(ForeignKey("subscription_tiers.id"))
    price_id: Mapped[str | None] = mapped_column(String(255))
    period_start: Mapped[datetime | None]
    period_end: Mapped[datetime | None]
    created_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]
    role: Mapped[str | None] = mapped_column(String(20))
    """What it did (InvoiceRole); None until it is paid."""
    credits_granted: Mapped[int] = mapped_column(default=0, server_default="0")
    period_number: Mapped[int | None]
    """The wallet's period that holds its credits; None if that was over when it was applied."""
    refunded_cents: Mapped[int] = mapped_column("refunded", default=0, server_default="0")
    disputed_cents: Mapped[int] = mapped_column("disputed", default=0, server_default="0")
    credits_clawed_back: Mapped[int] = mapped_column(default=0, server_default="0")
    clawback_steps: Mapped[int] = mapped_column(default=0, server_default="0")

    tier: Mapped[SubscriptionTier | None] = relationship()


class StripeCheckout(Base):
    """A payment page that we opened or are opening: at most one of each kind is open for each user."""

    __tablename__ = "stripe_checkouts"
    __table_args__ = (
        CheckConstraint("kind IN ('subscription', 'pack')", name="kind_known"),
        _one_of("state", CheckoutState),
        Index(
            "uq_stripe_checkouts_one_open",
            "user_id",
            "kind",
            unique=True,
            sqlite_where=text("state IN ('opening', 'open')"),
            postgresql_where=text("state IN ('opening', 'open')"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(36), unique=True, default=_new_id)
    """Ours; the key under which Stripe is asked, so that asking again opens no second page."""
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    target: Mapped[str] = mapped_column(String(50))
    """The tier's name or the pack's credits."""
    customer_id: Mapped[str] = mapped_column(String(255))
    price_id: Mapped[str] = mapped_column(String(255))
    purchase_id: Mapped[int | None] = mapped_column(ForeignKey("credit_purchases.id"))
    session_id: Mapped[str | None] = mapped_column(String(255), unique=True)
    subscription_id: Mapped[str | None] = mapped_column(String(255))
    """What was begun on it."""
    url: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]


class StripeRaise(Base):
    """A change to a higher tier within a period, that Stripe was asked to charge: at most one runs for each user."""

    __tablename__ = "stripe_raises"
    __table_args__ = (
        _one_of("state", RaiseState),
        Index(
            "uq_stripe_raises_one_running",
            "user_id",
            unique=True,
            sqlite_where=text("state IN ('asked', 'waiting')"),
            postgresql_where=text("state IN ('asked', 'waiting')"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(36), unique=True, default=_new_id)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    stripe_subscription_id: Mapped[str] = mapped_column(String(255))
    tier_id: Mapped[int] = mapped_column(ForeignKey("subscription_tiers.id"))
    from_price_id: Mapped[str] = mapped_column(String(255))
    to_price_id: Mapped[str] = mapped_column(String(255))
    period_start: Mapped[datetime]
    restore_price_id: Mapped[str | None] = mapped_column(String(255))
    """What was pending before and has to be put back if nothing is paid: the coming price, or a cancellation."""
    restore_cancel: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    stripe_invoice_id: Mapped[str | None] = mapped_column(String(255), index=True)
    state: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime]

    tier: Mapped[SubscriptionTier] = relationship()


class StripeEvent(Base):
    """An event that Stripe sent, and what became of it; each id is handled once."""

    __tablename__ = "stripe_events"
    __table_args__ = (_one_of("outcome", EventOutcome), Index("ix_stripe_events_outcome", "outcome"))

    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    type: Mapped[str] = mapped_column(String(100))
    livemode: Mapped[bool]
    customer_id: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime]
    """When it happened, by Stripe's clock."""
    received_at: Mapped[datetime] = mapped_column(index=True)
    outcome: Mapped[str] = mapped_column(String(20))
    error: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(default=1, server_default="1")


class Conversation(Base):
    """A thread of messages of one user."""

    __tablename__ = "conversations"
    __table_args__ = (Index("ix_conversations_user_id_updated_at", "user_id", "updated_at", "id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=_new_id)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    title: Mapped[str] = mapped_column(String(200))
    context_start: Mapped[int] = mapped_column(default=0, server_default="0")
    """The position of the first message that the model still gets; moves forward when the history grows too long."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Message(Base):
    """A user's message, or one attempt of the agent to answer it.

    `content` is a list of blocks in the order in which they came: `text`, `tool_use` and other blocks exactly as
    the model sent them, and ours, `tool_result`.
    """

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("conversation_id", "position"),
        Index(
            "uq_messages_one_running",
            "conversation_id",
            unique=True,
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
        CheckConstraint("role IN ('user', 'assistant')", name="role_known"),
        _one_of("status", MessageStatus),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=_new_id)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    position: Mapped[int]
    role: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(20))
    content: Mapped[list[Any]] = mapped_column(default=list)
    error_code: Mapped[str | None] = mapped_column(String(80))
    error_message: Mapped[str | None] = mapped_column(Text)
    continues_id: Mapped[str | None] = mapped_column(String(36))
    """The answer that had stopped for its user's word, and that this one goes on with."""
    stop_requested_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    model: Mapped[str | None] = mapped_column(String(100))
    stop_reason: Mapped[str | None] = mapped_column(String(50))
    input_tokens: Mapped[int] = mapped_column(default=0, server_default="0")
    output_tokens: Mapped[int] = mapped_column(default=0, server_default="0")
    cache_write_tokens: Mapped[int] = mapped_column(default=0, server_default="0")
    cache_read_tokens: Mapped[int] = mapped_column(default=0, server_default="0")
    thinking_tokens: Mapped[int] = mapped_column(default=0, server_default="0")
    """The part of `output_tokens` that was only thought."""
    cost_micros: Mapped[int | None] = mapped_column(BigInteger)
    """What the model cost us, in millionths of a dollar; None when its price is not known."""


class Approval(Base):
    """An action of the agent that waits for its user's word, bound to its very arguments and used at most once."""

    __tablename__ = "approvals"
    __table_args__ = (
        _one_of("state", ApprovalState),
        CheckConstraint("credits >= 0", name="not_negative"),
        Index(
            "uq_approvals_one_waiting",
            "conversation_id",
            unique=True,
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=_new_id)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), unique=True)
    """The answer that ended with it."""
    tool_use_id: Mapped[str] = mapped_column(String(255))
    tool_name: Mapped[str] = mapped_column(String(80))
    title: Mapped[str] = mapped_column(String(120))
    input: Mapped[dict[str, Any]]
    """The model's call as it was; nothing that a client sends later takes its place."""
    connection_id: Mapped[str | None] = mapped_column(String(36))
    """The connection that the card named; another one of the same name does not stand for it."""
    target: Mapped[str] = mapped_column(Text)
    changes: Mapped[list[Any]]
    credits: Mapped[int]
    writes: Mapped[bool]
    state: Mapped[str] = mapped_column(String(20), default=ApprovalState.WAITING)
    reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]


class Connection(Base):
    """A user's own system that tools may work on. Its credentials are encrypted with a key outside the database."""

    __tablename__ = "connections"
    __table_args__ = (UniqueConstraint("user_id", "kind", "name"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=_new_id)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(80))
    settings_encrypted: Mapped[str] = mapped_column(Text)
    """Settings with their secrets, and whose they are, so that a row that was moved is not believed."""
    shown: Mapped[dict[str, Any]]
    """The settings as they may be shown."""
    found: Mapped[dict[str, Any]]
    """What the test of it found."""
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class AllowedTool(Base):
    """A reading tool that its user lets run without asking, up to the price that was shown."""

    __tablename__ = "allowed_tools"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    tool_name: Mapped[str] = mapped_column(String(80), primary_key=True)
    credits: Mapped[int]
    created_at: Mapped[datetime]


class UsageLog(Base):
    """One charge: an attempt to answer a message, or a tool that ran for it.

    `success` is null while it runs. The charge remembers whose wallet paid, from which bucket and in which period,
    so that a refund goes back to where it came from.
    """

    __tablename__ = "usage_logs"
    __table_args__ = (
        Index("ix_usage_logs_user_id_id", "user_id", "id"),
        Index("ix_usage_logs_user_id_created_at", "user_id", "created_at"),
        Index("ix_usage_logs_wallet_user_id_period", "wallet_user_id", "period_number"),
        Index(
            "ix_usage_logs_pending",
            "wallet_user_id",
            "lease_expires_at",
            sqlite_where=text("success IS NULL"),
            postgresql_where=text("success IS NULL"),
        ),
        CheckConstraint("credits_used >= 0 AND plan_part >= 0 AND pack_part >= 0", name="not_negative"),
        CheckConstraint(
            "credits_used = plan_part + pack_part OR (success IS NOT NULL AND NOT success AND credits_used = 0)",
            name="parts_add_up",
        ),
        _one_of("action_type", ActionType),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    conversation_id: Mapped[str | None] = mapped_column(ForeignKey("conversations.id", ondelete="SET NULL"), index=True)
    message_id: Mapped[str | None] = mapped_column(ForeignKey("messages.id", ondelete="SET NULL"), index=True)
    action_type: Mapped[str] = mapped_column(String(50))
    tool_name: Mapped[str | None] = mapped_column(String(80))
    credits_used: Mapped[int]
    success: Mapped[bool | None]
    error_message: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    wallet_user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    plan_part: Mapped[int]
    pack_part: Mapped[int]
    period_number: Mapped[int]
    lease_expires_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    writes: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """The tool changes something: if we die while it runs, its outcome is unknown."""
    goes_on: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """An answer that goes on behind its user's word: no message of its own, and of no price."""
    duration_ms: Mapped[int | None]
    """How long the tool itself ran; None for a message, whose row has its times."""

    @hybrid_property
    def succeeded(self) -> bool | None:
        """Say whether the work was done, None while it runs.

        A tool that found its input wrong has run: its charge is settled, and its failure is told.
        """
        return self.success and self.error_message is None

    @succeeded.inplace.expression
    @classmethod
    def _succeeded(cls) -> ColumnElement[bool | None]:
        return case((cls.success & cls.error_message.is_not(None), false()), else_=cls.success)


class IdempotencyKey(Base):
    """A client's key for one call of one user. A row without a response is still running."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (UniqueConstraint("user_id", "path", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    path: Mapped[str] = mapped_column(String(200))
    key: Mapped[str] = mapped_column(String(255))
    body_hash: Mapped[str] = mapped_column(String(64))
    usage_log_id: Mapped[int | None] = mapped_column(ForeignKey("usage_logs.id"), index=True)
    response: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(index=True)
