"""Show that a workflow is started exactly as the user approved it, once, or not at all."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from agent.redaction import redact
from agent.tools.github.deploy import GITHUB_DEPLOY
from agent.types import Change, Connection, OutcomeUnknown, Preview, Reach, ToolError
from tests.agent.tools.support import local_reach
from tests.fakes.github import DEPLOY_YML, MAIN, OLD, REPO, TOKEN, FakeGitHub, Workflow, run
from tests.fakes.scripted_web import Asked, Reply

GIVEN = {"repo": REPO, "workflow": "deploy.yml", "ref": "main", "inputs": {"environment": "production"}}


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with FakeGitHub() as fake:
        yield fake


@pytest.fixture
def reach(github: FakeGitHub) -> Reach:
    return local_reach(Connection("c1", "github", "work", {"token": TOKEN, "api_url": github.url}))


def previewed(reach: Reach, **given: Any) -> Preview:
    assert GITHUB_DEPLOY.preview is not None
    return GITHUB_DEPLOY.preview(GITHUB_DEPLOY.read({**GIVEN, **given}), reach)


def started(reach: Reach, **given: Any) -> dict[str, Any]:
    approved = previewed(reach, **given)
    output = GITHUB_DEPLOY.run(GITHUB_DEPLOY.read({**GIVEN, **given}), replace(reach, approved=approved))
    assert TOKEN not in json.dumps(output.data) + output.summary
    return {**output.data, "summary": output.summary}


def refusal(reach: Reach, **given: Any) -> ToolError:
    with pytest.raises(ToolError) as raised:
        previewed(reach, **given)
    assert TOKEN not in str(raised.value)
    return raised.value


# --- The preview ----------------------------------------------------------------------------------------------------


def test_the_card_names_the_very_commit_the_last_run_and_the_inputs(reach: Reach, github: FakeGitHub) -> None:
    github.runs = [run(41, workflow_id=162, created_at="2020-01-01T00:00:00Z")]
    preview = previewed(reach, inputs={"environment": "production", "replicas": 3})
    assert preview.target == f"workflow deploy.yml of acme/shop on main at def567800000 ({github.url})"
    first, *others = preview.changes
    assert (first.what, first.after) == ("run", "new run of deploy.yml on main at def567800000")
    assert first.before.startswith("#41 success at abc123400000, ") and first.before.endswith(" days ago")
    assert others == [
        Change("input environment", "", "production"),
        Change("input dry_run", "", "false (its default)"),
        Change("input replicas", "", "3"),
        Change("environment production", "", "waits on GitHub for: required reviewers, wait timer"),
    ]


def test_the_preview_only_reads(reach: Reach, github: FakeGitHub) -> None:
    previewed(reach)
    assert {one.method for one in github.asked} == {"GET"} and github.dispatched == []


def test_the_target_survives_the_clearing_of_secrets(reach: Reach) -> None:
    target = previewed(reach).target
    assert redact(target, [TOKEN]) == target


def test_the_file_is_read_at_the_very_commit(reach: Reach, github: FakeGitHub) -> None:
    previewed(reach, ref="v1.0.0")
    (content,) = [one for one in github.asked if "/contents/" in one.path]
    assert content.query == {"ref": OLD}


def test_a_branch_with_a_slash_a_tag_and_full_names_are_found(reach: Reach) -> None:
    assert "on feature/x at abc123400000" in previewed(reach, ref="refs/heads/feature/x").target
    assert "on v1.0.0 at abc123400000" in previewed(reach, ref="refs/tags/v1.0.0").target


def test_a_workflow_is_found_by_its_id_too(reach: Reach) -> None:
    assert previewed(reach, workflow=162).target.startswith("workflow deploy.yml of acme/shop")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"workflow": "nothing.yml"}, "does not know the workflow nothing.yml"),
        ({"ref": "nowhere"}, "does not know a branch or tag nowhere"),
        ({"ref": OLD}, "does not know a branch or tag"),
        ({"workflow": "ci.yml", "inputs": {}}, "no workflow_dispatch"),
        ({"inputs": {}}, "`environment` of deploy.yml is required. Choose one of: staging, production."),
        ({"inputs": {"environment": "moon"}}, "can't be `moon`. Choose one of: staging, production."),
        ({"inputs": {"environment": "staging", "enviroment": "x"}}, "no input `enviroment`. It has: environment,"),
        ({"inputs": {"environment": "staging", "dry_run": "yes"}}, "must be true or false"),
        ({"inputs": {"environment": "staging", "replicas": "many"}}, "must be a number"),
    ],
)
def test_what_can_not_be_started_is_told_before_anybody_is_asked(
    reach: Reach, given: dict[str, Any], words: str
) -> None:
    error = refusal(reach, **given)
    assert words in str(error) and not error.ours


def test_a_disabled_workflow_is_refused(reach: Reach, github: FakeGitHub) -> None:
    github.workflows[1].state = "disabled_manually"
    assert "not active (disabled_manually)" in str(refusal(reach))


@pytest.mark.parametrize(
    "trigger", ["on: workflow_dispatch", "on: [push, workflow_dispatch]", "'on': {workflow_dispatch: }"]
)
def test_every_way_to_write_the_trigger_is_understood(reach: Reach, github: FakeGitHub, trigger: str) -> None:
    github.workflows[1].text = f"{trigger}\njobs: {{}}\n"
    assert len(previewed(reach, inputs={}).changes) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "on: {workflow_dispatch: {inputs: [1]}}\njobs: 7",
        "a: &a [x]\nb: &b [*a,*a]\n" * 3,
        "[" * 5000,
        "\x00",
    ],
)
def test_a_broken_workflow_file_is_a_clear_refusal(reach: Reach, github: FakeGitHub, text: str) -> None:
    github.workflows[1].text = text
    assert len(str(refusal(reach))) < 400


def test_no_more_inputs_than_github_takes(reach: Reach, github: FakeGitHub) -> None:
    assert "25" in str(refusal(reach, inputs={f"i{number}": "x" for number in range(26)}))
    assert "65,535" in str(refusal(reach, inputs={"environment": "x" * 66_000}))
    assert github.asked == []


@pytest.mark.parametrize(
    "given",
    [{"workflow": "../x.yml"}, {"workflow": "a/b.yml"}, {"ref": "a..b"}, {"ref": "a b"}, {"inputs": {"a": None}}],
)
def test_it_refuses_wrong_input(reach: Reach, github: FakeGitHub, given: dict[str, Any]) -> None:
    assert str(refusal(reach, **given)).startswith("Wrong input.")
    assert github.asked == []


# --- The run --------------------------------------------------------------------------------------------------------


def test_it_starts_the_run_and_names_it(reach: Reach, github: FakeGitHub) -> None:
    found = started(reach, inputs={"environment": "production", "dry_run": True, "replicas": 3})
    assert github.dispatched == [
        {
            "ref": "main",
            "inputs": {"environment": "production", "dry_run": "true", "replicas": "3"},
            "return_run_details": True,
        }
    ]
    assert found["run_id"] == 9_000_000_101
    assert found["url"] == "https://github.com/acme/shop/actions/runs/9000000101"
    assert found["summary"] == "Started run 9000000101 of deploy.yml on main"


def test_the_commit_of_the_run_is_checked(reach: Reach, github: FakeGitHub) -> None:
    found = started(reach)
    assert (found["sha"], found["sha_verified"], "note" in found) == (MAIN, True, False)
    assert started(reach, ref="v1.0.0")["sha"] == OLD


def test_a_run_on_another_commit_than_the_approved_one_is_told(reach: Reach, github: FakeGitHub) -> None:
    github.pushed_meanwhile = OLD
    found = started(reach)
    assert (found["sha"], found["approved_sha"], found["sha_verified"]) == (OLD, MAIN, True)
    assert found["note"].startswith(f"The run is on {OLD[:12]} and not on {MAIN[:12]}, which was approved")
    assert found["summary"] == "Started run 9000000101 of deploy.yml on main, but not at the approved commit"
    assert len(github.dispatched) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Reply(404, {"message": "Not Found"}),
        Reply(500, {"message": "no"}),
        Reply(200, b"no JSON"),
        Reply(200, {"head_sha": 7}),
        Reply(drop=True),
    ],
)
def test_a_commit_that_can_not_be_checked_is_told_as_such(reach: Reach, github: FakeGitHub, answer: Reply) -> None:
    github.override = lambda asked: answer if asked.path.endswith("/actions/runs/9000000101") else None
    found = started(reach)
    assert (found["run_id"], found["sha"], found["sha_verified"]) == (9_000_000_101, MAIN, False)
    assert "not verified" in found["note"] and found["url"] in found["note"]


def test_without_approval_nothing_is_started(reach: Reach, github: FakeGitHub) -> None:
    with pytest.raises(ToolError, match="approval"):
        GITHUB_DEPLOY.run(GITHUB_DEPLOY.read(GIVEN), reach)
    assert github.asked == []


def test_a_branch_that_moved_since_the_approval_is_not_started(reach: Reach, github: FakeGitHub) -> None:
    approved = previewed(reach)
    github.refs["heads/main"] = ("commit", OLD)
    with pytest.raises(ToolError, match="has changed since it was approved, so nothing was started") as raised:
        GITHUB_DEPLOY.run(GITHUB_DEPLOY.read(GIVEN), replace(reach, approved=approved))
    assert raised.value.ours and github.dispatched == []


def test_an_approval_for_another_workflow_starts_nothing(reach: Reach, github: FakeGitHub) -> None:
    github.workflows.append(Workflow(163, "other.yml", DEPLOY_YML))
    approved = previewed(reach, workflow="other.yml")
    with pytest.raises(ToolError, match="changed since"):
        GITHUB_DEPLOY.run(GITHUB_DEPLOY.read(GIVEN), replace(reach, approved=approved))
    assert github.dispatched == []


def test_an_answer_without_a_name_is_told_honestly(reach: Reach, github: FakeGitHub) -> None:
    github.names_runs = False
    found = started(reach)
    assert (found["run_id"], found["url"], len(github.dispatched)) == (None, "", 1)
    assert "did not name it" in found["note"] and "not verified" in found["note"]
    assert (found["sha"], found["sha_verified"]) == (MAIN, False)


def test_an_older_server_is_asked_again_without_the_field(reach: Reach, github: FakeGitHub) -> None:
    github.knows_run_details = False
    assert started(reach)["run_id"] is None
    assert github.dispatched == [{"ref": "main", "inputs": {"environment": "production"}}]


def test_a_lost_answer_is_an_unknown_outcome_and_never_repeated(reach: Reach, github: FakeGitHub) -> None:
    github.drop_after_write = True
    with pytest.raises(OutcomeUnknown, match="may or may not have been started"):
        started(reach)
    assert len(github.dispatched) == 1


def _to_posts(reply: Reply) -> Any:
    def answer(asked: Asked) -> Reply | None:
        return reply if asked.method == "POST" else None

    return answer


def test_a_gateways_error_is_an_unknown_outcome(reach: Reach, github: FakeGitHub) -> None:
    github.override = _to_posts(Reply(502, {"message": "Server Error"}))
    with pytest.raises(OutcomeUnknown):
        started(reach)


@pytest.mark.parametrize(
    ("reply", "words", "ours"),
    [
        (Reply(403, {"message": "Resource not accessible by personal access token"}), "not accessible", True),
        (Reply(422, {"message": "Workflow does not have 'workflow_dispatch' trigger"}), "does not have", False),
        (Reply(307, {"message": "Moved"}, {"Location": "/elsewhere"}), "has moved", False),
    ],
)
def test_a_refusal_of_the_write_is_told(reach: Reach, github: FakeGitHub, reply: Reply, words: str, ours: bool) -> None:
    github.override = _to_posts(reply)
    with pytest.raises(ToolError, match=words) as raised:
        started(reach)
    assert raised.value.ours == ours and not isinstance(raised.value, OutcomeUnknown)
    assert len([one for one in github.asked if one.method == "POST"]) == 1


def test_the_target_is_named_from_raw_input_too() -> None:
    assert GITHUB_DEPLOY.target(GIVEN) == "deploy.yml of acme/shop on main"
    assert GITHUB_DEPLOY.target({"repo": 7, "ref": [], "workflow": None}) == "7"
