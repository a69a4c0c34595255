"""Look at what was used: totals, days, history and CSV."""

import csv
import io
from datetime import datetime

import pytest
from sqlalchemy import update

from models import UsageLog
from services.house import House
from services.transaction import utcnow
from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic
from tests.support.actors import Actor


def test_stats_add_up(alice: Actor, anthropic: FakeAnthropic) -> None:
    alice.chat("one")
    anthropic.enqueue(scripts.error(400))
    alice.chat("two")
    stats = alice.get("/api/usage/stats").get_json()
    assert (stats["credits_remaining"], stats["credits_used_this_month"], stats["total_credits_used"]) == (19, 1, 1)
    assert stats["tier"]["name"] == "free"
    assert stats["success_rate"] == 0.5
    assert len(stats["daily"]) == 30
    assert stats["daily"][-1] == {"date": utcnow().date().isoformat(), "credits": 1, "count": 2}
    assert {"current_period_start", "current_period_end", "tool_usage_breakdown"} <= set(stats)


def test_someone_new_has_used_nothing(alice: Actor) -> None:
    stats = alice.get("/api/usage/stats").get_json()
    assert (stats["tool_usage_breakdown"], stats["success_rate"]) == ([], 1.0)
    assert sum(day["credits"] for day in stats["daily"]) == 0
    history = alice.get("/api/usage/history").get_json()
    assert history == {"logs": [], "total_count": 0, "limit": 50, "offset": 0}


def test_the_history_is_paged_and_ones_own(alice: Actor, bob: Actor) -> None:
    for words in ("one", "two", "three"):
        alice.chat(words)
    page = alice.get("/api/usage/history?limit=2&offset=1").get_json()
    assert (page["total_count"], page["limit"], page["offset"]) == (3, 2, 1)
    assert len(page["logs"]) == 2
    assert page["logs"][0]["id"] > page["logs"][1]["id"]
    keys = {
        "id",
        "action_type",
        "tool_name",
        "credits_used",
        "success",
        "error_message",
        "conversation_id",
        "created_at",
        "description",
    }
    assert set(page["logs"][0]) == keys
    assert bob.get("/api/usage/history").get_json()["total_count"] == 0


def test_the_history_says_what_each_charge_was_for(alice: Actor, anthropic: FakeAnthropic) -> None:
    anthropic.enqueue(scripts.tools(("cron_explain", {"expression": "* * * * *"})), scripts.text("Each minute."))
    talk = alice.chat("hello <b>").get_json()["conversation_id"]
    page = alice.get("/usage").get_data(as_text=True)
    assert "Message in “hello &lt;b&gt;”</span>" in page and "<code>cron_explain</code></a>" in page
    assert "of charges in 30 days</span>" in page
    assert alice.delete(f"/api/conversations/{talk}").status_code == 204
    anthropic.enqueue(scripts.error(400))
    alice.chat("bye")
    logs = alice.get("/api/usage/history").get_json()["logs"]
    said = [log["description"] for log in logs]
    assert said == ["Message in “bye”", "cron_explain", "Message in a deleted conversation"]


@pytest.mark.one_database
@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=-1", "limit=x", "limit=true", "offset=-1", "offset=1.5", "format=xml"]
)
def test_a_bad_page_is_refused(alice: Actor, query: str) -> None:
    answer = alice.get(f"/api/usage/history?{query}")
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_input")


def test_the_csv_has_everything_and_no_formulas(alice: Actor, house: House) -> None:
    alice.chat("one")
    alice.chat("two")
    with house.db.write() as tx:
        tx.execute(update(UsageLog).values(error_message="=HYPERLINK(1)"))
    answer = alice.get("/api/usage/history?format=csv")
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert [row["action_type"] for row in rows] == ["chat_message", "chat_message"]
    assert rows[0]["error_message"] == "'=HYPERLINK(1)"
    assert rows[0]["success"] == "false"


def test_what_others_use_is_in_nobody_elses_figures(alice: Actor, bob: Actor, anthropic: FakeAnthropic) -> None:
    anthropic.enqueue(scripts.tools(("cron_explain", {"expression": "* * * * *"})), scripts.text("Each minute."))
    alice.chat("one")
    anthropic.enqueue(scripts.error(400))
    alice.chat("two")
    stats = bob.get("/api/usage/stats").get_json()
    assert sum(day["credits"] + day["count"] for day in stats["daily"]) == 0
    assert (stats["tool_usage_breakdown"], stats["success_rate"], stats["total_credits_used"]) == ([], 1.0, 0)
    assert list(csv.DictReader(io.StringIO(bob.get("/api/usage/history?format=csv").get_data(as_text=True)))) == []
    mine = csv.DictReader(io.StringIO(alice.get("/api/usage/history?format=csv").get_data(as_text=True)))
    assert len(list(mine)) == 3


def test_every_charge_says_when_it_was_made_and_how_it_ended(alice: Actor, anthropic: FakeAnthropic) -> None:
    before = utcnow().replace(microsecond=0)
    conversation = alice.chat("one").get_json()["conversation_id"]
    anthropic.enqueue(scripts.error(400))
    alice.chat("two", conversation_id=conversation)
    failed, done = alice.get("/api/usage/history").get_json()["logs"]
    for log in (failed, done):
        assert log["created_at"].endswith("Z")
        assert before <= datetime.fromisoformat(log["created_at"]) <= utcnow()
        assert (log["action_type"], log["tool_name"], log["conversation_id"]) == ("chat_message", None, conversation)
    assert (done["success"], done["credits_used"], done["error_message"]) == (True, 1, None)
    assert (failed["success"], failed["credits_used"]) == (False, 0)
    assert failed["error_message"]


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("reason", "words"),
    [("timeout", "it took too long"), ("OperationalError", "it failed on our side"), ("It is down.", "It is down")],
)
def test_the_page_says_in_words_why_a_charge_was_given_back(
    alice: Actor, anthropic: FakeAnthropic, house: House, reason: str, words: str
) -> None:
    anthropic.enqueue(scripts.error(400))
    alice.chat("one")
    with house.db.write() as tx:
        tx.execute(update(UsageLog).values(error_message=reason))
    page = alice.get("/usage").get_data(as_text=True)
    assert f">{words}</span>" in page and reason not in page
