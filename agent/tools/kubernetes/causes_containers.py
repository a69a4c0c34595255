"""Tell why a container does not run: its configuration, its start, its crash, its memory, its probes."""

import re
from datetime import datetime

from agent.tools.kubernetes.case import Case, Evidence
from agent.tools.kubernetes.causes_images import REASONS as IMAGE_REASONS
from agent.tools.kubernetes.causes_images import explain_image
from agent.tools.kubernetes.causes_probes import explain_killing_probe, explain_probe
from agent.tools.kubernetes.exits import log_clue, meaning
from agent.tools.kubernetes.logs import read_log
from agent.tools.kubernetes.pod_status import container_name, sidecars, spec_of
from agent.tools.kubernetes.reading import Json, age, clean, count, flag, lasting, moment, name_of, rows, table, words
from agent.tools.kubernetes.resources import CONFIGMAPS, SECRETS
from agent.types import ToolError

LOG_LINES = 40
LOG_LINES_SHOWN = 10
_START_REASONS = {"RunContainerError", "StartError", "CreateContainerError", "ContainerCannotRun", "PostStartHookError"}
_NO_OBJECT = re.compile(r'(secret|configmap) "([^"]{1,253})" not found', re.IGNORECASE)
_NO_KEY = re.compile(r"couldn't find key (\S{1,253}) in (Secret|ConfigMap) (?:\S+/)?(\S{1,253})")


def explain_container(case: Case, pod: Json, status: Json, *, init: bool = False) -> bool:
    """Add why this container does not run or is not ready; return whether something was found."""
    where = f"Pod {name_of(pod)} {'init ' if init else ''}container {words(status, 'name')}"
    reason = words(status, "state", "waiting", "reason")
    ended = table(status, "state", "terminated") or table(status, "lastState", "terminated")
    is_running = bool(table(status, "state", "running"))
    is_past = is_running and ended_days_ago(ended, case.cluster.now) >= 1
    if reason in IMAGE_REASONS:
        explain_image(case, pod, status, where)
    elif reason == "CreateContainerConfigError":
        _explain_config(case, pod, status, where)
    elif reason in _START_REASONS or (words(ended, "reason") in _START_REASONS and not is_running):
        _explain_start(case, pod, status, where, ended)
    elif words(ended, "reason") == "OOMKilled" and (flag(status, "ready") or not is_past):
        _explain_memory(case, pod, status, where, ended)
    elif ended and _is_worth_telling(case, status, ended, init=init, is_past=is_past):
        _explain_end(case, pod, status, where, ended)
    elif is_running and not flag(status, "ready") and not init:
        return explain_probe(case, pod, status, where)
    else:
        return False
    return True


def ended_days_ago(ended: Json, now: datetime) -> float:
    """Return how many days ago a container ended; 0 if that is not known."""
    finished = moment(ended, "finishedAt")
    return (now - finished).total_seconds() / 86400 if finished else 0.0


def _is_worth_telling(case: Case, status: Json, ended: Json, *, init: bool, is_past: bool) -> bool:
    """Leave out what ended well, and a restart of long ago."""
    if table(status, "state", "terminated"):
        return count(ended, "exitCode") != 0
    if words(status, "state", "waiting", "reason"):
        return True
    if not flag(status, "ready") and not init:
        return not is_past
    finished = moment(ended, "finishedAt")
    recent = finished is not None and (case.cluster.now - finished).total_seconds() < 3600
    return recent and count(status, "restartCount") >= 3 and not init


# --- Configuration and start ----------------------------------------------------------------------------------------


def _explain_config(case: Case, pod: Json, status: Json, where: str) -> None:
    message = words(status, "state", "waiting", "message", default="no message", longest=600)
    evidence = [(f"{where} status", f"CreateContainerConfigError: {message}")]
    key, gone = _NO_KEY.search(message), _NO_OBJECT.search(message)
    if key:
        kind = SECRETS if key[2] == "Secret" else CONFIGMAPS
        keys = [clean(one, 60) for one in table(case.one(kind, key[3]), "data")]
        if keys:
            evidence.append((f"{key[2]} {key[3]}", f"has the keys {', '.join(sorted(keys)[:20])}"))
        fix = f"Add the key `{key[1]}` to {key[2]} `{key[3]}`, or correct the key that the container refers to."
        case.add(
            f"{key[2]} `{key[3]}` has no key `{key[1]}`, which container {container_name(status)} needs.", evidence, fix
        )
    elif gone:
        kind = SECRETS if gone[1].lower() == "secret" else CONFIGMAPS
        if case.is_missing(kind, gone[2]):
            evidence.append((f"{kind.kind} {gone[2]}", f"does not exist in namespace {case.namespace}"))
        fix = f"Create {kind.kind} `{gone[2]}` in namespace {case.namespace}, or correct the name that is referred to."
        case.add(f"{kind.kind} `{gone[2]}` is missing, and container {container_name(status)} needs it.", evidence, fix)
    elif "runAsNonRoot" in message:
        fix = "Set securityContext.runAsUser to a user other than 0, or build the image with a USER in digits."
        case.add(f"Container {container_name(status)} must not run as root, and its image does.", evidence, fix)
    else:
        fix = "Correct what the message names in the container's env, envFrom or security context."
        case.add(
            f"Container {container_name(status)} cannot be made from its configuration.",
            evidence,
            fix,
            confidence="medium",
        )


def _title(pod: Json, status: Json) -> str:
    """Return `Container web` or `Init container migrate`, as a sentence begins with it."""
    name = container_name(status)
    if name in sidecars(pod):
        return f"Sidecar {name}"
    first = any(one.get("name") == status.get("name") for one in rows(pod, "spec", "initContainers"))
    return f"{'Init container' if first else 'Container'} {name}"


_MOUNT = "something can't be mounted into it"
_MOUNT_FIX = "Correct volumeMounts: a file can only be mounted onto a file, and subPath must exist."
# The first match counts: a failed mount also says that there is no such file.
_STARTS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(r"(?i)error mounting|subpath"), _MOUNT, _MOUNT_FIX),
    (
        re.compile(r"(?i)oom-killed|memory limit too low"),
        "its memory limit is too low even to start it",
        "Raise the container's memory limit; its runtime alone needs several megabytes.",
    ),
    (
        re.compile(r"(?i)executable file not found|no such file or directory"),
        "its command is not in the image",
        "Correct command and args, or the image: the file must exist in it, and so must a script's interpreter.",
    ),
    (
        re.compile(r"(?i)exec format error"),
        "its program is made for another processor than the node's",
        "Build the image for the platform of the nodes, or choose nodes by kubernetes.io/arch.",
    ),
    (
        re.compile(r"(?i)permission denied"),
        "its command may not be executed",
        "Make the file executable in the image (chmod +x), and readable for the user that the container runs as.",
    ),
    (re.compile(r"(?i)not a directory|mount"), _MOUNT, _MOUNT_FIX),
)


def _explain_start(case: Case, pod: Json, status: Json, where: str, ended: Json) -> None:
    message = words(status, "state", "waiting", "message", longest=600) or words(ended, "message", longest=600)
    last = words(ended, "message", longest=600)
    reason = words(status, "state", "waiting", "reason") or words(ended, "reason")
    evidence = [(f"{where} status", f"{reason}: {message or 'no message'}")]
    if last and last != message:
        evidence.append((f"{where} last state", f"{words(ended, 'reason')}: {last}"))
    command = spec_of(pod, status).get("command")
    if isinstance(command, list):
        evidence.append((f"{where} spec", f"command: {' '.join(str(part) for part in command[:8])}"))
    for pattern, why, fix in _STARTS:
        if pattern.search(f"{message} {last}"):
            case.add(f"{_title(pod, status)} cannot start: {why}.", evidence, fix)
            return
    fix = "Correct what the runtime names in its message."
    case.add(f"{_title(pod, status)} cannot start.", evidence, fix, confidence="medium")


# --- Memory and crashes ---------------------------------------------------------------------------------------------


def _explain_memory(case: Case, pod: Json, status: Json, where: str, ended: Json) -> None:
    limit = words(spec_of(pod, status), "resources", "limits", "memory", longest=40)
    evidence = [_ending(case, where, ended, status)]
    evidence.append((f"{where} spec", f"memory limit {limit}" if limit else "no memory limit"))
    is_back = bool(table(status, "state", "running")) and flag(status, "ready")
    is_past = is_back and ended_days_ago(ended, case.cluster.now) >= 1
    evidence += [] if is_past else _log(case, pod, status)[0]
    name, ago = _title(pod, status), age(moment(ended, "finishedAt"), case.cluster.now)
    how = f"was killed {ago} ago because it took" if is_past else "is killed because it takes"
    if limit:
        cause = f"{name} {how} more memory than its limit of {limit} (OOMKilled)."
        fix = f"Raise the memory limit above {limit}, or make it need less; look for a leak if memory only grows."
    else:
        how = f"was killed {ago} ago because its node ran" if is_past else "is killed because its node runs"
        cause = f"{name} {how} out of memory (OOMKilled); it has no limit of its own."
        fix = "Give it a memory request and limit, and look at what else takes the memory of the node."
    case.add(cause, evidence, fix, severity="info" if is_past else "warning" if is_back else "critical")


def _ending(case: Case, where: str, ended: Json, status: Json) -> Evidence:
    code = count(ended, "exitCode")
    began, finished = moment(ended, "startedAt"), moment(ended, "finishedAt")
    lasted = f" after {lasting((finished - began).total_seconds())}" if began and finished else ""
    said = words(ended, "message", longest=300)
    fact = f"{words(ended, 'reason', default='ended')}, exit code {code} ({meaning(code)}){lasted}, "
    fact += f"{count(status, 'restartCount')} restarts"
    fact += f", ended {age(finished, case.cluster.now)} ago" if finished else ""
    return f"{where} last state", fact + (f": {said}" if said else "")


def _explain_end(case: Case, pod: Json, status: Json, where: str, ended: Json) -> None:
    evidence = [_ending(case, where, ended, status)]
    waiting = words(status, "state", "waiting", "reason")
    if waiting:
        evidence.insert(0, (f"{where} status", f"{waiting}: {words(status, 'state', 'waiting', 'message')}"))
    severity = "warning" if flag(status, "ready") else "critical"
    if explain_killing_probe(case, pod, status, evidence, severity):
        return
    facts, clue = _log(case, pod, status)
    code, title = count(ended, "exitCode"), _title(pod, status)
    fix = clue[1] if clue else _fix_for(code)
    why = clue[0] if clue else f"exit code {code}: {meaning(code)}"
    cause = f"{title} {'ends' if code == 0 else 'crashes'} again and again: {why}."
    if words(pod, "spec", "restartPolicy") == "Never":
        cause = f"{title} has failed: {why}."
    confidence = "high" if clue else "medium" if code in (0, 126, 127, 139) else "low"
    case.add(cause, [*evidence, *facts], fix, severity=severity, confidence=confidence)


def _fix_for(code: int) -> str:
    if code == 0:
        return "A container of a deployment must keep running: start the server in the foreground, or use a Job."
    if code in (126, 127):
        return "Correct command and args: the program must exist in the image and be executable."
    return "Read the previous log (k8s_logs with previous) from its end upwards, and fix what it names."


def _log(case: Case, pod: Json, status: Json) -> tuple[list[Evidence], tuple[str, str] | None]:
    """Return the end of the log of the run that ended, and what it hints at."""
    name = container_name(status)
    previous = not table(status, "state", "terminated")
    source = f"{'Previous log' if previous else 'Log'} of {name_of(pod)}/{name}"
    case.note(source)
    try:
        lines = [line for line in read_log(case.cluster, pod, name, LOG_LINES, previous=previous) if line.strip()]
    except ToolError as error:
        case.fail(source, error)
        return [], None
    if not lines:
        return [(source, "is empty")], None
    clue = log_clue(lines)
    facts: list[Evidence] = [(f"{source}, telling line", clue[2])] if clue else []
    facts.append((f"{source}, last lines", "\n".join(clean(line, 200) for line in lines[-LOG_LINES_SHOWN:])))
    return facts, clue[:2] if clue else None
