"""Show that Kubernetes manifests are judged as an experienced operator would judge them."""

import pytest

from agent.tools.manifests.lint import K8S_MANIFEST_LINT, lint
from agent.types import ToolError
from tests.agent.tools.lint_support import INPUTS, complete, expected, rules, seen, survives
from tests.agent.tools.support import NOWHERE

SHOP = (INPUTS / "shop.yaml").read_text()
CLEAN = (INPUTS / "api.yaml").read_text()
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: ns}\nspec:\n"


def of(manifest: str, version: str | None = None) -> set[str]:
    return rules(lint(manifest, version)[0])


def messages(manifest: str, rule: str, version: str | None = None) -> str:
    return " ".join(f"{one.message} {one.fix}" for one in lint(manifest, version)[0] if one.rule == rule)


def test_a_bad_manifest_gives_exactly_what_its_comments_expect() -> None:
    findings, facts = lint(SHOP, "1.31")
    assert seen(findings) == expected(SHOP)
    assert facts == {
        "version": "1.31",
        "documents": 8,
        "kinds": {
            "Namespace": 1,
            "Deployment": 1,
            "Service": 1,
            "Ingress": 1,
            "Secret": 1,
            "CronJob": 1,
            "ClusterRole": 1,
            "ClusterRoleBinding": 1,
        },
        "schema_checked": 7,
    }
    complete(lambda: findings)


def test_a_good_manifest_gives_nothing() -> None:
    assert lint(CLEAN, None)[0] == []
    assert lint(CLEAN, "1.27")[0] == []


def test_a_secret_is_never_echoed() -> None:
    output = K8S_MANIFEST_LINT.run(K8S_MANIFEST_LINT.read({"manifest": SHOP}), NOWHERE)
    assert "hunter2" not in str(output)
    assert "not base64 at all" not in str(output)
    wrong = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {pin: 90210, list: [sesame]}\n"
    output = K8S_MANIFEST_LINT.run(K8S_MANIFEST_LINT.read({"manifest": wrong}), NOWHERE)
    assert output.data["counts"]["error"] == 2
    assert "90210" not in str(output) and "sesame" not in str(output)


@pytest.mark.parametrize(
    ("api_version", "kind", "since", "words"),
    [
        ("extensions/v1beta1", "Deployment", "1.16", "apps/v1"),
        ("apps/v1beta1", "StatefulSet", "1.16", "spec.selector"),
        ("extensions/v1beta1", "Ingress", "1.22", "pathType"),
        ("networking.k8s.io/v1beta1", "Ingress", "1.22", "backend.service.name"),
        ("rbac.authorization.k8s.io/v1beta1", "Role", "1.22", "rbac.authorization.k8s.io/v1"),
        ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", "1.22", "openAPIV3Schema"),
        ("batch/v1beta1", "CronJob", "1.25", "batch/v1"),
        ("policy/v1beta1", "PodSecurityPolicy", "1.25", "Pod Security Admission"),
        ("policy/v1beta1", "PodDisruptionBudget", "1.25", "policy/v1"),
        ("autoscaling/v2beta1", "HorizontalPodAutoscaler", "1.25", "autoscaling/v2"),
        ("autoscaling/v2beta2", "HorizontalPodAutoscaler", "1.26", "autoscaling/v2"),
    ],
)
def test_a_removed_api_is_told_with_its_replacement(api_version: str, kind: str, since: str, words: str) -> None:
    found = messages(f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: x, namespace: ns}}\n", "api-removed")
    assert since in found and words in found


def test_an_api_is_deprecated_before_its_removal() -> None:
    old = "apiVersion: autoscaling/v2beta2\nkind: HorizontalPodAutoscaler\nmetadata: {name: x, namespace: ns}\n"
    old += "spec: {maxReplicas: 2, scaleTargetRef: {kind: Deployment, name: a}}\n"
    assert "api-deprecated" in of(old, "1.25")
    assert "api-removed" in of(old, "1.26")


@pytest.mark.parametrize(
    ("head", "rule", "words"),
    [
        ("apiVersion: apps/v1\nkind: Deploymnt", "wrong-kind", "Did you mean `Deployment`?"),
        ("apiVersion: v1\nkind: Deployment", "wrong-api-version", "Use apps/v1."),
        ("apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor", "not-checked", "custom resource"),
        ("apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute", "not-checked", "custom resource"),
        ("apiVersion: v1\nkind: Container", "wrong-kind", "no Container"),
        ("apiVersion: ../../x\nkind: ../../../etc/passwd", "not-checked", "custom resource"),
        ("kind: Pod", "no-kind", "`apiVersion`"),
        ("apiVersion: v1", "no-kind", "`kind`"),
    ],
)
def test_a_kind_that_does_not_exist_is_told_apart_from_a_custom_one(head: str, rule: str, words: str) -> None:
    assert words in messages(f"{head}\nmetadata: {{name: x}}\n", rule)


@pytest.mark.parametrize(("version", "minor"), [("1.31", "1.31"), ("v1.30.4", "1.30"), ("1.29.1-gke.100", "1.29")])
def test_a_version_is_read_as_people_write_it(version: str, minor: str) -> None:
    assert lint(CLEAN, version)[1]["version"] == minor


@pytest.mark.parametrize("version", ["1.2", "2.0", "latest", "1.999", "1", "../.."])
def test_an_unknown_version_is_refused_with_the_known_ones(version: str) -> None:
    with pytest.raises(ToolError, match=r"1\.25 to 1\.\d+"):
        lint(CLEAN, version)


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        ("  containers: [{name: a, image: 'b:1', resources: {limits: {memory: 128MB}}}]", "invalid-quantity"),
        ("  containers: [{name: a, image: 'b:1', resources: {limits: {memory: 128m}}}]", "suspicious-quantity"),
        ("  containers: [{name: a, image: 'b:1', resources: {limits: {cpu: 500}}}]", "suspicious-quantity"),
        ("  containers: [{name: a, image: 'b:1', resources: {limits: {memory: 1G}}}]", "memory-decimal-unit"),
        ("  containers: [{name: a, image: 'b:1'}, {name: a, image: 'b:1'}]", "duplicate-name"),
        ("  containers: [{name: a}]", "no-image"),
        ("  containers: [{name: a, image: 'r:5000/b'}]", "image-not-pinned"),
        ("  containers: [{name: a, image: 'b:1', securityContext: {runAsUser: 0}}]", "runs-as-root"),
        (
            "  containers: [{name: a, image: 'b:1', securityContext: {capabilities: {add: [SYS_ADMIN]}}}]",
            "capabilities-added",
        ),
        ("  containers: [{name: a, image: 'b:1', ports: [{containerPort: 80, hostPort: 80}]}]", "host-port"),
        ("  containers: [{name: a, image: 'b:1', ports: [{containerPort: 8}, {containerPort: 8}]}]", "duplicate-port"),
        ("  containers: [{name: a, image: 'b:1'}]\n  serviceAccount: x", "deprecated-field"),
        ("  containers: [{name: a, image: 'b:1'}]\n  terminationGracePeriodSeconds: 0", "grace-period"),
        (
            "  containers: [{name: a, image: 'b:1'}]\n  volumes: [{name: v, glusterfs: {}}]",
            "removed-volume",
        ),
        ("  containers: [{name: a, image: 'b:1', envFrom: [{secretRef: {name: s}}]}]", "reference-not-here"),
        ("  containers: [{name: a, image: 'b:1'}]\n  containers: []", "duplicate-key"),
    ],
)
def test_a_pod_shows_what_is_wrong_with_it(spec: str, rule: str) -> None:
    assert rule in of(POD + spec)


@pytest.mark.parametrize(
    "spec",
    [
        "  containers: [{name: a, image: 'localhost:5000/b:1.2'}]",
        "  containers: [{name: a, image: '${IMAGE}'}]",
        "  containers: [{name: a, image: 'b@sha256:" + "a" * 64 + "'}]",
    ],
)
def test_a_pinned_image_is_left_alone(spec: str) -> None:
    assert "image-not-pinned" not in of(POD + spec)


@pytest.mark.parametrize("name", ["PASSWORD_FILE", "TOKEN_URL", "SECRET_NAME", "MAX_TOKENS_LENGTH"])
def test_a_name_about_a_secret_is_no_secret(name: str) -> None:
    spec = f"  containers: [{{name: a, image: 'b:1', env: [{{name: {name}, value: something-long}}]}}]"
    assert "secret-in-env" not in of(POD + spec)


def test_a_marker_of_a_hidden_secret_fits_the_schema_and_tells_that_a_secret_stood_there() -> None:
    spec = "  containers:\n  - name: a\n    image: b:1\n    env: [{name: PASSWORD, value: <redacted:password>}]\n"
    found = of(POD + spec)
    assert "secret-in-env" in found and "schema" not in found
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: ns}\ndata: {a: <redacted:token>}\n"
    assert of(secret) == {"secret-in-manifest"}


def _workload(kind: str, spec: str, api: str = "apps/v1") -> str:
    template = "template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: 'c:1'}]}}"
    selector = "selector: {matchLabels: {a: b}}"
    return _other(api, kind, f"{selector}, {template}, {spec}")


def _other(api: str, kind: str, spec: str) -> str:
    return f"---\napiVersion: {api}\nkind: {kind}\nmetadata: {{name: w, namespace: ns}}\nspec: {{{spec}}}\n"


TARGET = "scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: w}, maxReplicas: 3"
UTILIZATION = "metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]"
HTTP = "rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: w, port: {number: 81}}}}]}}]"


@pytest.mark.parametrize(
    ("manifest", "rule"),
    [
        (_workload("StatefulSet", "replicas: 1"), "no-service-name"),
        (
            _workload("StatefulSet", "serviceName: w")
            + _other("v1", "Service", "selector: {a: b}, ports: [{port: 1}]"),
            "service-not-headless",
        ),
        (
            _workload("Deployment", "replicas: 1")
            + _other("policy/v1", "PodDisruptionBudget", "minAvailable: 1, selector: {matchLabels: {a: b}}"),
            "pdb-blocks",
        ),
        (
            _workload("Deployment", "paused: false")
            + _other("autoscaling/v2", "HorizontalPodAutoscaler", f"{TARGET}, {UTILIZATION}"),
            "hpa-without-requests",
        ),
        (
            _workload("Deployment", "replicas: 1") + _other("autoscaling/v2", "HorizontalPodAutoscaler", TARGET),
            "hpa-and-replicas",
        ),
        (
            _workload("Deployment", "replicas: 1")
            + _other("v1", "Service", "selector: {a: b}, ports: [{port: 1, targetPort: web}]"),
            "service-target-port",
        ),
        (
            _other("v1", "Service", "ports: [{port: 80}]") + _other("networking.k8s.io/v1", "Ingress", HTTP),
            "ingress-port-missing",
        ),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: other, namespace: ns}\nspec: {ports: [{port: 80}]}\n"
            + _other("networking.k8s.io/v1", "Ingress", HTTP),
            "ingress-service-missing",
        ),
        (_workload("Deployment", "replicas: 1") * 2, "duplicate-object"),
        (_other("batch/v1", "Job", "template: {spec: {containers: [{name: c, image: 'c:1'}]}}"), "restart-policy"),
        ("apiVersion: v1\nkind: Service\nmetadata: {name: 1-web}\nspec: {ports: [{port: 80}]}\n", "invalid-name"),
    ],
)
def test_objects_are_judged_together(manifest: str, rule: str) -> None:
    assert rule in of(manifest)


def test_the_items_of_a_list_are_judged_with_their_lines() -> None:
    listed = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: p, namespace: ns}\n"
    listed += "  spec:\n    containers:\n    - name: a\n      image: nginx\n"
    finding = next(one for one in lint(listed, None)[0] if one.rule == "image-not-pinned")
    assert (finding.line, finding.path) == (10, "Pod/p items[0].spec.containers[0].image")


def test_many_findings_of_a_rule_are_folded_and_counted() -> None:
    many = POD + "  containers:\n" + "".join(f"  - {{name: c{number}, image: nginx}}\n" for number in range(40))
    found = [one for one in lint(many, None)[0] if one.rule == "image-not-pinned"]
    assert len(found) == 6
    assert "34 times more" in found[-1].message


SERVICE = "- {apiVersion: v1, kind: Service, metadata: {name: s}, spec: {selector: {a: b}, ports: [{targetPort: x}]}}\n"
LABELLED = "- {apiVersion: v1, kind: Pod, metadata: {name: p, labels: {a: b}}, spec: {containers: [{name: c}]}}\n"
WRONG = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: [1], labels: [a], annotations: x}
spec:
  selector: [a]
  strategy: 5
  template:
    metadata: 5
    spec:
      containers: [1, {name: [1], env: [1], ports: {a: 1}, resources: [1]}]
      volumes: [1, {hostPath: 5}]
      tolerations: 5
---
- 1
---
text
---
apiVersion: [1]
kind: {a: 1}
"""
CRON = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: x}\nspec:\n  schedule: "
HOSTILE = {
    "many containers": POD + "  containers:\n" + "  - {name: c, image: nginx, foo: 1}\n" * 5000,
    "all match": "apiVersion: v1\nkind: List\nitems:\n" + SERVICE * 700 + LABELLED * 900,
    "a deep schema": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.b}\n"
    + "spec: {versions: [{schema: {openAPIV3Schema: "
    + "{properties: {a: " * 36
    + "{type: 5}"
    + "}}" * 36
    + "}}]}",
    "wrong types": WRONG,
    "a long schedule": f"{CRON}'{'* ' * 90_000}'",
    "long names": POD.replace("name: p", f"name: '{'a-' * 50_000}'") + f"  containers: [{{'{'k' * 50_000}': 1}}]",
    "wide characters": POD + "  containers:\n" + f"  - {{name: '{'é' * 60}', '{'é' * 60}': 1, image: '😀'}}\n" * 900,
    "other text": "Dear operator, my pod is broken.",
    "a number": "5",
    "nothing": "---\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_manifests_are_survived(text: str) -> None:
    survives(K8S_MANIFEST_LINT, "manifest", text)


@pytest.mark.parametrize(
    "raw", [{}, {"manifest": ""}, {"manifest": 5}, {"manifest": "x" * 10_000_000}, {"manifest": "a", "x": 1}]
)
def test_input_out_of_bounds_is_refused(raw: dict[str, object]) -> None:
    with pytest.raises(ToolError):
        K8S_MANIFEST_LINT.read(raw)
