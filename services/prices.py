"""Read what an action costs from the price list in the database."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import ActionPrice, ActionType


def actions(tx: Session) -> dict[str, int]:
    """Return the price of each action in credits: `chat_message` and every tool that is for sale."""
    return {price.action: price.credits for price in tx.scalars(select(ActionPrice))}


def of_message(prices: dict[str, int]) -> int:
    """Return what a chat message costs, in credits."""
    return prices.get(ActionType.CHAT_MESSAGE, 1)
