"""Report on ECS services: what should run, what runs, and which rollouts hang."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from agent.findings import Finding
from agent.outside import mappings, whole, words
from agent.tools.aws.calls import Calls

CLUSTER_PAGES = 2
SERVICE_PAGES = 3
SERVICES_AT_ONCE = 10
EVENTS_LISTED = 3
STUCK_MINUTES = 30
_BAD_EVENTS = ("unable to", "failed", "unhealthy", "error", "stopped")


def services(calls: Calls) -> tuple[dict[str, Any], list[Finding]]:
    """Return the services of all clusters of the region and the findings on them."""
    clusters = _strings(calls, "list_clusters", "clusterArns", CLUSTER_PAGES)
    found: list[dict[str, Any]] = []
    for cluster in clusters:
        arns = _strings(calls, "list_services", "serviceArns", SERVICE_PAGES, cluster=cluster)
        for start in range(0, len(arns), SERVICES_AT_ONCE):
            some = arns[start : start + SERVICES_AT_ONCE]
            answer = calls.ask("ecs", "describe_services", cluster=cluster, services=some)
            found += mappings(answer.get("services")) if answer else []
    shown = [_facts(one) for one in found]
    findings = [finding for one in found for finding in _findings(one)]
    return {"clusters": [_last(arn) for arn in clusters][:50], "count": len(shown), "services": shown}, findings


def _strings(calls: Calls, operation: str, name: str, at_most: int, **parameters: Any) -> list[str]:
    """Return a list of names, page by page."""
    found: list[str] = []
    token: dict[str, str] = {}
    for _ in range(at_most):
        answer = calls.ask("ecs", operation, maxResults=100, **parameters, **token) or {}
        page = answer.get(name)
        found += [one for one in page if isinstance(one, str)] if isinstance(page, list) else []
        following = answer.get("nextToken")
        if not isinstance(following, str) or not following:
            return found
        token = {"nextToken": following}
    calls.note_cut(f"ecs {operation}: more pages")
    return found


def _last(arn: Any) -> str:
    return words(arn, 300).rpartition("/")[2][:120]


def _count(one: dict[str, Any], key: str) -> int:
    return whole(one.get(key)) or 0


def _facts(one: dict[str, Any]) -> dict[str, Any]:
    deployments = [_deployment(each) for each in mappings(one.get("deployments"))[:3]]
    facts: dict[str, Any] = {
        "cluster": _last(one.get("clusterArn")),
        "service": words(one.get("serviceName"), 120),
        "status": words(one.get("status"), 30),
        "desired": _count(one, "desiredCount"),
        "running": _count(one, "runningCount"),
        "pending": _count(one, "pendingCount"),
        "task_definition": _last(one.get("taskDefinition")),
        "deployments": deployments,
    }
    if facts["running"] != facts["desired"] or len(deployments) > 1:
        facts["events"] = _events(one)[:EVENTS_LISTED]
    return facts


def _deployment(each: dict[str, Any]) -> dict[str, Any]:
    facts = {
        "status": words(each.get("status"), 30),
        "rollout": words(each.get("rolloutState"), 30),
        "task_definition": _last(each.get("taskDefinition")),
        "desired": _count(each, "desiredCount"),
        "running": _count(each, "runningCount"),
        "failed": _count(each, "failedTasks"),
        "since": words(each.get("createdAt"), 40),
        "reason": words(each.get("rolloutStateReason"), 200),
    }
    return {key: value for key, value in facts.items() if value != ""}


def _events(one: dict[str, Any]) -> list[str]:
    return [
        f"{words(event.get('createdAt'), 19)} {words(event.get('message'))}" for event in mappings(one.get("events"))
    ]


def _findings(one: dict[str, Any]) -> Iterator[Finding]:
    name = f"{_last(one.get('clusterArn'))}/{words(one.get('serviceName'), 120)}"
    desired, running = _count(one, "desiredCount"), _count(one, "runningCount")
    trouble = next((event for event in _events(one)[:5] if any(bad in event.lower() for bad in _BAD_EVENTS)), "")
    if running < desired:
        yield Finding(
            "too-few-tasks",
            "error" if running == 0 else "warning",
            f"{name} runs {running} of {desired} tasks." + (f" Last trouble: {trouble}" if trouble else ""),
            "It serves less than it should, or nothing.",
            "Read the events and the reason why its last tasks stopped; often image, memory, health check or capacity.",
            path=name,
        )
    for each in mappings(one.get("deployments")):
        yield from _rollout(each, name)


def _rollout(each: dict[str, Any], name: str) -> Iterator[Finding]:
    state, failed = each.get("rolloutState"), _count(each, "failedTasks")
    reason = words(each.get("rolloutStateReason"), 150)
    if state == "FAILED":
        yield Finding(
            "rollout-failed",
            "error",
            f"The rollout of {_last(each.get('taskDefinition'))} in {name} failed. {reason}".strip(),
            "The new version does not run.",
            "Look at the stopped tasks of this deployment, then deploy a version that starts.",
            path=name,
        )
    minutes = _minutes_since(each.get("createdAt"))
    if state == "IN_PROGRESS" and minutes is not None and minutes >= STUCK_MINUTES:
        yield Finding(
            "rollout-stuck",
            "error" if failed else "warning",
            f"The rollout of {_last(each.get('taskDefinition'))} in {name} has been going on for {minutes} minutes"
            + (f", with {failed} failed tasks." if failed else "."),
            "New tasks likely fail to start or to become healthy.",
            "Read the events; turn on the deployment circuit breaker with rollback so that it ends by itself.",
            path=name,
        )


def _minutes_since(value: Any) -> int | None:
    try:
        since = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if since is None:
        return None
    since = since if since.tzinfo else since.replace(tzinfo=UTC)
    return int((datetime.now(UTC) - since).total_seconds() // 60)
