"""Show that single values of manifests are judged as the API server judges them."""

import pytest

from agent.findings import Finding
from agent.tools.manifests.lint import K8S_MANIFEST_LINT, lint
from tests.agent.tools.lint_support import complete, rules
from tests.agent.tools.support import NOWHERE

GITHUB_TOKEN = "ghp_" + "1234567890abcdefghijABCDEFGHIJ123456"


def thing(api: str, kind: str, lines: str, name: str = "w") -> str:
    return f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}, namespace: ns}}\n{lines}\n"


def pod(container: str = "", spec: str = "") -> str:
    more = f", {spec}" if spec else ""
    return thing("v1", "Pod", f"spec: {{containers: [{{name: a, image: 'b:1'{container and ', '}{container}}}]{more}}}")


def spec(api: str, kind: str, fields: str) -> str:
    return thing(api, kind, f"spec: {{{fields}}}")


def workload(kind: str, fields: str) -> str:
    template = "template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: 'c:1'}]}}"
    return spec("apps/v1", kind, f"selector: {{matchLabels: {{a: b}}}}, {template}, {fields}")


def service(fields: str) -> str:
    return spec("v1", "Service", f"ports: [{{port: 80}}], {fields}")


def ingress(rule: str, path: str = "path: /, pathType: Prefix") -> str:
    backend = "backend: {service: {name: w, port: {number: 80}}}"
    return spec("networking.k8s.io/v1", "Ingress", f"rules: [{{{rule}http: {{paths: [{{{path}, {backend}}}]}}}}]")


def policy(peer: str, port: str = "port: 80") -> str:
    fields = f"podSelector: {{}}, ingress: [{{from: [{peer}], ports: [{{{port}}}]}}]"
    return spec("networking.k8s.io/v1", "NetworkPolicy", fields)


def cron(fields: str, name: str = "w") -> str:
    template = "jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: 'c:1'}]}}}}"
    return thing("batch/v1", "CronJob", f"spec: {{concurrencyPolicy: Forbid, {template}, {fields}}}", name)


def claim(fields: str) -> str:
    return spec("v1", "PersistentVolumeClaim", fields)


def errors(manifest: str) -> list[Finding]:
    return [one for one in lint(manifest, None)[0] if one.severity == "error"]


AFFINITY = (
    "affinity: {{nodeAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: {{nodeSelectorTerms: "
    "[{{matchExpressions: [{{key: a, operator: {}, values: ['1']}}]}}]}}}}}}"
)
TOLERATION = "tolerations: [{{key: a, operator: {}, effect: {}}}]"
STORAGE = "accessModes: [{}], resources: {{requests: {{storage: {}}}}}"
VOLUME = "volumes: [{{name: v, {}}}]"
HPA = "scaleTargetRef: {kind: Deployment, name: w}, maxReplicas: "
BUDGET = "selector: {matchLabels: {a: b}}, "
BINDING = thing(
    "rbac.authorization.k8s.io/v1",
    "RoleBinding",
    "roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {}, name: r}}\nsubjects: [{{kind: {}, name: s{}}}]",
).replace("{name: w, namespace: ns}", "{{name: w, namespace: ns}}")


@pytest.mark.parametrize(
    ("manifest", "meant"),
    [
        (pod("imagePullPolicy: always"), "Always"),
        (pod("terminationMessagePolicy: file"), "File"),
        (pod("ports: [{containerPort: 80, protocol: tcp}]"), "TCP"),
        (pod("livenessProbe: {httpGet: {port: 80, scheme: http}}"), "HTTP"),
        (pod("securityContext: {seccompProfile: {type: runtimeDefault}}"), "RuntimeDefault"),
        (pod(spec="dnsPolicy: clusterFirst"), "ClusterFirst"),
        (pod(spec="restartPolicy: never"), "Never"),
        (pod(spec=TOLERATION.format("exists", "NoSchedule")), "Exists"),
        (pod(spec=TOLERATION.format("Exists", "noSchedule")), "NoSchedule"),
        (pod(spec=AFFINITY.format("gt")), "Gt"),
        (workload("Deployment", "strategy: {type: rollingUpdate}"), "RollingUpdate"),
        (workload("StatefulSet", "podManagementPolicy: parallel"), "Parallel"),
        (workload("DaemonSet", "updateStrategy: {type: onDelete}"), "OnDelete"),
        (service("type: Loadbalancer"), "LoadBalancer"),
        (service("sessionAffinity: clientIP"), "ClientIP"),
        (service("externalTrafficPolicy: local, type: NodePort"), "Local"),
        (ingress("", "path: /, pathType: prefix"), "Prefix"),
        (policy("{podSelector: {matchExpressions: [{key: a, operator: in, values: [b]}]}}"), "In"),
        (policy("{podSelector: {}}", "port: 80, protocol: udp"), "UDP"),
        (cron("schedule: '0 0 * * *', concurrencyPolicy: forbid"), "Forbid"),
        (claim(STORAGE.format("ReadWriteOne", "1Gi")), "ReadWriteOnce"),
        (BINDING.format("role", "User", ""), "Role"),
        (BINDING.format("Role", "user", ""), "User"),
    ],
)
def test_a_word_that_is_not_allowed_is_told_with_the_one_that_was_meant(manifest: str, meant: str) -> None:
    found = [one for one in errors(manifest) if one.rule == "invalid-value"]
    assert len(found) == 1
    assert f"Did you mean `{meant}`?" in found[0].message and meant in found[0].fix
    complete(lambda: found)


@pytest.mark.parametrize(
    ("manifest", "rule"),
    [
        (pod().replace("name: a,", "name: web_app,"), "invalid-name"),
        (pod("ports: [{containerPort: 80, name: HTTP_PORT}]"), "invalid-name"),
        (pod("ports: [{containerPort: 80, name: a-name-of-16-sig}]"), "invalid-name"),
        (pod("ports: [{containerPort: 80, name: '8080'}]"), "invalid-name"),
        (service("type: ClusterIP").replace("port: 80", "port: 80, targetPort: '8080'"), "invalid-name"),
        (cron("schedule: '0 0 * * *'", "c" * 53), "invalid-name"),
        (cron("schedule: '0 0 * * *', timeZone: Europe/Berln"), "invalid-value"),
        (cron("schedule: '61 0 * * *'"), "invalid-schedule"),
        (policy("{ipBlock: {cidr: 10.0.0.300/33}}"), "invalid-value"),
        (policy("{ipBlock: {cidr: 10.0.0.0/16, except: [10.1.0.0/24]}}"), "invalid-value"),
        (policy("{ipBlock: {cidr: 10.0.0.0/16, except: [10.0.0.0/16]}}"), "invalid-value"),
        (service("clusterIP: none"), "invalid-value"),
        (ingress("host: https://shop.example.com, "), "invalid-value"),
        (ingress("host: 'shop.example.com:8080', "), "invalid-value"),
        (ingress("host: 10.0.0.1, "), "invalid-value"),
        (ingress("host: '*.*.example.com', "), "invalid-value"),
        (ingress("", "path: shop, pathType: Prefix"), "invalid-value"),
        (pod(spec=VOLUME.format("configMap: {name: c, defaultMode: 644}")), "invalid-value"),
        (pod(spec=VOLUME.format("secret: {secretName: s, items: [{key: a, path: b, mode: 777}]}")), "invalid-value"),
        (pod(spec=VOLUME.format("emptyDir: {sizeLimit: 1GB}")), "invalid-quantity"),
        (claim(STORAGE.format("ReadWriteOnce", "10GB")), "invalid-quantity"),
        (spec("v1", "PersistentVolume", "nfs: {server: a, path: /}, capacity: {storage: 5GB}"), "invalid-quantity"),
        (
            workload("StatefulSet", f"volumeClaimTemplates: [{{spec: {{{STORAGE.format('ReadWriteOnce', '5GB')}}}}}]"),
            "invalid-quantity",
        ),
        (pod("livenessProbe: {httpGet: {port: 80}, exec: {command: [x]}}"), "one-of"),
        (pod("readinessProbe: {periodSeconds: 5}"), "one-of"),
        (pod("lifecycle: {preStop: {}}"), "one-of"),
        (pod("env: [{name: A, value: b, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]"), "one-of"),
        (pod("env: [{name: A, valueFrom: {}}]"), "one-of"),
        (pod(spec=VOLUME.format("emptyDir: {}, configMap: {name: c}")), "one-of"),
        (spec("v1", "PersistentVolume", "capacity: {storage: 5Gi}"), "one-of"),
        (spec("policy/v1", "PodDisruptionBudget", f"{BUDGET}minAvailable: 0, maxUnavailable: 1"), "one-of"),
        (spec("autoscaling/v2", "HorizontalPodAutoscaler", f"{HPA}0"), "hpa-bounds"),
        (workload("Deployment", "strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}"), "rolling-update-unused"),
        (thing("v1", "ConfigMap", "data: {a/b: x}"), "config-key"),
        (thing("v1", "Secret", "stringData: {a b: x}"), "config-key"),
        (thing("v1", "ConfigMap", "binaryData: {..a: eA==}"), "config-key"),
        (BINDING.format("Role", "ServiceAccount", ""), "subject-namespace"),
    ],
)
def test_what_the_api_server_refuses_is_an_error(manifest: str, rule: str) -> None:
    found = errors(manifest)
    assert [one.rule for one in found] == [rule]
    complete(lambda: found)


@pytest.mark.parametrize(
    "manifest",
    [
        pod("imagePullPolicy: '', ports: [{containerPort: 80, protocol: SCTP, name: http-2}]"),
        pod("imagePullPolicy: '${POLICY}', ports: [{containerPort: 80, name: '{{ name }}'}]"),
        pod("env: [{name: A, value: '', valueFrom: {fieldRef: {fieldPath: metadata.name}}}]"),
        pod("lifecycle: {preStop: {sleep: {seconds: 5}}}, startupProbe: {grpc: {port: 9000}}"),
        pod(spec=TOLERATION.format("Exists", "''")),
        pod(spec=AFFINITY.format("Gt")),
        pod(spec=VOLUME.format("configMap: {name: c, defaultMode: 0644}")),
        pod(spec=VOLUME.format("secret: {secretName: c, defaultMode: 511}")),
        pod(spec="volumes: [{name: v}]"),
        workload("Deployment", "strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1}}"),
        workload("Deployment", "strategy: {type: Recreate, rollingUpdate: null}"),
        service("type: LoadBalancer, clusterIP: '', loadBalancerSourceRanges: [' 10.0.0.1/8']"),
        service("clusterIP: None"),
        ingress("host: '*.example.com', "),
        ingress("", "pathType: ImplementationSpecific"),
        policy("{ipBlock: {cidr: 10.0.0.7/16, except: [10.0.1.0/24, 10.0.2.1/32]}}", "port: http"),
        cron("schedule: '@daily', timeZone: Etc/UTC", "c" * 52),
        cron("schedule: '@every 1h30m'"),
        claim(STORAGE.format("ReadWriteOncePod", "1.5Ti")),
        thing("v1", "ConfigMap", "data: {_a-b.C: x, .hidden: x}"),
        thing("v1", "ConfigMap", "data: {protocol: tcp, imagePullPolicy: always, livenessProbe: ''}"),
        thing("example.com/v1", "Widget", "spec: {imagePullPolicy: always, accessModes: [any]}"),
        BINDING.format("ClusterRole", "ServiceAccount", ", namespace: ns"),
        spec("policy/v1", "PodDisruptionBudget", f"{BUDGET}maxUnavailable: 1"),
    ],
)
def test_what_the_api_server_takes_is_no_error(manifest: str) -> None:
    assert errors(manifest) == []


def test_a_schedule_that_never_comes_is_a_warning() -> None:
    found = lint(cron("schedule: '0 0 31 2 *'"), None)[0]
    assert "never-runs" in rules(found, "warning") and "invalid-schedule" not in rules(found)


def test_a_default_backend_of_a_removed_version_is_seen() -> None:
    old = spec("extensions/v1beta1", "Ingress", "backend: {serviceName: a, servicePort: 80}")
    assert {one.rule for one in errors(old)} == {"api-removed"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]", "kustomize"),
        ("resources: [a.yaml]\nnamePrefix: prod-", "kustomize"),
        ("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4", "kind create cluster"),
        ("apiVersion: v1\nkind: Config\nclusters: []", "kubeconfig"),
        ("replicaCount: 2\nimage: {repository: nginx}", "helm template"),
        ("apiVersion: v2\nname: chart\nversion: 0.1.0", "Helm chart"),
        ("services: {web: {image: nginx}}", "compose_lint"),
    ],
)
def test_a_file_of_another_program_is_named_instead_of_judged(text: str, words: str) -> None:
    findings, facts = lint(text, None)
    assert [(one.rule, one.severity) for one in findings] == [("client-file", "info")]
    assert words in f"{findings[0].message} {findings[0].fix}" and facts["kinds"] == {}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("containers:\n- name: web\n  image: nginx\n  securityContext: {privileged: true}", "containers[0]"),
        ("- name: web\n  image: nginx\n  securityContext: {privileged: true}", "[0]"),
    ],
)
def test_a_part_of_a_pod_is_judged_as_a_pod(text: str, path: str) -> None:
    findings = lint(text, None)[0]
    privileged = next(one for one in findings if one.rule == "privileged")
    assert privileged.path == f"Pod/part {path}.securityContext.privileged"
    assert text.splitlines()[(privileged.line or 0) - 1].endswith("{privileged: true}")
    assert rules(findings, "error") == {"privileged"} and "fragment" in rules(findings, "info")


def test_a_secret_anywhere_in_the_text_is_told_once_and_never_echoed() -> None:
    container = f"args: [--token, {GITHUB_TOKEN}], env: [{{name: DB_PASSWORD, value: S3cr3tPw99}}]"
    config = thing("v1", "ConfigMap", "data:\n  a.conf: |\n    x = 1\n    password=S3cr3tPw98", "c")
    held = thing("v1", "Secret", "data: {password: cGFzc3dvcmQK}", "s")
    manifest = f"{pod().replace('image:', f'{chr(10)}  {container},{chr(10)}  image:')}---\n{config}---\n{held}"
    output = K8S_MANIFEST_LINT.run(K8S_MANIFEST_LINT.read({"manifest": manifest}), NOWHERE)
    found = [one for one in output.data["findings"] if one["rule"] == "secret-in-text"]
    assert [one["path"] for one in found] == ["ConfigMap/c data[a.conf]"]
    assert found[0]["line"] == manifest.splitlines().index("    password=S3cr3tPw98") + 1
    assert "secret-in-env" in str(output) and "S3cr3t" not in str(output) and GITHUB_TOKEN not in str(output)
    told = lint(pod(f"args: [--token, {GITHUB_TOKEN}]"), None)[0]
    assert [one.message for one in told if one.rule == "secret-in-text"] == [
        "A secret (github-token) stands in line 4."
    ]
