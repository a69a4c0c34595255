"""Show invoices, packs, debts and what is still to be paid, each as it stands."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from models import CreditPurchase, StripeCheckout
from services import billing_views, payment_views
from services.payment_views import INVOICES
from services.transaction import Database
from tests.support import stripe_rows as rows
from tests.support.wallets import DAY_ONE, new_user

NOW = DAY_ONE + timedelta(days=3)
END = datetime(2026, 2, 28, 10, 0, tzinfo=DAY_ONE.tzinfo)
HOUR = timedelta(hours=1)


def overview(db: Database, user_id: int, *, now: datetime = NOW, simulated: bool = False) -> dict[str, Any]:
    """Return what the billing page shows."""
    return billing_views.overview(db, user_id, now=now, simulated=simulated)


def subscription(db: Database, user_id: int, now: datetime) -> dict[str, Any]:
    """Return the wallet as clients see it."""
    return billing_views.subscription_view(db, user_id, now=now, simulated=False)


def payment(db: Database, user_id: int, session_id: str | None) -> dict[str, Any]:
    """Return what the page after a payment shows."""
    return payment_views.payment_view(db, user_id, session_id, now=NOW, simulated=False)


# The wallet


@pytest.mark.parametrize(
    ("now", "due", "lapsed", "left"),
    [
        (END - HOUR, False, False, 240),
        (END, True, False, 240),
        (END + timedelta(hours=23), True, False, 240),
        (END + timedelta(days=1), True, True, 40),
    ],
)
def test_a_renewal_that_is_due_leaves_a_day_of_grace(
    database: Database, now: datetime, due: bool, lapsed: bool, left: int
) -> None:
    user_id = new_user(database)
    with database.write() as tx:
        rows.subscribe(tx, user_id, start=DAY_ONE, credits_remaining=240, pack_credits=40, current_period_end=END)
    shown = subscription(database, user_id, now)
    assert (shown["paid_by_stripe"], shown["renewal_due"], shown["plan_lapsed"]) == (True, due, lapsed)
    assert (shown["credits_remaining"], shown["pack_credits"]) == (left, 40)
    assert shown["plan_usable_until"] == "2026-03-01T10:00:00Z"


def test_a_plan_that_nobody_pays_is_never_due(database: Database) -> None:
    shown = subscription(database, new_user(database), END + timedelta(days=400))
    assert (shown["paid_by_stripe"], shown["renewal_due"], shown["plan_lapsed"]) == (False, False, False)
    assert shown["plan_usable_until"] == shown["current_period_end"]
    assert (shown["plan_owed"], shown["pack_owed"]) == (0, 0)


# Packs and invoices


def test_an_invoice_says_what_it_is_for_and_what_became_of_it(database: Database) -> None:
    user_id, other = new_user(database), new_user(database)
    with database.write() as tx:
        rows.subscribe(tx, user_id, start=DAY_ONE)
        rows.invoice(tx, user_id, at=DAY_ONE, refunded_cents=900, disputed_cents=100, credits_clawed_back=105)
        rows.invoice(tx, user_id, "professional", at=NOW, reason="subscription_update", role="raise")
        rows.invoice(tx, other, at=NOW)
    upgrade, month = overview(database, user_id)["invoices"]
    assert upgrade["what"] == "Upgrade to Professional"
    assert month == {
        "number": month["number"],
        "created_at": "2026-01-31T10:00:00Z",
        "paid_at": "2026-01-31T10:00:00Z",
        "what": "Starter, 31 Jan to 28 Feb 2026",
        "amount": 19.0,
        "status": "paid",
        "url": month["url"],
        "refunded": 9.0,
        "disputed": 1.0,
        "credits_granted": 200,
        "credits_clawed_back": 105,
    }


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("columns", "what", "amount"),
    [
        ({"role": "duplicate"}, "Second subscription, given back", 19.0),
        ({"role": "foreign"}, "Other invoice", 19.0),
        ({"tier_id": None}, "Other invoice", 19.0),
        ({"period_start": None, "period_end": None}, "Starter", 19.0),
        ({"status": "open", "amount_due_cents": 6000}, "Starter, 3 Feb to 3 Mar 2026", 60.0),
        ({"period_start": datetime(2025, 12, 22, tzinfo=NOW.tzinfo)}, "Starter, 22 Dec 2025 to 3 Mar 2026", 19.0),
    ],
)
def test_other_invoices_are_named_too(database: Database, columns: dict[str, Any], what: str, amount: float) -> None:
    user_id = new_user(database)
    with database.write() as tx:
        rows.invoice(tx, user_id, at=NOW, **columns)
    (shown,) = overview(database, user_id)["invoices"]
    assert (shown["what"], shown["amount"]) == (what, amount)


def test_only_the_latest_invoices_are_shown_the_newest_first(database: Database) -> None:
    user_id = new_user(database)
    with database.write() as tx:
        for days in range(INVOICES + 3):
            rows.invoice(tx, user_id, at=NOW - timedelta(days=days))
    times = [row["created_at"] for row in overview(database, user_id)["invoices"]]
    assert len(times) == INVOICES
    assert times == sorted(times, reverse=True) and times[0] == "2026-02-03T10:00:00Z"


def test_packs_and_invoices_make_one_list_by_date(database: Database) -> None:
    user_id = new_user(database)
    with database.write() as tx:
        rows.invoice(tx, user_id, at=NOW - 2 * HOUR, status="void")
        rows.purchase(tx, user_id, 250, at=NOW - HOUR, refunded_cents=2000, credits_clawed_back=250)
        rows.purchase(tx, user_id, 1000, at=NOW - 3 * HOUR, disputed_cents=1000, receipt_url="https://pay/1")
        rows.invoice(tx, user_id, at=NOW, status="open")
    shown = overview(database, user_id)["payments"]
    assert [(row["what"], row["state"], row["is_gone"]) for row in shown] == [
        ("Starter, 3 Feb to 3 Mar 2026", "waiting", False),
        ("250 credits", "paid", True),
        ("Starter, 3 Feb to 3 Mar 2026", "void", False),
        ("1,000 credits", "paid", False),
    ]
    assert [row["pay_url"] is not None for row in shown] == [True, False, False, False]
    assert [row["document_url"] is not None for row in shown] == [False, False, True, True]


def test_a_purchase_shows_what_was_taken_back_and_its_receipt(database: Database) -> None:
    user_id = new_user(database)
    with database.write() as tx:
        taken = {"refunded_cents": 250, "disputed_cents": 100, "credits_clawed_back": 35}
        rows.purchase(tx, user_id, at=NOW, receipt_url="https://pay.stripe.com/1", **taken)
    (shown,) = overview(database, user_id)["purchases"]
    assert (shown["refunded"], shown["disputed"], shown["credits_clawed_back"]) == (2.5, 1.0, 35)
    assert (shown["receipt_url"], shown["checkout_url"]) == ("https://pay.stripe.com/1", None)


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("status", "page", "state", "goes_on"),
    [
        ("pending", {}, "waiting", True),
        ("pending", {"state": "opening", "url": None, "session_id": None}, "waiting", False),
        ("pending", {"expires_at": NOW}, "expired", False),
        ("pending", {"state": "expired"}, "expired", False),
        ("failed", {"state": "replaced"}, "expired", False),
        ("pending", {"state": "complete"}, "confirming", False),
        ("failed", {"state": "complete"}, "unpaid", False),
        ("completed", {"state": "complete"}, "paid", False),
        ("completed", {}, "paid", False),
    ],
)
def test_a_pack_can_be_paid_while_its_page_is_open(
    database: Database, status: str, page: dict[str, Any], state: str, goes_on: bool
) -> None:
    user_id = new_user(database)
    with database.write() as tx:
        bought = rows.purchase(tx, user_id, at=NOW - HOUR, payment_status=status)
        rows.checkout(tx, user_id, "100", at=NOW - HOUR, buys=bought, **page)
    shown = overview(database, user_id)
    assert shown["payments"][0]["state"] == state
    assert (shown["purchases"][0]["checkout_url"] is not None) == goes_on
    assert shown["payments"][0]["pay_url"] == shown["purchases"][0]["checkout_url"]


# What has to be paid


@pytest.mark.parametrize(
    ("reason", "name", "kind", "what"),
    [
        ("subscription_cycle", "starter", "renewal", "Starter, 3 Feb to 3 Mar 2026"),
        ("subscription_update", "business", "upgrade", "Upgrade to Business"),
    ],
)
def test_the_invoice_to_pay_now_is_the_newest_open_one(
    database: Database, reason: str, name: str, kind: str, what: str
) -> None:
    user_id = new_user(database)
    with database.write() as tx:
        rows.subscribe(tx, user_id, start=DAY_ONE)
        rows.invoice(tx, user_id, at=NOW - HOUR, status="open")
        newest = rows.invoice(tx, user_id, name, at=NOW, status="open", reason=reason)
        rows.invoice(tx, user_id, at=NOW + HOUR, status="open", stripe_subscription_id="sub_other")
        rows.invoice(tx, user_id, at=NOW + HOUR)
    shown = overview(database, user_id)
    due = shown["open_payment"]
    assert (due["kind"], due["what"], due["url"]) == (kind, what, newest.url)
    waiting = [tier["name"] for tier in shown["available_tiers"] if tier["is_waiting"]]
    assert waiting == (["business"] if kind == "upgrade" else [])


def test_nothing_is_to_be_paid_where_nothing_is_followed(database: Database) -> None:
    user_id = new_user(database)
    with database.write() as tx:
        rows.invoice(tx, user_id, at=NOW, status="open")
    shown = overview(database, user_id)
    assert (shown["open_payment"], shown["open_checkout"], shown["has_portal"]) == (None, None, False)
    assert (shown["confirming"], shown["debts"]) == (None, [])


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("columns", "is_open"),
    [({}, True), ({"expires_at": NOW}, False), ({"state": "expired"}, False), ({"state": "complete"}, False)],
)
def test_a_plan_can_be_paid_while_its_page_is_open(database: Database, columns: dict[str, Any], is_open: bool) -> None:
    user_id = new_user(database)
    with database.write() as tx:
        page = rows.checkout(tx, user_id, "starter", at=NOW - HOUR, **columns)
        bought = rows.purchase(tx, user_id, at=NOW, payment_status="pending")
        rows.checkout(tx, user_id, "100", at=NOW, buys=bought)
    shown = overview(database, user_id)["open_checkout"]
    assert shown == ({"url": page.url, "what": "Starter"} if is_open else None)


def test_a_first_payment_that_takes_days_is_told(database: Database) -> None:
    user_id = new_user(database)
    with database.write() as tx:
        rows.checkout(tx, user_id, "starter", at=NOW, state="complete")
    assert overview(database, user_id)["confirming"] == {"what": "Starter"}
    with database.write() as tx:
        rows.subscribe(tx, user_id, start=NOW)
    assert overview(database, user_id)["confirming"] is None


# What is owed


def test_debts_say_why_and_what_the_next_credits_pay(database: Database) -> None:
    user_id = new_user(database)
    with database.write() as tx:
        rows.subscribe(tx, user_id, start=DAY_ONE, credits_remaining=0, plan_owed=12, pack_owed=130)
        rows.invoice(tx, user_id, at=DAY_ONE, disputed_cents=900, credits_clawed_back=94)
        rows.purchase(tx, user_id, 250, at=DAY_ONE, refunded_cents=2000, credits_clawed_back=250)
    shown = overview(database, user_id)
    assert shown["debts"] == [
        {"bucket": "plan", "credits": 12, "because": "the dispute of your plan"},
        {"bucket": "pack", "credits": 130, "because": "the refund of the pack of 250"},
    ]
    assert (shown["subscription"]["plan_owed"], shown["subscription"]["pack_owed"]) == (12, 130)
    assert [(pack["pays_debt"], pack["added"]) for pack in shown["packs"]] == [
        (100, 0),
        (130, 120),
        (130, 370),
        (130, 870),
    ]
    assert [tier["pays_debt"] for tier in shown["available_tiers"]] == [0, 0, 12, 12]


def test_several_refunded_packs_are_not_told_apart(database: Database) -> None:
    user_id = new_user(database)
    with database.write() as tx:
        rows.change_wallet(tx, user_id, pack_owed=5)
        for size in (100, 250):
            rows.purchase(tx, user_id, size, at=DAY_ONE, refunded_cents=1000, credits_clawed_back=100)
    (debt,) = overview(database, user_id)["debts"]
    assert debt["because"] == "the refund of packs"


# What choosing a plan means


def test_a_first_plan_is_paid_on_a_page_and_begins_anew(database: Database) -> None:
    shown = {tier["name"]: tier for tier in overview(database, new_user(database))["available_tiers"]}
    assert [tier["needs_checkout"] for tier in shown.values()] == [False, True, True, True]
    assert (shown["starter"]["bonus"], shown["starter"]["due"]) == (200, 19.0)


def test_a_higher_plan_costs_the_whole_difference(database: Database) -> None:
    user_id = new_user(database)
    with database.write() as tx:
        rows.subscribe(tx, user_id, start=DAY_ONE)
    shown = {tier["name"]: tier for tier in overview(database, user_id)["available_tiers"]}
    assert not any(tier["needs_checkout"] for tier in shown.values())
    assert (shown["professional"]["bonus"], shown["professional"]["due"]) == (800, 60.0)


def test_simulated_payments_need_no_page(database: Database) -> None:
    shown = overview(database, new_user(database), simulated=True)["available_tiers"]
    assert not any(tier["needs_checkout"] for tier in shown)


# The ledger


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("kind", "source", "delta", "taken", "words"),
    [
        ("purchase", "purchase:{pack}", 100, {}, "Pack of 100"),
        ("clawback", "purchase:{pack}:1", -50, {"refunded_cents": 500}, "Refunded: Pack of 100"),
        ("clawback", "purchase:{pack}:1", -50, {"disputed_cents": 500}, "Disputed: Pack of 100"),
        ("clawback", "purchase:{pack}:1", -50, {}, "Taken back: Pack of 100"),
        ("clawback", "purchase:{pack}:2", 50, {}, "Dispute won: Pack of 100"),
        ("clawback", "purchase:999999:1", -50, {}, "Clawback"),
        ("clawback", "invoice:{invoice}:1", -50, {"refunded_cents": 500}, "Refunded: Starter"),
        ("clawback", "invoice:{invoice}:2", 50, {}, "Dispute won: Starter"),
        ("clawback", "debt:refund:usage:1", -1, {}, "Paid what was owed"),
        ("clawback", "debt:purchase:purchase:{pack}", -50, {}, "Paid what was owed"),
        ("grant", "invoice:{invoice}", 200, {}, "Credits of a new period, Starter"),
        ("grant", "period:999999:1", 20, {}, "Free credits to start with"),
        ("grant", "period:999999:11", 20, {}, "Credits of a new period"),
        ("bonus", "invoice:{invoice}", 800, {}, "Upgrade bonus, Starter"),
        ("expire", "invoice:{invoice}", -200, {}, "Plan credits expired with their period"),
    ],
)
def test_the_ledger_says_what_a_payment_did(
    database: Database, kind: str, source: str, delta: int, taken: dict[str, int], words: str
) -> None:
    user_id = new_user(database)
    with database.write() as tx:
        pack = rows.purchase(tx, user_id, at=NOW, **taken)
        month = rows.invoice(tx, user_id, at=NOW, **taken)
        rows.entry(tx, user_id, kind, source.format(pack=pack.id, invoice=month.id), delta, at=NOW)
    assert billing_views.ledger_view(database, user_id, 1, None)["entries"][0]["description"] == words


# The page after a payment


def opened(db: Database, user_id: int, target: str, *, status: str | None = None, **page: Any) -> StripeCheckout:
    """Open a payment page, for a pack where the status of its purchase is given, else for a plan."""
    with db.write() as tx:
        bought: CreditPurchase | None = None
        if status is not None:
            bought = rows.purchase(tx, user_id, int(target), at=NOW - HOUR, payment_status=status)
        return rows.checkout(tx, user_id, target, at=NOW - HOUR, buys=bought, **page)


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("status", "checkout", "state", "is_delayed"),
    [
        ("completed", {"state": "complete"}, "done", False),
        ("pending", {}, "pending", False),
        ("pending", {"state": "complete"}, "pending", True),
        ("failed", {"state": "complete"}, "failed", False),
        ("failed", {"state": "expired"}, "expired", False),
        ("failed", {"state": "replaced"}, "expired", False),
    ],
)
def test_the_payment_of_a_pack_is_told_as_it_stands(
    database: Database, status: str, checkout: dict[str, Any], state: str, is_delayed: bool
) -> None:
    user_id = new_user(database)
    session_id = opened(database, user_id, "250", status=status, **checkout).session_id
    for asked in (session_id, None):
        shown = payment(database, user_id, asked)
        assert (shown["state"], shown["kind"], shown["is_delayed"]) == (state, "pack", is_delayed)
        assert (shown["credits"], shown["amount"], shown["credits_remaining"]) == (250, 20.0, 20)


def test_a_pack_that_paid_a_debt_says_so(database: Database) -> None:
    user_id = new_user(database)
    with database.write() as tx:
        pack = rows.purchase(tx, user_id, 250, at=NOW, stripe_checkout_session_id="cs_found_again")
        rows.entry(tx, user_id, "clawback", f"debt:purchase:purchase:{pack.id}", -30, at=NOW, pack=-30)
    shown = payment(database, user_id, "cs_found_again")
    assert (shown["state"], shown["credits"], shown["paid_debt"], shown["added"]) == ("done", 250, 30, 220)


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("checkout", "invoice", "state", "is_delayed"),
    [
        ({}, None, "pending", False),
        ({"state": "expired"}, None, "expired", False),
        ({"expires_at": NOW}, None, "expired", False),
        ({"state": "complete"}, None, "pending", True),
        ({"state": "complete"}, {"status": "open"}, "pending", True),
        ({"state": "complete"}, {"status": "void"}, "failed", False),
        ({"state": "complete"}, {}, "done", False),
        ({"state": "complete"}, {"role": "duplicate"}, "refunded", False),
        ({"state": "complete"}, {"stripe_subscription_id": "sub_of_before"}, "pending", True),
    ],
)
def test_the_payment_of_a_plan_is_told_as_it_stands(
    database: Database, checkout: dict[str, Any], invoice: dict[str, Any] | None, state: str, is_delayed: bool
) -> None:
    user_id = new_user(database)
    session_id = opened(database, user_id, "starter", subscription_id=f"sub_{user_id}", **checkout).session_id
    if invoice is not None:
        with database.write() as tx:
            rows.invoice(tx, user_id, at=NOW, **{"reason": "subscription_create", **invoice})
    shown = payment(database, user_id, session_id)
    assert (shown["state"], shown["kind"], shown["is_delayed"]) == (state, "subscription", is_delayed)
    assert (shown["tier"], shown["credits"], shown["amount"]) == ("Starter", 200, 19.0)


def test_a_plan_that_the_wallet_follows_is_paid(database: Database) -> None:
    user_id = new_user(database)
    session_id = opened(database, user_id, "starter", state="complete").session_id
    with database.write() as tx:
        rows.subscribe(tx, user_id, start=NOW)
    shown = payment(database, user_id, session_id)
    assert (shown["state"], shown["plan"], shown["credits_remaining"]) == ("done", "Starter", 200)


@pytest.mark.parametrize("session_id", ["cs_of_nobody", "", None])
def test_what_is_not_there_is_no_payment(database: Database, session_id: str | None) -> None:
    shown = payment(database, new_user(database), session_id)
    assert (shown["state"], shown["kind"], shown["credits_remaining"]) == ("none", None, 20)


def test_another_users_payment_does_not_exist(database: Database) -> None:
    alice, bob = new_user(database), new_user(database)
    plan, pack = opened(database, alice, "starter"), opened(database, alice, "100", status="completed")
    with database.write() as tx:
        rows.purchase(tx, alice, at=NOW, stripe_checkout_session_id="cs_without_a_page")
    for session_id in (plan.session_id, pack.session_id, "cs_without_a_page"):
        assert payment(database, alice, session_id)["state"] != "none"
        shown = payment(database, bob, session_id)
        assert (shown["state"], shown["credits"], shown["amount"]) == ("none", None, None)
