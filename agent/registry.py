"""Keep the tools that the agent can be offered, in one fixed order."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from agent.tools import (
    aws,
    ci,
    cidr,
    compose,
    cron,
    dns,
    dockerfile,
    github,
    http,
    kubernetes,
    logs,
    loki,
    manifests,
    metrics,
    secrets,
    terraform,
    tls,
)
from agent.types import Tool

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Registry:
    """Hold tools by name; the order never changes, since a changed tool list breaks the model's prompt cache."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            if not _NAME.fullmatch(tool.name):
                raise ValueError(f"{tool.name!r} is not a name for a tool")
            if tool.name in self._tools:
                raise ValueError(f"two tools are called {tool.name}")
            if tool.input_schema.get("type") != "object":
                raise ValueError(f"the input of {tool.name} must be an object")
            self._tools[tool.name] = tool

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._tools.values())

    def __len__(self) -> int:
        return len(self._tools)

    @property
    def names(self) -> list[str]:
        """Return all names, in order."""
        return list(self._tools)

    def get(self, name: str) -> Tool | None:
        """Return the tool of this name, or None."""
        return self._tools.get(name)

    def model_schemas(self, names: Collection[str], prices: Mapping[str, int] | None = None) -> list[dict[str, Any]]:
        """Return the named tools as the Messages API wants them, in the registry's order; skip unknown names."""
        return [_schema(tool, (prices or {}).get(tool.name, 0)) for tool in self if tool.name in names]


def _schema(tool: Tool, price: int) -> dict[str, Any]:
    cost = f" Costs the user {price} credit{'' if price == 1 else 's'}." if price else ""
    return {"name": tool.name, "description": tool.description + cost, "input_schema": tool.input_schema}


def default_tools() -> list[Tool]:
    """Return every tool of the product, in the order in which they are shown."""
    return [
        *http.TOOLS,
        *tls.TOOLS,
        *dns.TOOLS,
        *logs.TOOLS,
        *manifests.TOOLS,
        *dockerfile.TOOLS,
        *compose.TOOLS,
        *ci.TOOLS,
        *terraform.TOOLS,
        *cron.TOOLS,
        *cidr.TOOLS,
        *secrets.TOOLS,
        *kubernetes.TOOLS,
        *github.TOOLS,
        *metrics.TOOLS,
        *loki.TOOLS,
        *aws.TOOLS,
    ]


REGISTRY = Registry(default_tools())
