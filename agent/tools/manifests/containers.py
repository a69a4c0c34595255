"""Judge the containers of a pod: image, resources, probes, ports, environment, mounts."""

import json
from collections.abc import Sequence
from typing import Any

from agent.images import image_problem
from agent.lint import Report, dig, mapping, sequence, text
from agent.redaction import holds_secret
from agent.tools.manifests.objects import Container, Pod
from agent.tools.manifests.quantities import check_quantities

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def check_containers(report: Report, pod: Pod) -> None:
    """Report what is wrong with each container, and with their names together."""
    names: set[str] = set()
    for container in pod.containers():
        _image(report, container)
        _resources(report, container)
        check_quantities(report, container)
        _probes(report, container)
        _ports(report, container)
        _environment(report, container)
        _mounts(report, container)
        name = text(container.value.get("name"))
        if name and name in names:
            _add(report, "duplicate-name", container, ("name",), f"Two containers are called `{name}`.")
        names.add(name)


def _image(report: Report, container: Container) -> None:
    image = container.value.get("image")
    if image is None and "ephemeral" not in str(container.path[0]):
        _add(report, "no-image", container, (), f"Container `{container.name}` has no image.")
    problem = image_problem(text(image))
    if problem:
        _add(report, "image-not-pinned", container, ("image",), f"Image `{text(image)[:100]}` {problem}.")


def _resources(report: Report, container: Container) -> None:
    resources = mapping(container.value.get("resources"))
    if container.is_init or resources.get("claims"):
        return
    limits = mapping(resources.get("limits"))
    # A limit without a request counts as the request too.
    requests = {**limits, **mapping(resources.get("requests"))}
    missing = [name for name in ("cpu", "memory") if name not in requests]
    if missing:
        words = " and no ".join(missing)
        _add(report, "no-requests", container, ("resources",), f"Container `{container.name}` requests no {words}.")
    if "memory" not in limits:
        _add(report, "no-memory-limit", container, ("resources",), f"Container `{container.name}` has no memory limit.")


def _probes(report: Report, container: Container) -> None:
    for key in _PROBES:
        _probe(report, container, key)
    liveness, readiness = container.value.get("livenessProbe"), container.value.get("readinessProbe")
    if not container.pod.long_running or not container.is_main:
        return
    serves = bool(sequence(container.value.get("ports")))
    if readiness is None and serves:
        _add(report, "no-readiness-probe", container, (), f"Container `{container.name}` has no readiness probe.")
    if liveness is None:
        _add(report, "no-liveness-probe", container, (), f"Container `{container.name}` has no liveness probe.")
    elif liveness == readiness:
        message = f"Container `{container.name}` has the same probe for liveness and readiness."
        _add(report, "same-probes", container, ("livenessProbe",), message)


def _probe(report: Report, container: Container, key: str) -> None:
    probe = mapping(container.value.get(key))
    for action in ("httpGet", "tcpSocket"):
        port = dig(probe, action, "port")
        if isinstance(port, str) and not port.isdigit() and port not in container.port_names():
            message = f"The {key} of `{container.name}` asks the port `{port[:60]}`, which the container does not name."
            _add(report, "probe-port", container, (key, action, "port"), message)
        elif isinstance(port, int) and not 1 <= port <= 65535:
            message = f"The {key} of `{container.name}` asks the port {port}."
            _add(report, "port-range", container, (key, action, "port"), message)
    if key != "readinessProbe" and probe.get("successThreshold") not in (None, 1):
        message = f"`successThreshold` of a {key} must be 1."
        _add(report, "probe-threshold", container, (key, "successThreshold"), message)


def _ports(report: Report, container: Container) -> None:
    seen: set[str] = set()
    names: set[str] = set()
    for index, port in enumerate(sequence(container.value.get("ports"))):
        number, name = dig(port, "containerPort"), text(dig(port, "name"))
        for key in ("containerPort", "hostPort"):
            value = dig(port, key)
            if isinstance(value, int) and not 1 <= value <= 65535 and not (key == "hostPort" and value == 0):
                _add(report, "port-range", container, ("ports", index, key), f"Port {value} does not exist.")
        identity = json.dumps([number, dig(port, "protocol") or "TCP", dig(port, "hostIP")], default=str)
        if identity in seen:
            _add(report, "duplicate-port", container, ("ports", index), f"Port {number} is declared twice.")
        if name and name in names:
            _add(report, "duplicate-name", container, ("ports", index, "name"), f"Two ports are called `{name[:60]}`.")
        seen.add(identity)
        names.add(name)
        if dig(port, "hostPort"):
            message = f"Container `{container.name}` takes the port {dig(port, 'hostPort')} of its node."
            _add(report, "host-port", container, ("ports", index, "hostPort"), message)


def _environment(report: Report, container: Container) -> None:
    seen: set[str] = set()
    for index, variable in enumerate(sequence(container.value.get("env"))):
        name = text(dig(variable, "name"))
        if name and name in seen:
            _add(report, "duplicate-env", container, ("env", index), f"`{name[:80]}` is set twice.")
        seen.add(name)
        if holds_secret(name, dig(variable, "value")):
            message = f"`{name[:80]}` holds its value in plain text."
            _add(report, "secret-in-env", container, ("env", index, "value"), message)


def _mounts(report: Report, container: Container) -> None:
    pod = container.pod
    volumes = {text(dig(volume, "name")) for volume in sequence(pod.spec.get("volumes"))}
    # A StatefulSet makes volumes of its claim templates.
    volumes |= {
        text(dig(claim, "metadata", "name")) for claim in sequence(pod.owner.dig("spec", "volumeClaimTemplates"))
    }
    paths: set[str] = set()
    for key, where in (("volumeMounts", "mountPath"), ("volumeDevices", "devicePath")):
        for index, mount in enumerate(sequence(container.value.get(key))):
            name, path = text(dig(mount, "name")), text(dig(mount, where))
            if name and name not in volumes:
                message = f"Container `{container.name}` mounts `{name[:60]}`, and the pod has no such volume."
                _add(report, "unknown-volume", container, (key, index, "name"), message)
            if path and path in paths:
                message = f"Container `{container.name}` mounts two volumes at `{path[:80]}`."
                _add(report, "duplicate-mount", container, (key, index, where), message)
            paths.add(path)


def _add(report: Report, rule: str, container: Container, keys: Sequence[Any], message: str) -> None:
    owner = container.pod.owner
    report.add(rule, owner.document, container.at(*keys), message, owner=owner.label)
