"""Show what becomes of names that a cluster does not have: another kind of the name, or a hint at what may be meant."""

from typing import Any

import pytest

from agent.tools.kubernetes.near_names import did_you_mean
from agent.types import ToolError
from tests.agent.tools.kubernetes.support import diagnosed, preview, run
from tests.fakes import kubernetes_scenes as scenes
from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.kubernetes_objects import HASH, deployment, made, node, pod, service
from tests.fakes.kubernetes_scenes import POD


def stateful(name: str = "db") -> dict[str, Any]:
    """Return a stateful set of one ready pod."""
    status = {"replicas": 1, "readyReplicas": 1, "updatedReplicas": 1, "currentReplicas": 1}
    return made("StatefulSet", name, spec={"replicas": 1, "selector": {"matchLabels": {"app": name}}}, status=status)


@pytest.fixture
def shop(fake: FakeKubernetes) -> FakeKubernetes:
    """Return a cluster with a deployment `web` of three pods, and a stateful set `db` behind a service of its name."""
    scenes.healthy(fake)
    fake.put(stateful(), pod("db", "0", owner="StatefulSet"), service("db"))
    return fake


def complaint(fake: FakeKubernetes, tool: str, **given: Any) -> str:
    """Return the error of a tool whose input names nothing, which is the input's fault."""
    with pytest.raises(ToolError) as refusal:
        preview(fake, tool, **given) if tool in ("k8s_scale", "k8s_restart") else run(fake, tool, **given)
    assert refusal.value.ours is False
    return str(refusal.value)


@pytest.mark.parametrize("kind", ["deployment", "daemonset", "job", "rs"])
def test_the_only_workload_of_a_name_is_diagnosed_whatever_its_kind(shop: FakeKubernetes, kind: str) -> None:
    output = run(shop, "k8s_diagnose", kind=kind, name="db")
    word = {"rs": "replicaset"}.get(kind, kind)
    assert (output.data["kind"], output.data["name"], output.data["healthy"]) == ("StatefulSet", "db", True)
    assert output.data["facts"]["note"] == f"There is no {word} db; this is the statefulset db."
    assert output.summary == f"no {word} db, but a statefulset; statefulset db is healthy"


def test_a_workload_named_as_a_pod_is_diagnosed_though_it_has_several(shop: FakeKubernetes) -> None:
    data = diagnosed(shop, "pod", "web")
    assert (data["kind"], data["facts"]["note"]) == ("Deployment", "There is no pod web; this is the deployment web.")


@pytest.mark.parametrize(("kind", "name"), [("Pod", POD), ("Service", "db")])
def test_a_pod_or_a_service_is_taken_where_no_workload_has_the_name(fake: FakeKubernetes, kind: str, name: str) -> None:
    fake.put(pod(), service("db", {"app": "web"}), node())
    data = diagnosed(fake, "deployment", name)
    assert (data["kind"], data["name"]) == (kind, name)
    assert data["facts"]["note"] == f"There is no deployment {name}; this is the {kind.lower()} {name}."


def test_the_kind_that_is_named_comes_first(shop: FakeKubernetes) -> None:
    shop.put(deployment("db", 1, ready=1))
    found = diagnosed(shop, "deployment", "db")
    assert (found["kind"], "note" in found["facts"]) == ("Deployment", False)


def test_of_several_none_is_taken(shop: FakeKubernetes) -> None:
    shop.put(made("CronJob", "db", spec={"schedule": "@daily"}))
    said = complaint(shop, "k8s_diagnose", kind="deployment", name="db")
    found = "Did you mean statefulset `db` or cronjob `db` or service `db`?"
    assert said == f'It does not exist: deployments.apps "db" not found. {found}'


def test_a_missing_service_is_not_hidden_by_the_workload_of_its_name(shop: FakeKubernetes) -> None:
    said = complaint(shop, "k8s_diagnose", kind="service", name="web")
    assert said == 'It does not exist: services "web" not found. Did you mean deployment `web`?'


@pytest.mark.parametrize(
    ("tool", "given", "said"),
    [
        ("k8s_diagnose", {"kind": "deployment", "name": "wbe"}, "Did you mean deployment `web`?"),
        ("k8s_diagnose", {"kind": "node", "name": "node1"}, "Did you mean node `node-1`?"),
        ("k8s_diagnose", {"kind": "pod", "name": "wbe"}, "Did you mean deployment `web`?"),
        ("k8s_diagnose", {"kind": "pod", "name": "web-0123456789-zzzzz"}, "Did you mean deployment `web`?"),
        ("k8s_logs", {"pod": "wbe"}, "Did you mean deployment `web`?"),
        ("k8s_logs", {"pod": f"web-{HASH}-x2x7"}, f"Did you mean pod `{POD}` or pod `web-{HASH}-"),
        ("k8s_scale", {"deployment": "wbe", "replicas": 2}, "Did you mean deployment `web`?"),
        ("k8s_restart", {"deployment": "webb"}, "Did you mean deployment `web`?"),
        ("k8s_scale", {"deployment": "db", "replicas": 2}, "It is a statefulset, and only deployments can be scaled"),
    ],
)
def test_an_error_names_what_may_be_meant(shop: FakeKubernetes, tool: str, given: dict[str, Any], said: str) -> None:
    assert said in complaint(shop, tool, **given)
    assert shop.writes == []


def test_where_nothing_else_can_be_read_the_error_stays_as_it_is(shop: FakeKubernetes) -> None:
    for plural in ("deployments", "statefulsets", "daemonsets", "cronjobs", "jobs", "pods", "services"):
        shop.forbid("list", plural)
    plain = 'It does not exist: deployments.apps "wbe" not found.'
    assert complaint(shop, "k8s_diagnose", kind="deployment", name="wbe") == plain
    assert complaint(shop, "k8s_restart", deployment="wbe") == plain
    assert complaint(shop, "k8s_logs", pod="wbe") == "There is no pod wbe in namespace shop."


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("web", ["db", "queue"], []),
        ("web", [], []),
        ("wbe", ["worker", "wieb", "web"], ["web"]),
        ("paymets", ["pay", "payments2", "payment", "payments", "payroll"], ["payments", "payments2", "payment"]),
        ("shop", ["shop-web", "other", "shop-deliveries"], ["shop-web", "shop-deliveries"]),
        ("web-7f9d-abcde", ["web"], ["web"]),
        ("a" * 200, ["a" * 200, "a" * 201, ""], ["a" * 200]),
    ],
    ids=["nothing-like-it", "nothing", "letters-turned", "at-most-three", "its-beginning", "too-long", "huge"],
)
def test_the_closest_names_come_first(name: str, known: list[str], meant: list[str]) -> None:
    words = " or ".join(f"job `{one}`" for one in meant)
    assert did_you_mean(name, [("job", one) for one in known]) == (f" Did you mean {words}?" if meant else "")
