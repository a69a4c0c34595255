"""Find out why something in a cluster fails: follow it down to its containers and name causes with their evidence."""

import json
from collections.abc import Callable
from typing import Any

from pydantic import Field

from agent.inputs import OnConnection, reader, schema_of
from agent.tools.kubernetes.case import Case
from agent.tools.kubernetes.causes_deletion import explain_deletion
from agent.tools.kubernetes.causes_jobs import explain_cronjob, explain_job
from agent.tools.kubernetes.causes_nodes import explain_only_node
from agent.tools.kubernetes.causes_pods import explain_pods, is_in_trouble
from agent.tools.kubernetes.causes_scaling import explain_autoscaler, explain_budget
from agent.tools.kubernetes.causes_traffic import explain_ingress, explain_service
from agent.tools.kubernetes.causes_volumes import explain_claim
from agent.tools.kubernetes.causes_workloads import explain_workload
from agent.tools.kubernetes.client import cluster_of
from agent.tools.kubernetes.named_object import named_object
from agent.tools.kubernetes.pod_status import is_ready, mounts_claim, ready_count, restarts, status_word
from agent.tools.kubernetes.reading import Json, clean, name_of, rows, words
from agent.tools.kubernetes.resources import (
    AUTOSCALERS,
    BUDGETS,
    CLAIMS,
    CRONJOBS,
    DAEMONSETS,
    DEPLOYMENTS,
    INGRESSES,
    JOBS,
    NAMESPACES,
    NODES,
    PODS,
    REPLICASETS,
    SERVICES,
    STATEFULSETS,
    Resource,
    checked_name,
    checked_namespace,
    resource,
)
from agent.tools.kubernetes.trimming import safe_text
from agent.types import Reach, Tool, ToolOutput

DATA_MAX_CHARS = 26_000
Explain = Callable[[Case, Json], None]


class DiagnoseInput(OnConnection):
    """Input of k8s_diagnose."""

    kind: str = Field(
        min_length=1,
        max_length=80,
        description="deployment, statefulset, daemonset, job, cronjob, pod, service, ingress, pvc, hpa, node, ns",
    )
    name: str = Field(min_length=1, max_length=253, description="Its name")
    namespace: str | None = Field(default=None, max_length=63, description="By default the connection's own")


def _pod(case: Case, pod: Json) -> None:
    ready, whole = ready_count(pod)
    case.facts |= {"status": status_word(pod), "ready": f"{ready}/{whole}", "restarts": restarts(pod)}
    case.facts["node"] = words(pod, "spec", "nodeName", default="none")
    case.facts["images"] = [words(one, "image") for one in rows(pod, "spec", "containers")][:8]
    if not is_in_trouble(pod, case.cluster.now):
        case.good.append((f"Pod {name_of(pod)} status", f"{status_word(pod)}, {ready}/{whole} containers ready"))
    explain_pods(case, [pod])


def _claim(case: Case, claim: Json) -> None:
    """Explain a claim, and the pods that wait for it."""
    if not explain_claim(case, claim):
        fact = f"Bound to {words(claim, 'spec', 'volumeName', default='a volume')}"
        case.good.append((f"PersistentVolumeClaim {name_of(claim)} status", fact))
        return
    pods = case.several(PODS, decides=True).items
    waiting = [one for one in pods if mounts_claim(one, name_of(claim)) and not is_ready(one)]
    explain_pods(case, waiting, named=True)


def _namespace(case: Case, namespace: Json) -> None:
    """Look over all pods of a namespace."""
    case.namespace = name_of(namespace)
    found = case.several(PODS, decides=True)
    if found.items or found.whole:
        case.facts["pods"] = len(found.items)
        case.facts["in_trouble"] = sum(is_in_trouble(one, case.cluster.now) for one in found.items)
        fact = f"{len(found.items)} pods, {case.facts['in_trouble']} in trouble"
        case.good.append((f"Pods in namespace {case.namespace}", fact))
    explain_pods(case, found.items, named=True)


def _workload(kind: Resource) -> Explain:
    return lambda case, workload: explain_workload(case, kind, workload)


_EXPLAIN: dict[Resource, Explain] = {
    PODS: _pod,
    **{kind: _workload(kind) for kind in (DEPLOYMENTS, STATEFULSETS, DAEMONSETS, REPLICASETS)},
    JOBS: explain_job,
    CRONJOBS: explain_cronjob,
    SERVICES: explain_service,
    INGRESSES: explain_ingress,
    CLAIMS: _claim,
    AUTOSCALERS: explain_autoscaler,
    BUDGETS: explain_budget,
    NODES: explain_only_node,
    NAMESPACES: _namespace,
}


def _run(given: dict[str, Any], reach: Reach) -> ToolOutput:
    asked = resource(given["kind"], tuple(_EXPLAIN))
    cluster = cluster_of(reach)
    namespace = checked_namespace(given["namespace"], cluster)
    called = checked_name(given["name"])
    kind, about = named_object(cluster, asked, namespace, called)
    name = name_of(about) if kind is PODS else called
    case = Case(cluster, namespace)
    if kind is not asked:
        case.facts["note"] = f"There is no {asked.singular} {called}; this is the {kind.singular} {name}."
    case.note(f"{kind.kind} {name}")
    if kind is not PODS:
        explain_deletion(case, kind, about)
    _EXPLAIN[kind](case, about)
    found = case.result()
    data: Json = {"cluster": cluster.name, "kind": kind.kind, "name": name}
    data |= {"namespace": case.namespace} if kind.namespaced else {}
    data |= found
    beginning = "" if kind is asked else f"no {asked.singular} {called}, but a {kind.singular}; "
    return ToolOutput(_fitting(data), clean(beginning + _summary(kind, name, found), 120))


def _fitting(data: Json) -> Json:
    """Drop the last causes of a result that is too large; a cause has a bounded size, so the first ones fit."""
    data["facts"] = {key: safe_text(value) if isinstance(value, str) else value for key, value in data["facts"].items()}
    while len(json.dumps(data, ensure_ascii=False)) > DATA_MAX_CHARS and data["causes"]:
        data["causes"].pop()
        data["causes_not_shown"] += 1
    return data


def _summary(kind: Resource, name: str, found: Json) -> str:
    if found["healthy"]:
        return clean(f"{kind.singular} {name} is healthy", 120)
    if found["healthy"] is None:
        return clean(f"{kind.singular} {name}: nothing found, but not all could be looked at", 120)
    return clean(f"{name}: {found['causes'][0]['cause']}" if found["causes"] else f"{name} is not healthy", 120)


def _target(given: dict[str, Any]) -> str:
    about = " ".join(clean(part, 60) for part in (given.get("kind"), given.get("name")) if isinstance(part, str))
    namespace = given.get("namespace")
    return about + (f" in {clean(namespace, 40)}" if isinstance(namespace, str) and namespace else "")


K8S_DIAGNOSE = Tool(
    name="k8s_diagnose",
    title="Find out why it fails",
    description=(
        "Find out why a workload of the user's Kubernetes cluster fails. It follows a deployment, stateful set, daemon "
        "set, job, cron job, service, ingress, claim, autoscaler, node, pod or a whole namespace down to containers, "
        "events, previous logs, volumes, quotas and nodes, and returns the causes with evidence and a fix, the worst "
        "first. Use it before k8s_get and k8s_logs when something does not work."
    ),
    input_schema=schema_of(DiagnoseInput),
    run=_run,
    target=_target,
    read=reader(DiagnoseInput),
    needs_connection="kubernetes",
    family="kubernetes",
    examples=(
        "Why is deployment web in namespace shop failing",
        "Diagnose pod web-5d4f8c7b9-x2x7k in namespace shop",
        "Why does service web in namespace shop have no endpoints",
    ),
    returns=(
        "Whether it is healthy (null if not all that decides could be looked at), and the causes: what is wrong, how "
        "bad and how sure that is, the evidence with its source, and what to change. Also what was looked at and what "
        "could not be."
    ),
)
