"""Give tests a tool that writes: a lever that can be pulled, with everything that surrounds it real."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from agent.inputs import ToolInput, reader, schema_of
from agent.types import Change, Preview, Reach, Tool, ToolError, ToolOutput
from models import ActionPrice
from services.house import House
from services.transaction import insert_new


class LeverInput(ToolInput):
    """Input of the lever."""

    to: int


@dataclass
class Lever:
    """Stand for whatever a tool writes to; it counts how often it was pulled, and where to."""

    at: int = 0
    pulls: list[int] = field(default_factory=list)
    pulling: threading.Event = field(default_factory=threading.Event)
    gate: threading.Event | None = None
    fails_with: Exception | None = None
    looks_fail_with: Exception | None = None
    while_looking: Callable[[], None] = lambda: None

    def look(self, given: dict[str, Any], _reach: Reach) -> Preview:
        """Say what a pull would change."""
        self.while_looking()
        if self.looks_fail_with is not None:
            raise self.looks_fail_with
        return Preview("the lever in the cellar", (Change("position", str(self.at), str(given["to"])),))

    def let_go(self) -> None:
        """Let a pull that is held go on."""
        assert self.gate is not None
        self.gate.set()

    def pull(self, given: dict[str, Any], reach: Reach) -> ToolOutput:
        """Pull it; refuses what nobody has approved."""
        if reach.approved is None:
            raise ToolError("Nobody has approved this.", ours=True)
        self.pulling.set()
        if self.gate is not None:
            self.gate.wait(60)
        if self.fails_with is not None:
            raise self.fails_with
        self.pulls.append(given["to"])
        before, self.at = self.at, given["to"]
        return ToolOutput({"before": before, "after": self.at}, f"{before} to {self.at}")

    def tool(self, name: str = "pull_lever") -> Tool:
        """Return the tool that pulls it."""
        return Tool(
            name=name,
            title="Pull the lever",
            description="Pull the lever to a position.",
            input_schema=schema_of(LeverInput),
            run=self.pull,
            read=reader(LeverInput),
            target=lambda given: f"to {given.get('to')}",
            writes=True,
            preview=self.look,
        )

    def gauge(self) -> Tool:
        """Return a tool that only reads, and costs."""
        read = replace(self.tool("read_gauge"), title="Read the gauge", writes=False, preview=None)
        return replace(read, run=lambda given, _reach: ToolOutput({"at": self.at, "asked": given["to"]}, "read"))


@contextmanager
def built_in(monkeypatch: pytest.MonkeyPatch, house: House, lever: Lever, price: int = 5) -> Iterator[Lever]:
    """Put the lever and its gauge among the tools of the house, for sale."""
    for tool in (lever.tool(), lever.gauge()):
        monkeypatch.setitem(house.tools._tools, tool.name, tool)
        with house.db.write() as tx:
            insert_new(tx, ActionPrice, {"action": tool.name, "credits": price})
    yield lever
