"""Know the API versions that Kubernetes removed: since when, what replaces them, and what else must change."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Removed:
    """One API version of some kinds."""

    minor: int
    """The first minor version of Kubernetes 1 without it."""
    replacement: str
    """The API version to use, or nothing if there is none."""
    also: str = ""
    """What must change besides the version."""


_SELECTOR = "`spec.selector` is required and can't be changed later."
_INGRESS = (
    "Each path needs `pathType`; `backend.serviceName`/`servicePort` become `backend.service.name` and "
    "`backend.service.port.number` (or `.name`); `spec.backend` becomes `spec.defaultBackend`."
)
_CRD = "Each entry of `versions` needs `schema.openAPIV3Schema`; `validation` moves there."
_WEBHOOK = "`sideEffects` and `admissionReviewVersions` are required; the default of `failurePolicy` became Fail."
_HPA = "`targetAverageUtilization` becomes `target.averageUtilization` with `target.type: Utilization`."
_RBAC = "rbac.authorization.k8s.io/v1"
_NETWORK = "networking.k8s.io/v1"
_FLOW = "`assuredConcurrencyShares` becomes `nominalConcurrencyShares`."

_REMOVED: dict[tuple[str, str], Removed] = {}


def _note(api_version: str, kinds: str, minor: int, replacement: str, also: str = "") -> None:
    for kind in kinds.split():
        _REMOVED[api_version, kind] = Removed(minor, replacement, also)


_note("extensions/v1beta1", "Deployment DaemonSet ReplicaSet", 16, "apps/v1", _SELECTOR)
_note("extensions/v1beta1", "NetworkPolicy", 16, _NETWORK)
_note("extensions/v1beta1", "PodSecurityPolicy", 16, "", "Use Pod Security Admission labels on the namespace.")
_note("extensions/v1beta1", "Ingress", 22, _NETWORK, _INGRESS)
_note("apps/v1beta1", "Deployment StatefulSet ControllerRevision", 16, "apps/v1", _SELECTOR)
_note("apps/v1beta2", "Deployment StatefulSet DaemonSet ReplicaSet ControllerRevision", 16, "apps/v1", _SELECTOR)
_note("networking.k8s.io/v1beta1", "Ingress", 22, _NETWORK, _INGRESS)
_note("networking.k8s.io/v1beta1", "IngressClass", 22, _NETWORK)
for _version in ("v1beta1", "v1alpha1"):
    _note(f"rbac.authorization.k8s.io/{_version}", "Role RoleBinding ClusterRole ClusterRoleBinding", 22, _RBAC)
_note("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", 22, "apiextensions.k8s.io/v1", _CRD)
_note(
    "admissionregistration.k8s.io/v1beta1",
    "MutatingWebhookConfiguration ValidatingWebhookConfiguration",
    22,
    "admissionregistration.k8s.io/v1",
    _WEBHOOK,
)
_note(
    "admissionregistration.k8s.io/v1beta1",
    "ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding",
    34,
    "admissionregistration.k8s.io/v1",
)
_note("apiregistration.k8s.io/v1beta1", "APIService", 22, "apiregistration.k8s.io/v1")
_note(
    "certificates.k8s.io/v1beta1",
    "CertificateSigningRequest",
    22,
    "certificates.k8s.io/v1",
    "`signerName` and `usages` are required.",
)
_note("coordination.k8s.io/v1beta1", "Lease", 22, "coordination.k8s.io/v1")
_note("scheduling.k8s.io/v1beta1", "PriorityClass", 22, "scheduling.k8s.io/v1")
_note("storage.k8s.io/v1beta1", "CSIDriver CSINode StorageClass VolumeAttachment", 22, "storage.k8s.io/v1")
_note("storage.k8s.io/v1beta1", "CSIStorageCapacity", 27, "storage.k8s.io/v1")
_note("batch/v1beta1", "CronJob", 25, "batch/v1")
_note("batch/v2alpha1", "CronJob", 21, "batch/v1")
_note("discovery.k8s.io/v1beta1", "EndpointSlice", 25, "discovery.k8s.io/v1", "`topology` has become other fields.")
_note("events.k8s.io/v1beta1", "Event", 25, "events.k8s.io/v1")
_note(
    "policy/v1beta1",
    "PodDisruptionBudget",
    25,
    "policy/v1",
    "An empty selector `{}` now selects all pods of the namespace instead of none.",
)
_note(
    "policy/v1beta1",
    "PodSecurityPolicy",
    25,
    "",
    "Use Pod Security Admission (the label `pod-security.kubernetes.io/enforce` on the namespace).",
)
_note("node.k8s.io/v1beta1", "RuntimeClass", 25, "node.k8s.io/v1")
_note("autoscaling/v2beta1", "HorizontalPodAutoscaler", 25, "autoscaling/v2", _HPA)
_note("autoscaling/v2beta2", "HorizontalPodAutoscaler", 26, "autoscaling/v2")
_note("flowcontrol.apiserver.k8s.io/v1beta1", "FlowSchema PriorityLevelConfiguration", 26, "", _FLOW)
_note("flowcontrol.apiserver.k8s.io/v1beta2", "FlowSchema PriorityLevelConfiguration", 29, "", _FLOW)
_note("flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema PriorityLevelConfiguration", 32, "")
for (_group, _kind), _removed in list(_REMOVED.items()):
    if _group.startswith("flowcontrol"):
        _REMOVED[_group, _kind] = Removed(_removed.minor, "flowcontrol.apiserver.k8s.io/v1", _removed.also)


def removed(api_version: str, kind: str) -> Removed | None:
    """Return when this API version of a kind was removed, or None if nothing is known."""
    return _REMOVED.get((api_version, kind))
