"""Tell why pods do not run or are not ready; pods with the same trouble are told of once."""

from agent.tools.kubernetes.case import Case
from agent.tools.kubernetes.causes_containers import explain_container
from agent.tools.kubernetes.causes_nodes import explain_node
from agent.tools.kubernetes.causes_scheduling import explain_scheduling
from agent.tools.kubernetes.causes_volumes import explain_claims, explain_mounts
from agent.tools.kubernetes.pod_status import (
    containers,
    init_containers,
    is_leaving,
    is_ready,
    ready_count,
    restarts,
    status_word,
)
from agent.tools.kubernetes.reading import (
    Json,
    at,
    condition,
    count,
    lasting,
    moment,
    name_of,
    rows,
    table,
    texts,
    words,
)
from agent.tools.kubernetes.resources import NODES, PODS

GROUPS_EXPLAINED = 4
STARTING_SECONDS = 30
# A pod may take its grace period to end, and its node some more time.
LEAVING_SECONDS = 120


def explain_pods(case: Case, pods: list[Json]) -> None:
    """Explain each different trouble among the pods, by one pod that has it."""
    groups: dict[str, list[Json]] = {}
    for pod in pods:
        if is_in_trouble(pod):
            groups.setdefault(_trouble(pod), []).append(pod)
    for trouble, alike in [*groups.items()][:GROUPS_EXPLAINED]:
        if len(alike) > 1:
            names = ", ".join(name_of(one) for one in alike[:6])
            case.facts.setdefault("pods_alike", []).append(f"{len(alike)} pods are {trouble}: {names}"[:400])
        explain_pod(case, alike[0])
    good = [pod for pod in pods if is_ready(pod)]
    for pod in good[:6]:
        ready, whole = ready_count(pod)
        fact = f"{status_word(pod)}, {ready}/{whole} containers ready, {restarts(pod)} restarts"
        case.good.append((f"Pod {name_of(pod)} status", fact))


def is_in_trouble(pod: Json) -> bool:
    """Return whether something about the pod needs an explanation."""
    if words(pod, "status", "phase") == "Succeeded":
        return False
    if not is_ready(pod):
        return True
    return any(restarts_often(one) for one in [*containers(pod), *init_containers(pod)])


def restarts_often(status: Json) -> bool:
    """Return whether a container that runs now has ended in a way that is worth a look."""
    last = table(status, "lastState", "terminated")
    return words(last, "reason") == "OOMKilled" or (bool(last) and count(status, "restartCount") >= 3)


def _trouble(pod: Json) -> str:
    """Return what pods with the same trouble share."""
    return status_word(pod) if not is_ready(pod) else "restarted often"


def explain_pod(case: Case, pod: Json) -> None:
    """Add why this pod does not run or is not ready."""
    case.note(f"Pod {name_of(pod)}")
    if not is_in_trouble(pod):
        return
    if is_ready(pod):
        _explain_containers(case, pod)  # It runs; only what its containers went through may be worth telling.
    elif is_leaving(pod):
        _explain_leaving(case, pod)
    elif not any(explains(case, pod) for explains in _STEPS):
        _explain_rest(case, pod)


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
        fix = "Find the controller of its finalizers" if finalizers else "See whether its node is reachable"
        fix += "; as the last way out, delete it by force when it surely does not run any more."
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
    "OutOfcpu": ("was refused by its node, which has too little cpu left", "Delete it; it is scheduled anew."),
    "OutOfmemory": ("was refused by its node, which has too little memory left", "Delete it; it is scheduled anew."),
}


def _explain_end_of_pod(case: Case, pod: Json) -> bool:
    reason = words(pod, "status", "reason", longest=60)
    if reason not in _ENDS:
        return False
    what, fix = _ENDS[reason]
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
    for status in init_containers(pod):
        if explain_container(case, pod, status, init=True):
            return True
    if _explain_waiting_for_init(case, pod):
        return True
    found = [explain_container(case, pod, status) for status in containers(pod)]
    return any(found)


def _explain_waiting_for_init(case: Case, pod: Json) -> bool:
    sidecars = {
        words(one, "name") for one in rows(pod, "spec", "initContainers") if one.get("restartPolicy") == "Always"
    }
    running = [
        one for one in init_containers(pod) if table(one, "state", "running") and words(one, "name") not in sidecars
    ]
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
    cause = f"Pod {name_of(pod)} is {status_word(pod)} and not ready; nothing says why."
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
