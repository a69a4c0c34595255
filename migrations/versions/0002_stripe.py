"""Make the tables of payments through Stripe, and give wallets and purchases what they need for it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLES = (
    "stripe_customers",
    "stripe_catalog",
    "stripe_subscriptions",
    "stripe_invoices",
    "stripe_checkouts",
    "stripe_raises",
    "stripe_events",
)


def upgrade() -> None:
    """Widen the old tables first, since rebuilding one on SQLite must not meet tables that refer to it."""
    _widen()
    _create()


def downgrade() -> None:
    """Drop the tables and the columns again; what they held is lost."""
    for table in reversed(_TABLES):
        op.drop_table(table)
    with op.batch_alter_table("user_subscriptions") as batch_op:
        batch_op.drop_constraint(op.f("ck_user_subscriptions_no_credits_beside_a_debt"), type_="check")
        batch_op.drop_constraint(op.f("ck_user_subscriptions_debts_not_negative"), type_="check")
        for column in ("plan_owed", "pack_owed", "stripe_price_id", "plan_lapsed", "sync_count"):
            batch_op.drop_column(column)
    with op.batch_alter_table("credit_purchases") as batch_op:
        batch_op.drop_constraint(op.f("ck_credit_purchases_taken_back_holds"), type_="check")
        batch_op.drop_constraint(op.f("uq_credit_purchases_stripe_checkout_session_id"), type_="unique")
        for column in (
            "stripe_checkout_session_id",
            "refunded",
            "disputed",
            "credits_clawed_back",
            "clawback_steps",
            "receipt_url",
        ):
            batch_op.drop_column(column)


def _widen() -> None:
    with op.batch_alter_table("credit_purchases") as batch_op:
        batch_op.add_column(sa.Column("stripe_checkout_session_id", sa.String(length=255)))
        batch_op.add_column(sa.Column("refunded", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("disputed", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("credits_clawed_back", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("clawback_steps", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("receipt_url", sa.Text()))
        batch_op.create_unique_constraint(
            batch_op.f("uq_credit_purchases_stripe_checkout_session_id"), ["stripe_checkout_session_id"]
        )
        batch_op.create_check_constraint(
            op.f("ck_credit_purchases_taken_back_holds"),
            "refunded >= 0 AND disputed >= 0 AND credits_clawed_back >= 0 AND credits_clawed_back <= credits_amount",
        )

    with op.batch_alter_table("user_subscriptions") as batch_op:
        batch_op.add_column(sa.Column("plan_owed", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("pack_owed", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("stripe_price_id", sa.String(length=255)))
        batch_op.add_column(sa.Column("plan_lapsed", sa.Boolean(), server_default=sa.text("false"), nullable=False))
        batch_op.add_column(sa.Column("sync_count", sa.Integer(), server_default="0", nullable=False))
        batch_op.create_check_constraint(
            op.f("ck_user_subscriptions_debts_not_negative"), "plan_owed >= 0 AND pack_owed >= 0"
        )
        batch_op.create_check_constraint(
            op.f("ck_user_subscriptions_no_credits_beside_a_debt"),
            "(pack_owed = 0 OR pack_credits = 0) AND (plan_owed = 0 OR credits_remaining = pack_credits)",
        )


def _create() -> None:
    op.create_table(
        "stripe_catalog",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=50), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.String(length=255)),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('tier', 'pack', 'portal')", name=op.f("ck_stripe_catalog_kind_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_catalog")),
    )
    op.create_index("ix_stripe_catalog_kind_key", "stripe_catalog", ["kind", "key"])

    op.create_table(
        "stripe_events",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("customer_id", sa.String(length=255)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("attempts", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "outcome IN ('applied', 'unchanged', 'foreign', 'unknown_type', 'failed')",
            name=op.f("ck_stripe_events_outcome_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_events")),
    )
    op.create_index("ix_stripe_events_outcome", "stripe_events", ["outcome"])
    op.create_index("ix_stripe_events_received_at", "stripe_events", ["received_at"])

    op.create_table(
        "stripe_customers",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_stripe_customers_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_customers")),
    )
    op.create_index("ix_stripe_customers_user_id", "stripe_customers", ["user_id"])

    op.create_table(
        "stripe_invoices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stripe_invoice_id", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("stripe_subscription_id", sa.String(length=255)),
        sa.Column("reason", sa.String(length=50), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("number", sa.String(length=100)),
        sa.Column("url", sa.Text()),
        sa.Column("amount_due", sa.Integer(), nullable=False),
        sa.Column("amount_paid", sa.Integer(), nullable=False),
        sa.Column("stripe_payment_intent_id", sa.String(length=255)),
        sa.Column("tier_id", sa.Integer()),
        sa.Column("price_id", sa.String(length=255)),
        sa.Column("period_start", sa.DateTime(timezone=True)),
        sa.Column("period_end", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True)),
        sa.Column("role", sa.String(length=20)),
        sa.Column("credits_granted", sa.Integer(), server_default="0", nullable=False),
        sa.Column("period_number", sa.Integer()),
        sa.Column("refunded", sa.Integer(), server_default="0", nullable=False),
        sa.Column("disputed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("credits_clawed_back", sa.Integer(), server_default="0", nullable=False),
        sa.Column("clawback_steps", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "credits_granted >= 0 AND credits_clawed_back >= 0 AND credits_clawed_back <= credits_granted",
            name=op.f("ck_stripe_invoices_taken_back_holds"),
        ),
        sa.ForeignKeyConstraint(["tier_id"], ["subscription_tiers.id"], name=op.f("fk_stripe_invoices_tier_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_stripe_invoices_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_invoices")),
        sa.UniqueConstraint("stripe_invoice_id", name=op.f("uq_stripe_invoices_stripe_invoice_id")),
    )
    op.create_index("ix_stripe_invoices_stripe_payment_intent_id", "stripe_invoices", ["stripe_payment_intent_id"])
    op.create_index("ix_stripe_invoices_stripe_subscription_id", "stripe_invoices", ["stripe_subscription_id"])
    op.create_index("ix_stripe_invoices_user_id_id", "stripe_invoices", ["user_id", "id"])

    op.create_table(
        "stripe_raises",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("stripe_subscription_id", sa.String(length=255), nullable=False),
        sa.Column("tier_id", sa.Integer(), nullable=False),
        sa.Column("from_price_id", sa.String(length=255), nullable=False),
        sa.Column("to_price_id", sa.String(length=255), nullable=False),
        sa.Column("period_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("restore_price_id", sa.String(length=255)),
        sa.Column("restore_cancel", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("stripe_invoice_id", sa.String(length=255)),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('asked', 'waiting', 'dropped', 'paid', 'failed')", name=op.f("ck_stripe_raises_state_known")
        ),
        sa.ForeignKeyConstraint(["tier_id"], ["subscription_tiers.id"], name=op.f("fk_stripe_raises_tier_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_stripe_raises_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_raises")),
        sa.UniqueConstraint("token", name=op.f("uq_stripe_raises_token")),
    )
    op.create_index("ix_stripe_raises_stripe_invoice_id", "stripe_raises", ["stripe_invoice_id"])
    op.create_index("ix_stripe_raises_user_id", "stripe_raises", ["user_id"])
    op.create_index(
        "uq_stripe_raises_one_running",
        "stripe_raises",
        ["user_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('asked', 'waiting')"),
        postgresql_where=sa.text("state IN ('asked', 'waiting')"),
    )

    op.create_table(
        "stripe_subscriptions",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=30), nullable=False),
        sa.Column("price_id", sa.String(length=255), nullable=False),
        sa.Column("current_period_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("current_period_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cancel_at_period_end", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("is_duplicate", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("end_applied", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_stripe_subscriptions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_subscriptions")),
    )
    op.create_index("ix_stripe_subscriptions_user_id", "stripe_subscriptions", ["user_id"])

    op.create_table(
        "stripe_checkouts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("target", sa.String(length=50), nullable=False),
        sa.Column("customer_id", sa.String(length=255), nullable=False),
        sa.Column("price_id", sa.String(length=255), nullable=False),
        sa.Column("purchase_id", sa.Integer()),
        sa.Column("subscription_id", sa.String(length=255)),
        sa.Column("session_id", sa.String(length=255)),
        sa.Column("url", sa.Text()),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("kind IN ('subscription', 'pack')", name=op.f("ck_stripe_checkouts_kind_known")),
        sa.CheckConstraint(
            "state IN ('opening', 'open', 'complete', 'expired', 'replaced')",
            name=op.f("ck_stripe_checkouts_state_known"),
        ),
        sa.ForeignKeyConstraint(["purchase_id"], ["credit_purchases.id"], name=op.f("fk_stripe_checkouts_purchase_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_stripe_checkouts_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_checkouts")),
        sa.UniqueConstraint("session_id", name=op.f("uq_stripe_checkouts_session_id")),
        sa.UniqueConstraint("token", name=op.f("uq_stripe_checkouts_token")),
    )
    op.create_index("ix_stripe_checkouts_user_id", "stripe_checkouts", ["user_id"])
    op.create_index(
        "uq_stripe_checkouts_one_open",
        "stripe_checkouts",
        ["user_id", "kind"],
        unique=True,
        sqlite_where=sa.text("state IN ('opening', 'open')"),
        postgresql_where=sa.text("state IN ('opening', 'open')"),
    )
