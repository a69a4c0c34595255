"""Tell what autoscalers and disruption budgets do to a workload."""

from agent.tools.kubernetes.case import Case, Evidence
from agent.tools.kubernetes.columns_workloads import metrics
from agent.tools.kubernetes.reading import Json, at, clean, condition, count, name_of, table, whole, words
from agent.tools.kubernetes.resources import AUTOSCALERS, BUDGETS, Resource
from agent.tools.kubernetes.selecting import selects


def explain_autoscalers(case: Case, kind: Resource, workload: str) -> None:
    """Add what is wrong with the autoscalers of a workload."""
    for one in case.several(AUTOSCALERS).items:
        about = table(one, "spec", "scaleTargetRef")
        if words(about, "kind") == kind.kind and words(about, "name", longest=260) == workload:
            explain_autoscaler(case, one)


def explain_autoscaler(case: Case, autoscaler: Json) -> None:
    """Add why an autoscaler does not scale, or scales no further."""
    name = name_of(autoscaler)
    least, most = whole(autoscaler, "spec", "minReplicas") or 1, count(autoscaler, "spec", "maxReplicas")
    measured = ", ".join(metrics(autoscaler)) or "no metrics"
    now = count(autoscaler, "status", "currentReplicas")
    case.facts["autoscaler"] = f"{name}: min {least}, max {most}, now {now}, {measured}"
    able, active, limited = (condition(autoscaler, type) for type in ("AbleToScale", "ScalingActive", "ScalingLimited"))
    if active.get("status") == "False" and words(active, "reason") != "ScalingDisabled":
        fix = "See whether metrics-server (or the metrics adapter) runs, and whether all containers have cpu requests."
        case.add(
            f"Autoscaler {name} cannot measure, so it does not scale.", [_fact(name, active)], fix, severity="warning"
        )
    if able.get("status") == "False":
        fix = "Correct scaleTargetRef, or wait until its stabilization time is over."
        case.add(f"Autoscaler {name} cannot scale its target.", [_fact(name, able)], fix, severity="warning")
    if limited.get("status") == "True" and words(limited, "reason") == "TooManyReplicas":
        evidence: list[Evidence] = [_fact(name, limited), (f"HorizontalPodAutoscaler {name} status", measured)]
        fix = "Raise maxReplicas, give each pod more, or find out why the load is so high."
        cause = f"Autoscaler {name} wants more than its maximum of {most} pods."
        case.add(cause, evidence, fix, severity="warning")
    case.good.append((f"HorizontalPodAutoscaler {name} status", f"{now} pods, {measured}"))


def _fact(name: str, found: Json) -> Evidence:
    source = f"HorizontalPodAutoscaler {name} condition {words(found, 'type')}"
    return source, f"{words(found, 'reason')}: {words(found, 'message', default='no message')}"


def explain_budgets(case: Case, labels: dict[str, str]) -> None:
    """Add that a disruption budget lets no pod be evicted."""
    for one in case.several(BUDGETS).items:
        if selects(table(one, "spec", "selector"), labels):
            explain_budget(case, one)


def explain_budget(case: Case, budget: Json) -> None:
    """Add that this budget lets no pod be evicted, if so."""
    name, status = name_of(budget), table(budget, "status")
    least, most = at(budget, "spec", "minAvailable"), at(budget, "spec", "maxUnavailable")
    rule = f"minAvailable {clean(str(least), 10)}" if least is not None else f"maxUnavailable {clean(str(most), 10)}"
    healthy, needed = count(status, "currentHealthy"), count(status, "desiredHealthy")
    facts = f"{rule}, {healthy} healthy, {needed} needed, {count(status, 'disruptionsAllowed')} may be disrupted"
    case.good.append((f"PodDisruptionBudget {name} status", facts))
    if count(status, "disruptionsAllowed") == 0 and count(status, "expectedPods"):
        fix = "Run more replicas than the budget needs, or loosen the budget; rollouts and scaling are not affected."
        cause = f"Disruption budget {name} lets no pod be evicted now, so draining a node waits."
        case.add(cause, [(f"PodDisruptionBudget {name} status", facts)], fix, severity="info")
