"""Offer a model on loopback to the tests of the loop."""

from collections.abc import Iterator

import pytest

from clients.claude import ClaudeModel
from tests.fakes.anthropic_server import FakeAnthropic


@pytest.fixture
def fake() -> Iterator[FakeAnthropic]:
    """Return a server that speaks Anthropic's wire."""
    with FakeAnthropic() as server:
        yield server


@pytest.fixture
def model(fake: FakeAnthropic) -> ClaudeModel:
    """Return the client that asks it."""
    return ClaudeModel("sk-ant-test", fake.base_url, "claude-sonnet-5-5", 30)
