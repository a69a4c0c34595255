"""Know what the models cost the operator. This is data with a date; it never touches what users pay."""

import re
from dataclasses import dataclass
from datetime import date

from clients.model import TokenUsage

MILLION = 1_000_000


@dataclass(frozen=True)
class Price:
    """The price of a model from a day on, in micro-dollars (millionths of a dollar) per million tokens.

    `up_to_input` is the largest whole input of a request for which the row holds; None means any.
    """

    model: str
    since: date
    input: int
    output: int
    cache_write: int
    cache_read: int
    up_to_input: int | None = None


_AUTUMN_2026 = date(2026, 9, 1)

# Anthropic's list as documented in autumn 2026; cache writes are those that live for five minutes. The bands of a model
# stand in rising order. The offline agent costs nothing.
PRICES = (
    Price("claude-haiku-5-5", _AUTUMN_2026, 100_000, 500_000, 125_000, 10_000, up_to_input=100_000),
    Price("claude-haiku-5-5", _AUTUMN_2026, 500_000, 2_500_000, 625_000, 50_000),
    Price("claude-sonnet-5-5", _AUTUMN_2026, 2_000_000, 10_000_000, 2_500_000, 200_000),
    Price("claude-opus-5-5", _AUTUMN_2026, 4_000_000, 20_000_000, 5_000_000, 200_000),
    Price("offline", _AUTUMN_2026, 0, 0, 0, 0),
)


def cost_micros(model: str, usage: TokenUsage, *, on: date | None = None) -> int | None:
    """Return what one request cost in micro-dollars, by the prices of that day (the latest ones by default).

    The band goes by the request's whole input: fresh, written to the cache and read from it. The sum is exact and then
    rounded up to a whole micro-dollar, so that the operator's margin is never overstated. None for an unknown model.
    """
    price = _price(model, usage.input_tokens + usage.cache_write_tokens + usage.cache_read_tokens, on)
    if price is None:
        return None
    total = (
        usage.input_tokens * price.input
        + usage.output_tokens * price.output
        + usage.cache_write_tokens * price.cache_write
        + usage.cache_read_tokens * price.cache_read
    )
    return -(-total // MILLION)


def _price(model: str, whole_input: int, on: date | None) -> Price | None:
    # Models are also known by the day of their release: claude-sonnet-5-5-20260915.
    name = re.sub(r"[-@]\d{8}$", "", model)
    rows = [price for price in PRICES if price.model == name]
    # A request older than the list is counted at the oldest prices known.
    days = sorted({price.since for price in rows})
    day = max((since for since in days if on is None or since <= on), default=days[0] if days else None)
    fits = (p for p in rows if p.since == day and (p.up_to_input is None or whole_input <= p.up_to_input))
    return next(fits, None)
