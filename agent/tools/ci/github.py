"""Judge GitHub workflows and composite actions: schema, triggers, rights, and all that jobs and steps do."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

from check_jsonschema.builtin_schemas import get_builtin_schema  # type: ignore[import-untyped]
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

from agent.lint import Report, dig, duplicate_keys, mapping, sequence, text
from agent.redaction import holds_secret
from agent.schedules import first_runs, problem_of
from agent.schema_check import tamed, violations
from agent.tools.ci.github_expressions import check_expressions
from agent.tools.ci.github_forms import check_forms
from agent.tools.ci.github_jobs import check_jobs
from agent.tools.ci.github_steps import check_steps
from agent.tools.ci.rules import GITHUB_RULES
from agent.tools.ci.scalars import check_versions
from agent.yaml_input import Document
from agent.yaml_tree import Path

_SHORTEST = timedelta(minutes=5)


@lru_cache(maxsize=1)
def _workflow_schema() -> dict[str, Any]:
    schema: dict[str, Any] = tamed(get_builtin_schema("vendor.github-workflows"))
    return schema


@lru_cache(maxsize=1)
def _workflow() -> Any:
    return Draft7Validator(_workflow_schema())


@lru_cache(maxsize=1)
def _activities() -> dict[str, list[str]]:
    """Return the types of each event that the schema lists, beside a reference that makes validators pass over them."""
    forms = _workflow_schema()["properties"]["on"]["oneOf"]
    events = next(form["properties"] for form in forms if "properties" in form)
    return {name: types for name, event in events.items() if (types := _types(event))}


def _types(event: dict[str, Any]) -> list[str]:
    own: list[str] | None = dig(event, "properties", "types", "items", "enum")
    inner = [part for key in ("oneOf", "allOf") for part in event.get(key, [])]
    return own or next((types for part in inner if (types := _types(part))), [])


@lru_cache(maxsize=1)
def _action() -> Any:
    return Draft7Validator(tamed(get_builtin_schema("vendor.github-actions")))


def check_github(document: Document) -> tuple[Report, dict[str, Any]]:
    """Return the report on a workflow, or on an `action.yml`, and a few facts."""
    report = Report(GITHUB_RULES)
    is_action = "runs" in document.value and "jobs" not in document.value
    duplicate_keys(report, document)
    for merge in document.merges:
        report.add("merge-key", document, merge.path, "The file merges mappings with `<<`.", line=merge.line)
    told = check_forms(report, document, _activities())
    told += [] if is_action else _triggers(report, document)
    _schema(report, document, _action() if is_action else _workflow(), told)
    check_versions(report, document)
    if is_action:
        steps = sequence(dig(document.value, "runs", "steps"))
        check_steps(report, document, ("runs", "steps"), steps, shell_is_bash=True)
        check_expressions(report, document)
        return report, {"kind": "github action", "steps": len(steps)}
    _rights(report, document)
    _plain_secrets(report, document)
    check_jobs(report, document)
    check_expressions(report, document)
    jobs = list(mapping(document.value.get("jobs")))
    return report, {"kind": "github", "events": events_of(document)[:20], "jobs": jobs[:40]}


def events_of(document: Document) -> list[str]:
    """Return the names of the events that trigger a workflow."""
    on = document.value.get("on")
    if isinstance(on, str):
        return [on]
    return list(on) if isinstance(on, dict) else [event for event in sequence(on) if isinstance(event, str)]


def _schema(report: Report, document: Document, validator: Any, told: Sequence[Path]) -> None:
    for violation in violations(validator, document.value):
        # What a rule has said better is not repeated in the schema's words.
        if any(violation.path[: len(path)] == path for path in told):
            continue
        rule = "unknown-field" if violation.unknown else "schema"
        report.add(rule, document, violation.path, violation.message, fix=violation.fix)


def _triggers(report: Report, document: Document) -> list[Path]:
    """Report unknown events and bad schedules; return the paths that need no words of the schema."""
    known = [*_workflow_schema()["definitions"]["event"]["enum"], "schedule", "workflow_run", "image_version"]
    on = document.value.get("on")
    told: list[Path] = []
    for index, event in enumerate(events_of(document)):
        if event not in known:
            path: Path = ("on", event) if isinstance(on, dict) else ("on", index) if isinstance(on, list) else ("on",)
            message = f"There is no event `{event[:60]}`."
            report.add("unknown-event", document, path, message, guess=(event, known))
            told = [("on",)]
    for index, entry in enumerate(sequence(dig(on, "schedule"))):
        _schedule(report, document, ("on", "schedule", index, "cron"), dig(entry, "cron"))
    return told


def _schedule(report: Report, document: Document, path: Path, cron: object) -> None:
    if not isinstance(cron, str):
        return
    problem = problem_of(cron)
    if problem:
        report.add("invalid-schedule", document, path, f"The schedule `{cron[:60]}` is invalid: {problem}.")
        return
    runs = first_runs(cron, 4)
    if not runs:
        report.add("never-runs", document, path, f"The schedule `{cron[:60]}` never comes: no date matches.")
    gaps = [later - earlier for earlier, later in zip(runs, runs[1:], strict=False)]
    if gaps and min(gaps) < _SHORTEST:
        report.add("schedule-too-often", document, path, f"`{cron[:60]}` runs more often than every 5 minutes.")


def _rights(report: Report, document: Document) -> None:
    jobs = mapping(document.value.get("jobs"))
    places: list[tuple[Path, Any]] = [(("permissions",), document.value.get("permissions"))]
    places += [(("jobs", name, "permissions"), dig(job, "permissions")) for name, job in jobs.items()]
    for path, permissions in places:
        if permissions == "write-all":
            report.add("write-all", document, path, "The token may write everything.")
    # A called workflow gets the rights of its caller at most.
    if "permissions" not in document.value and jobs and events_of(document) != ["workflow_call"]:
        without = [name for name, job in jobs.items() if "permissions" not in mapping(job)]
        if without:
            names = ", ".join(f"`{name[:40]}`" for name in without[:5])
            message = f"Nothing limits the token of {names}{' and others' if len(without) > 5 else ''}."
            report.add("no-permissions", document, ("jobs", without[0]), message)


def _plain_secrets(report: Report, document: Document) -> None:
    """Report secrets in any `env` of the workflow, its jobs, steps and service containers."""
    places: list[tuple[Path, Any]] = [(("env",), document.value.get("env"))]
    for name, job in mapping(document.value.get("jobs")).items():
        base: Path = ("jobs", name)
        places.append(((*base, "env"), dig(job, "env")))
        places += [
            ((*base, "steps", index, "env"), dig(step, "env")) for index, step in enumerate(sequence(dig(job, "steps")))
        ]
    for path, env in [*places, *_credentials(document)]:
        for key, value in mapping(env).items():
            if holds_secret(key, value) and "${{" not in text(value):
                report.add("secret-in-env", document, (*path, key), f"`{key[:80]}` holds its value in plain text.")
            if key == "ACTIONS_ALLOW_UNSECURE_COMMANDS" and str(value).lower() == "true":
                report.add("unsecure-commands", document, (*path, key), f"`{key}` is on.")


def _credentials(document: Document) -> Iterator[tuple[Path, Any]]:
    """Yield path and value of what containers are pulled with."""
    for name, job in mapping(document.value.get("jobs")).items():
        yield ("jobs", name, "container", "credentials"), dig(job, "container", "credentials")
        for service, given in mapping(dig(job, "services")).items():
            yield ("jobs", name, "services", service, "credentials"), dig(given, "credentials")
