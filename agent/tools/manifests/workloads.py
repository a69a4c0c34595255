"""Judge workloads: selectors, rollouts, budgets, autoscalers and schedules."""

import re
from collections.abc import Iterable, Sequence

from agent.lint import Report, dig, mapping, sequence, text
from agent.schedules import first_runs, problem_of
from agent.tools.manifests.objects import SCALABLE, KObject, Pod, selects

# More workloads than anyone gives at once; each budget is compared with each.
_PODS_COMPARED = 100
_MACROS = {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
_EVERY = re.compile(r"@every \d+[\dhms.]*")


def check_workloads(report: Report, objects: Sequence[KObject], pods: Sequence[Pod]) -> None:
    """Report what is wrong with the objects that make, scale or protect pods."""
    for pod in pods:
        _selector(report, pod)
    for one in objects:
        if one.kind == "Deployment":
            _rollout(report, one)
        elif one.kind == "StatefulSet":
            _stateful(report, one, objects)
        elif one.kind == "CronJob":
            _cron(report, one)
        elif one.kind == "PodDisruptionBudget":
            _budget(report, one, pods)
        elif one.kind == "HorizontalPodAutoscaler":
            _autoscaler(report, one, pods)


def _selector(report: Report, pod: Pod) -> None:
    one = pod.owner
    if one.kind == "ReplicationController":
        selector = one.dig("spec", "selector")
        wrong = isinstance(selector, dict) and not selects({"matchLabels": selector}, pod.labels)
    elif one.kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"):
        selector = one.dig("spec", "selector")
        wrong = isinstance(selector, dict) and not selects(selector, pod.labels)
    else:
        return
    if wrong:
        message = f"The selector of {one.label} does not match the labels of its own template."
        _add(report, "selector-mismatch", one, ("spec", "selector"), message)


def _rollout(report: Report, one: KObject) -> None:
    strategy = mapping(one.dig("spec", "strategy"))
    if strategy.get("type") == "Recreate" and strategy.get("rollingUpdate") is not None:
        message = "`Recreate` and `rollingUpdate` exclude each other."
        _add(report, "rolling-update-unused", one, ("spec", "strategy", "rollingUpdate"), message)
    rolling = mapping(one.dig("spec", "strategy", "rollingUpdate"))
    if {str(rolling.get(key)).rstrip("%") for key in ("maxSurge", "maxUnavailable")} == {"0"}:
        message = "`maxSurge` and `maxUnavailable` are both 0, so no pod can be replaced."
        _add(report, "rolling-update-stuck", one, ("spec", "strategy", "rollingUpdate"), message)


def _stateful(report: Report, one: KObject, objects: Iterable[KObject]) -> None:
    name = text(one.dig("spec", "serviceName"))
    if not name:
        _add(report, "no-service-name", one, ("spec",), f"{one.label} names no governing Service.")
        return
    for service in objects:
        same = service.kind == "Service" and service.name == name and service.namespace == one.namespace
        if same and service.dig("spec", "clusterIP") != "None":
            message = f"The Service `{name[:60]}` of {one.label} is not headless."
            _add(report, "service-not-headless", one, ("spec", "serviceName"), message)


def _cron(report: Report, one: KObject) -> None:
    schedule = one.dig("spec", "schedule")
    plain = text(schedule).strip()
    if isinstance(schedule, str) and plain not in _MACROS and not _EVERY.fullmatch(plain):
        # Kubernetes takes `?` for any day, as Quartz does.
        fields = plain.replace("?", "*")
        has_zone = plain.startswith(("CRON_TZ", "TZ"))
        problem = "the time zone belongs into `spec.timeZone`" if has_zone else problem_of(fields)
        if problem:
            message = f"The schedule `{schedule[:60]}` is invalid: {problem}."
            _add(report, "invalid-schedule", one, ("spec", "schedule"), message)
        elif not first_runs(fields, 1):
            message = f"The schedule `{schedule[:60]}` never comes: no date matches."
            _add(report, "never-runs", one, ("spec", "schedule"), message)
    if one.dig("spec", "concurrencyPolicy") in (None, "Allow"):
        _add(report, "concurrency-policy", one, ("spec",), f"{one.label} lets runs overlap.")


def _budget(report: Report, one: KObject, pods: Sequence[Pod]) -> None:
    least, most = one.dig("spec", "minAvailable"), one.dig("spec", "maxUnavailable")
    if str(most) in ("0", "0%") or str(least) == "100%":
        key = "maxUnavailable" if str(most) in ("0", "0%") else "minAvailable"
        _add(report, "pdb-blocks", one, ("spec", key), f"{one.label} allows no pod to be evicted.")
        return
    selector = one.dig("spec", "selector")
    for pod in pods[:_PODS_COMPARED]:
        owner = pod.owner
        guarded = owner.kind in SCALABLE and owner.namespace == one.namespace and selects(selector, pod.labels)
        replicas = owner.dig("spec", "replicas")
        replicas = 1 if replicas is None else replicas
        if guarded and isinstance(selector, dict) and isinstance(least, int) and isinstance(replicas, int):
            if least >= replicas > 0:
                message = f"{one.label} keeps {least} of the {replicas} replicas of {owner.label}."
                _add(report, "pdb-blocks", one, ("spec", "minAvailable"), message)


def _autoscaler(report: Report, one: KObject, pods: Iterable[Pod]) -> None:
    least, most = one.dig("spec", "minReplicas"), one.dig("spec", "maxReplicas")
    if isinstance(least, int) and isinstance(most, int) and least > most:
        message = f"`minReplicas` {least} is above `maxReplicas` {most}."
        _add(report, "hpa-bounds", one, ("spec", "minReplicas"), message)
    elif isinstance(most, int) and most < 1:
        _add(report, "hpa-bounds", one, ("spec", "maxReplicas"), f"`maxReplicas` is {most}.")
    target = mapping(one.dig("spec", "scaleTargetRef"))
    for pod in pods:
        owner = pod.owner
        wanted = (target.get("kind"), target.get("name"), one.namespace)
        if (owner.kind, owner.name, owner.namespace) != wanted:
            continue
        if owner.dig("spec", "replicas") is not None:
            message = f"{owner.label} sets `replicas`, and {one.label} changes them."
            _add(report, "hpa-and-replicas", owner, ("spec", "replicas"), message)
        for resource in _by_utilization(one):
            lacking = [container.name for container in pod.containers() if _asks_nothing(container.value, resource)]
            if lacking:
                names = ", ".join(f"`{name}`" for name in lacking[:5])
                message = f"{one.label} scales by {resource} utilization, and {names} of {owner.label} requests none."
                _add(report, "hpa-without-requests", one, ("spec",), message)


def _by_utilization(one: KObject) -> list[str]:
    """Return the resources that the autoscaler measures as a share of the request."""
    found = ["cpu"] if one.dig("spec", "targetCPUUtilizationPercentage") is not None else []
    for metric in sequence(one.dig("spec", "metrics")):
        resource = mapping(dig(metric, "resource"))
        if dig(resource, "target", "type") == "Utilization" or "targetAverageUtilization" in resource:
            found.append(text(resource.get("name")))
    return [name for name in dict.fromkeys(found) if name]


def _asks_nothing(container: object, resource: str) -> bool:
    return all(dig(container, "resources", side, resource) is None for side in ("requests", "limits"))


def _add(report: Report, rule: str, one: KObject, keys: Sequence[str | int], message: str) -> None:
    report.add(rule, one.document, one.at(*keys), message, owner=one.label)
