"""Judge the jobs of a GitHub workflow: order, runners, matrix, calls of other workflows, limits."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from agent.graphs import cycle_in
from agent.images import image_problem
from agent.lint import Report, dig, mapping, sequence, text
from agent.tools.ci.github_actions import Problem, action_problems, runner_problem
from agent.tools.ci.github_steps import check_steps
from agent.yaml_input import Document
from agent.yaml_tree import Path

# One of this repository is that of the same commit, so that it takes no version.
_CALLABLE = re.compile(
    r"\./\.github/workflows/[\w.-]+\.ya?ml|[\w.-]+/[\w.-]+/\.github/workflows/[\w.-]+\.ya?ml(?:@\S+)?"
)
_DEPLOYS = re.compile(r"(?i)(?:^|[-_ ])(?:deploy|release|publish)")
_FROM_STRANGERS = {"pull_request", "pull_request_target", "issue_comment"}
_OF_STRANGERS = re.compile(
    r"github\.event\.pull_request\.head\.(?:sha|ref)|github\.head_ref|github\.event\.workflow_run\.head_(?:sha|branch)"
    r"|refs/pull/\$\{\{[^}]{0,100}\}\}/(?:merge|head)|github\.event\.pull_request\.merge_commit_sha"
)


def check_jobs(report: Report, document: Document) -> None:
    """Report what is wrong with each job, and with their order."""
    jobs = mapping(document.value.get("jobs"))
    events = _events(document)
    shell = dig(document.value, "defaults", "run", "shell")
    for name, job in jobs.items():
        if not isinstance(job, dict):
            continue
        base: Path = ("jobs", name)
        if "uses" in job:
            _call(report, document, base, job)
            continue
        _runner(report, document, base, job, events)
        _containers(report, document, base, job)
        _matrix(report, document, base, job)
        _habits(report, document, base, job)
        own = dig(job, "defaults", "run", "shell") or shell
        windows = any("windows" in label.lower() for _, label in _labels(job))
        check_steps(report, document, (*base, "steps"), sequence(job.get("steps")), bool(own) or windows)
        if events & {"pull_request_target", "workflow_run"}:
            _checkout(report, document, base, job)
    _order(report, document, jobs)


def _events(document: Document) -> set[str]:
    on = document.value.get("on")
    if isinstance(on, str):
        return {on}
    return set(on) if isinstance(on, dict) else {event for event in sequence(on) if isinstance(event, str)}


def needs_of(job: Any) -> list[tuple[Path, str]]:
    """Return path within the job and name of each job that it needs."""
    needs = dig(job, "needs")
    if isinstance(needs, str):
        return [(("needs",), needs)]
    return [(("needs", index), one) for index, one in enumerate(sequence(needs)) if isinstance(one, str)]


def _order(report: Report, document: Document, jobs: Mapping[str, Any]) -> None:
    edges: dict[str, list[str]] = {}
    for name, job in jobs.items():
        for path, other in needs_of(job):
            edges.setdefault(name, []).append(other)
            if other not in jobs:
                message = f"`{name[:60]}` needs `{other[:60]}`, which is no job."
                report.add("needs-unknown", document, ("jobs", name, *path), message)
    cycle = cycle_in(edges)
    if cycle:
        message = f"Jobs need each other: {' -> '.join(cycle)}."
        report.add("needs-cycle", document, ("jobs", cycle[0], "needs"), message)


def _call(report: Report, document: Document, base: Path, job: dict[str, Any]) -> None:
    uses = text(job.get("uses"))
    if len(uses) < 300 and not _CALLABLE.fullmatch(uses) and "${{" not in uses:
        report.add("reusable-path", document, (*base, "uses"), f"`{uses[:100]}` is no reusable workflow.")
    for problem in action_problems(uses):
        _add(report, document, (*base, "uses"), problem)
    if job.get("secrets") == "inherit" and not uses.startswith("./"):
        report.add("secrets-inherit", document, (*base, "secrets"), f"`{uses[:100]}` gets all secrets.")


def _labels(job: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield path within the job and name of each runner label, those of the matrix included."""
    runs_on = job.get("runs-on")
    if isinstance(runs_on, dict):
        runs_on = runs_on.get("labels")
    if isinstance(runs_on, str):
        yield ("runs-on",), runs_on
    for index, label in enumerate(sequence(runs_on)):
        if isinstance(label, str):
            yield ("runs-on", index), label
    for key, values in mapping(dig(job, "strategy", "matrix")).items():
        for index, value in enumerate(sequence(values)):
            if isinstance(value, str) and f"matrix.{key}" in str(runs_on)[:300]:
                yield ("strategy", "matrix", key, index), value


def _runner(report: Report, document: Document, base: Path, job: dict[str, Any], events: set[str]) -> None:
    for path, label in _labels(job):
        problem = runner_problem(label)
        if problem:
            _add(report, document, (*base, *path), problem)
        if label == "self-hosted" and events & _FROM_STRANGERS:
            message = "The job runs on a machine of yours, also for pull requests."
            report.add("self-hosted-on-pr", document, (*base, *path), message)


def _containers(report: Report, document: Document, base: Path, job: dict[str, Any]) -> None:
    places: list[tuple[Path, Any]] = [(("container",), job.get("container"))]
    places += [(("services", name), service) for name, service in mapping(job.get("services")).items()]
    for path, place in places:
        key: Path = () if isinstance(place, str) else ("image",)
        image = text(place) or text(dig(place, "image"))
        problem = image_problem(image)
        if problem:
            report.add("image-not-pinned", document, (*base, *path, *key), f"Image `{image[:100]}` {problem}.")


def matrix_keys(job: Any) -> set[str] | None:
    """Return the keys of a job's matrix, or None if they are only known when it runs."""
    matrix = dig(job, "strategy", "matrix")
    if matrix is None:
        return set()
    if not isinstance(matrix, dict) or isinstance(matrix.get("include"), str):
        return None
    keys = {key for key in matrix if key not in ("include", "exclude")}
    return keys | {key for entry in sequence(matrix.get("include")) for key in mapping(entry)}


def _matrix(report: Report, document: Document, base: Path, job: dict[str, Any]) -> None:
    matrix = mapping(dig(job, "strategy", "matrix"))
    own = {key for key in matrix if key not in ("include", "exclude")}
    for index, entry in enumerate(sequence(matrix.get("exclude"))):
        for key in mapping(entry):
            if key not in own:
                path = (*base, "strategy", "matrix", "exclude", index, key)
                report.add("unknown-matrix-key", document, path, f"`exclude` names `{key[:60]}`, no key of the matrix.")


def _habits(report: Report, document: Document, base: Path, job: dict[str, Any]) -> None:
    if "timeout-minutes" not in job and "steps" in job:
        report.add("no-timeout", document, base, f"The job `{base[-1]}` has no timeout.")
    deploys = "environment" in job or _DEPLOYS.search(str(base[-1])) or _DEPLOYS.search(text(job.get("name"))[:200])
    if deploys and "concurrency" not in job and "concurrency" not in document.value:
        report.add("deploy-without-concurrency", document, base, f"The job `{base[-1]}` deploys without a lock.")


def _checkout(report: Report, document: Document, base: Path, job: dict[str, Any]) -> None:
    for index, step in enumerate(sequence(job.get("steps"))):
        is_checkout = text(dig(step, "uses")).startswith("actions/checkout@")
        for key in ("ref", "repository"):
            wanted = text(dig(step, "with", key))[:1000]
            if is_checkout and (_OF_STRANGERS.search(wanted) or "head.repo.full_name" in wanted):
                path = (*base, "steps", index, "with", key)
                report.add("untrusted-checkout", document, path, "The job checks out the code of the pull request.")
                break


def _add(report: Report, document: Document, path: Path, problem: Problem) -> None:
    report.add(problem.rule, document, path, problem.message, fix=problem.fix, severity=problem.severity)
