"""Make all tables, on an empty database or beside the tables of an older sketch of the product."""

import sqlalchemy as sa
from alembic import op

from migrations import adoption, ledger_triggers

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TABLES = (
    "users",
    "sessions",
    "former_addresses",
    "subscription_tiers",
    "credit_packs",
    "action_prices",
    "user_subscriptions",
    "credit_ledger",
    "credit_purchases",
    "conversations",
    "messages",
    "usage_logs",
    "idempotency_keys",
)


def upgrade() -> None:
    """Set old tables aside, make ours, and take over the people of the old ones."""
    old_users = adoption.set_old_tables_aside(_TABLES)
    _create_accounts()
    _create_price_list()
    _create_wallets()
    _create_conversations()
    _create_usage()
    ledger_triggers.create()
    if old_users is not None:
        adoption.take_over_users(old_users)


def downgrade() -> None:
    """Drop all tables; what was set aside stays aside."""
    ledger_triggers.drop()
    for table in reversed(_TABLES):
        op.drop_table(table)


def _create_accounts() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(320)),
        sa.Column("email_key", sa.String(320)),
        sa.Column("username", sa.String(80)),
        sa.Column("password_hash", sa.String(255)),
        _flag("is_admin", "false"),
        _moment("email_verified_at", nullable=True),
        _moment("created_at"),
        _moment("deleted_at", nullable=True),
        _key("users", "id"),
        _unique("users", "email_key"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("user_agent", sa.String(255), nullable=False),
        sa.Column("network", sa.String(64), nullable=False),
        _moment("created_at"),
        _moment("last_seen_at"),
        _moment("expires_at"),
        _key("sessions", "id"),
        _unique("sessions", "token_hash"),
        _refers("sessions", "user_id", "users.id", ondelete="CASCADE"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_table(
        "former_addresses",
        sa.Column("address_hash", sa.String(64), nullable=False),
        _moment("billing_anchor"),
        sa.Column("period_granted", sa.Integer(), nullable=False),
        _moment("renews_at"),
        _key("former_addresses", "address_hash"),
    )


def _create_price_list() -> None:
    op.create_table(
        "subscription_tiers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("display_name", sa.String(100), nullable=False),
        sa.Column("monthly_price", sa.Integer(), nullable=False),
        sa.Column("monthly_credits", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("features", sa.JSON(), nullable=False),
        _flag("is_active", "true"),
        _moment("created_at"),
        _key("subscription_tiers", "id"),
        _unique("subscription_tiers", "name"),
        _check("subscription_tiers", "not_negative", "monthly_price >= 0 AND monthly_credits >= 0"),
    )
    op.create_table(
        "credit_packs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("credits", sa.Integer(), nullable=False),
        sa.Column("price", sa.Integer(), nullable=False),
        _flag("popular", "false"),
        _flag("is_active", "true"),
        _key("credit_packs", "id"),
        _unique("credit_packs", "credits"),
        _check("credit_packs", "positive", "credits > 0 AND price >= 0"),
    )
    op.create_table(
        "action_prices",
        sa.Column("action", sa.String(80), nullable=False),
        sa.Column("credits", sa.Integer(), nullable=False),
        _key("action_prices", "action"),
        _check("action_prices", "not_negative", "credits >= 0"),
    )


def _create_wallets() -> None:
    _create_user_subscriptions()
    _create_credit_ledger()
    op.create_table(
        "credit_purchases",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("credits_amount", sa.Integer(), nullable=False),
        sa.Column("price_paid", sa.Integer(), nullable=False),
        sa.Column("stripe_payment_intent_id", sa.String(255)),
        sa.Column("payment_status", sa.String(20), nullable=False),
        _moment("created_at"),
        _moment("completed_at", nullable=True),
        _key("credit_purchases", "id"),
        _unique("credit_purchases", "stripe_payment_intent_id"),
        _check("credit_purchases", "positive", "credits_amount > 0 AND price_paid >= 0"),
        _check("credit_purchases", "payment_status_known", "payment_status IN ('pending', 'completed', 'failed')"),
        _refers("credit_purchases", "user_id", "users.id"),
    )
    op.create_index("ix_credit_purchases_user_id_id", "credit_purchases", ["user_id", "id"])


def _create_user_subscriptions() -> None:
    table = "user_subscriptions"
    op.create_table(
        table,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("tier_id", sa.Integer(), nullable=False),
        sa.Column("credits_remaining", sa.Integer(), nullable=False),
        _count("pack_credits"),
        _count("credits_used_this_month"),
        _count("total_credits_used"),
        _moment("billing_anchor"),
        _count("period_number"),
        sa.Column("period_granted", sa.Integer(), nullable=False),
        _moment("current_period_start"),
        _moment("current_period_end"),
        _moment("last_reset_date"),
        sa.Column("pending_tier_id", sa.Integer()),
        _flag("cancel_at_period_end", "false"),
        sa.Column("stripe_customer_id", sa.String(255)),
        sa.Column("stripe_subscription_id", sa.String(255)),
        sa.Column("payment_status", sa.String(20), server_default="active", nullable=False),
        _key(table, "id"),
        *(_unique(table, column) for column in ("user_id", "stripe_customer_id", "stripe_subscription_id")),
        _check(table, "buckets_hold", "pack_credits >= 0 AND pack_credits <= credits_remaining"),
        _check(table, "use_not_negative", "credits_used_this_month >= 0 AND total_credits_used >= 0"),
        _check(table, "period_not_negative", "period_granted >= 0 AND period_number >= 0"),
        _check(table, "payment_status_known", "payment_status IN ('active', 'past_due', 'unpaid', 'cancelled')"),
        _refers(table, "user_id", "users.id"),
        _refers(table, "tier_id", "subscription_tiers.id"),
        _refers(table, "pending_tier_id", "subscription_tiers.id"),
    )
    op.create_index("ix_user_subscriptions_tier_id", table, ["tier_id"])


def _create_credit_ledger() -> None:
    table = "credit_ledger"
    op.create_table(
        table,
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("delta", sa.Integer(), nullable=False),
        sa.Column("pack_delta", sa.Integer(), nullable=False),
        sa.Column("balance_after", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("actor_id", sa.Integer()),
        _moment("created_at"),
        _key(table, "id"),
        _unique(table, "kind", "source"),
        _check(table, "balance_not_negative", "balance_after >= 0"),
        _check(
            table,
            "kind_known",
            "kind IN ('grant', 'spend', 'refund', 'expire', 'purchase', 'bonus', 'clawback', 'adjust')",
        ),
        _refers(table, "user_id", "users.id"),
        _refers(table, "actor_id", "users.id"),
    )
    op.create_index("ix_credit_ledger_user_id_id", table, ["user_id", "id"])


def _create_conversations() -> None:
    op.create_table(
        "conversations",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        _count("context_start"),
        _moment("created_at"),
        _moment("updated_at"),
        _key("conversations", "id"),
        _refers("conversations", "user_id", "users.id"),
    )
    op.create_index("ix_conversations_user_id_updated_at", "conversations", ["user_id", "updated_at", "id"])
    _create_messages()


def _create_messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("conversation_id", sa.String(36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("error_code", sa.String(80)),
        sa.Column("error_message", sa.Text()),
        _moment("stop_requested_at", nullable=True),
        _moment("created_at"),
        _moment("finished_at", nullable=True),
        sa.Column("model", sa.String(100)),
        sa.Column("stop_reason", sa.String(50)),
        *(_count(f"{kind}_tokens") for kind in ("input", "output", "cache_write", "cache_read")),
        sa.Column("cost_micros", sa.BigInteger()),
        _key("messages", "id"),
        _unique("messages", "conversation_id", "position"),
        _check("messages", "role_known", "role IN ('user', 'assistant')"),
        _check("messages", "status_known", "status IN ('running', 'done', 'stopped', 'failed')"),
        _refers("messages", "conversation_id", "conversations.id", ondelete="CASCADE"),
    )
    _create_partial_index(
        "uq_messages_one_running", "messages", ["conversation_id"], where="status = 'running'", unique=True
    )


def _create_usage() -> None:
    _create_usage_logs()
    op.create_table(
        "idempotency_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(200), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("body_hash", sa.String(64), nullable=False),
        sa.Column("usage_log_id", _BIG_ID),
        sa.Column("response", sa.JSON()),
        _moment("created_at"),
        _key("idempotency_keys", "id"),
        _unique("idempotency_keys", "user_id", "path", "key"),
        _refers("idempotency_keys", "user_id", "users.id", ondelete="CASCADE"),
        _refers("idempotency_keys", "usage_log_id", "usage_logs.id"),
    )
    op.create_index("ix_idempotency_keys_usage_log_id", "idempotency_keys", ["usage_log_id"])
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])


def _create_usage_logs() -> None:
    table = "usage_logs"
    op.create_table(
        table,
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.String(36)),
        sa.Column("message_id", sa.String(36)),
        sa.Column("action_type", sa.String(50), nullable=False),
        sa.Column("tool_name", sa.String(80)),
        sa.Column("credits_used", sa.Integer(), nullable=False),
        sa.Column("success", sa.Boolean()),
        sa.Column("error_message", sa.Text()),
        _moment("created_at"),
        sa.Column("wallet_user_id", sa.Integer(), nullable=False),
        *(sa.Column(part, sa.Integer(), nullable=False) for part in ("plan_part", "pack_part", "period_number")),
        _moment("lease_expires_at"),
        _moment("finished_at", nullable=True),
        _key(table, "id"),
        _check(table, "not_negative", "credits_used >= 0 AND plan_part >= 0 AND pack_part >= 0"),
        _check(
            table,
            "parts_add_up",
            "credits_used = plan_part + pack_part OR (success IS NOT NULL AND NOT success AND credits_used = 0)",
        ),
        _check(table, "action_type_known", "action_type IN ('chat_message', 'tool_use')"),
        _refers(table, "user_id", "users.id"),
        _refers(table, "wallet_user_id", "users.id"),
        _refers(table, "conversation_id", "conversations.id", ondelete="SET NULL"),
        _refers(table, "message_id", "messages.id", ondelete="SET NULL"),
    )
    op.create_index("ix_usage_logs_user_id_id", table, ["user_id", "id"])
    op.create_index("ix_usage_logs_user_id_created_at", table, ["user_id", "created_at"])
    op.create_index("ix_usage_logs_wallet_user_id_period", table, ["wallet_user_id", "period_number"])
    op.create_index("ix_usage_logs_conversation_id", table, ["conversation_id"])
    op.create_index("ix_usage_logs_message_id", table, ["message_id"])
    _create_partial_index(
        "ix_usage_logs_pending", table, ["wallet_user_id", "lease_expires_at"], where="success IS NULL"
    )


def _create_partial_index(name: str, table: str, columns: list[str], *, where: str, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _flag(name: str, default: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), server_default=sa.text(default), nullable=False)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), server_default="0", nullable=False)


def _key(table: str, column: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(column, name=op.f(f"pk_{table}"))


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=op.f(f"uq_{table}_{'_'.join(columns)}"))


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _refers(table: str, column: str, target: str, *, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"), ondelete=ondelete)
