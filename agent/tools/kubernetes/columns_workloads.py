"""Show pods and what makes them as kubectl does: deployments, sets, jobs, autoscalers and budgets."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from agent.tools.kubernetes.pod_status import containers, init_containers, ready_count, restarts, status_word
from agent.tools.kubernetes.reading import (
    Json,
    age,
    at,
    clean,
    condition,
    count,
    flag,
    moment,
    rows,
    table,
    whole,
    words,
)

Cell = str | int
Columns = Callable[[Json, datetime], dict[str, Cell]]
_NAMES_SHOWN = 4


def _pod(pod: Json, now: datetime) -> dict[str, Cell]:
    ready, whole_ = ready_count(pod)
    times = restarts(pod)
    ended = [
        moment(one, "lastState", "terminated", "finishedAt") for one in [*containers(pod), *init_containers(pod)] if one
    ]
    last = max((one for one in ended if one), default=None)
    return {
        "ready": f"{ready}/{whole_}",
        "status": status_word(pod),
        "restarts": f"{times} ({age(last, now)} ago)" if times and last else times,
        "node": words(pod, "spec", "nodeName", default="<none>"),
    }


def images(found: Json) -> str:
    """Return the images of a workload's template."""
    return some([words(one, "image") for one in rows(found, "spec", "template", "spec", "containers")])


def some(names: list[str]) -> str:
    """Return the first few names and how many more there are."""
    hidden = len(names) - _NAMES_SHOWN
    return ",".join(names[:_NAMES_SHOWN]) + (f" + {hidden} more" if hidden > 0 else "") or "<none>"


def _deployment(found: Json, _now: datetime) -> dict[str, Cell]:
    status = table(found, "status")
    wanted = whole(found, "spec", "replicas")
    return {
        "ready": f"{count(status, 'readyReplicas')}/{1 if wanted is None else wanted}",
        "up_to_date": count(status, "updatedReplicas"),
        "available": count(status, "availableReplicas"),
        "images": images(found),
    }


def _replicaset(found: Json, _now: datetime) -> dict[str, Cell]:
    status = table(found, "status")
    return {
        "desired": count(found, "spec", "replicas"),
        "current": count(status, "replicas"),
        "ready": count(status, "readyReplicas"),
        "images": images(found),
    }


def _statefulset(found: Json, _now: datetime) -> dict[str, Cell]:
    wanted = whole(found, "spec", "replicas")
    ready = count(found, "status", "readyReplicas")
    return {"ready": f"{ready}/{1 if wanted is None else wanted}", "images": images(found)}


def _daemonset(found: Json, _now: datetime) -> dict[str, Cell]:
    status = table(found, "status")
    return {
        "desired": count(status, "desiredNumberScheduled"),
        "current": count(status, "currentNumberScheduled"),
        "ready": count(status, "numberReady"),
        "up_to_date": count(status, "updatedNumberScheduled"),
        "available": count(status, "numberAvailable"),
        "images": images(found),
    }


def _job(found: Json, now: datetime) -> dict[str, Cell]:
    state = "Running"
    for type in ("Complete", "Failed", "Suspended"):
        if condition(found, type).get("status") == "True":
            state = type
    began, ended = moment(found, "status", "startTime"), moment(found, "status", "completionTime")
    done, wanted = count(found, "status", "succeeded"), whole(found, "spec", "completions")
    lasted = age(began, ended or now) if began else ""
    return {"status": state, "completions": f"{done}/{1 if wanted is None else wanted}", "duration": lasted}


def _cronjob(found: Json, now: datetime) -> dict[str, Cell]:
    last = moment(found, "status", "lastScheduleTime")
    return {
        "schedule": words(found, "spec", "schedule"),
        "timezone": words(found, "spec", "timeZone", default="<none>"),
        "suspend": str(flag(found, "spec", "suspend")),
        "active": len(rows(found, "status", "active")),
        "last_schedule": age(last, now) if last else "<none>",
    }


def _autoscaler(found: Json, _now: datetime) -> dict[str, Cell]:
    about = table(found, "spec", "scaleTargetRef")
    return {
        "reference": f"{words(about, 'kind')}/{words(about, 'name')}",
        "targets": ", ".join(metrics(found)) or "<none>",
        "min": whole(found, "spec", "minReplicas") or 1,
        "max": count(found, "spec", "maxReplicas"),
        "replicas": count(found, "status", "currentReplicas"),
    }


def metrics(autoscaler: Json) -> list[str]:
    """Return what an autoscaler measures and wants, such as `cpu: 83%/70%`."""
    shown = []
    for index, wanted in enumerate(rows(autoscaler, "spec", "metrics")[:6]):
        current = rows(autoscaler, "status", "currentMetrics")[index : index + 1]
        source = words(wanted, "type").lower()
        name = words(wanted, "resource", "name") or source
        goal = _amount(table(wanted, source, "target"))
        shown.append(f"{name}: {_amount(table(current[0], source, 'current')) if current else '<unknown>'}/{goal}")
    return shown


def _amount(value: Json) -> str:
    share = whole(value, "averageUtilization")
    if share is not None:
        return f"{share}%"
    return words(value, "averageValue") or words(value, "value") or "<unknown>"


def _budget(found: Json, _now: datetime) -> dict[str, Cell]:
    return {
        "min_available": _either(at(found, "spec", "minAvailable")),
        "max_unavailable": _either(at(found, "spec", "maxUnavailable")),
        "allowed_disruptions": count(found, "status", "disruptionsAllowed"),
    }


def _either(value: Any) -> str:
    return clean(str(value), 20) if isinstance(value, str | int) and not isinstance(value, bool) else "N/A"


WORKLOADS: dict[str, Columns] = {
    "pods": _pod,
    "deployments": _deployment,
    "replicasets": _replicaset,
    "statefulsets": _statefulset,
    "daemonsets": _daemonset,
    "jobs": _job,
    "cronjobs": _cronjob,
    "horizontalpodautoscalers": _autoscaler,
    "poddisruptionbudgets": _budget,
}
