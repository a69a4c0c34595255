"""Show that answers of Prometheus are summed up, and that its errors and silences are explained."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from agent.tools.metrics.query import PROMQL_QUERY
from agent.tools.metrics.series import SERIES_LISTED, sum_up
from agent.types import Connection, Reach, ToolError
from tests.agent.tools.support import local_reach
from tests.fakes.prometheus import FakePrometheus, failure, matrix, sample
from tests.fakes.scripted_web import Reply

TOKEN = "prometheus-token-of-alice"


@pytest.fixture
def prometheus() -> Iterator[FakePrometheus]:
    with FakePrometheus(TOKEN, "/prom") as fake:
        yield fake


@pytest.fixture
def reach(prometheus: FakePrometheus) -> Reach:
    return local_reach(Connection("c1", "prometheus", "main", {"url": prometheus.base, "token": TOKEN}))


def queried(reach: Reach, expr: str, **given: Any) -> dict[str, Any]:
    output = PROMQL_QUERY.run(PROMQL_QUERY.read({"expr": expr, **given}), reach)
    text = json.dumps(output.data, allow_nan=False)
    assert len(text) < 30_000 and TOKEN not in text
    return {**output.data, "summary": output.summary}


def refusal(reach: Reach, expr: str = "up", **given: Any) -> ToolError:
    with pytest.raises(ToolError) as raised:
        queried(reach, expr, **given)
    assert TOKEN not in str(raised.value)
    return raised.value


def test_without_a_range_it_asks_for_this_moment(reach: Reach, prometheus: FakePrometheus) -> None:
    found = queried(reach, "up")
    assert prometheus.paths == ["/prom/api/v1/query"]
    assert found["series"] == [{"labels": {"__name__": "up", "job": "api"}, "value": 1}]
    assert found["summary"] == "1 series, last value 1"


def test_a_range_is_summed_up_without_its_points(reach: Reach, prometheus: FakePrometheus) -> None:
    prometheus.ranged["x"] = [matrix(10, 20, "NaN", 40, 15, job="api")]
    found = queried(reach, "x", start="2025-11-24T16:00:00Z", end=1764003600, step="30s")
    assert prometheus.asked[0].query == {"query": "x", "start": "1764000000.000", "end": "1764003600.000", "step": "30"}
    assert found["series"] == [
        {
            "labels": {"job": "api"},
            "points": 5,
            "not_numbers": 1,
            "first": 10,
            "last": 15,
            "min": 10,
            "max": 40,
            "max_at": "2025-11-24T16:03:00Z",
            "avg": 21.25,
            "trend": "up 50%",
            "last_at": "2025-11-24T16:04:00Z",
        }
    ]


def test_spikes_are_found(reach: Reach, prometheus: FakePrometheus) -> None:
    prometheus.ranged["x"] = [matrix(*[1, 2] * 30, 900, *[2, 1] * 10)]
    (series,) = queried(reach, "x", start="1h")["series"]
    assert (series["spike_points"], series["spikes"]) == (1, [{"at": "2025-11-24T17:00:00Z", "value": 900}])


@pytest.mark.parametrize(
    ("values", "trend"),
    [
        ([5, 5, 5], "flat"),
        ([100, 140, 100.5], "flat"),
        ([0, 3], "up from 0"),
        ([4, 1], "down 75%"),
        ([1, 50], "up 50 times"),
        ([-4, -2], "up 50%"),
    ],
)
def test_the_trend_compares_last_with_first(values: list[float], trend: str) -> None:
    assert sum_up([matrix(*values)])["series"][0]["trend"] == trend


def test_numbers_that_json_has_not_are_text() -> None:
    found = sum_up([sample("+Inf"), sample("NaN"), sample("-Inf"), matrix("NaN", "+Inf")])["series"]
    assert [one.get("value") for one in found[:3]] == ["+Inf", "NaN", "-Inf"]
    assert found[3] == {"labels": {}, "points": 2, "not_numbers": 2, "last": "+Inf"}
    assert sum_up([matrix()])["series"] == [{"labels": {}, "points": 0}]


def test_huge_values_do_not_overflow() -> None:
    (series,) = sum_up([matrix(*["1.7e308", "-1.7e308"] * 20)])["series"]
    json.dumps(series, allow_nan=False)


def test_a_native_histogram_is_told_by_count_and_sum() -> None:
    row = [1764000000, {"count": "12", "sum": "3.5", "buckets": [[0, "1", "2", "12"]]}]
    for one in ({"metric": {}, "histogram": row}, {"metric": {}, "histograms": [row]}):
        assert sum_up([one])["series"][0]["histogram"] == {"count": "12", "sum": "3.5"}


def test_of_many_series_the_largest_are_listed_and_the_rest_counted(reach: Reach, prometheus: FakePrometheus) -> None:
    prometheus.instant["x"] = [sample(number, pod=f"web-{number}") for number in range(500)]
    found = queried(reach, "x")
    assert found["series_count"] == 500
    assert len(found["series"]) + found["series_not_listed"] == 500
    assert [one["value"] for one in found["series"]] == list(range(499, 499 - SERIES_LISTED, -1))


def test_large_labels_make_the_list_shorter(reach: Reach, prometheus: FakePrometheus) -> None:
    prometheus.instant["x"] = [sample(1, **{f"label_{n}": "v" * 500 for n in range(40)}) for _ in range(60)]
    found = queried(reach, "x")
    assert 0 < len(found["series"]) < SERIES_LISTED
    assert len(found["series"]) + found["series_not_listed"] == 60


def test_a_scalar_is_a_value(reach: Reach) -> None:
    found = queried(reach, "1")
    assert (found["type"], found["value"], found["summary"]) == ("scalar", 1, "scalar 1")


def test_warnings_are_passed_on(reach: Reach, prometheus: FakePrometheus) -> None:
    prometheus.more = {
        "warnings": ["store gateway did not answer"],
        "infos": ["PromQL info: metric might not be a counter"],
    }
    found = queried(reach, "up")
    assert found["warnings"] == ["store gateway did not answer"] and len(found["infos"]) == 1


@pytest.mark.parametrize(
    ("expr", "words"),
    [
        ('up{job="nope"}', "up exists, but no series has these labels"),
        (
            "rate(http_request_total[5m])",
            "There is no metric named http_request_total. Similar names: http_requests_total, http_request_dur",
        ),
        ("nothing_like_it", "There is no metric named nothing_like_it."),
        ("vector(1) > 2", "No series matches."),
    ],
)
def test_an_empty_result_is_explained(reach: Reach, expr: str, words: str) -> None:
    found = queried(reach, expr)
    assert found["summary"] == "no series" and found["explanation"].startswith(words)


def test_the_step_keeps_within_the_limit_of_points(reach: Reach, prometheus: FakePrometheus) -> None:
    found = queried(reach, "x", start="now-7d", step="1s")
    assert found["step_seconds"] == 60 and "raised" in found["note"]
    seconds = float(prometheus.asked[0].query["end"]) - float(prometheus.asked[0].query["start"])
    assert seconds / float(prometheus.asked[0].query["step"]) < 11_000


@pytest.mark.parametrize(("start", "step"), [("now-1h", 15), ("-30d", 14_400), ("5m", 2), ("now - 1h30m", 30)])
def test_the_step_fits_the_range_by_default(reach: Reach, start: str, step: float) -> None:
    assert queried(reach, "x", start=start)["step_seconds"] == step


def test_times_are_read_in_every_usual_form(reach: Reach, prometheus: FakePrometheus) -> None:
    for start in (
        "2025-11-24T16:00:00Z",
        "2025-11-24T17:00:00+01:00",
        "1764000000",
        1764000000,
        1764000000000,
        "1764000000000000000",
    ):
        queried(reach, "x", start=start, end="2025-11-24T17:00:00")
    assert {one.query["start"] for one in prometheus.asked if "start" in one.query} == {"1764000000.000"}


def test_only_an_end_asks_for_that_moment(reach: Reach, prometheus: FakePrometheus) -> None:
    assert queried(reach, "up", end="2025-11-24T16:00:00Z")["time"] == "2025-11-24T16:00:00Z"
    assert prometheus.asked[0].query["time"] == "1764000000.000"


@pytest.mark.parametrize(
    "given",
    [
        {"start": "yesterday"},
        {"start": "now", "end": "now-1h"},
        {"start": "now-3y"},
        {"start": -5},
        {"start": "1e400"},
        {"start": "nan"},
        {"step": "fast"},
        {"step": "0s"},
        {"step": -1},
        {"start": "1" * 5000},
        {"start": "9" * 50 + "h"},
    ],
)
def test_times_that_make_no_sense_are_refused(reach: Reach, prometheus: FakePrometheus, given: dict[str, Any]) -> None:
    error = refusal(reach, **given)
    assert not error.ours and len(str(error)) < 200
    assert prometheus.asked == []


def test_a_long_query_goes_into_the_body(reach: Reach, prometheus: FakePrometheus) -> None:
    expr = " or ".join(["up"] * 1000)
    prometheus.instant[expr] = [sample(3)]
    assert queried(reach, expr)["series"][0]["value"] == 3
    assert prometheus.asked[0].method == "POST"


@pytest.mark.parametrize(
    ("reply", "words", "ours"),
    [
        (
            failure(400, "bad_data", "parse error: unexpected end of input"),
            "does not take this query: parse error",
            False,
        ),
        (failure(422, "execution", "query processing would load too many samples"), "too many samples", False),
        (failure(503, "timeout", "query timed out in expression evaluation"), "could not answer (timeout)", True),
        (failure(500, "internal", "x"), "could not answer (internal)", True),
        (
            Reply(429, b"rate limit exceeded\n", {"Content-Type": "text/plain"}),
            "status 429): rate limit exceeded",
            True,
        ),
        (Reply(401, b"no"), "the token is wrong or has expired", True),
        (Reply(403, b"no"), "403", True),
        (Reply(302, b"", {"Location": "http://169.254.169.254/"}), "sends us elsewhere", True),
        (Reply(404, b"404 page not found\n", {"Content-Type": "text/plain"}), "status 404): 404 page not found", True),
        (Reply(502, b"<html>Bad gateway</html>", {"Content-Type": "text/html"}), "status 502", True),
        (Reply(200, b"<!doctype html>", {"Content-Type": "text/html"}), "a web page", True),
        (Reply(200, b"[" * 100_000), "JSON", True),
        (Reply(200, [1]), "not as Prometheus does", True),
        (Reply(200, {"status": "success", "data": {"resultType": ["x"]}}), "not known here", True),
        (Reply(200, b" " * 11_000_000), "Ask for less", False),
        (Reply(drop=True), "could not be asked", True),
    ],
)
def test_what_goes_wrong_is_told(
    reach: Reach, prometheus: FakePrometheus, reply: Reply, words: str, ours: bool
) -> None:
    prometheus.override = lambda asked: reply
    error = refusal(reach)
    assert words in str(error) and error.ours == ours


def test_a_redirect_is_not_followed(reach: Reach, prometheus: FakePrometheus) -> None:
    prometheus.override = lambda asked: Reply(302, b"", {"Location": f"{prometheus.url}/login"})
    refusal(reach)
    assert len(prometheus.asked) == 1


@pytest.mark.parametrize(
    "result",
    [
        None,
        5,
        "x",
        [None, 3, "x"],
        [{"metric": [], "values": "x"}],
        [{"metric": {"a": {}}, "values": [[1], ["x", "y"], [True, "1"]]}],
    ],
)
def test_odd_series_do_no_harm(reach: Reach, prometheus: FakePrometheus, result: object) -> None:
    data = {"resultType": "matrix", "result": result}
    prometheus.override = lambda asked: Reply(200, {"status": "success", "data": data})
    queried(reach, "x", start="1h")


@pytest.mark.parametrize(
    "given", [{"expr": ""}, {"expr": "x" * 8001}, {"expr": 5}, {"start": []}, {"x": 1}, {"step": True}]
)
def test_it_refuses_wrong_input(reach: Reach, given: dict[str, Any]) -> None:
    assert str(refusal(reach, **{"expr": "up", **given})).startswith("Wrong input.")
