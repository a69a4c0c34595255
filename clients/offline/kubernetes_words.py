"""Know the words for objects in a cluster: kinds, names and namespaces."""

import re
from dataclasses import dataclass, field
from itertools import pairwise

from clients.offline.speech import THINGS, TOPICS, WORDS

EVERYWHERE = "*"
DIAGNOSED = frozenset(
    "pod deployment statefulset daemonset replicaset job cronjob service ingress persistentvolumeclaim "
    "horizontalpodautoscaler poddisruptionbudget node namespace".split()
)
_KINDS = {
    "pod": "po pods",
    "deployment": "deploy deploys deployments",
    "statefulset": "sts statefulsets",
    "daemonset": "ds daemonsets",
    "replicaset": "rs replicasets",
    "job": "jobs",
    "cronjob": "cj cronjobs",
    "service": "svc services",
    "endpoints": "ep endpoint",
    "endpointslice": "eps endpointslices",
    "ingress": "ing ingresses",
    "ingressclass": "ingressclasses",
    "configmap": "cm configmaps",
    "secret": "secrets",
    "node": "no nodes",
    "namespace": "ns namespaces",
    "event": "ev events",
    "persistentvolumeclaim": "pvc pvcs persistentvolumeclaims",
    "persistentvolume": "pv pvs persistentvolumes",
    "storageclass": "sc storageclasses",
    "horizontalpodautoscaler": "hpa hpas horizontalpodautoscalers autoscaler autoscalers",
    "poddisruptionbudget": "pdb pdbs poddisruptionbudgets",
    "resourcequota": "quota quotas resourcequotas",
    "serviceaccount": "sa serviceaccounts",
    "networkpolicy": "netpol networkpolicies",
}
_BY_WORD = {word: kind for kind, words in _KINDS.items() for word in (kind, *words.split())}
_TWO_WORDS = re.compile(r"\b(cron|stateful|daemon|replica|config) (jobs?|sets?|maps?)\b", re.IGNORECASE)
# In prose "no", "cm" or "ds" are too short to be sure of; kubectl's own lines know them, and so does "cm/settings".
_ONLY_IN_KUBECTL = {"po", "no", "ep", "eps", "ev", "sc", "sa", "cj", "cm", "ds", "rs", "ns", "ing", "deploys", "quota"}
_IN_PROSE = {word: kind for word, kind in _BY_WORD.items() if word not in _ONLY_IN_KUBECTL}
_PLURALS = {word for kind, words in _KINDS.items() for word in words.split() if word.endswith("s")} - {"sts"}
# Their names are labels of DNS, so one with dots is a host that people call a service.
_WITHOUT_DOTS = ("service", "namespace")
NAME = r"[a-z0-9][a-z0-9.-]{0,252}"
QUOTE = "[\"'`“”]?"
_NAME = re.compile(NAME)
_WORKLOAD = re.compile(r"(?=.{0,60}[a-z])[a-z0-9](?:[a-z0-9-]{0,251}[a-z0-9])?")
_POD = re.compile(r"[a-z0-9.-]+-(?:[a-z0-9]{6,10}-[a-z0-9]{5}|\d{1,3}|[a-z0-9]{5})")
_NODE = re.compile(r"(?:node|ip|gke|aks|eks)-[a-z0-9.-]+")
_FLAG = re.compile(rf"(?:^|(?<=\s))(?:-n|--namespace)[ =]{QUOTE}({NAME}){QUOTE}(?![\w-])")
_SAID = (
    re.compile(
        rf"(?:\b(?i:in|from|inside|within|of|for)\s)?\b(?i:the|my|our)\s{QUOTE}({NAME}){QUOTE}\s(?i:namespace|ns)\b"
    ),
    re.compile(
        rf"(?:\b(?i:in|from|of|inside|within|for|under|with)\s)?(?:the\s)?"
        rf"\b(?i:namespace|ns)\s?[ =:]\s?{QUOTE}({NAME}){QUOTE}"
    ),
    re.compile(rf"(?:\b(?i:in|from|inside|within|of|for)\s)?{QUOTE}\b({NAME}){QUOTE}\s(?i:namespace|ns)\b"),
)
_IN = re.compile(
    rf"\b(?i:in|inside|within)\s(?:the\s)?{QUOTE}({NAME}){QUOTE}(?=\s|$|[,?!)])"
    rf"(?!\s(?i:{'|'.join(_IN_PROSE)}|containers?|cluster|connection|app)\b)"
)
_ALL = re.compile(
    r"(?:\b(?:in|across|from|of)\s)?(?:all|every|any)\s(?:the\s)?namespaces?\b|(?:^|\s)(?:-A|--all-namespaces)\b"
)
_SELECTOR = re.compile(r"[a-zA-Z0-9][\w./-]{0,200}(?:==?|!=)[\w.-]{1,63}")
# These words say no more than that a cluster is meant.
_THE_CLUSTER = frozenset(
    "kubernetes k8s cluster clusters workload workloads everything anything resources objects".split()
)
# These are no labels, but people ask by them in the same way.
_NO_LABELS = frozenset("status phase state node namespace ip age".split())
_MARKS = " \t,;:?!.\"'`“”()[]<>"


def take_namespace(line: str) -> tuple[str, str | None]:
    """Return the line without the words that name a namespace, and its name; `*` stands for all."""
    if match := _ALL.search(line):
        return _without(line, match), EVERYWHERE
    if match := _FLAG.search(line):
        return _without(line, match), match.group(1).rstrip(".-")
    for pattern in _SAID:
        for match in pattern.finditer(line):
            if _is_said_name(match.group(1).rstrip(".-")):
                return _without(line, match), match.group(1).rstrip(".-")
    for match in _IN.finditer(line):
        if is_name(name := match.group(1).rstrip(".-")):
            return _without(line, match), name
    return line, None


def _without(line: str, match: re.Match[str]) -> str:
    return " ".join((line[: match.start()] + " " + line[match.end() :]).split())


def kind_of(word: str) -> str | None:
    """Return the kind that a word of kubectl means, or None."""
    return _BY_WORD.get(word.lower().partition(".")[0])


def is_name(word: str) -> bool:
    """Tell whether a word is a name wherever it stands."""
    return _is_said_name(word) and word not in THINGS and word not in _IN_PROSE


def is_workload_name(word: str) -> bool:
    """Tell whether a word that stands without a kind can be the name of a workload or pod."""
    return is_name(word) and _WORKLOAD.fullmatch(word) is not None


def _is_said_name(word: str) -> bool:
    """Tell whether a word is a name behind a kind, where also "app" or "python" is one."""
    return _NAME.fullmatch(word) is not None and word not in WORDS and word not in TOPICS


@dataclass
class Spoken:
    """What a line says about a cluster: objects by name, kinds that stand alone, and the words besides.

    `things` holds words such as "traffic", which are no names. `unknown` holds what nothing here understands; it is
    also in `names`, the objects that are named without their kind, if it looks like these and like nothing else.
    """

    words: list[str]
    objects: list[tuple[str, str]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    things: list[str] = field(default_factory=list)
    selector: str | None = None
    in_general: bool = False


def read_spoken(line: str) -> Spoken:
    """Read a line word by word."""
    words = [word.strip(_MARKS).removesuffix("'s") for word in _joined(line).split()]
    spoken = Spoken([word for word in words if word])
    taken = _take_objects(spoken)
    selectors, unknown = [], []
    for place, word in enumerate(spoken.words):
        low = word.lower()
        if place in taken or low in WORDS or low in _THE_CLUSTER or word.isdecimal() or word == "-l":
            continue
        if low in THINGS:
            spoken.things.append(word)
        elif kind := _IN_PROSE.get(low):
            spoken.kinds.append(kind)
            spoken.in_general |= place > 0 and spoken.words[place - 1].lower() in ("a", "an")
        elif _SELECTOR.fullmatch(word) and word.partition("=")[0].rstrip("!").lower() not in _NO_LABELS:
            selectors.append(word)
        else:
            unknown.append(place)
    spoken.unknown = [spoken.words[place] for place in unknown]
    spoken.selector = ",".join(selectors) or None
    if all(map(is_workload_name, spoken.unknown)) and _are_joined(spoken.words, unknown):
        spoken.names = list(dict.fromkeys(spoken.unknown))
    return spoken


def _joined(line: str) -> str:
    """Return the line with kinds in one word, as in "cron job", and with "and" for each comma."""
    return _TWO_WORDS.sub(r"\1\2", line).replace(",", " and ")


def _are_joined(words: list[str], places: list[int]) -> bool:
    """Tell whether nothing but "and" stands between these words, as in "web, api and db"."""
    return all(b > a + 1 and set(words[a + 1 : b]) == {"and"} for a, b in pairwise(places))


def _take_objects(spoken: Spoken) -> set[int]:
    """Find the objects that are named with their kind, and return the places of their words."""
    taken: set[int] = set()
    for place in range(len(spoken.words)):
        if place not in taken and (found := _object_at(spoken.words, place, taken)):
            kind, name, places = found
            spoken.objects.append((kind, name))
            taken |= places
            _take_joined(spoken, kind, max(places) + 1, taken)
    spoken.objects = list(dict.fromkeys(spoken.objects))
    return taken


def _object_at(words: list[str], place: int, taken: set[int]) -> tuple[str, str, set[int]] | None:
    """Return the object whose kind stands at this place: `pod/web-1`, `the web pod`, `pod web-1` or `web pod`."""
    word = words[place].lower()
    head, _, name = words[place].replace(":", "/").partition("/")
    if name and (kind := _BY_WORD.get(head.lower())) and _is_named(kind, name):
        return kind, name, {place}
    kind = _IN_PROSE.get(word)
    if kind is None:
        return None
    before = words[place - 1] if place and place - 1 not in taken else ""
    behind = place + (2 if words[place + 1 : place + 2] in (["called"], ["named"]) else 1)
    after = words[behind] if behind < len(words) else ""
    may_lead = word not in _PLURALS and before.lower() not in _IN_PROSE and _is_named(kind, before)
    if may_lead and place > 1 and words[place - 2].lower() in ("the", "my", "our", "this", "that"):
        return kind, before, {place - 1, place}
    if _is_named(kind, after) and after.lower() not in _IN_PROSE and (word not in _PLURALS or "-" in after):
        return kind, after, {place, behind}
    return (kind, before, {place - 1, place}) if may_lead else None


def _is_named(kind: str, name: str) -> bool:
    return _is_said_name(name) and not (kind in _WITHOUT_DOTS and "." in name)


def _take_joined(spoken: Spoken, kind: str, place: int, taken: set[int]) -> None:
    """Take the further names of `deployment web and api`."""
    words = spoken.words
    while words[place : place + 1] == ["and"] and place + 1 < len(words) and is_workload_name(words[place + 1]):
        if words[place + 2 : place + 3] and words[place + 2].lower() in _IN_PROSE:
            return
        spoken.objects.append((kind, words[place + 1]))
        taken |= {place, place + 1}
        place += 2


def kind_by_name(name: str) -> str:
    """Return what a name without a kind most likely is: names of nodes and of controllers' pods have a look."""
    if _NODE.fullmatch(name):
        return "node"
    return "pod" if _POD.fullmatch(name) else "deployment"


def word_for(kind: str) -> str:
    """Return the word that people use for a kind, the short one where the full name is long."""
    return kind if len(kind) < 15 else _KINDS[kind].split()[0]


def plural(kind: str) -> str:
    """Return the word for several of a kind."""
    word = word_for(kind)
    return word if word == "endpoints" else f"{word}es" if word.endswith("s") else f"{word}s"
