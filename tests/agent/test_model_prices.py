"""Show what a request costs the operator."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model_prices import cost_micros
from clients.model import TokenUsage

MILLION = 1_000_000


@pytest.mark.parametrize(
    ("model", "usage", "micros"),
    [
        ("claude-sonnet-5-5", TokenUsage(MILLION, 0, 0, 0), 2_000_000),
        ("claude-sonnet-5-5", TokenUsage(0, MILLION, 0, 0), 10_000_000),
        ("claude-sonnet-5-5", TokenUsage(0, 0, MILLION, 0), 2_500_000),
        ("claude-sonnet-5-5", TokenUsage(0, 0, 0, MILLION), 200_000),
        ("claude-opus-5-5", TokenUsage(100, 200, 300, 400), 400 + 4_000 + 1_500 + 80),
        ("claude-haiku-5-5", TokenUsage(100_000, 1000, 0, 0), 10_000 + 500),
        ("claude-haiku-5-5", TokenUsage(100_001, 1000, 0, 0), 50_001 + 2_500),
        ("claude-haiku-5-5", TokenUsage(50_000, 0, 25_000, 25_000), 5_000 + 3_125 + 250),
        ("claude-haiku-5-5", TokenUsage(50_000, 0, 25_001, 25_000), 25_000 + 15_626 + 1_250),
        ("claude-sonnet-5-5-20260915", TokenUsage(1, 0, 0, 0), 2),
        ("offline", TokenUsage(), 0),
    ],
)
def test_it_follows_the_list(model: str, usage: TokenUsage, micros: int) -> None:
    assert cost_micros(model, usage) == micros


@pytest.mark.parametrize("model", ["claude-sonnet-5-5-mini", "claude-sonnet-5", "gpt", "", "claude-sonnet-5-5-2026"])
def test_an_unknown_model_has_no_price(model: str) -> None:
    assert cost_micros(model, TokenUsage(1, 1, 1, 1)) is None


def test_a_part_of_a_micro_dollar_counts_whole() -> None:
    assert cost_micros("claude-haiku-5-5", TokenUsage(1, 0, 0, 0)) == 1
    assert cost_micros("claude-haiku-5-5", TokenUsage(11, 0, 0, 0)) == 2


def test_a_day_before_the_list_takes_the_oldest_prices() -> None:
    assert cost_micros("claude-sonnet-5-5", TokenUsage(1, 0, 0, 0), on=date(2020, 1, 1)) == 2


counts = st.integers(0, 10**9)


@given(counts, counts, counts, counts)
def test_more_tokens_never_cost_less(fresh: int, output: int, written: int, read: int) -> None:
    usage = TokenUsage(fresh, output, written, read)
    for model in ("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"):
        cost, more = cost_micros(model, usage), cost_micros(model, usage + TokenUsage(1, 1, 1, 1))
        assert cost is not None and more is not None and 0 <= cost <= more
