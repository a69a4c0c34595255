"""Say what scaling or restarting a deployment would change, by reading only.

Each line tells what is wanted, not what happens to run, so that it stays the same while nobody changes anything.
"""

from collections.abc import Callable, Mapping
from typing import Any

from agent.tools.kubernetes.answers import ApiError
from agent.tools.kubernetes.client import Cluster
from agent.tools.kubernetes.columns_workloads import images
from agent.tools.kubernetes.reading import Json, at, clean, count, flag, name_of, table, whole, words
from agent.tools.kubernetes.resources import AUTOSCALERS, BUDGETS
from agent.tools.kubernetes.selecting import selects, template_labels
from agent.types import Change, Preview, ToolError

Given = Mapping[str, Any]


def where(deployment: Json) -> tuple[str, str]:
    """Return a deployment's namespace and name."""
    return words(deployment, "metadata", "namespace"), name_of(deployment)


def target_of(deployment: Json, cluster: Cluster) -> str:
    """Return what would be written to, exactly."""
    namespace, name = where(deployment)
    return f"deployment {name} in namespace {namespace} on cluster {cluster.title}"


def replicas_of(deployment: Json) -> int:
    """Return how many pods a deployment should have."""
    wanted = whole(deployment, "spec", "replicas")
    return 1 if wanted is None else wanted


def scale_preview(given: Given, cluster: Cluster, deployment: Json) -> Preview:
    """Return what scaling would change; raises ToolError if it is nothing."""
    before, after = replicas_of(deployment), given["replicas"]
    if before == after:
        raise ToolError(f"Nothing to change: {target_of(deployment, cluster)} already has replicas {before}.")
    lines = [Change("replicas", str(before), str(after))]
    if after == 0:
        lines.append(Change("traffic", "served by its pods", "serves no traffic: no pod is left"))
    if flag(deployment, "spec", "paused"):
        lines.append(Change("rollout", "paused", "stays paused; the number of pods changes all the same"))
    lines += [_autoscaler_line(one, after) for one in _autoscalers(deployment, cluster)]
    if after < before:
        lines += [_budget_line(one) for one in _budgets(deployment, cluster)]
    return Preview(target_of(deployment, cluster), tuple(lines))


def restart_preview(_given: Given, cluster: Cluster, deployment: Json) -> Preview:
    """Return what a restart would change; raises ToolError if it would do nothing."""
    replicas = replicas_of(deployment)
    target = target_of(deployment, cluster)
    if flag(deployment, "spec", "paused"):
        raise ToolError(f"The rollout of {target} is paused, so a restart would do nothing. Resume it first.")
    if replicas == 0:
        raise ToolError(f"Nothing to restart: {target} has replicas 0.")
    noun = "pod" if replicas == 1 else "pods"
    lines = [Change("pods", f"{replicas} {noun} of {images(deployment)}", f"all replaced, {_pace(deployment)}")]
    if words(deployment, "spec", "strategy", "type") == "Recreate":
        lines.append(Change("traffic", "served by its pods", "interrupted: strategy Recreate stops all pods first"))
    return Preview(target, tuple(lines))


def _pace(deployment: Json) -> str:
    strategy = table(deployment, "spec", "strategy")
    if words(strategy, "type") == "Recreate":
        return "all at once"
    surge, down = at(strategy, "rollingUpdate", "maxSurge"), at(strategy, "rollingUpdate", "maxUnavailable")
    shown = [str(25) + "%" if part is None else clean(str(part), 10) for part in (surge, down)]
    return f"step by step (maxSurge {shown[0]}, maxUnavailable {shown[1]})"


def _autoscalers(deployment: Json, cluster: Cluster) -> list[Json]:
    namespace, name = where(deployment)
    return [
        one
        for one in _if_allowed(lambda: cluster.objects(*AUTOSCALERS.path(namespace)).items)
        if words(one, "spec", "scaleTargetRef", "kind") == "Deployment"
        and words(one, "spec", "scaleTargetRef", "name", longest=260) == name
    ]


def _autoscaler_line(autoscaler: Json, after: int) -> Change:
    least, most = whole(autoscaler, "spec", "minReplicas") or 1, count(autoscaler, "spec", "maxReplicas")
    effect = "may change it again by load" if least <= after <= most else "will set it back into its bounds"
    if after == 0:
        effect = "stands still while replicas is 0"
    return Change(f"autoscaler {name_of(autoscaler)}", f"min {least}, max {most}", effect)


def _budgets(deployment: Json, cluster: Cluster) -> list[Json]:
    namespace, _ = where(deployment)
    found = _if_allowed(lambda: cluster.objects(*BUDGETS.path(namespace)).items)
    return [one for one in found if selects(table(one, "spec", "selector"), template_labels(deployment))]


def _budget_line(budget: Json) -> Change:
    least, most = at(budget, "spec", "minAvailable"), at(budget, "spec", "maxUnavailable")
    rule = f"minAvailable {clean(str(least), 10)}" if least is not None else f"maxUnavailable {clean(str(most), 10)}"
    return Change(f"disruption budget {name_of(budget)}", rule, "does not hold scaling down back")


def _if_allowed(read: Callable[[], list[Json]]) -> list[Json]:
    """Return what was read, or nothing if the credentials may not read it or the cluster does not have it."""
    try:
        return read()
    except ApiError as error:
        if error.status in (403, 404):
            return []
        raise
