"""Hold a tool's price while it runs, and note that it runs before it does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from agent.types import Tool
from models import UsageLog
from services import credits
from services.transaction import Database, utcnow


class ToolCharge:
    """A tool's price while it runs."""

    def __init__(self, db: Database, log_id: int, credits: int, simulated: bool) -> None:
        self.credits = credits
        self.log_id = log_id
        self.store: Callable[[Session, dict[str, Any]], None] = lambda _tx, _result: None
        """Store the tool's result in its answer; set by the answer that runs the tool."""
        self._db = db
        self._simulated = simulated

    def settle(self, duration_ms: int, result: dict[str, Any]) -> None:
        """Keep the price: the tool ran. `credits` is 0 afterwards if the lease had run out and nothing was kept.

        The result is stored in the same transaction: a server that dies leaves no tool that was paid for without it.
        """
        with self._db.write() as tx:
            failure = None if result["success"] else result["summary"]
            kept = credits.settle(tx, self.log_id, now=utcnow(), simulated=self._simulated, failure=failure)
            price = self.credits if kept else 0
            self._note(tx, duration_ms)
            self.store(tx, {**result, "credits": price})
        self.credits = price

    def refund(self, reason: str, duration_ms: int) -> None:
        """Give the price back: the tool failed on our side."""
        with self._db.write() as tx:
            credits.refund(tx, self.log_id, reason, now=utcnow(), simulated=self._simulated)
            self._note(tx, duration_ms)

    def _note(self, tx: Session, duration_ms: int) -> None:
        tx.execute(update(UsageLog).where(UsageLog.id == self.log_id).values(duration_ms=duration_ms))


@dataclass(frozen=True)
class Begun:
    """What stands in an answer that goes on behind the user's word, and the charge of the tool if it was yes."""

    blocks: list[dict[str, Any]]
    charge: ToolCharge | None


def start_block(call: dict[str, Any], tool: Tool | None, credits: int, **more: Any) -> dict[str, Any]:
    """Return our note that a tool is about to run."""
    return {
        "type": "tool_start",
        "tool_use_id": call["id"],
        "name": call["name"],
        "title": tool.title if tool else call["name"],
        "target": tool.target(call["input"]) if tool else "",
        "credits": credits,
        **more,
    }
