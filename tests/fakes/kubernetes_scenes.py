"""Put whole situations into the fake cluster, as they look in a real one; each function names what goes wrong."""

import json
from typing import Any

from tests.fakes.kubernetes import Answer, FakeKubernetes
from tests.fakes.kubernetes_objects import (
    HASH,
    SHOP,
    claim,
    condition,
    container,
    deployment,
    ended,
    event,
    node,
    pod,
    replicaset,
    running,
    termination,
    waiting,
)

Json = dict[str, Any]
IMAGE = "registry.example/shop/web:1.4.2"
POD = f"web-{HASH}-x2x7k"


def healthy(fake: FakeKubernetes, name: str = "web", replicas: int = 3) -> None:
    """All pods of a deployment run and are ready."""
    fake.put(deployment(name, replicas, ready=replicas), replicaset(name, replicas, ready=replicas), node())
    for mark in ("x2x7k", "b8m4q", "zz9p2")[:replicas]:
        found = pod(name, mark)
        fake.put(found)
        fake.logs[(SHOP, found["metadata"]["name"], name, False)] = f"{name} listens on :8080\nGET /healthz 200\n"


def one_pod(fake: FakeKubernetes, found: Json, *events: tuple[str, str], **more: Any) -> Json:
    """A deployment of one pod that is not ready, with events of the pod."""
    fake.put(deployment(replicas=1, **more), replicaset(replicas=1), found, node())
    fake.put(*[event(found, reason, message) for reason, message in events])
    return found


def image_not_found(fake: FakeKubernetes) -> None:
    """The registry has no such tag."""
    message = (
        f'Failed to pull image "{IMAGE}": rpc error: code = NotFound desc = failed to pull and unpack image "{IMAGE}": '
        f'failed to resolve reference "{IMAGE}": {IMAGE}: not found'
    )
    found = pod(phase="Pending", statuses=[waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}"')])
    one_pod(fake, found, ("Failed", message), ("Failed", "Error: ErrImagePull"), ("Failed", "Error: ImagePullBackOff"))


def image_unauthorized(fake: FakeKubernetes, pull_secret: str | None = None) -> None:
    """The registry wants a login that the pod has not, or has not right."""
    message = (
        f'Failed to pull image "{IMAGE}": failed to pull and unpack image "{IMAGE}": failed to resolve reference '
        f'"{IMAGE}": failed to authorize: failed to fetch anonymous token: unexpected status from GET request to '
        "https://registry.example/token?scope=repository%3Ashop%2Fweb%3Apull: 401 Unauthorized"
    )
    spec = {"imagePullSecrets": [{"name": pull_secret}]} if pull_secret else {}
    found = pod(phase="Pending", spec=spec, statuses=[waiting("ErrImagePull", message)])
    one_pod(fake, found, ("Failed", message))


def image_trouble(fake: FakeKubernetes, message: str, reason: str = "ErrImagePull") -> None:
    """The image can't be had for the reason in the message."""
    found = pod(phase="Pending", statuses=[waiting(reason, message)])
    one_pod(fake, found, ("Failed", message))


CRASH_LOG = (
    "2026-11-20T10:00:00Z INFO starting shop-web 1.4.2\n"
    "2026-11-20T10:00:01Z INFO connecting to postgres.shop.svc:5432\n"
    "2026-11-20T10:00:04Z FATAL cannot connect: dial tcp 10.96.3.4:5432: connect: connection refused\n"
)


def crash_loop(fake: FakeKubernetes, code: int = 1, log: str | None = CRASH_LOG, reason: str = "Error") -> None:
    """The container ends again and again."""
    message = f"back-off 5m0s restarting failed container=web pod={POD}_shop(0b1c)"
    found = pod(statuses=[waiting("CrashLoopBackOff", message, restarts=12, last=termination(code, reason))])
    one_pod(fake, found, ("BackOff", f"Back-off restarting failed container web in pod {POD}_shop(0b1c)"))
    if log is not None:
        fake.logs[(SHOP, POD, "web", True)] = log


def out_of_memory(fake: FakeKubernetes) -> None:
    """The container is killed because it takes more memory than its limit."""
    last = termination(137, "OOMKilled")
    message = f"back-off 2m40s restarting failed container=web pod={POD}_shop(0b1c)"
    one_pod(fake, pod(statuses=[waiting("CrashLoopBackOff", message, restarts=6, last=last)]))
    fake.logs[(SHOP, POD, "web", True)] = "loading 40000 products into memory\n"


def liveness_kills(fake: FakeKubernetes) -> None:
    """The container is killed by its own liveness probe."""
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "timeoutSeconds": 1, "periodSeconds": 10}
    last = termination(137, "Error")
    found = pod(statuses=[running(ready=False, restarts=7, last=last)], containers=[container(livenessProbe=probe)])
    one_pod(
        fake,
        found,
        (
            "Unhealthy",
            'Liveness probe failed: Get "http://10.1.2.3:8080/healthz": context deadline exceeded '
            "(Client.Timeout exceeded while awaiting headers)",
        ),
        ("Killing", "Container web failed liveness probe, will be restarted"),
    )


def not_ready(fake: FakeKubernetes) -> None:
    """The readiness probe fails."""
    probe = {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 5}
    found = pod(statuses=[running(ready=False)], containers=[container(readinessProbe=probe)])
    one_pod(fake, found, ("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"))


def missing_config(fake: FakeKubernetes, message: str) -> None:
    """The container's environment refers to something that is not there."""
    found = pod(phase="Pending", statuses=[waiting("CreateContainerConfigError", message)])
    one_pod(fake, found, ("Failed", f"Error: {message}"))


def cannot_start(fake: FakeKubernetes, message: str, reason: str = "RunContainerError") -> None:
    """The runtime cannot start the command."""
    found = pod(statuses=[waiting(reason, message, restarts=3, last=termination(128, "StartError", message))])
    one_pod(fake, found, ("Failed", f"Error: {message}"))


def init_fails(fake: FakeKubernetes) -> None:
    """An init container fails, so that the main one never starts."""
    status = waiting("CrashLoopBackOff", "back-off", name="migrate", restarts=5, last=termination(1))
    found = pod(
        phase="Pending",
        statuses=[waiting("PodInitializing")],
        status={"initContainerStatuses": [status]},
        spec={"initContainers": [container("migrate")]},
    )
    one_pod(fake, found)
    fake.logs[(SHOP, POD, "migrate", True)] = 'ERROR: relation "orders" does not exist\n'


UNSCHEDULABLE = (
    "0/3 nodes are available: 1 node(s) had untolerated taint {dedicated: gpu}, 2 Insufficient cpu. "
    "preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims found "
    "for incoming pod."
)


def unschedulable(fake: FakeKubernetes, message: str = UNSCHEDULABLE, **spec: Any) -> None:
    """No node takes the pod."""
    asked = {"requests": {"cpu": "4", "memory": "1Gi"}, "limits": {}}
    found = pod(
        phase="Pending",
        statuses=[],
        conditions=[condition("PodScheduled", "False", "Unschedulable", message)],
        containers=[container(resources=asked)],
        spec={"nodeName": None, **spec},
    )
    one_pod(fake, found, ("FailedScheduling", message))
    taint = {"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}
    fake.put(node("node-2"), node("node-gpu", taints=[taint]))


def volume_of(name: str) -> Json:
    """Return the part of a pod's spec that mounts a claim."""
    return {"volumes": [{"name": name, "persistentVolumeClaim": {"claimName": name}}]}


def pending_claim(fake: FakeKubernetes, storage_class: str | None = "fast", *events: tuple[str, str]) -> None:
    """The pod waits for a volume that nobody provides."""
    message = (
        "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/3 nodes are "
        "available: 3 Preemption is not helpful for scheduling."
    )
    unschedulable(fake, message, **volume_of("data"))
    found = claim(phase="Pending", storage_class=storage_class)
    fake.put(found, *[event(found, reason, text) for reason, text in events])


def stuck_volume(fake: FakeKubernetes, reason: str, message: str) -> None:
    """The pod is on a node, and its volume can't be attached or mounted there."""
    found = pod(phase="Pending", statuses=[waiting("ContainerCreating")], spec=volume_of("data"))
    one_pod(fake, found, (reason, message))
    fake.put(claim())


QUOTA = (
    f'pods "web-{HASH}-" is forbidden: exceeded quota: team-quota, requested: limits.memory=256Mi, '
    "used: limits.memory=1Gi, limited: limits.memory=1Gi"
)


def refused_pods(fake: FakeKubernetes, message: str = QUOTA) -> None:
    """The API refuses the pods that the replica set wants to make."""
    failure = condition("ReplicaFailure", "True", "FailedCreate", message)
    owner = replicaset(replicas=3, status={"replicas": 0, "conditions": [failure]})
    none = {"replicas": 0, "updatedReplicas": 0}
    fake.put(deployment(replicas=3, conditions=[failure], status=none), owner, event(owner, "FailedCreate", message))


def failed_job_pod(name: str = "report", code: int = 3) -> Json:
    """Return the pod of a job that has failed."""
    labels = {"batch.kubernetes.io/job-name": name}
    return pod(
        name,
        "q7w2e",
        owner="Job",
        phase="Failed",
        statuses=[ended(code, name=name)],
        spec={"restartPolicy": "Never"},
        meta={"labels": labels},
    )


def answer(found: object, status: int = 200, content_type: str = "application/json") -> Answer:
    """Return an answer that the cluster can be made to give whatever it is asked for."""
    body = found if isinstance(found, bytes) else json.dumps(found).encode()
    return Answer(status, body, content_type)
