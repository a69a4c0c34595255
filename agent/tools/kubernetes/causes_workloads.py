"""Tell why a deployment, stateful set, daemon set or replica set does not have the pods that it should have."""

from agent.tools.kubernetes.case import Case, Evidence, Found
from agent.tools.kubernetes.causes_admission import explain_refusal
from agent.tools.kubernetes.causes_pods import explain_pods
from agent.tools.kubernetes.causes_scaling import explain_autoscalers, explain_budgets
from agent.tools.kubernetes.columns_workloads import images
from agent.tools.kubernetes.owners import owned, workload_of
from agent.tools.kubernetes.reading import Json, at, condition, count, flag, labels, name_of, table, whole, words
from agent.tools.kubernetes.resources import DAEMONSETS, DEPLOYMENTS, PODS, REPLICASETS, STATEFULSETS, Resource
from agent.tools.kubernetes.selecting import written

_REVISION = "deployment.kubernetes.io/revision"


def wanted(workload: Json, kind: Resource) -> int:
    """Return how many pods the workload should have."""
    if kind is DAEMONSETS:
        return count(workload, "status", "desiredNumberScheduled")
    replicas = whole(workload, "spec", "replicas")
    return 1 if replicas is None else replicas


def explain_workload(case: Case, kind: Resource, workload: Json) -> None:
    """Follow a workload down to its containers and add what keeps it from its pods."""
    name, desired = name_of(workload), wanted(workload, kind)
    _add_facts(case, kind, workload)
    pods = _pods(case, kind, workload)
    if desired == 0:
        what = "should run on no node" if kind is DAEMONSETS else "is scaled to zero, so it has no pods"
        evidence = [(f"{kind.kind} {name} spec", "replicas: 0" if kind is not DAEMONSETS else "0 nodes fit")]
        fix = "Scale it up." if kind is not DAEMONSETS else "Check nodeSelector and tolerations."
        case.add(f"{kind.kind} {name} {what}.", evidence, fix, severity="warning")
        return
    refused = _explain_refused_pods(case, kind, workload)
    explain_pods(case, pods.items)
    if not pods.items and pods.whole and not refused:
        _explain_no_pods(case, kind, workload)
    _explain_rollout(case, kind, workload, desired)
    if kind in (DEPLOYMENTS, STATEFULSETS):
        explain_autoscalers(case, kind, name)
        explain_budgets(case, labels(workload, "spec", "template", "metadata", "labels"))
    _explain_shortage(case, kind, workload, desired)


def _add_facts(case: Case, kind: Resource, workload: Json) -> None:
    status, desired = table(workload, "status"), wanted(workload, kind)
    ready = count(status, "numberReady") if kind is DAEMONSETS else count(status, "readyReplicas")
    case.facts |= {"desired": desired, "ready": ready, "image": images(workload)}
    if kind is DEPLOYMENTS:
        case.facts["revision"] = labels(workload, "metadata", "annotations").get(_REVISION, "")[:20]
    case.good.append((f"{kind.kind} {name_of(workload)} status", f"{ready} of {desired} pods are ready"))


def _pods(case: Case, kind: Resource, workload: Json) -> Found:
    """Return the workload's pods; of a deployment only those of the replica sets that it uses."""
    name = name_of(workload)
    found = case.several(PODS, labels=written(table(workload, "spec", "selector")), decides=True)
    if kind is not DEPLOYMENTS:
        return Found(owned(found.items, kind, name), found.whole)
    mine = [one for one in found.items if workload_of(one) == (kind.kind, name)]
    sets = _replica_sets(case, workload)
    if sets.whole:
        used = [one for one in sets.items if count(one, "status", "replicas") or count(one, "spec", "replicas")]
        case.facts["replica_sets"] = [
            f"{name_of(one)}: {count(one, 'status', 'readyReplicas')}/{count(one, 'spec', 'replicas')} ready"
            for one in used[:5]
        ]
        mine = [one for one in found.items if any(owned([one], REPLICASETS, name_of(owner)) for owner in used)]
    return Found(mine, found.whole)


def _replica_sets(case: Case, deployment: Json) -> Found:
    found = case.several(REPLICASETS, labels=written(table(deployment, "spec", "selector")))
    return Found(owned(found.items, DEPLOYMENTS, name_of(deployment)), found.whole)


def _explain_refused_pods(case: Case, kind: Resource, workload: Json) -> bool:
    """Add why the API refuses to make the pods, if it does."""
    failure = condition(workload, "ReplicaFailure")
    name = name_of(workload)
    evidence: list[Evidence] = []
    message = ""
    if failure.get("status") == "True":
        message = words(failure, "message", longest=1500)
        evidence.append((f"{kind.kind} {name} condition ReplicaFailure", f"{words(failure, 'reason')}: {message}"))
    makers = [(workload, kind)]
    if kind is DEPLOYMENTS:
        sets = _replica_sets(case, workload).items
        makers = [(one, REPLICASETS) for one in sets if count(one, "spec", "replicas")]
    for maker, its_kind in makers[:3]:
        # Without the condition a failed creation may be an old one, so it counts only while pods are missing.
        short = count(maker, "status", "replicas") < count(maker, "spec", "replicas")
        event = case.warning(maker, its_kind, "FailedCreate") if failure or short or its_kind is not REPLICASETS else {}
        if event and (failure or short or _is_short(workload, kind)):
            evidence.append(case.event_fact(event))
            message = message or words(event, "message", longest=1500)
    if message:
        explain_refusal(case, message, evidence, "New pods")
    return bool(message)


def _is_short(workload: Json, kind: Resource) -> bool:
    status = table(workload, "status")
    made = count(status, "currentNumberScheduled") if kind is DAEMONSETS else count(status, "replicas")
    return made < wanted(workload, kind)


def _explain_no_pods(case: Case, kind: Resource, workload: Json) -> None:
    name = name_of(workload)
    evidence = [(f"{kind.kind} {name} status", f"{wanted(workload, kind)} pods are wanted and none exists")]
    if count(workload, "metadata", "generation") > count(workload, "status", "observedGeneration"):
        fix = "See whether the controller manager of the cluster runs."
        case.add(f"The cluster has not taken up the last change of {name} yet.", evidence, fix, severity="warning")
    elif flag(workload, "spec", "paused"):
        fix = f"Resume it: kubectl rollout resume deployment {name}."
        case.add(f"The rollout of {name} is paused, and no pod was ever made.", evidence, fix)
    else:
        case.add(
            f"{kind.kind} {name} has no pods, and nothing says why.",
            [*evidence, *[case.event_fact(one) for one in case.events(workload, kind)[:3]]],
            "Look at the events of the namespace and at the controller manager.",
            confidence="low",
        )


def _explain_rollout(case: Case, kind: Resource, workload: Json, desired: int) -> None:
    """Add that a rollout is stuck or paused; the causes of its pods stand beside it."""
    name, updated = name_of(workload), count(workload, "status", "updatedReplicas")
    progress = condition(workload, "Progressing")
    if progress.get("reason") == "ProgressDeadlineExceeded":
        evidence = [(f"{kind.kind} {name} condition Progressing", words(progress, "message") or "deadline exceeded")]
        evidence.append((f"{kind.kind} {name} status", f"{updated} of {desired} pods are updated"))
        fix = f"Remove the cause, or go back: kubectl rollout undo deployment {name}."
        cause = f"The rollout of {name} is stuck: its progress deadline is exceeded."
        case.facts["rollout"] = "stuck"
        # It names no reason of its own where the pods do.
        severity = "warning" if case.causes else "critical"
        case.add(cause, evidence, fix, severity=severity)
    elif flag(workload, "spec", "paused"):
        evidence = [(f"{kind.kind} {name} spec", "paused: true"), (f"{kind.kind} {name} status", f"{updated} updated")]
        fix = f"Resume it: kubectl rollout resume deployment {name}."
        case.facts["rollout"] = "paused"
        severity = "warning" if updated < desired else "info"
        case.add(
            f"The rollout of {name} is paused, so changes do not reach its pods.", evidence, fix, severity=severity
        )
    elif kind is not DAEMONSETS and "updatedReplicas" in table(workload, "status"):
        ready = case.facts.get("ready", 0)
        is_done = updated >= desired and ready >= desired
        case.facts["rollout"] = "complete" if is_done else f"{updated} of {desired} pods updated, {ready} ready"


def _explain_shortage(case: Case, kind: Resource, workload: Json, desired: int) -> None:
    """Never call a workload healthy that lacks ready pods."""
    ready = case.facts.get("ready", 0)
    if ready >= desired or any(one.severity != "info" for one in case.causes):
        return
    name = name_of(workload)
    evidence = [(f"{kind.kind} {name} status", f"{ready} of {desired} pods are ready")]
    available = condition(workload, "Available")
    if at(available, "message"):
        evidence.append((f"{kind.kind} {name} condition Available", words(available, "message")))
    fix = "Ask again in a minute; if it stays, look at the pods that are not ready."
    case.add(
        f"{kind.kind} {name} has fewer ready pods than it should.", evidence, fix, severity="warning", confidence="low"
    )
