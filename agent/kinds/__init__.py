"""Know the kinds of systems that users connect: their settings, what may be shown of them, and how they are tried."""

from collections.abc import Mapping

from agent.kinds.aws import AWS
from agent.kinds.github import GITHUB
from agent.kinds.kubernetes import KUBERNETES
from agent.kinds.loki import LOKI
from agent.kinds.prometheus import PROMETHEUS
from agent.types import Kind

KINDS: dict[str, Kind] = {kind.name: kind for kind in (KUBERNETES, GITHUB, AWS, PROMETHEUS, LOKI)}

NOUNS = {
    "kubernetes": "a Kubernetes cluster",
    "github": "a GitHub account",
    "aws": "an AWS account",
    "prometheus": "a Prometheus server",
    "loki": "a Loki server",
}
"""What a person connects, by the name of its kind."""

_SECRET_MIN = 4  # What is shorter stands in too many other words to be taken out of them.
_LINE_MIN = 16


def secret_values(kind: Kind, settings: Mapping[str, str]) -> list[str]:
    """Return what must never be shown: the secret settings, and each line of those with several; the longest first."""
    values = {settings[key].strip() for key in kind.secrets if key in settings}
    lines = {line.strip() for value in values for line in value.splitlines() if not line.startswith("-----")}
    long_lines = {line for line in lines if len(line) >= _LINE_MIN}
    found = {value for value in values if len(value) >= _SECRET_MIN} | long_lines
    return sorted(found, key=len, reverse=True)
