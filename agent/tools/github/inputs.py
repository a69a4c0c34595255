"""Check the inputs of a workflow against what its file declares, so that a wrong run is refused before it starts."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from agent.outside import mapping, words
from agent.types import ToolError
from agent.yaml_input import read_documents

# GitHub takes no more: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax
INPUTS_MAX = 25
PAYLOAD_MAX = 65_535
NAMES_SHOWN = 12
OPTIONS_SHOWN = 20


@dataclass(frozen=True)
class Declared:
    """What a workflow's file says: its inputs by name, and the environments that its jobs name."""

    inputs: dict[str, dict[str, Any]]
    environments: tuple[str, ...]


def declared(content: dict[str, Any], file: str) -> Declared:
    """Read a workflow's file as the contents API gives it; raises ToolError if it can't be started by hand."""
    try:
        text = base64.b64decode(content.get("content") or "").decode()
    except (TypeError, ValueError, binascii.Error):
        raise ToolError(f"The file of {file} could not be read.", ours=True) from None
    workflow = mapping(read_documents(text, what=f"workflow {file}", dialect="github")[0].value)
    triggers = workflow.get("on")
    dispatch = "workflow_dispatch"
    if dispatch not in (triggers if isinstance(triggers, list | dict) else [triggers]):
        raise ToolError(
            f"{file} has no workflow_dispatch at that ref, so it can't be started by hand. Add it under `on:`."
        )
    inputs = mapping(mapping(mapping(triggers).get(dispatch)).get("inputs"))
    jobs = mapping(workflow.get("jobs")).values()
    return Declared(
        {name: mapping(one) for name, one in inputs.items()},
        tuple(dict.fromkeys(name for job in jobs if (name := _environment(mapping(job))))),
    )


def checked(given: dict[str, str], inputs: dict[str, dict[str, Any]], file: str) -> dict[str, str]:
    """Return the inputs to send, which are those given; raises ToolError for unknown, missing and impossible ones."""
    unknown = sorted(set(given) - set(inputs))
    if unknown:
        known = ", ".join(words(name, 60) for name in list(inputs)[:NAMES_SHOWN]) or "none"
        raise ToolError(f"{file} has no input `{words(unknown[0], 60)}`. It has: {known}.")
    for name, one in inputs.items():
        if name in given:
            _check_value(name, given[name], one)
        elif one.get("required") is True and as_text(one.get("default")) == "":
            raise ToolError(f"The input `{words(name, 60)}` of {file} is required.{_hint(one)}")
    return given


def as_text(value: Any) -> str:
    """Return a value as GitHub sends it to a workflow: everything is text there."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value) if isinstance(value, str | int | float) else ""


def resolved(environment: str, values: dict[str, str]) -> str:
    """Return an environment's name, where it is an input's value; an expression that can't be told is no name."""
    if "${{" not in environment:
        return environment
    inner = environment.strip().removeprefix("${{").removesuffix("}}").strip()
    for before in ("github.event.inputs.", "inputs."):
        if inner.startswith(before):
            return values.get(inner.removeprefix(before), "")
    return ""


def _check_value(name: str, value: str, one: dict[str, Any]) -> None:
    kind, shown = one.get("type"), f"`{words(name, 60)}`"
    if kind == "choice" and value not in [as_text(option) for option in _options(one)]:
        raise ToolError(f"The input {shown} can't be `{words(value, 60)}`.{_hint(one)}")
    if kind == "boolean" and value not in ("true", "false"):
        raise ToolError(f"The input {shown} must be true or false.")
    if kind == "number" and not _is_number(value):
        raise ToolError(f"The input {shown} must be a number.")
    if one.get("required") is True and value == "":
        raise ToolError(f"The input {shown} must not be empty.{_hint(one)}")


def _options(one: dict[str, Any]) -> list[Any]:
    options = one.get("options")
    return options if isinstance(options, list) else []


def _hint(one: dict[str, Any]) -> str:
    options = ", ".join(words(as_text(option), 60) for option in _options(one)[:OPTIONS_SHOWN])
    return f" Choose one of: {options}." if options else ""


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _environment(job: dict[str, Any]) -> str:
    named = job.get("environment")
    name = named.get("name") if isinstance(named, dict) else named
    return words(name, 200)
