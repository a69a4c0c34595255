"""Choose the tool for pasted material, by the user's words around it and by its shape."""

import re

from clients.offline.message import Message, Paste
from clients.offline.ranges import are_networks, find_networks
from clients.offline.schedules import are_schedules, find_schedules
from clients.offline.shapes import COMPOSE, DOCKERFILE, GITHUB, GITLAB, LOGS, MANIFEST, TERRAFORM, shape_of
from clients.offline.steps import Call, Say, Step, call

_SECRETS = re.compile(
    r"\b(?:secrets?|credentials?|passwords?|api[ -]?keys?|tokens?|leak(?:s|ed|ing)?|private keys?)\b", re.IGNORECASE
)
_SEARCH = re.compile(
    r"\b(?:scan|find|check|search|look|any|contains?|detect|are there|is there|has|have|leak\w{0,3}|scanner|safe)\b",
    re.IGNORECASE,
)
_NAMED = (
    (
        LOGS,
        re.compile(
            r"\blogs?(?: ?files?)?\b|\bstack ?traces?\b|\btracebacks?\b|\blog (?:lines|output)\b", re.IGNORECASE
        ),
    ),
    (DOCKERFILE, re.compile(r"\b(?:docker|container) ?-?files?\b", re.IGNORECASE)),
    (COMPOSE, re.compile(r"\bcompose\b", re.IGNORECASE)),
    (GITLAB, re.compile(r"\bgitlab\b", re.IGNORECASE)),
    (GITHUB, re.compile(r"\bgithub\b|\bworkflows?\b|\bpipelines?\b|\bactions\b|\bci\b", re.IGNORECASE)),
    (TERRAFORM, re.compile(r"\bterraform\b|\bhcl\b|\bopentofu\b|\btf\b|\bplan\b", re.IGNORECASE)),
    (MANIFEST, re.compile(r"\bmanifests?\b|\bkubernetes\b|\bk8s\b|\bdeployment ya?ml\b|\bhelm\b", re.IGNORECASE)),
)
_LABELS = {
    "dockerfile": DOCKERFILE,
    "docker": DOCKERFILE,
    "containerfile": DOCKERFILE,
    "hcl": TERRAFORM,
    "terraform": TERRAFORM,
    "tf": TERRAFORM,
    "log": LOGS,
    "logs": LOGS,
}
_ANALYSE = re.compile(r"\banaly[sz]e|\bsummari[sz]e|\bwhat (?:happened|went wrong)|\berrors?\b", re.IGNORECASE)
_VERSION = re.compile(
    r"\b(?:kubernetes|k8s|version|cluster|against|for)\s(?:version\s)?v?(1\.\d{1,2})(?:\.\d{1,3})?\b", re.IGNORECASE
)
_THIS_FILE = re.compile(
    r"\b(?:this|these|following|attached)\s(?:[\w.-]{1,30}\s){0,2}(?:files?|diff|spec|manifests?|ya?ml|compose|docker-?file"
    r"|workflow|pipeline|logs?|terraform|hcl|plan|text|config|code|snippet|stack)\b",
    re.IGNORECASE,
)
UNKNOWN = (
    "I can't tell what this is. Say it in your words, for example `lint this Dockerfile: ...`, "
    "`review this terraform: ...`, `analyze these logs: ...` or `scan this for secrets: ...`."
)
WHERE_IS_IT = (
    "Paste it into the message, best between two lines of ```, for example `lint this Dockerfile:` and the file below."
)
_ASKS_TO_LINT = re.compile(r"\b(?:are there|is there|lint|review|validate|scan|analy[sz]e|check)\b", re.IGNORECASE)


def find_material(message: Message) -> Step:
    """Return a call for each piece of material; None if there is none, or the words before it ask for another thing."""
    around = f"{message.words} {message.after}"
    calls = [found for paste in message.pastes if (found := _tool_for(paste, around))]
    if calls:
        return calls
    expressions = [found for paste in message.pastes for found in _expressions(paste)]
    return expressions or None


def _expressions(paste: Paste) -> list[Call]:
    """Return calls for material that holds schedules or networks and nothing else."""
    if are_schedules(paste.text):
        return find_schedules(paste.text)
    return find_networks(paste.text) if are_networks(paste.text) else []


def _tool_for(paste: Paste, words: str) -> Call | None:
    text = paste.text
    if _SECRETS.search(words) and _SEARCH.search(words):
        return call("secret_scan", text=text)
    shape = _shape(paste, words)
    if shape is None:
        return None
    if shape in (GITHUB, GITLAB):
        return call("ci_lint", workflow=text, kind=shape)
    if shape == MANIFEST:
        version = _VERSION.search(words)
        return call("k8s_manifest_lint", manifest=text, version=version.group(1) if version else None)
    tool, key = {
        DOCKERFILE: ("dockerfile_lint", "dockerfile"),
        COMPOSE: ("compose_lint", "compose"),
        TERRAFORM: ("terraform_review", "source"),
        LOGS: ("log_analyze", "text"),
    }[shape]
    return Call(tool, {key: text})


def _shape(paste: Paste, words: str) -> str | None:
    """Return what it is: by its content, unless the words name something that it may be as well."""
    named = [shape for shape, pattern in _NAMED if pattern.search(words)]
    shape = shape_of(paste.text)
    label = _LABELS.get(paste.label.lower())
    if LOGS in named and shape not in named:
        # Any text may be a log, also one that speaks of files.
        return LOGS
    if shape in named:
        return shape
    if label or shape:
        return label or shape
    if _only_expressions(paste.text):
        return None
    return named[0] if named else (LOGS if _ANALYSE.search(words) and "\n" in paste.text else None)


def _only_expressions(text: str) -> bool:
    return are_schedules(text) or are_networks(text)


def announced_material(words: str) -> Step:
    """Answer words that speak of "this file" when nothing was pasted."""
    return Say(WHERE_IS_IT) if _THIS_FILE.search(words) else None


def missing_material(words: str) -> Step:
    """Answer a request to look at a file that was not pasted."""
    named = any(pattern.search(words) for _, pattern in _NAMED) or _SECRETS.search(words)
    return Say(WHERE_IS_IT) if named and _ASKS_TO_LINT.search(words) else None
