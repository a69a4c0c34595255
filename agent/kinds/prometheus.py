"""Connect a user's Prometheus, or what speaks its API (Thanos, Mimir, VictoriaMetrics)."""

from agent.kinds.query_servers import get, kind, success
from agent.outside import mapping, words
from agent.types import Reach, ToolError

_WHO = "Prometheus"


def probe(reach: Reach) -> dict[str, str]:
    """Return the version after a query has been answered; raises ToolError."""
    found = mapping(success(get(reach, "/api/v1/query", _WHO, {"query": "1"}), _WHO))
    if found.get("resultType") not in ("scalar", "vector"):
        raise ToolError("That address answered, but not as Prometheus does.", ours=True)
    try:
        version = mapping(success(get(reach, "/api/v1/status/buildinfo", _WHO), _WHO)).get("version")
    except ToolError:
        # Relatives of Prometheus answer queries but have no such page.
        version = None
    return {"version": words(version, 60) or "unknown"}


PROMETHEUS = kind(
    "prometheus",
    _WHO,
    probe,
    help=(
        "Give the address under which /api/v1/query answers, with the path before it if there is one. The agent only "
        "reads. Prometheus itself knows no tokens; put it behind a proxy that checks one before you open it."
    ),
)
