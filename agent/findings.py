"""Give the findings of all linters one shape: where, how bad, why, and what to change."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

SEVERITIES = ("error", "warning", "info")
FINDINGS_LISTED = 60
VALUE_MAX = 300
# Of all listed findings together, so that they fit into a tool's result.
CHARS_LISTED = 24_000


@dataclass(frozen=True)
class Finding:
    """One finding of a linter."""

    rule: str
    """A stable name in kebab case, such as `no-memory-limit`."""
    severity: str
    """`error`: it will not work or is unsafe; `warning`: it will hurt; `info`: good practice."""
    message: str
    """What is wrong, naming the very thing."""
    why: str
    """What happens because of it, in one sentence."""
    fix: str
    """What to change, concretely; may hold the lines to write."""
    line: int | None = None
    """Counted from 1 in the text that was given."""
    path: str = ""
    """Where in the document, such as `Deployment/web spec.template.spec.containers[0]`."""


def as_data(findings: Iterable[Finding]) -> dict[str, Any]:
    """Return findings for the agent: the worst first, then by line; long lists are cut, the counts are whole."""
    ordered = sorted(findings, key=lambda one: (SEVERITIES.index(one.severity), one.line or 0, one.rule))
    counts = Counter(one.severity for one in ordered)
    listed = _fitting(_short(one) for one in ordered[:FINDINGS_LISTED])
    return {
        "counts": {severity: counts[severity] for severity in SEVERITIES},
        "findings": listed,
        "not_listed": len(ordered) - len(listed),
    }


def _fitting(findings: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = []
    left = CHARS_LISTED
    for finding in findings:
        left -= len(json.dumps(finding))
        if left < 0:
            break
        listed.append(finding)
    return listed


def summary(findings: Iterable[Finding]) -> str:
    """Return `2 errors, 1 warning`, or `no findings`."""
    counts = Counter(one.severity for one in findings)
    words = [_counted(counts[severity], severity) for severity in SEVERITIES if counts[severity]]
    return ", ".join(words) or "no findings"


def _counted(count: int, severity: str) -> str:
    noun = "hint" if severity == "info" else severity
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _short(one: Finding) -> dict[str, Any]:
    shown = {key: value for key, value in asdict(one).items() if value not in (None, "")}
    return {key: value[:VALUE_MAX] if isinstance(value, str) else value for key, value in shown.items()}
