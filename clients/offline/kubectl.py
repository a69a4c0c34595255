"""Understand command lines of kubectl, as far as a tool does the same."""

import re
from dataclasses import dataclass, field

from clients.offline.kubernetes_words import DIAGNOSED, EVERYWHERE, kind_of
from clients.offline.phrases import one_line, order_of, without_courtesy
from clients.offline.steps import Say, Step, call

_COMMAND = re.compile(r"(?:kubectl|k) (?=\S)")
# Flags that take a value as a word of its own; others stand alone.
_WITH_VALUE = {
    "-n": "namespace",
    "--namespace": "namespace",
    "--context": "connection",
    "--cluster": "connection",
    "-c": "container",
    "--container": "container",
    "--tail": "tail",
    "--replicas": "replicas",
    "-l": "selector",
    "--selector": "selector",
    "-o": "output",
    "--output": "output",
    "--since": "since",
    "--timeout": "timeout",
    "--sort-by": "sort",
    "--field-selector": "fields",
}
_OPERATORS = re.compile(r"\s(?:\|\|?|&&?|;|>>?|2>&1)(?=\s|$)|;")
CAN_NOT = (
    "I don't run kubectl. I can do the same as `kubectl get`, `describe`, `logs`, `rollout status`, "
    "`scale deployment` and `rollout restart deployment`, with the flags for names, namespaces and lines."
)


@dataclass
class _Line:
    """A command line in parts."""

    words: list[str] = field(default_factory=list)
    flags: dict[str, str] = field(default_factory=dict)
    piped: bool = False

    def flag(self, name: str) -> str | None:
        return self.flags.get(name)


def find_kubectl(words: str) -> Step:
    """Return the call that does what the command line would do; None if the words are no such line."""
    first = words.strip().partition("\n")[0]
    line = without_courtesy(one_line(first).strip("`"))
    if not _COMMAND.match(line):
        return None
    parsed = _parse(line)
    verb = parsed.words[0] if parsed.words else ""
    if verb in ("scale", "rollout") and parsed.words[1:2] != ["status"]:
        # It would change something: the message must be this one line and nothing else.
        return _write(parsed, verb) if order_of(words) and not parsed.piped else Say(CAN_NOT)
    reader = {"get": _get, "describe": _get, "logs": _logs, "rollout": _status, "events": _events}.get(verb)
    return (reader(parsed) if reader else None) or Say(CAN_NOT)


def _parse(line: str) -> _Line:
    command = _OPERATORS.split(line, maxsplit=1)[0]
    parsed = _Line(piped=command != line)
    words = command.split()[1:]
    while words:
        word = words.pop(0).strip("\"'")
        name, equals, value = word.partition("=")
        if not word.startswith("-"):
            parsed.words.append(word)
        elif name in _WITH_VALUE and (equals or words):
            parsed.flags[_WITH_VALUE[name]] = (value if equals else words.pop(0)).strip("\"'")
        else:
            parsed.flags[name] = value
    return parsed


def _object(words: list[str]) -> tuple[str | None, str | None]:
    """Return kind and name from `deployment/web` or `deployment web`."""
    kind, slash, name = words[0].partition("/") if words else ("", "", "")
    return kind_of(kind), name if slash else (words[1] if len(words) > 1 else None)


def _everywhere(line: _Line) -> bool:
    return "-A" in line.flags or "--all-namespaces" in line.flags


def _get(line: _Line) -> Step:
    kind, name = _object(line.words[1:])
    if kind is None or "," in line.words[1]:
        return None
    namespace = EVERYWHERE if _everywhere(line) and name is None else line.flag("namespace")
    selector = line.flag("selector")
    return [call("k8s_get", line.flag("connection"), kind=kind, namespace=namespace, name=name, selector=selector)]


def _events(line: _Line) -> Step:
    namespace = EVERYWHERE if _everywhere(line) else line.flag("namespace")
    return [call("k8s_get", line.flag("connection"), kind="event", namespace=namespace)]


def _logs(line: _Line) -> Step:
    if len(line.words) < 2:
        return None
    kind, slash, name = line.words[1].partition("/")
    tail = line.flag("tail") or ""
    container = line.flag("container") or (line.words[2] if len(line.words) > 2 else None)
    return [
        call(
            "k8s_logs",
            line.flag("connection"),
            namespace=line.flag("namespace"),
            pod=name if slash else kind,
            container=container,
            previous=True if "-p" in line.flags or "--previous" in line.flags else None,
            lines=int(tail) if tail.isdecimal() and len(tail) < 10 else None,
        )
    ]


def _status(line: _Line) -> Step:
    kind, name = _object(line.words[2:])
    if kind not in DIAGNOSED or name is None:
        return None
    return [call("k8s_diagnose", line.flag("connection"), kind=kind, name=name, namespace=line.flag("namespace"))]


def _write(line: _Line, verb: str) -> Step:
    rest = line.words[1:] if verb == "scale" else line.words[2:]
    kind, name = _object(rest)
    known = {"namespace", "connection", "replicas"} if verb == "scale" else {"namespace", "connection"}
    extra = set(line.flags) - known or len(rest) > (1 if "/" in "".join(rest[:1]) else 2)
    if kind != "deployment" or name is None or extra or (verb == "rollout" and line.words[1:2] != ["restart"]):
        return Say(CAN_NOT)
    where = {"namespace": line.flag("namespace"), "deployment": name}
    if verb == "rollout":
        return [call("k8s_restart", line.flag("connection"), **where)]
    replicas = line.flag("replicas") or ""
    if not replicas.isdecimal() or len(replicas) > 6:
        return Say(CAN_NOT)
    return [call("k8s_scale", line.flag("connection"), replicas=int(replicas), **where)]
