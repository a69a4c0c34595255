"""Judge GitLab pipelines: schema, stages, order, templates, and what practice teaches."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from check_jsonschema.builtin_schemas import get_builtin_schema  # type: ignore[import-untyped]
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

from agent.graphs import cycle_in
from agent.lint import Report, dig, duplicate_keys, sequence, text
from agent.schema_check import tamed, violations
from agent.tools.ci.gitlab_jobs import check_images, check_job, check_variables
from agent.tools.ci.gitlab_links import check_links
from agent.tools.ci.gitlab_values import check_conditions, check_spans
from agent.tools.ci.rules import GITLAB_RULES
from agent.tools.ci.scalars import check_versions
from agent.yaml_input import Document
from agent.yaml_tree import Node, Path

KEYWORDS = {
    "image",
    "services",
    "stages",
    "types",
    "before_script",
    "after_script",
    "variables",
    "cache",
    "include",
    "default",
    "workflow",
    "spec",
}
_DEFAULT_STAGES = ("build", "test", "deploy")
_MOVED = ("image", "services", "cache", "before_script", "after_script")


@lru_cache(maxsize=1)
def _validator() -> Any:
    return Draft7Validator(tamed(get_builtin_schema("vendor.gitlab-ci")))


def check_gitlab(document: Document) -> tuple[Report, dict[str, Any]]:
    """Return the report on a `.gitlab-ci.yml` and a few facts."""
    report = Report(GITLAB_RULES)
    duplicate_keys(report, document)
    _schema(report, document)
    jobs = {name: job for name, job in document.value.items() if name not in KEYWORDS and isinstance(job, dict)}
    # An included file may define whatever is missing here.
    whole = "include" not in document.value
    visible = {name: job for name, job in jobs.items() if not name.startswith(".")}
    if not visible and whole:
        report.add("no-jobs", document, (), "The pipeline has no visible job.")
    _includes(report, document)
    _top(report, document)
    _templates(report, document, jobs, whole)
    merged = {name: merged_job(name, jobs) for name in jobs}
    _order(report, document, visible, merged, whole)
    check_links(report, document, visible, merged, whole)
    check_conditions(report, document, ("workflow", "rules"), dig(document.value, "workflow", "rules"))
    check_spans(report, document, ("default",), document.value.get("default"))
    check_versions(report, document)
    for name, job in jobs.items():
        check_job(report, document, name, job, merged[name], whole)
        check_conditions(report, document, (name, "rules"), job.get("rules"))
        check_spans(report, document, (name,), job)
    return report, {"kind": "gitlab", "stages": _stages(document)[:40], "jobs": list(visible)[:40]}


def _schema(report: Report, document: Document) -> None:
    for violation in violations(_validator(), document.value):
        if _is_reference(document, violation.path):
            continue
        rule = "unknown-field" if violation.unknown else "schema"
        report.add(rule, document, violation.path, violation.message, fix=violation.fix)


def _is_reference(document: Document, path: Path) -> bool:
    """Whether a `!reference` stands at, above or right below a path: what it brings is not known here."""
    nodes = [document.node_at(path[:length]) for length in range(len(path) + 1)]
    last = nodes[-1]
    below: list[Node] = [*last.items, *(child for _, child in last.keys.values())] if last else []
    return any(node is not None and node.tag == "!reference" for node in [*nodes, *below])


def _stages(document: Document) -> list[str]:
    own = [one for one in sequence(document.value.get("stages") or document.value.get("types")) if isinstance(one, str)]
    return [".pre", *(own or _DEFAULT_STAGES), ".post"]


def _includes(report: Report, document: Document) -> None:
    include = document.value.get("include")
    entries = include if isinstance(include, list) else [include]
    for index, entry in enumerate(entries):
        path: Path = ("include", index) if isinstance(include, list) else ("include",)
        remote = dig(entry, "remote") or (entry if text(entry).startswith("http") else None)
        if isinstance(remote, str) and not dig(entry, "integrity"):
            message = f"`{remote[:100]}` is included without a hash."
            report.add("include-without-hash", document, path, message)
        if dig(entry, "project") and not dig(entry, "ref"):
            report.add("include-without-ref", document, path, f"`{str(dig(entry, 'project'))[:80]}` has no `ref`.")


def _top(report: Report, document: Document) -> None:
    for key in _MOVED:
        if key in document.value:
            message = f"`{key}` at the top is deprecated."
            report.add("deprecated-keyword", document, (key,), message, fix=f"Move it under `default: {key}:`.")
    if "types" in document.value:
        report.add("deprecated-keyword", document, ("types",), "`types` is deprecated.", fix="Write `stages`.")
    check_variables(report, document, ("variables",), document.value.get("variables"))
    check_images(report, document, (), document.value)
    check_images(report, document, ("default",), document.value.get("default"))


def extends_of(job: Any) -> list[str]:
    """Return the names of the templates that a job extends."""
    extends = dig(job, "extends")
    return [extends] if isinstance(extends, str) else [one for one in sequence(extends) if isinstance(one, str)]


def _templates(report: Report, document: Document, jobs: Mapping[str, Any], whole: bool) -> None:
    edges = {name: extends_of(job) for name, job in jobs.items()}
    for name, others in edges.items():
        for other in others:
            if other not in jobs and whole:
                message = f"`{name[:60]}` extends `{other[:60]}`, which does not exist."
                report.add("extends-unknown", document, (name, "extends"), message, guess=(other, jobs))
    cycle = cycle_in(edges)
    if cycle:
        message = f"Jobs extend each other: {' -> '.join(cycle)}."
        report.add("extends-cycle", document, (cycle[0], "extends"), message)


def merged_job(name: str, jobs: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a job with the keys of what it extends; the nearest wins. A template that is not here adds `...`."""
    merged: dict[str, Any] = {}
    waiting, seen = [name], {name}
    while waiting and len(seen) < 100:
        one = waiting.pop(0)
        job = jobs.get(one)
        if job is None:
            merged["..."] = True
            continue
        for key, value in job.items():
            merged.setdefault(key, value)
        later = [other for other in reversed(extends_of(job)) if other not in seen]
        seen.update(later)
        waiting += later
    return merged


def _order(
    report: Report, document: Document, visible: Mapping[str, Any], merged: Mapping[str, dict[str, Any]], whole: bool
) -> None:
    stages = _stages(document)
    edges: dict[str, list[str]] = {}
    for name, job in visible.items():
        stage = merged[name].get("stage", "test")
        if isinstance(stage, str) and stage not in stages and whole and "$[[" not in stage:
            path: Path = (name, "stage") if "stage" in job else (name,)
            message = f"`{name[:60]}` is in the stage `{stage[:60]}`, which is not defined."
            report.add("unknown-stage", document, path, message, guess=(stage, stages))
        for path, other in _needs(name, job):
            edges.setdefault(name, []).append(other)
            if other not in visible:
                if whole and "$" not in other:
                    message = f"`{name[:60]}` needs `{other[:60]}`, which is no job."
                    report.add("needs-unknown", document, path, message, guess=(other, visible))
            elif _is_later(merged[other].get("stage", "test"), stage, stages):
                message = f"`{name[:60]}` needs `{other[:60]}` of a later stage."
                report.add("needs-later-stage", document, path, message)
    cycle = cycle_in(edges)
    if cycle:
        message = f"Jobs need each other: {' -> '.join(cycle)}."
        report.add("needs-cycle", document, (cycle[0], "needs"), message)


def _is_later(other: object, stage: object, stages: Sequence[str]) -> bool:
    known = [one for one in (other, stage) if isinstance(one, str) and one in stages]
    return len(known) == 2 and stages.index(known[0]) > stages.index(known[1])


def _needs(name: str, job: Any) -> list[tuple[Path, str]]:
    """Return path and name of each job of this pipeline that a job waits for or takes artifacts from."""
    found: list[tuple[Path, str]] = []
    for key in ("needs", "dependencies"):
        for index, entry in enumerate(sequence(dig(job, key))):
            other = text(entry) or text(dig(entry, "job"))
            elsewhere = any(dig(entry, where) is not None for where in ("pipeline", "project"))
            if other and not elsewhere and dig(entry, "optional") is not True:
                # `job: [a, b]` of a matrix is written with its values.
                found.append(((name, key, index), re.sub(r":\s*\[.*\]$", "", other[:300])))
    return found
