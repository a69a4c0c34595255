"""Show that nothing is written without a yes, nothing else than was agreed to, and nothing twice."""

import threading
from typing import Any

import pytest

from agent.types import Change, OutcomeUnknown, Preview, ToolError
from tests.agent.tools.kubernetes.support import preview, reach_of, run
from tests.fakes import kubernetes_scenes as scenes
from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.kubernetes_objects import autoscaler, budget, deployment
from tests.fakes.kubernetes_store import Address

WEB = Address("deployments", "apps", "shop", "web")
SCALE: dict[str, Any] = {"deployment": "web", "replicas": 5}
RESTART: dict[str, Any] = {"deployment": "web"}


@pytest.fixture
def shop(fake: FakeKubernetes) -> FakeKubernetes:
    """Return a cluster with a healthy deployment of three."""
    scenes.healthy(fake)
    fake.controller = True
    return fake


def replicas(fake: FakeKubernetes) -> int:
    """Return how many replicas the cluster holds."""
    found: int = fake.store.get(WEB)["spec"]["replicas"]
    return found


def test_a_card_shows_what_would_change(shop: FakeKubernetes) -> None:
    shown = preview(shop, "k8s_scale", **SCALE)
    assert shown.target == f"deployment web in namespace shop on cluster prod ({shop.url})"
    assert shown.changes == (Change("replicas", "3", "5"),)
    assert {one.method for one in shop.requests} == {"GET"}


def test_an_autoscaler_is_pointed_out(shop: FakeKubernetes) -> None:
    shop.put(autoscaler(), autoscaler("other-hpa", "other"))
    within = preview(shop, "k8s_scale", **SCALE).changes[1]
    assert within == Change("autoscaler web-hpa", "min 2, max 10", "may change it again by load")
    beyond = preview(shop, "k8s_scale", deployment="web", replicas=20).changes[1:]
    assert beyond == (Change("autoscaler web-hpa", "min 2, max 10", "will set it back into its bounds"),)


def test_scaling_to_zero_says_that_nothing_serves_traffic(shop: FakeKubernetes) -> None:
    shop.put(budget())
    lines = preview(shop, "k8s_scale", deployment="web", replicas=0).changes
    assert lines[1].after == "serves no traffic: no pod is left"
    assert lines[2] == Change("disruption budget web-pdb", "minAvailable 2", "does not hold scaling down back")


def test_a_paused_rollout_is_said(shop: FakeKubernetes) -> None:
    shop.put(deployment(ready=3, spec={"paused": True}))
    assert "paused" in preview(shop, "k8s_scale", **SCALE).changes[1].before
    with pytest.raises(ToolError, match="is paused, so a restart would do nothing"):
        preview(shop, "k8s_restart", **RESTART)


def test_a_card_that_changes_nothing_is_refused(shop: FakeKubernetes) -> None:
    with pytest.raises(ToolError, match="already has replicas 3") as refusal:
        preview(shop, "k8s_scale", deployment="web", replicas=3)
    assert refusal.value.ours is False


def test_a_restart_shows_pods_and_pace(shop: FakeKubernetes) -> None:
    assert preview(shop, "k8s_restart", **RESTART).changes == (
        Change(
            "pods",
            "3 pods of registry.example/shop/web:1.4.2",
            "all replaced, step by step (maxSurge 25%, maxUnavailable 25%)",
        ),
    )
    shop.put(deployment(ready=3, spec={"strategy": {"type": "Recreate"}}))
    assert "interrupted" in preview(shop, "k8s_restart", **RESTART).changes[1].after


def test_nothing_to_restart(shop: FakeKubernetes) -> None:
    shop.put(deployment(replicas=0))
    with pytest.raises(ToolError, match="replicas 0"):
        preview(shop, "k8s_restart", **RESTART)


def test_it_scales_after_a_yes(shop: FakeKubernetes) -> None:
    agreed = preview(shop, "k8s_scale", **SCALE)
    output = run(shop, "k8s_scale", agreed, **SCALE)
    assert replicas(shop) == 5
    assert output.data["before"] == {"replicas": 3, "ready": 3}
    assert output.data["after"] == {"replicas": 5, "ready": 5}
    assert output.data["rollout"] == "complete: 5 of 5 pods ready"
    (write,) = shop.writes
    assert (write.method, write.path) == ("PATCH", "/apis/apps/v1/namespaces/shop/deployments/web/scale")
    assert write.json()["metadata"]["resourceVersion"]


def test_it_restarts_after_a_yes(shop: FakeKubernetes) -> None:
    output = run(shop, "k8s_restart", preview(shop, "k8s_restart", **RESTART), **RESTART)
    stamp = shop.store.get(WEB)["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"]
    assert output.data["after"]["restarted_at"] == stamp
    assert output.data["before"]["restarted_at"] is None
    assert shop.store.get(WEB)["spec"]["template"]["metadata"]["labels"] == {"app": "web"}


@pytest.mark.parametrize(("tool", "given"), [("k8s_scale", SCALE), ("k8s_restart", RESTART)])
def test_nothing_is_written_without_a_yes(shop: FakeKubernetes, tool: str, given: dict[str, Any]) -> None:
    with pytest.raises(ToolError, match="nobody has agreed") as refusal:
        run(shop, tool, **given)
    assert refusal.value.ours is True
    assert shop.writes == []


def refused(fake: FakeKubernetes, tool: str, agreed: Preview, given: dict[str, Any]) -> ToolError:
    """Return the refusal to run, after which nothing was written."""
    before = replicas(fake)
    with pytest.raises(ToolError) as refusal:
        run(fake, tool, agreed, **given)
    assert (fake.writes, replicas(fake)) == ([], before)
    assert refusal.value.ours is True
    assert not isinstance(refusal.value, OutcomeUnknown)
    return refusal.value


def test_it_does_not_scale_what_has_changed_since(shop: FakeKubernetes) -> None:
    agreed = preview(shop, "k8s_scale", **SCALE)
    shop.store.patch(WEB, {"spec": {"replicas": 4}})
    assert "has changed since you were asked (replicas: 4 to 5)" in str(refused(shop, "k8s_scale", agreed, SCALE))


def test_it_does_not_scale_what_somebody_has_scaled_to_it_already(shop: FakeKubernetes) -> None:
    agreed = preview(shop, "k8s_scale", **SCALE)
    shop.store.patch(WEB, {"spec": {"replicas": 5}})
    assert "changed since" in str(refused(shop, "k8s_scale", agreed, SCALE))


def test_it_does_not_scale_past_an_autoscaler_that_was_not_shown(shop: FakeKubernetes) -> None:
    agreed = preview(shop, "k8s_scale", **SCALE)
    shop.put(autoscaler())
    assert "autoscaler web-hpa" in str(refused(shop, "k8s_scale", agreed, SCALE))


def test_it_does_not_restart_another_image_than_was_shown(shop: FakeKubernetes) -> None:
    agreed = preview(shop, "k8s_restart", **RESTART)
    containers = [{"name": "web", "image": "registry.example/shop/web:2.0.0"}]
    shop.store.patch(WEB, {"spec": {"template": {"spec": {"containers": containers}}}})
    assert "web:2.0.0" in str(refused(shop, "k8s_restart", agreed, RESTART))


def test_a_yes_for_one_deployment_counts_for_no_other(shop: FakeKubernetes) -> None:
    scenes.healthy(shop, "api")
    agreed = preview(shop, "k8s_scale", **SCALE)
    assert "deployment api" in str(refused(shop, "k8s_scale", agreed, {"deployment": "api", "replicas": 5}))


def test_a_yes_for_one_number_counts_for_no_other(shop: FakeKubernetes) -> None:
    agreed = preview(shop, "k8s_scale", **SCALE)
    assert "3 to 50" in str(refused(shop, "k8s_scale", agreed, {"deployment": "web", "replicas": 50}))


def test_a_yes_for_one_cluster_counts_for_no_other(shop: FakeKubernetes) -> None:
    agreed = preview(shop, "k8s_scale", **SCALE)
    with FakeKubernetes() as other:
        scenes.healthy(other)
        assert "another one than you agreed to" in str(refused(other, "k8s_scale", agreed, SCALE))


def test_a_change_of_status_between_reading_and_writing_is_no_obstacle(shop: FakeKubernetes) -> None:
    agreed = preview(shop, "k8s_scale", **SCALE)
    seen = []

    def race(_request: object) -> None:
        if not seen:
            shop.store.patch(WEB, {"status": {"readyReplicas": 2}})
        seen.append(1)

    shop.before_write = race
    run(shop, "k8s_scale", agreed, **SCALE)
    assert (len(seen), len(shop.writes), replicas(shop)) == (2, 1, 5)


def test_a_change_of_replicas_between_reading_and_writing_stops_it(shop: FakeKubernetes) -> None:
    agreed = preview(shop, "k8s_scale", **SCALE)
    shop.before_write = lambda _request: shop.put(deployment(replicas=7, ready=7))
    with pytest.raises(ToolError, match="changed since") as refusal:
        run(shop, "k8s_scale", agreed, **SCALE)
    assert (refusal.value.ours, shop.writes, replicas(shop)) == (True, [], 7)


def test_a_deployment_that_never_rests_is_given_up(shop: FakeKubernetes) -> None:
    agreed = preview(shop, "k8s_scale", **SCALE)
    shop.before_write = lambda _request: shop.put(shop.store.get(WEB))
    assert "keeps changing" in str(refused(shop, "k8s_scale", agreed, SCALE))


@pytest.mark.parametrize(("tool", "given"), [("k8s_scale", SCALE), ("k8s_restart", RESTART)])
def test_a_lost_answer_is_an_unknown_outcome_and_not_tried_again(
    shop: FakeKubernetes, tool: str, given: dict[str, Any]
) -> None:
    agreed = preview(shop, tool, **given)
    shop.drop_after_write = True
    with pytest.raises(OutcomeUnknown, match="may or may not have been made"):
        run(shop, tool, agreed, **given)
    assert len(shop.writes) == 1


@pytest.mark.parametrize("status", [500, 503, 504])
def test_an_error_of_the_cluster_while_it_writes_is_an_unknown_outcome(shop: FakeKubernetes, status: int) -> None:
    agreed = preview(shop, "k8s_scale", **SCALE)
    body = {"kind": "Status", "message": "etcdserver: request timed out", "code": status}
    shop.answers["/apis/apps/v1/namespaces/shop/deployments/web/scale"] = scenes.answer(body, status)
    with pytest.raises(OutcomeUnknown, match="etcdserver: request timed out"):
        run(shop, "k8s_scale", agreed, **SCALE)


def test_an_answer_that_cannot_be_read_is_an_unknown_outcome(shop: FakeKubernetes) -> None:
    agreed = preview(shop, "k8s_scale", **SCALE)
    path = "/apis/apps/v1/namespaces/shop/deployments/web/scale"
    shop.answers[path] = scenes.answer(b"<html>", content_type="text/html")
    with pytest.raises(OutcomeUnknown):
        run(shop, "k8s_scale", agreed, **SCALE)


def test_a_write_that_could_not_be_sent_is_no_unknown_outcome(shop: FakeKubernetes) -> None:
    agreed = preview(shop, "k8s_scale", **SCALE)
    shop.forbid("patch", "deployments/scale")
    error = refused(shop, "k8s_scale", agreed, SCALE)
    assert "may not patch deployments/scale of group apps in namespace shop" in str(error)


def test_what_was_written_stays_a_success_if_nothing_can_be_read_after_it(shop: FakeKubernetes) -> None:
    agreed = preview(shop, "k8s_scale", **SCALE)
    shop.before_write = lambda _request: shop.forbid("get", "deployments")
    output = run(shop, "k8s_scale", agreed, **SCALE)
    assert output.data["after"]["replicas"] == 5
    assert output.data["rollout"].startswith("not known")


def test_a_rollout_that_goes_on_is_told_as_such(shop: FakeKubernetes) -> None:
    shop.controller = False
    output = run(shop, "k8s_scale", preview(shop, "k8s_scale", **SCALE), **SCALE)
    assert output.data["rollout"] == "begun; the cluster has not taken it up yet"


def test_a_write_can_be_held_by_the_cluster(shop: FakeKubernetes) -> None:
    agreed = preview(shop, "k8s_scale", **SCALE)
    shop.hold_writes = threading.Event()
    asked = len(shop.requests)
    writer = threading.Thread(target=lambda: run(shop, "k8s_scale", agreed, **SCALE))
    writer.start()
    # It reads the deployment, its autoscalers, and then writes.
    shop.wait_for_requests(asked + 3)
    assert (shop.writes, replicas(shop)) == ([], 3)
    shop.hold_writes.set()
    writer.join(10)
    assert replicas(shop) == 5


@pytest.mark.parametrize("replicas", [-1, 1001, "5", 5.0, True, None])
def test_replicas_are_bounded(shop: FakeKubernetes, replicas: object) -> None:
    with pytest.raises(ToolError, match="replicas"):
        preview(shop, "k8s_scale", deployment="web", replicas=replicas)
    assert shop.requests == []


def test_the_token_is_in_no_repr(shop: FakeKubernetes) -> None:
    assert shop.token not in repr(reach_of(shop))
