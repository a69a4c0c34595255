"""Show that the benchmark's hard inputs, all of them right, crash no linter and give no false error."""

import subprocess
import sys
from pathlib import Path

import pytest

from agent.tools.manifests.lint import K8S_MANIFEST_LINT
from benchmarks.linters import OURS, files
from tests.agent.tools.support import NOWHERE

ROOT = Path(__file__).resolve().parent.parent
HARD = list(files([]))


@pytest.mark.parametrize(("group", "path"), HARD, ids=[path.name for _, path in HARD])
def test_a_hard_input_that_is_right_gives_no_error(group: str, path: Path) -> None:
    tool, key = OURS.get(group, (K8S_MANIFEST_LINT, "manifest"))
    findings = tool.run(tool.read({key: path.read_text()}), NOWHERE).data["findings"]
    assert [(one["rule"], one.get("line")) for one in findings if one["severity"] == "error"] == []


def test_there_are_hard_inputs_of_every_kind() -> None:
    counts = {group: sum(1 for one, _ in HARD if one == group) for group in OURS}
    assert counts == {"compose": 8, "github": 5, "gitlab": 3, "docker": 8}


def test_the_benchmark_prints_its_figures_and_the_reference(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: []}\n")
    (tmp_path / "broken.yaml").write_text("a: b: c\n")
    command = [sys.executable, "-m", "benchmarks.linters", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    kubernetes = next(line for line in done.stdout.splitlines() if line.startswith("kubernetes"))
    files_seen, refused, crashes = kubernetes.split()[1:4]
    assert (files_seen, refused, crashes) == ("2", "1", "0")
    assert "ratio" in done.stdout and "broken.yaml: " in done.stdout
