"""Show which container's probe is blamed, sidecars among them."""

from typing import Any

import pytest

from tests.agent.tools.kubernetes.support import diagnosed, facts, first_cause
from tests.fakes import kubernetes_scenes as scenes
from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.kubernetes_objects import SHOP, condition, container, event, pod, running, termination, waiting
from tests.fakes.kubernetes_scenes import POD

HTTP = {"httpGet": {"path": "/healthz/ready", "port": 15021}}
FAILS = "HTTP probe failed with statuscode: 503"
NOT_READY = [condition("PodScheduled", "True"), condition("Ready", "False", "ContainersNotReady")]


def _beside(fake: FakeKubernetes, probe: str, main: dict[str, Any], sidecar: dict[str, Any]) -> None:
    """Put a pod there with a sidecar of the kind that Kubernetes itself knows."""
    found = pod(
        statuses=[main],
        conditions=NOT_READY,
        spec={"initContainers": [container("proxy", restartPolicy="Always", **{f"{probe}Probe": HTTP})]},
        status={"initContainerStatuses": [sidecar]},
    )
    scenes.one_pod(fake, found, ("Unhealthy", f"{probe.capitalize()} probe failed: {FAILS}"))


@pytest.mark.parametrize("probe", ["startup", "readiness"])
def test_a_probe_of_a_sidecar_is_explained(fake: FakeKubernetes, probe: str) -> None:
    main = waiting("PodInitializing") if probe == "startup" else running()
    _beside(fake, probe, main, running("proxy", ready=False) | {"started": probe == "readiness"})
    assert first_cause(fake)["cause"] == f"The {probe} probe of container proxy fails: it answers with status 503."


def test_a_sidecar_does_not_hide_the_crash_beside_it(fake: FakeKubernetes) -> None:
    crash = waiting("CrashLoopBackOff", restarts=4, last=termination(1))
    _beside(fake, "readiness", crash, running("proxy", ready=False))
    fake.logs[(SHOP, POD, "web", True)] = "KeyError: 'DB'\n"
    causes = " ".join(one["cause"] for one in diagnosed(fake)["causes"])
    assert "container proxy fails" in causes and "Container web crashes" in causes


def test_a_sidecar_that_crashes_is_called_one(fake: FakeKubernetes) -> None:
    _beside(fake, "startup", waiting("PodInitializing"), waiting("CrashLoopBackOff", name="proxy", last=termination(2)))
    assert first_cause(fake)["cause"].startswith("Sidecar proxy crashes again and again")


def test_the_kill_of_another_container_does_not_hide_a_crash(fake: FakeKubernetes) -> None:
    states = [
        waiting("CrashLoopBackOff", restarts=5, last=termination(1)),
        running("web-proxy", restarts=4, last=termination(137)),
    ]
    found = pod(statuses=states, containers=[container(livenessProbe=HTTP), container("web-proxy", livenessProbe=HTTP)])
    scenes.one_pod(fake, found, ("Killing", "Container web-proxy failed liveness probe, will be restarted"))
    fake.logs[(SHOP, POD, "web", True)] = "KeyError: 'DB'\n"
    causes = [one["cause"] for one in diagnosed(fake)["causes"]]
    assert causes == [
        "Container web crashes again and again: a setting is missing.",
        "Container web-proxy is killed by its own liveness probe.",
    ]


def test_a_failed_probe_is_told_of_its_own_container(fake: FakeKubernetes) -> None:
    states = [running(ready=False), running("proxy", ready=False)]
    found = pod(statuses=states, containers=[container(readinessProbe=HTTP), container("proxy", readinessProbe=HTTP)])
    scenes.one_pod(fake, found)
    for name, status in (("web", 503), ("proxy", 404)):
        failed = event(found, "Unhealthy", f"Readiness probe failed: HTTP probe failed with statuscode: {status}")
        failed["involvedObject"]["fieldPath"] = f"spec.containers{{{name}}}"
        fake.put(failed)
    assert [one["cause"] for one in diagnosed(fake)["causes"]] == [
        "The readiness probe of container web fails: it answers with status 503.",
        "The readiness probe of container proxy fails: it answers with status 404.",
    ]


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        ({"grpc": {"port": 9090}}, "asks by gRPC on port 9090"),
        ({"tcpSocket": {"port": 5432}}, "connects to port 5432"),
        ({"exec": {"command": ["true"]}}, "runs a command"),
    ],
)
def test_what_a_probe_does_is_told(fake: FakeKubernetes, probe: dict[str, Any], words: str) -> None:
    found = pod(statuses=[running(ready=False)], containers=[container(readinessProbe=probe)])
    scenes.one_pod(fake, found, ("Unhealthy", "Readiness probe failed: timeout"))
    cause = first_cause(fake)
    assert words in facts(cause)
    assert "200 to 399" not in cause["fix"]
