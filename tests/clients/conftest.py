"""Offer a fake Stripe, the gateway that talks to it, and things to sell."""

from collections.abc import Iterator

import pytest

from clients.payments import Price, Subscription
from clients.stripe_gateway import StripeGateway
from tests.fakes.stripe import FakeStripe
from tests.support.stripe_deeds import DAY_ONE, new_customer, new_price, subscribe


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    """Return a Stripe of this test's own, whose clock stands still on the first day."""
    with FakeStripe(now=DAY_ONE) as server:
        yield server


@pytest.fixture
def gateway(fake: FakeStripe) -> StripeGateway:
    """Return a gateway that talks to it over the wire."""
    return StripeGateway("sk_test_fake", webhook_secret="whsec_fake", base=fake.url)


@pytest.fixture
def starter(gateway: StripeGateway) -> Price:
    """Return a monthly price."""
    return new_price(gateway, 1900)


@pytest.fixture
def professional(gateway: StripeGateway) -> Price:
    """Return a higher monthly price."""
    return new_price(gateway, 7900)


@pytest.fixture
def pack(gateway: StripeGateway) -> Price:
    """Return a price that is paid once."""
    return new_price(gateway, 1000, recurring=False)


@pytest.fixture
def subscription(fake: FakeStripe, gateway: StripeGateway, starter: Price) -> Subscription:
    """Return what somebody subscribes to at the lower price, since the first day."""
    return subscribe(fake, gateway, new_customer(gateway), starter)
