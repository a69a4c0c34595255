"""Judge the forms of triggers, jobs and steps of which the schema of GitHub only says that none fits, or nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.lint import Report, dig, mapping, sequence, text
from agent.yaml_input import Document
from agent.yaml_tree import Path

_FILTERS = ("branches", "tags", "paths")
_DISPATCH_TYPES = ("string", "choice", "boolean", "number", "environment")
_RETIRED_NODES = ("node12", "node16")
# What a job that calls a workflow can't have.
_OF_STEPS = ("steps", "runs-on", "container", "services", "env")


def check_forms(report: Report, document: Document, activities: Mapping[str, Sequence[str]]) -> list[Path]:
    """Report forms that are refused; return the paths that need no words of the schema.

    `activities` are the types that an event can have, as far as they are known.
    """
    told = _filters(report, document)
    _activities(report, document, activities)
    _dispatch(report, document)
    for name, job in mapping(document.value.get("jobs")).items():
        if isinstance(job, dict):
            told += _job(report, document, ("jobs", name), job)
    return told + _action(report, document)


def _filters(report: Report, document: Document) -> list[Path]:
    told: list[Path] = []
    for event, given in mapping(document.value.get("on")).items():
        for name in _FILTERS:
            if {name, f"{name}-ignore"} <= set(mapping(given)):
                path: Path = ("on", event, f"{name}-ignore")
                report.add("filter-twice", document, path, f"`{event[:60]}` has `{name}` and `{name}-ignore`.")
                told.append(("on", event))
    return told


def _activities(report: Report, document: Document, activities: Mapping[str, Sequence[str]]) -> None:
    for event, known in activities.items():
        types = dig(document.value.get("on"), event, "types")
        listed = types if isinstance(types, list) else [types]
        for index, one in enumerate(listed):
            if isinstance(one, str) and one not in known:
                path: Path = ("on", event, "types", *([index] if types is listed else []))
                message = f"`{event}` has no type `{one[:60]}`."
                report.add("unknown-type", document, path, message, guess=(one, known))


def _dispatch(report: Report, document: Document) -> None:
    """Report inputs of a manual run, which the schema leaves alone."""
    inputs = dig(document.value.get("on"), "workflow_dispatch", "inputs")
    for name, given in mapping(inputs).items():
        base: Path = ("on", "workflow_dispatch", "inputs", name)
        kind, default = text(dig(given, "type")), dig(given, "default")
        if kind and kind not in _DISPATCH_TYPES:
            message = f"The input `{name[:60]}` has the type `{kind[:60]}`."
            report.add("input-type", document, (*base, "type"), message, guess=(kind, _DISPATCH_TYPES))
        options = sequence(dig(given, "options"))
        if kind == "choice" and default is not None and options and default not in options:
            message = f"The default of `{name[:60]}` is none of its options."
            report.add("input-default", document, (*base, "default"), message)


def _job(report: Report, document: Document, base: Path, job: Mapping[str, Any]) -> list[Path]:
    if "uses" in job:
        mixed = [key for key in _OF_STEPS if key in job]
        if mixed:
            message = f"The job calls a workflow and has `{mixed[0]}`."
            report.add("reusable-mixed", document, (*base, mixed[0]), message)
        return [base] if mixed else []
    if "steps" not in job:
        report.add("no-steps", document, base, f"The job `{base[-1]}` has no steps.")
    return _steps(report, document, (*base, "steps"), job.get("steps"), in_action=False)


def _steps(report: Report, document: Document, base: Path, steps: Any, *, in_action: bool) -> list[Path]:
    told: list[Path] = []
    for index, step in enumerate(sequence(steps)):
        path = (*base, index)
        if {"run", "uses"} <= set(mapping(step)):
            report.add("step-mixed", document, (*path, "run"), "The step has `run` and `uses`.")
            told.append(path)
        elif in_action and "run" in mapping(step) and "shell" not in step:
            report.add("no-shell", document, (*path, "run"), "The step has `run` without `shell`.")
            told.append(path)
    return told


def _action(report: Report, document: Document) -> list[Path]:
    runs = document.value.get("runs")
    using = text(dig(runs, "using"))
    if using in _RETIRED_NODES:
        fix = "Write `using: node24`, and test the action with it."
        report.add("action-outdated", document, ("runs", "using"), f"The action is written for `{using}`.", fix=fix)
    return _steps(report, document, ("runs", "steps"), dig(runs, "steps"), in_action=True)
