"""Build objects of a cluster in the shapes in which a real one keeps them."""

from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]
SHOP = "shop"
HASH = "5d4f8c7b9"


def ago(**span: float) -> str:
    """Return a moment in the past as the API writes it."""
    return f"{datetime.now(UTC) - timedelta(**span):%Y-%m-%dT%H:%M:%SZ}"


def made(kind: str, name: str, namespace: str | None = SHOP, **parts: Any) -> Json:
    """Return an object; `meta` holds more of its metadata."""
    metadata = {"name": name, "creationTimestamp": ago(hours=2), **parts.pop("meta", {})}
    if namespace is not None:
        metadata["namespace"] = namespace
    return {"kind": kind, "metadata": metadata, **parts}


def container(name: str = "web", image: str = "registry.example/shop/web:1.4.2", **more: Any) -> Json:
    """Return a container of a pod's spec."""
    resources = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}}
    shell: Json = {"name": name, "image": image, "imagePullPolicy": "IfNotPresent", "resources": resources}
    return shell | {"terminationMessagePath": "/dev/termination-log"} | more


def deployment(name: str = "web", replicas: int = 3, *, ready: int = 0, spec: Json | None = None, **more: Any) -> Json:
    """Return a deployment of which so many pods are ready."""
    labels = {"app": name}
    conditions = more.pop("conditions", None) or [
        _condition(
            "Available", ready == replicas, "MinimumReplicasAvailable" if ready else "MinimumReplicasUnavailable"
        ),
        _condition("Progressing", True, "NewReplicaSetAvailable" if ready == replicas else "ReplicaSetUpdated"),
    ]
    status = {
        "observedGeneration": 1,
        "replicas": replicas,
        "updatedReplicas": replicas,
        "unavailableReplicas": replicas - ready,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "conditions": conditions,
    }
    status = {key: value for key, value in status.items() if value != 0} | more.pop("status", {})
    pod_spec = {"containers": more.pop("containers", None) or [container(name)], **more.pop("pod_spec", {})}
    return made(
        "Deployment",
        name,
        meta={
            "labels": labels,
            "annotations": {
                "deployment.kubernetes.io/revision": "1",
                "kubectl.kubernetes.io/last-applied-configuration": '{"spec":{"env":"last-applied-marker"}}',
            },
        },
        spec={
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec},
            **(spec or {}),
        },
        status=status,
        **more,
    )


def _condition(type: str, is_true: bool, reason: str, message: str = "") -> Json:
    return {"type": type, "status": "True" if is_true else "False", "reason": reason, "message": message}


def condition(type: str, status: str, reason: str = "", message: str = "") -> Json:
    """Return a condition of an object's status."""
    return {"type": type, "status": status, "reason": reason, "message": message, "lastTransitionTime": ago(minutes=20)}


def owned_by(kind: str, name: str) -> list[Json]:
    """Return the reference to an object's owner."""
    return [{"kind": kind, "name": name, "controller": True, "apiVersion": "apps/v1", "uid": f"uid-{name}"}]


def replicaset(name: str = "web", replicas: int = 3, *, ready: int = 0, hash: str = HASH, **more: Any) -> Json:
    """Return the replica set of a deployment of this name."""
    labels = {"app": name, "pod-template-hash": hash}
    return made(
        "ReplicaSet",
        f"{name}-{hash}",
        meta={
            "labels": labels,
            "ownerReferences": owned_by("Deployment", name),
            "annotations": {"deployment.kubernetes.io/revision": "1"},
        },
        spec={
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container(name)]}},
        },
        status={"replicas": replicas, "readyReplicas": ready, **more.pop("status", {})},
        **more,
    )


def pod(name: str = "web", mark: str = "x2x7k", *, owner: str = "ReplicaSet", **more: Any) -> Json:
    """Return a pod of the deployment `name`; by default it runs and is ready."""
    statuses = more.pop("statuses", None)
    statuses = [running(name)] if statuses is None else statuses
    is_ready = all(one.get("ready") for one in statuses) and bool(statuses)
    status: Json = {
        "phase": more.pop("phase", "Running"),
        "conditions": more.pop("conditions", None)
        or [
            condition("PodScheduled", "True"),
            condition("Initialized", "True"),
            condition("ContainersReady", str(is_ready)),
            condition("Ready", str(is_ready), "" if is_ready else "ContainersNotReady"),
        ],
        "podIP": "10.1.2.3",
        "containerStatuses": statuses,
        **more.pop("status", {}),
    }
    spec = {
        "nodeName": "node-1",
        "restartPolicy": "Always",
        "serviceAccountName": "default",
        "containers": more.pop("containers", None) or [container(name)],
        **more.pop("spec", {}),
    }
    owner_name = f"{name}-{HASH}" if owner == "ReplicaSet" else name
    labels = {"app": name} | ({"pod-template-hash": HASH} if owner == "ReplicaSet" else {})
    meta = {"labels": labels, "ownerReferences": owned_by(owner, owner_name), **more.pop("meta", {})}
    full = f"{owner_name}-{mark}"
    return made("Pod", full, meta=meta, spec=spec, status=status, **more)


def running(name: str = "web", *, ready: bool = True, restarts: int = 0, last: Json | None = None) -> Json:
    """Return the status of a container that runs."""
    return _status(
        name, {"running": {"startedAt": ago(hours=1)}}, ready=ready, restarts=restarts, last=last, started=True
    )


def waiting(reason: str, message: str = "", *, name: str = "web", restarts: int = 0, last: Json | None = None) -> Json:
    """Return the status of a container that waits."""
    return _status(name, {"waiting": {"reason": reason, "message": message}}, restarts=restarts, last=last)


def ended(code: int, reason: str = "Error", *, name: str = "web", message: str = "", restarts: int = 0) -> Json:
    """Return the status of a container that has ended."""
    return _status(name, {"terminated": termination(code, reason, message)}, restarts=restarts)


def termination(code: int, reason: str = "Error", message: str = "") -> Json:
    """Return how a container ended."""
    found = {"exitCode": code, "reason": reason, "startedAt": ago(minutes=6), "finishedAt": ago(minutes=5)}
    return found | ({"message": message} if message else {})


def _status(name: str, state: Json, *, restarts: int = 0, last: Json | None = None, **more: Any) -> Json:
    return {
        "name": name,
        "state": state,
        "lastState": {"terminated": last} if last else {},
        "ready": more.get("ready", False),
        "restartCount": restarts,
        "image": f"registry.example/shop/{name}:1.4.2",
        "imageID": "",
        "started": more.get("started", False),
    }


def event(about: Json, reason: str, message: str, *, type: str = "Warning", count: int = 5) -> Json:
    """Return an event about an object."""
    metadata = about["metadata"]
    namespace = metadata.get("namespace", "default")
    return made(
        "Event",
        f"{metadata['name']}.{abs(hash((reason, message))):x}"[:200],
        namespace,
        involvedObject={"kind": about["kind"], "name": metadata["name"], "namespace": namespace},
        reason=reason,
        message=message,
        type=type,
        count=count,
        firstTimestamp=ago(minutes=30),
        lastTimestamp=ago(minutes=1),
        source={"component": "kubelet"},
    )


def node(name: str = "node-1", *, ready: str = "True", taints: list[Json] | None = None, **more: Any) -> Json:
    """Return a node."""
    conditions = [
        condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
        condition("Ready", ready, "KubeletReady" if ready == "True" else "KubeletNotReady", more.pop("message", "")),
    ]
    return made(
        "Node",
        name,
        None,
        meta={"labels": {"kubernetes.io/hostname": name, **more.pop("labels", {})}},
        spec={"taints": taints or [], **more.pop("spec", {})},
        status={
            "conditions": more.pop("conditions", conditions),
            "allocatable": {"cpu": "1930m", "memory": "7Gi", "pods": "110"},
            "nodeInfo": {"kubeletVersion": "v1.31.2"},
        },
    )


def claim(name: str = "data", *, phase: str = "Bound", storage_class: str | None = "fast", **spec: Any) -> Json:
    """Return a claim of a volume."""
    asked = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}, **spec}
    if storage_class is not None:
        asked["storageClassName"] = storage_class
    return made("PersistentVolumeClaim", name, spec=asked, status={"phase": phase})


def service(
    name: str = "web", selector: Json | None = None, *, port: int = 80, target: Any = 8080, **more: Any
) -> Json:
    """Return a service."""
    spec = {
        "type": "ClusterIP",
        "clusterIP": "10.96.0.10",
        "selector": {"app": name} if selector is None else selector,
        "ports": [{"name": "http", "port": port, "targetPort": target, "protocol": "TCP"}],
        **more.pop("spec", {}),
    }
    return made("Service", name, spec=spec, status={"loadBalancer": {}}, **more)


def endpoints(name: str = "web", ready: int = 0, waiting: int = 0) -> Json:
    """Return the endpoints slice of a service."""
    states = [True] * ready + [False] * waiting
    found = [
        {"addresses": [f"10.1.0.{index}"], "conditions": {"ready": state}, "targetRef": {"kind": "Pod"}}
        for index, state in enumerate(states)
    ]
    labels = {"kubernetes.io/service-name": name}
    return made(
        "EndpointSlice", f"{name}-abcde", meta={"labels": labels}, addressType="IPv4", endpoints=found, ports=[]
    )


def autoscaler(name: str = "web-hpa", target: str = "web", least: int = 2, most: int = 10, **status: Any) -> Json:
    """Return an autoscaler of a deployment."""
    return made(
        "HorizontalPodAutoscaler",
        name,
        spec={
            "scaleTargetRef": {"kind": "Deployment", "name": target, "apiVersion": "apps/v1"},
            "minReplicas": least,
            "maxReplicas": most,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
                }
            ],
        },
        status={"currentReplicas": 3, "desiredReplicas": 3, **status},
    )


def budget(name: str = "web-pdb", app: str = "web", *, allowed: int = 1, **spec: Any) -> Json:
    """Return a disruption budget."""
    return made(
        "PodDisruptionBudget",
        name,
        spec={"selector": {"matchLabels": {"app": app}}, **(spec or {"minAvailable": 2})},
        status={"disruptionsAllowed": allowed, "currentHealthy": 3, "desiredHealthy": 2, "expectedPods": 3},
    )


def ingress(name: str = "web", service: str = "web", port: Any = 80, **spec: Any) -> Json:
    """Return an ingress with one host."""
    number = {"name": port} if isinstance(port, str) else {"number": port}
    backend = {"service": {"name": service, "port": number}}
    rule = {"host": "shop.example", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    found = {"ingressClassName": "nginx", "rules": [rule], **spec}
    return made("Ingress", name, spec=found, status={"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}})


def job(name: str = "report", *, conditions: list[Json] | None = None, status: Json | None = None, **spec: Any) -> Json:
    """Return a job."""
    labels = {"batch.kubernetes.io/job-name": name}
    return made(
        "Job",
        name,
        meta=spec.pop("meta", {}),
        spec={
            "completions": 1,
            "backoffLimit": 3,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container(name)]}},
            **spec,
        },
        status={"startTime": ago(minutes=50), "conditions": conditions or [], **(status or {})},
    )
