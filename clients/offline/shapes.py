"""Tell from its shape what pasted material is. Every pattern is anchored to a line or bounded, so it stays linear."""

import re
from collections.abc import Sequence

CHARS_READ = 30_000
LINES_READ = 300
LINE_READ = 400
DOCKERFILE, MANIFEST, COMPOSE, GITHUB, GITLAB, TERRAFORM, LOGS = (
    "dockerfile",
    "manifest",
    "compose",
    "github",
    "gitlab",
    "terraform",
    "logs",
)
_LINE = re.IGNORECASE | re.MULTILINE
_API_VERSION = re.compile(r"""^[ \t{,-]*["']?apiVersion["']?[ \t]*:""", re.MULTILINE)
_KIND = re.compile(r"""(?:^|[{,])[ \t-]*["']?kind["']?[ \t]*:""", re.MULTILINE)
_SERVICES = re.compile(r"^[\"']?services[\"']?[ \t]*:", re.MULTILINE)
_SERVICE = re.compile(r"^[ \t]+[\"']?(?:image|build)[\"']?[ \t]*:", re.MULTILINE)
_ON = re.compile(r"""^["']?on["']?[ \t]*:""", re.MULTILINE)
_JOBS = re.compile(r"""^["']?jobs["']?[ \t]*:""", re.MULTILINE)
_STAGES = re.compile(r"""^["']?stages["']?[ \t]*:""", re.MULTILINE)
_SCRIPT = re.compile(r"""^[ \t]+(?:before_|after_)?script[ \t]*:""", re.MULTILINE)
_HCL = re.compile(
    r'^[ \t]*(?:(?:resource|data)[ \t]+"[^"\n]{1,100}"[ \t]+"[^"\n]{1,100}"'
    r'|(?:module|provider|variable|output)[ \t]+"[^"\n]{1,100}"|terraform|locals)[ \t]*\{',
    re.MULTILINE,
)
_PLAN = re.compile(r'"(?:resource_changes|planned_values|terraform_version)"[ \t]*:')
_FROM = re.compile(r"[ \t]*FROM[ \t]+(?:--platform=\S{1,80}[ \t]+)?[\w./:@${}-]{1,300}(?:[ \t]|$)")
_BEFORE_FROM = re.compile(r"[ \t]*(?:#|ARG[ \t]+\w|$)")
_DIRECTIVE = re.compile(r"#[ \t]*(?:syntax|escape|check)[ \t]*=", re.IGNORECASE)
_LOWER_FROM = re.compile(r"[ \t]*from[ \t]+[\w./-]{1,200}(?::[\w.-]{1,128})?[ \t]*$", re.IGNORECASE)
_INSTRUCTION = re.compile(
    r"^[ \t]*(?:RUN|CMD|COPY|ADD|ENV|WORKDIR|ENTRYPOINT|EXPOSE|USER|LABEL|VOLUME|HEALTHCHECK)[ \t]+\S", _LINE
)
_TIMESTAMP = re.compile(
    r"[\W_]{0,3}(?:\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d|[A-Z][a-z]{2} {1,2}\d{1,2} \d\d:\d\d:\d\d"
    r"|\d\d/[A-Z][a-z]{2}/\d{4}"
    r"|\d{1,3}(?:\.\d{1,3}){3} \S{1,80} \S{1,80} \[|[IWEF]\d{4} \d\d:\d\d|\d\d:\d\d:\d\d\b|\d{10,13}(?:\.\d{1,9})? )"
)
_LEVEL = re.compile(
    r"""\b(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL|CRITICAL|PANIC|NOTICE)\b|\blevel=\w|"level"[ \t]*:"""
    r"""|\b(?:error|warn(?:ing)?|fatal|panic)\b[:\]]|Traceback \(most recent call last\)|Exception\b"""
)
_TRACE = re.compile(r"[ \t]{0,8}(?:Traceback \(most recent|Exception in thread|panic: |goroutine \d|Caused by: )")
_YAML_START = re.compile(r"""(?:---[ \t]*$|["']?(?:apiVersion|kind|services|jobs|stages|on)["']?[ \t]*:(?:[ \t]|$))""")


def shape_of(text: str) -> str | None:
    """Return what the material is by its content, or None if nothing gives it away."""
    head = text[:CHARS_READ]
    if head.lstrip().startswith(("{", "[")) and _PLAN.search(head):
        return TERRAFORM
    for shape, holds in _CHECKS:
        if holds(head):
            return shape
    return None


def _is_manifest(text: str) -> bool:
    return bool(_API_VERSION.search(text) and _KIND.search(text))


def _is_compose(text: str) -> bool:
    return bool(_SERVICES.search(text) and _SERVICE.search(text) and not _JOBS.search(text))


def _is_github(text: str) -> bool:
    return bool(_JOBS.search(text) and (_ON.search(text) or "runs-on" in text))


def _is_gitlab(text: str) -> bool:
    return bool(_STAGES.search(text) or _SCRIPT.search(text)) and not _JOBS.search(text)


def _is_terraform(text: str) -> bool:
    return bool(_HCL.search(text))


def _is_dockerfile(text: str) -> bool:
    for line in text.splitlines()[:LINES_READ]:
        line = line[:LINE_READ]
        if _FROM.match(line):
            return True
        if _LOWER_FROM.match(line):
            return bool(_INSTRUCTION.search(text))
        if not _BEFORE_FROM.match(line):
            return False
    return False


def _are_logs(text: str) -> bool:
    lines = [line[:LINE_READ] for line in text.splitlines()[:LINES_READ] if line.strip()]
    hits = sum(1 for line in lines if _is_log_line(line))
    return hits >= min(2, len(lines), 2 - any(_TRACE.match(line) for line in lines)) and hits > 0


def _is_log_line(line: str) -> bool:
    return bool(_TIMESTAMP.match(line) or _LEVEL.search(line))


_CHECKS = (
    (MANIFEST, _is_manifest),
    (COMPOSE, _is_compose),
    (GITHUB, _is_github),
    (GITLAB, _is_gitlab),
    (TERRAFORM, _is_terraform),
    (DOCKERFILE, _is_dockerfile),
    (LOGS, _are_logs),
)


def begins_material(lines: Sequence[str]) -> bool:
    """Tell whether the first of these lines begins a file or a log, rather than being the user's own words."""
    line = lines[0][:LINE_READ]
    if _FROM.match(line) or _DIRECTIVE.match(line) or _HCL.match(line) or _YAML_START.match(line):
        return True
    if line.startswith("ARG ") and any(_FROM.match(one[:LINE_READ]) for one in lines):
        return True
    if line.lstrip().startswith(("{", "[")) and line.strip()[1:2] in ("", '"', "{", " "):
        return True
    if _LOWER_FROM.match(line):
        return any(_INSTRUCTION.match(one[:LINE_READ]) for one in lines[1:])
    if _TIMESTAMP.match(line):
        return True
    if _TRACE.match(line):
        return True
    following = [one[:LINE_READ] for one in lines if one.strip()]
    return bool(_LEVEL.search(line)) and sum(map(_is_log_line, following)) >= 2
