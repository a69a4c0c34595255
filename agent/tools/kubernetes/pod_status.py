"""Say of a pod what kubectl says of it in one word."""

from agent.tools.kubernetes.reading import Json, at, condition, count, flag, rows, table, words

# No real pod has more.
CONTAINERS_MAX = 40


def containers(pod: Json) -> list[Json]:
    """Return the statuses of the pod's main containers."""
    return rows(pod, "status", "containerStatuses")[:CONTAINERS_MAX]


def init_containers(pod: Json) -> list[Json]:
    """Return the statuses of the pod's init containers."""
    return rows(pod, "status", "initContainerStatuses")[:CONTAINERS_MAX]


def sidecars(pod: Json) -> set[str]:
    """Return the names of the init containers that run on beside the main ones."""
    return {words(one, "name") for one in rows(pod, "spec", "initContainers") if one.get("restartPolicy") == "Always"}


def is_ready(pod: Json) -> bool:
    """Return whether the pod takes traffic."""
    return condition(pod, "Ready").get("status") == "True" and not is_leaving(pod)


def is_leaving(pod: Json) -> bool:
    """Return whether somebody asked for the pod's end."""
    return bool(at(pod, "metadata", "deletionTimestamp"))


def ready_count(pod: Json) -> tuple[int, int]:
    """Return how many of the pod's containers are ready, and how many it has."""
    statuses = containers(pod)
    whole = len(rows(pod, "spec", "containers")) or len(statuses)
    return sum(flag(one, "ready") for one in statuses), whole


def restarts(pod: Json) -> int:
    """Return how often its containers were started again."""
    return sum(count(one, "restartCount") for one in [*containers(pod), *init_containers(pod)])


def state_word(status: Json) -> str:
    """Return the reason in a container's status, such as `CrashLoopBackOff`, or an empty text when it runs."""
    waiting = words(status, "state", "waiting", "reason", longest=80)
    if waiting:
        return waiting
    ended = table(status, "state", "terminated")
    if not ended:
        return ""
    if words(ended, "reason"):
        return words(ended, "reason", longest=80)
    signal = count(ended, "signal")
    return f"Signal:{signal}" if signal else f"ExitCode:{count(ended, 'exitCode')}"


def status_word(pod: Json) -> str:
    """Return the word in kubectl's STATUS column."""
    word = words(pod, "status", "reason", longest=80) or words(pod, "status", "phase", default="Unknown", longest=80)
    if condition(pod, "PodScheduled").get("reason") == "SchedulingGated":
        word = "SchedulingGated"
    starting = _init_word(pod)
    if starting:
        word = starting
    else:
        word = _main_word(pod) or word
    if is_leaving(pod):
        return "Unknown" if words(pod, "status", "reason") == "NodeLost" else "Terminating"
    return word


def _init_word(pod: Json) -> str:
    """Return what the first init container that is not done says; one that restarts always (a sidecar) may run on."""
    statuses, beside = init_containers(pod), sidecars(pod)
    for index, status in enumerate(statuses):
        ended = table(status, "state", "terminated")
        if ended and count(ended, "exitCode") == 0:
            continue
        if words(status, "name") in beside and flag(status, "started"):
            continue
        word = state_word(status)
        if word and word != "PodInitializing":
            return f"Init:{word}"
        return f"Init:{index}/{len(statuses)}"
    return ""


def _main_word(pod: Json) -> str:
    word, running = "", False
    for status in reversed(containers(pod)):
        found = state_word(status)
        if found:
            word = found
        elif flag(status, "ready"):
            running = True
    if word == "Completed" and running:
        return "Running" if condition(pod, "Ready").get("status") == "True" else "NotReady"
    return word


def container_name(status: Json) -> str:
    """Return the name of the container that a status is about."""
    return words(status, "name", longest=63)


def spec_of(pod: Json, status: Json) -> Json:
    """Return the spec of the container that a status is about."""
    every = rows(pod, "spec", "containers") + rows(pod, "spec", "initContainers")
    return next((one for one in every if one.get("name") == status.get("name")), {})


def mounts_claim(pod: Json, claim: str) -> bool:
    """Return whether the pod has a volume of this claim."""
    return any(
        words(one, "persistentVolumeClaim", "claimName", longest=260) == claim for one in rows(pod, "spec", "volumes")
    )
