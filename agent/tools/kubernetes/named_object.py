"""Find the object that somebody names, be it of another kind than they say."""

from collections.abc import Iterable
from contextlib import suppress

from agent.tools.kubernetes.answers import ApiError
from agent.tools.kubernetes.client import Cluster
from agent.tools.kubernetes.named_pod import named_pod
from agent.tools.kubernetes.near_names import missing
from agent.tools.kubernetes.reading import Json
from agent.tools.kubernetes.resources import (
    CRONJOBS,
    DAEMONSETS,
    DEPLOYMENTS,
    JOBS,
    PODS,
    REPLICASETS,
    SERVICES,
    STATEFULSETS,
    Resource,
)
from agent.types import ToolError

WORKLOADS = (DEPLOYMENTS, STATEFULSETS, DAEMONSETS, CRONJOBS, JOBS)
_RUN = (*WORKLOADS, REPLICASETS, PODS)
_BESIDE = (PODS, SERVICES)

Meant = tuple[Resource, Json]


def named_object(cluster: Cluster, kind: Resource, namespace: str, name: str) -> Meant:
    """Return the object of this name, or the only one of another kind; raises ToolError with those that may be meant.

    Only for what runs another kind is taken: that a service or a claim is missing may be the very cause.
    """
    try:
        return kind, named_pod(cluster, namespace, name) if kind is PODS else cluster.get(*kind.path(namespace, name))
    except ApiError as error:
        if error.status != 404:
            raise
        if kind in _RUN:
            others = namesakes(cluster, WORKLOADS, namespace, name) or namesakes(cluster, _BESIDE, namespace, name)
            if len(others) == 1:
                return others[0]
        raise (error if kind is PODS else missing(error, cluster, _like(kind), namespace, name)) from None


def namesakes(cluster: Cluster, kinds: Iterable[Resource], namespace: str, name: str) -> list[Meant]:
    """Return the objects of these kinds that have this name, as far as they can be read."""
    found = []
    for kind in kinds:
        with suppress(ToolError):
            found.append((kind, cluster.get(*kind.path(namespace, name))))
    return found


def _like(kind: Resource) -> Iterable[Resource]:
    """Return the kinds among which a name is looked for, this one first and once."""
    return dict.fromkeys((kind, *WORKLOADS, SERVICES)) if kind.namespaced else (kind,)
