"""Connect a user's Grafana Loki."""

from agent.kinds.query_servers import get, kind, success
from agent.outside import json_of, mapping, words
from agent.types import Reach, ToolError

_WHO = "Loki"


def probe(reach: Reach) -> dict[str, str]:
    """Return the version and how many labels there are; raises ToolError."""
    labels = success(get(reach, "/loki/api/v1/labels", _WHO), _WHO)
    try:
        info = mapping(json_of(get(reach, "/loki/api/v1/status/buildinfo", _WHO), _WHO))
    except ToolError:
        # A gateway often passes on the queries only.
        info = {}
    # A Loki without any log leaves the list out.
    count = len(labels) if isinstance(labels, list) else 0
    return {"version": words(info.get("version"), 60) or "unknown", "labels": str(count)}


LOKI = kind(
    "loki",
    _WHO,
    probe,
    help=(
        "Give the address under which /loki/api/v1/labels answers, with the path before it if there is one. The agent "
        "only reads. If a gateway stands before Loki, give it a token that may only read."
    ),
)
