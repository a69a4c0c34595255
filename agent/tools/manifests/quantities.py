"""Judge the quantities of CPU and memory in a manifest."""

import re

from agent.lint import Report, mapping
from agent.quantities import quantity
from agent.tools.manifests.objects import Container

_SMALLEST_MEMORY = 1024 * 1024
_MOST_CPUS = 256


def check_quantities(report: Report, container: Container) -> None:
    """Report quantities of a container that are wrong, unlikely, or against each other."""
    resources = mapping(container.value.get("resources"))
    for side in ("requests", "limits"):
        for resource, value in mapping(resources.get(side)).items():
            _check(report, container, side, resource, value)
    limits = mapping(resources.get("limits"))
    for resource, value in mapping(resources.get("requests")).items():
        asked, allowed = quantity(value), quantity(limits.get(resource))
        if asked is not None and allowed is not None and asked > allowed:
            message = (
                f"Container `{container.name}` requests {value} of {resource}, more than its limit {limits[resource]}."
            )
            _add(report, "request-above-limit", container, "requests", resource, message)


def _check(report: Report, container: Container, side: str, resource: str, value: object) -> None:
    number = quantity(value)
    shown = str(value)[:30]
    if number is None or number < 0:
        if isinstance(value, str | int | float):
            message = f"`{shown}` is not a quantity of {resource}.{_meant(shown, resource)}"
            _add(report, "invalid-quantity", container, side, resource, message)
    elif resource in ("memory", "ephemeral-storage"):
        if 0 < number < _SMALLEST_MEMORY:
            hint = " The suffix m means thousandths of a byte." if shown.endswith("m") else ""
            message = f"`{shown}` of {resource} is {number.normalize():f} bytes.{hint}"
            _add(report, "suspicious-quantity", container, side, resource, message)
        elif re.fullmatch(r"[\d.]+[MG]", shown):
            message = f"`{shown}` of {resource} counts in powers of 1000."
            _add(report, "memory-decimal-unit", container, side, resource, message)
    elif resource == "cpu" and number > _MOST_CPUS:
        message = f"`{shown}` of cpu are {number.normalize():f} whole cores; `{shown}m` would be thousandths."
        _add(report, "suspicious-quantity", container, side, resource, message)


def _meant(shown: str, resource: str) -> str:
    match = re.fullmatch(r"([\d.]+)\s*([kKmMgGtT])[iI]?[bB]?", shown)
    if not match or resource == "cpu":
        return ""
    unit = {"k": "Ki", "m": "Mi", "g": "Gi", "t": "Ti"}[match.group(2).lower()]
    return f" Did you mean `{match.group(1)}{unit}`?"


def _add(report: Report, rule: str, container: Container, side: str, resource: str, message: str) -> None:
    owner = container.pod.owner
    report.add(rule, owner.document, container.at("resources", side, resource), message, owner=owner.label)
