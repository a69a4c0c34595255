"""Say in words what a tool's input may be, from its JSON Schema."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "array": "list",
    "null": "nothing",
}
_DEEPEST = 4


def rows(schema: Schema) -> list[dict[str, Any]]:
    """Return each key of the input with its type, limits, default and description."""
    required = schema.get("required", [])
    definitions = schema.get("$defs", {})
    found = [_row(key, one, key in required, definitions) for key, one in schema.get("properties", {}).items()]
    return sorted(found, key=lambda row: (not row["required"], row["key"] == "connection"))


def _row(key: str, found: Schema, required: bool, definitions: Schema) -> dict[str, Any]:
    plain = _resolved(found, definitions)
    return {
        "key": key,
        "type": _type(plain, definitions),
        "required": required,
        "default": None if required else _default(plain.get("default")),
        "limits": _limits(plain, definitions),
        "description": found.get("description", plain.get("description", "")),
    }


def _resolved(found: Schema, definitions: Schema, depth: int = 0) -> dict[str, Any]:
    """Return the schema without references, and without the null that only says that the key may be left out."""
    if depth > _DEEPEST:
        return dict(found)
    rest = {key: value for key, value in found.items() if key not in ("$ref", "anyOf", "oneOf", "allOf")}
    if "$ref" in found:
        target = definitions.get(str(found["$ref"]).rpartition("/")[2], {})
        return _resolved({**target, **rest}, definitions, depth + 1)
    choices = [
        _resolved(one, definitions, depth + 1)
        for one in (found.get("anyOf") or found.get("oneOf") or found.get("allOf") or [])
        if one.get("type") != "null"
    ]
    if len(choices) == 1:
        return {**choices[0], **rest}
    return {**rest, "choices": choices} if choices else dict(found)


def _type(plain: Schema, definitions: Schema, depth: int = 0) -> str:
    if "choices" in plain and depth < _DEEPEST:
        return " or ".join(dict.fromkeys(_type(one, definitions, depth + 1) for one in plain["choices"]))
    if "enum" in plain or "const" in plain:
        return "one of a list" if "enum" in plain else "a fixed value"
    kind = plain.get("type")
    if isinstance(kind, list):
        return " or ".join(_TYPES.get(str(one), "any") for one in kind if one != "null")
    if kind == "array" and isinstance(plain.get("items"), Mapping) and plain["items"]:
        return f"list of {_type(_resolved(plain['items'], definitions), definitions, depth + 1)}"
    if kind == "object" and isinstance(plain.get("additionalProperties"), Mapping):
        return f"object of {_type(_resolved(plain['additionalProperties'], definitions), definitions, depth + 1)}"
    return _TYPES.get(str(kind), "any")


def _limits(plain: Schema, definitions: Schema) -> list[str]:
    values = plain["enum"] if "enum" in plain else [plain["const"]] if "const" in plain else []
    found = [" or ".join(str(value) for value in values)] if values else []
    found += _range(_least(plain), _most(plain), "")
    found += _range(plain.get("minLength"), plain.get("maxLength"), " character")
    found += _range(plain.get("minItems"), plain.get("maxItems"), " item")
    found += _range(plain.get("minProperties"), plain.get("maxProperties"), " key")
    for one in plain.get("choices", []):
        found += [limit for limit in _limits(one, definitions) if limit not in found]
    if isinstance(plain.get("items"), Mapping):
        found += [f"each {limit}" for limit in _limits(_resolved(plain["items"], definitions), definitions)]
    return found


def _least(plain: Schema) -> Any:
    over = plain.get("exclusiveMinimum")
    return plain.get("minimum") if over is None else f"more than {over}"


def _most(plain: Schema) -> Any:
    under = plain.get("exclusiveMaximum")
    return plain.get("maximum") if under is None else f"less than {under}"


def _range(least: Any, most: Any, unit: str) -> list[str]:
    """Return the words for a range: `1 to 253 characters`, `at most 20 items`, `at least 1`."""
    if isinstance(least, str) or isinstance(most, str):
        ends = [_end(least, "at least"), _end(most, "at most")]
        return [", ".join(end for end in ends if end)]
    if least is None and most is None:
        return []
    if most is None:
        return [f"at least {_counted(least, unit)}"] if least or not unit else []
    if not least and unit or least is None:
        return [f"at most {_counted(most, unit)}"]
    return [f"{least:,} to {_counted(most, unit)}" if least != most else f"exactly {_counted(most, unit)}"]


def _end(value: Any, words: str) -> str:
    return "" if value is None else value if isinstance(value, str) else f"{words} {value:,}"


def _counted(amount: int, unit: str) -> str:
    return f"{amount:,}{unit}{'s' if unit and amount != 1 else ''}"


def _default(value: Any) -> str | None:
    if value is None or value in ("", [], {}):
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
