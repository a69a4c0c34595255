"""Read objects of a cluster: a list as the table that kubectl shows, one object with its events."""

import json
from typing import Any

from pydantic import Field

from agent.inputs import OnConnection, reader, schema_of
from agent.tools.kubernetes.client import Cluster, cluster_of
from agent.tools.kubernetes.events import is_about
from agent.tools.kubernetes.reading import Json, clean, name_of
from agent.tools.kubernetes.resources import (
    EVENTS,
    Resource,
    checked_name,
    checked_namespace,
    checked_selector,
    resource,
)
from agent.tools.kubernetes.tables import table_of
from agent.tools.kubernetes.trimming import trimmed
from agent.types import Reach, Tool, ToolError, ToolOutput

ROWS_SHOWN = 200
ROWS_MAX_CHARS = 24_000
EVENTS_SHOWN = 15


class GetInput(OnConnection):
    """Input of k8s_get."""

    kind: str = Field(min_length=1, max_length=80, description="Such as pods, deploy, svc, ingress, nodes, events, pvc")
    namespace: str | None = Field(
        default=None, max_length=63, description="By default the connection's own; * for all namespaces"
    )
    name: str | None = Field(default=None, max_length=253, description="Name of one object; without it a list")
    selector: str | None = Field(
        default=None, max_length=256, description="For lists: labels that the objects must have, such as app=web"
    )


def _run(given: dict[str, Any], reach: Reach) -> ToolOutput:
    kind = resource(given["kind"])
    cluster = cluster_of(reach)
    if given["name"]:
        return _one(cluster, kind, given)
    namespace = checked_namespace(given["namespace"], cluster, everywhere=True)
    return _several(cluster, kind, namespace, checked_selector(given["selector"]))


def _one(cluster: Cluster, kind: Resource, given: dict[str, Any]) -> ToolOutput:
    namespace = checked_namespace(given["namespace"], cluster) if kind.namespaced else ""
    name = checked_name(given["name"])
    found = cluster.get(*kind.path(namespace, name))
    data: Json = {"cluster": cluster.name, "kind": kind.kind, "object": trimmed(found, kind.kind)}
    if kind is not EVENTS:
        data |= _events(cluster, kind, namespace, found)
    where = f" in {namespace}" if namespace else ""
    return ToolOutput(data, clean(f"{kind.singular} {name}{where}", 120))


def _events(cluster: Cluster, kind: Resource, namespace: str, about: Json) -> Json:
    fields = f"involvedObject.kind={kind.kind},involvedObject.name={name_of(about)}"
    try:
        found = cluster.objects(*EVENTS.path(namespace), fields=fields).items
    except ToolError as error:
        return {"events": [], "events_error": str(error)}
    # The API may ignore what it is asked to select by, so its choice is checked.
    found = [one for one in found if is_about(one, about)]
    columns, lines = table_of(found, EVENTS, cluster.now, everywhere=False)
    shown = [dict(zip(columns, line, strict=True)) for line in lines[:EVENTS_SHOWN]]
    for line in shown:
        del line["object"]
    return {"events": shown, "events_not_shown": max(0, len(lines) - EVENTS_SHOWN)}


def _several(cluster: Cluster, kind: Resource, namespace: str, selector: str) -> ToolOutput:
    listing = cluster.objects(*kind.path(namespace), labels=selector)
    columns, lines = table_of(listing.items, kind, cluster.now, everywhere=not namespace)
    shown = _fitting(lines)
    data: Json = {
        "cluster": cluster.name,
        "kind": kind.plural,
        "namespace": (namespace or "all") if kind.namespaced else "none",
        "columns": columns,
        "rows": shown,
        "count": len(lines),
        "not_shown": len(lines) - len(shown) + listing.more,
    }
    if data["not_shown"]:
        data["hint"] = "Narrow it by namespace, name or selector."
    more = "+" if listing.more else ""
    where = f" in {namespace}" if namespace and kind.namespaced else ""
    noun = kind.singular if len(lines) == 1 and not more else kind.plural
    return ToolOutput(data, clean(f"{len(lines)}{more} {noun}{where}", 120))


def _fitting(lines: list[list[str | int]]) -> list[list[str | int]]:
    """Return the first rows that fit into a result."""
    shown, room = [], ROWS_MAX_CHARS
    for line in lines[:ROWS_SHOWN]:
        room -= len(json.dumps(line, ensure_ascii=False)) + 1
        if room < 0:
            break
        shown.append(line)
    return shown


def _target(given: dict[str, Any]) -> str:
    parts = [given.get("kind"), given.get("name")]
    about = " ".join(clean(part, 60) for part in parts if isinstance(part, str))
    namespace = given.get("namespace")
    return about + (f" in {clean(namespace, 40)}" if isinstance(namespace, str) and namespace else "")


K8S_GET = Tool(
    name="k8s_get",
    title="Look into a cluster",
    description=(
        "Read objects of the user's Kubernetes cluster. Without `name` it lists objects of a kind as the table that "
        "kubectl shows (pods with status and restarts, deployments, services, nodes, events ...); with `name` it "
        "returns one object, shortened, with its events. Secrets come without their values. Use k8s_diagnose to find "
        "out why something fails, and k8s_logs for logs."
    ),
    input_schema=schema_of(GetInput),
    run=_run,
    target=_target,
    read=reader(GetInput),
    needs_connection="kubernetes",
    family="kubernetes",
    examples=(
        "List the pods in namespace shop",
        "Show deployment web in namespace shop",
        "kubectl get nodes",
    ),
    returns=(
        "A list: columns, rows, how many there are and how many are not shown. One object: the object without "
        "bookkeeping and secrets, and its latest events."
    ),
)
