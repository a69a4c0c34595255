"""Find objects, their pods and their containers in Kubernetes manifests, whatever wraps them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent.lint import dig, mapping, sequence, text
from agent.yaml_input import Document
from agent.yaml_tree import Path

# Where each kind keeps the template of its pods.
_POD_TEMPLATES: Mapping[str, Path] = {
    "Pod": (),
    "PodTemplate": ("template",),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
RUNS_TO_ITS_END = {"Job", "CronJob"}
SCALABLE = {"Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"}
# These have no namespace; the list is of what people write by hand.
CLUSTER_WIDE = {
    "Namespace",
    "Node",
    "PersistentVolume",
    "ClusterRole",
    "ClusterRoleBinding",
    "StorageClass",
    "CustomResourceDefinition",
    "PriorityClass",
    "IngressClass",
    "RuntimeClass",
    "PodSecurityPolicy",
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "APIService",
    "CSIDriver",
    "VolumeSnapshotClass",
    "ClusterIssuer",
    "ComponentStatus",
}


@dataclass(frozen=True)
class KObject:
    """One object of the input, which may stand in a List."""

    document: Document
    path: Path
    value: dict[str, Any]
    wrapped_in: int = 0
    """How many keys lead to what the document holds, if that is only a part of the object."""

    @property
    def kind(self) -> str:
        """Return `Deployment` and so on."""
        return text(self.value.get("kind"))

    @property
    def api_version(self) -> str:
        """Return `apps/v1` and so on."""
        return text(self.value.get("apiVersion"))

    @property
    def name(self) -> str:
        """Return its name, or nothing."""
        return text(dig(self.value, "metadata", "name"))

    @property
    def namespace(self) -> str:
        """Return the namespace that is written, or nothing."""
        return text(dig(self.value, "metadata", "namespace"))

    @property
    def label(self) -> str:
        """Return `Deployment/web`, for people."""
        return f"{self.kind or 'object'}/{self.name or '?'}"

    def dig(self, *keys: str | int) -> Any:
        """Return what stands under these keys, or None."""
        return dig(self.value, *keys)

    def at(self, *keys: str | int) -> Path:
        """Return the whole path of these keys in the document."""
        return (*self.path, *keys[self.wrapped_in :])


@dataclass(frozen=True)
class Pod:
    """The pod that an object is, or makes."""

    owner: KObject
    path: Path
    """From the object to the pod's spec."""
    spec: dict[str, Any]
    labels: dict[str, Any]

    @property
    def long_running(self) -> bool:
        """Whether it is meant to run until it is stopped."""
        if self.owner.kind in RUNS_TO_ITS_END:
            return False
        return not (self.owner.kind == "Pod" and self.spec.get("restartPolicy") in ("Never", "OnFailure"))

    def at(self, *keys: str | int) -> Path:
        """Return the whole path of these keys of the pod's spec."""
        return self.owner.at(*self.path, *keys)

    def containers(self) -> list["Container"]:
        """Return the containers, those for initialising last."""
        return [*self._listed("containers"), *self._listed("initContainers")]

    def _listed(self, key: str) -> Iterator["Container"]:
        for index, value in enumerate(sequence(self.spec.get(key))):
            if isinstance(value, dict):
                yield Container(self, (key, index), value)


@dataclass(frozen=True)
class Container:
    """A container of a pod."""

    pod: Pod
    path: Path
    """From the pod's spec to the container."""
    value: dict[str, Any]

    @property
    def name(self) -> str:
        """Return its name, or where it stands."""
        return text(self.value.get("name")) or f"{self.path[0]}[{self.path[1]}]"

    @property
    def is_init(self) -> bool:
        """Whether it ends before the others begin; a sidecar, which restarts always, does not."""
        return self.path[0] == "initContainers" and self.value.get("restartPolicy") != "Always"

    @property
    def is_main(self) -> bool:
        """Whether it stands among the ordinary containers."""
        return self.path[0] == "containers"

    def at(self, *keys: str | int) -> Path:
        """Return the whole path of these keys of the container."""
        return self.pod.at(*self.path, *keys)

    def port_names(self) -> set[str]:
        """Return the names of its declared ports."""
        return {text(dig(port, "name")) for port in sequence(self.value.get("ports"))} - {""}


def objects_of(documents: Iterable[Document]) -> list[KObject]:
    """Return all objects, the items of a List instead of the list."""
    found: list[KObject] = []
    for document in documents:
        part = _part_of_pod(document)
        if part:
            found.append(part)
        if part or not isinstance(document.value, dict):
            continue
        one = KObject(document, (), document.value)
        items = document.value.get("items")
        if isinstance(items, list) and one.kind.endswith("List"):
            typed = one.kind.removesuffix("List")
            found += [
                KObject(document, ("items", index), _with_kind(item, typed, one.api_version))
                for index, item in enumerate(items)
                if isinstance(item, dict)
            ]
        else:
            found.append(one)
    return found


def _part_of_pod(document: Document) -> KObject | None:
    """Return a pod around its spec, or around its list of containers, if the document is no more than that."""
    value = document.value
    items = sequence(value)
    if items and all(isinstance(item, dict) and {"name", "image"} <= item.keys() for item in items):
        spec, wrapped_in = {"containers": value}, 2
    elif isinstance(dig(value, "containers"), list) and not {"apiVersion", "kind", "metadata", "spec"} & value.keys():
        spec, wrapped_in = value, 1
    else:
        return None
    name = {"name": "part", "namespace": "part"}
    return KObject(document, (), {"apiVersion": "v1", "kind": "Pod", "metadata": name, "spec": spec}, wrapped_in)


def _with_kind(item: dict[str, Any], kind: str, api_version: str) -> dict[str, Any]:
    """Return an item of a typed list, such as PodList, with the kind that it may leave out there."""
    return item if not kind or "kind" in item else {"kind": kind, "apiVersion": api_version, **item}


def pods_of(objects: Iterable[KObject]) -> list[Pod]:
    """Return the pods that the objects are or make."""
    found = []
    for one in objects:
        template = _POD_TEMPLATES.get(one.kind)
        if template is None:
            continue
        path = (*template, "spec")
        spec = one.dig(*path)
        if isinstance(spec, dict):
            found.append(Pod(one, path, spec, mapping(one.dig(*template, "metadata", "labels"))))
    return found


def matches(selector: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Whether labels have all that a plain selector (`matchLabels`, or a Service's) asks for."""
    return all(labels.get(key) == value for key, value in selector.items())


def selects(selector: Any, labels: Mapping[str, Any]) -> bool:
    """Whether a label selector with `matchLabels` and `matchExpressions` takes these labels."""
    if not matches(mapping(dig(selector, "matchLabels")), labels):
        return False
    for expression in sequence(dig(selector, "matchExpressions")):
        key, values = text(dig(expression, "key")), sequence(dig(expression, "values"))
        fits = {
            "In": labels.get(key) in values,
            "NotIn": labels.get(key) not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }
        if not fits.get(text(dig(expression, "operator")), True):
            return False
    return True
