"""Show why pods get no node, or are not made at all."""

import pytest

from agent.tools.kubernetes.causes_scheduling import reasons
from tests.agent.tools.kubernetes.support import diagnosed, facts, first_cause
from tests.fakes import kubernetes_scenes as scenes
from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.kubernetes_objects import (
    condition,
    deployment,
    made,
    node,
    pod,
    replicaset,
    running,
    waiting,
)
from tests.fakes.kubernetes_scenes import POD, UNSCHEDULABLE
from tests.fakes.kubernetes_store import Address


def test_the_scheduler_is_read_part_by_part() -> None:
    assert reasons(UNSCHEDULABLE) == [
        (1, "node(s) had untolerated taint {dedicated: gpu}"),
        (2, "Insufficient cpu"),
    ]
    long = "0/5 nodes are available: 5 node(s) had untolerated taint {node.kubernetes.io/not-ready: , x: y}."
    assert reasons(long) == [(5, "node(s) had untolerated taint {node.kubernetes.io/not-ready: , x: y}")]


def test_a_pod_that_no_node_takes(fake: FakeKubernetes) -> None:
    scenes.unschedulable(fake)
    cause = first_cause(fake)
    assert "taints that it does not tolerate: dedicated: gpu (1 node)" in cause["cause"]
    assert "too little cpu is free (2 nodes)" in cause["cause"]
    assert "Unschedulable: 0/3 nodes are available" in facts(cause)
    assert "web requests cpu 4, memory 1Gi" in facts(cause)
    assert "node-gpu: dedicated=gpu:NoSchedule" in facts(cause)
    assert "more cpu than the largest node has in all" in facts(cause)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("3 Insufficient memory", "too little memory is free (3 nodes)"),
        ("1 Insufficient nvidia.com/gpu", "a special resource is used up: nvidia.com/gpu (1 node)"),
        ("3 Too many pods", "full of pods"),
        ("2 node(s) had volume node affinity conflict", "bound to another node or zone"),
        ("3 node(s) didn't match pod anti-affinity rules", "rules between pods"),
        ("3 node(s) didn't match pod topology spread constraints", "spread over zones"),
        ("1 node(s) were unschedulable", "cordoned"),
        ("3 node(s) didn't have free ports for the requested pod ports", "host port is taken"),
    ],
)
def test_reasons_of_the_scheduler_are_told_apart(fake: FakeKubernetes, message: str, words: str) -> None:
    scenes.unschedulable(fake, f"0/3 nodes are available: {message}. preemption: not eligible.")
    assert words in first_cause(fake)["cause"]


NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


def test_a_taint_of_the_cluster_itself_leads_to_the_trouble_of_the_node(fake: FakeKubernetes) -> None:
    scenes.unschedulable(
        fake, "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }."
    )
    fake.put(node(ready="False", message="cni plugin not initialized", taints=[NOT_READY]))
    causes = diagnosed(fake)["causes"]
    assert causes[0]["cause"] == "Node node-1 is not ready."
    assert "cni plugin not initialized" in facts(causes[0])
    assert "nodes are not ready: node.kubernetes.io/not-ready (1 node)" in causes[1]["cause"]
    assert "Add a toleration" not in causes[1]["fix"]


@pytest.mark.parametrize(
    ("taint", "words"),
    [
        ("node.kubernetes.io/disk-pressure", "are short of disk space"),
        ("node.kubernetes.io/unreachable", "do not answer"),
        ("node.cloudprovider.kubernetes.io/uninitialized", "wait for their cloud controller"),
        ("node.kubernetes.io/out-of-service", "are out of service"),
    ],
)
def test_a_taint_of_the_cluster_itself_is_not_to_be_tolerated(fake: FakeKubernetes, taint: str, words: str) -> None:
    scenes.unschedulable(fake, f"0/1 nodes are available: 1 node(s) had untolerated taint {{{taint}: }}.")
    cause = first_cause(fake)
    assert f"nodes {words}: {taint} (1 node)" in cause["cause"]
    assert "Add a toleration" not in cause["fix"]


def test_a_request_in_the_form_of_an_exponent_is_held_against_the_nodes(fake: FakeKubernetes) -> None:
    scenes.unschedulable(fake, "0/1 nodes are available: 1 Insufficient cpu.")
    found = fake.store.get(Address("pods", "", "shop", POD))
    found["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1e3"}}
    assert "more cpu than the largest node has in all" in facts(first_cause(fake))


def test_a_node_selector_is_held_against_the_labels_of_the_nodes(fake: FakeKubernetes) -> None:
    message = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."
    scenes.unschedulable(fake, message, nodeSelector={"disk": "ssd"})
    fake.put(node("node-2", labels={"disk": "hdd"}))
    cause = first_cause(fake)
    assert "no node has the labels that it wants (3 nodes)" in cause["cause"]
    assert "the pod wants disk=ssd; the nodes have hdd" in facts(cause)


def test_a_quota_that_is_used_up(fake: FakeKubernetes) -> None:
    scenes.refused_pods(fake)
    fake.put(
        made("ResourceQuota", "team-quota", status={"hard": {"limits.memory": "1Gi"}, "used": {"limits.memory": "1Gi"}})
    )
    cause = first_cause(fake)
    assert "Quota `team-quota` is used up" in cause["cause"]
    assert "limits.memory=256Mi" in cause["cause"]
    assert "Deployment web condition ReplicaFailure: FailedCreate" in facts(cause)
    assert "ResourceQuota team-quota status: limits.memory 1Gi of 1Gi" in facts(cause)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            'admission webhook "policy.example" denied the request: image must come from registry.internal',
            "refused by the admission webhook policy.example: image must come from registry.internal",
        ),
        ('failed calling webhook "inject.example": connection refused', "inject.example does not answer"),
        (
            'pods "web-1" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
            "restricted:latest",
        ),
        (
            'pods "web-1" is forbidden: error looking up service account shop/web: serviceaccount "web" not found',
            "`web`",
        ),
        ("maximum cpu usage per Container is 1, but limit is 4", "LimitRange"),
        ("failed quota: team: must specify limits.cpu", "quota `team` demands that pods set limits.cpu"),
    ],
)
def test_refused_pods_are_explained(fake: FakeKubernetes, message: str, words: str) -> None:
    scenes.refused_pods(fake, message)
    assert words in first_cause(fake)["cause"]


def test_a_rollout_beyond_its_deadline_names_the_pod_first(fake: FakeKubernetes) -> None:
    scenes.image_not_found(fake)
    late = condition(
        "Progressing", "False", "ProgressDeadlineExceeded", 'ReplicaSet "web-1" has timed out progressing.'
    )
    fake.put(deployment(replicas=1, conditions=[late]))
    causes = [one["cause"] for one in diagnosed(fake)["causes"]]
    assert "cannot be pulled" in causes[0]
    assert "its progress deadline is exceeded" in causes[1]


def test_a_paused_rollout(fake: FakeKubernetes) -> None:
    scenes.healthy(fake)
    fake.put(deployment(ready=3, spec={"paused": True}, status={"updatedReplicas": 1}))
    cause = first_cause(fake)
    assert "is paused" in cause["cause"]
    assert "paused: true" in facts(cause)


def test_a_deployment_without_replicas(fake: FakeKubernetes) -> None:
    fake.put(deployment(replicas=0))
    assert "scaled to zero" in first_cause(fake)["cause"]


def test_an_evicted_pod(fake: FakeKubernetes) -> None:
    status = {"reason": "Evicted", "message": "The node was low on resource: ephemeral-storage."}
    scenes.one_pod(fake, pod(phase="Failed", statuses=[], status=status))
    pressed = condition("DiskPressure", "True", "KubeletHasDiskPressure", "kubelet has disk pressure")
    fake.put(node(conditions=[condition("Ready", "True"), pressed]))
    found = diagnosed(fake)
    assert [one["cause"] for one in found["causes"]] == [
        "Node node-1 is short of disk space, so that it evicts pods.",
        f"Pod {POD} was evicted from its node.",
    ]


@pytest.mark.parametrize(
    ("reason", "message", "words"),
    [
        (
            "OutOfpods",
            "Pod was rejected: Node didn't have enough resource: pods, requested: 1, used: 110, capacity: 110",
            "was refused by its node, which has too little left of: pods.",
        ),
        (
            "TopologyAffinityError",
            "Pod was rejected: Resources cannot be allocated with Topology locality",
            "was refused by its node: TopologyAffinityError: Pod was rejected: Resources cannot be allocated",
        ),
        ("", "Something new of the kubelet", "has failed: Something new of the kubelet."),
    ],
)
def test_a_pod_that_its_node_refuses_says_why(fake: FakeKubernetes, reason: str, message: str, words: str) -> None:
    status = {"message": message} | ({"reason": reason} if reason else {})
    scenes.one_pod(fake, pod(phase="Failed", statuses=[], status=status))
    cause = first_cause(fake)
    assert words in cause["cause"]
    assert message in facts(cause)


def test_a_leftover_of_an_eviction_is_told_and_no_failure(fake: FakeKubernetes) -> None:
    scenes.healthy(fake)
    status = {"reason": "Evicted", "message": "The node was low on resource: memory."}
    fake.put(pod(mark="gone1", phase="Failed", statuses=[], status=status))
    found = diagnosed(fake)
    assert (found["healthy"], found["causes"][0]["severity"]) == (True, "info")


def test_a_node_that_does_not_answer(fake: FakeKubernetes) -> None:
    scenes.healthy(fake, replicas=1)
    state = running() | {"ready": True}
    lost = [condition("PodScheduled", "True"), condition("Ready", "False", "NodeNotReady")]
    fake.put(pod(statuses=[state], conditions=lost))
    fake.put(node(ready="Unknown", message="Kubelet stopped posting node status."))
    cause = first_cause(fake)
    assert cause["cause"] == "Node node-1 does not answer the cluster any more."
    assert "Kubelet stopped posting node status." in facts(cause)


def test_a_pod_that_does_not_end(fake: FakeKubernetes) -> None:
    from_then = {"deletionTimestamp": "2020-01-01T00:00:00Z", "finalizers": ["example.org/hold"]}
    scenes.one_pod(fake, pod(meta=from_then))
    cause = first_cause(fake)
    assert cause["cause"] == f"Pod {POD} does not end."
    assert "example.org/hold" in facts(cause)


def test_a_pod_that_has_just_begun_is_no_failure(fake: FakeKubernetes) -> None:
    fake.put(deployment(replicas=1), replicaset(replicas=1))
    fresh = pod(phase="Pending", statuses=[waiting("ContainerCreating")])
    del fresh["metadata"]["creationTimestamp"]
    fake.put(fresh, node())
    found = diagnosed(fake, "pod", POD)
    assert (found["healthy"], found["causes"][0]["severity"]) == (True, "info")
