"""Show that the fake cluster speaks as a real one, so that what passes here passes there."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes import kubernetes_scenes as scenes
from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.kubernetes_objects import made
from tests.fakes.kubernetes_store import Address, Failure

PODS = Address("pods", "", "shop")


@pytest.fixture
def fake() -> Iterator[FakeKubernetes]:
    """Return a running fake cluster with a healthy deployment."""
    with FakeKubernetes() as running:
        scenes.healthy(running)
        running.put(made("Namespace", "shop", None))
        running.controller = True
        yield running


def names(fake: FakeKubernetes, **query: str) -> list[str]:
    return [one["metadata"]["name"][-5:] for one in fake.store.list(PODS, query)["items"]]


def test_labels_and_fields_select(fake: FakeKubernetes) -> None:
    assert names(fake, labelSelector="app=web,pod-template-hash") == ["b8m4q", "x2x7k", "zz9p2"]
    assert names(fake, labelSelector="app notin (web)") == []
    assert names(fake, labelSelector="!app") == []
    assert names(fake, fieldSelector="metadata.name=web-5d4f8c7b9-x2x7k") == ["x2x7k"]
    with pytest.raises(Failure, match="field selector"):
        names(fake, fieldSelector="spec.image=x")


def test_lists_come_in_pages(fake: FakeKubernetes) -> None:
    first = fake.store.list(PODS, {"limit": "2"})
    assert (len(first["items"]), first["metadata"]["remainingItemCount"]) == (2, 1)
    rest = fake.store.list(PODS, {"limit": "2", "continue": first["metadata"]["continue"]})
    assert (len(rest["items"]), "continue" in rest["metadata"]) == (1, False)
    with pytest.raises(Failure) as expired:
        fake.store.list(PODS, {"continue": "nonsense"})
    assert expired.value.status == 410


def test_a_write_with_an_old_version_is_a_conflict(fake: FakeKubernetes) -> None:
    web = Address("deployments", "apps", "shop", "web")
    old = fake.store.get(web)["metadata"]["resourceVersion"]
    fake.store.patch(web, {"metadata": {"resourceVersion": old}, "spec": {"replicas": 2}})
    assert fake.store.get(web)["metadata"]["generation"] == 2
    with pytest.raises(Failure, match="the object has been modified") as conflict:
        fake.store.patch(web, {"metadata": {"resourceVersion": old}, "spec": {"replicas": 9}})
    assert (conflict.value.status, conflict.value.body["reason"]) == (409, "Conflict")


def test_kubectl_itself_takes_it_for_a_cluster(fake: FakeKubernetes, tmp_path: Path) -> None:
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed")
    config = tmp_path / "config"
    config.write_text(fake.kubeconfig(certificate=True))

    def kubectl(*arguments: str) -> str:
        home = {**os.environ, "KUBECONFIG": str(config), "HOME": str(tmp_path)}
        done = subprocess.run([program, *arguments], env=home, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout + done.stderr

    assert "web-5d4f8c7b9-x2x7k" in kubectl("get", "pods")
    assert "web listens on :8080" in kubectl("logs", "web-5d4f8c7b9-x2x7k")
    assert "scaled" in kubectl("scale", "deployment", "web", "--replicas=2")
    assert "restarted" in kubectl("rollout", "restart", "deployment", "web")
    assert '"web2" not found' in kubectl("get", "deployment", "web2")
    fake.forbid("list", "pods")
    assert 'cannot list resource "pods"' in kubectl("get", "pods")
    assert [one.path.rpartition("/")[2] for one in fake.writes] == ["scale", "web"]
