"""Read the input that a model gives to a tool, and refuse what does not fit."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.types import ToolError

COMPLAINTS_SHOWN = 3


class ToolInput(BaseModel):
    """Declare a tool's input: its JSON Schema and its strict check come from the same fields."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class OnConnection(ToolInput):
    """Input of a tool that works on one of the user's connections."""

    connection: str | None = Field(
        default=None, max_length=80, description="Name of the connection; only needed if there are several of its kind"
    )


def schema_of(model: type[ToolInput]) -> dict[str, Any]:
    """Return the JSON Schema of the input, without the titles that pydantic makes up."""
    schema: dict[str, Any] = _without_titles(model.model_json_schema())
    schema.pop("description", None)  # It is the docstring of our class.
    return schema


def reader(model: type[ToolInput]) -> Callable[[object], dict[str, Any]]:
    """Return the check of this input; it raises ToolError with one sentence that says what is wrong."""

    def read(raw: object) -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise ToolError("The input must be a JSON object.")
        try:
            return model.model_validate(raw).model_dump()
        except ValidationError as error:
            raise ToolError(_complaint(error)) from None

    return read


def length_of(key: str) -> Callable[[dict[str, Any]], str]:
    """Return the target of a tool that reads a pasted text: how many lines it has."""

    def target(given: dict[str, Any]) -> str:
        text = given.get(key)
        if not isinstance(text, str) or not text:
            return ""
        lines = text.count("\n") + 1
        return f"{lines:,} line{'s' if lines != 1 else ''}"

    return target


def _complaint(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    parts = []
    for problem in problems[:COMPLAINTS_SHOWN]:
        # A key that the schema does not know is the caller's own text, so it is shortened.
        where = ".".join(str(part)[:40] for part in problem["loc"])
        parts.append(f"`{where}`: {problem['msg'].removeprefix('Value error, ')}" if where else problem["msg"])
    hidden = len(problems) - len(parts)
    return "Wrong input. " + "; ".join(parts) + (f"; and {hidden} more." if hidden else ".")


def _without_titles(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_titles(item) for key, item in value.items() if not (key == "title" and type(item) is str)}
    return [_without_titles(item) for item in value] if isinstance(value, list) else value
