"""Ask Prometheus and sum up what it answers."""

import json
import re
import time
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from agent.inputs import OnConnection, reader, schema_of
from agent.kinds.query_servers import answer_of, get, plain_words, query, success
from agent.outside import fitted, mapping, printable, words
from agent.tools.metrics.series import scalar, sum_up
from agent.tools.metrics.times import TEXT_MAX, Span, read_span, read_time, stamp
from agent.types import Reach, Tool, ToolError, ToolOutput
from clients.reach import Response

WHO = "Prometheus"
EXPR_MAX = 8_000
WARNINGS_LISTED = 5
ALIKE_LISTED = 10

# The faults that lie in the question; all others lie with the server.
_WRONG_QUESTIONS = {"bad_data", "execution"}
# A name that is no function; what stands in quotes, in braces and behind `by` is taken out before.
_METRIC = re.compile(r"(?<![\w:.$])[a-zA-Z_:][\w:]{0,199}+(?!\s*\()")
_NO_NAMES = re.compile(
    r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`|\{[^{}]*\}|\[[^\[\]]*\]|"
    r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)"
)
_WORDS_OF_PROMQL = {"and", "or", "unless", "offset", "bool", "inf", "nan", "atan2"}


class PromqlInput(OnConnection):
    """Input of promql_query."""

    expr: str = Field(min_length=1, max_length=EXPR_MAX, description="PromQL")
    start: str | int | float | None = Field(
        default=None, description="Begin of the range: a time, seconds since 1970, or relative such as now-6h"
    )
    end: str | int | float | None = Field(default=None, description="End of the range, now by default")
    step: str | int | float | None = Field(default=None, description="Between points, such as 30s; fitting by default")


def _run(given: dict[str, Any], reach: Reach) -> ToolOutput:
    now = time.time()
    expr, asked = given["expr"].strip(), [_short(given[key]) for key in ("start", "end", "step")]
    data: dict[str, Any] = {"expr": printable(expr, 500)}
    if asked == [None, None, None]:
        answer = _query(reach, "/api/v1/query", {"query": expr})
        data |= {"time": stamp(now)}
    elif asked[0] is None and asked[2] is None and asked[1] is not None:
        when = read_time(asked[1], now, "end")
        answer = _query(reach, "/api/v1/query", {"query": expr, "time": f"{when:.3f}"})
        data |= {"time": stamp(when)}
    else:
        span = read_span(asked[0], asked[1], asked[2], now)
        answer = _query(reach, "/api/v1/query_range", {"query": expr, **range_params(span)})
        data |= range_facts(span)
    data |= _result(mapping(answer.get("data"))) | told_warnings(answer)
    if data.get("series_count") == 0:
        data["explanation"] = _why_empty(expr, reach)
    return ToolOutput(fitted(data, "series") if "series" in data else data, _summary(data))


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > TEXT_MAX:
        raise ToolError("That is too long for a time.")
    return value


def range_params(span: Span) -> dict[str, str]:
    """Return a range as both servers take it."""
    return {"start": f"{span.start:.3f}", "end": f"{span.end:.3f}", "step": f"{span.step:g}"}


def range_facts(span: Span) -> dict[str, Any]:
    """Return a range for the agent."""
    facts: dict[str, Any] = {"start": stamp(span.start), "end": stamp(span.end), "step_seconds": span.step}
    return facts | ({"note": span.note} if span.note else {})


def told_warnings(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what the server warned of, such as a store that did not answer in time."""
    told: dict[str, Any] = {}
    for name in ("warnings", "infos"):
        raw = answer.get(name)
        texts = [words(one) for one in raw[:WARNINGS_LISTED]] if isinstance(raw, list) else []
        told |= {name: texts} if any(texts) else {}
    return told


def _query(reach: Reach, path: str, params: Mapping[str, str]) -> dict[str, Any]:
    """Return the whole answer to a query; raises ToolError with Prometheus' own words."""
    response = query(reach, path, WHO, params)
    if response.status != 200:
        raise _complaint(response)
    return answer_of(response, WHO)


def _complaint(response: Response) -> ToolError:
    try:
        answer = mapping(json.loads(response.body))
    except (ValueError, RecursionError):
        # Gateways, such as one that bounds the rate, tell it in plain text.
        told = plain_words(response)
        return ToolError(f"{WHO} could not answer (status {response.status}): {told}", ours=True)
    kind, message = words(answer.get("errorType"), 40), words(answer.get("error"), 400)
    if kind in _WRONG_QUESTIONS:
        return ToolError(f"{WHO} does not take this query: {message}")
    return ToolError(f"{WHO} could not answer ({kind or 'unknown error'}): {message}", ours=True)


def _result(result: dict[str, Any]) -> dict[str, Any]:
    kind = words(result.get("resultType"), 20)
    if kind in ("vector", "matrix"):
        return {"type": kind, **sum_up(result.get("result"))}
    if kind == "scalar":
        return {"type": kind, "value": scalar(result.get("result"))}
    if kind == "string":
        row = result.get("result")
        return {"type": kind, "value": words(row[1], 500) if isinstance(row, list) and len(row) == 2 else ""}
    raise ToolError(f"{WHO} answered with a result that is not known here.", ours=True)


def _why_empty(expr: str, reach: Reach) -> str:
    """Return why nothing came back, as far as two more small questions tell."""
    metric = _first_metric(expr)
    if not metric:
        return "No series matches. Check the names and the range."
    try:
        if _names(reach, f'{{__name__="{metric}"}}'):
            return f"{metric} exists, but no series has these labels, or none in this range, or no value passes."
        alike = _names(reach, f'{{__name__=~".*{_longest_word(metric)}.*"}}')
    except ToolError:
        return f"No series matches. Check whether {metric} exists."
    hint = f" Similar names: {', '.join(alike[:ALIKE_LISTED])}." if alike else ""
    return f"There is no metric named {metric}.{hint}"


def _first_metric(expr: str) -> str:
    found = (one[0] for one in _METRIC.finditer(_NO_NAMES.sub(" ", expr)))
    return next((name for name in found if name.lower() not in _WORDS_OF_PROMQL), "")


def _longest_word(metric: str) -> str:
    return max(re.split(r"[_:]", metric), key=len)


def _names(reach: Reach, match: str) -> list[str]:
    params = {"match[]": match, "limit": str(ALIKE_LISTED)}
    names = success(get(reach, "/api/v1/label/__name__/values", WHO, params), WHO)
    return [words(name, 120) for name in names] if isinstance(names, list) else []


def _summary(data: dict[str, Any]) -> str:
    if "series_count" not in data:
        return f"{data['type']} {words(data['value'], 60)}"
    count = data["series_count"]
    if not count:
        return "no series"
    first = data["series"][0] if data["series"] else {}
    value = first.get("last", first.get("value"))
    return f"{count} series" if count > 1 or value is None else f"1 series, last value {value}"


def _target(given: dict[str, Any]) -> str:
    return words(given.get("expr"), 80)


PROMQL_QUERY = Tool(
    name="promql_query",
    title="Query Prometheus",
    description=(
        "Run a PromQL query, at one moment (no range given) or over a range, and get a summary of each series: first, "
        "last, lowest, highest and average value, trend and spikes; not the raw points. An empty result is explained. "
        "Aggregate (sum by, topk) when there are many series."
    ),
    input_schema=schema_of(PromqlInput),
    run=_run,
    target=_target,
    needs_connection="prometheus",
    read=reader(PromqlInput),
    family="metrics",
    examples=(
        "Ask Prometheus for up == 0",
        "How did rate(http_requests_total[5m]) go over the last 6 hours?",
        "Query Prometheus: topk(5, container_memory_working_set_bytes)",
    ),
    returns="For each series its labels, last, lowest, highest and average value, trend and spikes.",
)
TOOLS = (PROMQL_QUERY,)
