"""Show that a sync which breaks off anywhere is mended by running it again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from clients.payments import PaymentsUnavailable
from clients.stripe_gateway import StripeGateway
from models import StripeCatalogEntry, SubscriptionTier
from services import catalogue
from services.transaction import Database
from tests.fakes.stripe import FakeStripe

NOW = datetime(2026, 1, 31, 10, 0, tzinfo=UTC)


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe(now=NOW, serve=False) as server:
        yield server


@pytest.fixture
def gateway(fake: FakeStripe) -> StripeGateway:
    return StripeGateway("sk_test_fake", webhook_secret=None, http_client=fake.http_client())


class _Broken:
    """Do as many writes as it is told, and then none; the last one is done, but nobody hears of it."""

    def __init__(self, gateway: StripeGateway, writes: int) -> None:
        self._gateway = gateway
        self._left = writes

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._gateway, name)
        if name not in ("create_product", "create_price", "retire_price", "rename_product", "save_portal"):
            return found

        def call(*given: Any, **named: Any) -> Any:
            answer = found(*given, **named)
            self._left -= 1
            if self._left < 0:
                raise PaymentsUnavailable
            return answer

        return call


@pytest.mark.parametrize("writes", range(0, 15, 2))
def test_a_first_run_that_broke_off_is_run_again(
    database: Database, gateway: StripeGateway, fake: FakeStripe, writes: int
) -> None:
    with pytest.raises(PaymentsUnavailable):
        catalogue.sync(database, _Broken(gateway, writes), now=NOW)  # type: ignore[arg-type]
    catalogue.sync(database, gateway, now=NOW)
    again = catalogue.sync(database, gateway, now=NOW)
    assert [line for line in again if "is up to date" not in line] == []
    assert len(fake.world.tables["price"]) == 7


@pytest.mark.parametrize("writes", [0, 1])
def test_a_change_of_price_that_broke_off_leaves_one_price_on_sale(
    database: Database, gateway: StripeGateway, fake: FakeStripe, writes: int
) -> None:
    catalogue.sync(database, gateway, now=NOW)
    with database.write() as tx:
        tx.execute(update(SubscriptionTier).where(SubscriptionTier.name == "starter").values(monthly_price_cents=2900))
    with pytest.raises(PaymentsUnavailable):
        catalogue.sync(database, _Broken(gateway, writes), now=NOW + timedelta(hours=1))  # type: ignore[arg-type]
    catalogue.sync(database, gateway, now=NOW + timedelta(hours=2))
    mine = [one for one in fake.world.tables["price"].values() if one["metadata"].get("tier") == "starter"]
    assert [one["unit_amount"] for one in mine if one["active"]] == [2900]
    with database.read() as tx:
        starters = select(StripeCatalogEntry).where(StripeCatalogEntry.key == "starter", StripeCatalogEntry.active)
        assert [entry.amount_cents for entry in tx.scalars(starters)] == [2900]


def test_a_run_without_stripe_is_told(database: Database, gateway: StripeGateway, fake: FakeStripe) -> None:
    fake.fail("GET /v1/prices", "drop_before", times=None)
    with pytest.raises(PaymentsUnavailable):
        catalogue.sync(database, gateway, now=NOW)
    with database.read() as tx:
        assert catalogue.price_for(tx, "tier", "starter", livemode=False) is None
