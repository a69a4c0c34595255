"""Show how the gateway keeps products, prices, portals and endpoints, with the real SDK on the real wire."""

import pytest

from clients.payments import NoSuchObject, Price
from clients.stripe_gateway import StripeGateway
from tests.fakes.stripe import FakeStripe
from tests.support.stripe_deeds import fresh_key

# --- The catalogue --------------------------------------------------------------------------------------------------


def test_more_keys_than_stripe_takes_at_once_are_looked_up(gateway: StripeGateway) -> None:
    product = gateway.create_product("Things", {"app": "devops-agent"}, key=fresh_key())
    keys = [f"thing:{number}" for number in range(23)]
    for name in keys:
        gateway.create_price(product, 100, recurring=False, lookup_key=name, metadata={"thing": name}, key=name)
    assert sorted(price.lookup_key or "" for price in gateway.prices([*keys, "thing:none"])) == sorted(keys)
    assert gateway.prices([]) == []


def test_a_lookup_key_moves_to_the_new_price(gateway: StripeGateway) -> None:
    product = gateway.create_product("Starter plan", {"app": "devops-agent"}, key=fresh_key())

    def price(amount: int) -> Price:
        return gateway.create_price(
            product, amount, recurring=True, lookup_key="starter", metadata={"tier": "starter"}, key=fresh_key()
        )

    old, new = price(1900), price(2900)
    assert gateway.prices(["starter"]) == [new]
    assert (new.amount, new.recurring, new.active, new.currency) == (2900, True, True, "usd")
    assert (new.product_id, new.livemode, new.metadata) == (product, False, {"tier": "starter"})
    gateway.retire_price(old.id)
    told = gateway.price(old.id)
    assert (told.active, told.lookup_key, told.amount) == (False, None, 1900)
    with pytest.raises(NoSuchObject):
        gateway.price("price_of_nobody")


def test_products_have_names_until_they_are_archived(fake: FakeStripe, gateway: StripeGateway) -> None:
    product = gateway.create_product("Starter plan", {"app": "devops-agent"}, key="once")
    assert gateway.create_product("Starter plan", {"app": "devops-agent"}, key="once") == product
    gateway.rename_product(product, "Small plan")
    assert gateway.product_name(product) == "Small plan"
    fake.world.tables["product"][product]["active"] = False
    for gone in (product, "prod_of_nobody"):
        with pytest.raises(NoSuchObject):
            gateway.product_name(gone)


def test_a_portal_that_lets_people_do_more_is_brought_in_line(fake: FakeStripe, gateway: StripeGateway) -> None:
    portal = gateway.save_portal(None, key=fresh_key())
    assert portal.fits and gateway.portals() == [portal]
    features = fake.world.tables["billing_portal.configuration"][portal.id]["features"]
    features["subscription_update"]["enabled"] = True
    assert not gateway.portals()[0].fits
    assert gateway.save_portal(portal.id, key=fresh_key()) == portal
    features["subscription_cancel"]["mode"] = "immediately"
    assert not gateway.portals()[0].fits
    assert gateway.save_portal(portal.id, key=fresh_key()).fits


def test_portals_of_other_products_are_left_alone(fake: FakeStripe, gateway: StripeGateway) -> None:
    portal = gateway.save_portal(None, key=fresh_key())
    fake.world.tables["billing_portal.configuration"][portal.id]["metadata"] = {"app": "another"}
    assert gateway.portals() == []


def test_endpoints_are_told(fake: FakeStripe, gateway: StripeGateway) -> None:
    fake.register_webhook("https://shop.example/hook", ["invoice.paid"])
    fake.register_webhook("https://shop.example/old", enabled=False)
    told = {one.url: (one.enabled, one.events) for one in gateway.webhook_endpoints()}
    assert told == {
        "https://shop.example/hook": (True, frozenset({"invoice.paid"})),
        "https://shop.example/old": (False, frozenset({"*"})),
    }
