"""Scale and restart deployments: shown first, done only after a yes, and only if what was shown still holds."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from agent.inputs import OnConnection, reader, schema_of
from agent.tools.kubernetes.answers import ApiError
from agent.tools.kubernetes.cards import Given, replicas_of, restart_preview, scale_preview, where
from agent.tools.kubernetes.client import Cluster, cluster_of
from agent.tools.kubernetes.named_object import WORKLOADS, namesakes
from agent.tools.kubernetes.near_names import missing
from agent.tools.kubernetes.reading import Json, at, clean, condition, count, flag, table, words
from agent.tools.kubernetes.resources import DEPLOYMENTS, checked_name, checked_namespace
from agent.types import Preview, Reach, Tool, ToolError, ToolOutput

REPLICAS_MAX = 1000
TRIES = 3
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


class DeploymentInput(OnConnection):
    """Input of k8s_restart."""

    deployment: str = Field(min_length=1, max_length=253, description="Name of the deployment")
    namespace: str | None = Field(default=None, max_length=63, description="By default the connection's own")


class ScaleInput(DeploymentInput):
    """Input of k8s_scale."""

    replicas: int = Field(ge=0, le=REPLICAS_MAX, description="How many pods there should be")


def _found(given: Given, cluster: Cluster) -> Json:
    """Return the deployment that the input names; raises ToolError."""
    name = checked_name(given["deployment"].strip().removeprefix("deployment/"))
    namespace = checked_namespace(given["namespace"], cluster)
    try:
        return cluster.get(*DEPLOYMENTS.path(namespace, name))
    except ApiError as error:
        if error.status != 404:
            raise
        raise _missing(error, cluster, namespace, name) from None


def _missing(error: ApiError, cluster: Cluster, namespace: str, name: str) -> ApiError:
    """Say what may be meant; nothing else is ever written to than what was named."""
    others = namesakes(cluster, WORKLOADS, namespace, name)
    if not others:
        return missing(error, cluster, [DEPLOYMENTS], namespace, name)
    what = f"It is a {others[0][0].singular}, and only deployments can be scaled or restarted here."
    return ApiError(404, f"{error} {what}", ours=False)


Shown = Callable[[Given, Cluster, Json], Preview]
Write = Callable[[Given, Cluster, Json], Json]


def _write(given: Given, reach: Reach, shown: Shown, write: Write) -> tuple[Cluster, Json, Json]:
    """Write if all that the user agreed to still holds; return the deployment before, and as it was written.

    The write carries the version that was compared. If something else changed the deployment in between, the API
    refuses it; it was not applied then, so comparing and writing again is safe.
    """
    approved = reach.approved
    if approved is None:
        raise ToolError("Nothing was changed: nobody has agreed to it.", ours=True)
    cluster = cluster_of(reach)
    for _ in range(TRIES):
        deployment = _found(given, cluster)
        _compare(reach, approved, given, cluster, deployment, shown)
        try:
            return cluster, deployment, write(given, cluster, deployment)
        except ApiError as error:
            if error.status != 409:
                raise
    raise ToolError("Nothing was changed: the deployment keeps changing at this moment. Try again.", ours=True)


def _compare(reach: Reach, approved: Preview, given: Given, cluster: Cluster, deployment: Json, shown: Shown) -> None:
    try:
        now = reach.as_shown(shown(given, cluster, deployment))
    except ApiError:
        raise
    except ToolError as error:
        raise ToolError(
            f"Nothing was changed, because it has changed since you were asked. {error}", ours=True
        ) from None
    if now.target != approved.target:
        raise ToolError(f"Nothing was changed: this is now {now.target}, another one than you agreed to.", ours=True)
    before, after = tuple(approved.changes), now.changes
    if before != after:
        different = next((line for line in (*after, *before) if line not in before or line not in after), after[0])
        since = f"{different.what}: {different.before} to {different.after}"
        raise ToolError(f"Nothing was changed: the deployment has changed since you were asked ({since}).", ours=True)


def _version(deployment: Json) -> dict[str, str]:
    version = at(deployment, "metadata", "resourceVersion")
    if not isinstance(version, str) or not version:
        raise ToolError(
            "Nothing was changed: the cluster did not say which version of the deployment it has.", ours=True
        )
    return {"resourceVersion": version}


def _patch_scale(given: Given, cluster: Cluster, deployment: Json) -> Json:
    path = (*DEPLOYMENTS.path(*where(deployment)), "scale")
    return cluster.patch(*path, body={"metadata": _version(deployment), "spec": {"replicas": given["replicas"]}})


def _patch_template(_given: Given, cluster: Cluster, deployment: Json) -> Json:
    stamp = {"metadata": {"annotations": {RESTARTED_AT: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}}}
    path = DEPLOYMENTS.path(*where(deployment))
    return cluster.patch(*path, body={"metadata": _version(deployment), "spec": {"template": stamp}})


def _now(cluster: Cluster, deployment: Json, written: Json) -> tuple[Json, str]:
    """Return the deployment after the write and its rollout; what was done stays done if it can't be read."""
    try:
        after = cluster.get(*DEPLOYMENTS.path(*where(deployment)))
    except ToolError:
        return written, "not known: the cluster could not be asked again"
    return after, rollout(after)


def rollout(deployment: Json) -> str:
    """Say how far a deployment's rollout is."""
    wanted, status = replicas_of(deployment), table(deployment, "status")
    updated, ready = count(status, "updatedReplicas"), count(status, "readyReplicas")
    if count(deployment, "metadata", "generation") > count(status, "observedGeneration"):
        return "begun; the cluster has not taken it up yet"
    if condition(deployment, "Progressing").get("reason") == "ProgressDeadlineExceeded":
        return f"stuck: {updated} of {wanted} pods are updated, {ready} ready"
    if flag(deployment, "spec", "paused"):
        return f"paused: {updated} of {wanted} pods are updated, {ready} ready"
    if updated == ready == wanted == count(status, "replicas"):
        return f"complete: {ready} of {wanted} pods ready"
    return f"going on: {updated} of {wanted} pods are updated, {ready} ready"


def _scale(given: Given, reach: Reach) -> ToolOutput:
    cluster, before, written = _write(given, reach, scale_preview, _patch_scale)
    after, progress = _now(cluster, before, written)
    namespace, name = where(before)
    data = {
        "cluster": cluster.name,
        "deployment": name,
        "namespace": namespace,
        "before": {"replicas": replicas_of(before), "ready": count(before, "status", "readyReplicas")},
        "after": {"replicas": given["replicas"], "ready": count(after, "status", "readyReplicas")},
        "rollout": progress,
    }
    return ToolOutput(data, clean(f"{name}: replicas {replicas_of(before)} to {given['replicas']}, {progress}", 120))


def _restart(given: Given, reach: Reach) -> ToolOutput:
    cluster, before, written = _write(given, reach, restart_preview, _patch_template)
    after, progress = _now(cluster, before, written)
    namespace, name = where(before)
    stamp = ("spec", "template", "metadata", "annotations", RESTARTED_AT)
    data = {
        "cluster": cluster.name,
        "deployment": name,
        "namespace": namespace,
        "before": {"restarted_at": words(before, *stamp) or None, "ready": count(before, "status", "readyReplicas")},
        "after": {"restarted_at": words(written, *stamp) or None, "ready": count(after, "status", "readyReplicas")},
        "replicas": replicas_of(before),
        "rollout": progress,
    }
    return ToolOutput(data, clean(f"{name} restarted, {progress}", 120))


def _previewing(shown: Shown) -> Callable[[dict[str, Any], Reach], Preview]:
    def preview(given: dict[str, Any], reach: Reach) -> Preview:
        cluster = cluster_of(reach)
        return shown(given, cluster, _found(given, cluster))

    return preview


def _target(given: dict[str, Any]) -> str:
    name, namespace, replicas = given.get("deployment"), given.get("namespace"), given.get("replicas")
    about = clean(name, 60) if isinstance(name, str) else ""
    about += f" in {clean(namespace, 40)}" if about and isinstance(namespace, str) and namespace else ""
    return about + (f" to {replicas}" if about and type(replicas) is int and abs(replicas) < 10**6 else "")


K8S_SCALE = Tool(
    name="k8s_scale",
    title="Scale a deployment",
    description=(
        "Set how many pods a deployment of the user's Kubernetes cluster has. It writes: the user is shown what "
        "changes and must agree before it runs. Returns the replicas before and after and how far the rollout is."
    ),
    input_schema=schema_of(ScaleInput),
    run=_scale,
    target=_target,
    read=reader(ScaleInput),
    writes=True,
    needs_connection="kubernetes",
    preview=_previewing(scale_preview),
    family="kubernetes",
    examples=("Scale deployment web in namespace shop to 5", "Set web in shop to 3 replicas"),
    returns="Replicas before and after, ready pods, and how far the rollout is.",
)

K8S_RESTART = Tool(
    name="k8s_restart",
    title="Restart a deployment",
    description=(
        "Replace all pods of a deployment of the user's Kubernetes cluster, as `kubectl rollout restart` does. It "
        "writes: the user is shown what changes and must agree before it runs. Returns how far the rollout is."
    ),
    input_schema=schema_of(DeploymentInput),
    run=_restart,
    target=_target,
    read=reader(DeploymentInput),
    writes=True,
    needs_connection="kubernetes",
    preview=_previewing(restart_preview),
    family="kubernetes",
    examples=("Restart deployment web in namespace shop", "Roll the pods of web in shop"),
    returns="When it was restarted before and now, ready pods, and how far the rollout is.",
)
