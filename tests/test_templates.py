"""Hold the templates to what they may do, and the pages to what they show."""

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from jinja2 import Environment, nodes
from sqlalchemy import update

from config import ROOT
from models import ActionPrice, SubscriptionTier, UserSubscription
from routes import filters
from routes.charts import daily_chart
from routes.pages import group_by_day
from services import billing_views
from services.house import House
from services.transaction import utcnow
from tests.support.actors import Actor

TEMPLATES = sorted(path.relative_to(ROOT / "templates").as_posix() for path in (ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "static").rglob("*.js"))
PAGES = ["/", "/chat", "/billing", "/billing/success", "/usage", "/settings"]
ARITHMETIC = (nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow)


def _source(name: str) -> str:
    return (ROOT / "templates" / name).read_text()


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_parses_and_reckons_nothing(name: str) -> None:
    parsed = Environment().parse(_source(name))
    sums = [node for node in parsed.find_all(ARITHMETIC) if not _places_a_chart(name, node)]
    assert [node.lineno for node in sums] == []


def _places_a_chart(name: str, node: nodes.Node) -> bool:
    """Say whether the sum only moves a label beside its line, in the drawing."""
    return name == "components/charts.html" and isinstance(node, nodes.Add | nodes.Sub)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_has_nothing_that_the_security_policy_forbids(name: str) -> None:
    source = _source(name)
    assert not re.search(r"<[^>]*\s(?:style|on[a-z]+)\s*=", source), "inline style or event handler"
    assert not re.search(r"<style|javascript:|<script(?![^>]*\bsrc=)", source), "inline style or script"
    assert "http://" not in source and "https://" not in source, "foreign address"


@pytest.mark.parametrize("name", TEMPLATES)
def test_only_rendered_markdown_is_trusted(name: str) -> None:
    trusted = re.findall(r"[\w.]+\s*\|\s*safe", _source(name))
    assert trusted in ([], ["block.html | safe"])
    assert "autoescape" not in _source(name)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_form_that_changes_something_carries_a_token(name: str) -> None:
    for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", _source(name), re.DOTALL):
        assert "csrf()" in form


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_builds_no_code_from_text(script: Path) -> None:
    source = script.read_text()
    assert not re.search(r"\beval\(|new Function|document\.write|setAttribute\(\"style|outerHTML", source)


@pytest.mark.one_database
def test_every_static_file_that_a_page_names_is_there(alice: Actor) -> None:
    for page in PAGES:
        names = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', alice.get(page).get_data(as_text=True)))
        assert names
        for name in names:
            with alice.get(name.replace("&amp;", "&")) as answer:
                assert answer.status_code == 200, name


@pytest.mark.one_database
@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_one_title_one_main_and_unique_ids(alice: Actor, path: str) -> None:
    answer = alice.get(path)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert len(re.findall(r"<h1\b", page)) == 1
    assert len(re.findall(r"<main\b", page)) == 1
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


@pytest.mark.one_database
@pytest.mark.parametrize("path", PAGES[1:])
def test_a_page_sends_strangers_to_the_log_in(client: Any, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login?next=")


@pytest.mark.one_database
def test_every_page_shows_the_credits_and_who_answers(alice: Actor) -> None:
    for path in PAGES:
        page = alice.get(path).get_data(as_text=True)
        assert re.search(r"data-credits>20<", page)
        assert "No model is connected: the offline agent answers" in page


@pytest.mark.one_database
def test_the_landing_page_shows_the_price_list_of_the_database(client: Any) -> None:
    page = client.get("/").get_data(as_text=True)
    for words in ("$0", "$19", "$79", "$199", "3,000 credits each month", "1,000 credits", "$60", "40% less"):
        assert words in page
    assert re.findall(r"([\d.]+¢) a credit", page) == ["9.5¢", "7.9¢", "6.63¢"]


@pytest.mark.one_database
def test_the_billing_page_shows_what_there_is_and_what_it_costs(alice: Actor) -> None:
    page = alice.get("/billing").get_data(as_text=True)
    for words in ("Payments are simulated", "0 of 20 used", "Upgrade, +180", "Upgrade for $19", "Buy for $10"):
        assert words in page


@pytest.mark.one_database
def test_a_message_looks_the_same_as_a_fragment_and_on_the_page(alice: Actor, bob: Actor) -> None:
    answer = alice.chat("Explain the cron expression 30 3 * * 1-5 <script>alert(1)</script>").get_json()
    page = alice.get(f"/chat/{answer['conversation_id']}").get_data(as_text=True)
    fragment = alice.get(f"/chat/messages/{answer['message_id']}").get_data(as_text=True).strip()
    assert fragment.startswith("<article") and fragment in page
    assert "<script>alert" not in page
    assert "from your plan" in fragment and ">19</span> left" in fragment
    assert bob.get(f"/chat/messages/{answer['message_id']}").status_code == 404
    assert bob.get(f"/chat/{answer['conversation_id']}").status_code == 404


@pytest.mark.one_database
def test_the_list_of_conversations_can_be_searched(alice: Actor) -> None:
    alice.chat("Split 10.20.0.0/16 into /20 subnets")
    assert "Split 10.20.0.0/16" in alice.get("/chat/conversations?q=SPLIT").get_data(as_text=True)
    nothing = alice.get("/chat/conversations?q=<b>%25").get_data(as_text=True)
    assert "No conversation has “&lt;b&gt;%” in it" in nothing


@pytest.mark.one_database
@pytest.mark.parametrize("page", ["0", "-1", "9999999", "x", "²", "", "1.5"])
def test_an_odd_page_of_the_history_is_the_first(alice: Actor, page: str) -> None:
    assert alice.get("/usage", query_string={"page": page}).status_code == 200


@pytest.mark.one_database
def test_a_page_behind_the_last_leads_back(alice: Actor) -> None:
    alice.chat("Explain the cron expression 0 0 * * *")
    assert "There is no such page" in alice.get("/usage?page=7").get_data(as_text=True)


@pytest.mark.one_database
def test_the_error_page_is_friendly_and_signed_in(alice: Actor) -> None:
    answer = alice.get("/nowhere")
    assert answer.status_code == 404
    assert "Go to the chat" in answer.get_data(as_text=True)


def test_conversations_are_grouped_by_day() -> None:
    today = utcnow().replace(year=2026, month=11, day=22).date()
    times = [
        "2026-11-23T00:10:00Z",
        "2026-11-22T00:00:00Z",
        "2026-11-21T23:59:59Z",
        "2026-11-16T00:00:00Z",
        "2026-11-15T23:00:00Z",
    ]
    groups = group_by_day([{"updated_at": time} for time in times], today)
    assert [(group["name"], len(group["conversations"])) for group in groups] == [
        ("Today", 2),
        ("Yesterday", 1),
        ("This week", 1),
        ("Earlier", 1),
    ]


def test_the_chart_fits_its_drawing() -> None:
    days = [{"date": f"2026-11-{n:02}", "credits": n * n, "count": n} for n in range(1, 31)]
    chart = daily_chart(days)
    assert chart["total"] == sum(n * n for n in range(1, 31))
    for bar in chart["bars"]:
        assert 0 <= bar["y"] <= chart["base"] and bar["y"] + bar["height"] <= chart["base"] + 0.01
        assert chart["left"] <= bar["x"] and bar["x"] + bar["width"] <= chart["width"]
    assert daily_chart([])["total"] == 0


def test_figures_are_written_as_people_write_them() -> None:
    assert [filters.money(10.0), filters.money(10.5), filters.money(1999.0)] == ["$10", "$10.50", "$1,999"]
    assert [filters.cents(0.1), filters.cents(0.08), filters.cents(0.075)] == ["10¢", "8¢", "7.5¢"]
    assert [filters.signed(1), filters.signed(-1000)] == ["+1", "−1,000"]
    assert [filters.percent(1.0), filters.percent(0.9999), filters.percent(0.29)] == ["100%", "99%", "29%"]
    assert [filters.initials("Ada Ross"), filters.initials("ada.ross@example.com"), filters.initials("")] == [
        "AR",
        "AR",
        "?",
    ]
    assert filters.day("2020-12-14T10:00:00Z") == "14 December 2020"
    assert (
        filters.duration(3) == "<0.1 s"
        and filters.duration(840) == "0.8 s"
        and filters.duration(185_000) == "3 min 5 s"
    )


@pytest.mark.parametrize(
    ("credits", "plan", "pack", "refunded", "words"),
    [
        (2, 2, 0, 0, "2 credits from your plan"),
        (1, 0, 1, 0, "1 credit from packs"),
        (6, 4, 2, 0, "6 credits: 4 from your plan, 2 from packs"),
        (0, 0, 0, 1, "1 credit refunded"),
        (0, 0, 0, 0, "No charge"),
    ],
)
def test_a_receipt_says_who_paid(credits: int, plan: int, pack: int, refunded: int, words: str) -> None:
    assert filters.receipt_words({"credits": credits, "plan": plan, "pack": pack, "refunded": refunded}) == words


@pytest.mark.one_database
def test_the_billing_page_counts_this_period_against_what_it_granted(alice: Actor, house: House) -> None:
    for words in ("one", "two"):
        alice.chat(words)
    alice.post("/api/credits/purchase", json={"pack_size": 100})
    with house.db.write() as tx:  # An edited tier counts from the next period on.
        tx.execute(update(SubscriptionTier).where(SubscriptionTier.name == "free").values(monthly_credits=50))
    page = alice.get("/billing").get_data(as_text=True)
    until = filters.day(alice.wallet()["current_period_end"])
    assert "2 of 20 used" in page and f"Resets on {until}" in page
    assert re.search(r'<progress class="used-bar" max="100" value="10"', page)
    assert re.search(r"data-balance>118<", page) and '<span class="badge">Free Tier</span>' in page
    assert "<strong>18</strong> from your plan" in page and "<strong>100</strong> from packs, never expire" in page
    with house.db.write() as tx:
        tx.execute(update(UserSubscription).values(current_period_end=utcnow()))
    page = alice.get("/billing").get_data(as_text=True)
    assert "0 of 50 used" in page and re.search(r"data-balance>150<", page)


@pytest.mark.one_database
def test_the_billing_page_says_what_packs_paid_and_that_a_simulated_plan_has_no_invoice(
    alice: Actor, house: House
) -> None:
    assert "No pack bought yet." in alice.get("/billing").get_data(as_text=True)
    alice.post("/api/credits/purchase", json={"pack_size": 100})
    alice.post("/api/subscription/upgrade", json={"tier_name": "starter"})
    for price in (19, 202):
        with house.db.write() as tx:
            tx.execute(update(ActionPrice).where(ActionPrice.action == "chat_message").values(credits=price))
        assert alice.chat("hello").status_code == 200
    page = alice.get("/billing").get_data(as_text=True)
    assert "<strong>221 used</strong> this period, 21 of them from packs; your plan gives 200<" in page
    assert "Packs, the newest first; a simulated plan has no invoice." in page
    assert page.count('<td class="what">') == 1 and "At your pace" not in page


@pytest.mark.one_database
def test_signing_up_says_how_many_credits_come_with_it(client: Any, house: House) -> None:
    assert "on the Free plan with 20 credits to spend at once." in client.get("/signup").get_data(as_text=True)


@pytest.mark.one_database
def test_the_billing_page_names_the_coming_plan_and_its_date(alice: Actor) -> None:
    for tier in ("business", "starter"):
        assert alice.post("/api/subscription/upgrade", json={"tier_name": tier}).status_code == 200
    until = filters.day(alice.wallet()["current_period_end"])
    page = alice.get("/billing").get_data(as_text=True)
    assert f"<strong>Starter begins on {until}.</strong> Until then you keep Business" in page
    alice.post("/api/subscription/cancel", json={})
    assert f"<strong>Business ends on {until}.</strong>" in alice.get("/billing").get_data(as_text=True)
    alice.post("/api/subscription/resume", json={})
    assert "Keep Business" not in alice.get("/billing").get_data(as_text=True)


@pytest.mark.one_database
def test_the_billing_page_asks_the_whole_difference_in_price(alice: Actor) -> None:
    alice.post("/api/subscription/upgrade", json={"tier_name": "starter"})
    page = alice.get("/billing").get_data(as_text=True)
    assert "Upgrade for $60" in page and "Upgrade for $180" in page
    assert "Upgrade for $79" not in page


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("left", "state", "words"),
    [(6, "ok", None), (5, "low", "5 credits left."), (1, "low", "1 credit left."), (0, "out", "No credits left.")],
)
def test_the_banner_comes_at_five_credits(alice: Actor, house: House, left: int, state: str, words: str | None) -> None:
    with house.db.write() as tx:
        tx.execute(update(ActionPrice).where(ActionPrice.action == "chat_message").values(credits=20 - left))
    assert alice.chat("hello").status_code == 200
    page = alice.get("/billing").get_data(as_text=True)
    assert f'data-credits-state="{state}"' in page and f'data-credits-now="{left}"' in page
    hidden = re.search(r"data-credit-banner hidden", page) is not None
    assert hidden == (words is None)
    assert words is None or words in page


@pytest.mark.one_database
@pytest.mark.parametrize("overrides", [{}, {"stripe_secret_key": "sk_test_nothing"}], ids=["simulated", "real"])
def test_the_billing_page_says_whether_payments_are_simulated(alice: Actor, overrides: dict[str, Any]) -> None:
    page = alice.get("/billing").get_data(as_text=True)
    assert ("<strong>Payments are simulated.</strong>" in page) == (not overrides)


def test_the_page_and_the_server_call_the_same_count_low() -> None:
    script = (ROOT / "static" / "credits.js").read_text()
    assert re.findall(r"const LOW = (\d+);", script) == [str(billing_views.LOW)] == ["5"]


def test_the_modal_for_no_credits_blocks_the_page_behind_it() -> None:
    script = (ROOT / "static" / "credits.js").read_text()
    opening = script[script.index("function outOfCredits") : script.index("async function offer")]
    assert "dialog.showModal();" in opening and "dialog.show();" not in opening


@pytest.mark.one_database
@pytest.mark.parametrize(("stopped", "words"), [(True, "stopped · free"), (False, "failed · free")])
def test_a_tool_without_a_result_failed_only_if_nobody_stopped_it(app: Flask, stopped: bool, words: str) -> None:
    row = app.jinja_env.get_template("components/calls.html").module.tool_row  # type: ignore[attr-defined]
    facts = {
        "name": "http_check",
        "title": "Check",
        "target": "",
        "summary": "Did not finish.",
        "output": "",
        "input": "{}",
    }
    drawn = row({**facts, "id": "1", "status": "failed", "duration_ms": None, "credits": 0}, stopped)
    assert f'<span class="tool-end">{words}</span>' in drawn
    assert ('data-status="stopped"' in drawn, "Did not finish." in drawn) == (stopped, not stopped)


@pytest.mark.one_database
def test_a_receipt_does_not_call_failed_what_its_user_stopped(app: Flask) -> None:
    detail = app.jinja_env.get_template("components/calls.html").module.receipt_detail  # type: ignore[attr-defined]
    sums = {"credits": 0, "plan": 0, "pack": 0, "refunded": 0}
    line = {**sums, "label": "http_check", "success": False, "duration_ms": 600}
    for note, words in (("stopped", "you stopped the answer"), ("timeout", "failed: it took too long")):
        assert f"<td>{words}</td>" in detail({**sums, "lines": [{**line, "note": note}]})
