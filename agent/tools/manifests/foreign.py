"""Know the files that lie beside manifests and look like them, but are read by other programs than the API server."""

from collections.abc import Iterable, Mapping
from typing import Any

from agent.lint import Report, mapping, sequence
from agent.tools.manifests.objects import KObject

_RENDER = "Render it (`helm template`) and check the result."
_KUSTOMIZE = ("a kustomization", "Run `kubectl kustomize` in its folder and check the result.")
_NODE = ("a configuration file of a node's own programs", "Give it to kubeadm or to that program.")
_SERVER = ("a configuration file of the API server", "Name it in the flags of kube-apiserver.")
_GROUPS: Mapping[str, tuple[str, str]] = {
    "kustomize.config.k8s.io": _KUSTOMIZE,
    "kind.x-k8s.io": ("the configuration of a kind cluster", "Give it to `kind create cluster --config`."),
    "k3d.io": ("the configuration of a k3d cluster", "Give it to `k3d cluster create --config`."),
    "eksctl.io": ("the configuration of an eksctl cluster", "Give it to `eksctl create cluster -f`."),
    "kubeadm.k8s.io": _NODE,
    "kubelet.config.k8s.io": _NODE,
    "kubeproxy.config.k8s.io": _NODE,
    "kubescheduler.config.k8s.io": _NODE,
    "apiserver.config.k8s.io": _SERVER,
    "audit.k8s.io": _SERVER,
    "skaffold": ("a configuration of Skaffold", "Run `skaffold render` and check the result."),
}
_KUSTOMIZE_KEYS = {
    "namePrefix", "nameSuffix", "commonLabels", "commonAnnotations", "patchesStrategicMerge", "patchesJson6902",
    "configMapGenerator", "secretGenerator", "generatorOptions", "helmCharts",
}  # fmt: skip
_VALUES_KEYS = {"replicaCount", "nameOverride", "fullnameOverride", "imagePullSecrets", "podAnnotations", "autoscaling"}


def without_foreign(report: Report, objects: Iterable[KObject]) -> list[KObject]:
    """Return the objects that are meant for the API server; name the others."""
    kept = []
    for one in objects:
        foreign = _foreign(one)
        if foreign is None:
            kept.append(one)
        else:
            what, fix = foreign
            report.add("client-file", one.document, one.path, f"This is {what}.", fix=fix)
    return kept


def _foreign(one: KObject) -> tuple[str, str] | None:
    """Return what the file is and what to do with it, or None for an object of a cluster."""
    group, slash, _ = one.api_version.partition("/")
    if slash and group in _GROUPS:
        return _GROUPS[group]
    if one.kind:
        is_kubeconfig = one.kind == "Config" and one.api_version == "v1"
        return ("a kubeconfig", "Keep it private; kubectl reads it (`--kubeconfig`).") if is_kubeconfig else None
    if one.api_version in ("v1", "v2") and {"name", "version"} <= one.value.keys():
        return "the Chart.yaml of a Helm chart", "Run `helm lint`, or render the chart and check the result."
    return None if one.api_version else _by_keys(one.value)


def _by_keys(value: dict[str, Any]) -> tuple[str, str] | None:
    files = sequence(value.get("resources"))
    if _KUSTOMIZE_KEYS & value.keys() or (files and all(isinstance(name, str) for name in files)):
        return _KUSTOMIZE
    if _VALUES_KEYS & value.keys() or {"repository", "tag"} & mapping(value.get("image")).keys():
        return "a file of values for a Helm chart", _RENDER
    if mapping(value.get("services")):
        return "a Compose file", "Check it with compose_lint."
    return None
