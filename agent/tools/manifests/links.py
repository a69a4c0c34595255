"""Judge what objects say of each other: Services and pods, Ingresses and Services, pods and their configuration."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from agent.lint import Report, dig, mapping, sequence, text
from agent.tools.manifests.objects import RUNS_TO_ITS_END, KObject, Pod, matches
from agent.yaml_tree import Path

_PODS_COMPARED = 50
Objects = Mapping[tuple[str, str, str], KObject]


@dataclass(frozen=True)
class _Reference:
    """Name an object that a pod needs, the key of it if it is one, and where the pod says so."""

    kind: str
    name: str
    key: str
    optional: bool
    path: Path


def check_links(report: Report, objects: Sequence[KObject], pods: Sequence[Pod]) -> None:
    """Report references that lead nowhere within the input."""
    index = {(one.kind, one.namespace, one.name): one for one in reversed(objects)}
    served: dict[str, list[Pod]] = {}
    for pod in pods:
        if pod.owner.kind not in RUNS_TO_ITS_END:
            served.setdefault(pod.owner.namespace, []).append(pod)
    for one in objects:
        if one.kind == "Service":
            _service(report, one, served.get(one.namespace, []))
        elif one.kind == "Ingress":
            _ingress(report, one, index)
    for pod in pods:
        for reference in _references(pod):
            _reference(report, pod, reference, index)


def _service(report: Report, one: KObject, pods: Sequence[Pod]) -> None:
    _service_ports(report, one)
    selector = mapping(one.dig("spec", "selector"))
    if not selector or one.dig("spec", "type") == "ExternalName":
        return
    chosen = list(islice((pod for pod in pods if matches(selector, pod.labels)), _PODS_COMPARED))
    if pods and not chosen:
        words = ", ".join(f"{key}={value}" for key, value in list(selector.items())[:4])
        message = f"No pod of the input has the labels {words}."
        _add(report, "service-selects-nothing", one, ("spec", "selector"), message)
    if chosen:
        for number, port in enumerate(sequence(one.dig("spec", "ports"))):
            _target_port(report, one, number, mapping(port), chosen)


def _service_ports(report: Report, one: KObject) -> None:
    ports = sequence(one.dig("spec", "ports"))
    seen: set[tuple[str, str]] = set()
    for number, port in enumerate(ports):
        where = ("spec", "ports", number)
        value, node_port = dig(port, "port"), dig(port, "nodePort")
        if isinstance(value, int) and not 1 <= value <= 65535:
            _add(report, "port-range", one, (*where, "port"), f"Port {value} does not exist.")
        if isinstance(node_port, int) and node_port and not 30000 <= node_port <= 32767:
            _add(report, "node-port-range", one, (*where, "nodePort"), f"The node port {node_port} is unusual.")
        if len(ports) > 1 and not dig(port, "name"):
            message = "A Service with several ports needs a name for each."
            _add(report, "service-ports", one, where, message, "Add `name` to each port.")
        identity = (str(value), text(dig(port, "protocol")) or "TCP")
        if identity in seen:
            message = f"Port {identity[0]}/{identity[1]} stands there twice."
            _add(report, "service-ports", one, where, message, "Remove one of the two.")
        seen.add(identity)
    if one.dig("spec", "type") == "ExternalName":
        if not one.dig("spec", "externalName"):
            _add(report, "service-ports", one, ("spec",), "`externalName` is missing.", "Add `externalName`.")
    elif not ports and one.dig("spec", "clusterIP") != "None":
        _add(report, "service-ports", one, ("spec",), "The Service has no ports.", "Add `ports`.")


def _target_port(report: Report, one: KObject, number: int, port: Mapping[str, Any], pods: Sequence[Pod]) -> None:
    target = port.get("targetPort", port.get("port"))
    declared = [
        mapping(declared)
        for pod in pods
        for container in pod.containers()
        for declared in sequence(container.value.get("ports"))
    ]
    where = ("spec", "ports", number, "targetPort")
    if isinstance(target, str) and not target.isdigit():
        if target not in {text(one_port.get("name")) for one_port in declared}:
            message = f"No container that the Service selects names a port `{target[:60]}`."
            _add(report, "service-target-port", one, where, message)
    elif declared and str(target) not in {str(one_port.get("containerPort")) for one_port in declared}:
        message = f"The selected pods declare other ports than {target}."
        _add(report, "service-port-undeclared", one, where, message)


def _ingress(report: Report, one: KObject, objects: Objects) -> None:
    backends = list(_backends(one))
    # Removed versions call the default backend just `backend`.
    default = one.dig("spec", "backend")
    if not (backends or default or sequence(one.dig("spec", "rules"))) and one.dig("spec") is not None:
        _add(report, "ingress-empty", one, ("spec",), "The Ingress has neither rules nor a default backend.")
    any_service = any(kind == "Service" for kind, _, _ in objects)
    for path, backend in backends:
        name = text(dig(backend, "service", "name"))
        service = objects.get(("Service", one.namespace, name))
        if not name:
            continue
        if service is None:
            if any_service:
                message = f"The Service `{name[:60]}` is not in the input."
                _add(report, "ingress-service-missing", one, (*path, "service", "name"), message)
            continue
        wanted = mapping(dig(backend, "service", "port"))
        ports = [mapping(port) for port in sequence(service.dig("spec", "ports"))]
        if wanted and not any(
            port.get("port") == wanted.get("number") if "number" in wanted else port.get("name") == wanted.get("name")
            for port in ports
        ):
            shown = str(wanted.get("number", wanted.get("name")))[:30]
            message = f"{service.label} has no port {shown}."
            _add(report, "ingress-port-missing", one, (*path, "service", "port"), message)


def _backends(one: KObject) -> Iterator[tuple[Path, Any]]:
    default = one.dig("spec", "defaultBackend")
    if default is not None:
        yield ("spec", "defaultBackend"), default
    for number, rule in enumerate(sequence(one.dig("spec", "rules"))):
        for index, path in enumerate(sequence(dig(rule, "http", "paths"))):
            yield ("spec", "rules", number, "http", "paths", index, "backend"), dig(path, "backend")


_IN_VOLUMES = (
    ("configMap", "ConfigMap", "name"),
    ("secret", "Secret", "secretName"),
    ("persistentVolumeClaim", "PersistentVolumeClaim", "claimName"),
)
_IN_ENV = (("configMapKeyRef", "ConfigMap", "name"), ("secretKeyRef", "Secret", "name"))
_IN_ENV_FROM = (("configMapRef", "ConfigMap", "name"), ("secretRef", "Secret", "name"))


def _references(pod: Pod) -> Iterator["_Reference"]:
    """Yield what a pod needs to start."""
    for index, volume in enumerate(sequence(pod.spec.get("volumes"))):
        yield from _sources(volume, ("volumes", index), _IN_VOLUMES)
    for container in pod.containers():
        for index, variable in enumerate(sequence(container.value.get("env"))):
            yield from _sources(dig(variable, "valueFrom"), (*container.path, "env", index, "valueFrom"), _IN_ENV)
        for index, origin in enumerate(sequence(container.value.get("envFrom"))):
            yield from _sources(origin, (*container.path, "envFrom", index), _IN_ENV_FROM)


def _sources(value: Any, path: Path, sources: Sequence[tuple[str, str, str]]) -> Iterator["_Reference"]:
    for source, kind, name_key in sources:
        found = dig(value, source)
        if isinstance(found, dict):
            name, key = text(found.get(name_key)), text(found.get("key"))
            yield _Reference(kind, name, key, found.get("optional") is True, (*path, source))


def _reference(report: Report, pod: Pod, reference: _Reference, objects: Objects) -> None:
    kind, name, key, path = reference.kind, reference.name, reference.key, reference.path
    if not name or reference.optional:
        return
    found = objects.get((kind, pod.owner.namespace, name))
    owner = pod.owner
    if found is None:
        message = f"{kind} `{name[:60]}` is not in the input."
        report.add("reference-not-here", owner.document, pod.at(*path), message, owner=owner.label)
        return
    keys = {key for part in ("data", "stringData", "binaryData") for key in mapping(found.dig(part))}
    # What encrypts or fills a Secret later may leave it empty here.
    if key and keys and key not in keys:
        message = f"{found.label} has no key `{key[:60]}`."
        report.add("key-missing", owner.document, pod.at(*path), message, owner=owner.label)


def _add(report: Report, rule: str, one: KObject, keys: Sequence[str | int], message: str, fix: str = "") -> None:
    report.add(rule, one.document, one.at(*keys), message, owner=one.label, fix=fix)
