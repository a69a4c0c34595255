"""What every connection of ours can do."""

import pytest
from sqlalchemy import text

from services.transaction import Database


@pytest.mark.parametrize(("given", "found"), [("ÄRGER Ünd STRASSE", "ärger ünd strasse"), (None, None)])
def test_lower_knows_more_letters_than_those_of_english(database: Database, given: str | None, found: str) -> None:
    with database.read() as tx:
        assert tx.execute(text("SELECT lower(CAST(:given AS VARCHAR))"), {"given": given}).scalar() == found


@pytest.mark.one_database
def test_lower_leaves_alone_what_is_no_text(database: Database) -> None:
    with database.read() as tx:
        assert tx.execute(text("SELECT lower(17)")).scalar() == 17
