"""Run the linters over real manifests and hard inputs of our own: nothing may crash, and every finding is counted.

The reference for time is PyYAML's `safe_load_all` on the same text in the same run: what one pays anyway to read it.
Give folders with Kubernetes manifests; Compose files, pipelines and Dockerfiles come with the benchmark.

    python -m benchmarks.linters [PATH ...]
"""

import argparse
import statistics
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from agent.tools.ci.lint import CI_LINT
from agent.tools.compose.lint import COMPOSE_LINT
from agent.tools.dockerfile.lint import DOCKERFILE_LINT
from agent.tools.manifests.lint import K8S_MANIFEST_LINT
from agent.types import Tool, ToolError
from tests.agent.tools.support import NOWHERE

INPUTS = Path(__file__).parent / "linter_inputs"
OURS = {
    "compose": (COMPOSE_LINT, "compose"),
    "github": (CI_LINT, "workflow"),
    "gitlab": (CI_LINT, "workflow"),
    "docker": (DOCKERFILE_LINT, "dockerfile"),
}
MANIFESTS = (".yaml", ".yml", ".json")
REPEATS = 3

# What was looked at by hand and stays: why it is right, and when it would be a false alarm.
NOTES = {
    "privileged": "right for a workload; agents of the node (storage, network, security) need it and may ignore it",
    "container-socket": "right: read-only does not help; build and monitoring agents ask for it all the same",
    "host-path, host-namespace, host-port": "right for a workload; agents of the node need them",
    "no-requests, no-memory-limit": "false if a LimitRange of the namespace fills them in, which is not in the file",
    "no-readiness-probe": "only for containers with a port; false if nothing sends traffic to it",
    "image-not-pinned": "right also in examples; a variable in the reference is trusted",
    "secret-in-env": "by name and form of the value; false for public keys and for throw-away passwords of tests",
    "service-selects-nothing": "only if the input has pods at all; false if the pods come with another file",
    "api-removed": "right for the newest version; give `version` for an old cluster",
    "template": "right: an unrendered template cannot be applied",
    "capabilities-added": "right: a VPN container does need NET_ADMIN, and is worth a look",
}


@dataclass
class Ran:
    """What became of the files of one linter."""

    milliseconds: list[float] = field(default_factory=list)
    reading: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    findings: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    crashed: list[str] = field(default_factory=list)


def main() -> None:
    """Print files, crashes, time and findings for each linter; end with 1 if one crashed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="folders with Kubernetes manifests")
    parser.add_argument("--list", default="", metavar="RULES", help="also print each finding of these rules, or `all`")
    given = parser.parse_args()
    wanted = set(given.list.split(",")) - {""}
    results: dict[str, Ran] = {}
    for group, path in files(given.paths):
        tool, key = OURS.get(group, (K8S_MANIFEST_LINT, "manifest"))
        _one(results.setdefault(group, Ran()), tool, key, path, wanted)
    _report(results)
    sys.exit(1 if any(ran.crashed for ran in results.values()) else 0)


def files(folders: list[Path]) -> Iterator[tuple[str, Path]]:
    """Yield group and path of every input."""
    for folder in folders:
        yield from (("kubernetes", path) for path in sorted(folder.rglob("*")) if path.suffix in MANIFESTS)
    for group in OURS:
        yield from ((group, path) for path in sorted((INPUTS / group).iterdir()))


def _one(ran: Ran, tool: Tool, key: str, path: Path, wanted: set[str]) -> None:
    text = path.read_text(errors="replace")
    try:
        data = tool.run(tool.read({key: text}), NOWHERE).data
    except ToolError as refusal:
        ran.refused.append(f"{path.name}: {refusal}")
        return
    except Exception:
        ran.crashed.append(f"{path.name}: {traceback.format_exc()}")
        return
    for finding in data["findings"]:
        ran.findings[finding["severity"], finding["rule"]] += 1
        if wanted & {finding["rule"], "all"}:
            print(f"{path.name}:{finding.get('line')}: {finding['severity']} {finding['rule']}: {finding['message']}")
    took = _fastest(lambda: tool.run(tool.read({key: text}), NOWHERE))
    ran.milliseconds.append(took)
    if tool is not DOCKERFILE_LINT:
        _compare(ran, text, took)


def _compare(ran: Ran, text: str, took: float) -> None:
    try:
        reading = _fastest(lambda: list(yaml.safe_load_all(text)))
    except yaml.YAMLError:
        return  # Tags such as `!reference` are more than safe_load knows.
    ran.reading.append(reading)
    ran.ratios.append(took / reading)


def _fastest(work: Any) -> float:
    """Return the least milliseconds of a few runs, which is what the machine can do undisturbed."""
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1000)
    return min(times)


def _report(results: dict[str, Ran]) -> None:
    columns = f"{'files':>6}{'refused':>9}{'crashes':>9}{'median ms':>11}{'max ms':>9}{'yaml ms':>9}{'ratio':>7}"
    print(f"{'linter':<12}{columns}")
    for group, ran in results.items():
        times = ran.milliseconds or [0.0]
        count = len(ran.milliseconds) + len(ran.refused) + len(ran.crashed)
        reading = f"{statistics.median(ran.reading):9.2f}" if ran.reading else f"{'-':>9}"
        ratio = f"{statistics.median(ran.ratios):7.2f}" if ran.ratios else f"{'-':>7}"
        print(
            f"{group:<12}{count:>6}{len(ran.refused):>9}{len(ran.crashed):>9}"
            f"{statistics.median(times):>11.2f}{max(times):>9.2f}{reading}{ratio}"
        )
    for group, ran in results.items():
        for (severity, rule), count in sorted(ran.findings.items(), key=lambda one: (one[0][0], -one[1], one[0][1])):
            print(f"  {group:<12}{severity:<9}{rule:<28}{count:>5}")
    for ran in results.values():
        for line in [*ran.refused, *ran.crashed]:
            print(f"  {line}")
    print("Looked at by hand:")
    for rule, note in NOTES.items():
        print(f"  {rule}: {note}.")


if __name__ == "__main__":
    main()
