"""Tell why a volume is not there: an unbound claim, a missing class, a disk on another node, a failed mount."""

import re
from collections.abc import Sequence

from agent.tools.kubernetes.case import Case, Evidence
from agent.tools.kubernetes.causes_deletion import explain_deletion
from agent.tools.kubernetes.pod_status import containers, init_containers
from agent.tools.kubernetes.reading import Json, at, flag, labels, name_of, rows, table, words
from agent.tools.kubernetes.resources import CLAIMS, CONFIGMAPS, PODS, SECRETS, STORAGE_CLASSES

VOLUMES_MAX = 40
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_PROVISIONER = re.compile(r"external provisioner ['\"]([^'\"]{1,200})['\"]")
_NO_SOURCE = re.compile(r'(secret|configmap) "([^"]{1,253})" not found', re.IGNORECASE)
_NO_KEYS = re.compile(r"references non-existent (?:\w+ )?(?:key|config key|secret key): (\S{1,253})")


def explain_claims(case: Case, pod: Json) -> bool:
    """Add what is wrong with the claims that a pod mounts; return whether something is."""
    found = False
    for volume in rows(pod, "spec", "volumes")[:VOLUMES_MAX]:
        name = words(volume, "persistentVolumeClaim", "claimName", longest=260)
        if not name:
            continue
        if case.is_missing(CLAIMS, name):
            fix = f"Create the claim `{name}` in namespace {case.namespace}, or correct the name in the pod's volumes."
            evidence = [(f"Pod {name_of(pod)} spec", f"volume {words(volume, 'name')} uses claim {name}")]
            case.add(f"PersistentVolumeClaim `{name}` does not exist.", evidence, fix)
            found = True
        elif explain_deletion(case, CLAIMS, case.one(CLAIMS, name)):
            found = True
        elif case.one(CLAIMS, name):
            mounted = [(f"Pod {name_of(pod)} spec", f"volume {words(volume, 'name')} uses claim {name}")]
            found = explain_claim(case, case.one(CLAIMS, name), mounted) or found
    return found


def explain_claim(case: Case, claim: Json, mounted: Sequence[Evidence] = ()) -> bool:
    """Add why a claim is not bound; return whether it is not."""
    phase, name = words(claim, "status", "phase"), name_of(claim)
    if phase == "Bound":
        return False
    evidence: list[Evidence] = [*mounted, (f"PersistentVolumeClaim {name} status", phase or "no phase")]
    if phase == "Lost":
        fix = "Restore the volume, or delete the claim and make it again from a backup."
        case.add(f"The volume of claim `{name}` is gone (Lost).", evidence, fix)
        return True
    # A provisioner that answers says more than the cluster, which goes on saying that it waits.
    event = case.warning(claim, CLAIMS, "ProvisioningFailed") or case.warning(claim, CLAIMS, "Provisioning")
    event = event or case.warning(claim, CLAIMS, "FailedBinding", "WaitForFirstConsumer", "ExternalProvisioning")
    if mounted and words(event, "reason") == "WaitForFirstConsumer":
        return False  # It waits for this pod to get a node, and not the other way round.
    if event:
        evidence.append(case.event_fact(event))
    _explain_pending(case, claim, evidence, event)
    return True


def _explain_pending(case: Case, claim: Json, evidence: list[Evidence], event: Json) -> None:
    name, wanted = name_of(claim), at(claim, "spec", "storageClassName")
    size = words(claim, "spec", "resources", "requests", "storage")
    evidence.append((f"PersistentVolumeClaim {name} spec", f"storageClassName {wanted or 'not set'}, size {size}"))
    if isinstance(wanted, str) and wanted and case.is_missing(STORAGE_CLASSES, wanted):
        evidence += _classes(case)
        fix = f"Create StorageClass `{wanted}`, or make the claim anew with one that exists."
        case.add(f"Claim `{name}` is pending: StorageClass `{wanted}` does not exist.", evidence, fix, everyones=True)
    elif wanted is None and not _has_default(case):
        evidence += _classes(case)
        fix = "Name a storage class in the claim, or mark one as the cluster's default."
        known = case.several(STORAGE_CLASSES).whole
        why = "the cluster has no default" if known else "whether the cluster has a default could not be looked at"
        cause = f"Claim `{name}` is pending: it names no storage class, and {why}."
        case.add(cause, evidence, fix, confidence="high" if known else "low", everyones=True)
    else:
        _explain_provisioning(case, name, evidence, event)


def _explain_provisioning(case: Case, name: str, evidence: list[Evidence], event: Json) -> None:
    """Add how far the volume of a claim is, from the newest word on it."""
    said, reason = words(event, "message", longest=600), words(event, "reason")
    maker = _PROVISIONER.search(said)
    who = f"the provisioner {maker[1]}" if maker else "its provisioner"
    if reason == "ProvisioningFailed":
        fix = "Correct what the provisioner names: its rights, its quota, the zone, the size, the access mode."
        case.add(f"Claim `{name}` is pending: its volume could not be made: {said}", evidence, fix, everyones=True)
    elif reason == "ExternalProvisioning":
        fix = (
            "See whether the storage driver (CSI) is installed, and whether its controller's pods run; read their log."
        )
        case.add(f"Claim `{name}` is pending: {who} has not answered.", evidence, fix, everyones=True)
    elif reason == "Provisioning":
        fix = "Wait a minute; if it stays, read the log of the storage driver's controller (CSI)."
        cause = f"Claim `{name}` is pending: its provisioner has begun to make the volume and is not done."
        case.add(cause, evidence, fix, severity="warning", confidence="medium", everyones=True)
    elif reason == "WaitForFirstConsumer":
        fix = "Nothing: the volume is made when a pod that uses it gets a node."
        case.add(f"Claim `{name}` waits for a pod to use it.", evidence, fix, severity="info", everyones=True)
    else:
        fix = "See whether the provisioner of its class runs, or make a volume that fits the claim."
        case.add(f"Claim `{name}` is pending: no volume fits it.", evidence, fix, confidence="medium", everyones=True)


def _classes(case: Case) -> list[Evidence]:
    names = [name_of(one) for one in case.several(STORAGE_CLASSES).items]
    return [("StorageClasses", ", ".join(names[:10]))] if names else []


def _has_default(case: Case) -> bool:
    return any(
        labels(one, "metadata", "annotations").get(_DEFAULT_CLASS) == "true"
        for one in case.several(STORAGE_CLASSES).items
    )


def explain_mounts(case: Case, pod: Json) -> bool:
    """Add why a pod that has a node waits for its volumes or its network; return whether something was found."""
    if any(table(one, "state", "running") for one in [*init_containers(pod), *containers(pod)]):
        return False  # What runs has its volumes and its network; the events are of before.
    attach = case.warning(pod, PODS, "FailedAttachVolume")
    mount = case.warning(pod, PODS, "FailedMount")
    sandbox = case.warning(pod, PODS, "FailedCreatePodSandBox")
    if attach:
        _explain_attach(case, pod, attach)
    elif mount:
        _explain_mount(case, pod, mount)
    elif sandbox:
        fix = "Look at the network plugin's pods (CNI) on this node, and at its free addresses."
        cause = f"Pod {name_of(pod)} gets no network on its node."
        case.add(cause, [case.event_fact(sandbox), _node(pod)], fix, confidence="medium")
    return bool(attach or mount or sandbox)


def _node(pod: Json) -> Evidence:
    return f"Pod {name_of(pod)} spec", f"node {words(pod, 'spec', 'nodeName', default='none')}"


def _explain_attach(case: Case, pod: Json, event: Json) -> None:
    said, evidence = words(event, "message", longest=600), [case.event_fact(event), _node(pod)]
    for volume in rows(pod, "spec", "volumes")[:VOLUMES_MAX]:
        name = words(volume, "persistentVolumeClaim", "claimName", longest=260)
        modes = table(case.one(CLAIMS, name), "spec").get("accessModes") if name else None
        if isinstance(modes, list):
            evidence.append((f"PersistentVolumeClaim {name} spec", f"accessModes {', '.join(map(str, modes[:4]))}"))
    if "Multi-Attach" in said:
        fix = (
            "Wait until the old pod has ended, or delete it if its node is gone. So that it does not come again: "
            "strategy Recreate, one replica, or a ReadWriteMany volume."
        )
        case.add("A volume is still attached to another node (Multi-Attach).", evidence, fix)
    else:
        fix = "Look at the storage driver (CSI) and at the disk at the cloud provider."
        case.add("A volume cannot be attached to the node.", evidence, fix, confidence="medium")


def _explain_mount(case: Case, pod: Json, event: Json) -> None:
    said, evidence = words(event, "message", longest=600), [case.event_fact(event)]
    gone, keys = _NO_SOURCE.search(said), _NO_KEYS.search(said)
    if gone:
        kind = SECRETS if gone[1].lower() == "secret" else CONFIGMAPS
        if case.is_missing(kind, gone[2]):
            evidence.append((f"{kind.kind} {gone[2]}", f"does not exist in namespace {case.namespace}"))
        fix = f"Create {kind.kind} `{gone[2]}` in namespace {case.namespace}, or mark the volume as optional."
        case.add(f"{kind.kind} `{gone[2]}` is missing, and a volume of the pod is made from it.", evidence, fix)
    elif keys:
        fix = f"Add the key `{keys[1]}`, or take it out of the volume's items."
        case.add(f"A volume of the pod names the key `{keys[1]}`, which does not exist.", evidence, fix)
    else:
        evidence.append(_node(pod))
        fix = "Look at the storage driver (CSI) on the node and at the volume's own events."
        if flag(pod, "spec", "hostNetwork"):
            fix += " The pod uses the host's network."
        case.add("A volume cannot be mounted.", evidence, fix, confidence="medium")
