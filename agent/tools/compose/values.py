"""Judge values of a Compose file that its schema takes for any text: sizes, counts, restart policies, networks."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from agent.lint import Report, dig, mapping, sequence
from agent.networks import network_of
from agent.tools.compose.parts import resolved, services_of
from agent.yaml_input import Document
from agent.yaml_tree import Path

_RESTART = re.compile(r"no|always|unless-stopped|on-failure(:\d{1,9})?")
_SIZE = re.compile(r"-1|(\d{1,20}(\.\d{0,9})?|\.\d{1,9}) ?[kmgtp]?(i?b)?", re.I)
_CPUS = re.compile(r"\d{1,9}(\.\d{0,9})?|\.\d{1,9}")

# The form, its name, what to write, and the places in a service.
_OF_SERVICE: tuple[tuple[re.Pattern[str], str, str, tuple[str, ...]], ...] = (
    (_RESTART, "restart policy", 'Write "no", always, on-failure or unless-stopped.', ("restart",)),
    (
        _SIZE,
        "size",
        "Write it like 512m or 2g.",
        (
            "mem_limit", "mem_reservation", "memswap_limit", "shm_size", "build.shm_size",
            "deploy.resources.limits.memory", "deploy.resources.reservations.memory",
        ),
    ),
    (
        _CPUS,
        "number of CPUs",
        'Write it like "0.5".',
        ("cpus", "deploy.resources.limits.cpus", "deploy.resources.reservations.cpus"),
    ),
)  # fmt: skip


def check_values(report: Report, document: Document) -> None:
    """Report texts that Compose or Docker can't read."""
    for path, value, what, fix, fits in _places(document):
        if not isinstance(value, str) or not value:
            continue
        plain = resolved(value)
        if "$" not in plain and not fits(plain):
            report.add("invalid-value", document, path, f"`{value[:60]}` is no {what}.", fix=fix)


def _places(document: Document) -> Iterator[tuple[Path, Any, str, str, Callable[[str], object]]]:
    for name, service in services_of(document).items():
        for form, what, fix, places in _OF_SERVICE:
            for place in places:
                keys = place.split(".")
                yield ("services", name, *keys), dig(service, *keys), what, fix, form.fullmatch
    for name, network in mapping(dig(document.value, "networks")).items():
        for index, config in enumerate(sequence(dig(network, "ipam", "config"))):
            for key in ("subnet", "ip_range"):
                path = ("networks", name, "ipam", "config", index, key)
                yield path, dig(config, key), "network", "Write it like 10.5.0.0/16.", network_of
