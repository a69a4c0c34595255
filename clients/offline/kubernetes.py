"""Understand what is asked about a Kubernetes cluster in plain words."""

import re
from typing import Any

from clients.offline.kubernetes_words import (
    DIAGNOSED,
    EVERYWHERE,
    KIND,
    NAME,
    QUOTE,
    find_kind,
    find_object,
    kind_by_name,
    take_namespace,
)
from clients.offline.phrases import one_line, order_of, take_connection, without_courtesy
from clients.offline.steps import Say, Step, call

LINES_MAX = 2_000
_NUMBERS = {word: number for number, word in enumerate("zero one two three four five six seven eight nine ten".split())}
_COUNT = rf"(\d{{1,6}}|{'|'.join(_NUMBERS)})"
_DEPLOYMENT = rf"(?:(?i:deployment|deploy)[ /]{QUOTE}({NAME}){QUOTE}|{QUOTE}({NAME}){QUOTE} (?i:deployment))"
_PODS = r"(?: (?i:replicas?|pods?|instances?|copies))?"
_SCALE = (
    re.compile(rf"(?i:scale) (?:the )?{_DEPLOYMENT} (?:(?i:up|down|out|back) )?(?i:to) (?i:{_COUNT}){_PODS}"),
    re.compile(rf"(?i:scale) (?:the )?{_DEPLOYMENT} --replicas[ =](\d{{1,6}})"),
    re.compile(
        rf"(?i:set|change) (?:the )?(?i:replicas?|replica count|number of replicas) (?i:of|for) (?:the )?{_DEPLOYMENT} "
        rf"(?i:to) (?i:{_COUNT})"
    ),
    # "3 replicas" says as clearly as "deployment" what is meant, since only deployments can be scaled.
    re.compile(rf"(?i:set|scale) {QUOTE}({NAME}){QUOTE} (?i:to) (?i:{_COUNT}) (?i:replicas?)"),
)
_RESTART = (
    re.compile(rf"(?i:restart|rollout restart|roll|bounce) (?:the )?{_DEPLOYMENT}"),
    re.compile(rf"(?i:restart|roll|replace) (?:all )?(?:the )?(?i:pods) (?i:of) (?:the )?{_DEPLOYMENT}"),
    re.compile(rf"(?i:restart|roll|replace) (?:all )?(?:the )?(?i:pods) (?i:of) {QUOTE}({NAME}){QUOTE}"),
)
_WRITE_VERB = re.compile(r"\b(?:restart|scale|rollout|bounce)\b", re.IGNORECASE)
_MODAL = re.compile(
    r"(?:should|shall|how|can|could|would|will|may|must|is it|what if|what happens|when)\b", re.IGNORECASE
)
_LOGS = re.compile(r"\blogs?\b", re.IGNORECASE)
_LOGS_OF = re.compile(
    rf"\b(?i:logs?)(?: output)?(?: (?:of|for|from|in|on))?(?: (?:the|my))?(?: (?i:pods?|container))?"
    rf"[ /]{QUOTE}({NAME}){QUOTE}(?![\w/])"
)
_POD_NAMED = re.compile(rf"\b(?i:pod)[ /]{QUOTE}({NAME}){QUOTE}")
_LOGS_BEHIND = re.compile(
    rf"^(?:(?:show|get|read|print|see|tail) (?:me )?(?:the )?)?{QUOTE}({NAME}){QUOTE}(?:'s)? (?i:logs)\b"
)
_NO_POD = frozenset(
    "of for from in on the a my these this those that all pod pods deployment deploy statefulset daemonset job "
    "service say container containers previous last lines show get me print tail fetch read analyze is are and "
    "please to with who what cluster application app error access about".split()
)
_CONTAINER = re.compile(rf"(?:\b(?i:container)[ =:]|(?:^|\s)-c[ =]){QUOTE}({NAME}){QUOTE}")
_PREVIOUS = re.compile(
    r"\bprevious\b|(?:^|\s)-p\b|\bbefore (?:the|it|its)(?: last)? (?:crash|restart)"
    r"|\blast (?:crash|run)\b|\bbefore it crashed\b",
    re.IGNORECASE,
)
_LINES = re.compile(r"\b(\d{1,9}) lines?\b|(?:--tail|\btail|\blines)[ =](\d{1,9})\b|\blast (\d{1,9})\b", re.IGNORECASE)
_TROUBLE = re.compile(
    r"\b(?:why|wrong|diagnos\w{1,5}|debug|troubleshoot|investigate|analy[sz]e|broken|fail(?:s|ed|ing|ure)?|crash\w{0,12}"
    r"|unhealthy|healthy|health|problems?|issues?|stuck|pending|not ready|not start\w{0,4}|not running|ready|evicted"
    r"|oom\w{0,8}|what happened|status|imagepullbackoff|trouble|restarting|keeps)\b|\bis\b.{1,300}\b(?:up|down|ok)\b",
    re.IGNORECASE,
)
_SHOW = re.compile(
    r"(?:(?:can|could|would) you |i (?:want|need) to |let me |let's )?(?:please )?"
    r"(?:(?:show|list|get|describe|display|view|see|give|fetch|print|look at|how many|are there|is there|do i have)\b"
    r"|(?:which|what)\b(?: (?:is|are|kind of))?)"
    rf"(?: (?!how\b|why\b|what\b|when\b)[\w'.-]{{1,60}}){{0,3}}[ ,](?:{KIND})\b",
    re.IGNORECASE,
)
_NAMED_TROUBLE = re.compile(
    rf"\b(?:(?i:why (?:is|are|does|did|has|do|can't|won't)|wrong with|diagnose|debug|troubleshoot|investigate))"
    rf" (?:the |my )?{QUOTE}({NAME}){QUOTE}(?![\w/])"
)
_BARE = re.compile(rf"(?i:(?:all |my |the )?(?:{KIND}))(?:[ /]{NAME})?")

_NO_TARGET = frozenset("the my it all this that every everything a an".split())
HOW_TO_WRITE = (
    "I change a cluster only on an exact order, and nothing was done. Write it like "
    "`scale deployment web to 5 in namespace shop` or `restart deployment web in namespace shop`; "
    "you are asked once more before it happens. Only deployments can be scaled or restarted."
)
WHICH_ONE = "Name the one that you mean, for example `why is deployment web failing in namespace shop`."
WHICH_POD = "Logs are read from one pod: write for example `logs of pod web-abc in namespace shop, last 50 lines`."


def find_kubernetes(words: str) -> Step:
    """Return the call that the words ask for. What writes needs an exact order; anything else about it is answered."""
    order = order_of(words)
    if order is not None and (step := _write(order)):
        return step
    line, connection = take_connection(without_courtesy(one_line(words)))
    if _starts_with_write(line) or (_MODAL.match(line) and _WRITE_VERB.search(line)):
        return Say(HOW_TO_WRITE)
    return _read(line, connection)


def _starts_with_write(line: str) -> bool:
    match = _WRITE_VERB.search(line)
    return match is not None and match.start() == 0


def _write(order: str) -> Step:
    order, connection = take_connection(order)
    line, namespace = take_namespace(order)
    if namespace == EVERYWHERE:
        return None
    for pattern in _SCALE:
        if match := pattern.fullmatch(line):
            *names, replicas = match.groups()
            name = next(filter(None, names))
            if name in _NO_TARGET:
                return None
            given = {"namespace": namespace, "deployment": name, "replicas": _number(replicas)}
            return [call("k8s_scale", connection, **given)]
    for pattern in _RESTART:
        if (match := pattern.fullmatch(line)) and (name := next(filter(None, match.groups()))) not in _NO_TARGET:
            return [call("k8s_restart", connection, namespace=namespace, deployment=name)]
    return None


def _number(text: str) -> int:
    return _NUMBERS[text.lower()] if text.lower() in _NUMBERS else int(text)


def _read(line: str, connection: str | None) -> Step:
    if _LOGS.search(line) and (step := _logs(line, connection)):
        return step
    rest, namespace = take_namespace(line)
    found = find_object(rest)
    one_namespace = None if namespace == EVERYWHERE else namespace
    if _TROUBLE.search(rest):
        if found and found[0] in DIAGNOSED:
            return [call("k8s_diagnose", connection, kind=found[0], name=found[1], namespace=one_namespace)]
        if not found and (step := _unnamed_trouble(rest, one_namespace, connection)):
            return step
        if not found and find_kind(rest) in ("deployment", "statefulset", "daemonset", "pod") and "why" in rest.lower():
            return Say(WHICH_ONE)
    return _get(rest, found, namespace, connection)


def _unnamed_trouble(rest: str, namespace: str | None, connection: str | None) -> Step:
    """Understand "why is web failing in namespace shop": the kind is not said, but it is about a cluster."""
    match = _NAMED_TROUBLE.search(rest)
    if match is None or not (namespace or connection):
        return None
    name = match.group(1).rstrip(".-")
    if name in ("the", "my", "it", "this", "that") or find_kind(name):
        return None
    return [call("k8s_diagnose", connection, kind=kind_by_name(name), name=name, namespace=namespace)]


def _get(rest: str, found: tuple[str, str] | None, namespace: str | None, connection: str | None) -> Step:
    bare = _BARE.fullmatch(rest.rstrip(" ?.!"))
    kind = find_kind(rest)
    if kind is None or not (bare or _SHOW.match(rest) or (namespace and len(rest.split()) <= 3)):
        return None
    given: dict[str, Any] = {"kind": kind, "name": None}
    if found:
        given = {"kind": found[0], "name": found[1]}
        namespace = None if namespace == EVERYWHERE else namespace
    return [call("k8s_get", connection, namespace=namespace, **given)]


def _logs(line: str, connection: str | None) -> Step:
    rest, namespace = take_namespace(_PLAIN_IN.sub(r"\1 of ", line))
    container = _CONTAINER.search(rest)
    bare = _CONTAINER.sub(" ", rest) if container else rest
    pod = _pod(" ".join(bare.split()))
    if pod is None:
        found = find_object(rest)
        if re.fullmatch(r"(?:show|get|read|print|see) (?:me )?(?:the )?logs?", rest, re.IGNORECASE):
            return Say(WHICH_POD)
        asks = re.match(r"(?:show|get|read|print|see) |logs?\b|tail\b", rest, re.IGNORECASE)
        return Say(WHICH_POD) if found or (asks and len(rest.split()) <= 6 and find_kind(rest)) else None
    lines = _LINES.search(rest)
    count = next((int(text) for text in lines.groups() if text), None) if lines else None
    return [
        call(
            "k8s_logs",
            connection,
            namespace=None if namespace == EVERYWHERE else namespace,
            pod=pod,
            container=container.group(1).rstrip(".-") if container else None,
            previous=True if _PREVIOUS.search(rest) else None,
            lines=count if count is None else min(count, LINES_MAX),
        )
    ]


_PLAIN_IN = re.compile(r"\b(logs?) in (?=pod\b)", re.IGNORECASE)


def _pod(line: str) -> str | None:
    other = find_object(line)
    if other and other[0] in ("deployment", "statefulset", "daemonset", "job") and not _POD_NAMED.search(line):
        # The tool then answers with the names of its pods.
        return other[1]
    for pattern in (_POD_NAMED, _LOGS_OF, _LOGS_BEHIND):
        for match in pattern.finditer(line):
            name = match.group(1).rstrip(".-")
            if name and name not in _NO_POD and not name.isdecimal() and not find_kind(name):
                return str(name)
    return None
