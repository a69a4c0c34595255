"""Describe the agent's tools to people: the list of them, a page for each, and what to try first.

All of it comes from the tools' own definitions and the price list, so that it can't drift from what runs.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from agent.kinds import NOUNS
from agent.outcomes import RESULT_MAX_CHARS
from agent.types import Tool
from errors import NotFound
from services import input_schemas
from services.tool_samples import SAMPLES

FAMILIES = {
    "network": ("Network", "Looks at public hosts from outside, as a visitor would."),
    "lint": ("Files and manifests", "Paste a file; nothing of it is run."),
    "logs": ("Logs", "What you paste, or what your Loki keeps."),
    "general": ("Schedules and addresses", "Exact answers where guessing goes wrong."),
    "kubernetes": ("Kubernetes", "Works on a cluster that you connect."),
    "github": ("GitHub", "Works with a GitHub token that you connect."),
    "metrics": ("Metrics", "Asks the Prometheus that you connect."),
    "aws": ("AWS", "Reads an AWS account that you connect."),
}
"""The families of tools in the order of the list, with their names and a line on each."""
SUGGESTED = 6
LINE_MIN = 40
LINE_MAX = 120
"""Characters of the line on a tool in lists."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_YOURS = (
    ("the user's", "your"),
    ("The user's", "Your"),
    ("the user is", "you are"),
    ("The user is", "You are"),
    ("the user has", "you have"),
    ("the user pasted", "you pasted"),
)


def catalogue(tools: Iterable[Tool], prices: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the tools that are for sale, by family."""
    offered = [_brief(tool, prices[tool.name]) for tool in tools if tool.name in prices]
    known = [*FAMILIES, *sorted({tool["family"] for tool in offered} - set(FAMILIES))]
    groups = [(name, [tool for tool in offered if tool["family"] == name]) for name in known]
    return [
        {"key": name, "name": _family(name)[0], "line": _family(name)[1], "tools": listed}
        for name, listed in groups
        if listed
    ]


def page(tool: Tool | None, prices: Mapping[str, int], *, approve_above: int, tool_seconds: int) -> dict[str, Any]:
    """Return all that a tool's own page says; raises 404 for one that is unknown or not for sale."""
    if tool is None or tool.name not in prices:
        raise NotFound("tool_not_found", "There is no such tool.")
    price = prices[tool.name]
    return {
        **_brief(tool, price),
        "family_name": _family(tool.family)[0],
        "examples": _examples(tool),
        "returns": for_people(tool.returns),
        "inputs": [
            {**row, "description": for_people(row["description"])} for row in input_schemas.rows(tool.input_schema)
        ],
        "asks": "writes" if tool.writes else "price" if price > approve_above else "never",
        "approve_above": approve_above,
        "connection_noun": NOUNS.get(tool.needs_connection, tool.needs_connection) if tool.needs_connection else None,
        "result_max_chars": RESULT_MAX_CHARS,
        "tool_seconds": tool_seconds,
    }


def suggestions(
    tools: Iterable[Tool], prices: Mapping[str, int], connected: Collection[str] = ()
) -> list[dict[str, Any]]:
    """Return what to try in an empty conversation: one tool of each family, those first that need no connection.

    `connected` are the kinds of system that the user has connected; what needs another one says so.
    """
    first: dict[str, Tool] = {}
    for tool in sorted(tools, key=lambda one: one.needs_connection is not None):
        if tool.name in prices and tool.examples and not tool.writes:
            first.setdefault(tool.family, tool)
    ordered = sorted(first.values(), key=lambda tool: (tool.needs_connection is not None, _rank(tool.family)))
    return [
        {
            **_examples(tool)[0],
            "title": tool.title,
            "credits": prices[tool.name],
            "connect": tool.needs_connection is not None and tool.needs_connection not in connected,
        }
        for tool in ordered[: min(SUGGESTED, len(ordered) // 2 * 2)]  # They stand two in a row.
    ]


def _examples(tool: Tool) -> list[dict[str, Any]]:
    """Return the examples of a tool, in words and as what to send: below the first goes a sample of what it reads."""
    shown = [{"words": words.rstrip(":"), "text": words, "has_sample": False} for words in tool.examples]
    if shown and tool.name in SAMPLES:
        shown[0] |= {"text": f"{tool.examples[0]}\n```\n{SAMPLES[tool.name]}```", "has_sample": True}
    return shown


def _brief(tool: Tool, price: int) -> dict[str, Any]:
    return {
        "name": tool.name,
        "title": tool.title,
        "line": _line(tool.description),
        "description": for_people(tool.description),
        "family": tool.family,
        "credits": price,
        "writes": tool.writes,
        "needs_connection": tool.needs_connection,
    }


def for_people(text: str) -> str:
    """Return a text that is written for the model as its user reads it, without what only the model has to be told."""
    kept = [
        one for one in _SENTENCE.split(text) if not one.startswith(("Use ", "Never ")) and "instructions" not in one
    ]
    told = " ".join(kept)
    for words, yours in _YOURS:
        told = told.replace(words, yours)
    return told


def _line(description: str) -> str:
    """Return in one line what a description says first, without what is in brackets."""
    plain = " ".join(re.sub(r"\([^()]*\)", "", for_people(description)).replace("`", "").split())
    plain = re.sub(r" ([,.:;])", r"\1", plain)
    clause = re.split(r"[.:;](?:\s|$)", plain, maxsplit=1)[0]
    if len(clause) >= LINE_MIN or len(plain) <= LINE_MAX:
        return f"{clause if len(clause) >= LINE_MIN else plain.rstrip('.')}."
    return f"{re.split(r'[,.:;](?=[^,.:;]*$)', plain[:LINE_MAX])[0]}."


def _family(name: str) -> tuple[str, str]:
    return FAMILIES.get(name, (name.capitalize(), ""))


def _rank(family: str) -> int:
    names = list(FAMILIES)
    return names.index(family) if family in names else len(names)
