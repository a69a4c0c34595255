"""Keep the objects of the fake cluster, and select, page and patch them as the API does."""

import base64
import copy
import itertools
import json
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

# Each kind with its plural, group, version, and whether it lives in namespaces.
KINDS = {
    "Pod": ("pods", "", "v1", True),
    "Service": ("services", "", "v1", True),
    "ConfigMap": ("configmaps", "", "v1", True),
    "Secret": ("secrets", "", "v1", True),
    "Node": ("nodes", "", "v1", False),
    "Namespace": ("namespaces", "", "v1", False),
    "Event": ("events", "", "v1", True),
    "PersistentVolumeClaim": ("persistentvolumeclaims", "", "v1", True),
    "PersistentVolume": ("persistentvolumes", "", "v1", False),
    "ResourceQuota": ("resourcequotas", "", "v1", True),
    "LimitRange": ("limitranges", "", "v1", True),
    "ServiceAccount": ("serviceaccounts", "", "v1", True),
    "Endpoints": ("endpoints", "", "v1", True),
    "Deployment": ("deployments", "apps", "v1", True),
    "ReplicaSet": ("replicasets", "apps", "v1", True),
    "StatefulSet": ("statefulsets", "apps", "v1", True),
    "DaemonSet": ("daemonsets", "apps", "v1", True),
    "Job": ("jobs", "batch", "v1", True),
    "CronJob": ("cronjobs", "batch", "v1", True),
    "HorizontalPodAutoscaler": ("horizontalpodautoscalers", "autoscaling", "v2", True),
    "PodDisruptionBudget": ("poddisruptionbudgets", "policy", "v1", True),
    "Ingress": ("ingresses", "networking.k8s.io", "v1", True),
    "IngressClass": ("ingressclasses", "networking.k8s.io", "v1", False),
    "NetworkPolicy": ("networkpolicies", "networking.k8s.io", "v1", True),
    "EndpointSlice": ("endpointslices", "discovery.k8s.io", "v1", True),
    "StorageClass": ("storageclasses", "storage.k8s.io", "v1", False),
}
BY_PLURAL = {(group, plural): kind for kind, (plural, group, _, _) in KINDS.items()}

_EVENT_FIELDS = {"reason", "type", "source", "reportingComponent"} | {
    f"involvedObject.{part}" for part in ("kind", "namespace", "name", "uid", "apiVersion", "fieldPath")
}
_FIELDS = {
    "events": _EVENT_FIELDS,
    "pods": {"spec.nodeName", "spec.restartPolicy", "status.phase", "status.podIP", "spec.serviceAccountName"},
    "secrets": {"type"},
    "nodes": {"spec.unschedulable"},
    "namespaces": {"status.phase"},
    "replicasets": {"status.replicas"},
    "jobs": {"status.successful"},
}


class Failure(Exception):
    """An answer that is an error, in the API's own shape."""

    def __init__(self, status: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            **({"details": details} if details else {}),
            "code": status,
        }


@dataclass(frozen=True)
class Address:
    """What a path names: a kind, and in it a namespace, an object, a part of it."""

    plural: str
    group: str
    namespace: str = ""
    name: str = ""
    part: str = ""

    @property
    def kind(self) -> str:
        """Return the kind of the objects there."""
        return BY_PLURAL[(self.group, self.plural)]

    @property
    def qualified(self) -> str:
        """Return the plural with its group, as errors write it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


class Store:
    """Hold objects; each write gives the object a new version."""

    def __init__(self) -> None:
        self._objects: dict[tuple[str, str, str], Json] = {}
        self._versions = itertools.count(1000)
        self.expiring = 0
        """How many lists that are read on count as too old, as after a compaction of the cluster's own database."""

    def put(self, given: Json) -> Json:
        """Store an object, new or in the place of one of its name, and fill in what a cluster fills in."""
        found = copy.deepcopy(given)
        plural, group, version, namespaced = KINDS[found["kind"]]
        found.setdefault("apiVersion", f"{group}/{version}" if group else version)
        metadata = found.setdefault("metadata", {})
        if namespaced:
            metadata.setdefault("namespace", "default")
        metadata.setdefault("uid", str(uuid.uuid4()))
        metadata.setdefault("creationTimestamp", f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
        metadata.setdefault("generation", 1)
        metadata["resourceVersion"] = str(next(self._versions))
        metadata.setdefault("managedFields", [{"manager": "kubectl", "fieldsV1": {"f:spec": {"f:managed-marker": {}}}}])
        self._objects[(plural, metadata.get("namespace", ""), metadata["name"])] = found
        return found

    def get(self, address: Address) -> Json:
        """Return an object; raises Failure if there is none."""
        found = self._objects.get((address.plural, address.namespace, address.name))
        if found is None:
            message = f'{address.qualified} "{address.name}" not found'
            raise Failure(404, "NotFound", message, name=address.name, kind=address.plural, group=address.group)
        return found

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Forget an object."""
        del self._objects[(KINDS[kind][0], namespace, name)]

    def list(self, address: Address, query: dict[str, str]) -> Json:
        """Return a page of the objects there that fit the selectors."""
        if query.get("continue") and self.expiring:
            self.expiring -= 1
            raise _expired()
        every = [
            found
            for (plural, namespace, _), found in sorted(self._objects.items())
            if plural == address.plural and address.namespace in ("", namespace)
        ]
        fields = _field_rules(address.plural, query.get("fieldSelector", ""))
        labels = _label_rules(query.get("labelSelector", ""))
        fitting = [one for one in every if all(rule(one) for rule in (*fields, *labels))]
        return _page(address, fitting, query)

    def patch(self, address: Address, change: Json) -> Json:
        """Merge a change into an object; raises Failure if it names another version than the stored one."""
        before = self.get(address)
        asked = change.get("metadata", {}).get("resourceVersion")
        if asked is not None and asked != before["metadata"]["resourceVersion"]:
            raise Failure(
                409,
                "Conflict",
                f'Operation cannot be fulfilled on {address.qualified} "{address.name}": the object has been modified; '
                "please apply your changes to the latest version and try again",
                name=address.name,
                kind=address.plural,
                group=address.group,
            )
        after = _merged(before, change)
        if after.get("spec") != before.get("spec"):
            after["metadata"]["generation"] = before["metadata"]["generation"] + 1
        return self.put(after)


def scale_of(found: Json) -> Json:
    """Return an object's scale subresource."""
    labels = found["spec"].get("selector", {}).get("matchLabels", {})
    metadata = {key: found["metadata"].get(key) for key in ("name", "namespace", "uid", "resourceVersion")}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {**metadata, "creationTimestamp": found["metadata"]["creationTimestamp"]},
        "spec": {"replicas": found["spec"].get("replicas", 0)},
        "status": {
            "replicas": found.get("status", {}).get("replicas", 0),
            "selector": ",".join(f"{key}={value}" for key, value in labels.items()),
        },
    }


def _merged(before: Any, change: Any) -> Any:
    """Return a JSON merge patch applied (RFC 7386)."""
    if not isinstance(change, dict):
        return copy.deepcopy(change)
    after = copy.deepcopy(before) if isinstance(before, dict) else {}
    for key, value in change.items():
        if value is None:
            after.pop(key, None)
        else:
            after[key] = _merged(after.get(key), value)
    return after


def _page(address: Address, fitting: list[Json], query: dict[str, str]) -> Json:
    start = _start(query.get("continue", ""))
    limit = int(query.get("limit", "0") or 0)
    items = fitting[start : start + limit] if limit else fitting[start:]
    left = len(fitting) - start - len(items)
    metadata: Json = {"resourceVersion": "999"}
    if left:
        metadata["continue"] = base64.urlsafe_b64encode(json.dumps({"start": start + len(items)}).encode()).decode()
        metadata["remainingItemCount"] = left
    version = f"{address.group}/{KINDS[address.kind][2]}" if address.group else "v1"
    # The real API leaves kind and version out of the items of a list.
    bare = [{key: value for key, value in one.items() if key not in ("kind", "apiVersion")} for one in items]
    return {"kind": f"{address.kind}List", "apiVersion": version, "metadata": metadata, "items": bare}


def _start(token: str) -> int:
    if not token:
        return 0
    try:
        return int(json.loads(base64.urlsafe_b64decode(token))["start"])
    except (ValueError, KeyError):
        raise _expired() from None


def _expired() -> Failure:
    return Failure(410, "Expired", "The provided continue parameter is too old to display a consistent list")


def _at(found: Json, path: str) -> str:
    value: Any = found
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _field_rules(plural: str, selector: str) -> list[Any]:
    rules = []
    known = {"metadata.name", "metadata.namespace"} | _FIELDS.get(plural, set())
    for part in filter(None, selector.split(",")):
        match = re.fullmatch(r"([\w.]+)(==|!=|=)(.*)", part)
        if match is None or match[1] not in known:
            raise Failure(400, "BadRequest", f'Unable to find "{plural}" that match field selector "{selector}"')
        path, operator, value = match.groups()
        rules.append(lambda one, p=path, o=operator, v=value: (_at(one, p) == v) == (o != "!="))
    return rules


_LABEL_PART = re.compile(r"\s*(!?)([\w./-]+)\s*(?:(==|!=|=)\s*([\w.-]*)|\s(in|notin)\s*\(([^)]*)\))?\s*")


def _label_rules(selector: str) -> list[Any]:
    rules = []
    for part in filter(None, re.split(r",(?![^(]*\))", selector)):
        match = _LABEL_PART.fullmatch(part)
        if match is None:
            raise Failure(400, "BadRequest", f"unable to parse requirement: {part}")
        rules.append(lambda one, found=match: _label_fits(one["metadata"].get("labels", {}), found))
    return rules


def _label_fits(labels: dict[str, str], match: re.Match[str]) -> bool:
    absent, key, operator, value, among, values = match.groups()
    if operator:
        return (labels.get(key) == value) == (operator != "!=")
    if among:
        allowed = [one.strip() for one in values.split(",")]
        return (labels.get(key) in allowed) == (among == "in")
    return (key in labels) != bool(absent)
