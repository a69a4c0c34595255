"""Show that what is past, or was about a former object of the same name, is not taken for the cause of now."""

import pytest

from tests.agent.tools.kubernetes.support import diagnosed, facts, first_cause, run
from tests.fakes import kubernetes_scenes as scenes
from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.kubernetes_objects import (
    SHOP,
    ago,
    claim,
    condition,
    container,
    deployment,
    ended,
    event,
    made,
    node,
    pod,
    running,
    termination,
)
from tests.fakes.kubernetes_scenes import POD

OLD_KILL = termination(137, "OOMKilled") | {"startedAt": ago(days=40), "finishedAt": ago(days=30)}


def _about(found: dict[str, object], uid: str) -> dict[str, object]:
    """Return an event of an attached volume about a pod with this identity."""
    made_ = event(found, "FailedAttachVolume", "Multi-Attach error for volume pvc-1")
    made_["involvedObject"]["uid"] = uid
    return made_


@pytest.mark.parametrize(("uid", "counts"), [("the-old-one", False), ("the-new-one", True)])
def test_events_of_a_former_pod_of_the_same_name_do_not_count(fake: FakeKubernetes, uid: str, counts: bool) -> None:
    meta = {"uid": "the-new-one"}
    found = pod(phase="Pending", statuses=[], meta=meta, conditions=[condition("PodScheduled", "True")])
    scenes.one_pod(fake, found)
    fake.put(_about(found, uid))
    assert ("Multi-Attach" in first_cause(fake, "pod", POD)["cause"]) is counts
    assert len(run(fake, "k8s_get", kind="pod", name=POD).data["events"]) == counts


def test_a_static_pod_s_events_name_it_by_its_hash(fake: FakeKubernetes) -> None:
    meta = {"uid": "mirror", "annotations": {"kubernetes.io/config.hash": "0b1c"}}
    found = pod(phase="Pending", statuses=[], meta=meta, conditions=[condition("PodScheduled", "True")])
    scenes.one_pod(fake, found)
    fake.put(_about(found, "0b1c"))
    assert "Multi-Attach" in first_cause(fake, "pod", POD)["cause"]


def test_a_mount_that_failed_before_the_container_ran_is_no_cause(fake: FakeKubernetes) -> None:
    scenes.one_pod(fake, pod(statuses=[running(ready=False)]), ("FailedMount", "failed to sync configmap cache"))
    assert "nothing says why" in first_cause(fake)["cause"]


def test_a_container_that_was_killed_for_its_memory_long_ago_is_healthy(fake: FakeKubernetes) -> None:
    scenes.healthy(fake, replicas=1)
    fake.put(pod(statuses=[running(restarts=1, last=OLD_KILL)]))
    found = diagnosed(fake)
    assert (found["healthy"], found["causes"][0]["severity"]) == (True, "info")
    assert found["causes"][0]["cause"] == (
        "Container web was killed 30d ago because it took more memory than its limit of 256Mi (OOMKilled)."
    )
    fake.put(made("Namespace", SHOP, None, status={"phase": "Active"}))
    assert diagnosed(fake, "namespace", SHOP)["facts"]["in_trouble"] == 0


def test_a_kill_in_a_pod_that_is_done_is_no_trouble(fake: FakeKubernetes) -> None:
    done = ended(0, "Completed") | {"lastState": {"terminated": termination(137, "OOMKilled")}}
    fake.put(pod(phase="Succeeded", statuses=[done]), made("Namespace", SHOP, None, status={"phase": "Active"}))
    found = diagnosed(fake, "namespace", SHOP)
    assert (found["healthy"], found["causes"]) == (True, [])


def test_a_kill_of_long_ago_does_not_hide_a_probe_that_fails_now(fake: FakeKubernetes) -> None:
    found = pod(
        statuses=[running(ready=False, restarts=1, last=OLD_KILL)],
        containers=[container(readinessProbe={"httpGet": {"port": 80}})],
    )
    scenes.one_pod(fake, found, ("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"))
    assert first_cause(fake)["cause"] == "The readiness probe of container web fails: it answers with status 503."


def test_a_kill_of_today_says_when_it_was(fake: FakeKubernetes) -> None:
    scenes.out_of_memory(fake)
    assert "6 restarts, ended 5m" in facts(first_cause(fake))


# --- What is being deleted ------------------------------------------------------------------------------------------


def _deleted(found: dict[str, dict[str, object]], *finalizers: str, **since: float) -> dict[str, dict[str, object]]:
    found["metadata"] |= {"deletionTimestamp": ago(**(since or {"hours": 1}))}
    found["metadata"] |= {"finalizers": [*finalizers]} if finalizers else {}
    return found


def test_a_claim_that_is_being_deleted_names_the_pods_that_hold_it(fake: FakeKubernetes) -> None:
    fake.put(_deleted(claim(), "kubernetes.io/pvc-protection"), pod(spec=scenes.volume_of("data")))
    cause = first_cause(fake, "pvc", "data")
    assert cause["cause"] == "PersistentVolumeClaim data is being deleted and does not go."
    assert "finalizers kubernetes.io/pvc-protection" in facts(cause)
    assert f"Pods with claim data: {POD}" in facts(cause)
    assert cause["fix"].startswith("Stop the pods that use it")


def test_a_deployment_that_waits_for_what_it_owns_is_not_healthy(fake: FakeKubernetes) -> None:
    scenes.healthy(fake)
    fake.put(_deleted(deployment(ready=3), "foregroundDeletion"))
    assert first_cause(fake)["cause"] == "Deployment web is being deleted and does not go."
    fake.put(_deleted(deployment(ready=3), seconds=5))
    assert first_cause(fake)["severity"] == "warning"


def test_a_namespace_that_does_not_go_says_what_remains(fake: FakeKubernetes) -> None:
    remains = condition(
        "NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", "example.org/hold in 1 resource"
    )
    done = condition("NamespaceContentRemaining", "False", "ContentRemoved", "All content successfully removed")
    status = {"phase": "Terminating", "conditions": [remains, done]}
    fake.put(_deleted(made("Namespace", SHOP, None, spec={"finalizers": ["kubernetes"]}, status=status)))
    cause = first_cause(fake, "ns", SHOP)
    assert "SomeFinalizersRemain: example.org/hold in 1 resource" in facts(cause)
    assert "ContentRemoved" not in facts(cause)


def test_finalizers_are_not_told_to_go_by_force(fake: FakeKubernetes) -> None:
    scenes.one_pod(fake, _deleted(pod(), "example.org/hold"))
    assert "to delete it by force does not remove it" in first_cause(fake)["fix"]
    scenes.one_pod(fake, _deleted(pod(meta={"finalizers": []})))
    assert "delete it by force when it surely does not run" in first_cause(fake)["fix"]


def test_a_pod_that_waits_for_a_claim_that_is_being_deleted(fake: FakeKubernetes) -> None:
    message = '0/1 nodes are available: persistentvolumeclaim "data" is being deleted.'
    scenes.unschedulable(fake, message, **scenes.volume_of("data"))
    fake.put(_deleted(claim(), "kubernetes.io/pvc-protection"), node())
    assert first_cause(fake)["cause"] == "PersistentVolumeClaim data is being deleted and does not go."
