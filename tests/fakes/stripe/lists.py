"""Answer with pages of objects, newest first, filtered and cut as the API does it."""

from collections.abc import Callable, Iterable
from typing import Any

from tests.fakes.stripe.shapes import listed
from tests.fakes.stripe.store import Thing, World
from tests.fakes.stripe.subscriptions import OVER
from tests.fakes.stripe.wire import Refused, missing

_PAGING = {"limit", "starting_after", "ending_before", "expand"}
_BOUNDS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
}


def page(world: World, kind: str, url: str, params: Thing, rows: Iterable[Thing] | None = None) -> Thing:
    """Return one page of the objects of a kind that pass the call's filters."""
    found = list(world.rows(kind) if rows is None else rows)
    if "customer" in params and world.get("customer", params["customer"], "customer").get("deleted"):
        found = _of_deleted(world, kind, params["customer"], found)
    if kind == "subscription":
        status = params.pop("status", None)
        found = [row for row in found if _has_status(row, status)]
    for name in set(params) - _PAGING:
        found = [row for row in found if _passes(row, name, params[name])]
    return _cut(kind, url, found[::-1], params)


def _of_deleted(world: World, kind: str, customer: str, found: list[Thing]) -> list[Thing]:
    """Return what is still listed of a deleted customer; it is not sure what the real API does, so it can be chosen."""
    if world.deleted_lists == "missing":
        raise missing("customer", customer, "customer")
    return [] if kind == "subscription" and world.deleted_lists == "empty" else found


def _has_status(row: Thing, wanted: str | None) -> bool:
    if wanted == "all":
        return True
    if wanted == "ended":
        return row["status"] in OVER
    return row["status"] == wanted if wanted else row["status"] != "canceled"


def _passes(row: Thing, name: str, wanted: Any) -> bool:
    value = _value(row, name)
    if isinstance(wanted, dict):
        return all(bool(_BOUNDS[bound](value, limit)) for bound, limit in wanted.items())
    if isinstance(value, list):
        return bool(wanted in value)
    return bool(value == wanted)


def _value(row: Thing, name: str) -> Any:
    """Return what a filter of this name looks at."""
    kind = row["object"]
    if kind == "invoice" and name == "subscription":
        return row["parent"]["subscription_details"]["subscription"]
    if kind == "invoice_payment" and name == "payment":
        return row["payment"]
    if kind == "subscription" and name == "price":
        return [item["price"]["id"] for item in row["items"]["data"]]
    if kind == "subscription" and name.startswith("current_period_"):
        return row["items"]["data"][0][name]
    if name not in row:
        raise NotImplementedError(f"the fake cannot filter a {kind} by {name}")
    return row[name]


def _cut(kind: str, url: str, rows: list[Thing], params: Thing) -> Thing:
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise Refused(400, "This value must be between 1 and 100.", param="limit", code="parameter_invalid_integer")
    places = {row["id"]: at for at, row in enumerate(rows)}
    for name in ("starting_after", "ending_before"):
        if name in params and params[name] not in places:
            raise missing(kind, params[name], name)
    if "ending_before" in params:
        before = rows[: places[params["ending_before"]]]
        return listed(url, before[-limit:], len(before) > limit)
    if "starting_after" in params:
        rows = rows[places[params["starting_after"]] + 1 :]
    return listed(url, rows[:limit], len(rows) > limit)
