"""Tell which kinds the fake cluster has, as clients such as kubectl ask before anything else."""

from tests.fakes.kubernetes_store import KINDS, Json

_VERBS = ["get", "list", "patch"]
_SHORT = {"pods": ["po"], "deployments": ["deploy"], "services": ["svc"], "configmaps": ["cm"], "nodes": ["no"]}


def discovered(path: str) -> Json | None:
    """Return the answer to a question about the API itself, or None if the path asks for something else."""
    parts = path.strip("/").split("/")
    if parts == ["api"]:
        return {"kind": "APIVersions", "versions": ["v1"]}
    if parts == ["apis"]:
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(*one) for one in sorted(_groups())]}
    if parts == ["api", "v1"]:
        return _resources("", "v1")
    if len(parts) == 3 and parts[0] == "apis" and (parts[1], parts[2]) in _groups():
        return _resources(parts[1], parts[2])
    return None


def _groups() -> set[tuple[str, str]]:
    return {(group, version) for _, group, version, _ in KINDS.values() if group}


def _group(name: str, version: str) -> Json:
    shown = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [shown], "preferredVersion": shown}


def _resources(group: str, version: str) -> Json:
    found = []
    for kind, (plural, its_group, its_version, namespaced) in KINDS.items():
        if (its_group, its_version) == (group, version):
            one = {"name": plural, "singularName": kind.lower(), "namespaced": namespaced, "kind": kind}
            found.append({**one, "verbs": _VERBS, "shortNames": _SHORT.get(plural, [])})
            if plural == "deployments":
                scale = {"name": "deployments/scale", "singularName": "", "namespaced": True, "kind": "Scale"}
                found.append({**scale, "group": "autoscaling", "version": "v1", "verbs": ["get", "patch"]})
            if plural == "pods":
                log = {"name": "pods/log", "singularName": "", "namespaced": True, "kind": "Pod"}
                found.append({**log, "verbs": ["get"]})
    name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": found}
