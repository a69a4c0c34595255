"""Judge the expressions of a GitHub workflow: do they name what exists, where it exists."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent.lint import Report, dig, mapping, sequence, text
from agent.tools.ci_expressions import CONTEXTS, FUNCTIONS, expressions_in, read
from agent.tools.ci_github_jobs import matrix_keys, needs_of
from agent.yaml_input import Document
from agent.yaml_tree import Node, Path

_STRINGS_MAX = 20_000


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
    """Yield path and text of the strings that may hold an expression; aliased ones under each of their paths."""
    waiting: list[tuple[Path, Node]] = [((), root)]
    seen = 0
    while waiting and seen < _STRINGS_MAX:
        path, node = waiting.pop()
        seen += 1
        if node.text is not None and isinstance(node.value, str) and ("${{" in node.text or path[-1:] == ("if",)):
            yield path, node.value
        waiting += [((*path, key), child) for key, (_, child) in reversed(node.keys.items())]
        waiting += [((*path, index), child) for index, child in reversed(list(enumerate(node.items)))]


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
    is_job = len(place.path) == 3
    texts = [one.text for one in found] or [plain]
    references = [reference for one in texts for reference in read(one).references]
    for reference in references:
        root = reference.partition(".")[0]
        if root == "secrets":
            fix = "Put it into `env` of the job and test that in the steps." if not is_job else "Test it in a step."
            report.add("context-not-here", document, place.path, "`secrets` can't be used in `if`.", fix=fix)
        elif is_job and root in ("env", "steps", "runner", "job"):
            message = f"`{root}` can't be used in the `if` of a job."
            report.add("context-not-here", document, place.path, message, fix="Use `vars`, `needs` or `github` there.")


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
        elif len(parts) > 1 and "*" not in parts[1]:
            _reference(report, document, place, parts, inputs)


def _reference(report: Report, document: Document, place: _Place, parts: list[str], inputs: set[str] | None) -> None:
    context, name = parts[0], parts[1]
    job = place.job
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


def _needs(report: Report, document: Document, place: _Place, job: _Job, parts: list[str]) -> None:
    jobs = place.jobs
    name = parts[1]
    if name not in job.needs:
        message = f"The job does not need `{name[:60]}`."
        report.add("unknown-needs", document, place.path, message, guess=(name, job.needs))
        return
    other = jobs.get(job.needs[name])
    outputs = other.outputs if other else None
    if parts[2:3] == ["outputs"] and len(parts) > 3 and outputs is not None and parts[3] not in outputs:
        message = f"`{name[:60]}` has no output `{parts[3][:60]}`."
        report.add("unknown-output", document, place.path, message, guess=(parts[3], outputs))
