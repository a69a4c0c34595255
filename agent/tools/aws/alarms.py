"""Report on CloudWatch alarms: which ring, since when, and why."""

from typing import Any

from agent.findings import Finding
from agent.outside import mapping, mappings, whole, words
from agent.tools.aws.calls import Calls

PAGES = 4
PAGE_SIZE = 100
_KINDS = ("MetricAlarms", "CompositeAlarms")


def alarms(calls: Calls) -> tuple[dict[str, Any], list[Finding]]:
    """Return the alarms of the region that ring, and how many have no data."""
    ringing = _in_state(calls, "ALARM", PAGES)
    silent = _in_state(calls, "INSUFFICIENT_DATA", 1)
    data = {
        "count": len(ringing),
        "alarms": [_facts(one) for one in ringing],
        "without_data": len(silent),
        "without_data_names": [words(one.get("AlarmName"), 120) for one in silent[:20]],
    }
    return data, [_finding(one) for one in ringing]


def _in_state(calls: Calls, state: str, pages: int) -> list[dict[str, Any]]:
    """Return the alarms of both kinds in a state; a page holds two lists."""
    found: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    for _ in range(pages):
        answer = calls.ask(
            "cloudwatch",
            "describe_alarms",
            StateValue=state,
            MaxRecords=PAGE_SIZE,
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
            **token,
        )
        for kind in _KINDS:
            found += mappings((answer or {}).get(kind))
        following = (answer or {}).get("NextToken")
        if not isinstance(following, str) or not following:
            return found
        token = {"NextToken": following}
    calls.note_cut(f"more alarms in the state {state}")
    return found


def _facts(one: dict[str, Any]) -> dict[str, Any]:
    dimensions = {
        words(each.get("Name"), 60): words(each.get("Value"), 120) for each in mappings(one.get("Dimensions"))
    }
    facts: dict[str, Any] = {
        "name": words(one.get("AlarmName"), 150),
        "since": words(one.get("StateUpdatedTimestamp"), 40),
        "reason": words(one.get("StateReason")),
        "metric": "/".join(filter(None, (words(one.get("Namespace"), 80), words(one.get("MetricName"), 80)))),
        "dimensions": dict(list(dimensions.items())[:6]),
        "condition": _condition(one),
        "rule": words(one.get("AlarmRule"), 200),
        "description": words(one.get("AlarmDescription"), 200),
        "actions": whole(len(one["AlarmActions"])) if isinstance(one.get("AlarmActions"), list) else None,
        "actions_enabled": one.get("ActionsEnabled") if isinstance(one.get("ActionsEnabled"), bool) else None,
    }
    return {key: value for key, value in facts.items() if value not in ("", {}, None)}


def _condition(one: dict[str, Any]) -> str:
    if "Threshold" not in one:
        return ""
    periods = f"{words(one.get('EvaluationPeriods'), 6)} periods of {words(one.get('Period'), 8)} s"
    statistic = words(one.get("Statistic") or one.get("ExtendedStatistic"), 30)
    return f"{statistic} {words(one.get('ComparisonOperator'), 60)} {words(one.get('Threshold'), 30)} for {periods}"


def _finding(one: dict[str, Any]) -> Finding:
    name = words(one.get("AlarmName"), 150)
    watched = words(one.get("MetricName"), 80) or "its rule"
    told = "" if mapping(one).get("ActionsEnabled") is not False else " Its actions are off, so nobody is told."
    return Finding(
        "alarm-rings",
        "error" if told == "" else "warning",
        f"{name} rings since {words(one.get('StateUpdatedTimestamp'), 19)}.{told}",
        words(one.get("StateReason"), 250) or "AWS gave no reason.",
        f"Look at {watched} over the hours before, and at what was deployed then.",
        path=name,
    )
