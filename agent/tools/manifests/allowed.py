"""List what the API server allows at which place of an object: words, forms of values, and parts that go alone.

A place is named by the last keys of its path without indexes; one that begins with a kind is the whole path. Only what
is refused by every version since 1.29 stands here.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar
from zoneinfo import available_timezones

from agent.networks import is_address, network_of
from agent.quantities import quantity

Where = tuple[str, ...]
Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Form:
    """Which values may stand at a place."""

    rule: str
    fits: Callable[[Any], bool]
    what: str
    fix: str


@dataclass(frozen=True)
class Choice:
    """The parts of which a mapping may have one."""

    names: tuple[str, ...]
    needed: bool
    """Whether one of them must be there."""


def fitting(table: Mapping[Where, Entry], where: Where) -> Entry | None:
    """Return the entry for a place: that of the longest end of its path."""
    for begin in range(len(where)):
        found = table.get(where[begin:])
        if found is not None:
            return found
    return None


_PROTOCOLS = "TCP UDP SCTP"
_LABEL_OPERATORS = "In NotIn Exists DoesNotExist"
_NODE_OPERATORS = f"{_LABEL_OPERATORS} Gt Lt"
_PROFILES = "RuntimeDefault Localhost Unconfined"
_UPDATES = "RollingUpdate OnDelete"

WORDS: Mapping[Where, tuple[str, ...]] = {
    tuple(place.split(".")): tuple(words.split())
    for place, words in {
        # Pods and their containers.
        "imagePullPolicy": "Always IfNotPresent Never",
        "terminationMessagePolicy": "File FallbackToLogsOnError",
        "ports.protocol": _PROTOCOLS,
        "httpGet.scheme": "HTTP HTTPS",
        "seccompProfile.type": _PROFILES,
        "appArmorProfile.type": _PROFILES,
        "mountPropagation": "None HostToContainer Bidirectional",
        "resizePolicy.restartPolicy": "NotRequired RestartContainer",
        "Pod.spec.restartPolicy": "Always OnFailure Never",
        "dnsPolicy": "ClusterFirst ClusterFirstWithHostNet Default None",
        "preemptionPolicy": "PreemptLowerPriority Never",
        "fsGroupChangePolicy": "OnRootMismatch Always",
        "spec.tolerations.operator": "Exists Equal Lt Gt",
        "spec.tolerations.effect": "NoSchedule PreferNoSchedule NoExecute",
        "Node.spec.taints.effect": "NoSchedule PreferNoSchedule NoExecute",
        "topologySpreadConstraints.whenUnsatisfiable": "DoNotSchedule ScheduleAnyway",
        "matchExpressions.operator": _LABEL_OPERATORS,
        "nodeSelectorTerms.matchExpressions.operator": _NODE_OPERATORS,
        "preference.matchExpressions.operator": _NODE_OPERATORS,
        "hostPath.type": "DirectoryOrCreate Directory FileOrCreate File Socket CharDevice BlockDevice",
        # Workloads.
        "Deployment.spec.strategy.type": "RollingUpdate Recreate",
        "StatefulSet.spec.updateStrategy.type": _UPDATES,
        "DaemonSet.spec.updateStrategy.type": _UPDATES,
        "StatefulSet.spec.podManagementPolicy": "OrderedReady Parallel",
        "persistentVolumeClaimRetentionPolicy.whenDeleted": "Retain Delete",
        "persistentVolumeClaimRetentionPolicy.whenScaled": "Retain Delete",
        "CronJob.spec.concurrencyPolicy": "Allow Forbid Replace",
        "completionMode": "NonIndexed Indexed",
        "HorizontalPodAutoscaler.spec.metrics.type": "Resource ContainerResource Pods Object External",
        "target.type": "Utilization AverageValue Value",
        "PodDisruptionBudget.spec.unhealthyPodEvictionPolicy": "IfHealthyBudget AlwaysAllow",
        # Networks.
        "Service.spec.type": "ClusterIP NodePort LoadBalancer ExternalName",
        "Service.spec.sessionAffinity": "None ClientIP",
        "Service.spec.externalTrafficPolicy": "Cluster Local",
        "Service.spec.internalTrafficPolicy": "Cluster Local",
        "Service.spec.ipFamilyPolicy": "SingleStack PreferDualStack RequireDualStack",
        "Service.spec.ipFamilies": "IPv4 IPv6",
        "paths.pathType": "Prefix Exact ImplementationSpecific",
        "NetworkPolicy.spec.policyTypes": "Ingress Egress",
        # Storage and rights.
        "accessModes": "ReadWriteOnce ReadOnlyMany ReadWriteMany ReadWriteOncePod",
        "volumeMode": "Filesystem Block",
        "PersistentVolume.spec.persistentVolumeReclaimPolicy": "Retain Delete Recycle",
        "StorageClass.reclaimPolicy": "Delete Retain",
        "StorageClass.volumeBindingMode": "Immediate WaitForFirstConsumer",
        "subjects.kind": "ServiceAccount User Group",
        "RoleBinding.roleRef.kind": "Role ClusterRole",
        "ClusterRoleBinding.roleRef.kind": "ClusterRole",
    }.items()
}

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_HOST = re.compile(r"(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*")
_MODE_MAX = 0o777


def _is_port_name(value: Any) -> bool:
    return not isinstance(value, str) or (len(value) <= 15 and bool(_PORT_NAME.fullmatch(value)))


def _is_host(value: Any) -> bool:
    return len(str(value)) <= 253 and bool(_HOST.fullmatch(str(value))) and not is_address(str(value))


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _is_amount(value: Any) -> bool:
    amount = quantity(value)
    return amount is not None and amount >= 0


_NAME = Form(
    "invalid-name",
    lambda value: bool(_LABEL.fullmatch(str(value))),
    "valid name here",
    "Use at most 63 lower case letters, digits and `-`, beginning and ending with a letter or digit.",
)
_PORT = Form(
    "invalid-name",
    _is_port_name,
    "valid name of a port",
    "Use at most 15 lower case letters, digits and `-`, one of them a letter; write a number without quotes.",
)
_NETWORK = Form(
    "invalid-value",
    lambda value: network_of(str(value)) is not None,
    "network",
    "Write an address and a prefix such as 10.0.0.0/16.",
)
_HOST_NAME = Form(
    "invalid-value",
    _is_host,
    "host name",
    "Write a name such as shop.example.com or *.example.com: no scheme, port, path or address, and in lower case.",
)
_AMOUNT = Form("invalid-quantity", _is_amount, "quantity", "Write it like 10Gi or 500Mi.")
_MODE = Form(
    "invalid-value",
    lambda value: not isinstance(value, int) or 0 <= value <= _MODE_MAX,
    "mode of a file",
    "Write it in octal with a leading zero, such as 0644; as a decimal number that is 420.",
)

FORMS: Mapping[Where, Form] = {
    tuple(place.split(".")): form
    for form, places in (
        (
            _NAME,
            "containers.name initContainers.name ephemeralContainers.name volumes.name Service.spec.ports.name",
        ),
        (
            _PORT,
            "containers.ports.name initContainers.ports.name Service.spec.ports.targetPort httpGet.port tcpSocket.port "
            "NetworkPolicy.spec.ingress.ports.port NetworkPolicy.spec.egress.ports.port",
        ),
        (_NETWORK, "ipBlock.cidr ipBlock.except Service.spec.loadBalancerSourceRanges"),
        (_HOST_NAME, "Ingress.spec.rules.host Ingress.spec.tls.hosts"),
        (_AMOUNT, "requests.storage limits.storage capacity.storage emptyDir.sizeLimit"),
        (_MODE, "defaultMode items.mode"),
        (
            Form(
                "invalid-value",
                lambda value: str(value).startswith("/"),
                "path of an Ingress",
                "Begin it with `/`.",
            ),
            "Ingress.spec.rules.http.paths.path",
        ),
        (
            Form(
                "invalid-value",
                lambda value: value == "None" or is_address(str(value)),
                "address",
                "Remove `clusterIP`, or write None for a headless Service.",
            ),
            "Service.spec.clusterIP",
        ),
        (
            Form(
                "invalid-value",
                lambda value: str(value) in _zones(),
                "known time zone",
                "Write a name such as Europe/Berlin.",
            ),
            "CronJob.spec.timeZone",
        ),
    )
    for place in places.split()
}

_VOLUMES = (
    "configMap secret emptyDir persistentVolumeClaim hostPath projected csi nfs downwardAPI ephemeral image iscsi fc "
    "awsElasticBlockStore azureDisk azureFile cephfs cinder flexVolume flocker gcePersistentDisk gitRepo glusterfs "
    "photonPersistentDisk portworxVolume quobyte rbd scaleIO storageos vsphereVolume"
)
_PERSISTENT = (
    "csi nfs local hostPath iscsi fc awsElasticBlockStore azureDisk azureFile cephfs cinder flexVolume flocker "
    "gcePersistentDisk glusterfs photonPersistentDisk portworxVolume quobyte rbd scaleIO storageos vsphereVolume"
)
_PROBE = Choice(("httpGet", "tcpSocket", "exec", "grpc"), needed=True)
_HOOK = Choice(("exec", "httpGet", "sleep", "tcpSocket"), needed=True)
_SOURCE = ("configMapKeyRef", "secretKeyRef", "fieldRef", "resourceFieldRef", "fileKeyRef")

CHOICES: Mapping[Where, Choice] = {
    ("livenessProbe",): _PROBE,
    ("readinessProbe",): _PROBE,
    ("startupProbe",): _PROBE,
    ("lifecycle", "postStart"): _HOOK,
    ("lifecycle", "preStop"): _HOOK,
    ("env",): Choice(("value", "valueFrom"), needed=False),
    ("env", "valueFrom"): Choice(_SOURCE, needed=True),
    ("spec", "volumes"): Choice(tuple(_VOLUMES.split()), needed=False),
    ("PersistentVolume", "spec"): Choice(tuple(_PERSISTENT.split()), needed=True),
    ("PodDisruptionBudget", "spec"): Choice(("minAvailable", "maxUnavailable"), needed=False),
}

LAST_KEYS = frozenset(place[-1] for table in (WORDS, FORMS, CHOICES) for place in table)
