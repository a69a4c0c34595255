"""Tell what is wrong with a node."""

from agent.tools.kubernetes.case import Case, Evidence
from agent.tools.kubernetes.reading import Json, condition, flag, name_of, rows, words

_PRESSURES = {
    "MemoryPressure": "is short of memory, so that it evicts pods",
    "DiskPressure": "is short of disk space, so that it evicts pods",
    "PIDPressure": "is short of process numbers",
    "NetworkUnavailable": "has no network for pods",
}


def explain_node(case: Case, node: Json) -> bool:
    """Add what is wrong with this node; return whether something is."""
    if not node:
        return False
    name, before = name_of(node), len(case.causes)
    ready = condition(node, "Ready")
    if ready.get("status") != "True":
        _explain_unready(case, name, ready, node)
    for type, what in _PRESSURES.items():
        found = condition(node, type)
        if found.get("status") == "True":
            fix = "Free memory or disk on the node, drain it, or give pods requests and limits that fit."
            case.add(f"Node {name} {what}.", [_fact(name, found)], fix, everyones=True)
    trouble = len(case.causes) > before
    if not trouble:
        case.good.append(_fact(name, ready))
    return trouble


def explain_only_node(case: Case, node: Json) -> None:
    """Add all about a node that was asked for itself: also that it takes no new pods."""
    explain_node(case, node)
    name = name_of(node)
    if flag(node, "spec", "unschedulable"):
        evidence = [(f"Node {name} spec", "unschedulable: true")]
        fix = f"If its maintenance is over: kubectl uncordon {name}."
        case.add(f"Node {name} is cordoned and takes no new pods.", evidence, fix, severity="warning")
    case.facts["version"] = words(node, "status", "nodeInfo", "kubeletVersion")
    taints = [f"{words(one, 'key')}:{words(one, 'effect')}" for one in rows(node, "spec", "taints")]
    case.facts["taints"] = taints[:10]


def _explain_unready(case: Case, name: str, ready: Json, node: Json) -> None:
    silent = ready.get("status") == "Unknown"
    what = "does not answer the cluster any more" if silent else "is not ready"
    evidence = [_fact(name, ready)]
    evidence += [(f"Node {name} taints", words(one, "key")) for one in rows(node, "spec", "taints")[:4]]
    fix = (
        "See whether the machine runs and reaches the cluster; then the kubelet and the container runtime on it."
        if silent
        else "Look at the message: often the network plugin, the container runtime or the kubelet's disk."
    )
    case.add(f"Node {name} {what}.", evidence, fix, everyones=True)


def _fact(name: str, found: Json) -> Evidence:
    said = words(found, "message", default=words(found, "reason", default="no reason given"))
    return f"Node {name} condition {words(found, 'type', default='Ready')}", f"{words(found, 'status')}: {said}"
