"""Show what stands in for a provider, and that every stand-in offers what the product asks for."""

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from clients.payments import Gateway, NoSuchObject, Order
from clients.simulated_payments import SimulatedPayments
from clients.stripe_gateway import StripeGateway
from errors import AppError

NOW = datetime(2026, 1, 31, tzinfo=UTC)
ORDER = Order("cus_1", "price_1", "payment", "https://here/yes", "https://here/no", {})


def _methods(gateway: type) -> dict[str, Any]:
    return {name: member for name, member in vars(gateway).items() if inspect.isfunction(member) and name[0] != "_"}


@pytest.mark.parametrize("stand_in", [SimulatedPayments, StripeGateway])
def test_it_offers_all_that_the_product_asks_for(stand_in: type) -> None:
    for name, asked in _methods(Gateway).items():
        offered = inspect.signature(getattr(stand_in, name))
        assert list(offered.parameters.items()) == list(inspect.signature(asked).parameters.items()), name
    offered_names = {name for base in stand_in.__mro__[:-1] for name in _methods(base)}
    assert offered_names == set(_methods(Gateway))


def test_no_money_moves() -> None:
    gateway = SimulatedPayments()
    assert (gateway.simulated, gateway.livemode) == (True, False)


@pytest.mark.parametrize(
    "call",
    [
        lambda gateway: gateway.create_customer("alice@example.com", "mark", key="k"),
        lambda gateway: gateway.open_checkout(ORDER, key="k"),
        lambda gateway: gateway.open_portal("cus_1", "https://here", None),
        lambda gateway: gateway.create_product("Starter plan", {}, key="k"),
        lambda gateway: gateway.create_price("prod_1", 1, recurring=True, lookup_key="x", metadata={}, key="k"),
        lambda gateway: gateway.save_portal(None, key="k"),
    ],
)
def test_nothing_can_be_opened_or_made(call: Callable[[SimulatedPayments], object]) -> None:
    with pytest.raises(AppError) as caught:
        call(SimulatedPayments())
    assert (caught.value.status, caught.value.code) == (503, "payments_not_configured")


@pytest.mark.parametrize(
    "call",
    [
        lambda gateway: gateway.customer("cus_1"),
        lambda gateway: gateway.facts("cus_1"),
        lambda gateway: gateway.payment_customer("pi_1"),
        lambda gateway: gateway.expire_checkout("cs_1"),
        lambda gateway: gateway.cancel_now("sub_1"),
        lambda gateway: gateway.mark_invoice("in_1", {}),
        lambda gateway: gateway.void_invoice("in_1"),
        lambda gateway: gateway.refund("pi_1", key="k"),
        lambda gateway: gateway.price("price_1"),
        lambda gateway: gateway.product_name("prod_1"),
        lambda gateway: gateway.rename_product("prod_1", "Starter plan"),
        lambda gateway: gateway.retire_price("price_1"),
    ],
)
def test_nothing_is_known(call: Callable[[SimulatedPayments], object]) -> None:
    with pytest.raises(NoSuchObject):
        call(SimulatedPayments())


def test_nothing_is_listed_and_no_event_is_heard() -> None:
    gateway = SimulatedPayments()
    assert gateway.find_customer("alice@example.com", "mark") is None
    assert list(gateway.customers_since(NOW)) == []
    assert (gateway.prices(["x"]), gateway.portals(), gateway.webhook_endpoints()) == ([], [], [])
    with pytest.raises(AppError) as caught:
        gateway.read_event(b"{}", "t=1,v1=1")
    assert caught.value.status == 404
