"""Check that the fake Stripe speaks as the real one does: keys, errors, pages of lists, broken lines, the portal."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.shop import DAY, NOON, Shop


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe(now=NOON) as server:
        yield server


@pytest.fixture
def shop(fake: FakeStripe) -> Shop:
    return Shop(fake)


# --- Who asks, and what ---------------------------------------------------------------------------------------------


def test_it_is_reached_over_a_real_line_too(fake: FakeStripe) -> None:
    shop = Shop(fake, wire=True)
    assert shop.v1.customers.retrieve(shop.customer).email == "ann@example.com"
    assert shop.v1.customers.retrieve(shop.customer).last_response.request_id.startswith("req_")


def test_it_refuses_a_wrong_key_and_a_foreign_version(fake: FakeStripe, shop: Shop) -> None:
    with pytest.raises(stripe.AuthenticationError):
        shop.v1.customers.list(options={"api_key": "sk_test_other"})
    with pytest.raises(stripe.InvalidRequestError, match="speaks"):
        shop.v1.customers.list(options={"stripe_version": "2020-08-27"})


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"emial": "a@b.c"}, "emial"),
        ({"metadata": "words"}, "metadata"),
        ({"invoice_settings": {"foter": "x"}}, "invoice_settings[foter]"),
        ({"balance": "much"}, "balance"),
        ({"api_key": "sk_test_fake"}, "api_key"),
        ({"tax_exempt": "maybe"}, "tax_exempt"),
    ],
)
def test_it_refuses_what_the_sdk_does_not_describe(shop: Shop, given: Any, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.v1.customers.create(given)
    assert refused.value.param == param
    assert len(shop.fake.customers) == 1


def test_it_refuses_a_call_without_what_it_needs(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.v1.prices.create({"unit_amount": 5})  # type: ignore[typeddict-item]
    assert (refused.value.code, refused.value.param) == ("parameter_missing", "currency")


def test_it_says_when_an_identifier_names_nothing(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.v1.subscriptions.retrieve("sub_none")
    assert (refused.value.code, refused.value.http_status) == ("resource_missing", 404)


def test_a_payment_page_is_checked_as_the_real_one_is(shop: Shop) -> None:
    wrong: list[dict[str, Any]] = [
        {"price": shop.pack},
        {"price": shop.small, "payment_intent_data": {"metadata": {"a": "b"}}},
        {"price": shop.small, "success_url": "done"},
        {"price": shop.small, "expires_at": int(time.time()) + 9 * 86400},
        {"price": "price_none"},
    ]
    for given in wrong:
        with pytest.raises(stripe.InvalidRequestError):
            shop.page(**given)


# --- The same thing asked twice -------------------------------------------------------------------------------------


def test_the_same_key_does_a_thing_once(shop: Shop) -> None:
    first = shop.v1.customers.create({"email": "b@example.com"}, {"idempotency_key": "k"})
    again = shop.v1.customers.create({"email": "b@example.com"}, {"idempotency_key": "k"})
    assert first.id == again.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert len(shop.fake.customers) == 2


def test_the_same_key_refuses_other_parameters(shop: Shop) -> None:
    shop.v1.customers.create({"email": "b@example.com"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError):
        shop.v1.customers.create({"email": "c@example.com"}, {"idempotency_key": "k"})


def test_a_key_is_forgotten_after_a_day(shop: Shop) -> None:
    first = shop.v1.customers.create({"email": "b@example.com"}, {"idempotency_key": "k"})
    shop.fake.advance(DAY)
    assert shop.v1.customers.create({"email": "c@example.com"}, {"idempotency_key": "k"}).id != first.id


def test_a_key_stays_free_when_nothing_was_begun(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        shop.v1.customers.create({"emial": "x"}, {"idempotency_key": "k"})  # type: ignore[typeddict-unknown-key]
    assert shop.v1.customers.create({"email": "b@example.com"}, {"idempotency_key": "k"}).email == "b@example.com"


def test_a_key_is_in_use_while_the_first_call_runs(shop: Shop) -> None:
    shop.fake.fail("POST /v1/customers", "hang:0.6")
    slow = threading.Thread(target=lambda: shop.v1.customers.create({"email": "b@x.y"}, {"idempotency_key": "k"}))
    slow.start()
    time.sleep(0.2)
    with pytest.raises(stripe.APIError) as refused:
        shop.v1.customers.create({"email": "b@x.y"}, {"idempotency_key": "k"})
    error = refused.value.json_body["error"]
    assert (refused.value.http_status, error["code"]) == (409, "idempotency_key_in_use")
    slow.join()
    assert len(shop.fake.customers) == 2


# --- Broken lines ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["500", "drop_before", "drop_after", "409"])
@pytest.mark.parametrize("wire", [False, True])
def test_what_went_wrong_once_is_tried_again_and_done_once(fake: FakeStripe, how: str, wire: bool) -> None:
    shop = Shop(fake, wire=wire, retries=2)
    fake.fail("/v1/customers", how)
    shop.v1.customers.create({"email": "b@example.com"})
    assert len(fake.customers) == 2
    assert [call.status for call in fake.calls[-2:]] == [
        {"500": 500, "409": 409, "drop_before": 0, "drop_after": 200}[how],
        200,
    ]


def test_a_lost_answer_without_a_retry_leaves_the_thing_done(fake: FakeStripe) -> None:
    shop = Shop(fake, wire=True)
    fake.fail("POST /v1/customers", "drop_after")
    with pytest.raises(stripe.APIConnectionError):
        shop.v1.customers.create({"email": "b@example.com"})
    assert len(fake.customers) == 2


def test_too_many_calls_are_refused(shop: Shop) -> None:
    shop.fake.fail("/v1/charges", "429", times=2)
    for _ in range(2):
        with pytest.raises(stripe.RateLimitError):
            shop.v1.charges.list()
    assert shop.v1.charges.list().data == []


# --- Lists ----------------------------------------------------------------------------------------------------------


def test_lists_come_in_pages_newest_first(shop: Shop) -> None:
    made = [shop.v1.customers.create({"email": f"{n}@example.com"}).id for n in range(24)]
    first = shop.v1.customers.list({"limit": 10})
    assert [one.id for one in first.data] == made[:-11:-1] and first.has_more
    everyone = [one.id for one in shop.v1.customers.list({"limit": 7}).auto_paging_iter()]
    assert everyone == [*made[::-1], shop.customer]
    before = shop.v1.customers.list({"limit": 3, "ending_before": made[-5]})
    assert [one.id for one in before.data] == [made[-2], made[-3], made[-4]] and before.has_more


def test_lists_are_filtered_by_when_and_whose(shop: Shop) -> None:
    shop.subscribe()
    begun = int(shop.fake.now.timestamp())
    shop.fake.advance(40 * DAY)
    assert len(shop.v1.invoices.list({"customer": shop.customer}).data) == 2
    assert len(shop.v1.invoices.list({"created": {"gt": begun}}).data) == 1
    assert len(shop.v1.charges.list({"created": {"gte": begun}}).data) == 2
    other = shop.v1.customers.create({"email": "b@example.com"}).id
    assert shop.v1.invoices.list({"customer": other}).data == []
    assert [one.id for one in shop.v1.customers.list({"email": "ann@example.com"}).data] == [shop.customer]


def test_a_lookup_key_moves_only_when_asked(shop: Shop) -> None:
    product = shop.v1.prices.retrieve(shop.small).product
    given: Any = {"product": product, "unit_amount": 1, "currency": "usd", "lookup_key": "small"}
    with pytest.raises(stripe.InvalidRequestError):
        shop.v1.prices.create(given)
    new = shop.v1.prices.create({**given, "transfer_lookup_key": True})
    assert [one.id for one in shop.v1.prices.list({"lookup_keys": ["small"]}).data] == [new.id]
    assert shop.v1.prices.retrieve(shop.small).lookup_key is None


def test_expansion_shows_what_an_identifier_names(shop: Shop) -> None:
    shop.subscribe()
    found = shop.v1.subscriptions.list({"expand": ["data.latest_invoice.payments", "data.customer"]}).data[0]
    assert found.customer.email == "ann@example.com"  # type: ignore[union-attr]
    assert found.latest_invoice.payments.data[0].status == "paid"  # type: ignore[union-attr]
    assert "payments" not in shop.v1.invoices.list().data[0]
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        shop.v1.invoices.list({"expand": ["data.subscription"]})


# --- The portal's set-up --------------------------------------------------------------------------------------------


def test_the_portal_is_set_up_and_opened(shop: Shop) -> None:
    features: Any = {
        "payment_method_update": {"enabled": True},
        "subscription_cancel": {"enabled": True, "mode": "at_period_end", "proration_behavior": "none"},
        "customer_update": {"enabled": True, "allowed_updates": ["email"]},
    }
    made = shop.v1.billing_portal.configurations.create({"features": features, "metadata": {"app": "shop"}})
    changed = shop.v1.billing_portal.configurations.update(
        made.id, {"features": {"invoice_history": {"enabled": True}}}
    )
    assert changed.features.invoice_history.enabled and changed.features.payment_method_update.enabled
    assert not changed.features.subscription_update.enabled
    assert [one.id for one in shop.v1.billing_portal.configurations.list({"active": True}).data] == [made.id]
    opened = shop.v1.billing_portal.sessions.create({"customer": shop.customer, "configuration": made.id})
    assert opened.url == f"{shop.fake.url}/p/{opened.id}"


def test_registered_webhooks_are_listed(shop: Shop) -> None:
    shop.fake.register_webhook("https://shop.test/hook", ["invoice.paid"])
    endpoint = shop.v1.webhook_endpoints.list().data[0]
    assert (endpoint.url, endpoint.status, endpoint.enabled_events) == (
        "https://shop.test/hook",
        "enabled",
        ["invoice.paid"],
    )


def test_a_reset_forgets_everything(shop: Shop) -> None:
    shop.fake.advance(DAY)
    shop.fake.reset()
    assert (shop.fake.now, shop.fake.events, shop.fake.customers, shop.fake.calls) == (NOON, [], {}, [])
