"""Turn lists of objects into the columns that kubectl shows."""

from datetime import datetime

from agent.tools.kubernetes.columns_others import OTHERS
from agent.tools.kubernetes.columns_workloads import WORKLOADS, Cell, Columns
from agent.tools.kubernetes.reading import (
    Json,
    age,
    at,
    clean,
    count,
    moment,
    name_of,
    table,
    words,
)
from agent.tools.kubernetes.resources import Resource
from agent.tools.kubernetes.trimming import safe_text


def table_of(
    items: list[Json], kind: Resource, now: datetime, *, everywhere: bool
) -> tuple[list[str], list[list[Cell]]]:
    """Return the names of the columns and the rows, by name; events the newest first."""
    columns = _COLUMNS.get(kind.plural, _plain)
    if kind.plural == "events":
        items = sorted(items, key=_event_time, reverse=True)
    else:
        items = sorted(items, key=lambda one: (words(one, "metadata", "namespace"), name_of(one)))
    made = [_row(one, columns(one, now), now, everywhere and kind.namespaced) for one in items]
    return ([*made[0]] if made else []), [[*row.values()] for row in made]


def _row(found: Json, cells: dict[str, Cell], now: datetime, everywhere: bool) -> dict[str, Cell]:
    row: dict[str, Cell] = {"namespace": words(found, "metadata", "namespace")} if everywhere else {}
    if "object" not in cells:  # A row of events is about another object, and has its own age.
        row["name"] = name_of(found)
        cells = {**cells, "age": age(moment(found, "metadata", "creationTimestamp"), now)}
    return row | {key: clean(cell, 300) if isinstance(cell, str) else cell for key, cell in cells.items()}


def _plain(_found: Json, _now: datetime) -> dict[str, Cell]:
    return {}


def _event_time(event: Json) -> str:
    for path in (("series", "lastObservedTime"), ("lastTimestamp",), ("eventTime",), ("firstTimestamp",)):
        if words(event, *path):
            return words(event, *path)
    return words(event, "metadata", "creationTimestamp")


def event_row(event: Json, now: datetime, longest: int = 300) -> dict[str, Cell]:
    """Return one event as kubectl lists it, with how often it came."""
    about = table(event, "involvedObject")
    return {
        "last_seen": age(moment({"at": _event_time(event)}, "at"), now),
        "type": words(event, "type"),
        "reason": words(event, "reason"),
        "object": f"{words(about, 'kind').lower()}/{words(about, 'name')}",
        "count": count(event, "count") or count(event, "series", "count") or 1,
        "message": safe_text(at(event, "message"), longest) if isinstance(at(event, "message"), str) else "",
    }


_COLUMNS: dict[str, Columns] = {"events": event_row, **WORKLOADS, **OTHERS}
