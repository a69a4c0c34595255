"""Show what becomes of answers that a cluster gives on its bad days, and of places that are refused."""

import pytest

from agent.outside import ALLOW_HINT, PORT_HINT
from agent.tools.kubernetes import TOOLS
from agent.types import Connection, Reach, ToolError
from clients.outward import AllowList, Outward
from tests.agent.tools.kubernetes.support import diagnosed, run
from tests.fakes import kubernetes_scenes as scenes
from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.kubernetes_objects import pod
from tests.fakes.kubernetes_scenes import answer

NO_PATH = answer(b"404 page not found\n", 404, "text/plain; charset=utf-8")


@pytest.mark.parametrize(("times", "count", "more"), [(1, 300, 0), (2, 250, 1)])
def test_a_list_that_grew_too_old_begins_anew_once(fake: FakeKubernetes, times: int, count: int, more: int) -> None:
    fake.put(*[pod(mark=f"{number:05}") for number in range(300)])
    fake.store.expiring = times
    data = run(fake, "k8s_get", kind="pods").data
    assert (data["count"], data["not_shown"]) == (count, count - len(data["rows"]) + more)
    assert len(fake.requests) == 4


def test_an_api_that_the_cluster_does_not_serve_is_named(fake: FakeKubernetes) -> None:
    scenes.healthy(fake)
    fake.answers["/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers"] = NO_PATH
    words = "This cluster does not serve horizontalpodautoscalers in the API autoscaling/v2 (404)"
    with pytest.raises(ToolError) as refusal:
        run(fake, "k8s_get", kind="hpa")
    assert (words in str(refusal.value), refusal.value.ours) == (True, True)
    found = diagnosed(fake)
    assert (found["healthy"], words in found["could_not_look_at"][0]) == (True, True)


def test_an_api_that_is_not_served_does_not_mean_that_the_object_is_missing(fake: FakeKubernetes) -> None:
    unknown = {"kind": "Status", "message": "the server could not find the requested resource", "details": {}}
    scenes.pending_claim(fake)
    fake.answers["/apis/storage.k8s.io/v1/storageclasses/fast"] = answer(unknown, 404)
    assert "does not exist" not in diagnosed(fake, "pvc", "data")["causes"][0]["cause"]


def test_a_server_without_the_paths_of_a_cluster_is_none(fake: FakeKubernetes) -> None:
    fake.answers["/api/v1/namespaces/shop/pods"] = NO_PATH
    with pytest.raises(ToolError, match="Is `server` the address of a Kubernetes API"):
        run(fake, "k8s_get", kind="pods")


@pytest.mark.parametrize(
    ("server", "hint"),
    [
        ("https://10.0.8.5:6443", f" {ALLOW_HINT}"),
        ("https://127.0.0.1:9", f" {PORT_HINT}"),
        ("https://169.254.169.254", ""),
        ("https://169.254.169.254:9", ""),
        ("https://127.0.0.1:70000", ""),
    ],
)
def test_a_place_that_is_refused_is_told_with_the_way_to_allow_it(server: str, hint: str) -> None:
    settings = {"server": server, "token": "a-token-0123456789"}
    reach = Reach(Outward(AllowList.parse(["127.0.0.1"])), Connection("1", "kubernetes", "prod", settings))
    tool = next(one for one in TOOLS if one.name == "k8s_get")
    with pytest.raises(ToolError, match="was not asked") as refusal:
        tool.run(tool.read({"kind": "pods"}), reach)
    said = str(refusal.value)
    assert (said.endswith(f".{hint}"), said.count("TOOLS_ALLOW_PRIVATE")) == (True, bool(hint))
    assert refusal.value.ours is True
