"""Lint pipelines: GitHub workflows, composite actions, and GitLab CI."""

from typing import Any, Literal

from pydantic import Field

from agent.findings import Finding, as_data, summary
from agent.inputs import ToolInput, length_of, reader, schema_of
from agent.lint import mapping, printable, sequence
from agent.lint_secrets import in_words, secrets_in
from agent.tools.ci.github import check_github
from agent.tools.ci.gitlab import check_gitlab
from agent.types import Reach, Tool, ToolError, ToolOutput
from agent.yaml_input import MAX_CHARS, Document, read_documents

_OF_BITBUCKET = {"default", "branches", "pull-requests", "tags", "custom"}


class CiInput(ToolInput):
    """Input of ci_lint."""

    workflow: str = Field(
        min_length=1,
        max_length=MAX_CHARS,
        description="The text of a GitHub workflow, an action.yml, or a .gitlab-ci.yml",
    )
    kind: Literal["github", "gitlab"] | None = Field(
        default=None, description="Which of the two it is; default: told by its keys"
    )


def lint(workflow: str, kind: str | None) -> tuple[list[Finding], dict[str, Any]]:
    """Return the findings and a few facts of a pipeline; raises ToolError for what can't be read."""
    first = _one(workflow, "github")
    _refuse_others(first.value)
    kind = kind or _guess(first)
    document = _one(workflow, kind)
    report, facts = check_github(document) if kind == "github" else check_gitlab(document)
    for _, path, secret in secrets_in(workflow, [document], report.lines_of("secret-in-env")):
        report.add("secret-in-text", document, path, in_words(secret), line=secret.line)
    shown = {
        key: [printable(one, 60) for one in value] if isinstance(value, list) else value for key, value in facts.items()
    }
    return report.findings(), shown


def _one(workflow: str, kind: str) -> Document:
    """Return the one document; a GitLab file may have a header with its `spec` before it."""
    documents = read_documents(workflow, what="pipeline file", dialect="github" if kind == "github" else "gitlab")
    if len(documents) == 2 and isinstance(documents[0].value, dict) and "spec" in documents[0].value:
        documents = documents[1:]
    if len(documents) > 1:
        raise ToolError("The file has several documents; give one pipeline at a time.")
    if not isinstance(documents[0].value, dict):
        raise ToolError("The file is no pipeline: it must be a mapping of keys.")
    return documents[0]


def _refuse_others(value: dict[str, Any]) -> None:
    """Refuse by its name what another program reads; raises ToolError."""
    if "on" in value:
        return
    steps, stages = value.get("steps"), sequence(value.get("stages"))
    others = {
        "a Dependabot configuration": isinstance(value.get("updates"), list),
        "a pipeline of CircleCI": isinstance(value.get("jobs"), dict) and bool({"workflows", "orbs"} & set(value)),
        "a pipeline of Azure": isinstance(value.get("jobs"), list)
        or any(isinstance(stage, dict) for stage in stages)
        or (isinstance(steps, list) and bool({"pool", "trigger", "pr"} & set(value))),
        "a pipeline of Buildkite or of another system": isinstance(steps, list),
        "a pipeline of Bitbucket": bool(_OF_BITBUCKET & set(mapping(value.get("pipelines")))),
        "a Compose file; check it with compose_lint": isinstance(value.get("services"), dict),
        "a Kubernetes object; check it with k8s_manifest_lint": {"apiVersion", "kind"} <= set(value),
    }
    name = next((name for name, fits in others.items() if fits), "")
    if name:
        raise ToolError(f"This is no workflow of GitHub and no pipeline of GitLab, but {name}.")


def _guess(document: Document) -> str:
    keys = set(document.value)
    if "on" in keys or isinstance(document.value.get("jobs"), dict):
        return "github"
    runs = document.value.get("runs")
    return "github" if isinstance(runs, dict) and "using" in runs else "gitlab"


def _run(given: dict[str, Any], _reach: Reach) -> ToolOutput:
    findings, facts = lint(given["workflow"], given["kind"])
    return ToolOutput({**facts, **as_data(findings)}, f"{facts['kind']}: {summary(findings)}")


CI_LINT = Tool(
    name="ci_lint",
    title="Check a CI pipeline",
    description=(
        "Check a GitHub Actions workflow, a composite action or a GitLab CI file: schema, script injection, rights of "
        "the token, actions that are not pinned or no longer work, secrets, expressions and conditions that are wrong, "
        "jobs and stages that do not exist, schedules. Use it whenever the user shows a pipeline. Returns findings "
        "with severity, line, path, reason and fix."
    ),
    input_schema=schema_of(CiInput),
    run=_run,
    target=length_of("workflow"),
    read=reader(CiInput),
    family="lint",
    examples=(
        "Check this GitHub workflow:",
        "Is this .gitlab-ci.yml right?",
        "Is my workflow safe against script injection?",
    ),
    returns="How many errors, warnings and hints there are, and each with its line, path, reason and fix.",
)

TOOLS = (CI_LINT,)
