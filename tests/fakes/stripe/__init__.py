"""A stateful stand-in for Stripe: its API, its hosted pages, its clock and its events."""

from tests.fakes.stripe.server import FakeStripe
from tests.fakes.stripe.store import Dunning

__all__ = ["Dunning", "FakeStripe"]
