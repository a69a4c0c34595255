"""Understand which container's log is asked for."""

import re

from clients.offline.kubernetes_words import (
    EVERYWHERE,
    NAME,
    QUOTE,
    Spoken,
    is_workload_name,
    kind_of,
    read_spoken,
    take_namespace,
)
from clients.offline.speech import WORDS
from clients.offline.steps import Say, Step, call

LINES_MAX = 2_000
# "Log in" and "logs into" have nothing to do with it.
_LOGS = re.compile(
    r"\blogs\b(?! (?:into|in to|out|off)\b)"
    r"|\blog\b(?! (?:in|into|on|out|off)\b(?! (?:the )?pod\b))|\d lines (?:of|from)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"(?:(?:can|could|would) you |i (?:want|need) to |let me )?(?:please )?"
    r"(?:show|get|read|print|see|tail|fetch|give|view|display|list|previous|last|\d"
    r"|what (?:do|does|did)|check|look|logs?)\b",
    re.IGNORECASE,
)
_CONTAINER = re.compile(rf"(?:\b(?i:container)[ =:]|(?:^|\s)-c[ =]){QUOTE}({NAME}){QUOTE}")
_PREVIOUS = re.compile(
    r"\bprevious\b|(?:^|\s)-p\b|\bbefore (?:the|it|its)(?: last)? (?:crash|restart)"
    r"|\blast (?:crash|run)\b|\bbefore it (?:crashed|restarted|died)\b",
    re.IGNORECASE,
)
_LINES = re.compile(r"\b(\d{1,9}) lines?\b|(?:--tail|\btail|\blines)[ =](\d{1,9})\b|\blast (\d{1,9})\b", re.IGNORECASE)
_WITH_PODS = ("pod", "deployment", "statefulset", "daemonset", "replicaset", "job")
WHICH_POD = "Logs are read from one pod: write for example `logs of pod web-abc in namespace shop, last 50 lines`."
NOT_BY_THAT = (
    "I read the last lines of one pod's log, and can't choose among them by {words}. Nothing was read. "
    "Write for example `logs of pod web-abc in namespace shop, last 200 lines`."
)


def find_logs(line: str, connection: str | None) -> Step:
    """Return the call of k8s_logs for the pod that the line names; None if it asks for no log."""
    if not _LOGS.search(line):
        return None
    rest, namespace = take_namespace(line)
    container = _container(rest)
    # Flags and numbers are read by patterns of their own.
    spoken = read_spoken(
        re.sub(r"(?:^|\s)(?:-p\b|--?tail[ =]\d+)", " ", _CONTAINER.sub(" ", rest) if container else rest)
    )
    pods = _pods(spoken)
    asks = _ASKS.match(line) is not None
    if not pods or not (asks or _is_log_of(pods[0], rest)):
        return _hint(spoken, asks or bool(spoken.objects))
    lines = _LINES.search(rest)
    count = next((int(text) for text in lines.groups() if text), None) if lines else None
    given = {
        "namespace": None if namespace == EVERYWHERE else namespace,
        "container": container,
        "previous": True if _PREVIOUS.search(rest) else None,
        "lines": count if count is None else min(count, LINES_MAX),
    }
    return [call("k8s_logs", connection, pod=pod, **given) for pod in pods]


def _is_log_of(pod: str, line: str) -> bool:
    """Tell whether "logs of web" or "web logs" is said, without a verb that asks."""
    name = re.escape(pod)
    behind = rf"\blogs?(?: output)?(?: of| for| from|[/:])(?: the| my)?(?: \w{{1,20}})?[ /]{QUOTE}{name}\b"
    before = rf"{name}{QUOTE}(?:'s)?(?: pods?| container| deployment)?(?:'s)? logs?\b"
    return re.search(f"{behind}|{before}", line, re.IGNORECASE) is not None


def _container(line: str) -> str | None:
    match = _CONTAINER.search(line)
    name = match.group(1).rstrip(".-") if match else ""
    return name if name and name not in WORDS and kind_of(name) is None else None


def _pods(spoken: Spoken) -> list[str]:
    """Return the pods, or the workloads whose pods are meant: the tool finds these by the workload's name."""
    of_pods = [name for kind, name in spoken.objects if kind in _WITH_PODS]
    if of_pods:
        only = [name for kind, name in spoken.objects if kind == "pod"] or of_pods
        return [] if spoken.unknown else only
    return spoken.names


def _hint(spoken: Spoken, asks: bool) -> Say | None:
    if not asks or "." in "".join(spoken.unknown):
        return None
    if spoken.unknown:
        strange = [word for word in spoken.unknown if not is_workload_name(word)] or spoken.unknown
        return Say(NOT_BY_THAT.format(words=" and ".join(f"`{word}`" for word in strange[:3])))
    return Say(WHICH_POD)
