"""Judge what the parts of a Compose file say of each other: names, dependencies, ports, variables."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from agent.graphs import cycle_in
from agent.lint import Report, dig, mapping, sequence, text
from agent.tools.compose.parts import Published, dependencies_of, mounts_of, names_in, ports_of, services_of
from agent.tools.compose.services import has_healthcheck
from agent.yaml_input import Document
from agent.yaml_tree import Node, Path

_VARIABLE = re.compile(r"\$(?:\$|\{([A-Za-z_]\w*)(:?[-?+])?|([A-Za-z_]\w*))")
_VARIABLES_NAMED = 12
_PORTS_COMPARED = 500
# Every shell or Compose itself sets them.
_ALWAYS_SET = {"HOME", "PATH", "PWD", "USER", "COMPOSE_PROJECT_NAME"}


def check_links(report: Report, document: Document) -> None:
    """Report names that lead nowhere, cycles, ports that collide, and variables without a default."""
    services = services_of(document)
    # An included file may define whatever is missing here.
    whole = "include" not in mapping(document.value)
    used = _definitions(report, document, services, whole)
    _unused(report, document, used, whole)
    _dependencies(report, document, services, whole)
    _collisions(report, document, services)
    _variables(report, document)


def _definitions(
    report: Report, document: Document, services: Mapping[str, dict[str, Any]], whole: bool
) -> dict[str, set[str]]:
    """Report volumes, networks, secrets and configs that are not defined; return what is used of each."""
    used: dict[str, set[str]] = {"volumes": set(), "networks": {"default"}, "secrets": set(), "configs": set()}
    for name, service in services.items():
        for part, one, path in _uses(service, ("services", name)):
            used[part].add(one)
            known = one in mapping(dig(document.value, part)) or (part == "networks" and one == "default")
            if not known and whole and "$" not in one:
                rule = f"unknown-{part.removesuffix('s')}"
                report.add(rule, document, path, f"`{name}` uses `{one[:60]}`, which `{part}` does not define.")
    return used


def _uses(service: dict[str, Any], base: Path) -> Iterator[tuple[str, str, Path]]:
    for mount in mounts_of(service, base):
        if mount.named:
            yield "volumes", mount.source, mount.path
    for part in ("networks", "secrets", "configs"):
        for key, name in names_in(service.get(part)):
            yield part, name, (*base, part, key)
    for key, name in names_in(dig(service, "build", "secrets")):
        yield "secrets", name, (*base, "build", "secrets", key)


def _unused(report: Report, document: Document, used: Mapping[str, set[str]], whole: bool) -> None:
    for part, names in used.items():
        for name in mapping(dig(document.value, part)):
            if name not in names and whole:
                report.add("unused-definition", document, (part, name), f"Nothing uses `{name[:60]}` of `{part}`.")


def _dependencies(report: Report, document: Document, services: Mapping[str, dict[str, Any]], whole: bool) -> None:
    edges: dict[str, list[str]] = {}
    for name, service in services.items():
        base: Path = ("services", name)
        for other, path, settings in dependencies_of(service, base):
            edges.setdefault(name, []).append(other)
            if other in services:
                _dependency(report, document, name, service, other, services[other], path, settings)
            elif whole and mapping(settings).get("required") is not False:
                report.add(
                    "unknown-service", document, path, f"`{name}` depends on `{other[:60]}`, which is no service."
                )
        for other, path in _other_services(service, base):
            if other not in services and whole and "$" not in other:
                report.add("unknown-service", document, path, f"`{name}` names `{other[:60]}`, which is no service.")
    cycle = cycle_in(edges)
    if cycle:
        path = ("services", cycle[0], "depends_on")
        report.add("dependency-cycle", document, path, f"They depend on each other: {' -> '.join(cycle)}.")


def _other_services(service: dict[str, Any], base: Path) -> Iterator[tuple[str, Path]]:
    """Yield the services that a service names outside of `depends_on`."""
    extends = service.get("extends")
    if isinstance(extends, str):
        yield extends, (*base, "extends")
    elif isinstance(extends, dict) and "file" not in extends and text(extends.get("service")):
        yield text(extends.get("service")), (*base, "extends", "service")
    for key in ("network_mode", "ipc", "pid"):
        mode = text(service.get(key))
        if mode.startswith("service:"):
            yield mode.removeprefix("service:"), (*base, key)
    for key in ("links", "volumes_from"):
        for index, item in enumerate(sequence(service.get(key))):
            other = text(item).partition(":")[0]
            if other and other != "container":
                yield other, (*base, key, index)


def _dependency(
    report: Report,
    document: Document,
    name: str,
    service: dict[str, Any],
    other: str,
    target: dict[str, Any],
    path: Path,
    settings: dict[str, Any] | None,
) -> None:
    healthy = has_healthcheck(target)
    condition = mapping(settings).get("condition")
    if condition == "service_healthy" and not healthy and "extends" not in target:
        off = healthy is None
        lack = "its check is off" if off else "it has no health check here"
        message = f"`{name}` waits until `{other}` is healthy, and {lack}."
        report.add("health-condition", document, path, message, severity="error" if off else "")
    elif settings is None and healthy:
        message = f"`{name}` does not wait for the health check of `{other}`."
        report.add("depends-without-condition", document, path, message)
    profiles = set(map(str, sequence(target.get("profiles"))))
    mine = set(map(str, sequence(service.get("profiles"))))
    if profiles and not (mine and mine <= profiles) and mapping(settings).get("required") is not False:
        message = (
            f"`{name}` depends on `{other}`, which is only there with the profile {', '.join(sorted(profiles))[:80]}."
        )
        report.add("depends-on-profile", document, path, message)


def _collisions(report: Report, document: Document, services: Mapping[str, dict[str, Any]]) -> None:
    # Services of different profiles need not run together.
    always = [(name, service) for name, service in services.items() if not service.get("profiles")]
    named: dict[str, str] = {}
    for name, service in always:
        container = text(service.get("container_name"))
        other = named.setdefault(container, name)
        if container and "$" not in container and other != name:
            message = f"`{name}` and `{other}` both have the container name `{container[:60]}`."
            report.add("container-name-twice", document, ("services", name, "container_name"), message)
    published = ((name, port) for name, service in always for port in ports_of(service, ("services", name)))
    taken: list[tuple[str, Published]] = []
    for name, port in islice(published, _PORTS_COMPARED):
        if not port.host or port.host[0] == 0:
            continue
        owner = next((other for other, earlier in taken if _collide(earlier, port)), None)
        if owner:
            message = f"`{name}` publishes {port.host[0]}/{port.protocol}, which `{owner}` has already."
            report.add("port-collision", document, port.path, message)
        taken.append((name, port))


def _collide(one: Published, other: Published) -> bool:
    """Whether two published ports want the same; of a range Docker takes whatever is free."""
    if not one.host or not other.host or other.host[0] != other.host[1] or one.host[0] != one.host[1]:
        return False
    everywhere = {"", "0.0.0.0", "::"}
    same_address = one.host_ip == other.host_ip or bool(everywhere & {one.host_ip, other.host_ip})
    return one.host == other.host and one.protocol == other.protocol and same_address


def _variables(report: Report, document: Document) -> None:
    """Tell once of all variables without a default, at the first of them."""
    found: dict[str, int] = {}
    for node in _scalars(document.root):
        for match in _VARIABLE.finditer(node.text or ""):
            name = match.group(3) or (match.group(1) if not match.group(2) else None)
            if name and name not in _ALWAYS_SET:
                found.setdefault(name, node.line)
    if found:
        names = list(found)
        more = f" and {len(names) - _VARIABLES_NAMED} more" if len(names) > _VARIABLES_NAMED else ""
        message = f"No default for {', '.join(name[:40] for name in names[:_VARIABLES_NAMED])}{more}."
        report.add("variable-without-default", document, (), message, line=found[names[0]])


def _scalars(root: Node) -> Iterator[Node]:
    """Yield every scalar once, also if aliases lead to it again."""
    waiting, seen = [root], {id(root)}
    while waiting:
        node = waiting.pop()
        if node.text is not None:
            yield node
        children = [*(child for _, child in reversed(node.keys.values())), *reversed(node.items)]
        for child in children:
            if id(child) not in seen:
                seen.add(id(child))
                waiting.append(child)
