"""Understand orders that change a cluster. Each must fit as a whole, so that nothing is done on a misunderstanding."""

import re

from clients.offline.kubernetes_words import EVERYWHERE, NAME, QUOTE, read_spoken, take_namespace
from clients.offline.phrases import take_connection
from clients.offline.speech import WORDS
from clients.offline.steps import Say, Step, call

_NUMBERS = {word: number for number, word in enumerate("zero one two three four five six seven eight nine ten".split())}
_COUNT = rf"(\d{{1,6}}|{'|'.join(_NUMBERS)})"
_DEPLOYMENT = rf"(?:(?i:deployment|deploy)[ /]{QUOTE}({NAME}){QUOTE}|{QUOTE}({NAME}){QUOTE} (?i:deployment))"
_PODS = r"(?: (?i:replicas?|pods?|instances?|copies))?"
_WAY = r"(?:(?i:up|down|out|back) )?"
_SCALE = (
    re.compile(rf"(?i:scale) {_WAY}(?:the )?{_DEPLOYMENT} {_WAY}(?i:to) (?i:{_COUNT}){_PODS}"),
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
_WRITE_VERB = re.compile(r"\b(?:restart|scale|rollout(?! (?:of|status)\b)|bounce)\b", re.IGNORECASE)
_MODAL = re.compile(
    r"(?:should|shall|how|can|could|would|will|may|must|is it|what if|what happens|when)\b", re.IGNORECASE
)
_ASKED = re.compile(
    r"(?:(?:can|could|would|will) you |should i |how (?:do|can|should|would) (?:i|we) )?(?:please )?"
    r"(?P<verb>scale|restart|rollout restart|bounce)\b",
    re.IGNORECASE,
)
_TO = re.compile(rf"\bto {_COUNT}\b", re.IGNORECASE)
_MORE_THAN_THAT = frozenset("and or if unless when then after before until but not never because".split())
# Where a name stands, these mean more than one object.
_NO_NAMES = WORDS | frozenset("everything anything something nothing".split())
HOW_TO_WRITE = (
    "I change a cluster only on an exact order, and nothing was done. Write it like {orders}; "
    "you are asked once more before it happens. Only deployments can be scaled or restarted."
)
_ORDERS = "`scale deployment web to 5 in namespace shop` or `restart deployment web in namespace shop`"


def find_order(order: str) -> Step:
    """Return the call of a tool that writes, if the order fits one as a whole."""
    order, connection = take_connection(order)
    line, namespace = take_namespace(order)
    if namespace == EVERYWHERE:
        return None
    for pattern in _SCALE:
        if match := pattern.fullmatch(line):
            *names, replicas = match.groups()
            name = next(filter(None, names))
            if name in _NO_NAMES:
                return None
            given = {"namespace": namespace, "deployment": name, "replicas": _number(replicas)}
            return [call("k8s_scale", connection, **given)]
    for pattern in _RESTART:
        if (match := pattern.fullmatch(line)) and (name := next(filter(None, match.groups()))) not in _NO_NAMES:
            return [call("k8s_restart", connection, namespace=namespace, deployment=name)]
    return None


def _number(text: str) -> int:
    return _NUMBERS[text.lower()] if text.lower() in _NUMBERS else int(text)


def explain_orders(line: str, connection: str | None) -> Say | None:
    """Answer words that want a change but are no exact order, with the order that they most likely mean."""
    verb = _WRITE_VERB.search(line)
    if verb is None or not (verb.start() == 0 or _MODAL.match(line)):
        return None
    corrected = _corrected(line, connection)
    return Say(HOW_TO_WRITE.format(orders=f"`{corrected}`" if corrected else _ORDERS))


def _corrected(line: str, connection: str | None) -> str | None:
    line, namespace = take_namespace(line)
    asked = _ASKED.match(line)
    spoken = read_spoken(line[asked.end("verb") :]) if asked else None
    if asked is None or spoken is None or namespace == EVERYWHERE or _MORE_THAN_THAT.intersection(spoken.words):
        return None
    names = [name for kind, name in spoken.objects if kind == "deployment"] or spoken.names
    if (
        len(names) != 1
        or names[0] in _NO_NAMES
        or len(spoken.objects) + len(spoken.unknown) != 1
        or set(spoken.kinds) - {"pod", "deployment"}
    ):
        return None
    order = f"restart deployment {names[0]}"
    if asked["verb"].lower() == "scale":
        count = _TO.search(line)
        if count is None:
            return None
        order = f"scale deployment {names[0]} to {_number(count.group(1))}"
    where = f" in namespace {namespace}" if namespace else ""
    return order + where + (f' on connection "{connection}"' if connection else "")
