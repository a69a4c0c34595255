"""Show why services, ingresses, jobs, autoscalers, nodes and other sets fail."""

import pytest

from agent.types import ToolError
from tests.agent.tools.kubernetes.support import diagnosed, facts, first_cause
from tests.fakes import kubernetes_scenes as scenes
from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.kubernetes_objects import (
    SHOP,
    autoscaler,
    budget,
    condition,
    container,
    deployment,
    endpoints,
    event,
    ingress,
    made,
    node,
    owned_by,
    pod,
    replicaset,
    service,
    waiting,
)

PORTS = [{"name": "http", "containerPort": 8080}]


def test_a_service_whose_selector_fits_no_pod(fake: FakeKubernetes) -> None:
    scenes.healthy(fake)
    fake.put(service(selector={"app": "wep"}), endpoints())
    cause = first_cause(fake, "service")
    assert cause["cause"] == "Service web has no endpoints: no pod has the labels app=wep."
    assert "Pods in namespace shop: have app=web" in facts(cause)


def test_a_service_whose_pods_are_not_ready_leads_to_their_cause(fake: FakeKubernetes) -> None:
    scenes.not_ready(fake)
    fake.put(service(), endpoints(waiting=1))
    causes = [one["cause"] for one in diagnosed(fake, "svc")["causes"]]
    assert "Service web has no endpoints: none of its 1 pods is ready." in causes
    assert "The readiness probe of container web fails: it answers with status 503." in causes


def test_a_service_with_a_wrong_port(fake: FakeKubernetes) -> None:
    scenes.one_pod(fake, pod(containers=[container(ports=PORTS)]))
    fake.put(service(target="web"), endpoints(ready=1))
    cause = first_cause(fake, "service")
    assert "leads to `web`, a port name that its pods do not have" in cause["cause"]
    assert "http:8080" in facts(cause)
    fake.put(service(target=9090))
    assert "leads to 9090" in first_cause(fake, "service")["cause"]


def test_a_service_that_is_well(fake: FakeKubernetes) -> None:
    scenes.one_pod(fake, pod(containers=[container(ports=PORTS)]))
    fake.put(service(), endpoints(ready=1))
    found = diagnosed(fake, "service")
    assert found["healthy"] is True
    assert found["evidence"][0] == {"from": "EndpointSlices of web", "fact": "1 ready, 0 not ready"}


def test_a_pod_with_two_addresses_is_one_endpoint(fake: FakeKubernetes) -> None:
    scenes.healthy(fake)
    second = endpoints(ready=3) | {"addressType": "IPv6"}
    second["metadata"]["name"] = "web-v6"
    for found in (endpoints(ready=3), second):
        for number, one in enumerate(found["endpoints"]):
            one["addresses"] = [f"{found['addressType']} {number}"]
            one["targetRef"]["name"] = f"web-{number}"
        fake.put(found)
    fake.put(service())
    assert diagnosed(fake, "service")["facts"]["endpoints_ready"] == 3


def test_a_service_that_waits_for_its_load_balancer(fake: FakeKubernetes) -> None:
    scenes.healthy(fake)
    balanced = service(spec={"type": "LoadBalancer"})
    fake.put(balanced, endpoints(ready=3), event(balanced, "SyncLoadBalancerFailed", "quota of addresses reached"))
    cause = first_cause(fake, "service")
    assert "waits for its load balancer's address" in cause["cause"]
    assert "quota of addresses reached" in facts(cause)


def test_an_ingress_whose_backend_is_missing(fake: FakeKubernetes) -> None:
    fake.put(ingress(service="shop-web", tls=[{"secretName": "shop-tls", "hosts": ["shop.example"]}]))
    causes = {one["cause"]: one for one in diagnosed(fake, "ingress")["causes"]}
    missing = causes["Ingress web sends to service `shop-web`, which does not exist."]
    assert "backend shop-web:80" in facts(missing)
    assert "Ingress web has no certificate: secret `shop-tls` is missing." in causes
    assert "Ingress class `nginx` does not exist, so no controller serves ingress web." in causes


def test_an_ingress_with_a_port_that_the_service_has_not(fake: FakeKubernetes) -> None:
    scenes.healthy(fake)
    fake.put(made("IngressClass", "nginx", None), ingress(port=8080), service(), endpoints(ready=3))
    cause = first_cause(fake, "ing")
    assert cause["cause"] == "Ingress web sends to port 8080 of service web, which has none such."
    assert "ports http:80" in facts(cause)


def test_an_ingress_that_is_well(fake: FakeKubernetes) -> None:
    scenes.healthy(fake)
    fake.put(made("IngressClass", "nginx", None), ingress(), service(), endpoints(ready=3))
    fake.put(ingress(name="by-name", port="http"))
    assert diagnosed(fake, "ingress")["healthy"] is True
    assert diagnosed(fake, "ingress", "by-name")["healthy"] is True


def test_an_autoscaler_that_cannot_measure(fake: FakeKubernetes) -> None:
    scenes.healthy(fake)
    message = "the HPA was unable to compute the replica count: unable to get metrics for resource cpu"
    fake.put(autoscaler(conditions=[condition("ScalingActive", "False", "FailedGetResourceMetric", message)]))
    cause = first_cause(fake)
    assert cause["cause"] == "Autoscaler web-hpa cannot measure, so it does not scale."
    assert "FailedGetResourceMetric" in facts(cause)


def test_an_autoscaler_of_a_stateful_set_is_looked_at_too(fake: FakeKubernetes) -> None:
    found = deployment("db", ready=3) | {"kind": "StatefulSet"}
    scaler = autoscaler(target="db", conditions=[condition("ScalingActive", "False", "FailedGetResourceMetric")])
    scaler["spec"]["scaleTargetRef"]["kind"] = "StatefulSet"
    fake.put(found, scaler, pod("db", "0", owner="StatefulSet"))
    assert first_cause(fake, "sts", "db")["cause"] == "Autoscaler web-hpa cannot measure, so it does not scale."


def test_an_autoscaler_at_its_maximum(fake: FakeKubernetes) -> None:
    scenes.healthy(fake)
    current = {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 96}}}
    limited = condition(
        "ScalingLimited", "True", "TooManyReplicas", "the desired replica count is more than the maximum"
    )
    fake.put(autoscaler(most=3, conditions=[limited], currentMetrics=[current]))
    cause = first_cause(fake, "hpa", "web-hpa")
    assert cause["cause"] == "Autoscaler web-hpa wants more than its maximum of 3 pods."
    assert "cpu: 96%/70%" in facts(cause)


def test_a_budget_that_lets_nothing_be_evicted_is_told_and_no_failure(fake: FakeKubernetes) -> None:
    scenes.healthy(fake)
    fake.put(budget(allowed=0, minAvailable=3))
    found = diagnosed(fake)
    assert (found["healthy"], found["causes"][0]["severity"]) == (True, "info")
    assert "lets no pod be evicted" in found["causes"][0]["cause"]


def test_a_stateful_set_whose_pod_waits_for_its_volume(fake: FakeKubernetes) -> None:
    labels = {"app": "db"}
    fake.put(
        made("StatefulSet", "db", spec={"replicas": 1, "selector": {"matchLabels": labels}}, status={"replicas": 1})
    )
    waits = condition("PodScheduled", "False", "Unschedulable", "pod has unbound immediate PersistentVolumeClaims.")
    spec = {"nodeName": None, **scenes.volume_of("data-db-0")}
    fake.put(pod("db", "0", owner="StatefulSet", phase="Pending", statuses=[], conditions=[waits], spec=spec))
    assert "PersistentVolumeClaim `data-db-0` does not exist" in first_cause(fake, "sts", "db")["cause"]


def test_a_daemon_set_with_a_crashing_pod(fake: FakeKubernetes) -> None:
    spec = {"selector": {"matchLabels": {"app": "agent"}}}
    status = {"desiredNumberScheduled": 2, "currentNumberScheduled": 2, "numberReady": 1}
    fake.put(made("DaemonSet", "agent", spec=spec, status=status), node())
    state = waiting("ImagePullBackOff", "manifest unknown", name="agent")
    fake.put(pod("agent", "aaaaa", owner="DaemonSet"), pod("agent", "bbbbb", owner="DaemonSet", statuses=[state]))
    found = diagnosed(fake, "ds", "agent")
    assert "not found" in found["causes"][0]["cause"]
    assert (found["facts"]["desired"], found["facts"]["ready"]) == (2, 1)


def test_a_cordoned_node(fake: FakeKubernetes) -> None:
    fake.put(node(spec={"unschedulable": True}))
    assert "is cordoned" in first_cause(fake, "node", "node-1")["cause"]


def test_a_whole_namespace(fake: FakeKubernetes) -> None:
    scenes.healthy(fake, "api")
    scenes.out_of_memory(fake)
    fake.put(made("Namespace", SHOP, None, status={"phase": "Active"}))
    found = diagnosed(fake, "ns", SHOP)
    assert (found["facts"]["pods"], found["facts"]["in_trouble"]) == (4, 1)
    assert "OOMKilled" in found["causes"][0]["cause"]


def test_a_deployment_that_lacks_pods_is_never_called_healthy(fake: FakeKubernetes) -> None:
    fake.put(deployment(ready=1), replicaset(ready=1), pod())
    fake.forbid("list", "events")
    found = diagnosed(fake)
    assert found["healthy"] is False
    assert "fewer ready pods" in found["causes"][0]["cause"]


def test_what_may_not_be_read_is_named_and_the_rest_still_found(fake: FakeKubernetes) -> None:
    scenes.image_not_found(fake)
    for plural in ("events", "horizontalpodautoscalers", "poddisruptionbudgets"):
        fake.forbid("list", plural)
    found = diagnosed(fake)
    assert "cannot be pulled" in found["causes"][0]["cause"]
    assert "may not list events in namespace shop (403)" in " ".join(found["could_not_look_at"])


def test_pods_of_another_deployment_are_not_taken_for_its_own(fake: FakeKubernetes) -> None:
    scenes.healthy(fake)
    stranger = pod(statuses=[waiting("CrashLoopBackOff")], mark="alien")
    stranger["metadata"]["ownerReferences"] = owned_by("ReplicaSet", "other-123")
    fake.put(stranger)
    assert diagnosed(fake)["healthy"] is True


def test_kinds_that_cannot_be_diagnosed_are_refused_with_those_that_can(fake: FakeKubernetes) -> None:
    with pytest.raises(ToolError, match="deployments"):
        diagnosed(fake, "configmap")
    assert fake.requests == []


def test_a_name_that_is_not_there_is_the_input_s_fault(fake: FakeKubernetes) -> None:
    with pytest.raises(ToolError, match='deployments.apps "web" not found') as refusal:
        diagnosed(fake)
    assert refusal.value.ours is False
