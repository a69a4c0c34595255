"""Check a document against a JSON Schema and say in plain words what does not fit, without echoing secrets."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from jsonschema.exceptions import ValidationError  # type: ignore[import-untyped]

from agent.near import suggestion
from agent.yaml_tree import Path

VIOLATIONS_MAX = 60
SHOWN_MAX = 40
EXTRAS_MAX = 10
NAMES_LISTED = 12

_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
    "null": "empty",
}
_PRIVATE = re.compile(r"(?i)pass|secret|token|key|cred|data|env|variables|auth")
_MISSING = re.compile(r"'(.*)' is a required property", re.DOTALL)

# Patterns of public schemas that take exponential or quadratic time on hostile text, and harmless ones in their place.
_SLOW_PATTERNS = {
    r"^(.+\/)+(.+)\.(ya?ml)(@.+)?$": r"^[^\s]*/[^\s/]+\.ya?ml(@\S+)?$",
    r"^.*\$\{\{(.|[\r\n])*\}\}.*$": r"\$\{\{",
}


class Validator(Protocol):
    """What is used of a validator of jsonschema."""

    schema: Any

    def iter_errors(self, instance: Any) -> Iterable[ValidationError]:
        """Yield what does not fit."""
        ...


@dataclass(frozen=True)
class Violation:
    """One thing that does not fit the schema."""

    path: Path
    message: str
    fix: str
    unknown: bool = False
    """A key that the schema does not have."""


def tamed(schema: Any) -> Any:
    """Return a schema whose check takes linear time: slow patterns are replaced, comparisons of all pairs left out."""
    if isinstance(schema, list):
        return [tamed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: tamed(value) for key, value in schema.items() if not (key == "uniqueItems" and value is True)}
    pattern = kept.get("pattern")
    if isinstance(pattern, str):
        kept["pattern"] = _SLOW_PATTERNS.get(pattern, pattern)
    return kept


def violations(validator: Validator, value: Any) -> list[Violation]:
    """Return what does not fit, at most 60; a value too deep for the check gives one that says so."""
    found: list[Violation] = []
    try:
        for error in islice(validator.iter_errors(value), VIOLATIONS_MAX):
            for narrowed in _narrow(error, validator.schema):
                found += _violations(narrowed, validator.schema)
            if len(found) >= VIOLATIONS_MAX:
                break
    except RecursionError:
        return [Violation((), "It is nested too deeply to be checked against the schema.", "Nest it less.")]
    return list(dict.fromkeys(found))[:VIOLATIONS_MAX]


def _narrow(error: ValidationError, root: Any) -> list[ValidationError]:
    """Go down into the one branch of `oneOf` or `anyOf` that was meant, if it can be told; return all that it lacks."""
    if error.validator not in ("oneOf", "anyOf") or not error.context:
        return [error]
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context:
        branches.setdefault(inner.relative_schema_path[0], []).append(inner)
    meant = {number: inner for number, inner in branches.items() if not any(map(_is_other_kind, inner))}
    chosen = _chosen(meant, error, root)
    return [deeper for inner in chosen[:VIOLATIONS_MAX] for deeper in _narrow(inner, root)] or [error]


def _chosen(branches: dict[Any, list[ValidationError]], error: ValidationError, root: Any) -> list[ValidationError]:
    """Return the errors of the branch that knows most of the keys, else of that with fewest errors; nothing if unclear.

    A job with `steps` is none that calls a workflow, even if its steps have more errors than `uses` is missing.
    """
    if len(branches) < 2:
        return next(iter(branches.values()), [])
    unknown = {number: -_keys_known(error, number, root) for number in branches}
    for weights in (unknown, {number: len(errors) for number, errors in branches.items()}):
        first, second = sorted(branches, key=weights.__getitem__)[:2]
        if weights[first] < weights[second]:
            return branches[first]
    return []


def _keys_known(error: ValidationError, number: Any, root: Any) -> int:
    names, patterns = _known(error.validator_value[number], root)
    keys = error.instance if isinstance(error.instance, dict) else {}
    return sum(key in names or any(re.search(pattern, key) for pattern in patterns) for key in keys)


def _is_other_kind(error: ValidationError) -> bool:
    """Whether a branch was not meant at all: the value is of another type, or not the constant that marks it."""
    return not error.relative_path and error.validator in ("type", "enum", "const", "pattern", "not")


def _violations(error: ValidationError, root: Any) -> Iterator[Violation]:
    path: Path = tuple(error.absolute_path)
    if error.validator in ("additionalProperties", "unevaluatedProperties") and isinstance(error.instance, dict):
        known, patterns = _known(error.schema, root)
        extras = [key for key in error.instance if key not in known and not any(re.search(p, key) for p in patterns)]
        for key in extras[:EXTRAS_MAX]:
            message = f"`{key[:60]}` is not a known field here.{suggestion(key, known)}"
            yield Violation((*path, key), message, _listed(known), unknown=True)
        return
    # A branch inside of `allOf` that failed makes others look unknown; only true strangers are told, above.
    message, fix = _words(error, path)
    yield Violation(path, message, fix)


def _known(schema: Any, root: Any, depth: int = 0) -> tuple[set[str], list[str]]:
    """Return the names and patterns of properties that a schema allows, those of its references included."""
    names: set[str] = set()
    patterns: list[str] = []
    if not isinstance(schema, dict) or depth > 4:
        return names, patterns
    names |= set(schema.get("properties", {}))
    patterns += schema.get("patternProperties", {})
    reference = schema.get("$ref", "")
    parts = [_at(root, reference)] if reference.startswith("#/") else []
    for part in [*schema.get("allOf", []), *parts]:
        more, others = _known(part, root, depth + 1)
        names |= more
        patterns += others
    return names, patterns


def _at(root: Any, reference: str) -> Any:
    for part in reference.removeprefix("#/").split("/"):
        root = root.get(part, {}) if isinstance(root, dict) else {}
    return root


def _listed(names: set[str]) -> str:
    if not names:
        return "Remove it."
    shown = sorted(names)[:NAMES_LISTED]
    return f"Known here: {', '.join(shown)}{', …' if len(names) > NAMES_LISTED else ''}."


def _words(error: ValidationError, path: Path) -> tuple[str, str]:
    name = f"`{path[-1]}`" if path and isinstance(path[-1], str) else "This"
    rule, wanted, value = str(error.validator), error.validator_value, error.instance
    if rule == "required":
        missing = _MISSING.match(error.message)
        field_name = missing.group(1) if missing else "a field"
        return f"{name} has no `{field_name}`, which is required.", f"Add `{field_name}`."
    if rule == "type":
        return _wrong_type(name, wanted, value, path)
    if rule in ("enum", "const"):
        choices = [str(choice) for choice in (wanted if isinstance(wanted, list) else [wanted])]
        hint = suggestion(value, choices) if isinstance(value, str) else ""
        return (
            f"{name} is {_shown(value, path)}, which is not allowed.{hint}",
            f"Use one of: {', '.join(choices[:NAMES_LISTED])}.",
        )
    if rule in ("oneOf", "anyOf"):
        return _no_branch(name, error, path)
    return _other(name, rule, wanted, value, path)


def _wrong_type(name: str, wanted: Any, value: Any, path: Path) -> tuple[str, str]:
    kinds = [kind for kind in ([wanted] if isinstance(wanted, str) else wanted) if kind != "null"] or ["null"]
    words = " or ".join(_TYPES.get(kind, kind) for kind in kinds)
    message = f"{name} must be {words}, not {_shown(value, path)}."
    if "string" in kinds and isinstance(value, bool | int | float):
        return message, 'Put the value in quotes, such as "true" or "8080".'
    if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?|true|false", value):
        return message, "Remove the quotes."
    return message, f"Write {words}."


def _no_branch(name: str, error: ValidationError, path: Path) -> tuple[str, str]:
    inner = error.context or []
    kinds = [kind for one in inner if one.validator == "type" and not one.relative_path for kind in _kinds(one)]
    words = " or ".join(dict.fromkeys(_TYPES.get(kind, kind) for kind in kinds))
    if words and all(_is_other_kind(one) for one in inner):
        return f"{name} is {_shown(error.instance, path)} in no allowed form; {words} is expected.", f"Write {words}."
    needed = sorted({one.message.split("'")[1] for one in inner if one.validator == "required" and "'" in one.message})
    if needed:
        return (
            f"{name} fits none of the allowed forms; one of {', '.join(needed[:8])} is missing.",
            "Add one of them." if len(needed) > 1 else f"Add `{needed[0]}`.",
        )
    return f"{name} fits none of the allowed forms.", "Compare it with the reference of this field."


def _kinds(error: ValidationError) -> list[str]:
    value = error.validator_value
    return [value] if isinstance(value, str) else list(value)


def _other(name: str, rule: str, wanted: Any, value: Any, path: Path) -> tuple[str, str]:
    if rule == "pattern":
        return f"{name} is {_shown(value, path)}, which has not the form that is expected.", f"It must match {wanted}"
    if rule in ("minItems", "minProperties", "minLength"):
        return f"{name} must not be empty.", "Add an entry, or remove the key."
    if rule in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        side = "small" if "min" in rule.lower() else "large"
        return f"{name} is {_shown(value, path)}, too {side}.", f"The bound is {wanted}."
    if rule in ("dependencies", "dependentRequired"):
        return _alone(name, wanted, value)
    if rule == "not":
        return f"{name} has a combination of fields that is not allowed.", "Remove one of them."
    return f"{name} does not fit the schema ({rule}).", "Compare it with the reference of this field."


def _alone(name: str, wanted: dict[str, Any], value: Any) -> tuple[str, str]:
    for key, others in wanted.items():
        missing = [other for other in others if other not in value] if isinstance(others, list) and key in value else []
        if missing:
            return f"{name} has `{key}`, which is allowed only together with `{missing[0]}`.", f"Add `{missing[0]}`."
    return f"{name} has a field that is allowed only together with another one.", "See which fields belong together."


def _shown(value: Any, path: Sequence[str | int]) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if any(isinstance(part, str) and _PRIVATE.search(part) for part in path):
        return "text" if isinstance(value, str) else "a number"
    if isinstance(value, str):
        return f'the text "{value[:SHOWN_MAX]}{"…" if len(value) > SHOWN_MAX else ""}"'
    return f"the number {value}"
