"""Tell what holds an object that somebody deleted and that does not go."""

from agent.tools.kubernetes.case import Case, Evidence
from agent.tools.kubernetes.pod_status import mounts_claim
from agent.tools.kubernetes.reading import Json, age, at, moment, name_of, rows, texts, words
from agent.tools.kubernetes.resources import CLAIMS, NAMESPACES, PODS, Resource

FINALIZERS_FIX = (
    "Get the controller of its finalizers to work. If that is gone for good, take the finalizer out of the object's "
    "metadata; to delete it by force does not remove it."
)
_FIXES = {
    "kubernetes.io/pvc-protection": "Stop the pods that use it; then it goes by itself.",
    "foregroundDeletion": "It waits for what it owns: look for pods and replica sets of it that do not go.",
}
# What is deleted goes within seconds if nothing holds it.
GRACE_SECONDS = 120


def explain_deletion(case: Case, kind: Resource, found: Json) -> bool:
    """Add that an object is being deleted, and what holds it; return whether it is."""
    since, name = moment(found, "metadata", "deletionTimestamp"), name_of(found)
    if not since and words(found, "status", "phase") != "Terminating":
        return False
    held_by = texts(found, "metadata", "finalizers") + texts(found, "spec", "finalizers")
    evidence: list[Evidence] = []
    if since:
        evidence.append((f"{kind.kind} {name} metadata", f"deleted {age(since, case.cluster.now)} ago"))
    if held_by:
        evidence.append((f"{kind.kind} {name} metadata", f"finalizers {', '.join(held_by[:5])}"))
    if kind is NAMESPACES:
        evidence += _what_remains(name, found)
        fix = "Remove what its conditions name: what still has finalizers, or an API service that does not answer."
    else:
        evidence += _users(case, name) if kind is CLAIMS else []
        fix = next((_FIXES[one] for one in held_by if one in _FIXES), FINALIZERS_FIX)
    is_late = since is None or (case.cluster.now - since).total_seconds() > GRACE_SECONDS
    cause = f"{kind.kind} {name} is being deleted{' and does not go' if is_late else ''}."
    case.add(cause, evidence, fix, severity="critical" if is_late else "warning", everyones=True)
    return True


def _what_remains(name: str, namespace: Json) -> list[Evidence]:
    """Return what a namespace says that it waits for."""
    return [
        (f"Namespace {name} condition {words(one, 'type')}", f"{words(one, 'reason')}: {words(one, 'message')}")
        for one in rows(namespace, "status", "conditions")[:8]
        if at(one, "status") == "True"
    ]


def _users(case: Case, claim: str) -> list[Evidence]:
    users = [name_of(one) for one in case.several(PODS, decides=True).items if mounts_claim(one, claim)]
    return [(f"Pods with claim {claim}", ", ".join(users[:8]))] if users else []
