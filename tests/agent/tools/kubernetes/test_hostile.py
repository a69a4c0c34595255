"""Show that a server that is broken, foreign or hostile ends in one clear sentence, soon and without a secret."""

import json
import time
from typing import Any

import pytest
import trustme

from agent.tools.kubernetes import TOOLS
from agent.tools.kubernetes.resources import ALL
from agent.types import Preview, ToolError
from tests.agent.tools.kubernetes.support import preview, reach_of, run
from tests.fakes import kubernetes_scenes as scenes
from tests.fakes.kubernetes import Answer, FakeKubernetes
from tests.fakes.kubernetes_objects import deployment, pod
from tests.fakes.kubernetes_scenes import POD, answer

PODS = "/api/v1/namespaces/shop/pods"
WEB = "/apis/apps/v1/namespaces/shop/deployments/web"


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (
            answer(b"<html><h1>Welcome</h1>", content_type="text/html"),
            "answered with text/html that is no readable JSON",
        ),
        (answer(b""), "no readable JSON"),
        (answer(b"[" * 200_000), "no readable JSON"),
        (answer(b'{"a":' * 100_000 + b"1" + b"}" * 100_000), "no readable JSON"),
        (answer(b'{"items": [], "x": ' + b"9" * 10_000 + b"}"), "no readable JSON"),
        (answer(b'{"items": NaN}'), "no readable JSON"),
        (answer([1, 2]), "no object of its API"),
        (answer(b'{"items":[' + b'{"metadata":{"name":"' + b"x" * 5_000_000 + b'"}}]}'), "more than can be read"),
        (Answer(302, b"", headers={"Location": "https://attacker.example/"}), "redirect"),
        (answer(b"<html>proxy error", 502, "text/html"), "could not answer (502)"),
        (answer({"kind": "Status", "message": "etcd is down"}, 500), "could not answer (500): etcd is down"),
        (answer({"kind": "Status", "message": "slow down"}, 429), "could not answer (429): slow down"),
    ],
)
def test_an_answer_that_is_none_is_refused(fake: FakeKubernetes, made: Answer, words: str) -> None:
    fake.answers[PODS] = made
    began = time.monotonic()
    with pytest.raises(ToolError) as refusal:
        run(fake, "k8s_get", kind="pods")
    assert words in str(refusal.value)
    assert refusal.value.ours is True
    assert len(str(refusal.value)) < 1000
    assert time.monotonic() - began < 5
    assert len(fake.requests) == (3 if "more than" in words else 1)


WRONG: list[Any] = [
    None,
    7,
    "text",
    [],
    {},
    [None],
    [[]],
    [{}],
    {"metadata": []},
    {"metadata": {"name": 5, "labels": [], "annotations": "x", "ownerReferences": {}, "creationTimestamp": 9}},
    {"spec": {"containers": {"a": 1}, "replicas": "3", "template": 9, "selector": []}, "status": "Running"},
    {"status": {"conditions": [7, {"type": 5}], "containerStatuses": [{"state": 3, "restartCount": "9"}]}},
    {"status": {"containerStatuses": [{"name": [], "state": {"waiting": {"reason": {}, "message": 4}}}]}},
    {"status": {"initContainerStatuses": [{"state": {"terminated": {"exitCode": "x", "finishedAt": "9999-99"}}}]}},
    {"metadata": {"name": "x", "creationTimestamp": "0001-01-01T00:00:00"}, "spec": {"replicas": 10**30}},
    {"metadata": {"deletionTimestamp": True}, "status": {"replicas": 1e999, "phase": ["x"]}},
]


@pytest.mark.parametrize("index", range(len(WRONG)))
def test_wrong_types_anywhere_do_no_harm(fake: FakeKubernetes, index: int) -> None:
    found = WRONG[index]
    fake.answers = _everywhere(found)
    for kind in ALL:
        _try(fake, "k8s_get", kind=kind.plural)
    for word in ("pod", "configmap", "secret"):
        _try(fake, "k8s_get", kind=word, name="web")
    for kind in ("pod", "deployment", "sts", "ds", "job", "cronjob", "service", "ingress", "pvc", "hpa", "node", "ns"):
        _try(fake, "k8s_diagnose", kind=kind, name="web")
    _try(fake, "k8s_logs", pod="web")
    assert len(fake.requests) > 40


class _Everywhere(dict[str, Answer]):
    """Answer the same whatever is asked."""

    def __init__(self, made: Answer) -> None:
        super().__init__()
        self._made = made

    def get(self, _path: str, _default: object = None) -> Answer:  # type: ignore[override]
        return self._made


def _everywhere(found: Any) -> dict[str, Answer]:
    """Return answers that are an object and a list of such objects at once."""
    whole = found if isinstance(found, dict) else {"spec": found, "status": found, "metadata": found}
    return _Everywhere(answer({**whole, "items": [found, whole, *(found if isinstance(found, list) else [])]}))


def _try(fake: FakeKubernetes, tool: str, **given: Any) -> None:
    """Run a tool; it may find something or refuse, and nothing else."""
    try:
        run(fake, tool, **given)
    except ToolError as error:
        assert len(str(error)) < 1500


def test_json_that_is_almost_too_deep_is_cut(fake: FakeKubernetes) -> None:
    deep: Any = "bottom"
    for _ in range(300):
        deep = {"in": [deep]}
    fake.answers[f"{PODS}/web"] = answer({"metadata": {"name": "web"}, "spec": deep})
    assert "bottom" not in json.dumps(run(fake, "k8s_get", kind="pod", name="web").data)


def test_metadata_within_metadata_ends_too(fake: FakeKubernetes) -> None:
    deep: Any = {"name": "bottom"}
    for _ in range(400):
        deep = {"metadata": deep}
    fake.answers[f"{PODS}/web"] = answer(deep)
    assert "bottom" not in json.dumps(run(fake, "k8s_get", kind="pod", name="web").data)


def test_an_object_of_a_million_parts_costs_little(fake: FakeKubernetes) -> None:
    many: Any = ["x"] * 25
    for _ in range(3):
        many = [many] * 25
    fake.answers[f"{PODS}/web"] = answer({"metadata": {"name": "web"}, "spec": many})
    began = time.process_time()
    run(fake, "k8s_get", kind="pod", name="web")
    assert time.process_time() - began < 3


def test_a_pod_of_many_thousand_containers_costs_little(fake: FakeKubernetes) -> None:
    states = [{"name": f"c{n}", "state": {"terminated": {"exitCode": 1}}} for n in range(5_000)]
    found = pod(statuses=states)
    fake.put(found)
    began = time.process_time()
    run(fake, "k8s_diagnose", kind="pod", name=POD)
    assert time.process_time() - began < 3
    assert len(fake.requests) <= 60


def test_a_list_that_never_ends_is_left(fake: FakeKubernetes) -> None:
    items = [{"metadata": {"name": f"web-{index}"}} for index in range(250)]
    fake.answers[PODS] = answer({"metadata": {"continue": "again"}, "items": items})
    output = run(fake, "k8s_get", kind="pods")
    assert len(fake.requests) == 4
    assert output.data["not_shown"] > 0


def test_an_empty_page_that_points_to_the_next_is_left(fake: FakeKubernetes) -> None:
    fake.answers[PODS] = answer({"metadata": {"continue": "again"}, "items": []})
    run(fake, "k8s_get", kind="pods")
    assert len(fake.requests) == 1


def test_a_diagnosis_asks_a_bounded_number_of_times(fake: FakeKubernetes) -> None:
    found = [pod(mark=f"p{index:04}", statuses=[], status={"phase": f"Odd{index}"}) for index in range(200)]
    fake.put(deployment(), *found)
    for one in found:
        one["metadata"]["ownerReferences"] = []
    scenes.one_pod(fake, pod())
    run(fake, "k8s_diagnose", kind="deployment", name="web")
    assert len(fake.requests) < 40


def test_an_endless_log_is_cut(fake: FakeKubernetes) -> None:
    fake.put(pod())
    fake.answers[f"{PODS}/{POD}/log"] = answer(b"x" * 3_000_000, content_type="text/plain")
    assert len(run(fake, "k8s_logs", pod=POD).data["log"]) <= 2000


def test_a_wrong_token_is_said_and_never_shown(fake: FakeKubernetes) -> None:
    reach = reach_of(fake, token="a-wrong-token-of-somebody")
    tool = next(one for one in TOOLS if one.name == "k8s_get")
    with pytest.raises(ToolError, match="does not accept the connection's credentials") as refusal:
        tool.run(tool.read({"kind": "pods"}), reach)
    assert (refusal.value.ours, "somebody" in str(refusal.value)) == (True, False)


def test_a_right_that_is_missing_is_named(fake: FakeKubernetes) -> None:
    fake.forbid("list", "deployments")
    with pytest.raises(ToolError) as refusal:
        run(fake, "k8s_get", kind="deploy")
    assert str(refusal.value) == (
        "The connection may not list deployments of group apps in namespace shop (403). "
        "Its role needs this verb on this resource."
    )


def test_a_cluster_with_another_authority_is_not_trusted(fake: FakeKubernetes) -> None:
    reach = reach_of(fake, ca=trustme.CA().cert_pem.bytes().decode())
    tool = next(one for one in TOOLS if one.name == "k8s_get")
    with pytest.raises(ToolError, match="Check the certificate authority"):
        tool.run(tool.read({"kind": "pods"}), reach)
    assert fake.requests == []


def test_a_cluster_that_is_gone_is_not_the_input_s_fault(fake: FakeKubernetes) -> None:
    reach = reach_of(fake, server="https://127.0.0.1:2")
    tool = next(one for one in TOOLS if one.name == "k8s_get")
    with pytest.raises(ToolError, match="prod \\(https://127.0.0.1:2\\)") as refusal:
        tool.run(tool.read({"kind": "pods"}), reach)
    assert refusal.value.ours is True


def test_a_server_cannot_choose_what_is_written_to(fake: FakeKubernetes) -> None:
    found = deployment(ready=3)
    found["metadata"] |= {"name": "../../secrets", "namespace": "kube-system/x", "resourceVersion": "1"}
    fake.answers[WEB] = answer(found)
    fake.put(deployment(ready=3))
    agreed = Preview(f"deployment ../../secrets in namespace kube-system/x on cluster prod ({fake.url})", ())
    for attempt in (
        lambda: preview(fake, "k8s_scale", deployment="web", replicas=5),
        lambda: run(fake, "k8s_scale", agreed, deployment="web", replicas=5),
    ):
        with pytest.raises(ToolError, match="no name that Kubernetes knows"):
            attempt()
    assert {one.path for one in fake.requests} == {WEB}


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: str(tool.name))
@pytest.mark.parametrize("raw", [None, [], "x", {}, {"kind": 5}, {"kind": "pods", "x": 1}, {"kind": "p" * 10_000_000}])
def test_wrong_input_is_refused_and_labels_stay_short(tool: Any, raw: Any) -> None:
    with pytest.raises(ToolError):
        tool.read(raw)
    if isinstance(raw, dict):
        assert len(tool.target({**raw, "name": 9, "deployment": "d" * 10_000, "pod": ["x"]})) < 200


def test_every_tool_is_whole() -> None:
    for tool in TOOLS:
        assert (tool.needs_connection, tool.family) == ("kubernetes", "kubernetes")
        assert tool.examples and tool.returns and "connection" in tool.input_schema["properties"]
        assert tool.writes == (tool.preview is not None)
