"""Judge each service of a Compose file for itself: image, rights, mounts, environment, health."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agent.images import image_problem
from agent.lint import Report, dig, mapping, sequence, text
from agent.redaction import holds_secret
from agent.tools.compose.parts import Mount, Published, mounts_of, pairs_of, ports_of, replicas_of, services_of
from agent.yaml_input import Document
from agent.yaml_tree import Path

_DANGEROUS = {"ALL", "SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "SYS_RAWIO", "DAC_READ_SEARCH", "NET_ADMIN", "BPF"}
_SENSITIVE = {
    "/", "/etc", "/root", "/home", "/boot", "/var", "/var/run", "/run", "/proc", "/sys", "/usr", "/dev",
    "/var/lib/docker", "/var/lib/containerd", "/var/lib/kubelet",
}  # fmt: skip
_KEYS = ("/.ssh", "/.aws", "/.azure", "/.kube", "/.docker", "/.gnupg", "/.config/gcloud")
_SIXTY = re.compile(r"\d{1,6}(:[0-5]?\d)+")
DATABASES = {
    1433: "SQL Server",
    1521: "Oracle",
    2379: "etcd",
    3306: "MySQL",
    5432: "PostgreSQL",
    5672: "RabbitMQ",
    5984: "CouchDB",
    6379: "Redis",
    7000: "Cassandra",
    8086: "InfluxDB",
    9042: "Cassandra",
    9092: "Kafka",
    9200: "Elasticsearch",
    9300: "Elasticsearch",
    11211: "Memcached",
    27017: "MongoDB",
}


def check_services(report: Report, document: Document) -> None:
    """Report what is wrong with each service."""
    for name, service in services_of(document).items():
        one = _Service(report, document, name, service)
        one.image()
        one.rights()
        for mount in mounts_of(service, one.base):
            one.mount(mount)
        one.environment()
        one.ports()
        one.health()
        one.habits()


class _Service:
    """One service under judgement."""

    def __init__(self, report: Report, document: Document, name: str, value: dict[str, Any]) -> None:
        self.report = report
        self.document = document
        self.name = name
        self.value = value
        self.base: Path = ("services", name)

    def add(self, rule: str, keys: Sequence[str | int], message: str, **more: Any) -> None:
        self.report.add(rule, self.document, (*self.base, *keys), message, **more)

    def image(self) -> None:
        has_source = any(key in self.value for key in ("image", "build", "extends", "provider"))
        if not has_source:
            self.add("no-image", (), f"The service `{self.name}` has neither `image` nor `build`.")
        image = text(self.value.get("image"))
        # What is built here may well be called latest.
        problem = "" if "build" in self.value else image_problem(image)
        if problem:
            self.add("image-not-pinned", ("image",), f"Image `{image[:100]}` {problem}.")

    def rights(self) -> None:
        if self.value.get("privileged") is True:
            self.add("privileged", ("privileged",), f"`{self.name}` is privileged.")
        added = {text(one).upper().removeprefix("CAP_") for one in sequence(self.value.get("cap_add"))} & _DANGEROUS
        if added:
            self.add("capabilities-added", ("cap_add",), f"`{self.name}` gets {', '.join(sorted(added))}.")
        for key in ("pid", "ipc", "userns_mode", "uts"):
            if self.value.get(key) == "host":
                self.add("host-namespace", (key,), f"`{self.name}` has `{key}: host`.")
        for index, option in enumerate(sequence(self.value.get("security_opt"))):
            if text(option).replace("=", ":") in ("seccomp:unconfined", "apparmor:unconfined", "label:disable"):
                self.add("unconfined", ("security_opt", index), f"`{self.name}` has `{option}`.")

    def mount(self, mount: Mount) -> None:
        source = mount.source.rstrip("/") or "/"
        path = mount.path[len(self.base) :]
        if mount.named:
            return
        if source.endswith(("docker.sock", "podman.sock", "containerd.sock")):
            self.add("docker-socket", path, f"`{self.name}` mounts `{source[:100]}`.")
        elif source.endswith(_KEYS) and source[0] in "/~$":
            self.add("host-keys", path, f"`{self.name}` mounts `{source[:100]}` of the host, where keys are kept.")
        elif source in _SENSITIVE:
            rule = "host-mount-read-only" if mount.read_only else "host-mount"
            self.add(rule, path, f"`{self.name}` mounts `{source}` of the host.")

    def environment(self) -> None:
        for key, name, value in pairs_of(self.value.get("environment")):
            if holds_secret(name, value):
                message = f"`{name[:80]}` of `{self.name}` holds its value in plain text."
                self.add("secret-in-env", ("environment", key), message)

    def ports(self) -> None:
        for index in range(len(sequence(self.value.get("ports")))):
            scalar = self.document.scalar_at((*self.base, "ports", index))
            if scalar and not scalar.quoted and len(scalar.text) < 30 and _SIXTY.fullmatch(scalar.text):
                self.add("port-unquoted", ("ports", index), f"`{scalar.text}` stands without quotes.")
        for port in ports_of(self.value, self.base):
            path = port.path[len(self.base) :]
            ends = [end for pair in (port.host, port.target) if pair for end in pair]
            if any(not 0 <= end <= 65535 for end in ends):
                self.add("port-range", path, f"Port {max(ends)} does not exist.")
            if (
                port.host
                and port.target
                and port.target[0] != port.target[1]
                and _width(port.host) != _width(port.target)
            ):
                message = f"{_width(port.host)} ports of the host stand against {_width(port.target)} of the container."
                self.add("port-range", path, message, fix="Give both ranges the same length.")
            self._database(port, path)
        if self.value.get("network_mode") == "host":
            ports = bool(self.value.get("ports"))
            rule = "host-network-ports" if ports else "host-network"
            self.add(
                rule, ("network_mode",), f"`{self.name}` uses the host's network{' and `ports`' if ports else ''}."
            )
        if "network_mode" in self.value and "networks" in self.value:
            self.add(
                "network-mode-and-networks", ("network_mode",), f"`{self.name}` has `network_mode` and `networks`."
            )

    def _database(self, port: Published, path: Path) -> None:
        database = DATABASES.get(port.target[0]) if port.target else None
        if database and port.host_ip != "::1" and not port.host_ip.startswith(("127.", "localhost")):
            where = "all addresses" if port.host_ip in ("", "0.0.0.0", "::", "$") else port.host_ip[:60]
            self.add("database-exposed", path, f"`{self.name}` publishes {database} on {where}.")

    def health(self) -> None:
        test = dig(self.value, "healthcheck", "test")
        if isinstance(test, list) and test and test[0] not in ("CMD", "CMD-SHELL", "NONE"):
            message = f"The health check of `{self.name}` begins with `{str(test[0])[:40]}`."
            self.add("healthcheck-test", ("healthcheck", "test"), message)

    def habits(self) -> None:
        if "restart" not in self.value and dig(self.value, "deploy", "restart_policy") is None and self._runs_on():
            self.add("no-restart", (), f"`{self.name}` has no restart policy.")
        limit = dig(self.value, "deploy", "resources", "limits", "memory")
        if "mem_limit" not in self.value and limit is None and "extends" not in self.value:
            self.add("no-memory-limit", (), f"`{self.name}` has no memory limit.")
        count = replicas_of(self.value)
        if "container_name" in self.value and count > 1:
            self.add(
                "container-name-replicas", ("container_name",), f"`{self.name}` has {count} replicas and one name."
            )
        fixed = [port for port in ports_of(self.value, self.base) if port.host and port.host[0] == port.host[1] != 0]
        if count > 1 and fixed:
            path = fixed[0].path[len(self.base) :]
            self.add("replicas-host-port", path, f"`{self.name}` has {count} replicas and one host port.")
        if self.value.get("links"):
            self.add("links", ("links",), f"`{self.name}` uses `links`.")

    def _runs_on(self) -> bool:
        """Whether it is meant to stay up; tools under a profile, jobs and what extends another may not be."""
        return not any(key in self.value for key in ("profiles", "extends", "provider"))


def _width(ports: tuple[int, int]) -> int:
    return ports[1] - ports[0] + 1


def has_healthcheck(service: Mapping[str, Any]) -> bool | None:
    """Return whether the file gives the service a health check, or None if it turns one off."""
    check = service.get("healthcheck")
    if not isinstance(check, dict):
        return False
    off = check.get("disable") is True or sequence(mapping(check).get("test"))[:1] == ["NONE"]
    return None if off else True
