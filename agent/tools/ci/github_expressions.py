"""Judge the expressions of a GitHub workflow: do they name what exists, where it exists."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent.lint import Report, dig, mapping, sequence, text
from agent.tools.ci.expressions import CONTEXTS, FUNCTIONS, expressions_in, read
from agent.tools.ci.github_contexts import contexts_at
from agent.tools.ci.github_jobs import matrix_keys, needs_of
from agent.tools.ci.scalars import scalars_of
from agent.yaml_input import Document
from agent.yaml_tree import Node, Path


@dataclass(frozen=True)
class _Place:
    """What is known at one place of the document."""

    path: Path
    jobs: "Mapping[str, _Job]"
    job: "_Job | None" = None
    step: int | None = None
    """In which step it stands; all steps are over in a job's outputs; None elsewhere."""


class _Job:
    """What expressions may name in a job, gathered once; a composite action counts as one."""

    def __init__(self, value: Any, steps: list[Any]) -> None:
        self.needs = {name.lower(): name for _, name in needs_of(value)}
        keys = matrix_keys(value)
        self.matrix = None if keys is None else {key.lower() for key in keys}
        # A called workflow declares its outputs elsewhere.
        outputs = None if "uses" in mapping(value) else mapping(dig(value, "outputs"))
        self.outputs = None if outputs is None else {key.lower() for key in outputs}
        self.steps: dict[str, int] = {}
        self.length = len(steps)
        for index, step in enumerate(steps):
            self.steps.setdefault(text(dig(step, "id")).lower(), index)


def _jobs(document: Document) -> dict[str, _Job]:
    jobs = mapping(document.value.get("jobs"))
    return {name: _Job(job, sequence(dig(job, "steps"))) for name, job in jobs.items()}


def check_expressions(report: Report, document: Document) -> None:
    """Report mistakes in all expressions, and in conditions, which need no `${{ }}`."""
    inputs = _inputs(document)
    jobs = _jobs(document)
    action = _Job({}, sequence(dig(document.value, "runs", "steps")))
    for path, value in _strings(document.root):
        place = _place(path, jobs, action)
        if path[-1:] == ("if",):
            _condition(report, document, place, value, inputs)
            continue
        for expression in expressions_in(value):
            if not expression.closed:
                report.add("expression", document, path, "An expression `${{` has no end.")
                break
            _expression(report, document, place, expression.text, inputs)


def _strings(root: Node) -> Iterator[tuple[Path, str]]:
    """Yield path and text of the strings that may hold an expression."""
    for path, node in scalars_of(root):
        if isinstance(node.value, str) and ("${{" in node.value or path[-1:] == ("if",)):
            yield path, node.value


def _place(path: Path, jobs: Mapping[str, _Job], action: _Job) -> _Place:
    if path[:1] == ("runs",):
        job, within = action, path[1:]
    elif path[:1] == ("jobs",) and len(path) > 2:
        job, within = jobs[str(path[1])], path[2:]
    else:
        return _Place(path, jobs)
    if len(within) > 1 and within[0] == "steps" and isinstance(within[1], int):
        return _Place(path, jobs, job, within[1])
    return _Place(path, jobs, job, job.length if within[:1] == ("outputs",) else None)


def _inputs(document: Document) -> set[str] | None:
    """Return the declared inputs in lower case, or None if nothing declares any."""
    on = document.value.get("on")
    sources = [dig(on, event, "inputs") for event in ("workflow_call", "workflow_dispatch")]
    sources.append(document.value.get("inputs"))
    found = [mapping(source) for source in sources if isinstance(source, dict)]
    return {name.lower() for source in found for name in source} if found else None


def _condition(report: Report, document: Document, place: _Place, value: str, inputs: set[str] | None) -> None:
    plain = value.strip()
    found = list(expressions_in(value))
    if not found:
        _expression(report, document, place, plain, inputs)
    elif not found[0].closed:
        report.add("expression", document, place.path, "An expression `${{` has no end.")
        return
    else:
        whole = len(found) == 1 and plain == f"${{{{{found[0].text}}}}}"
        if not whole or value != plain:
            message = "The condition has text or a line break outside of `${{ }}`, so it is always true."
            report.add("if-always-true", document, place.path, message)
    for expression in found:
        _expression(report, document, place, expression.text, inputs)


def _expression(report: Report, document: Document, place: _Place, expression: str, inputs: set[str] | None) -> None:
    reading = read(expression)
    if reading.problem:
        report.add("expression", document, place.path, f"In `{expression.strip()[:80]}`: {reading.problem}.")
        return
    for function in reading.functions:
        if function.lower() not in FUNCTIONS:
            message = f"There is no function `{function[:60]}`."
            report.add("unknown-function", document, place.path, message, guess=(function, FUNCTIONS))
    for reference in reading.references:
        parts = reference.split(".")
        if parts[0] not in CONTEXTS:
            message = f"There is no context `{parts[0][:60]}`."
            report.add("unknown-context", document, place.path, message, guess=(parts[0], CONTEXTS))
        elif parts[0] not in contexts_at(place.path):
            _misplaced(report, document, place, parts[0])
        elif len(parts) > 1 and "*" not in parts[1]:
            _reference(report, document, place, parts, inputs)


def _misplaced(report: Report, document: Document, place: _Place, context: str) -> None:
    known = contexts_at(place.path)
    fix = f"Known there: {', '.join(sorted(known))}."
    if context == "secrets" and place.path[-1:] == ("if",):
        fix = "Put it into `env` of the job and test that in the steps."
    elif context == "secrets" and place.path[0] == "runs":
        fix = "Declare an input for it, which the workflow fills."
    report.add("context-not-here", document, place.path, f"`{context}` can't be used here.", fix=fix)


def _reference(report: Report, document: Document, place: _Place, parts: list[str], inputs: set[str] | None) -> None:
    context, name = parts[0], parts[1]
    job = place.job
    if context == "jobs":
        _called(report, document, place, parts)
    if context == "inputs" and inputs is not None and name not in inputs:
        message = f"No trigger declares the input `{name[:60]}`."
        report.add("unknown-input", document, place.path, message, guess=(name, inputs))
    if job is None:
        return
    if context == "needs":
        _needs(report, document, place, job, parts)
    elif context == "steps" and place.step is not None and job.steps.get(name, place.step) >= place.step:
        message = f"No earlier step has the id `{name[:60]}`."
        report.add("unknown-step", document, place.path, message, guess=(name, job.steps))
    elif context == "matrix" and job.matrix is not None and name not in job.matrix:
        message = f"The matrix has no `{name[:60]}`."
        report.add("unknown-matrix-key", document, place.path, message, guess=(name, job.matrix))


def _called(report: Report, document: Document, place: _Place, parts: list[str]) -> None:
    """Report what an output of a called workflow takes from no job."""
    jobs = {name.lower(): job for name, job in place.jobs.items()}
    if parts[1] not in jobs:
        message = f"There is no job `{parts[1][:60]}`."
        report.add("unknown-output", document, place.path, message, guess=(parts[1], jobs))
    else:
        _output(report, document, place, jobs[parts[1]], parts)


def _needs(report: Report, document: Document, place: _Place, job: _Job, parts: list[str]) -> None:
    jobs = place.jobs
    name = parts[1]
    if name not in job.needs:
        message = f"The job does not need `{name[:60]}`."
        report.add("unknown-needs", document, place.path, message, guess=(name, job.needs))
        return
    other = jobs.get(job.needs[name])
    if other:
        _output(report, document, place, other, parts)


def _output(report: Report, document: Document, place: _Place, job: _Job, parts: list[str]) -> None:
    outputs = job.outputs
    if parts[2:3] == ["outputs"] and len(parts) > 3 and outputs is not None and parts[3] not in outputs:
        message = f"`{parts[1][:60]}` has no output `{parts[3][:60]}`."
        report.add("unknown-output", document, place.path, message, guess=(parts[3], outputs))
