"""Tell why pods do not run or are not ready; pods with the same trouble are told of once."""

import re
from collections.abc import Hashable
from datetime import datetime

from agent.tools.kubernetes.case import Case, Evidence
from agent.tools.kubernetes.causes_containers import ended_days_ago, explain_container
from agent.tools.kubernetes.causes_deletion import FINALIZERS_FIX
from agent.tools.kubernetes.causes_nodes import explain_node
from agent.tools.kubernetes.causes_scheduling import explain_scheduling
from agent.tools.kubernetes.causes_volumes import explain_claims, explain_mounts
from agent.tools.kubernetes.owners import template_mark, workload_of
from agent.tools.kubernetes.pod_status import (
    containers,
    init_containers,
    is_leaving,
    is_ready,
    ready_count,
    restarts,
    sidecars,
    state_word,
    status_word,
)
from agent.tools.kubernetes.reading import (
    Json,
    at,
    condition,
    count,
    flag,
    lasting,
    moment,
    name_of,
    rows,
    table,
    texts,
    words,
)
from agent.tools.kubernetes.resources import NODES, PODS

GROUPS_EXPLAINED = 8
STARTING_SECONDS = 30
# A pod may take its grace period to end, and its node some more time.
LEAVING_SECONDS = 120
_DIGITS = re.compile(r"\d+")


def explain_pods(case: Case, pods: list[Json], *, named: bool = False) -> None:
    """Explain each different trouble among the pods by one pod that has it; `named` says whose trouble it is."""
    groups: dict[Hashable, list[Json]] = {}
    now = case.cluster.now
    for pod in sorted(pods, key=lambda one: (is_ready(one), not is_in_trouble(one, now))):
        if is_in_trouble(pod, now) or _was_killed(pod):
            groups.setdefault(_trouble(pod), []).append(pod)
    named = named or len({workload_of(alike[0]) for alike in groups.values()}) > 1
    for alike in [*groups.values()][:GROUPS_EXPLAINED]:
        subject = " ".join(workload_of(alike[0])) if named else ""
        with case.about(subject, _alike(case, alike)):
            _explain_pod(case, alike[0])
    if left := [name_of(alike[0]) for alike in [*groups.values()][GROUPS_EXPLAINED:]]:
        case.fail(f"{len(left)} more kinds of trouble among the pods", f"such as that of pod {left[0]}")
    for pod in [pod for pod in pods if is_ready(pod)][:6]:
        ready, whole = ready_count(pod)
        fact = f"{status_word(pod)}, {ready}/{whole} containers ready, {restarts(pod)} restarts"
        case.good.append((f"Pod {name_of(pod)} status", fact))


def _alike(case: Case, pods: list[Json]) -> list[Evidence]:
    """Note and return which pods have the same trouble as the one that is explained."""
    if len(pods) == 1:
        return []
    names = ", ".join(name_of(one) for one in pods[:6])
    fact = f"{len(pods)} pods are {_trouble_word(pods[0])}: {names}"[:400]
    case.facts.setdefault("pods_alike", []).append(fact)
    return [("Pods with this trouble", fact)]


def is_in_trouble(pod: Json, now: datetime) -> bool:
    """Return whether the pod fails, or did so within the last day."""
    if words(pod, "status", "phase") == "Succeeded":
        return False
    return not is_ready(pod) or any(_restarts_often(one, now) for one in _statuses(pod))


def _statuses(pod: Json) -> list[Json]:
    return [*init_containers(pod), *containers(pod)]


def _restarts_often(status: Json, now: datetime) -> bool:
    """Return whether a container that runs now has ended in a way that is worth a look."""
    last = table(status, "lastState", "terminated")
    is_old = ended_days_ago(last, now) >= 1
    return bool(last) and not is_old and (words(last, "reason") == "OOMKilled" or count(status, "restartCount") >= 3)


def _was_killed(pod: Json) -> bool:
    """Return whether a pod that is well once took too much memory: worth knowing, however long ago it was."""
    return is_ready(pod) and any(
        words(one, "lastState", "terminated", "reason") == "OOMKilled" for one in _statuses(pod)
    )


def _trouble(pod: Json) -> Hashable:
    """Return what pods share that fail for the same reason, as far as their status tells."""
    failing = []
    for one in _statuses(pod):
        ended = table(one, "state", "terminated") or table(one, "lastState", "terminated")
        if ended or not flag(one, "ready"):
            code = (words(ended, "reason"), count(ended, "exitCode"))
            failing.append((words(one, "name"), state_word(one), *code))
    # What the scheduler says differs in numbers from one second to the next.
    said = _DIGITS.sub("", words(condition(pod, "PodScheduled"), "message", longest=900))
    return workload_of(pod), template_mark(pod), _trouble_word(pod), tuple(failing), said


def _trouble_word(pod: Json) -> str:
    return status_word(pod) if not is_ready(pod) else "restarted often"


def _explain_pod(case: Case, pod: Json) -> None:
    """Add why this pod does not run or is not ready."""
    case.note(f"Pod {name_of(pod)}")
    if is_ready(pod):
        _explain_containers(case, pod)  # It runs; only what its containers went through may be worth telling.
    elif is_leaving(pod):
        _explain_leaving(case, pod)
    elif not any(explains(case, pod) for explains in _STEPS):
        _explain_rest(case, pod)


_FORCE_FIX = (
    "See whether its node is reachable; as the last way out, delete it by force when it surely does not run any more."
)


def _explain_leaving(case: Case, pod: Json) -> None:
    since = moment(pod, "metadata", "deletionTimestamp")
    late = (case.cluster.now - since).total_seconds() if since else 0.0
    if late < LEAVING_SECONDS:
        return
    evidence = [(f"Pod {name_of(pod)} metadata", f"should have ended {lasting(late)} ago")]
    finalizers = texts(pod, "metadata", "finalizers")
    if finalizers:
        evidence.append((f"Pod {name_of(pod)} metadata", f"finalizers {', '.join(finalizers[:5])}"))
    if not _explain_by_node(case, pod):
        fix = FINALIZERS_FIX if finalizers else _FORCE_FIX
        case.add(f"Pod {name_of(pod)} does not end.", evidence, fix, severity="warning", confidence="medium")


_ENDS = {
    "Evicted": (
        "was evicted from its node",
        "Give it requests that fit what it uses, and look at what fills the node's memory or disk.",
    ),
    "Preempted": ("was displaced by a pod with a higher priority", "Add nodes, or give it a higher priorityClass."),
    "Preempting": ("was displaced by a pod with a higher priority", "Add nodes, or give it a higher priorityClass."),
    "DeadlineExceeded": ("ran longer than activeDeadlineSeconds", "Raise activeDeadlineSeconds, or make it faster."),
    "NodeAffinity": ("does not fit its node any more", "Correct nodeSelector or the labels of the node."),
    "NodeLost": ("was on a node that is gone", "Bring the node back or remove it from the cluster."),
    "Shutdown": ("ended when its node was shut down", "Nothing, if it was replaced."),
    "Terminated": ("ended when its node was shut down", "Nothing, if it was replaced."),
    "UnexpectedAdmissionError": ("was refused by its node", "Read the message: often a device or its plugin is gone."),
}


def _end(pod: Json) -> tuple[str, str] | None:
    """Return how a pod ended that its node gave up or never took, and what to do, or None."""
    reason, message = words(pod, "status", "reason", longest=60), words(pod, "status", "message", longest=250)
    if reason in _ENDS:
        return _ENDS[reason]
    if reason.startswith("OutOf"):
        what = f"was refused by its node, which has too little left of: {reason.removeprefix('OutOf')}"
        return what, "Delete it; it is scheduled anew."
    if words(pod, "status", "phase") != "Failed" or not (reason or message):
        return None
    what = "was refused by its node" if "rejected" in message else "has failed"
    said = ": ".join(part for part in (reason, message) if part)
    return (
        f"{what}: {said.rstrip('.')}",
        "Read the message; a pod that its node refused has to be deleted and made anew.",
    )


def _explain_end_of_pod(case: Case, pod: Json) -> bool:
    end = _end(pod)
    if end is None:
        return False
    what, fix = end
    reason = words(pod, "status", "reason", default="Failed", longest=60)
    message = words(pod, "status", "message", default="no message", longest=600)
    node = words(pod, "spec", "nodeName")
    evidence = [(f"Pod {name_of(pod)} status", f"{reason}: {message}")]
    # Such pods stay as leftovers after others have taken their place; then they hurt no more.
    replaced = case.facts.get("ready", 0) == case.facts.get("desired", -1)
    case.add(f"Pod {name_of(pod)} {what}.", evidence, fix, severity="info" if replaced else "warning")
    if node and not replaced:
        explain_node(case, case.one(NODES, node))
    return True


def _explain_containers(case: Case, pod: Json) -> bool:
    beside = sidecars(pod)
    along = [one for one in init_containers(pod) if words(one, "name") in beside]
    first = [one for one in init_containers(pod) if words(one, "name") not in beside]
    if any(explain_container(case, pod, status, init=True) for status in first):
        return True
    found = [explain_container(case, pod, status) for status in along]
    if _explain_waiting_for_init(case, pod, first):
        return True
    found += [explain_container(case, pod, status) for status in containers(pod)]
    return any(found)


def _explain_waiting_for_init(case: Case, pod: Json, first: list[Json]) -> bool:
    running = [one for one in first if table(one, "state", "running")]
    if not running:
        return False
    name, since = words(running[0], "name"), moment(running[0], "state", "running", "startedAt")
    lasted = (case.cluster.now - since).total_seconds() if since else 0.0
    evidence = [(f"Pod {name_of(pod)} init container {name} status", f"running for {lasting(lasted)}")]
    fix = f"Read its log (k8s_logs with container {name}); often it waits for another service."
    severity = "warning" if lasted > STARTING_SECONDS * 4 else "info"
    case.add(f"The pod waits for its init container {name}, which still runs.", evidence, fix, severity=severity)
    return True


def _explain_gates(case: Case, pod: Json) -> bool:
    missing = []
    for gate in rows(pod, "spec", "readinessGates"):
        type = words(gate, "conditionType")
        if condition(pod, type).get("status") != "True":
            missing.append(type)
    if not missing or condition(pod, "ContainersReady").get("status") != "True":
        return False
    evidence = [(f"Pod {name_of(pod)} spec", f"readinessGates {', '.join(missing)} not true; its containers are ready")]
    fix = "Look at the controller that sets this condition, such as a load balancer controller."
    case.add("The containers are ready, and a readiness gate keeps the pod from being so.", evidence, fix)
    return True


def _explain_by_node(case: Case, pod: Json) -> bool:
    """Add what is wrong with the pod's node, if something is."""
    name = words(pod, "spec", "nodeName", longest=260)
    return explain_node(case, case.one(NODES, name)) if name else False


def _explain_rest(case: Case, pod: Json) -> None:
    born = moment(pod, "metadata", "creationTimestamp")
    lived = (case.cluster.now - born).total_seconds() if born else float("inf")
    evidence = [(f"Pod {name_of(pod)} status", f"{status_word(pod)}, {lasting(min(lived, 1e9))} old")]
    evidence += [case.event_fact(one) for one in case.events(pod, PODS)[:3]]
    if lived < STARTING_SECONDS:
        case.add(f"Pod {name_of(pod)} is just starting.", evidence, "Ask again in a minute.", severity="info")
        return
    ready = condition(pod, "Ready")
    if at(ready, "message"):
        evidence.append((f"Pod {name_of(pod)} condition Ready", words(ready, "message")))
    why = "what could be looked at does not say why" if case.has_gaps else "nothing says why"
    cause = f"Pod {name_of(pod)} is {status_word(pod)} and not ready; {why}."
    fix = "Look at its log and at the kubelet of its node."
    case.add(cause, evidence, fix, severity="warning", confidence="low")


# In the order of a pod's life; the first that finds something has the cause, and the others only what follows from it.
_STEPS = (
    _explain_end_of_pod,
    explain_scheduling,
    _explain_containers,
    explain_claims,
    explain_mounts,
    _explain_gates,
    _explain_by_node,
)
