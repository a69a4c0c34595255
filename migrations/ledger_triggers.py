"""Refuse every change of a ledger row in the database itself.

Rebuilding a table on SQLite drops its triggers, so a migration that rebuilds `credit_ledger` calls `create` again.
"""

from alembic import op

_REFUSAL = "credit_ledger is append-only: write a correcting entry instead"

_SQLITE = (
    f"""
    CREATE TRIGGER credit_ledger_no_update BEFORE UPDATE ON credit_ledger
    BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END
    """,
    f"""
    CREATE TRIGGER credit_ledger_no_delete BEFORE DELETE ON credit_ledger
    BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END
    """,
    # REPLACE fires the delete trigger only where recursive_triggers is on, which a plain connection leaves off.
    f"""
    CREATE TRIGGER credit_ledger_no_replace BEFORE INSERT ON credit_ledger
    WHEN EXISTS (
        SELECT 1 FROM credit_ledger WHERE id = NEW.id OR (kind = NEW.kind AND source = NEW.source)
    )
    BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END
    """,
)

_POSTGRESQL = (
    f"""
    CREATE OR REPLACE FUNCTION credit_ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$
    """,
    """
    CREATE TRIGGER credit_ledger_no_change BEFORE UPDATE OR DELETE ON credit_ledger
    FOR EACH ROW EXECUTE FUNCTION credit_ledger_refuse()
    """,
    """
    CREATE TRIGGER credit_ledger_no_truncate BEFORE TRUNCATE ON credit_ledger
    FOR EACH STATEMENT EXECUTE FUNCTION credit_ledger_refuse()
    """,
)


def create() -> None:
    """Put the triggers on `credit_ledger`, which has none."""
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)


def drop() -> None:
    """Take the triggers off, for a migration that rebuilds or removes the table."""
    if op.get_bind().dialect.name == "sqlite":
        for name in ("no_update", "no_delete", "no_replace"):
            op.execute(f"DROP TRIGGER credit_ledger_{name}")
        return
    for name in ("no_change", "no_truncate"):
        op.execute(f"DROP TRIGGER credit_ledger_{name} ON credit_ledger")
    op.execute("DROP FUNCTION credit_ledger_refuse()")
