"""Show that objects come as kubectl shows them, and that no secret comes with them."""

import json
from typing import Any

import pytest

from agent.tools.kubernetes import client
from agent.tools.kubernetes.resources import ALL
from agent.types import ToolError
from tests.agent.tools.kubernetes.support import run
from tests.fakes import kubernetes_scenes as scenes
from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.kubernetes_objects import (
    ago,
    autoscaler,
    claim,
    container,
    deployment,
    endpoints,
    event,
    ingress,
    job,
    made,
    node,
    pod,
    service,
)
from tests.fakes.kubernetes_scenes import POD


def rows(fake: FakeKubernetes, kind: str, **given: Any) -> list[dict[str, Any]]:
    """Return the rows of a list with the names of their columns."""
    data = run(fake, "k8s_get", kind=kind, **given).data
    return [dict(zip(data["columns"], row, strict=True)) for row in data["rows"]]


def shown(fake: FakeKubernetes, kind: str, name: str) -> dict[str, Any]:
    """Return one object as the tool shows it."""
    found: dict[str, Any] = run(fake, "k8s_get", kind=kind, name=name).data["object"]
    return found


def test_pods_are_listed_as_kubectl_does(fake: FakeKubernetes) -> None:
    scenes.crash_loop(fake)
    assert rows(fake, "pods") == [
        {
            "name": POD,
            "ready": "0/1",
            "status": "CrashLoopBackOff",
            "restarts": "12 (5m ago)",
            "node": "node-1",
            "age": "120m",
        }
    ]


@pytest.mark.parametrize(
    ("scene", "status"),
    [
        (scenes.init_fails, "Init:CrashLoopBackOff"),
        (scenes.image_not_found, "ImagePullBackOff"),
        (scenes.unschedulable, "Pending"),
        (scenes.not_ready, "Running"),
    ],
)
def test_the_status_of_a_pod_is_kubectl_s_word(fake: FakeKubernetes, scene: Any, status: str) -> None:
    scene(fake)
    assert rows(fake, "po")[0]["status"] == status


def test_a_pod_that_ends_is_terminating(fake: FakeKubernetes) -> None:
    fake.put(pod(meta={"deletionTimestamp": ago(seconds=5)}))
    assert rows(fake, "pod")[0]["status"] == "Terminating"


def test_each_kind_has_its_columns(fake: FakeKubernetes) -> None:
    scenes.healthy(fake)
    fake.put(service(), endpoints(ready=2, waiting=1), ingress(), job(), claim(), autoscaler(), node("node-2"))
    assert rows(fake, "deploy")[0]["ready"] == "3/3"
    assert (
        rows(fake, "svc")[0] | {"type": "ClusterIP", "ports": "80/TCP", "selector": "app=web"} == rows(fake, "svc")[0]
    )
    assert rows(fake, "endpointslices")[0]["ready"] == 2
    assert rows(fake, "ing")[0]["hosts"] == "shop.example"
    assert rows(fake, "jobs")[0]["completions"] == "0/1"
    assert rows(fake, "pvc")[0]["status"] == "Bound"
    assert rows(fake, "hpa")[0] | {"min": 2, "max": 10, "targets": "cpu: <unknown>/70%"} == rows(fake, "hpa")[0]
    assert [one["status"] for one in rows(fake, "nodes")] == ["Ready", "Ready"]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: str(kind.plural))
def test_every_kind_is_read_at_its_address_also_when_it_is_empty(fake: FakeKubernetes, kind: Any) -> None:
    assert rows(fake, kind.kind, namespace="*") == []
    fake.put(made(kind.kind, "bare", "shop" if kind.namespaced else None))
    listed = rows(fake, kind.plural)
    assert len(listed) == 1
    assert "bare" in json.dumps(run(fake, "k8s_get", kind=kind.singular, name="bare").data)


@pytest.mark.parametrize("word", ["deploy", "Deployment", "deployments", "deployments.apps", " DEPLOY "])
def test_kinds_may_be_written_in_many_ways(fake: FakeKubernetes, word: str) -> None:
    scenes.healthy(fake)
    assert rows(fake, word)[0]["name"] == "web"


def test_an_unknown_kind_is_refused_with_those_that_are_known(fake: FakeKubernetes) -> None:
    with pytest.raises(ToolError, match="`gateways` is no kind that this tool reads. It knows: pods, deployments"):
        run(fake, "k8s_get", kind="gateways")


def test_namespaces_are_the_connection_s_own_or_named_or_all(fake: FakeKubernetes) -> None:
    fake.put(made("ConfigMap", "here", data={}), made("ConfigMap", "there", "other", data={}))
    assert [one["name"] for one in rows(fake, "cm")] == ["here"]
    assert [one["name"] for one in rows(fake, "cm", namespace="other")] == ["there"]
    assert [one["namespace"] for one in rows(fake, "cm", namespace="*")] == ["other", "shop"]


def test_a_selector_narrows_the_list(fake: FakeKubernetes) -> None:
    scenes.healthy(fake)
    scenes.healthy(fake, "api", 1)
    assert len(rows(fake, "pods", selector="app in (api)")) == 1
    assert len(rows(fake, "pods", selector="app!=api")) == 3


def test_events_come_newest_first(fake: FakeKubernetes) -> None:
    found = pod()
    old = event(found, "Pulled", "old") | {"lastTimestamp": ago(hours=3)}
    fake.put(found, old, event(found, "BackOff", "new"))
    assert [one["message"] for one in rows(fake, "events")] == ["new", "old"]
    assert rows(fake, "events")[0]["object"] == f"pod/{POD}"


def test_one_object_comes_with_its_events_and_without_bookkeeping(fake: FakeKubernetes) -> None:
    scenes.image_not_found(fake)
    data = run(fake, "k8s_get", kind="pod", name=POD).data
    assert data["object"]["spec"]["nodeName"] == "node-1"
    assert data["object"]["metadata"]["owners"] == ["ReplicaSet/web-5d4f8c7b9"]
    assert {one["reason"] for one in data["events"]} == {"Failed"}
    assert "managed-marker" not in json.dumps(data)


def test_last_applied_never_comes_out(fake: FakeKubernetes) -> None:
    scenes.healthy(fake)
    fake.put(pod(mark="copy1", meta={"annotations": {"banzaicloud.com/last-applied": "last-applied-marker"}}))
    results = [run(fake, "k8s_get", kind="deploy", name="web"), run(fake, "k8s_get", kind="deploy")]
    results += [run(fake, "k8s_get", kind="pod", name="web-5d4f8c7b9-copy1")]
    results += [run(fake, "k8s_diagnose", kind="deploy", name="web")]
    for result in results:
        assert "last-applied" not in json.dumps(result.data)


SECRET_VALUES = ("aHVudGVyMi1pbi1zZWNyZXQ=", "hunter2-in-secret", "plain-in-string-data", "annotated-value")


def secret() -> dict[str, Any]:
    return made(
        "Secret",
        "db",
        meta={
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": '{"data":{"password":"aHVudGVyMi1pbi1zZWNyZXQ="}}',
                "example.org/note": "annotated-value",
            }
        },
        type="Opaque",
        data={"password": "aHVudGVyMi1pbi1zZWNyZXQ="},
        stringData={"token": "plain-in-string-data"},
    )


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "secret", "name": "db"},
        {"kind": "secrets"},
        {"kind": "secrets", "namespace": "*"},
    ],
)
def test_the_data_of_secrets_never_comes_out(fake: FakeKubernetes, given: dict[str, str]) -> None:
    fake.put(secret())
    output = run(fake, "k8s_get", **given)
    whole = json.dumps(output.data) + output.summary
    assert "password" in whole
    assert not [value for value in SECRET_VALUES if value in whole]


def test_a_secret_that_is_called_something_else_keeps_its_data_too(fake: FakeKubernetes) -> None:
    found = secret() | {"kind": "ConfigMap"}
    fake.answers["/api/v1/namespaces/shop/pods/db"] = scenes.answer(found)
    whole = json.dumps(run(fake, "k8s_get", kind="pod", name="db").data)
    assert not [value for value in SECRET_VALUES[:3] if value in whole]


def test_a_secret_shows_keys_and_sizes(fake: FakeKubernetes) -> None:
    fake.put(secret())
    assert shown(fake, "secret", "db")["keys"] == {"password": 17, "token": 20}


def test_a_config_map_shows_sizes_and_short_values(fake: FakeKubernetes) -> None:
    data = {"LOG_LEVEL": "debug", "DB_PASSWORD": "hunter2hunter2", "big.txt": "x" * 5000}
    fake.put(made("ConfigMap", "web", data=data, binaryData={"logo": "AAAA"}))
    found = shown(fake, "cm", "web")
    assert found["data"]["LOG_LEVEL"] == {"characters": 5, "value": "debug"}
    assert found["data"]["big.txt"]["characters"] == 5000
    assert len(found["data"]["big.txt"]["value"]) == 300
    assert found["data"]["DB_PASSWORD"]["value"] == "<redacted:value>"
    assert found["binary_keys"] == {"logo": 3}


def test_secrets_in_a_container_s_environment_and_command_are_hidden(fake: FakeKubernetes) -> None:
    env = [
        {"name": "DB_PASSWORD", "value": "hunter2-env"},
        {"name": "DATABASE_URL", "value": "postgres://shop:hunter2-url@db/shop"},
        {"name": "SENTRY_DSN", "value": "https://abc@hunter2-dsn/1"},
        {"name": "LOG_LEVEL", "value": "debug"},
        {"name": "FROM_SECRET", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
    ]
    args = ["--password=hunter2-arg", "--token", "hunter2-next", "--level", "info"]
    fake.put(deployment(containers=[container(env=env, args=args)]))
    found = shown(fake, "deploy", "web")["spec"]["template"]["spec"]["containers"][0]
    assert "hunter2" not in json.dumps(found)
    assert {one["name"]: one.get("value") for one in found["env"]}["LOG_LEVEL"] == "debug"
    assert found["env"][4]["valueFrom"]["secretKeyRef"] == {"name": "db", "key": "password"}
    assert found["args"] == ["--password=<redacted:value>", "--token", "<redacted:value>", "--level", "info"]


def test_a_list_of_thousands_is_cut_and_counted(fake: FakeKubernetes) -> None:
    fake.put(*[made("ConfigMap", f"settings-{index:05}", data={}) for index in range(1010)])
    output = run(fake, "k8s_get", kind="cm")
    assert len(output.data["rows"]) == 200
    assert (output.data["count"], output.data["not_shown"]) == (1000, 810)
    assert output.summary == "1000+ configmaps in shop"
    assert {one.query["limit"] for one in fake.requests} == {"250"}
    assert len(fake.requests) == 4


def test_large_objects_are_read_in_smaller_pages(fake: FakeKubernetes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_BYTES", 40_000)
    fake.put(*[made("Secret", f"release-{index:02}", data={"release": "x" * 2_000}) for index in range(40)])
    assert len(rows(fake, "secrets")) == 40
    assert [one.query["limit"] for one in fake.requests][:2] == ["250", "25"]


def test_a_huge_object_is_cut_until_it_fits(fake: FakeKubernetes) -> None:
    env = [{"name": f"VARIABLE_{index}", "value": "words " * 100} for index in range(300)]
    containers = [container(f"part-{index}", env=env) for index in range(10)]
    fake.put(deployment(containers=containers))
    assert "more" in json.dumps(shown(fake, "deploy", "web"))


@pytest.mark.parametrize("name", ["../secrets/db", "a/b", "a%2fb", "..", "web?x=1", "Web", "web\n", "ä", "a..b", "-a"])
def test_a_name_cannot_leave_its_place_in_the_address(fake: FakeKubernetes, name: str) -> None:
    if name != "web\n":
        with pytest.raises(ToolError, match="is no name in Kubernetes"):
            run(fake, "k8s_get", kind="pod", name=name)
    with pytest.raises(ToolError, match="is no namespace"):
        run(fake, "k8s_get", kind="pods", namespace=f"x{name}/"[:63])
    assert fake.requests == []


@pytest.mark.parametrize("selector", ["app=web&limit=1", "a;b", "x" * 300, "app=web\n"])
def test_a_selector_cannot_bring_parameters_of_its_own(fake: FakeKubernetes, selector: str) -> None:
    if selector.strip() == selector:
        with pytest.raises(ToolError):
            run(fake, "k8s_get", kind="pods", selector=selector)
        assert fake.requests == []


def test_an_object_that_is_not_there(fake: FakeKubernetes) -> None:
    with pytest.raises(ToolError, match='It does not exist: pods "web" not found.') as refusal:
        run(fake, "k8s_get", kind="pod", name="web")
    assert refusal.value.ours is False
