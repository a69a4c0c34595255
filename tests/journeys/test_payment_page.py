"""Wait on the page after a payment until it is confirmed, as a person does who has just paid."""

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from playwright.sync_api import BrowserContext, expect
from sqlalchemy.engine import make_url

from services.transaction import connect, utcnow
from tests.journeys.support import Person, fits, has_no_violations
from tests.support import stripe_rows as rows
from tests.support.databases import SqliteFiles
from tests.support.servers import servers


def test_a_payment_turns_to_done_by_itself(
    open_browser: Callable[..., BrowserContext],
    sign_up: Callable[[BrowserContext], Person],
    sqlite_files: SqliteFiles,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    url = sqlite_files.prepared()
    with servers(tmp_path_factory.mktemp("paying"), url, STRIPE_SECRET_KEY="sk_test_nothing") as (server,):
        person = sign_up(open_browser(base_url=server.url))
        database = connect(url, 1)
        with database.write() as tx:
            bought = rows.purchase(tx, 1, 250, at=utcnow(), payment_status="pending")
            rows.checkout(tx, 1, "250", at=utcnow(), buys=bought, session_id="cs_1")
        database.engine.dispose()
        person.goto("/billing/success?session_id=cs_1")
        title = person.page.get_by_role("heading", level=1)
        expect(title).to_have_text("The payment is being confirmed")
        has_no_violations(person.page)
        _confirm(url)
        expect(title).to_have_text("250 credits added")
        expect(person.page.locator("[data-announce]")).to_have_text("250 credits added")
        expect(person.count).to_have_text("270")
        has_no_violations(person.page)
        fits(person.page)


def _confirm(url: str) -> None:
    """Do what the provider's event would do, behind the server's back."""
    with closing(sqlite3.connect(make_url(url).database or "")) as database, database:
        database.execute("UPDATE stripe_checkouts SET state = 'complete'")
        database.execute("UPDATE credit_purchases SET payment_status = 'completed', completed_at = created_at")
        database.execute("UPDATE user_subscriptions SET credits_remaining = 270, pack_credits = 250")
