"""Keep the set-ups of the hosted portal and open it for a customer."""

from typing import Any

from tests.fakes.stripe.catalogue import live_customer, merged
from tests.fakes.stripe.shapes import clone
from tests.fakes.stripe.store import Thing, World
from tests.fakes.stripe.wire import Refused

_FEATURES: Thing = {
    "customer_update": {"allowed_updates": [], "enabled": False},
    "invoice_history": {"enabled": False},
    "payment_method_update": {"enabled": False, "payment_method_configuration": None},
    "subscription_cancel": {
        "cancellation_reason": {
            "enabled": False,
            "feedback_options": None,
            "options": ["too_expensive", "missing_features", "switched_service", "unused", "other"],
        },
        "enabled": False,
        "mode": "at_period_end",
        "proration_behavior": "none",
    },
    "subscription_pause": {"duration": {"interval_options": [], "type": "indefinite"}, "enabled": False},
    "subscription_update": {
        "billing_cycle_anchor": None,
        "default_allowed_updates": [],
        "enabled": False,
        "products": None,
        "proration_behavior": "none",
        "schedule_at_period_end": {"conditions": []},
        "trial_update_behavior": "end_trial",
    },
}


def create_configuration(world: World, params: Thing) -> Thing:
    """Make a set-up of the portal."""
    configuration = world.add(
        "billing_portal.configuration",
        active=True,
        business_profile={"headline": None, "privacy_policy_url": None, "terms_of_service_url": None},
        default_return_url=params.get("default_return_url") or None,
        features=clone(_FEATURES),
        is_default=not world.tables["billing_portal.configuration"],
        login_page={"enabled": False, "url": None},
        metadata={},
        updated=world.stamp,
    )
    _apply(world, configuration, params)
    world.emit("billing_portal.configuration.created", configuration)
    return configuration


def update_configuration(world: World, params: Thing, configuration_id: str) -> Thing:
    """Change a set-up of the portal."""
    configuration = world.get("billing_portal.configuration", configuration_id)
    before = clone(configuration)
    _apply(world, configuration, params)
    world.emit("billing_portal.configuration.updated", configuration, before)
    return configuration


def _apply(world: World, configuration: Thing, params: Thing) -> None:
    for name, given in (params.get("features") or {}).items():
        _fill(configuration["features"][name], given)
    if isinstance(params.get("business_profile"), dict):
        _fill(configuration["business_profile"], params["business_profile"])
    configuration.update({name: params[name] for name in ("active", "default_return_url", "name") if name in params})
    configuration["metadata"] = merged(configuration["metadata"], params.get("metadata"))
    configuration["updated"] = world.stamp
    _check_features(configuration["features"])


def _fill(place: Thing, given: Any) -> None:
    for name, value in given.items():
        if isinstance(value, dict) and isinstance(place.get(name), dict):
            _fill(place[name], value)
        else:
            place[name] = [] if value == "" and isinstance(place.get(name), list) else value


def _check_features(features: Thing) -> None:
    customer_update = features["customer_update"]
    if customer_update["enabled"] and not customer_update["allowed_updates"]:
        raise Refused(
            400,
            "You must provide at least one allowed update when the customer_update feature is enabled.",
            param="features[customer_update][allowed_updates]",
        )


def create_portal_session(world: World, params: Thing) -> Thing:
    """Open the portal for a customer."""
    if "customer" not in params:
        raise Refused(400, "Missing required param: customer.", param="customer", code="parameter_missing")
    live_customer(world, params["customer"])
    configuration = _configuration(world, params.get("configuration"))
    return_url = params.get("return_url") or configuration["default_return_url"]
    identity = world.identity("billing_portal.session")
    return world.add(
        "billing_portal.session",
        id=identity,
        configuration=configuration["id"],
        customer=params["customer"],
        return_url=return_url,
        url=f"{world.base_url}/p/{identity}",
    )


def _configuration(world: World, identity: str | None) -> Thing:
    if identity:
        configuration = world.get("billing_portal.configuration", identity, "configuration")
        if not configuration["active"]:
            raise Refused(400, "The configuration is not active.", param="configuration")
        return configuration
    default = next(world.rows("billing_portal.configuration", is_default=True), None)
    if default is None:
        raise Refused(
            400,
            "No configuration provided and your test mode default configuration has not been created.",
            param="configuration",
        )
    return default
