"""Report on a user's AWS account by a fixed list of reading operations."""

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field

from agent.findings import Finding, as_data, summary
from agent.inputs import OnConnection, reader, schema_of
from agent.outside import fitted, words
from agent.tools.aws.alarms import alarms
from agent.tools.aws.buckets import buckets
from agent.tools.aws.calls import Calls
from agent.tools.aws.instances import instances
from agent.tools.aws.services import services
from agent.types import Reach, Tool, ToolError, ToolOutput
from clients.reach import AWS_REGION

# The worst come first; more of them would leave no room for the facts.
FINDINGS_LISTED = 25

Report = Callable[[Calls], tuple[dict[str, Any], list[Finding]]]

REPORTS: dict[str, Report] = {"instances": instances, "services": services, "alarms": alarms, "buckets": buckets}


class AwsReadInput(OnConnection):
    """Input of aws_read."""

    report: Literal["instances", "services", "alarms", "buckets"] = Field(
        description="instances (EC2), services (ECS), alarms (CloudWatch) or buckets (public access of S3)"
    )
    region: str | None = Field(
        default=None, max_length=30, description="Such as eu-west-1; the connection's by default"
    )


def _run(given: dict[str, Any], reach: Reach) -> ToolOutput:
    assert reach.connection is not None
    region = (given["region"] or reach.connection.settings["region"]).strip().lower()
    if not AWS_REGION.fullmatch(region):
        raise ToolError("The region must be written like eu-west-1.")
    calls, name = Calls(reach, region), given["report"]
    found, findings = REPORTS[name](calls)
    if calls.denied and not found["count"]:
        # Nothing was seen, so an empty report would be a wrong answer.
        found["note"] = "The connection's key may not read this; see not_allowed."
    told = as_data(findings)
    left_out = told.pop("not_listed") + max(0, len(told["findings"]) - FINDINGS_LISTED)
    told |= {"findings": told["findings"][:FINDINGS_LISTED], "findings_not_listed": left_out}
    data = fitted({"report": name, "region": region, **found, **calls.told(), **told}, name, "findings")
    noun = name.removesuffix("s") if found["count"] == 1 else name
    return ToolOutput(data, f"{found['count']} {noun}, {summary(findings)}")


def _target(given: dict[str, Any]) -> str:
    report, region = words(given.get("report"), 20), words(given.get("region"), 30)
    return f"{report} in {region}" if report and region else report


AWS_READ = Tool(
    name="aws_read",
    title="Look at AWS",
    description=(
        "Report on the user's AWS account, by reading only. instances: EC2 with state, addresses, open SSH or RDP, "
        "failed checks, old metadata service. services: ECS with desired and running tasks, stuck rollouts, events. "
        "alarms: CloudWatch alarms that ring and why. buckets: S3 public access and encryption. Each with findings. "
        "What the key may not read is told."
    ),
    input_schema=schema_of(AwsReadInput),
    run=_run,
    target=_target,
    needs_connection="aws",
    read=reader(AwsReadInput),
    family="aws",
    examples=(
        "Which EC2 instances run in eu-west-1?",
        "Are any of my S3 buckets public?",
        "Which CloudWatch alarms are ringing?",
        "Are the ECS services healthy?",
    ),
    returns="What is there, with counts, and findings by severity with what to change.",
)
TOOLS = (AWS_READ,)
