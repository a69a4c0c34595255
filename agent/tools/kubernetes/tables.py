"""Turn lists of objects into the columns that kubectl shows."""

from datetime import datetime

from agent.tools.kubernetes.columns_others import OTHERS
from agent.tools.kubernetes.columns_workloads import WORKLOADS, Cell, Columns
from agent.tools.kubernetes.events import event_row, event_time
from agent.tools.kubernetes.reading import Json, age, clean, moment, name_of, words
from agent.tools.kubernetes.resources import Resource


def table_of(
    items: list[Json], kind: Resource, now: datetime, *, everywhere: bool
) -> tuple[list[str], list[list[Cell]]]:
    """Return the names of the columns and the rows, by name; events the newest first."""
    columns = _COLUMNS.get(kind.plural, _plain)
    if kind.plural == "events":
        items = sorted(items, key=event_time, reverse=True)
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


_COLUMNS: dict[str, Columns] = {"events": event_row, **WORKLOADS, **OTHERS}
