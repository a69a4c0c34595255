"""Find cycles among things that name each other."""

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter


def cycle_in(edges: Mapping[str, Iterable[str]]) -> list[str]:
    """Return one cycle, such as `[a, b, a]`, or nothing."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
        # The sorter takes what is named for what comes before.
        return cycle[::-1]
    return []
