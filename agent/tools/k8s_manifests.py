"""Lint Kubernetes manifests: schema of a version, removed APIs, and what practice teaches."""

from collections import Counter
from typing import Any

from pydantic import Field

from agent.findings import Finding, as_data, summary
from agent.inputs import ToolInput, reader, schema_of
from agent.lint import Report, duplicate_keys, printable
from agent.tools.k8s_manifests_containers import check_containers
from agent.tools.k8s_manifests_links import check_links
from agent.tools.k8s_manifests_objects import KObject, objects_of, pods_of
from agent.tools.k8s_manifests_others import check_others
from agent.tools.k8s_manifests_pods import check_pod
from agent.tools.k8s_manifests_rules import RULES
from agent.tools.k8s_manifests_schema import check_schema, minor_of
from agent.tools.k8s_manifests_workloads import check_workloads
from agent.types import Reach, Tool, ToolError, ToolOutput
from agent.yaml_input import MAX_CHARS, read_documents

KINDS_LISTED = 30


class ManifestInput(ToolInput):
    """Input of k8s_manifest_lint."""

    manifest: str = Field(
        min_length=1,
        max_length=MAX_CHARS,
        description="Kubernetes YAML or JSON as it would be applied, one or more documents; templates rendered first",
    )
    version: str | None = Field(
        default=None,
        max_length=20,
        description='Kubernetes version to check against, such as "1.31"; default: the newest',
    )


def lint(manifest: str, version: str | None) -> tuple[list[Finding], dict[str, Any]]:
    """Return the findings and a few facts of the manifests; raises ToolError for what can't be read."""
    minor = minor_of(version)
    documents = read_documents(manifest, what="manifest", dialect="kubernetes")
    objects = objects_of(documents)
    if not objects:
        raise ToolError(
            "The manifest holds no Kubernetes object: a document must be a mapping with `apiVersion` and `kind`."
        )
    report = Report(RULES)
    for document in documents:
        duplicate_keys(report, document)
        if not isinstance(document.value, dict):
            report.add("no-kind", document, (), "The document is not a mapping.")
    known = sum(check_schema(report, one, minor) for one in objects)
    pods = pods_of(objects)
    for pod in pods:
        check_containers(report, pod)
        check_pod(report, pod, minor)
    check_workloads(report, objects, pods)
    check_links(report, objects, pods)
    check_others(report, objects)
    facts = {"version": f"1.{minor}", "documents": len(documents), "kinds": _kinds(objects), "schema_checked": known}
    return report.findings(), facts


def _kinds(objects: list[KObject]) -> dict[str, int]:
    counts = Counter(printable(one.kind, 60) or "?" for one in objects)
    return dict(counts.most_common(KINDS_LISTED))


def _run(given: dict[str, Any], _reach: Reach) -> ToolOutput:
    findings, facts = lint(given["manifest"], given["version"])
    total = sum(facts["kinds"].values())
    objects = f"{total} object{'' if total == 1 else 's'}"
    return ToolOutput({**facts, **as_data(findings)}, f"{objects} for {facts['version']}: {summary(findings)}")


def _target(given: dict[str, Any]) -> str:
    manifest = given.get("manifest")
    lines = manifest.count("\n") + 1 if isinstance(manifest, str) else 0
    return f"{lines} lines" if lines else ""


K8S_MANIFEST_LINT = Tool(
    name="k8s_manifest_lint",
    title="Check Kubernetes manifests",
    description=(
        "Check Kubernetes manifests (YAML or JSON, several documents at once) against the schema of a version and the "
        " practice of operators: unknown fields, wrong types, removed APIs with their replacement, images, "
        "resources, probes, rights, selectors, ports, missing references, RBAC, Secrets. Use it whenever the user "
        "shows a manifest or asks whether one is right. Returns findings with severity, line, path, reason and fix."
    ),
    input_schema=schema_of(ManifestInput),
    run=_run,
    target=_target,
    read=reader(ManifestInput),
    family="lint",
    examples=(
        "Check this Kubernetes manifest:",
        "Is this deployment ready for Kubernetes 1.31?",
        "What is wrong with this pod spec?",
    ),
    returns="How many errors, warnings and hints there are, and each with its line, path, reason and fix.",
)

TOOLS = (K8S_MANIFEST_LINT,)
