"""Judge pods: rights on the node, volumes, restart policy, and fields that are out of date."""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.lint import Report, dig, mapping, sequence, text
from agent.tools.manifests.objects import RUNS_TO_ITS_END, Container, Pod

_DANGEROUS = {
    "ALL",
    "SYS_ADMIN",
    "SYS_PTRACE",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_BOOT",
    "DAC_READ_SEARCH",
    "DAC_OVERRIDE",
    "NET_ADMIN",
    "BPF",
    "PERFMON",
    "SYSLOG",
}
_SOCKETS = ("docker.sock", "containerd.sock", "crio.sock", "cri-dockerd.sock")
_SENSITIVE = (
    "/",
    "/etc",
    "/root",
    "/home",
    "/boot",
    "/var",
    "/var/run",
    "/run",
    "/var/lib/kubelet",
    "/var/lib/docker",
    "/proc",
)
_HARMLESS = ("/dev/log", "/etc/localtime", "/etc/ssl/certs", "/usr/share/ca-certificates")
# Volumes of drivers that left Kubernetes, with the minor version.
_REMOVED_VOLUMES = {
    "flocker": 25,
    "quobyte": 25,
    "storageos": 25,
    "scaleIO": 22,
    "glusterfs": 26,
    "cephfs": 31,
    "rbd": 31,
    "photonPersistentDisk": 28,
}
_OLD_NODE_LABELS = {
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "node-role.kubernetes.io/master": "node-role.kubernetes.io/control-plane",
}


def check_pod(report: Report, pod: Pod, minor: int) -> None:
    """Report what is wrong with the pod as a whole and with the rights of its containers."""
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.spec.get(key) is True:
            _add(report, "host-namespace", pod, (key,), f"`{key}` is on.")
    _volumes(report, pod, minor)
    for container in pod.containers():
        _rights(report, pod, container)
    _restart_policy(report, pod)
    _grace(report, pod)
    _old_fields(report, pod)


def _volumes(report: Report, pod: Pod, minor: int) -> None:
    used = {
        text(dig(mount, "name"))
        for container in pod.containers()
        for key in ("volumeMounts", "volumeDevices")
        for mount in sequence(container.value.get(key))
    }
    seen: set[str] = set()
    for index, volume in enumerate(sequence(pod.spec.get("volumes"))):
        name = text(dig(volume, "name"))
        if name and name in seen:
            _add(report, "duplicate-name", pod, ("volumes", index), f"Two volumes are called `{name[:60]}`.")
        elif name and name not in used:
            _add(report, "unused-volume", pod, ("volumes", index), f"The volume `{name[:60]}` is not mounted.")
        seen.add(name)
        _host_path(report, pod, index, text(dig(volume, "hostPath", "path")), name)
        for driver, gone in _REMOVED_VOLUMES.items():
            if dig(volume, driver) is not None:
                level = "error" if gone <= minor else "warning"
                message = f"The volume `{name[:60]}` uses `{driver}`, which Kubernetes 1.{gone} removed."
                report.add(
                    "removed-volume",
                    pod.owner.document,
                    pod.at("volumes", index, driver),
                    message,
                    owner=pod.owner.label,
                    severity=level,
                )
        if dig(volume, "gitRepo") is not None:
            message = "A `gitRepo` volume is off by default since Kubernetes 1.33."
            _add(report, "removed-volume", pod, ("volumes", index, "gitRepo"), message)


def _is_read_only(pod: Pod, name: str) -> bool:
    """Whether a volume is mounted, and read-only everywhere."""
    mounts = [
        mount
        for container in pod.containers()
        for mount in sequence(container.value.get("volumeMounts"))
        if dig(mount, "name") == name
    ]
    return bool(mounts) and all(dig(mount, "readOnly") is True for mount in mounts)


def _host_path(report: Report, pod: Pod, index: int, path: str, name: str) -> None:
    if not path:
        return
    read_only = _is_read_only(pod, name)
    where = ("volumes", index, "hostPath", "path")
    clean = path.rstrip("/") or "/"
    if clean.endswith(_SOCKETS):
        _add(
            report, "container-socket", pod, where, f"The volume `{name[:60]}` is the runtime's socket `{clean[:80]}`."
        )
    elif clean in _SENSITIVE and not read_only:
        _add(report, "host-path-sensitive", pod, where, f"The volume `{name[:60]}` is `{clean}` of the node, writable.")
    else:
        level = "info" if read_only or clean in _HARMLESS else "warning"
        message = f"The volume `{name[:60]}` is `{clean[:80]}` of the node."
        owner = pod.owner
        report.add("host-path", owner.document, pod.at(*where), message, owner=owner.label, severity=level)


def _rights(report: Report, pod: Pod, container: Container) -> None:
    context, shared = mapping(container.value.get("securityContext")), mapping(pod.spec.get("securityContext"))
    name = container.name

    def add(rule: str, keys: Sequence[str], message: str) -> None:
        _add(report, rule, pod, (*container.path, "securityContext", *keys), message)

    if context.get("privileged") is True:
        add("privileged", ("privileged",), f"Container `{name}` is privileged.")
        return
    user = context.get("runAsUser", shared.get("runAsUser"))
    if user == 0 and not isinstance(user, bool):
        add("runs-as-root", ("runAsUser",), f"Container `{name}` runs as user 0.")
    if context.get("allowPrivilegeEscalation") is True:
        add("privilege-escalation", ("allowPrivilegeEscalation",), f"Container `{name}` may gain privileges.")
    added = {text(one).upper().removeprefix("CAP_") for one in sequence(dig(context, "capabilities", "add"))}
    if added & _DANGEROUS:
        words = ", ".join(sorted(added & _DANGEROUS))
        add("capabilities-added", ("capabilities", "add"), f"Container `{name}` gets {words}.")
    missing = _not_hardened(context, shared, user)
    if missing and not container.is_init:
        add("hardening", (), f"Container `{name}` lacks {', '.join(missing)}.")


def _not_hardened(context: Mapping[str, Any], shared: Mapping[str, Any], user: object) -> list[str]:
    missing = []
    if context.get("runAsNonRoot", shared.get("runAsNonRoot")) is not True and not (isinstance(user, int) and user > 0):
        missing.append("runAsNonRoot")
    if context.get("allowPrivilegeEscalation") is None:
        missing.append("allowPrivilegeEscalation: false")
    if not {"ALL", "all"} & set(map(str, sequence(dig(context, "capabilities", "drop")))):
        missing.append("capabilities.drop: [ALL]")
    if context.get("seccompProfile", shared.get("seccompProfile")) is None:
        missing.append("seccompProfile")
    return missing


def _restart_policy(report: Report, pod: Pod) -> None:
    kind, policy = pod.owner.kind, pod.spec.get("restartPolicy")
    if kind in RUNS_TO_ITS_END and policy not in ("OnFailure", "Never"):
        shown = f"`{text(policy)[:30]}`" if policy else "Always by default"
        message = f"The restart policy of a {kind} is {shown}."
        _add(report, "restart-policy", pod, ("restartPolicy",), message, "Set `restartPolicy: OnFailure` or `Never`.")
    elif kind not in (*RUNS_TO_ITS_END, "Pod", "PodTemplate") and policy not in (None, "Always"):
        message = f"A {kind} allows only the restart policy Always."
        _add(report, "restart-policy", pod, ("restartPolicy",), message, "Remove `restartPolicy`, or make it a Job.")


def _grace(report: Report, pod: Pod) -> None:
    grace = pod.spec.get("terminationGracePeriodSeconds")
    if grace == 0 and not isinstance(grace, bool):
        _add(
            report,
            "grace-period",
            pod,
            ("terminationGracePeriodSeconds",),
            "The pod is killed without time to end.",
            "Give it the seconds that a clean end takes; the default is 30.",
            "Open requests are cut and data may be lost.",
        )
        return
    seconds = grace if isinstance(grace, int) else 30
    for container in pod.containers():
        pause = dig(container.value, "lifecycle", "preStop", "sleep", "seconds")
        if isinstance(pause, int) and pause >= seconds:
            _add(
                report,
                "grace-period",
                pod,
                (*container.path, "lifecycle", "preStop"),
                f"`preStop` of `{container.name}` takes {pause} s of the {seconds} s until the pod is killed.",
                "Raise `terminationGracePeriodSeconds` above it.",
                "The process gets no time to end after it.",
            )


def _old_fields(report: Report, pod: Pod) -> None:
    def add(keys: Sequence[str | int], message: str, fix: str) -> None:
        _add(report, "deprecated-field", pod, keys, message, fix)

    if "serviceAccount" in pod.spec and "serviceAccountName" not in pod.spec:
        add(("serviceAccount",), "`serviceAccount` is deprecated.", "Write `serviceAccountName`.")
    for label in mapping(pod.spec.get("nodeSelector")):
        if label in _OLD_NODE_LABELS:
            add(
                ("nodeSelector", label), f"The node label `{label}` is deprecated.", f"Use `{_OLD_NODE_LABELS[label]}`."
            )
    for index, toleration in enumerate(sequence(pod.spec.get("tolerations"))):
        key = text(dig(toleration, "key"))
        if key == "node-role.kubernetes.io/master":
            message = f"The taint `{key}` no longer exists."
            add(("tolerations", index, "key"), message, f"Use `{_OLD_NODE_LABELS[key]}`.")


def _add(
    report: Report, rule: str, pod: Pod, keys: Sequence[str | int], message: str, fix: str = "", why: str = ""
) -> None:
    report.add(rule, pod.owner.document, pod.at(*keys), message, owner=pod.owner.label, fix=fix, why=why)
