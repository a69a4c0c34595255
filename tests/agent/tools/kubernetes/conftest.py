"""Offer each test a cluster of its own."""

from collections.abc import Iterator

import pytest

from tests.fakes.kubernetes import FakeKubernetes


@pytest.fixture
def fake() -> Iterator[FakeKubernetes]:
    """Return a running fake cluster."""
    with FakeKubernetes() as running:
        yield running
