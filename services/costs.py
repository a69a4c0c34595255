"""Add up what the agent cost the operator, beside the credits that were taken for it: the base of the margin.

The model's cost is kept with each message, in micro-dollars by the prices of its day, also where the message failed and
was refunded. A tool has no price of its own for the operator; what it takes is time.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from models import ActionType, Message, UsageLog
from services.transaction import Database


@dataclass(frozen=True)
class ModelCost:
    """What one model was used for, and what that cost."""

    model: str
    messages: int
    input_tokens: int
    cache_write_tokens: int
    cache_read_tokens: int
    output_tokens: int
    thinking_tokens: int
    micros: int
    unpriced: int
    """Messages whose price is not known; they are not in `micros`."""


@dataclass(frozen=True)
class ActionUse:
    """How often an action ran, what was kept for it and how long it took."""

    action: str
    count: int
    failed: int
    credits: int
    mean_ms: int | None


@dataclass(frozen=True)
class Costs:
    """What the agent cost and brought in credits since a moment."""

    models: list[ModelCost]
    actions: list[ActionUse]

    @property
    def micros(self) -> int:
        return sum(model.micros for model in self.models)

    @property
    def credits(self) -> int:
        return sum(action.credits for action in self.actions)


def since(db: Database, start: datetime) -> Costs:
    """Return the costs of all users from `start` on."""
    return Costs(_models(db, start), _actions(db, start))


def _models(db: Database, start: datetime) -> list[ModelCost]:
    sums = [
        func.coalesce(func.sum(column), 0)
        for column in (
            Message.input_tokens,
            Message.cache_write_tokens,
            Message.cache_read_tokens,
            Message.output_tokens,
            Message.thinking_tokens,
            Message.cost_micros,
        )
    ]
    unpriced = func.count() - func.count(Message.cost_micros)
    query = select(Message.model, func.count(), *sums, unpriced).where(
        Message.created_at >= start, Message.model.is_not(None)
    )
    with db.read() as tx:
        rows = tx.execute(query.group_by(Message.model).order_by(Message.model)).all()
    return [ModelCost(str(model), *(int(value or 0) for value in values)) for model, *values in rows]


def _actions(db: Database, start: datetime) -> list[ActionUse]:
    name = func.coalesce(UsageLog.tool_name, ActionType.CHAT_MESSAGE)
    failed = func.count().filter(UsageLog.succeeded.is_(False))
    query = select(
        name, func.count(), failed, func.coalesce(func.sum(UsageLog.credits_used), 0), func.avg(UsageLog.duration_ms)
    ).where(UsageLog.created_at >= start, UsageLog.goes_on.is_(False))
    with db.read() as tx:
        rows = tx.execute(query.group_by(name).order_by(func.count().desc(), name)).all()
    return [
        ActionUse(str(action), count, failures, int(kept or 0), None if mean is None else round(mean))
        for action, count, failures, kept, mean in rows
    ]
