"""Buy, upgrade, downgrade and look at the wallet through the API."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from models import SubscriptionTier, UserSubscription
from services.house import House
from services.transaction import utcnow
from tests.support.actors import Actor

SUBSCRIPTION_KEYS = {
    "tier",
    "credits_remaining",
    "pack_credits",
    "credits_used_this_month",
    "total_credits_used",
    "current_period_start",
    "current_period_end",
    "last_reset_date",
    "payment_status",
    "pending_tier",
    "cancel_at_period_end",
}
TIER_KEYS = {"id", "name", "display_name", "monthly_price", "monthly_credits", "description", "features", "is_active"}


def test_the_wallet_has_every_key_of_the_contract(alice: Actor) -> None:
    body = alice.get("/api/subscription").get_json()
    subscription = body["subscription"]
    assert set(subscription) >= SUBSCRIPTION_KEYS
    assert subscription["tier"]["name"] == "free"
    assert (subscription["credits_remaining"], subscription["credits_used_this_month"]) == (20, 0)
    assert subscription["current_period_end"].endswith("Z")
    assert [tier["name"] for tier in body["available_tiers"]] == ["free", "starter", "professional", "business"]


def test_the_plans_are_public_and_by_price(client: FlaskClient) -> None:
    tiers = client.get("/api/subscription/tiers").get_json()["tiers"]
    assert all(set(tier) >= TIER_KEYS for tier in tiers)
    assert [tier["price_per_credit"] for tier in tiers] == [None, 0.095, 0.079, 0.0663]
    assert [(tier["name"], tier["monthly_price"], tier["monthly_credits"]) for tier in tiers] == [
        ("free", 0.0, 20),
        ("starter", 19.0, 200),
        ("professional", 79.0, 1000),
        ("business", 199.0, 3000),
    ]
    assert all(isinstance(tier["monthly_price"], float) and tier["features"] for tier in tiers)


def test_the_packs_are_public_with_their_savings(client: FlaskClient) -> None:
    packs = client.get("/api/credits/packs").get_json()["packs"]
    assert [(pack["credits"], pack["price"], pack["price_per_credit"], pack["savings_percent"]) for pack in packs] == [
        (100, 10.0, 0.1, 0),
        (250, 20.0, 0.08, 20),
        (500, 35.0, 0.07, 30),
        (1000, 60.0, 0.06, 40),
    ]
    assert [pack["popular"] for pack in packs].count(True) == 1


def test_buying_a_pack_answers_with_the_purchase(alice: Actor) -> None:
    body = alice.post("/api/credits/purchase", json={"pack_size": 250}).get_json()
    assert (body["success"], body["simulated"], body["credits_remaining"]) == (True, True, 270)
    purchase = body["purchase"]
    assert (purchase["credits_amount"], purchase["price_paid"]) == (250, 20.0)
    assert purchase["payment_status"] == "completed"
    assert purchase["completed_at"].endswith("Z")


def test_upgrading_by_name_and_by_id(alice: Actor) -> None:
    by_name = alice.post("/api/subscription/upgrade", json={"tier_name": "starter"}).get_json()
    assert (by_name["success"], by_name["simulated"], by_name["credits_remaining"]) == (True, True, 200)
    assert by_name["subscription"]["tier"]["name"] == "starter"
    tiers = alice.get("/api/subscription/tiers").get_json()["tiers"]
    by_id = alice.post("/api/subscription/upgrade", json={"tier_id": tiers[2]["id"]}).get_json()
    assert by_id["credits_remaining"] == 1000


def test_a_downgrade_is_announced_and_can_be_undone(alice: Actor) -> None:
    alice.post("/api/subscription/upgrade", json={"tier_name": "professional"})
    down = alice.post("/api/subscription/upgrade", json={"tier_name": "starter"}).get_json()
    assert down["subscription"]["pending_tier"]["name"] == "starter"
    assert down["subscription"]["tier"]["name"] == "professional"
    undone = alice.post("/api/subscription/resume", json={}).get_json()
    assert undone["subscription"]["pending_tier"] is None


def test_cancel_and_resume(alice: Actor) -> None:
    assert alice.post("/api/subscription/cancel", json={}).status_code == 409
    alice.post("/api/subscription/upgrade", json={"tier_name": "starter"})
    cancelled = alice.post("/api/subscription/cancel", json={}).get_json()["subscription"]
    assert (cancelled["cancel_at_period_end"], cancelled["tier"]["name"]) == (True, "starter")
    assert alice.post("/api/subscription/cancel", json={}).status_code == 409
    resumed = alice.post("/api/subscription/resume", json={}).get_json()["subscription"]
    assert resumed["cancel_at_period_end"] is False
    assert alice.post("/api/subscription/resume", json={}).status_code == 200


@pytest.mark.one_database
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"pack_size": 101},
        {"pack_size": -100},
        {"pack_size": 0},
        {"pack_size": 100.0},
        {"pack_size": "100"},
        {"pack_size": True},
        {"pack_size": None},
        {"pack_size": [100]},
        {"pack_size": 10**30},
    ],
)
def test_a_wrong_pack_is_a_clean_400(alice: Actor, body: dict[str, Any]) -> None:
    assert alice.post("/api/credits/purchase", json=body).status_code == 400
    assert alice.credits() == 20


@pytest.mark.one_database
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"tier_name": "gold"},
        {"tier_name": ""},
        {"tier_name": 1},
        {"tier_name": "starter\x00"},
        {"tier_id": 999},
        {"tier_id": 2.0},
        {"tier_id": True},
        {"tier_id": "2"},
        {"tier_id": -1},
        {"tier_id": 10**30},
        {"tier_id": 2, "tier_name": "business"},
    ],
)
def test_a_wrong_plan_is_a_clean_400(alice: Actor, body: dict[str, Any]) -> None:
    assert alice.post("/api/subscription/upgrade", json=body).status_code == 400
    assert alice.wallet()["tier"]["name"] == "free"


@pytest.mark.one_database
@pytest.mark.parametrize("path", ["/api/credits/purchase", "/api/subscription/upgrade"])
@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"nul", b'{"pack_size": ' + b"9" * 5000 + b"}", b"[" * 100_000])
def test_broken_json_changes_nothing(alice: Actor, path: str, raw: bytes) -> None:
    answer = alice.post(path, data=raw, content_type="application/json")
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_json")
    assert alice.credits() == 20


def test_a_form_cannot_buy(alice: Actor) -> None:
    assert alice.post("/api/credits/purchase", data={"pack_size": "100"}).status_code == 415


@pytest.mark.one_database
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_site_cannot_buy(alice: Actor, headers: dict[str, str]) -> None:
    answer = alice.post("/api/credits/purchase", json={"pack_size": 100}, headers=headers)
    assert answer.status_code == 403
    assert alice.credits() == 20


def test_the_same_key_buys_once(alice: Actor) -> None:
    key = {"Idempotency-Key": "one-click"}
    first = alice.post("/api/credits/purchase", json={"pack_size": 100}, headers=key).get_json()
    again = alice.post("/api/credits/purchase", json={"pack_size": 100}, headers=key).get_json()
    assert again == first
    assert alice.post("/api/credits/purchase", json={"pack_size": 250}, headers=key).status_code == 422
    assert alice.credits() == 120


def test_the_same_key_upgrades_once(alice: Actor) -> None:
    key = {"Idempotency-Key": "one-click"}
    first = alice.post("/api/subscription/upgrade", json={"tier_name": "starter"}, headers=key).get_json()
    again = alice.post("/api/subscription/upgrade", json={"tier_name": "starter"}, headers=key)
    assert (again.status_code, again.get_json()) == (200, first)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/subscription/create-checkout", {"tier_name": "starter"}),
        ("/api/credits/create-checkout", {"pack_size": 100}),
        ("/api/subscription/portal", {}),
    ],
)
def test_a_checkout_needs_a_payment_provider(alice: Actor, path: str, body: dict[str, Any]) -> None:
    answer = alice.post(path, json=body)
    assert (answer.status_code, answer.get_json()["error"]) == (503, "payments_not_configured")


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/api/subscription"),
        ("post", "/api/subscription/upgrade"),
        ("post", "/api/subscription/cancel"),
        ("post", "/api/subscription/resume"),
        ("post", "/api/credits/purchase"),
        ("get", "/api/credits/ledger"),
        ("get", "/api/usage/stats"),
        ("get", "/api/usage/history"),
        ("get", "/api/conversations"),
        ("get", "/api/tools"),
    ],
)
def test_what_is_private_needs_an_account(client: FlaskClient, method: str, path: str) -> None:
    answer = getattr(client, method)(path, **({"json": {}} if method == "post" else {}))
    assert (answer.status_code, answer.get_json()["error"]) == (401, "authentication_required")


def test_the_ledger_is_ones_own_newest_first_and_paged(alice: Actor, bob: Actor) -> None:
    alice.post("/api/credits/purchase", json={"pack_size": 100})
    alice.post("/api/subscription/upgrade", json={"tier_name": "starter"})
    first = alice.get("/api/credits/ledger?limit=2").get_json()
    assert [entry["kind"] for entry in first["entries"]] == ["bonus", "purchase"]
    assert [entry["balance_after"] for entry in first["entries"]] == [300, 120]
    rest = alice.get(f"/api/credits/ledger?limit=2&cursor={first['next_cursor']}").get_json()
    assert [entry["kind"] for entry in rest["entries"]] == ["grant"]
    assert rest["next_cursor"] is None
    assert [entry["delta"] for entry in bob.get("/api/credits/ledger").get_json()["entries"]] == [20]


@pytest.mark.one_database
@pytest.mark.parametrize("query", ["limit=0", "limit=1000", "limit=abc", "cursor=-1", "cursor=x", "limit=1e2"])
def test_a_bad_ledger_page_is_refused(alice: Actor, query: str) -> None:
    assert alice.get(f"/api/credits/ledger?{query}").status_code == 400


def test_any_look_at_the_wallet_rolls_the_period_over(alice: Actor, house: House) -> None:
    alice.chat("hello")
    with house.db.write() as tx:
        tx.execute(update(UserSubscription).values(current_period_end=utcnow()))
    wallet = alice.wallet()
    assert (wallet["credits_remaining"], wallet["credits_used_this_month"]) == (20, 0)
    assert wallet["total_credits_used"] == 1


def test_a_retired_plan_is_no_longer_listed(alice: Actor, house: House) -> None:
    with house.db.write() as tx:
        tx.execute(update(SubscriptionTier).where(SubscriptionTier.name == "starter").values(is_active=False))
    assert "starter" not in [tier["name"] for tier in alice.get("/api/subscription/tiers").get_json()["tiers"]]
    assert alice.post("/api/subscription/upgrade", json={"tier_name": "starter"}).status_code == 400


@pytest.mark.parametrize(
    "overrides", [{"stripe_secret_key": "sk_test_nothing", "stripe_api_base": "http://127.0.0.1:9"}]
)
def test_nothing_is_given_away_when_payments_are_real(app: Flask, alice: Actor) -> None:
    for path, body in (
        ("/api/credits/purchase", {"pack_size": 100}),
        ("/api/subscription/upgrade", {"tier_name": "starter"}),
    ):
        answer = alice.post(path, json=body)
        assert (answer.status_code, answer.get_json()["error"]) == (502, "payments_unavailable")
    assert alice.credits() == 20
