"""Understand what is said to be in trouble in a cluster: an object, a name without its kind, or a whole namespace."""

import re

from clients.offline.kubernetes_words import DIAGNOSED, EVERYWHERE, Spoken, kind_by_name
from clients.offline.steps import Call, Say, Step, call

# These words are only used of what runs in a cluster.
_OF_CLUSTERS = re.compile(
    r"\b(?:crash-?loop\w{0,10}|imagepull\w{0,10}|errimage\w{0,6}|createcontainer\w{0,12}|oom-?kill\w{0,4}|evicted"
    r"|notready|rollout|diagnose)\b",
    re.IGNORECASE,
)
_TROUBLE = re.compile(
    r"\b(?:wrong|debug|troubleshoot|investigate|diagnos\w{1,5}|broken|breaks?|fail(?:s|ed|ing|ure|ures)?|crash\w{0,12}"
    r"|crash-loop\w{0,6}|unhealthy|healthy|stuck|pending|restarting|keeps?|not ready|unready|not start\w{0,4}"
    r"|not running|evicted|ooms?|oom-?kill\w{0,4}|dying|imagepullbackoff|errimagepull|notready|in trouble"
    r"|(?:won't|can't|cannot|doesn't|does not)\b.{1,80}\b(?:start|come up|get ready|pull|schedule))\b",
    re.IGNORECASE,
)
_STATE = re.compile(
    r"\b(?:why|health|problems?|issues?|ready|what happened|going on|status|analy[sz]e|restart(?:s|ed)|check|down|dead"
    r"|no endpoints|at (?:its |the )?max\w{0,5}|maxed|unavailable|unreachable|[45]\d\d|rollout)\b"
    r"|^how(?:'s| is| are)\b"
    r"|\b(?:is|are)\b.{1,300}\b(?:up|down|ok|okay|fine|running|working|done|alive|complete)\b"
    r"|\b(?:did|does|do|has|have|when|will)\b.{1,300}\b(?:run|ran|finish(?:ed)?|complete[ds]?|succeed(?:ed)?|work)\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"\b(?:why|wrong with|wrong in|debug|troubleshoot|investigate)\b|^(?:is|are|does|did|has)\b", re.IGNORECASE
)
_WHY = re.compile(r"\bwhy\b|\bwrong\b|\bdiagnos|\bdebug\b|\btroubleshoot\b|\binvestigate\b", re.IGNORECASE)
_LISTS = re.compile(
    r"(?:(?:can|could) you )?(?:please )?(?:which|list|show|get|how many|are there|is there|display)\b", re.IGNORECASE
)
# "What does OOMKilled mean" is a question about the word.
_TALKS = re.compile(
    r"(?:what|how)(?:'s|s| is| are| do| does| can| should| to)?\b|(?:should|when|if|where|who)\b", re.IGNORECASE
)
_WRONG = re.compile(
    r"\b(?:wrong|happen(?:s|ed|ing)?|going on|status|state|matter|failing|broken)\b|^how(?:'s| is| are)\b",
    re.IGNORECASE,
)
# "covid-19" and "npm-install" look like names in a cluster too; only with both hashes it can be nothing but a pod.
_LOOKS_TECHNICAL = re.compile(r"[-\d]")
_HASHED_POD = re.compile(r"[a-z0-9.-]+-[4-9bcdf]{6,10}-[bcdfghjklmnpqrstvwxz24-9]{5}")
_PLACES = frozenset("prod production staging stage dev development qa".split())
_WITH_PODS = ("deployment", "statefulset", "daemonset", "replicaset", "job", "pod")
WHICH_ONE = (
    "Name the one that you mean, for example `why is deployment web failing in namespace shop`, or ask about all of a "
    "namespace: `what's wrong in namespace shop`."
)
IS_IT_THIS = (
    "I can't tell what `{name}` is, and nothing was looked at. If it runs in your cluster, write its kind too: "
    "`diagnose {kind} {name}`."
)


def find_trouble(line: str, spoken: Spoken, namespace: str | None, connection: str | None) -> Step:
    """Return calls of k8s_diagnose for what the line is about, or ask for what it leaves open."""
    if not (_TROUBLE.search(line) or _STATE.search(line)):
        return None
    one_namespace = None if namespace == EVERYWHERE else namespace
    if objects := [(kind, name) for kind, name in spoken.objects if kind in DIAGNOSED]:
        return [_diagnose(_kind(kind, name, line), name, one_namespace, connection) for kind, name in objects]
    if spoken.objects or _LISTS.match(line) or (_TALKS.match(line) and not _WRONG.search(line)):
        return None
    if spoken.names:
        return _named(line, spoken, one_namespace, connection)
    if spoken.unknown or spoken.in_general:
        return None
    if one_namespace and (_TROUBLE.search(line) or not spoken.kinds):
        return [_diagnose("namespace", one_namespace, None, connection)]
    about_pods = set(spoken.kinds).intersection(_WITH_PODS) and _WHY.search(line)
    about_all = "cluster" in spoken.words and _TROUBLE.search(line)
    return Say(WHICH_ONE) if about_pods or about_all else None


def _diagnose(kind: str, name: str, namespace: str | None, connection: str | None) -> Call:
    return call("k8s_diagnose", connection, kind=kind, name=name, namespace=namespace)


def _kind(kind: str, name: str, line: str) -> str:
    """Take "the web pod" for the deployment whose pod it is, but "pod web" for a pod of this very name."""
    called_behind = kind == "pod" and re.search(rf"{re.escape(name)}\W{{1,3}}(?i:pod)\b", line)
    return kind_by_name(name) if called_behind else kind


def _named(line: str, spoken: Spoken, namespace: str | None, connection: str | None) -> Step:
    """Understand "why is web failing": no kind is said, so the words must be sure to speak of a cluster."""
    kinds = set(spoken.kinds).intersection(DIAGNOSED) - {"pod"}
    kind = spoken.kinds[0] if len(kinds) == 1 == len(set(spoken.kinds)) else ""
    sure = namespace or connection or _OF_CLUSTERS.search(line) or _is_asked(line, spoken)
    if sure and not _PLACES.intersection(spoken.names):
        return [_diagnose(kind or kind_by_name(name), name, namespace, connection) for name in spoken.names]
    if not _QUESTION.search(line) and not re.match(r"check\b|status\b|how is\b|what", line, re.IGNORECASE):
        return None
    name = spoken.names[0]
    return Say(WHICH_ONE if name in _PLACES else IS_IT_THIS.format(name=name, kind=kind_by_name(name)))


def _is_asked(line: str, spoken: Spoken) -> bool:
    if all(map(_HASHED_POD.fullmatch, spoken.names)):
        return True
    if any(map(_LOOKS_TECHNICAL.search, spoken.names)) and not spoken.kinds:
        return False
    in_trouble = _TROUBLE.search(line) or spoken.kinds or re.search(r"\bwhy\b.*\bdown\b", line, re.IGNORECASE)
    return bool(_QUESTION.search(line) and in_trouble)
