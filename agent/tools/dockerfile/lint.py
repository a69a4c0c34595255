"""Check a Dockerfile: what can't be built, what is unsafe, and what makes images large or builds slow."""

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from agent.findings import Finding, as_data, summary
from agent.inputs import ToolInput, length_of, reader, schema_of
from agent.lint import printable
from agent.redaction import find_secrets
from agent.tools.dockerfile.instructions import Problem, of_instruction
from agent.tools.dockerfile.parse import Dockerfile, parse
from agent.tools.dockerfile.rules import RULES
from agent.tools.dockerfile.stages import of_file, of_stages
from agent.tools.dockerfile.variables import of_variables
from agent.types import Reach, Tool, ToolOutput

TEXT_MAX = 200_000
IMAGES_LISTED = 20


class DockerfileInput(ToolInput):
    """Input of dockerfile_lint."""

    dockerfile: str = Field(min_length=1, max_length=TEXT_MAX, description="The whole text of the Dockerfile")


def lint(text: str) -> tuple[list[Finding], Dockerfile]:
    """Return what is wrong with a Dockerfile, and its instructions; raises ToolError if there are none."""
    dockerfile = parse(text)
    seen: set[tuple[str, int, str]] = set()
    findings: list[Finding] = []
    for problem in _problems(dockerfile, text):
        if problem in seen:
            continue
        seen.add(problem)
        rule = RULES[problem.rule]
        message = printable(problem.message)
        findings.append(Finding(problem.rule, rule.severity, message, rule.why, rule.fix, problem.line))
    return findings, dockerfile


def _problems(dockerfile: Dockerfile, text: str) -> Iterator[Problem]:
    yield from of_file(dockerfile)
    yield from of_stages(dockerfile)
    yield from of_variables(dockerfile)
    told: set[int] = set()
    for instruction in dockerfile.instructions:
        for problem in of_instruction(instruction):
            yield problem
            if problem.rule.startswith("secret-"):
                told.add(problem.line)
    for secret in find_secrets(text):
        start = max((one.line for one in dockerfile.instructions if one.line <= secret.line), default=1)
        if start not in told:
            yield Problem("secret-in-text", secret.line, f"A secret stands in the text ({secret.kind}).")


def _run(given: dict[str, Any], _reach: Reach) -> ToolOutput:
    findings, dockerfile = lint(given["dockerfile"])
    images = [printable(stage.image, 100) for stage in dockerfile.stages]
    data = {
        "instructions": len(dockerfile.instructions),
        "stages": len(dockerfile.stages),
        "base_images": images[:IMAGES_LISTED],
        **as_data(findings),
    }
    return ToolOutput(data, summary(findings))


DOCKERFILE_LINT = Tool(
    name="dockerfile_lint",
    title="Check a Dockerfile",
    description=(
        "Check a Dockerfile (multi-stage builds, heredocs, exec and shell form): syntax, secrets in the image, "
        "root user, unpinned base images, package managers, lost build cache. Returns findings with rule, severity, "
        "line, why and fix. Use it before you advise on a Dockerfile, and again on a Dockerfile that you wrote."
    ),
    input_schema=schema_of(DockerfileInput),
    run=_run,
    target=length_of("dockerfile"),
    read=reader(DockerfileInput),
    family="lint",
    examples=(
        "Check this Dockerfile",
        "Why is my Docker image so big?",
        "Review my Dockerfile for security problems",
    ),
    returns="Findings with line, severity, reason and fix; the number of instructions and stages; the base images.",
)

TOOLS: tuple[Tool, ...] = (DOCKERFILE_LINT,)
