"""Understand what is asked about a Kubernetes cluster in plain words."""

import re

from clients.offline.kubernetes_logs import find_logs
from clients.offline.kubernetes_orders import explain_orders, find_order
from clients.offline.kubernetes_trouble import find_trouble
from clients.offline.kubernetes_words import (
    EVERYWHERE,
    Spoken,
    kind_by_name,
    kind_of,
    plural,
    read_spoken,
    take_namespace,
    word_for,
)
from clients.offline.phrases import one_line, order_of, take_connection, without_courtesy
from clients.offline.steps import Say, Step, call

_SHOW = re.compile(
    r"(?:(?:can|could|would) you |i (?:want|need) to |let me |let's )?(?:please )?"
    r"(?:show|list|get|describe|display|view|see|give|fetch|print|check|look at|how many|is there|is any"
    r"|are|any|do i have|do we have|which|what)\b",
    re.IGNORECASE,
)
_LISTS = re.compile(r"(?:show|list|get|describe|display|view|see|fetch|print|how many)\b", re.IGNORECASE)
_DEFINES = re.compile(
    r"what(?:'s|s| is| are| does| do)\b(?!.*\b(?:running|there|have|exist|deployed|in|status|ready)\b)", re.IGNORECASE
)
_TALKS = re.compile(r"\b(?:how(?! many\b)|why|when|whether|should)\b", re.IGNORECASE)
_DESCRIBE = re.compile(r"(?:can you |please )?describe\b", re.IGNORECASE)
_RUNNING = re.compile(r"\brunning\b", re.IGNORECASE)
_EVERYTHING = re.compile(r"\b(?:everything|anything|all)\b", re.IGNORECASE)
_LINKS = frozenset("the all my our of for with and label labels".split())
# An object of this kind has the name of its service.
_OF_SERVICE = "endpoints"
_WHICH = re.compile(r"(?:which|what) [a-z]{2,30}s\b", re.IGNORECASE)
# Hosts and repositories are for others to understand.
_OF_OTHERS = re.compile(r"[./:@]")
CAN_NOT_NARROW = (
    "I can't choose {plural} by {words}, and nothing was read. I can list them by namespace or label, or show one by "
    "its name: {orders}."
)
WHICH_KIND = "Say what you want to see of it, for example `show pods in namespace {namespace}`."
PODS_OF = (
    "I can't list what belongs to {kind} {name}, and nothing was read. `diagnose {kind} {name}` looks at all of it; or "
    "list by label, for example `show {plural} with label app={name}`."
)


def find_kubernetes(words: str) -> Step:
    """Return the call that the words ask for. What writes needs an exact order; anything else about it is answered."""
    order = order_of(words)
    if order is not None and (step := find_order(order)):
        return step
    line, connection = take_connection(without_courtesy(one_line(words)))
    if answer := explain_orders(line, connection):
        return answer
    if step := find_logs(line, connection):
        return step
    rest, namespace = take_namespace(line)
    spoken = read_spoken(rest)
    return find_trouble(rest, spoken, namespace, connection) or _find_objects(rest, spoken, namespace, connection)


def _find_objects(line: str, spoken: Spoken, namespace: str | None, connection: str | None) -> Step:
    """Understand "show pods in shop": what is to be seen as it is."""
    if not _is_asked_for(line, spoken, namespace):
        return None
    one_namespace = None if namespace == EVERYWHERE else namespace
    named = _with_its_service(spoken)
    if not (named or spoken.kinds or spoken.unknown or spoken.things) and one_namespace:
        return _of_namespace(line, one_namespace, connection)
    if named:
        if set(spoken.kinds) - {"event"} or spoken.unknown or spoken.selector:
            return _pods_of(named[0], spoken)
        return [call("k8s_get", connection, kind=kind, name=name, namespace=one_namespace) for kind, name in named]
    if _DESCRIBE.match(line) and len(spoken.names) == 1 and not spoken.kinds:
        name = spoken.names[0]
        return [call("k8s_get", connection, kind=kind_by_name(name), name=name, namespace=one_namespace)]
    if spoken.unknown or spoken.things:
        return _not_by_that(line, spoken)
    given = {"namespace": namespace, "selector": spoken.selector}
    return [call("k8s_get", connection, kind=kind, **given) for kind in dict.fromkeys(spoken.kinds)] or None


def _of_namespace(line: str, namespace: str, connection: str | None) -> Step:
    if _EVERYTHING.search(line):
        return Say(WHICH_KIND.format(namespace=namespace))
    if _RUNNING.search(line):
        return [call("k8s_get", connection, kind="pod", namespace=namespace)]
    return [call("k8s_get", connection, kind="namespace", name=namespace)] if _LISTS.match(line) else None


def _is_asked_for(line: str, spoken: Spoken, namespace: str | None) -> bool:
    if _TALKS.search(line) or (_DEFINES.match(line) and not spoken.objects and not namespace):
        return False
    if spoken.in_general and not namespace:
        return False
    return _SHOW.match(line) is not None or _is_bare(spoken, namespace)


def _is_bare(spoken: Spoken, namespace: str | None) -> bool:
    """Tell whether it is said without a verb: "pods", "deployment web", "endpoints of service web", "pods in shop"."""
    if not (spoken.kinds or spoken.objects) or spoken.things:
        return False
    names = {name for _, name in spoken.objects}
    others = [word for word in spoken.words if word.lower() not in _LINKS and word not in names and "=" not in word]
    return len(others) <= (3 if namespace else 2) and all(map(kind_of, others))


def _with_its_service(spoken: Spoken) -> list[tuple[str, str]]:
    """Return the objects by name; "the endpoints of service web" are an object that is called like the service."""
    if spoken.kinds == [_OF_SERVICE] and [kind for kind, _ in spoken.objects] == ["service"]:
        spoken.kinds.clear()
        return [(_OF_SERVICE, spoken.objects[0][1])]
    return spoken.objects


def _pods_of(named: tuple[str, str], spoken: Spoken) -> Say | None:
    """Answer "show the pods of deployment web": no tool knows what belongs to an object."""
    if not spoken.kinds:
        return None
    kind, name = named
    return Say(PODS_OF.format(kind=word_for(kind), name=name, plural=plural(spoken.kinds[0])))


def _not_by_that(line: str, spoken: Spoken) -> Say | None:
    """Answer "show pods on node-1", which asks for less than all of them."""
    if (
        not spoken.kinds
        or not (_LISTS.match(line) or _WHICH.match(line))
        or _OF_OTHERS.search(" ".join(spoken.unknown))
    ):
        return None
    kind = spoken.kinds[0]
    orders = [f"`show {plural(kind)} in namespace shop`", f"`show {plural(kind)} with label app=web`"]
    orders += [f"`show {word_for(kind)} {name}`" for name in spoken.names[:1]]
    words = " and ".join(f"`{word}`" for word in [*spoken.unknown, *spoken.things][:3])
    return Say(CAN_NOT_NARROW.format(plural=plural(kind), words=words, orders=", ".join(orders)))
