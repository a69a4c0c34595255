"""Read events: when they came, what they are about, and the line that kubectl shows of them."""

from datetime import datetime

from agent.tools.kubernetes.columns_workloads import Cell
from agent.tools.kubernetes.reading import Json, age, at, count, labels, moment, name_of, table, words
from agent.tools.kubernetes.trimming import safe_text

# The kubelet means a static pod by a name of its own, which the pod in the API carries as an annotation.
_STATIC = "kubernetes.io/config.hash"


def event_time(event: Json) -> str:
    """Return when an event came last, as the API writes it."""
    for path in (("series", "lastObservedTime"), ("lastTimestamp",), ("eventTime",), ("firstTimestamp",)):
        if words(event, *path):
            return words(event, *path)
    return words(event, "metadata", "creationTimestamp")


def is_about(event: Json, found: Json) -> bool:
    """Return whether an event is about this very object, and not about a former one of its name."""
    name, meant = name_of(found), words(event, "involvedObject", "uid")
    if words(event, "involvedObject", "name", longest=260) != name:
        return False
    # Of a node the kubelet gives the name in place of the identity.
    known = {words(found, "metadata", "uid"), labels(found, "metadata", "annotations").get(_STATIC, ""), name}
    return not meant or meant in known


def event_row(event: Json, now: datetime, longest: int = 300) -> dict[str, Cell]:
    """Return one event as kubectl lists it, with how often it came."""
    about = table(event, "involvedObject")
    return {
        "last_seen": age(moment({"at": event_time(event)}, "at"), now),
        "type": words(event, "type"),
        "reason": words(event, "reason"),
        "object": f"{words(about, 'kind').lower()}/{words(about, 'name')}",
        "count": count(event, "count") or count(event, "series", "count") or 1,
        "message": safe_text(at(event, "message"), longest) if isinstance(at(event, "message"), str) else "",
    }
