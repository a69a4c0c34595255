"""Show that the end of the right container's log comes back, short and without secrets."""

import pytest

from agent.tools.kubernetes import logs
from agent.types import ToolError
from tests.agent.tools.kubernetes.support import run
from tests.fakes import kubernetes_scenes as scenes
from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.kubernetes_objects import SHOP, container, deployment, pod, running, waiting
from tests.fakes.kubernetes_scenes import POD


def log_of(fake: FakeKubernetes, text: str, container_name: str = "web") -> None:
    """Put a pod there whose container has written this."""
    fake.put(pod())
    fake.logs[(SHOP, POD, container_name, False)] = text


def test_the_last_lines_are_read(fake: FakeKubernetes) -> None:
    log_of(fake, "".join(f"line {number}\n" for number in range(1, 501)))
    data = run(fake, "k8s_logs", pod=POD, lines=3).data
    assert data["log"] == "line 498\nline 499\nline 500"
    assert (data["container"], data["lines"], data["pod_status"]) == ("web", 3, "Running")
    assert fake.requests[-1].query["tailLines"] == "3"


def test_the_run_before_is_read(fake: FakeKubernetes) -> None:
    scenes.crash_loop(fake)
    output = run(fake, "k8s_logs", pod=POD, previous=True)
    assert "connection refused" in output.data["log"]
    assert output.summary == f"previous log, 3 lines of {POD}/web"


def test_there_may_be_no_run_before(fake: FakeKubernetes) -> None:
    log_of(fake, "x\n")
    with pytest.raises(ToolError, match="has no run before this one"):
        run(fake, "k8s_logs", pod=POD, previous=True)


def two_containers(fake: FakeKubernetes, **annotations: str) -> None:
    """Put a pod with two containers there."""
    meta = {"annotations": annotations}
    fake.put(pod(statuses=[running(), running("proxy")], containers=[container(), container("proxy")], meta=meta))
    fake.logs[(SHOP, POD, "proxy", False)] = "proxy speaks\n"


def test_of_several_containers_one_must_be_named(fake: FakeKubernetes) -> None:
    two_containers(fake)
    with pytest.raises(ToolError, match="several containers; name one of web, proxy"):
        run(fake, "k8s_logs", pod=POD)
    with pytest.raises(ToolError, match="has no container `db`; it has web, proxy"):
        run(fake, "k8s_logs", pod=POD, container="db")
    assert run(fake, "k8s_logs", pod=POD, container="proxy").data["log"] == "proxy speaks"


def test_the_pod_may_say_which_container_is_meant(fake: FakeKubernetes) -> None:
    two_containers(fake, **{"kubectl.kubernetes.io/default-container": "proxy"})
    assert run(fake, "k8s_logs", pod=POD).data["container"] == "proxy"


def test_a_deployment_named_by_mistake_leads_to_its_pods(fake: FakeKubernetes) -> None:
    fake.put(pod(), pod(mark="b8m4q"), deployment())
    with pytest.raises(ToolError, match=f"It is a deployment; its pods are web-5d4f8c7b9-b8m4q, {POD}"):
        run(fake, "k8s_logs", pod="web")


def test_the_only_pod_of_a_workload_may_be_named_by_it(fake: FakeKubernetes) -> None:
    log_of(fake, "it speaks\n")
    fake.put(deployment(), pod("web-admin"))
    assert run(fake, "k8s_logs", pod="web").data["log"] == "it speaks"
    data = run(fake, "k8s_diagnose", kind="pod", name="web").data
    assert (data["name"], data["healthy"]) == (POD, True)


def test_a_container_that_has_not_started_has_no_log(fake: FakeKubernetes) -> None:
    fake.put(pod(statuses=[waiting("ContainerCreating")]))
    with pytest.raises(ToolError, match="has not started, so it has no log: ContainerCreating"):
        run(fake, "k8s_logs", pod=POD)


def test_a_long_log_keeps_its_end(fake: FakeKubernetes) -> None:
    log_of(fake, "".join(f"{number:05} {'x' * 100}\n" for number in range(2000)))
    data = run(fake, "k8s_logs", pod=POD, lines=2000).data
    assert data["log"].endswith(f"01999 {'x' * 100}")
    assert data["lines"] + data["lines_left_out"] == 2000
    assert data["lines_left_out"] > 1000


def test_lines_of_quotes_still_fit(fake: FakeKubernetes) -> None:
    log_of(fake, '{"a": "\\\\b"}\t"' * 10_000 + "\n" + '""""' * 20_000 + "\nend\n")
    assert run(fake, "k8s_logs", pod=POD).data["log"].endswith("end")


def test_the_end_is_kept_even_if_the_api_would_cut_it_off(
    fake: FakeKubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "BYTES_MAX", 5_000)
    log_of(fake, "".join(f"{number:05} {'x' * 90}\n" for number in range(200)))
    assert run(fake, "k8s_logs", pod=POD, lines=200).data["log"].endswith(f"00199 {'x' * 90}")


def test_colours_and_control_characters_are_taken_out(fake: FakeKubernetes) -> None:
    log_of(fake, "\x1b[31mred\x1b[0m \x1b]0;title\x07bell\x07 nul\x00 \u202eturned\ttab\n")
    assert run(fake, "k8s_logs", pod=POD).data["log"] == "red bell nul turned\ttab"


def test_bytes_that_are_no_text_do_no_harm(fake: FakeKubernetes) -> None:
    fake.put(pod())
    path = f"/api/v1/namespaces/shop/pods/{POD}/log"
    fake.answers[path] = scenes.answer(b"\xff\xfe\xf0binary\n", content_type="text/plain")
    assert "binary" in run(fake, "k8s_logs", pod=POD).data["log"]


def test_secrets_in_a_log_are_taken_out(fake: FakeKubernetes) -> None:
    log_of(fake, "DB_PASSWORD=hunter2-in-log-42\nAWS key AKIAIOSFODNN7EXAMPL2\nplain words\n")
    data = run(fake, "k8s_logs", pod=POD).data
    assert "hunter2" not in data["log"]
    assert "plain words" in data["log"]


@pytest.mark.parametrize("lines", [0, -1, 2001, "200", 1.5, True])
def test_lines_are_bounded(fake: FakeKubernetes, lines: object) -> None:
    with pytest.raises(ToolError, match="lines"):
        run(fake, "k8s_logs", pod=POD, lines=lines)


def test_an_empty_log_is_said_to_be_empty(fake: FakeKubernetes) -> None:
    log_of(fake, "")
    data = run(fake, "k8s_logs", pod=POD).data
    assert (data["lines"], data["note"]) == (0, "The log is empty.")


def test_what_may_not_be_read_is_named(fake: FakeKubernetes) -> None:
    log_of(fake, "x\n")
    fake.forbid("get", "pods/log")
    with pytest.raises(ToolError, match="may not get pods/log in namespace shop") as refusal:
        run(fake, "k8s_logs", pod=POD)
    assert refusal.value.ours is True
