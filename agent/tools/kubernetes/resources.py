"""Name the kinds of objects that the tools know, as people and kubectl write them, and where the API keeps them."""

import re
from dataclasses import dataclass

from agent.tools.kubernetes.client import Cluster
from agent.tools.kubernetes.reading import clean
from agent.types import ToolError

EVERYWHERE = "*"
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")
_SELECTOR = re.compile(r"[A-Za-z0-9_./=!, ()-]{1,256}")


@dataclass(frozen=True)
class Resource:
    """One kind of object; `group` is empty for the core API."""

    plural: str
    kind: str
    group: str = ""
    version: str = "v1"
    short: tuple[str, ...] = ()
    namespaced: bool = True

    @property
    def singular(self) -> str:
        """Return the word for one of them."""
        return self.kind.lower()

    def path(self, namespace: str = "", name: str = "") -> tuple[str, ...]:
        """Return the segments of its address; no namespace means all of them."""
        root = ("apis", self.group, self.version) if self.group else ("api", self.version)
        inside = ("namespaces", namespace) if self.namespaced and namespace else ()
        return (*root, *inside, self.plural, *((name,) if name else ()))


PODS = Resource("pods", "Pod", short=("po",))
SERVICES = Resource("services", "Service", short=("svc",))
CONFIGMAPS = Resource("configmaps", "ConfigMap", short=("cm",))
SECRETS = Resource("secrets", "Secret")
NODES = Resource("nodes", "Node", short=("no",), namespaced=False)
NAMESPACES = Resource("namespaces", "Namespace", short=("ns",), namespaced=False)
EVENTS = Resource("events", "Event", short=("ev",))
CLAIMS = Resource("persistentvolumeclaims", "PersistentVolumeClaim", short=("pvc", "pvcs"))
VOLUMES = Resource("persistentvolumes", "PersistentVolume", short=("pv", "pvs"), namespaced=False)
QUOTAS = Resource("resourcequotas", "ResourceQuota", short=("quota", "quotas"))
SERVICE_ACCOUNTS = Resource("serviceaccounts", "ServiceAccount", short=("sa",))
ENDPOINTS = Resource("endpoints", "Endpoints", short=("ep",))
DEPLOYMENTS = Resource("deployments", "Deployment", "apps", short=("deploy", "deploys"))
REPLICASETS = Resource("replicasets", "ReplicaSet", "apps", short=("rs",))
STATEFULSETS = Resource("statefulsets", "StatefulSet", "apps", short=("sts",))
DAEMONSETS = Resource("daemonsets", "DaemonSet", "apps", short=("ds",))
JOBS = Resource("jobs", "Job", "batch")
CRONJOBS = Resource("cronjobs", "CronJob", "batch", short=("cj",))
AUTOSCALERS = Resource("horizontalpodautoscalers", "HorizontalPodAutoscaler", "autoscaling", "v2", ("hpa", "hpas"))
BUDGETS = Resource("poddisruptionbudgets", "PodDisruptionBudget", "policy", short=("pdb", "pdbs"))
INGRESSES = Resource("ingresses", "Ingress", "networking.k8s.io", short=("ing",))
INGRESS_CLASSES = Resource("ingressclasses", "IngressClass", "networking.k8s.io", namespaced=False)
NETWORK_POLICIES = Resource("networkpolicies", "NetworkPolicy", "networking.k8s.io", short=("netpol",))
SLICES = Resource("endpointslices", "EndpointSlice", "discovery.k8s.io", short=("eps",))
STORAGE_CLASSES = Resource("storageclasses", "StorageClass", "storage.k8s.io", short=("sc",), namespaced=False)

ALL = (
    PODS,
    DEPLOYMENTS,
    STATEFULSETS,
    DAEMONSETS,
    REPLICASETS,
    JOBS,
    CRONJOBS,
    SERVICES,
    ENDPOINTS,
    SLICES,
    INGRESSES,
    INGRESS_CLASSES,
    CONFIGMAPS,
    SECRETS,
    NODES,
    NAMESPACES,
    EVENTS,
    CLAIMS,
    VOLUMES,
    STORAGE_CLASSES,
    AUTOSCALERS,
    BUDGETS,
    QUOTAS,
    SERVICE_ACCOUNTS,
    NETWORK_POLICIES,
)
_BY_WORD = {word: one for one in ALL for word in (one.plural, one.singular, *one.short)}


def resource(word: str, among: tuple[Resource, ...] = ALL) -> Resource:
    """Return the kind that a word means: `deploy`, `Deployment`, `deployments.apps`; raises ToolError."""
    found = _BY_WORD.get(word.strip().lower().partition(".")[0].partition("/")[0])
    if found not in among:
        known = ", ".join(one.plural for one in among)
        raise ToolError(f"`{clean(word, 40)}` is no kind that this tool reads. It knows: {known}.")
    assert found is not None
    return found


def checked_name(name: str, what: str = "name") -> str:
    """Return an object's name if Kubernetes could have such a one; raises ToolError."""
    bare = name.strip()
    if not _SUBDOMAIN.fullmatch(bare) or ".." in bare:
        raise ToolError(f"`{clean(name, 40)}` is no {what} in Kubernetes: small letters, digits, `-` and `.` only.")
    return bare


def is_namespace(name: str) -> bool:
    """Return whether a namespace could be called so."""
    return bool(_LABEL.fullmatch(name))


def checked_namespace(namespace: str | None, cluster: Cluster, *, everywhere: bool = False) -> str:
    """Return the namespace, by default the connection's own; `*` becomes the empty text where it is allowed."""
    bare = (namespace or "").strip() or cluster.namespace
    if bare == EVERYWHERE and everywhere:
        return ""
    if not is_namespace(bare):
        extra = " or `*` for all" if everywhere else ""
        raise ToolError(f"`{clean(bare, 40)}` is no namespace: small letters, digits and `-` only{extra}.")
    return bare


def checked_selector(selector: str | None) -> str:
    """Return a label selector; raises ToolError for what could be none."""
    bare = (selector or "").strip()
    if bare and not _SELECTOR.fullmatch(bare):
        raise ToolError(f"`{clean(bare, 40)}` is no label selector. Write it like `app=web,tier!=cache`.")
    return bare
