"""Say which names of a cluster may be meant by one that it does not have."""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import suppress

from agent.tools.kubernetes.answers import ApiError
from agent.tools.kubernetes.client import METADATA_ONLY, PAGE, Cluster
from agent.tools.kubernetes.reading import name_of
from agent.tools.kubernetes.resources import Resource
from agent.types import ToolError

NAMES_SHOWN = 3
# Comparing long names takes long, and nobody misspells those by hand.
_LONGEST = 80
_LIKE_ENOUGH = 0.6

Named = tuple[str, str]
"""The word for a kind, and a name."""


def missing(error: ApiError, cluster: Cluster, kinds: Iterable[Resource], namespace: str, name: str) -> ApiError:
    """Return the error for an object that does not exist, with the names of these kinds that may be meant."""
    return ApiError(404, f"{error}{did_you_mean(name, _names(cluster, kinds, namespace))}", ours=False)


def _names(cluster: Cluster, kinds: Iterable[Resource], namespace: str) -> Iterator[Named]:
    for kind in kinds:
        # A hint is not worth an error of its own.
        with suppress(ToolError):
            listing = cluster.objects(*kind.path(namespace), most=PAGE, accept=METADATA_ONLY)
            yield from ((kind.singular, name_of(one)) for one in listing.items)


def did_you_mean(name: str, known: Iterable[Named]) -> str:
    """Return ` Did you mean ...?` with the names that come closest, the closest first, else nothing."""
    likeness = {one: _likeness(name, one[1]) for one in known}
    near = sorted((one for one in likeness if likeness[one] >= _LIKE_ENOUGH), key=lambda one: -likeness[one])
    shown = [f"{word} `{other}`" for word, other in near[:NAMES_SHOWN]]
    return f" Did you mean {' or '.join(shown)}?" if shown else ""


def _likeness(name: str, other: str) -> float:
    """Return 1 for the very name, and less the more has to be changed; a name that goes on after a dash is near."""
    least = _LIKE_ENOUGH if other.startswith(f"{name}-") or name.startswith(f"{other}-") else 0.0
    if max(len(name), len(other)) > _LONGEST:
        return 1.0 if name == other else least
    return max(least, difflib.SequenceMatcher(None, name, other).ratio())
