"""Lint Kubernetes manifests: schema of a version, removed APIs, and what practice teaches."""

from collections import Counter
from typing import Any

from pydantic import Field

from agent.findings import Finding, as_data, summary
from agent.inputs import ToolInput, length_of, reader, schema_of
from agent.lint import Report, duplicate_keys, printable
from agent.lint_secrets import in_words, secrets_in
from agent.tools.manifests.containers import check_containers
from agent.tools.manifests.foreign import without_foreign
from agent.tools.manifests.links import check_links
from agent.tools.manifests.objects import KObject, objects_of, pods_of
from agent.tools.manifests.others import check_others
from agent.tools.manifests.pods import check_pod
from agent.tools.manifests.rules import RULES
from agent.tools.manifests.schema import check_schema, minor_of
from agent.tools.manifests.values import check_values
from agent.tools.manifests.workloads import check_workloads
from agent.types import Reach, Tool, ToolError, ToolOutput
from agent.yaml_input import MAX_CHARS, Document, read_documents

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
    found = objects_of(documents)
    if not found:
        raise ToolError(
            "The manifest holds no Kubernetes object: a document must be a mapping with `apiVersion` and `kind`."
        )
    report = Report(RULES)
    objects = without_foreign(report, found)
    for document in documents:
        duplicate_keys(report, document)
    _parts(report, documents, objects)
    known = sum(check_schema(report, one, minor) for one in objects)
    pods = pods_of(objects)
    for pod in pods:
        check_containers(report, pod)
        check_pod(report, pod, minor)
    check_workloads(report, objects, pods)
    check_links(report, objects, pods)
    check_others(report, objects)
    check_values(report, objects)
    _secrets(report, manifest, documents, objects)
    facts = {"version": f"1.{minor}", "documents": len(documents), "kinds": _kinds(objects), "schema_checked": known}
    return report.findings(), facts


def _parts(report: Report, documents: list[Document], objects: list[KObject]) -> None:
    """Report documents that are only a part of an object, or none at all."""
    parts = [id(one.document) for one in objects if one.wrapped_in]
    for document in documents:
        if id(document) in parts:
            report.add("fragment", document, (), "This is a part of a pod; it was checked as one.")
        elif not isinstance(document.value, dict):
            report.add("no-kind", document, (), "The document is not a mapping.")


def _secrets(report: Report, manifest: str, documents: list[Document], objects: list[KObject]) -> None:
    """Report secrets in arguments, configuration and comments; those of a Secret have a rule of their own."""
    for document, path, secret in secrets_in(manifest, documents, report.lines_of("secret-in-env")):
        owners = (one for one in objects if one.document is document and one.path == path[: len(one.path)])
        owner = next(owners, None)
        if owner and owner.kind in ("Secret", "SealedSecret"):
            continue
        label = owner.label if owner else ""
        report.add("secret-in-text", document, path, in_words(secret), owner=label, line=secret.line)


def _kinds(objects: list[KObject]) -> dict[str, int]:
    counts = Counter(printable(one.kind, 60) or "?" for one in objects)
    return dict(counts.most_common(KINDS_LISTED))


def _run(given: dict[str, Any], _reach: Reach) -> ToolOutput:
    findings, facts = lint(given["manifest"], given["version"])
    total = sum(facts["kinds"].values())
    objects = f"{total} object{'' if total == 1 else 's'}"
    return ToolOutput({**facts, **as_data(findings)}, f"{objects} for {facts['version']}: {summary(findings)}")


K8S_MANIFEST_LINT = Tool(
    name="k8s_manifest_lint",
    title="Check Kubernetes manifests",
    description=(
        "Check Kubernetes manifests (YAML or JSON, several documents at once) against the schema of a version and the "
        "practice of operators: unknown fields, wrong types and values, removed APIs with their replacement, images, "
        "resources, probes, rights, selectors, ports, missing references, RBAC, secrets. Takes a part of a pod too. "
        "Use it whenever the user shows a manifest or asks whether one is right. Returns findings with severity, line, "
        "path, reason and fix."
    ),
    input_schema=schema_of(ManifestInput),
    run=_run,
    target=length_of("manifest"),
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
