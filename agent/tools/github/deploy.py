"""Start a workflow on GitHub, after the user saw exactly which commit it will run on and with which inputs."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import Field, field_validator

from agent.inputs import OnConnection, reader, schema_of
from agent.outside import ask, json_of, mapping, mappings, refused, unreachable, whole, words
from agent.tools.github.api import GitHub, complaint, connect, demand, missing, moment, segment
from agent.tools.github.inputs import INPUTS_MAX, PAYLOAD_MAX, Declared, as_text, checked, declared, resolved
from agent.tools.github.runs import SHA_CHARS
from agent.types import Change, OutcomeUnknown, Preview, Reach, Tool, ToolError, ToolOutput
from clients.reach import Refused, Response, Unreachable

SHOWN_MAX = 200
ENVIRONMENTS_ASKED = 3
# The run is under way by then, which must be told in time.
SECONDS_TO_VERIFY = 5.0
_WORKFLOW = re.compile(r"(?:\.github/workflows/)?([A-Za-z0-9_.][A-Za-z0-9_. -]{0,150}\.ya?ml|[0-9]{1,15})")
_REF = re.compile(r"(?!.*\.\.)[^\s~^:?*\[\]\\\x00-\x1f\x7f]{1,200}")
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class DeployInput(OnConnection):
    """Input of github_deploy."""

    repo: str = Field(min_length=3, max_length=400, description="owner/name, or the repository's address on GitHub")
    workflow: str | int = Field(description="File name such as deploy.yml, or the workflow's id")
    ref: str = Field(min_length=1, max_length=200, description="Branch or tag to run on, such as main")
    inputs: dict[str, str | bool | int | float] = Field(
        default_factory=dict, max_length=INPUTS_MAX, description="The workflow's own inputs by name"
    )

    @field_validator("workflow")
    @classmethod
    def _is_a_workflow(cls, value: str | int) -> str:
        matched = _WORKFLOW.fullmatch(str(value).strip())
        if not matched:
            raise ValueError("give the file name of a workflow, such as deploy.yml, or its id")
        return matched[1]

    @field_validator("ref")
    @classmethod
    def _is_a_ref(cls, value: str) -> str:
        ref = value.strip().removeprefix("refs/heads/").removeprefix("refs/tags/")
        if not _REF.fullmatch(ref):
            raise ValueError("that is not the name of a branch or tag")
        return ref

    @field_validator("inputs")
    @classmethod
    def _fit_into_a_request(cls, value: dict[str, Any]) -> dict[str, str]:
        texts = {name: as_text(one) for name, one in value.items()}
        if sum(len(name) + len(text) for name, text in texts.items()) > PAYLOAD_MAX:
            raise ValueError("GitHub takes at most 65,535 characters of inputs")
        return texts


@dataclass(frozen=True)
class _Plan:
    """What would be started."""

    github: GitHub
    file: str
    workflow_id: int
    page: str
    ref: str
    sha: str
    inputs: dict[str, str]
    declared: Declared

    @property
    def target(self) -> str:
        """Name the workflow, the repository, the ref, the very commit, and the API that is asked."""
        return f"workflow {self.file} of {self.github.repo} on {self.ref} at {self.sha[:SHA_CHARS]} ({self.github.api})"


def _plan(given: dict[str, Any], reach: Reach) -> _Plan:
    """Find out by reading only what would be started; raises ToolError if it can't be."""
    github = connect(reach, given["repo"])
    name = given["workflow"]
    workflow = github.get(f"/actions/workflows/{segment(name)}", what=f"the workflow {name} in {github.repo}")
    path, workflow_id = words(workflow.get("path"), 300), whole(workflow.get("id"))
    if not path or workflow_id is None:
        raise ToolError("GitHub did not describe that workflow as expected.", ours=True)
    file = path.rpartition("/")[2]
    if workflow.get("state") != "active":
        raise ToolError(f"{file} is not active ({words(workflow.get('state'), 40)}). Enable it on GitHub first.")
    sha = _commit(github, given["ref"])
    content = github.get(f"/contents/{_quoted(path)}", {"ref": sha}, what=f"{file} at {given['ref']}")
    found = declared(content, file)
    inputs = checked(given["inputs"], found.inputs, file)
    return _Plan(github, file, workflow_id, words(workflow.get("html_url")), given["ref"], sha, inputs, found)


def _quoted(path: str) -> str:
    return "/".join(segment(part) for part in path.split("/"))


def _commit(github: GitHub, ref: str) -> str:
    """Return the commit at the tip of a branch, or of a tag; GitHub starts workflows on nothing else."""
    for folder in ("heads", "tags"):
        found = github.find(f"/git/ref/{folder}/{_quoted(ref)}")
        if found is None:
            continue
        tip = mapping(found.get("object"))
        if tip.get("type") == "tag":
            tag = github.get(f"/git/tags/{segment(words(tip.get('sha'), 64))}", what=f"the tag {ref}")
            tip = mapping(tag.get("object"))
        sha = words(tip.get("sha"), 64)
        if not _SHA.fullmatch(sha):
            raise ToolError(f"GitHub did not say which commit {ref} is.", ours=True)
        return sha
    missing(f"a branch or tag {ref} in {github.repo}")


def _preview(given: dict[str, Any], reach: Reach) -> Preview:
    plan = _plan(given, reach)
    runs = plan.github.find(f"/actions/workflows/{plan.workflow_id}/runs", {"per_page": "1"}) or {}
    after = f"new run of {plan.file} on {plan.ref} at {plan.sha[:SHA_CHARS]}"
    run = Change("run", _last_run(mappings(runs.get("workflow_runs"))), after)
    return Preview(plan.target, (run, *_input_changes(plan), *_protections(plan)))


def _last_run(runs: list[dict[str, Any]]) -> str:
    if not runs:
        return "no run yet"
    run = runs[0]
    result = words(run.get("conclusion"), 30) or words(run.get("status"), 30) or "unknown"
    when = moment(run.get("created_at"))
    sha = words(run.get("head_sha"), 64)[:SHA_CHARS]
    return f"#{words(run.get('run_number'), 12)} {result} at {sha}" + (f", {_ago(when)}" if when else "")


def _ago(when: datetime) -> str:
    seconds = max(0, int((datetime.now(UTC) - when).total_seconds()))
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {word}{'' if count == 1 else 's'} ago"
    return "just now"


def _input_changes(plan: _Plan) -> list[Change]:
    """Return a line for each input that is given, and for each that falls back to its default."""
    changes = []
    for name, one in plan.declared.inputs.items():
        default = as_text(one.get("default"))
        if name in plan.inputs:
            changes.append(Change(f"input {words(name, 100)}", "", words(plan.inputs[name], SHOWN_MAX)))
        elif default:
            changes.append(Change(f"input {words(name, 100)}", "", f"{words(default, SHOWN_MAX)} (its default)"))
    return changes


def _protections(plan: _Plan) -> list[Change]:
    """Return a line for each environment of the jobs that is protected; what can't be read is left out."""
    values = {name: as_text(one.get("default")) for name, one in plan.declared.inputs.items()} | plan.inputs
    names = [name for one in plan.declared.environments if (name := resolved(one, values))]
    changes = []
    for name in dict.fromkeys(names[:ENVIRONMENTS_ASKED]):
        try:
            found = plan.github.find(f"/environments/{segment(name)}") or {}
        except ToolError:
            continue
        rules = [words(rule.get("type"), 40).replace("_", " ") for rule in mappings(found.get("protection_rules"))]
        if rules:
            told = f"waits on GitHub for: {', '.join(sorted(set(rules)))}"
            changes.append(Change(f"environment {words(name, 100)}", "", told))
    return changes


def _run(given: dict[str, Any], reach: Reach) -> ToolOutput:
    if reach.approved is None:
        raise ToolError("Starting a workflow needs the user's approval.", ours=True)
    plan = _plan(given, reach)
    if reach.as_shown(Preview(plan.target, ())).target != reach.approved.target:
        raise ToolError(f"{plan.ref} has changed since it was approved, so nothing was started. Ask again.", ours=True)
    response = _dispatch(plan, {"return_run_details": True})
    if response.status in (400, 422) and "return_run_details" in complaint(response):
        # Older GitHub Enterprise Servers do not know the field; they refused, so nothing was started yet.
        response = _dispatch(plan, {})
    demand(response)
    run = _started(response)
    data = {
        "repo": plan.github.repo,
        "workflow": plan.file,
        "ref": plan.ref,
        **_commit_of_run(plan, run),
        "inputs": {words(name, 100): words(value, SHOWN_MAX) for name, value in plan.inputs.items()},
        **run,
    }
    named = f"run {run['run_id']}" if run["run_id"] else "a run"
    elsewhere = ", but not at the approved commit" if "approved_sha" in data else ""
    return ToolOutput(data, f"Started {named} of {plan.file[:30]} on {plan.ref[:20]}{elsewhere}")


def _commit_of_run(plan: _Plan, run: dict[str, Any]) -> dict[str, Any]:
    """Return on which commit the run is: GitHub takes a branch, which may have moved since it was looked at."""
    short = plan.sha[:SHA_CHARS]
    unproven = {"sha": plan.sha, "sha_verified": False}
    if run["run_id"] is None:
        where = f"Find it with github_runs or at {plan.page}"
        return {
            **unproven,
            "note": f"The run was started; GitHub did not name it, so its commit was not verified. {where}",
        }
    asked = replace(plan.github.request("GET", f"/actions/runs/{run['run_id']}"), seconds=SECONDS_TO_VERIFY)
    try:
        found = mapping(json_of(ask(plan.github.out, asked, "GitHub"), "GitHub"))
    except ToolError:
        # It was started all the same.
        found = {}
    sha = words(found.get("head_sha"), 64)
    if not _SHA.fullmatch(sha):
        return {**unproven, "note": f"That the run is on {short} was not verified. Look at {run['url'] or plan.page}"}
    if sha == plan.sha:
        return {"sha": sha, "sha_verified": True}
    told = f"The run is on {sha[:SHA_CHARS]} and not on {short}, which was approved: {plan.ref} moved just before."
    note = f"{told} If that is not wanted, cancel it at {run['url'] or plan.page}"
    return {"sha": sha, "approved_sha": plan.sha, "sha_verified": True, "note": note}


def _dispatch(plan: _Plan, more: dict[str, Any]) -> Response:
    """Ask for the run, once; an answer that was lost is told as such."""
    body = {"ref": plan.ref, "inputs": plan.inputs, **more}
    try:
        response = plan.github.out.fetch(
            plan.github.request("POST", f"/actions/workflows/{plan.workflow_id}/dispatches", body=body)
        )
    except Refused as error:
        raise refused(error, "GitHub") from None
    except Unreachable as error:
        if error.sent:
            raise OutcomeUnknown(_unknown(plan)) from None
        raise unreachable(error, "GitHub") from None
    if response.status >= 500:
        raise OutcomeUnknown(_unknown(plan))
    return response


def _unknown(plan: _Plan) -> str:
    return f"GitHub's answer was lost, so {plan.file} may or may not have been started. Look at github_runs first."


def _started(response: Response) -> dict[str, Any]:
    if response.status != 200:
        return {"run_id": None, "url": ""}
    try:
        told = mapping(json_of(response, "GitHub"))
    except ToolError:
        # It said yes; only the details can't be read.
        told = {}
    return {"run_id": whole(told.get("workflow_run_id")), "url": words(told.get("html_url"))}


def _target(given: dict[str, Any]) -> str:
    workflow, repo, ref = (words(given.get(key), 80) for key in ("workflow", "repo", "ref"))
    return f"{workflow} of {repo} on {ref}" if workflow and repo and ref else repo


GITHUB_DEPLOY = Tool(
    name="github_deploy",
    title="Start a workflow",
    description=(
        "Start a GitHub Actions workflow by workflow_dispatch, such as a deployment, on a branch or tag and with the "
        "workflow's inputs. The user is shown the very commit and inputs and must approve first. Returns the run's id "
        "and link; use github_runs to see how it goes. Never start one that the user did not ask for."
    ),
    input_schema=schema_of(DeployInput),
    run=_run,
    target=_target,
    writes=True,
    needs_connection="github",
    read=reader(DeployInput),
    preview=_preview,
    family="github",
    examples=(
        "Run deploy.yml of acme/shop on main",
        "Deploy acme/shop with deploy.yml on main, environment production",
        "Start the workflow release.yml in acme/shop on v1.4.0",
    ),
    returns="The id, the link and the commit of the run that was started.",
)
TOOLS = (GITHUB_DEPLOY,)
