"""Show why pods wait for their volumes."""

import pytest

from tests.agent.tools.kubernetes.support import diagnosed, facts, first_cause
from tests.fakes import kubernetes_scenes as scenes
from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.kubernetes_objects import claim, event, made
from tests.fakes.kubernetes_scenes import POD


def test_a_claim_whose_storage_class_is_missing(fake: FakeKubernetes) -> None:
    scenes.pending_claim(fake)
    fake.put(made("StorageClass", "standard", None, provisioner="ebs.csi.aws.com"))
    found = diagnosed(fake)
    assert [one["cause"] for one in found["causes"]] == ["Claim `data` is pending: StorageClass `fast` does not exist."]
    assert "StorageClasses: standard" in facts(found["causes"][0])
    assert f"Pod {POD} spec: volume data uses claim data" in facts(found["causes"][0])


def test_a_claim_without_a_class_where_there_is_no_default(fake: FakeKubernetes) -> None:
    message = "no persistent volumes available for this claim and no storage class is set"
    scenes.pending_claim(fake, None, ("FailedBinding", message))
    cause = first_cause(fake)
    assert "names no storage class, and the cluster has no default" in cause["cause"]
    assert message in facts(cause)


def test_a_volume_that_could_not_be_made(fake: FakeKubernetes) -> None:
    scenes.pending_claim(fake, "fast", ("ProvisioningFailed", "failed to provision: VolumeLimitExceeded"))
    fake.put(made("StorageClass", "fast", None, provisioner="ebs.csi.aws.com"))
    assert "could not be made: failed to provision: VolumeLimitExceeded" in first_cause(fake)["cause"]
    assert "VolumeLimitExceeded" in first_cause(fake, "pvc", "data")["cause"]


WAITS = ("WaitForFirstConsumer", "waiting for first consumer to be created before binding")
NOBODY = (
    "ExternalProvisioning",
    "Waiting for a volume to be created either by the external provisioner 'ebs.csi.aws.com' or manually by the system "
    "administrator. If volume creation is delayed, please verify that the provisioner is running.",
)


@pytest.mark.parametrize(("kind", "name"), [("deployment", "web"), ("pvc", "data")])
def test_a_claim_whose_storage_driver_does_not_answer(fake: FakeKubernetes, kind: str, name: str) -> None:
    scenes.pending_claim(fake, "fast", NOBODY)
    fake.put(made("StorageClass", "fast", None, provisioner="ebs.csi.aws.com"))
    causes = diagnosed(fake, kind, name)["causes"]
    assert [one["cause"] for one in causes] == [
        "Claim `data` is pending: the provisioner ebs.csi.aws.com has not answered."
    ]
    assert (causes[0]["severity"], "storage driver (CSI) is installed" in causes[0]["fix"]) == ("critical", True)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (("ProvisioningFailed", "VolumeLimitExceeded"), "could not be made: VolumeLimitExceeded"),
        (("Provisioning", "External provisioner is provisioning volume"), "has begun to make the volume"),
    ],
)
def test_a_storage_driver_that_has_answered_is_heard(fake: FakeKubernetes, event: tuple[str, str], words: str) -> None:
    scenes.pending_claim(fake, "fast", event, NOBODY)
    fake.put(made("StorageClass", "fast", None))
    assert words in first_cause(fake, "pvc", "data")["cause"]


def test_a_claim_that_waits_for_a_pod_leads_to_the_pods_that_wait(fake: FakeKubernetes) -> None:
    fake.put(claim(phase="Pending"), made("StorageClass", "fast", None))
    fake.put(event(claim(), *WAITS, type="Normal"))
    found = diagnosed(fake, "pvc", "data")
    assert (found["healthy"], found["causes"][0]["severity"]) == (True, "info")
    scenes.unschedulable(fake, "0/1 nodes are available: 1 Insufficient memory.", **scenes.volume_of("data"))
    causes = diagnosed(fake, "pvc", "data")["causes"]
    assert causes[0]["cause"] == "Deployment web: No node takes the pod: too little memory is free (1 node)."
    assert len(diagnosed(fake)["causes"]) == 1


def test_a_volume_that_is_not_made_in_time(fake: FakeKubernetes) -> None:
    scenes.unschedulable(fake, 'running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded')
    assert "its volume was not made in time" in first_cause(fake)["cause"]


def test_a_claim_that_does_not_exist(fake: FakeKubernetes) -> None:
    message = '0/1 nodes are available: persistentvolumeclaim "data" not found.'
    scenes.unschedulable(fake, message, **scenes.volume_of("data"))
    assert first_cause(fake)["cause"] == "PersistentVolumeClaim `data` does not exist."


def test_a_bound_claim_is_healthy(fake: FakeKubernetes) -> None:
    fake.put(claim(volumeName="pv-1"))
    assert diagnosed(fake, "pvc", "data")["evidence"][0]["fact"] == "Bound to pv-1"


@pytest.mark.parametrize(
    ("reason", "message", "words"),
    [
        (
            "FailedAttachVolume",
            'Multi-Attach error for volume "pvc-1" Volume is already exclusively attached to one node',
            "still attached to another node (Multi-Attach)",
        ),
        (
            "FailedMount",
            'MountVolume.SetUp failed for volume "tls" : secret "web-tls" not found',
            "Secret `web-tls` is missing",
        ),
        ("FailedMount", "Unable to attach or mount volumes: timed out waiting for the condition", "cannot be mounted"),
        ("FailedCreatePodSandBox", "plugin type=calico failed: no IP addresses available", "gets no network"),
    ],
)
def test_a_pod_that_waits_on_its_node(fake: FakeKubernetes, reason: str, message: str, words: str) -> None:
    scenes.stuck_volume(fake, reason, message)
    cause = first_cause(fake)
    assert words in cause["cause"]
    assert message in facts(cause)
