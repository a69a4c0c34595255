"""Tell why a pod gets no node: read what the scheduler says, and what pods and nodes have."""

import re

from agent.quantities import quantity
from agent.tools.kubernetes.case import Case, Evidence
from agent.tools.kubernetes.causes_nodes import explain_node
from agent.tools.kubernetes.causes_volumes import explain_claims
from agent.tools.kubernetes.reading import Json, clean, condition, flag, labels, name_of, rows, table, words
from agent.tools.kubernetes.resources import NODES, PODS

TAINTED_MAX = 3
_PART = re.compile(r"(?:(\d{1,6}) )?(.+)")
# The cluster itself puts these onto a node in trouble; to tolerate them would only send pods there.
_OWN_TAINT = re.compile(r"(node\.kubernetes\.io/[a-z-]{1,60}|node\.cloudprovider\.kubernetes\.io/uninitialized)")
_UNREADY = "Get the nodes ready; a toleration would only send pods to nodes that cannot run them."
_PRESSED = "Free what the nodes are short of, or add nodes; a toleration would only get the pod evicted."
_FIXES: tuple[tuple[str, str, str], ...] = (
    ("insufficient cpu", "too little cpu is free", "Ask for less cpu, add nodes, or free cpu by scaling others down."),
    ("insufficient memory", "too little memory is free", "Ask for less memory, add nodes, or free memory."),
    ("insufficient ephemeral", "too little disk is free", "Ask for less ephemeral-storage or use larger disks."),
    ("insufficient ", "a special resource is used up", "Add nodes that have this resource, such as GPUs, or free it."),
    ("too many pods", "nodes are full of pods", "Add nodes, or raise the kubelets' limit of pods."),
    ("node.kubernetes.io/not-ready", "nodes are not ready", _UNREADY),
    ("node.kubernetes.io/unreachable", "nodes do not answer", _UNREADY),
    ("node.kubernetes.io/network-unavailable", "nodes have no network for pods", _UNREADY),
    ("node.kubernetes.io/disk-pressure", "nodes are short of disk space", _PRESSED),
    ("node.kubernetes.io/memory-pressure", "nodes are short of memory", _PRESSED),
    ("node.kubernetes.io/pid-pressure", "nodes are short of process numbers", _PRESSED),
    ("node.kubernetes.io/unschedulable", "nodes are cordoned", "Uncordon a node: kubectl uncordon <node>."),
    ("kubernetes.io/uninitialized", "nodes wait for their cloud controller", "Look at the cloud controller manager."),
    ("node.kubernetes.io/", "nodes are out of service", _UNREADY),
    ("untolerated taint", "nodes have taints that it does not tolerate", "Add a toleration, or remove the taint."),
    ("had taint", "nodes have taints that it does not tolerate", "Add a toleration, or remove the taint."),
    ("volume node affinity", "its volume is bound to another node or zone", "Let a node run in the volume's zone."),
    ("pod affinity", "rules between pods forbid it", "Loosen podAffinity, or start the pods that it wants to be with."),
    ("anti-affinity", "rules between pods forbid it", "Loosen podAntiAffinity, or add nodes."),
    ("topology spread", "its spread over zones forbids it", "Loosen topologySpreadConstraints, or add nodes."),
    ("affinity/selector", "no node has the labels that it wants", "Label a node, or correct nodeSelector or affinity."),
    ("node affinity", "no node has the labels that it wants", "Label a node, or correct nodeSelector or affinity."),
    ("didn't match node selector", "no node has the labels that it wants", "Label a node, or correct nodeSelector."),
    ("free ports", "its host port is taken", "Do without hostPort, or run one such pod on each node."),
    ("were unschedulable", "nodes are cordoned", "Uncordon a node: kubectl uncordon <node>."),
    ("unbound immediate", "its volume is not there yet", "Get its PersistentVolumeClaim bound first."),
    ("available persistent volumes", "no volume fits its claim", "Make a volume that fits, in a zone of the nodes."),
    ("binding volumes", "its volume was not made in time", "See whether the storage driver (CSI) of its class runs."),
    ("persistentvolumeclaim", "its volume claim is missing", "Create the PersistentVolumeClaim that it names."),
    ("max volume count", "nodes hold no more volumes", "Add nodes, or use fewer volumes on each."),
)


def explain_scheduling(case: Case, pod: Json) -> bool:
    """Add why the pod has no node; return whether that is so."""
    scheduled = condition(pod, "PodScheduled")
    if words(scheduled, "reason") == "SchedulingGated":
        fix = "Remove spec.schedulingGates, which usually a controller does."
        case.add(f"Pod {name_of(pod)} is held back by a scheduling gate.", [_status(pod, scheduled)], fix)
        return True
    event = case.warning(pod, PODS, "FailedScheduling")
    said = words(scheduled, "message", longest=2000) or words(event, "message", longest=2000)
    if words(pod, "spec", "nodeName") or not (said or scheduled.get("status") == "False"):
        return False
    evidence = [_status(pod, scheduled) if words(scheduled, "message") else case.event_fact(event)]
    parts = reasons(said)
    evidence += _what_it_asks(pod) + _what_nodes_have(case, pod, said)
    found_claims = explain_claims(case, pod)
    if found_claims and any(one in said.lower() for one in ("persistentvolumeclaim", "volumebinding")):
        return True  # The volume is the cause; that no node is chosen only follows from it.
    _explain_tainted_nodes(case, said)
    known = [_known(part) for _, part in parts]
    whys = [f"{why} ({_counted(number)})" for (number, _), (why, _) in zip(parts, known, strict=True) if why]
    fixes = list(dict.fromkeys(fix for _, fix in known if fix))
    cause = f"No node takes the pod: {'; '.join(dict.fromkeys(whys))}." if whys else "No node takes the pod."
    case.add(
        cause, evidence, " ".join(fixes[:3]) or "Read the scheduler's message.", confidence="high" if whys else "medium"
    )
    return True


def _explain_tainted_nodes(case: Case, said: str) -> None:
    """Add what is wrong with the nodes that the cluster itself keeps pods from."""
    keys = set(_OWN_TAINT.findall(said))
    tainted = [
        one
        for one in (case.several(NODES).items if keys else [])
        if any(words(taint, "key") in keys for taint in rows(one, "spec", "taints"))
    ]
    for node in tainted[:TAINTED_MAX]:
        explain_node(case, node)


def _status(pod: Json, scheduled: Json) -> Evidence:
    fact = f"{words(scheduled, 'reason', default='not scheduled')}: {words(scheduled, 'message', longest=900)}"
    return f"Pod {name_of(pod)} condition PodScheduled", fact


def _counted(number: int) -> str:
    return "1 node" if number == 1 else f"{number} nodes" if number else "all nodes"


def _known(part: str) -> tuple[str, str]:
    lower = part.lower()
    for word, why, fix in _FIXES:
        if word in lower:
            return _named(part, why), fix
    return "", ""


def _named(part: str, why: str) -> str:
    """Add the taint or resource that the scheduler names."""
    taint = re.search(r"\{([^{}]{1,120})\}", part)
    if taint:
        return f"{why}: {taint[1].strip().removesuffix(':')}"
    special = re.match(r"Insufficient (\S+/\S+)", part)
    return f"{why}: {special[1]}" if special else why


def reasons(message: str) -> list[tuple[int, str]]:
    """Return what a FailedScheduling message says, each with the number of nodes that it is true of."""
    text = message.partition("preemption:")[0].strip().rstrip(".")
    text = text.partition("nodes are available: ")[2] or text
    # Taints are written with commas and colons of their own.
    parts = re.split(r", (?![^{]*\})", text[:2000])
    found = []
    for part in parts[:12]:
        match = _PART.fullmatch(part.strip().rstrip("."))
        if match:
            found.append((int(match[1] or 0), match[2]))
    return found


def _what_it_asks(pod: Json) -> list[Evidence]:
    asked = []
    for one in rows(pod, "spec", "containers"):
        wants = labels(one, "resources", "requests")
        if wants:
            asked.append(
                f"{words(one, 'name')} requests " + ", ".join(f"{key} {value}" for key, value in wants.items())
            )
    chosen = labels(pod, "spec", "nodeSelector")
    if chosen:
        asked.append("nodeSelector " + ", ".join(f"{key}={value}" for key, value in chosen.items()))
    if table(pod, "spec", "affinity", "nodeAffinity"):
        asked.append("it has a nodeAffinity")
    return [(f"Pod {name_of(pod)} spec", "; ".join(asked))] if asked else []


def _what_nodes_have(case: Case, pod: Json, said: str) -> list[Evidence]:
    every = case.several(NODES)
    nodes = every.items
    if not nodes:
        return []
    facts = []
    if "nsufficient" in said:
        sizes = [
            f"{name_of(one)} cpu {words(one, 'status', 'allocatable', 'cpu')}, "
            f"memory {words(one, 'status', 'allocatable', 'memory')}"
            for one in nodes[:5]
        ]
        facts.append(("Nodes, allocatable in all", "; ".join(sizes)))
        facts += _too_large(pod, nodes) if every.whole else []
    if "taint" in said:
        tainted = [f"{name_of(one)}: {taint}" for one in nodes for taint in _taints(one)]
        facts += [("Nodes, taints", "; ".join(tainted[:8]))] if tainted else []
    if every.whole and ("selector" in said or "affinity" in said):
        facts += _selector_facts(pod, nodes)
    held = [name_of(one) for one in nodes if flag(one, "spec", "unschedulable")]
    return facts + ([("Nodes, cordoned", ", ".join(held[:8]))] if held else [])


def _taints(node: Json) -> list[str]:
    return [
        clean(f"{words(one, 'key')}={words(one, 'value')}:{words(one, 'effect')}", 120)
        for one in rows(node, "spec", "taints")
    ]


def _too_large(pod: Json, nodes: list[Json]) -> list[Evidence]:
    """Say that a request is larger than the largest node, which no free space can help."""
    facts = []
    for kind in ("cpu", "memory"):
        wants = [quantity(table(one, "resources", "requests").get(kind)) for one in rows(pod, "spec", "containers")]
        largest = max((quantity(table(one, "status", "allocatable").get(kind)) or 0 for one in nodes), default=0)
        if largest and sum(want or 0 for want in wants) > largest:
            facts.append(("Comparison", f"the pod asks for more {kind} than the largest node has in all"))
    return facts


def _selector_facts(pod: Json, nodes: list[Json]) -> list[Evidence]:
    facts = []
    for key, value in labels(pod, "spec", "nodeSelector").items():
        values = sorted({labels(one, "metadata", "labels").get(key, "") for one in nodes} - {""})
        if value not in values:
            have = f"the nodes have {', '.join(values[:6])}" if values else "no node has this label"
            facts.append(("Nodes, labels", f"the pod wants {key}={value}; {have}"))
    return facts
