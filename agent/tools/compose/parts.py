"""Read the short and long forms of Compose: ports, volumes, dependencies, lists that may be mappings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agent.lint import dig, mapping, sequence, text
from agent.yaml_input import Document
from agent.yaml_tree import Path

_VARIABLE = re.compile(r"\$\{[A-Za-z_]\w*(?::?-([^{}]*))?[^{}]*\}|\$[A-Za-z_]\w*")
_RANGE = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")
_WINDOWS_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
SHORT_FORM_MAX = 500


@dataclass(frozen=True)
class Published:
    """A port that a service publishes."""

    path: Path
    host_ip: str
    host: tuple[int, int] | None
    """First and last host port, or None if Docker chooses or a variable decides."""
    target: tuple[int, int] | None
    protocol: str


@dataclass(frozen=True)
class Mount:
    """A volume or folder that a service mounts."""

    path: Path
    source: str
    target: str
    read_only: bool
    named: bool
    """Whether the source is a volume and not a path."""


def services_of(document: Document) -> dict[str, dict[str, Any]]:
    """Return the services that are mappings."""
    return {name: one for name, one in mapping(dig(document.value, "services")).items() if isinstance(one, dict)}


def resolved(value: str) -> str:
    """Return text with variables replaced by their defaults, or by `$` without one."""
    return _VARIABLE.sub(lambda match: match.group(1) or "$", value[:SHORT_FORM_MAX])


def names_in(value: Any) -> list[tuple[str | int, str]]:
    """Return key and name of each entry of a list of names, of objects with `source`, or of a mapping."""
    if isinstance(value, dict):
        return [(name, name) for name in value]
    found: list[tuple[str | int, str]] = []
    for index, item in enumerate(sequence(value)):
        name = text(item) or text(dig(item, "source"))
        if name:
            found.append((index, name))
    return found


def pairs_of(value: Any) -> Iterator[tuple[str | int, str, Any]]:
    """Yield key in the document, name and value of `environment` or `labels`, as a mapping or a list of `A=b`."""
    if isinstance(value, dict):
        for name, content in value.items():
            yield name, name, content
    for index, item in enumerate(sequence(value)):
        if isinstance(item, str) and "=" in item:
            name, _, content = item.partition("=")
            yield index, name, content


def ports_of(service: dict[str, Any], base: Path) -> list[Published]:
    """Return the published ports, as far as they can be read."""
    found = []
    for index, item in enumerate(sequence(service.get("ports"))):
        path = (*base, "ports", index)
        if isinstance(item, dict):
            host, target = str(item.get("published") or ""), str(item.get("target") or "")
            protocol, ip = text(item.get("protocol")) or "tcp", text(item.get("host_ip"))
            found.append(Published(path, ip, _range(resolved(host)), _range(resolved(target)), protocol))
        elif isinstance(item, str | int) and not isinstance(item, bool):
            found.append(_short_port(str(item), path))
    return found


def _short_port(item: str, path: Path) -> Published:
    plain, _, protocol = resolved(item).partition("/")
    head, colon, target = plain.rpartition(":")
    ip, host = "", head
    if head.startswith("["):
        ip, _, host = head[1:].rpartition("]")
        host = host.removeprefix(":")
    elif ":" in head:
        ip, _, host = head.rpartition(":")
    return Published(path, ip, _range(host) if colon else None, _range(target), protocol or "tcp")


def _range(value: str) -> tuple[int, int] | None:
    match = _RANGE.fullmatch(value.strip())
    if not match:
        return None
    first = int(match.group(1))
    return first, max(first, int(match.group(2) or first))


def mounts_of(service: dict[str, Any], base: Path) -> list[Mount]:
    """Return the mounts of volumes and folders; temporary file systems are none."""
    found = []
    for index, item in enumerate(sequence(service.get("volumes"))):
        path = (*base, "volumes", index)
        if isinstance(item, dict):
            kind, source = item.get("type"), text(item.get("source"))
            if kind in ("volume", "bind") and source:
                read_only = item.get("read_only") is True
                found.append(Mount(path, resolved(source), text(item.get("target")), read_only, kind == "volume"))
        elif isinstance(item, str):
            mount = _short_mount(item, path)
            if mount:
                found.append(mount)
    return found


def _short_mount(item: str, path: Path) -> Mount | None:
    plain = resolved(item)
    drive, rest = (plain[:2], plain[2:]) if _WINDOWS_DRIVE.match(plain) else ("", plain)
    parts = rest.split(":")
    if len(parts) < 2:
        return None
    source = drive + parts[0]
    options = parts[2].split(",") if len(parts) > 2 else []
    named = bool(re.fullmatch(r"[A-Za-z0-9][\w.-]*", source))
    return Mount(path, source, parts[1], "ro" in options, named)


def dependencies_of(service: dict[str, Any], base: Path) -> list[tuple[str, Path, dict[str, Any] | None]]:
    """Return name, path and settings (None for the short form) of what a service depends on."""
    value = service.get("depends_on")
    path = (*base, "depends_on")
    if isinstance(value, dict):
        return [(name, (*path, name), mapping(settings)) for name, settings in value.items()]
    return [(name, (*path, key), None) for key, name in names_in(value)]


def replicas_of(service: dict[str, Any]) -> int:
    """Return how many containers the service has by the file."""
    counts = (dig(service, "deploy", "replicas"), service.get("scale"))
    return max([1, *(count for count in counts if isinstance(count, int) and not isinstance(count, bool))])
