"""Tell which probe keeps a container from being ready, or kills it."""

import re

from agent.tools.kubernetes.case import Case, Evidence
from agent.tools.kubernetes.pod_status import container_name, spec_of
from agent.tools.kubernetes.reading import Json, at, count, name_of, rows, table, words
from agent.tools.kubernetes.resources import PODS

_FIX = "Make the endpoint answer with a status of 200 to 399, or correct the probe's path, port and timeout."
_OTHER_FIX = "Make what the probe asks answer well and in time, or correct the probe's command, port and timeout."


def explain_killing_probe(case: Case, pod: Json, status: Json, evidence: list[Evidence], severity: str) -> bool:
    """Add that a probe of its own kills this container; return whether one does."""
    begin = f"Container {container_name(status)} failed"
    killed = case.warning(pod, PODS, "Killing", holding=f"{begin} liveness probe")
    killed = killed or case.warning(pod, PODS, "Killing", holding=f"{begin} startup probe")
    if not killed:
        return False
    kind = "startup" if "startup probe" in words(killed, "message") else "liveness"
    failing = _unhealthy(case, pod, status, kind)
    evidence += [case.event_fact(one) for one in (killed, failing) if one]
    evidence += _probe_spec(pod, status, kind)
    why = _probe_failure(words(failing, "message", longest=600))
    cause = f"Container {container_name(status)} is killed by its own {kind} probe{f': {why}' if why else ''}."
    fix = (
        "Let the probe's endpoint answer fast and without asking other services; give it more timeoutSeconds and "
        "failureThreshold, and a startupProbe if the program starts slowly."
    )
    case.add(cause, evidence, fix, severity=severity)
    return True


def _unhealthy(case: Case, pod: Json, status: Json, kind: str) -> Json:
    """Return the newest event of a failed probe of this container, or an empty one."""
    failing = (one for one in case.events(pod, PODS) if words(one, "reason") == "Unhealthy")
    return next((one for one in failing if _is_of(one, container_name(status), f"{kind.capitalize()} probe")), {})


def _is_of(event: Json, container: str, holding: str) -> bool:
    """Return whether an event holds these words and is, as far as it says, about this container."""
    place = words(event, "involvedObject", "fieldPath")
    return holding in words(event, "message", longest=2000) and (not place or place.endswith(f"{{{container}}}"))


def explain_probe(case: Case, pod: Json, status: Json, where: str) -> bool:
    """Add which probe keeps a running container from being ready."""
    spec = spec_of(pod, status)
    for kind in ("startup", "readiness", "liveness"):
        failing = _unhealthy(case, pod, status, kind)
        if failing and isinstance(spec.get(f"{kind}Probe"), dict):
            why = _probe_failure(words(failing, "message", longest=600))
            evidence = [(f"{where} status", "running, not ready"), case.event_fact(failing)]
            evidence += _probe_spec(pod, status, kind)
            fix = _FIX if table(spec, f"{kind}Probe", "httpGet") else _OTHER_FIX
            case.add(f"The {kind} probe of container {container_name(status)} fails: {why}.", evidence, fix)
            return True
    if isinstance(spec.get("readinessProbe"), dict) or isinstance(spec.get("startupProbe"), dict):
        evidence = [(f"{where} status", "running, not ready"), *_probe_spec(pod, status, "readiness")]
        fix = "Wait for its first probes; then look at the log."
        cause = f"Container {container_name(status)} runs, and its readiness probe has not passed yet."
        case.add(cause, evidence, fix, severity="warning", confidence="low")
        return True
    return False


def _probe_failure(message: str) -> str:
    status = re.search(r"statuscode: (\d{3})", message)
    if status:
        return f"it answers with status {status[1]}"
    if "connection refused" in message:
        return "nothing listens on its port (connection refused)"
    if "deadline exceeded" in message or "timeout" in message.lower():
        return "it does not answer in time"
    return message.partition("probe failed: ")[2][:160] or message[:160]


def _probe_spec(pod: Json, status: Json, kind: str) -> list[Evidence]:
    spec = spec_of(pod, status)
    probe = table(spec, f"{kind}Probe")
    if not probe:
        return []
    where = f"Pod {name_of(pod)} container {container_name(status)} spec"
    after = at(probe, "timeoutSeconds")
    fact = f"{kind} probe: {_way(probe)}, timeout {after if isinstance(after, int) else 1} s"
    ports = [str(count(one, "containerPort")) for one in rows(spec, "ports")]
    return [(where, fact + (f"; the container names the ports {', '.join(ports[:6])}" if ports else ""))]


def _way(probe: Json) -> str:
    """Return in words what a probe does."""
    http, tcp, grpc = table(probe, "httpGet"), table(probe, "tcpSocket"), table(probe, "grpc")
    if http:
        return f"GET {words(http, 'path', default='/')} on port {http.get('port')}"
    if tcp:
        return f"connects to port {tcp.get('port')}"
    return f"asks by gRPC on port {grpc.get('port')}" if grpc else "runs a command"
