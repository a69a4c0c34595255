"""Review Terraform: code for what is risky, a plan in JSON for what it destroys."""

import json
import re
from typing import Any

from pydantic import Field

from agent.findings import Finding, as_data, summary
from agent.inputs import ToolInput, length_of, reader, schema_of
from agent.tools.terraform.code import review_code
from agent.tools.terraform.plan import review_plan
from agent.types import Reach, Tool, ToolError, ToolOutput

SOURCE_MAX = 200_000
FACTS_MAX = 12_000
FINDINGS_MAX = 14_000
# What terraform and tofu print, from any line on: the sentence above, the comment of each change, the sum below.
_PLAN_FOR_PEOPLE = re.compile(
    r"(?:Terraform|OpenTofu) will perform the following actions"
    r"|^[ \t]*# (?=\S{0,200}\.)\S++ "
    r"(?:(?:is tainted, so )?must be replaced|will be (?:created|destroyed|updated in-place|replaced))[ \t]*$"
    r"|^[ \t]*Plan: \d+ to (?:add|import)|^No changes\. ",
    re.M,
)


class TerraformInput(ToolInput):
    """Input of terraform_review."""

    source: str = Field(
        min_length=1,
        max_length=SOURCE_MAX,
        description="Terraform code (HCL, one file or several in a row), or a plan from `terraform show -json`",
    )


def review(source: str) -> tuple[dict[str, Any], list[Finding]]:
    """Return the facts and findings; raises ToolError for what is neither code nor a plan."""
    if "\0" in source:
        raise ToolError("This is not text: it has NUL characters.")
    if not source.strip():
        raise ToolError("There is nothing in this text.")
    if source.lstrip()[0] in "{[":
        return review_plan(source)
    if _PLAN_FOR_PEOPLE.search(source):
        raise ToolError(
            "This is a plan for people. Give it as JSON: terraform plan -out=p, then terraform show -json p."
        )
    return review_code(source)


def _run(given: dict[str, Any], _reach: Reach) -> ToolOutput:
    facts, findings = review(given["source"])
    return ToolOutput({**_fitting(facts, FACTS_MAX), **_shortened(as_data(findings))}, _summary(facts, findings))


def _summary(facts: dict[str, Any], findings: list[Finding]) -> str:
    if facts["kind"] == "code":
        count = facts["resource_count"]
        return f"{count} resource{'' if count == 1 else 's'}, {summary(findings)}"
    counts = facts["counts_of_actions"]
    words = [f"{counts[action]} to {action}" for action in ("create", "update", "replace", "destroy") if counts[action]]
    return f"{', '.join(words) or 'no changes'}; {summary(findings)}"


def _fitting(facts: dict[str, Any], most: int) -> dict[str, Any]:
    """Return the facts with their lists halved until they fit; a count says how many are left out."""
    facts = dict(facts)
    while len(json.dumps(facts)) > most:
        longest = max(
            (key for key in facts if isinstance(facts[key], list)), key=lambda key: len(json.dumps(facts[key]))
        )
        kept = facts[longest][: len(facts[longest]) // 2]
        facts["not_shown"] = facts.get("not_shown", 0) + len(facts[longest]) - len(kept)
        facts[longest] = kept
    return facts


def _shortened(data: dict[str, Any]) -> dict[str, Any]:
    while len(json.dumps(data["findings"])) > FINDINGS_MAX:
        cut = len(data["findings"]) * 3 // 4
        data = {
            **data,
            "not_listed": data["not_listed"] + len(data["findings"]) - cut,
            "findings": data["findings"][:cut],
        }
    return data


def _target(given: dict[str, Any]) -> str:
    source = given.get("source")
    if not isinstance(source, str):
        return ""
    return "a plan" if source.lstrip()[:1] == "{" else length_of("source")(given)


TERRAFORM_REVIEW = Tool(
    name="terraform_review",
    title="Review Terraform",
    description=(
        "Review Terraform. Given code (HCL): lists resources and finds what is risky (open ports, public buckets, no "
        "encryption, secrets, wide permissions, unpinned modules and providers). Given a plan as JSON (`terraform show "
        "-json`): counts what is made, changed, replaced and destroyed, names each destroy and what forces it, and "
        "warns where data is lost. Use it before you advise to apply anything."
    ),
    input_schema=schema_of(TerraformInput),
    run=_run,
    target=_target,
    read=reader(TerraformInput),
    family="lint",
    examples=(
        "Review this Terraform code",
        "What does this plan destroy?",
        "Is this security group safe?",
    ),
    returns="The resources or the planned actions, and findings with line or address, severity, reason and fix.",
)

TOOLS: tuple[Tool, ...] = (TERRAFORM_REVIEW,)
