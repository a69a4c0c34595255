"""Make the tables of connections and approvals, and note what tools do."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns to the old tables, then make the new ones."""
    op.add_column("messages", sa.Column("continues_id", sa.String(length=36)))
    op.add_column("messages", sa.Column("thinking_tokens", sa.Integer(), server_default="0", nullable=False))
    op.add_column("usage_logs", sa.Column("writes", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("usage_logs", sa.Column("goes_on", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("usage_logs", sa.Column("duration_ms", sa.Integer()))
    _create_approvals()
    _create_connections()


def downgrade() -> None:
    """Drop the tables and the columns again; what they held is lost."""
    for table in ("allowed_tools", "connections", "approvals"):
        op.drop_table(table)
    for column in ("duration_ms", "goes_on", "writes"):
        op.drop_column("usage_logs", column)
    for column in ("thinking_tokens", "continues_id"):
        op.drop_column("messages", column)


def _create_approvals() -> None:
    op.create_table(
        "approvals",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.String(length=36), nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("tool_use_id", sa.String(length=255), nullable=False),
        sa.Column("tool_name", sa.String(length=80), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("input", sa.JSON(), nullable=False),
        sa.Column("connection_id", sa.String(length=36)),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("credits", sa.Integer(), nullable=False),
        sa.Column("writes", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "state IN ('waiting', 'approved', 'refused', 'voided')", name=op.f("ck_approvals_state_known")
        ),
        sa.CheckConstraint("credits >= 0", name=op.f("ck_approvals_not_negative")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_approvals_user_id")),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_approvals_conversation_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_approvals_message_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
        sa.UniqueConstraint("message_id", name=op.f("uq_approvals_message_id")),
    )
    op.create_index("ix_approvals_conversation_id", "approvals", ["conversation_id"])
    op.create_index("ix_approvals_user_id", "approvals", ["user_id"])
    op.create_index(
        "uq_approvals_one_waiting",
        "approvals",
        ["conversation_id"],
        unique=True,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )


def _create_connections() -> None:
    op.create_table(
        "connections",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("settings_encrypted", sa.Text(), nullable=False),
        sa.Column("shown", sa.JSON(), nullable=False),
        sa.Column("found", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_connections_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connections")),
        sa.UniqueConstraint("user_id", "kind", "name", name=op.f("uq_connections_user_id_kind_name")),
    )
    op.create_table(
        "allowed_tools",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("tool_name", sa.String(length=80), nullable=False),
        sa.Column("credits", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_allowed_tools_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "tool_name", name=op.f("pk_allowed_tools")),
    )
