"""Review a Terraform plan in JSON: what it makes, changes, replaces and destroys, and what gets lost."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from agent.findings import Finding
from agent.lint import mapping, printable, sequence
from agent.redaction import redact_json
from agent.secret_judgement import kind_of_name
from agent.tools.terraform.hcl import Block, Expression
from agent.tools.terraform.network import Problem
from agent.tools.terraform.resources import STATEFUL, of_resource
from agent.tools.terraform.rules import RULES
from agent.types import ToolError

CHANGES_MAX = 5_000
LISTED = 40
UPDATES_LISTED = 20
ATTRIBUTES_SHOWN = 6
VALUE_SHOWN = 60
SENSITIVE = "(sensitive)"
UNKNOWN = "(known after apply)"
_ACTIONS = {
    ("create",): "create",
    ("update",): "update",
    ("delete",): "destroy",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
    ("read",): "read",
    ("forget",): "forget",
}
_RULES = {"destroy": "destroys-resource", "replace": "replaces-resource"}


def read_plan(text: str) -> dict[str, Any]:
    """Return the plan; raises ToolError if this JSON is something else."""
    try:
        plan = json.loads(text)
    except RecursionError:
        raise ToolError("This JSON is nested too deeply.") from None
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise ToolError(f"This begins like JSON but is not valid JSON; it breaks in line {line}.") from None
    if not isinstance(plan, dict):
        raise ToolError("This JSON is no Terraform plan; it must be an object.")
    if not isinstance(plan.get("resource_changes"), list):
        if "values" in plan or "resources" in plan:
            raise ToolError(
                "This is a Terraform state. Give a plan: terraform plan -out=p, then terraform show -json p."
            )
        if "planned_values" not in plan:
            raise ToolError("This JSON is no Terraform plan: it has no resource_changes.")
    return plan


def review_plan(text: str) -> tuple[dict[str, Any], list[Finding]]:
    """Return the facts and the findings of a plan."""
    plan = read_plan(text)
    changes = [change for one in sequence(plan.get("resource_changes"))[:CHANGES_MAX] if (change := _change(one))]
    counts = Counter(change["action"] for change in changes)
    findings = [finding for change in changes for finding in _findings(change)]
    gone = [change for change in changes if change["action"] in ("destroy", "replace")]
    gone.sort(key=lambda change: (not change["data_loss"], change["address"]))
    updates = [change for change in changes if change["action"] == "update"]
    creates = [change["address"] for change in changes if change["action"] == "create"]
    facts = {
        "kind": "plan",
        "terraform_version": printable(str(plan.get("terraform_version", "")), 20),
        "counts_of_actions": {name: counts[name] for name in ("create", "update", "replace", "destroy", "forget")},
        "destroyed_or_replaced": [_shown(change) for change in gone[:LISTED]],
        "updated": [_shown(change) for change in updates[:UPDATES_LISTED]],
        "created": creates[:LISTED],
        "not_shown": sum(
            max(0, len(them) - most) for them, most in ((gone, LISTED), (updates, UPDATES_LISTED), (creates, LISTED))
        ),
    }
    return facts, findings


def _change(one: Any) -> dict[str, Any] | None:
    """Return what is of interest about one change, or None if nothing changes."""
    resource, change = mapping(one), mapping(mapping(one).get("change"))
    action = _ACTIONS.get(tuple(str(action) for action in sequence(change.get("actions"))[:3]))
    if action is None or action == "read" or resource.get("mode") == "data":
        return None
    kind = str(resource.get("type", ""))
    return {
        "address": printable(str(resource.get("address", "?")), 160),
        "type": printable(kind, 80),
        "action": action,
        "data_loss": kind in STATEFUL and action in ("destroy", "replace"),
        "forced_by": _forced_by(change) if action == "replace" else [],
        "attributes": _attributes(change) if action in ("update", "replace") else [],
        "reason": printable(str(resource.get("action_reason", "")).replace("_", " "), 80),
        "after": _after(kind, change) if action in ("create", "update", "replace") else None,
    }


def _forced_by(change: dict[str, Any]) -> list[str]:
    paths = [path if isinstance(path, list) else [path] for path in sequence(change.get("replace_paths"))]
    return [printable(".".join(str(part) for part in path), 80) for path in paths[:10]]


def _attributes(change: dict[str, Any]) -> list[dict[str, str]]:
    """Return the attributes that change, before and after; sensitive values are never among them."""
    before, after = mapping(change.get("before")), mapping(change.get("after"))
    unknown = mapping(change.get("after_unknown"))
    hidden = {
        name
        for marks in (change.get("before_sensitive"), change.get("after_sensitive"))
        for name, mark in mapping(marks).items()
        if mark not in (False, {}, [])
    }
    everything = change.get("before_sensitive") is True or change.get("after_sensitive") is True
    changed = [name for name in {**before, **after, **unknown} if _differs(name, before, after, unknown)]
    shown = []
    for name in changed[:ATTRIBUTES_SHOWN]:
        named = kind_of_name(name)
        # Under a vague name the value itself is judged, with all others.
        is_hidden = everything or name in hidden or (named is not None and not named.vague)
        old = SENSITIVE if is_hidden else _short(name, before.get(name))
        new = UNKNOWN if unknown.get(name) else SENSITIVE if is_hidden else _short(name, after.get(name))
        shown.append({"name": printable(name, 60), "before": old, "after": new})
    return shown


def _differs(name: str, before: dict[str, Any], after: dict[str, Any], unknown: dict[str, Any]) -> bool:
    return bool(unknown.get(name)) or before.get(name) != after.get(name)


def _short(name: str, value: Any) -> str:
    clean = redact_json({name: value})
    try:
        text = json.dumps(next(iter(clean.values())))
    except RecursionError:
        return "(nested too deeply)"
    return printable(text, VALUE_SHOWN)


def _after(kind: str, change: dict[str, Any]) -> Block:
    """Return the resource as it will be; what is known after the apply counts as an expression."""
    attributes = {str(name): value for name, value in mapping(change.get("after")).items()}
    for name, mark in mapping(change.get("after_unknown")).items():
        if mark is True:
            attributes[str(name)] = Expression(UNKNOWN)
    return Block("resource", (kind,), None, attributes)


def _findings(change: dict[str, Any]) -> Iterator[Finding]:
    if change["action"] in ("destroy", "replace"):
        verb = "destroyed" if change["action"] == "destroy" else "replaced"
        forced = f", forced by {', '.join(change['forced_by'])}" if change["forced_by"] else ""
        what = ", and it holds data" if change["data_loss"] else ""
        rule = "destroys-data" if change["data_loss"] else _RULES[change["action"]]
        yield _finding(Problem(rule, None, f"{change['address']} is {verb}{what}{forced}."), change)
    if change["after"] is not None:
        for problem in of_resource(change["type"], change["after"]):
            yield _finding(problem, change)


def _finding(problem: Problem, change: dict[str, Any]) -> Finding:
    rule = RULES[problem.rule]
    return Finding(problem.rule, rule.severity, printable(problem.message), rule.why, rule.fix, None, change["address"])


def _shown(change: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in change.items() if key != "after" and value not in ("", [], False)}
