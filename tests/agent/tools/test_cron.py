"""Show that a cron schedule is explained as one who knows cron would explain it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.tools.cron.explain import CRON_EXPLAIN, MEANT, explain
from agent.types import ToolError

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)


def said(expression: str) -> str:
    words = explain(expression, None, NOW)["words"]
    assert isinstance(words, str)
    return words


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("* * * * *", "Every minute."),
        ("*/5 * * * *", "Every 5 minutes."),
        ("*/30 * * * *", "Every 30 minutes."),
        ("*/30 9-17 * * 1-5", "Every 30 minutes from 09:00 through 17:30 Monday through Friday."),
        ("10/15 * * * *", "Every 15 minutes starting at minute 10."),
        ("*/7 * * * *", "At minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 of every hour."),
        ("*/90 * * * *", "Every hour, on the hour."),
        ("5 * * * *", "Every hour at minute 5."),
        ("5,35 * * * *", "At minutes 5 and 35 of every hour."),
        ("0 */2 * * *", "Every 2 hours starting at 00:00 every day."),
        ("* 3 * * *", "Every minute from 03:00 through 03:59 every day."),
        ("1-10 0 * * *", "Every minute from 00:01 through 00:10 every day."),
        ("0 8,20 * * *", "At 08:00 and 20:00 every day."),
        ("*/15 9-17 * * MON-FRI", "Every 15 minutes from 09:00 through 17:45 Monday through Friday."),
        ("30 9-17 * * 1-5", "Every hour from 09:30 through 17:30 Monday through Friday."),
        ("0 3 * * 1", "At 03:00 on Mondays."),
        ("0 12 * * 0,6", "At 12:00 on Saturdays and Sundays."),
        ("0 12 * * 7", "At 12:00 on Sundays."),
        ("0 12 * * 5-7", "At 12:00 Friday through Sunday."),
        ("0 0 * * MON#2", "At 00:00 on the second Monday of every month."),
        ("0 0 * * 5L", "At 00:00 on the last Friday of every month."),
        ("0 0 L * *", "At 00:00 on the last day of every month."),
        ("0 0 LW * *", "At 00:00 on the last weekday (Monday to Friday) of every month."),
        ("15 14 1 * *", "At 14:15 on the 1st of every month."),
        ("0 4 8-14 * *", "At 04:00 on the 8th through 14th of every month."),
        ("0 0 1,15 * *", "At 00:00 on the 1st and 15th of every month."),
        ("30 4 1 JAN *", "At 04:30 on the 1st of January."),
        ("0 0 1 */3 *", "At 00:00 on the 1st of January, April, July and October."),
        ("0 0 * 6-8 *", "At 00:00 every day in every month from June through August."),
        ("0 0 * 1 MON-WED", "At 00:00 Monday through Wednesday in January."),
        ("0 0 13 * 5", "At 00:00 on the 13th of every month, and also on Fridays."),
        (
            "0 0 */2 * 1",
            "At 00:00 on every 2nd day from the 1st through the 31st of every month, but only when that is a Monday.",
        ),
        ("0 0 1 * 0-6", "At 00:00 every day."),
        ("@daily", "At 00:00 every day."),
        ("@WEEKLY", "At 00:00 on Sundays."),
        ("@hourly", "Every hour, on the hour."),
        ("@yearly", "At 00:00 on the 1st of January."),
        ("@monthly", "At 00:00 on the 1st of every month."),
        ("0 0 30 2 *", "Never: no date matches."),
        ("  `0 3 * * 1` ", "At 03:00 on Mondays."),
    ],
)
def test_it_says_when_in_plain_english(expression: str, words: str) -> None:
    assert said(expression) == words


def test_runs_are_given_in_the_zone_and_in_utc() -> None:
    found = explain("0 3 * * 1", "Europe/Berlin", NOW)
    assert found["next_runs"][0] == {
        "local": "2026-11-23T03:00+01:00",
        "utc": "2026-11-23T02:00Z",
        "weekday": "Monday",
    }
    assert len(found["next_runs"]) == 5
    assert explain("0 3 * * 1", None, NOW)["tz"] == "UTC"


def test_it_follows_the_clocks() -> None:
    before = datetime(2027, 3, 27, 12, tzinfo=UTC)
    runs = explain("30 2 * * *", "Europe/Berlin", before)["next_runs"]
    assert [run["local"] for run in runs[:2]] == ["2027-03-28T03:00+02:00", "2027-03-29T02:30+02:00"]
    autumn = datetime(2027, 10, 30, 12, tzinfo=UTC)
    runs = explain("30 2 * * *", "Europe/Berlin", autumn)["next_runs"]
    assert [run["utc"] for run in runs[:2]] == ["2027-10-31T00:30Z", "2027-11-01T01:30Z"]


def warned(expression: str, tz: str | None = None) -> str:
    return " ".join(explain(expression, tz, NOW)["warnings"])


@pytest.mark.parametrize(
    ("expression", "tz", "words"),
    [
        ("30 2 * * *", "Europe/Berlin", "02:30 does not exist that day"),
        ("30 2 * * *", "Europe/Berlin", "02:30 comes twice that day"),
        ("30 1 * * *", "Australia/Lord_Howe", "comes twice"),
        ("0 */2 * * *", "America/New_York", "nothing runs then"),
        ("*/7 * * * *", None, "last gap of each hour is 4 minutes instead of 7"),
        ("0 */5 * * *", None, "last gap of each day is 4 hours instead of 5"),
        ("*/90 * * * *", None, "it is not every 90 minutes"),
        ("0 0 */2 * *", None, "starts again on the 1st of each month"),
        ("* 3 * * *", None, "For once an hour write `0 3 * * *`"),
        ("0 0 13 * 5", None, "EITHER"),
        ("0 0 */2 * 1", None, "BOTH"),
        ("0 0 31 * *", None, "Months without day 31 are skipped"),
        ("0 0 30 * *", None, "Months without day 30 are skipped"),
        ("0 0 29 2 *", None, "leap years"),
        ("0 0 30 2 *", None, "never runs"),
        ("0 0 31 4,6,9,11 *", None, "never runs"),
    ],
)
def test_it_warns_of_traps(expression: str, tz: str | None, words: str) -> None:
    assert words in warned(expression, tz)


@pytest.mark.parametrize(
    ("expression", "tz"),
    [
        ("0 3 * * 1", None),
        ("*/5 * * * *", "Europe/Berlin"),
        ("0 4 * * *", "Europe/Berlin"),
        ("30 2 * * *", "Asia/Tokyo"),
        ("*/15,3 * * * *", None),
        ("0 0 28 * *", None),
        ("0 0 31 1,3,5 *", None),
    ],
)
def test_it_does_not_warn_for_nothing(expression: str, tz: str | None) -> None:
    assert warned(expression, tz) == ""


def test_reboot_has_no_times() -> None:
    found = explain("@reboot", None, NOW)
    assert found["next_runs"] == []
    assert "starts" in found["words"]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "empty"),
        ("* * * *", "4 fields"),
        ("*", "1 field;"),
        ("0 * * * * *", "seconds"),
        ("61 * * * *", "minute"),
        ("* 24 * * *", "`24` is not valid as hour for cron"),
        ("* * 0 * *", "day of month"),
        ("* * * 13 *", "month"),
        ("* * * * 8", "day of week"),
        ("* * * * MON#6", "day of week"),
        ("*/0 * * * *", "minute"),
        ("0 0 ? * 1", "Quartz"),
        ("0 0 * * FRI-MON", "day of week"),
        ("@never", "@reboot"),
        ("* * * * ²L", "day of week"),
        ("9" * 255 + " * * * *", "too long"),
        ("x" * 10_000_000, "too long"),
    ],
)
def test_it_says_what_is_wrong(expression: str, words: str) -> None:
    with pytest.raises(ToolError) as refusal:
        explain(expression, None, NOW)
    assert words in str(refusal.value)
    assert not refusal.value.ours
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize(
    ("tz", "words"),
    [
        ("Europe/Berln", "Did you mean Europe/Berlin?"),
        ("Berlin", "Did you mean Europe/Berlin?"),
        ("PST", "Did you mean America/Los_Angeles?"),
        ("cest", "Did you mean Europe/Berlin?"),
        ("CST", "Did you mean America/Chicago or Asia/Shanghai?"),
        ("UTC+2", "Did you mean Etc/GMT-2 (that is UTC+2, without summer time)?"),
        ("gmt-05:00", "Did you mean Etc/GMT+5 (that is UTC-5, without summer time)?"),
        ("UTC+5:30", "Use a name such as Europe/Berlin."),
        ("UTC+15", "Use a name such as Europe/Berlin."),
        ("XST", "Use a name such as Europe/Berlin."),
        ("../../etc/passwd", "known"),
        ("x" * 100_000, "known"),
        ("+" * 100_000, "known"),
        ("\x00", "known"),
    ],
    ids=lambda text: text[:12],
)
def test_an_unknown_zone_is_refused(tz: str, words: str) -> None:
    with pytest.raises(ToolError) as refusal:
        explain("* * * * *", tz, NOW)
    assert words in str(refusal.value)


def test_the_zones_that_are_meant_by_abbreviations_exist() -> None:
    for names in MEANT.values():
        for name in names.replace(" or ", ", ").split(", "):
            assert explain("@daily", name, NOW)["tz"] == name


def test_a_zone_may_be_written_in_any_case() -> None:
    assert explain("* * * * *", "europe/berlin", NOW)["tz"] == "Europe/Berlin"


def field(low: int, high: int) -> st.SearchStrategy[str]:
    """Draw a field of cron."""
    value = st.integers(low, high)
    span = st.tuples(value, value).map(lambda pair: f"{min(pair)}-{max(pair)}")
    stepped = st.tuples(st.just("*") | span, st.integers(1, high + 5)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    term = value.map(str) | span | stepped
    return st.just("*") | st.lists(term, min_size=1, max_size=3).map(",".join)


expressions = st.tuples(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7)).map(" ".join)
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])


@given(expressions, zones)
@settings(max_examples=150, deadline=None)
def test_every_schedule_has_words_and_the_runs_of_cron(expression: str, tz: str) -> None:
    found = explain(expression, tz, NOW)
    assert found["words"].endswith(".") and found["words"][0].isupper()
    if not found["next_runs"]:
        assert found["words"].startswith("Never")
        return
    real = CronSim(expression, NOW.astimezone(ZoneInfo(tz)))
    assert [run["local"] for run in found["next_runs"]] == [next(real).isoformat(timespec="minutes") for _ in range(5)]


def test_the_label_names_schedule_and_zone() -> None:
    assert CRON_EXPLAIN.target({"expression": "0 3 * * 1", "tz": "Europe/Berlin"}) == "0 3 * * 1 (Europe/Berlin)"
    assert CRON_EXPLAIN.target({"expression": 5}) == ""
