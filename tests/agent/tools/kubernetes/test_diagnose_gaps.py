"""Show that nothing is concluded from what could not be looked at."""

import pytest

from agent.tools.kubernetes import case
from tests.agent.tools.kubernetes.support import diagnosed, facts, run
from tests.fakes import kubernetes_scenes as scenes
from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.kubernetes_objects import (
    SHOP,
    claim,
    condition,
    endpoints,
    ingress,
    made,
    node,
    pod,
    service,
    termination,
    waiting,
)
from tests.fakes.kubernetes_scenes import answer

BUSY = {"kind": "Status", "message": "too many requests, please try again later"}


def _everything_is_well(fake: FakeKubernetes) -> None:
    scenes.healthy(fake)
    fake.put(made("Namespace", SHOP, None, status={"phase": "Active"}), made("IngressClass", "nginx", None))
    fake.put(service(), endpoints(ready=3), ingress())


@pytest.mark.parametrize(
    ("plural", "kind", "name"),
    [
        ("pods", "namespace", SHOP),
        ("pods", "deployment", "web"),
        ("pods", "service", "web"),
        ("endpointslices", "service", "web"),
        ("endpointslices", "ingress", "web"),
    ],
)
def test_what_decides_and_may_not_be_read_leaves_it_open(
    fake: FakeKubernetes, plural: str, kind: str, name: str
) -> None:
    _everything_is_well(fake)
    fake.forbid("list", plural)
    output = run(fake, "k8s_diagnose", kind=kind, name=name)
    assert (output.data["healthy"], output.data["causes"]) == (None, [])
    assert f"may not list {plural}" in " ".join(output.data["could_not_look_at"])
    assert output.summary == f"{kind} {name}: nothing found, but not all could be looked at"


def test_a_cluster_that_is_too_busy_is_no_missing_pod(fake: FakeKubernetes) -> None:
    scenes.healthy(fake)
    fake.answers["/api/v1/namespaces/shop/pods"] = answer(BUSY, 429)
    found = diagnosed(fake)
    assert (found["healthy"], found["causes"], found["facts"]["ready"]) == (None, [], 3)


def test_without_replica_sets_the_pods_are_known_by_their_mark(fake: FakeKubernetes) -> None:
    scenes.crash_loop(fake)
    fake.forbid("list", "replicasets")
    causes = diagnosed(fake)["causes"]
    assert [one["cause"] for one in causes] == [
        "Container web crashes again and again: it cannot reach another service."
    ]


def test_a_service_without_endpoints_is_not_blamed_on_labels_that_nobody_saw(fake: FakeKubernetes) -> None:
    scenes.healthy(fake)
    fake.put(service(), endpoints())
    fake.forbid("list", "pods")
    causes = diagnosed(fake, "service")["causes"]
    assert [one["cause"] for one in causes] == ["Service web has no endpoints; its pods could not be looked at."]


def test_a_service_without_endpoints_whose_pods_are_ready_is_told_so(fake: FakeKubernetes) -> None:
    scenes.healthy(fake)
    fake.put(service(), endpoints())
    cause = diagnosed(fake, "service")["causes"][0]
    assert "3 of its pods are ready, and the cluster has not taken them up" in cause["cause"]


def test_a_default_class_that_nobody_saw_is_not_called_missing(fake: FakeKubernetes) -> None:
    fake.put(claim(phase="Pending", storage_class=None))
    fake.forbid("list", "storageclasses")
    cause = diagnosed(fake, "pvc", "data")["causes"][0]
    assert cause["cause"].endswith("whether the cluster has a default could not be looked at.")
    assert cause["confidence"] == "low"


def test_a_list_that_is_cut_is_said_and_leaves_it_open(fake: FakeKubernetes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case, "OBJECTS_MAX", 2)
    _everything_is_well(fake)
    found = diagnosed(fake, "namespace", SHOP)
    assert found["healthy"] is None
    assert found["could_not_look_at"] == ["pods: only the first 2, at least 1 more were not looked at"]


def test_a_pod_that_nothing_explains_is_told_apart_from_one_that_could_not_be_seen(fake: FakeKubernetes) -> None:
    lost = [condition("PodScheduled", "True"), condition("Ready", "False", "NodeNotReady")]
    scenes.one_pod(fake, pod(conditions=lost))
    assert "nothing says why" in diagnosed(fake)["causes"][0]["cause"]
    fake.forbid("get", "nodes")
    assert "what could be looked at does not say why" in diagnosed(fake)["causes"][0]["cause"]


# --- Pods with different troubles -----------------------------------------------------------------------------------


def _crashing(fake: FakeKubernetes, name: str, log: str, mark: str = "x2x7k", code: int = 1) -> None:
    found = pod(name, mark, statuses=[waiting("CrashLoopBackOff", name=name, restarts=9, last=termination(code))])
    fake.put(found, node())
    fake.logs[(SHOP, found["metadata"]["name"], name, True)] = log


def test_each_workload_of_a_namespace_has_its_own_cause_and_is_named(fake: FakeKubernetes) -> None:
    fake.put(made("Namespace", SHOP, None, status={"phase": "Active"}))
    _crashing(fake, "api", "connection refused\n")
    _crashing(fake, "worker", "KeyError: 'STRIPE_KEY'\n")
    assert [one["cause"] for one in diagnosed(fake, "namespace", SHOP)["causes"]] == [
        "Deployment api: Container api crashes again and again: it cannot reach another service.",
        "Deployment worker: Container worker crashes again and again: a setting is missing.",
    ]


def test_pods_that_wait_for_different_reasons_are_each_explained(fake: FakeKubernetes) -> None:
    fake.put(made("Namespace", SHOP, None, status={"phase": "Active"}), node())
    for name, why in (("api", "1 Insufficient memory"), ("web", "1 node(s) didn't match Pod's node affinity/selector")):
        waits = condition("PodScheduled", "False", "Unschedulable", f"0/1 nodes are available: {why}.")
        fake.put(pod(name, phase="Pending", statuses=[], conditions=[waits], spec={"nodeName": None}))
    causes = [one["cause"] for one in diagnosed(fake, "namespace", SHOP)["causes"]]
    assert causes == [
        "Deployment api: No node takes the pod: too little memory is free (1 node).",
        "Deployment web: No node takes the pod: no node has the labels that it wants (1 node).",
    ]


def test_pods_of_one_workload_that_fail_in_different_ways_are_each_explained(fake: FakeKubernetes) -> None:
    scenes.crash_loop(fake)
    _crashing(fake, "web", "bye\n", "zzzzz", code=77)
    causes = " ".join(one["cause"] for one in diagnosed(fake)["causes"])
    assert "cannot reach another service" in causes and "exit code 77" in causes


def test_pods_with_the_same_trouble_are_named_with_the_cause(fake: FakeKubernetes) -> None:
    scenes.crash_loop(fake)
    _crashing(fake, "web", "x\n", "zzzzz")
    assert "Pods with this trouble: 2 pods are CrashLoopBackOff: " in facts(diagnosed(fake)["causes"][0])


def test_troubles_that_are_too_many_are_counted(fake: FakeKubernetes) -> None:
    fake.put(made("Namespace", SHOP, None, status={"phase": "Active"}))
    for number in range(10):
        fake.put(pod(f"app{number}", phase=f"Odd{number}", statuses=[]))
    missed = " ".join(diagnosed(fake, "namespace", SHOP)["could_not_look_at"])
    assert "2 more kinds of trouble among the pods: such as that of pod app8-" in missed
