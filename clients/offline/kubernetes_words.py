"""Know the words for objects in a cluster: kinds, names and namespaces."""

import re

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
# In prose "no", "cm" or "ds" are too short to be sure of; kubectl's own lines know them.
_ONLY_IN_KUBECTL = {"po", "no", "ep", "eps", "ev", "sc", "sa", "cj", "cm", "ds", "rs", "ns", "ing", "deploys", "quota"}
_PLURALS = {word for kind, words in _KINDS.items() for word in words.split() if word.endswith("s")} - {
    "sts",
    "ds",
    "rs",
    "ns",
}
KIND = "|".join(sorted((re.escape(word) for word in _BY_WORD if word not in _ONLY_IN_KUBECTL), key=len, reverse=True))
NAME = r"[a-z0-9][a-z0-9.-]{0,252}"
QUOTE = "[\"'`“”]?"
_NAMESPACES = (
    re.compile(rf"(?:^|(?<=\s))(?:-n|--namespace)[ =]{QUOTE}({NAME}){QUOTE}(?![\w-])"),
    re.compile(
        rf"(?:\b(?i:in|from|of|inside|within|for|under)\s)?(?:the\s)?"
        rf"\b(?i:namespace|ns)\s?[ =:]\s?{QUOTE}({NAME}){QUOTE}"
    ),
    re.compile(rf"\b(?i:in|from|inside|within|of)\s(?:the\s|my\s|our\s)?{QUOTE}({NAME}){QUOTE}\s(?i:namespace|ns)\b"),
    re.compile(rf"\b(?i:in|inside|within)\s(?:the\s)?{QUOTE}({NAME}){QUOTE}(?=\s|$|[,?!)])"),
)
_ALL = re.compile(
    r"(?:\b(?:in|across|from|of)\s)?(?:all|every|any)\s(?:the\s)?namespaces?\b|(?:^|\s)(?:-A|--all-namespaces)\b"
)
_NO_NAMESPACE = frozenset(
    "the my all our your this that these those a an any cluster clusters kubernetes k8s namespace namespaces detail "
    "details total general state status fact order case crashloopbackoff imagepullbackoff errimagepull pending "
    "terminating running error which what it its there here aws ecs trouble production-like connection use short "
    "github loki prometheus".split()
)
_NO_OBJECT = frozenset(
    "in on of at is are was were has have the a an and or for to from with without by not it its that this these "
    "those which what who when where why how please now failing fails failed fail failure crashing crashes crashed "
    "crash broken running ready pending stuck down up ok healthy unhealthy doing restarting restarts restart "
    "restarted starting list status state logs log events name names called named using wrong keeps keep can cannot "
    "does do did per across my our your all here there still again so slow too be been being will would should if "
    "but than then as set count replicas health version spec manifest yaml error errors issue issues problem "
    "problems configured exist exists".split()
)
_POD = re.compile(r"[a-z0-9.-]+-(?:[a-z0-9]{6,10}-[a-z0-9]{5}|\d{1,3}|[a-z0-9]{5})")
_BEFORE = re.compile(rf"(?<![\w./-])(?i:({KIND}))[\s/:]\s?(?i:called\s|named\s)?{QUOTE}({NAME}){QUOTE}(?![\w/])")
_BEHIND = re.compile(rf"(?<![\w./-])(?:(?:the|my|our|this|that)\s)?{QUOTE}({NAME}){QUOTE}\s(?i:({KIND}))(?![\w/-])")
_ANY_KIND = re.compile(rf"(?<![\w./-])(?i:({KIND}))(?![\w/-])")


def take_namespace(line: str) -> tuple[str, str | None]:
    """Return the line without the words that name a namespace, and its name; `*` stands for all."""
    if match := _ALL.search(line):
        return _without(line, match), EVERYWHERE
    for pattern in _NAMESPACES:
        for match in pattern.finditer(line):
            name = match.group(1).rstrip(".-")
            if name and name not in _NO_NAMESPACE:
                return _without(line, match), name
    return line, None


def _without(line: str, match: re.Match[str]) -> str:
    return " ".join((line[: match.start()] + " " + line[match.end() :]).split())


def kind_of(word: str) -> str | None:
    """Return the kind that a word of kubectl means, or None."""
    return _BY_WORD.get(word.lower().partition(".")[0])


def find_object(line: str) -> tuple[str, str] | None:
    """Return kind and name of the object that the line speaks of: `deployment web`, or `the web deployment`."""
    for match in _BEFORE.finditer(line):
        kind, name = match.group(1).lower(), _name(match.group(2))
        # "show pods web-1" names one; in "the pods crash" the word behind is none.
        if name and (kind not in _PLURALS or "-" in name):
            return _BY_WORD[kind], name
    for match in _BEHIND.finditer(line):
        kind, name = match.group(2).lower(), _name(match.group(1))
        if name and kind not in _PLURALS and name not in _ADJECTIVES and kind_of(name) is None:
            return _BY_WORD[kind], name
    return None


_ADJECTIVES = frozenset(
    "kubernetes k8s single each every one another other new old last latest first get show describe list scale "
    "restart diagnose debug check explain about single-node no some any docker cron specific particular me".split()
)


def find_kind(line: str) -> str | None:
    """Return the first kind that the line speaks of."""
    match = _ANY_KIND.search(line)
    return _BY_WORD[match.group(1).lower()] if match else None


def _name(text: str) -> str:
    name = text.rstrip(".-")
    return "" if name in _NO_OBJECT else name


def kind_by_name(name: str) -> str:
    """Return pod for names as controllers give them to pods, else deployment."""
    return "pod" if _POD.fullmatch(name) else "deployment"
