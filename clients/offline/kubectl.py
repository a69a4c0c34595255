"""Understand command lines of kubectl, as far as a tool does the same."""

import re
from dataclasses import dataclass, field

from clients.offline.kubernetes_logs import LINES_MAX
from clients.offline.kubernetes_words import DIAGNOSED, EVERYWHERE, kind_of
from clients.offline.phrases import one_line, order_of, without_courtesy
from clients.offline.steps import Say, Step, call

_COMMAND = re.compile(r"(?:kubectl|k) (?=\S)")
# "What does `kubectl rollout restart deployment web` do" asks about the command.
_TALKS = re.compile(
    r"(?:what (?:does|do|would|will)|how (?:do|does|can|should|would|to)|explain|when|should)\b[^`?]{0,40}`?kubectl "
    r"|(?:what(?:'s| is)|is) `?kubectl ",
    re.IGNORECASE,
)
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
    "--since": "",
    "--since-time": "",
    "--timeout": "",
    "--sort-by": "sort",
    "--field-selector": "",
    "--for": "",
    "--limit-bytes": "",
    "--max-log-requests": "",
    "--request-timeout": "",
    "--template": "",
    "-L": "",
    "-f": "",
}
_EVERYWHERE = {"-A", "--all-namespaces"}
# What the tools do with each verb. A flag that is not among these would change the answer unseen.
_KNOWN = {
    "get": {"namespace", "connection", "selector", "output", "sort", "--no-headers", "--ignore-not-found"}
    | _EVERYWHERE,
    "describe": {"namespace", "connection", "selector"} | _EVERYWHERE,
    "logs": {"namespace", "connection", "container", "tail", "-p", "--previous"},
    "rollout": {"namespace", "connection"},
    "events": {"namespace", "connection"} | _EVERYWHERE,
}
_WHOLE_OBJECTS = ("yaml", "json", "wide", "name")
_WORDS = re.compile(r"(?:[^\s\"']|\"[^\"]*\"|'[^']*')+")
_OPERATORS = re.compile(r"\s(?:\|\|?|&&?|;|>>?|2>&1)(?=\s|$)|;")
CAN_NOT = (
    "I don't run kubectl. I can do the same as `kubectl get`, `describe`, `logs`, `rollout status`, "
    "`scale deployment` and `rollout restart deployment`, with the flags for names, namespaces and lines."
)
NOT_WITH_THAT = "I don't run kubectl, and have nothing like `{left_out}`. Nothing was read. This I can do: `{command}`."


@dataclass
class _Line:
    """A command line in parts."""

    words: list[str] = field(default_factory=list)
    flags: dict[str, str] = field(default_factory=dict)
    # Each flag as it was written, by its meaning.
    written: dict[str, str] = field(default_factory=dict)
    behind: str = ""

    def flag(self, name: str) -> str | None:
        return self.flags.get(name)


def find_kubectl(words: str) -> Step:
    """Return the calls that do what the command line would do; None if the words are no such line."""
    first = words.strip().partition("\n")[0]
    line = without_courtesy(one_line(first).strip("`"))
    if not _COMMAND.match(line):
        return Say(CAN_NOT) if _TALKS.match(line) else None
    parsed = _parse(line)
    verb = parsed.words[0] if parsed.words else ""
    if verb in ("scale", "rollout") and parsed.words[1:2] != ["status"]:
        # It would change something: the message must be this one line and nothing else.
        return _write(parsed, verb) if order_of(words) and not parsed.behind else Say(CAN_NOT)
    reader = {"get": _get, "describe": _get, "logs": _logs, "rollout": _status, "events": _events}.get(verb)
    step = reader(parsed) if reader else None
    return (_refusal(parsed, verb) or step) if step else Say(CAN_NOT)


def _parse(line: str) -> _Line:
    command, behind = _parted(line)
    parsed = _Line(behind=behind)
    words = _WORDS.findall(command)[1:]
    while words:
        word = words.pop(0).strip("\"'")
        name, equals, value = word.partition("=")
        if not word.startswith("-"):
            parsed.words.append(word)
            continue
        if name not in _WITH_VALUE and not name.startswith("--") and name[:2] in _WITH_VALUE:
            # The value stands right behind the letter, as in "-nshop".
            name, equals, value = name[:2], "=", word[2:]
        takes_value = name in _WITH_VALUE and not (name == "-f" and parsed.words[:1] == ["logs"])
        if takes_value and not equals and words:
            value = words.pop(0)
            word = f"{word} {value}"
        meaning = (_WITH_VALUE[name] or name) if takes_value else name
        parsed.flags[meaning], parsed.written[meaning] = value.strip("\"'"), word
    return parsed


def _parted(line: str) -> tuple[str, str]:
    """Return the command, and what follows it behind a pipe and the like."""
    operator = _OPERATORS.search(line)
    return (line[: operator.start()], line[operator.start() :].strip()) if operator else (line, "")


def _refusal(line: _Line, verb: str) -> Say | None:
    """Refuse what would change the answer and can't be done, with the command that remains without it."""
    left_out = [written for meaning, written in line.written.items() if not _is_known(line, verb, meaning)]
    if not left_out and not line.behind:
        return None
    kept = [written for written in line.written.values() if written not in left_out]
    command = " ".join(["kubectl", *line.words, *kept])
    return Say(NOT_WITH_THAT.format(left_out=" ".join([*left_out, line.behind]).strip(), command=command))


def _is_known(line: _Line, verb: str, meaning: str) -> bool:
    value = line.flags[meaning]
    if meaning == "output":
        return verb == "get" and value in _WHOLE_OBJECTS
    if meaning == "tail":
        return value.isdecimal() and len(value) < 5 and 0 < int(value) <= LINES_MAX
    if meaning == "sort":
        # Events come newest first whatever is asked; nothing else is sorted.
        return kind_of(line.words[1]) == "event" and value.lower().endswith("timestamp")
    if meaning == "selector" and _names(line):
        return False
    return meaning in _KNOWN[verb]


def _object(words: list[str]) -> tuple[str | None, str | None]:
    """Return kind and name from `deployment/web` or `deployment web`."""
    kind, slash, name = words[0].partition("/") if words else ("", "", "")
    return kind_of(kind), name if slash else (words[1] if len(words) > 1 else None)


def _everywhere(line: _Line) -> bool:
    return bool(_EVERYWHERE.intersection(line.flags))


def _names(line: _Line) -> list[str]:
    return [word.partition("/")[2] or word for word in line.words[1:]] if "/" in "".join(line.words) else line.words[2:]


def _get(line: _Line) -> Step:
    wanted = _wanted(line.words[1:])
    selector = line.flag("selector")
    calls = []
    for kind, name in wanted:
        namespace = EVERYWHERE if _everywhere(line) and name is None else line.flag("namespace")
        given = {"kind": kind, "namespace": namespace, "name": name, "selector": selector}
        calls.append(call("k8s_get", line.flag("connection"), **given))
    return calls or None


def _wanted(words: list[str]) -> list[tuple[str, str | None]]:
    """Return kinds and names of `pods,svc`, of `pod a b` and of `pod/a svc/b`; nothing if one of them is unknown."""
    if not words:
        return []
    if "/" in words[0]:
        pairs: list[tuple[str, str | None]] = [(word.partition("/")[0], word.partition("/")[2]) for word in words]
    else:
        pairs = [(kind, name) for kind in words[0].split(",") for name in (words[1:] or (None,))]
    kinds = [(kind_of(kind), name) for kind, name in pairs]
    found = [(kind, name) for kind, name in kinds if kind is not None and name != ""]
    return found if len(found) == len(pairs) else []


def _events(line: _Line) -> Step:
    namespace = EVERYWHERE if _everywhere(line) else line.flag("namespace")
    return [call("k8s_get", line.flag("connection"), kind="event", namespace=namespace)]


def _logs(line: _Line) -> Step:
    if len(line.words) < 2 or len(line.words) > 3:
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
