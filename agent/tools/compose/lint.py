"""Lint Compose files: the Compose Specification's schema, references, and what practice teaches."""

from functools import lru_cache
from typing import Any

from check_jsonschema.builtin_schemas import get_builtin_schema  # type: ignore[import-untyped]
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import Field

from agent.findings import Finding, as_data, summary
from agent.inputs import ToolInput, length_of, reader, schema_of
from agent.lint import Report, dig, duplicate_keys, mapping, printable
from agent.lint_secrets import in_words, secrets_in
from agent.schema_check import tamed, violations
from agent.tools.compose.links import check_links
from agent.tools.compose.parts import services_of
from agent.tools.compose.rules import RULES
from agent.tools.compose.services import check_services
from agent.tools.compose.values import check_values
from agent.types import Reach, Tool, ToolError, ToolOutput
from agent.yaml_input import MAX_CHARS, Document, read_documents

NAMES_LISTED = 40


class ComposeInput(ToolInput):
    """Input of compose_lint."""

    compose: str = Field(min_length=1, max_length=MAX_CHARS, description="The text of a compose.yaml")


@lru_cache(maxsize=1)
def _validator() -> Any:
    return Draft202012Validator(tamed(get_builtin_schema("vendor.compose-spec")))


def lint(compose: str) -> tuple[list[Finding], dict[str, Any]]:
    """Return the findings and a few facts of a Compose file; raises ToolError for what can't be read."""
    documents = read_documents(compose, what="Compose file", dialect="compose")
    if len(documents) > 1:
        raise ToolError("The Compose file has several documents; give one at a time.")
    document = documents[0]
    if not isinstance(document.value, dict):
        raise ToolError("The Compose file must be a mapping with `services`.")
    if not any(key in document.value for key in ("services", "include", "volumes", "networks", "name", "jobs")):
        raise ToolError("This is no Compose file: it has no `services`.")
    report = Report(RULES)
    duplicate_keys(report, document)
    _schema(report, document)
    if "version" in document.value:
        report.add("obsolete-version", document, ("version",), "The top-level `version` is obsolete.")
    check_services(report, document)
    check_links(report, document)
    check_values(report, document)
    for _, path, secret in secrets_in(compose, documents, report.lines_of("secret-in-env")):
        report.add("secret-in-text", document, path, in_words(secret), line=secret.line)
    services = services_of(document)
    facts = {
        "service_count": len(services),
        "services": [printable(name, 60) for name in list(services)[:NAMES_LISTED]],
        "volumes": len(mapping(dig(document.value, "volumes"))),
        "networks": len(mapping(dig(document.value, "networks"))),
    }
    return report.findings(), facts


def _schema(report: Report, document: Document) -> None:
    for violation in violations(_validator(), document.value):
        node = document.node_at(violation.path)
        # `!reset` and `!override` speak to a merge of files; what they leave need not fit the schema.
        if node is not None and node.tag in ("!reset", "!override"):
            continue
        rule = "unknown-field" if violation.unknown else "schema"
        report.add(rule, document, violation.path, violation.message, fix=violation.fix)


def _run(given: dict[str, Any], _reach: Reach) -> ToolOutput:
    findings, facts = lint(given["compose"])
    count = facts["service_count"]
    services = f"{count} service{'' if count == 1 else 's'}"
    return ToolOutput({**facts, **as_data(findings)}, f"{services}: {summary(findings)}")


COMPOSE_LINT = Tool(
    name="compose_lint",
    title="Check a Compose file",
    description=(
        "Check a Docker Compose file against the Compose Specification and the practice of operators: unknown keys, "
        "undefined volumes, networks, secrets and services, cycles, ports that collide or expose a database, health "
        "checks, rights, mounts, plain passwords. Use it whenever the user shows a compose file. Returns findings "
        "with severity, line, path, reason and fix."
    ),
    input_schema=schema_of(ComposeInput),
    run=_run,
    target=length_of("compose"),
    read=reader(ComposeInput),
    family="lint",
    examples=(
        "Check this compose file:",
        "Is my docker-compose.yml safe?",
        "Why does this Compose stack not start?",
    ),
    returns="How many errors, warnings and hints there are, and each with its line, path, reason and fix.",
)

TOOLS = (COMPOSE_LINT,)
