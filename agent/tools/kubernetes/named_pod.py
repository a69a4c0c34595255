"""Find the pod that somebody names, be it by the name of what made it."""

from agent.tools.kubernetes.answers import ApiError
from agent.tools.kubernetes.client import Cluster
from agent.tools.kubernetes.near_names import Named, did_you_mean
from agent.tools.kubernetes.owners import workload_of
from agent.tools.kubernetes.reading import Json, name_of
from agent.tools.kubernetes.resources import DEPLOYMENTS, PODS
from agent.types import ToolError

PODS_NAMED = 8


def named_pod(cluster: Cluster, namespace: str, name: str) -> Json:
    """Return the pod of this name, or the only one of a workload of this name; raises ApiError with those meant."""
    try:
        return cluster.get(*PODS.path(namespace, name))
    except ApiError as error:
        if error.status != 404:
            raise
    missing = f"There is no pod {name} in namespace {namespace}."
    try:
        listing = cluster.objects(*PODS.path(namespace))
    except ToolError:
        raise ApiError(404, missing, ours=False) from None
    made = [one for one in listing.items if workload_of(one)[1] == name]
    if len(made) == 1 and not listing.more:
        return made[0]
    near = [name_of(one) for one in listing.items if one in made or name_of(one).startswith(f"{name}-")]
    hint = _hint(cluster, namespace, name, near) or did_you_mean(name, _names(listing.items))
    raise ApiError(404, missing + hint, ours=False)


def _hint(cluster: Cluster, namespace: str, name: str, near: list[str]) -> str:
    """Return which pods may be meant: those of a deployment of this name, or with a name that begins like it."""
    is_deployment = _is_deployment(cluster, namespace, name)
    if not near:
        return f" It is a deployment, and has no pods now; try k8s_diagnose deployment {name}." if is_deployment else ""
    intro = "It is a deployment; its pods are" if is_deployment else "Pods with such a name are"
    return f" {intro} {', '.join(near[:PODS_NAMED])}{' ...' if len(near) > PODS_NAMED else ''}."


def _names(pods: list[Json]) -> list[Named]:
    """Return the names of pods, and before them those of what made them."""
    made_by = [(kind.lower(), name) for kind, name in map(workload_of, pods)]
    return [*made_by, *(("pod", name_of(one)) for one in pods)]


def _is_deployment(cluster: Cluster, namespace: str, name: str) -> bool:
    try:
        cluster.get(*DEPLOYMENTS.path(namespace, name))
    except ToolError:
        return False
    return True
