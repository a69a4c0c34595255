"""Tell which objects belong to which."""

from agent.tools.kubernetes.reading import Json, flag, labels, name_of, rows, words
from agent.tools.kubernetes.resources import Resource


def owned(found: list[Json], kind: Resource, name: str) -> list[Json]:
    """Return the objects that belong to this one; a selector may match more."""
    return [
        one
        for one in found
        if any(
            words(owner, "kind") == kind.kind and words(owner, "name", longest=260) == name
            for owner in rows(one, "metadata", "ownerReferences")
        )
    ]


def workload_of(pod: Json) -> tuple[str, str]:
    """Return kind and name of what made a pod; a deployment in place of its replica set, the pod if nothing did."""
    owners = sorted(rows(pod, "metadata", "ownerReferences"), key=lambda one: not flag(one, "controller"))
    kind, name = (words(owners[0], "kind"), words(owners[0], "name", longest=260)) if owners else ("", "")
    mark = template_mark(pod)
    if kind == "ReplicaSet" and mark and name.endswith(f"-{mark}"):
        return "Deployment", name.removesuffix(f"-{mark}")
    return (kind, name) if kind and name else ("Pod", name_of(pod))


def template_mark(pod: Json) -> str:
    """Return by what a deployment marks the pods of one version of its template."""
    return labels(pod, "metadata", "labels").get("pod-template-hash", "")
