"""Judge the actions and runners of a GitHub workflow: pinned, current, still there."""

import re
from dataclasses import dataclass

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MAJOR = re.compile(r"v?(\d{1,4})(?:\.\d{1,6}){0,3}")
_BRANCHES = {"main", "master", "head", "develop", "dev", "trunk", "latest", "edge", "next"}
_OWN = ("actions/", "github/")

# The first major version on a Node.js that GitHub still runs (20 or later).
_CURRENT = {
    "actions/checkout": 4,
    "actions/setup-node": 4,
    "actions/setup-python": 5,
    "actions/setup-go": 5,
    "actions/setup-java": 4,
    "actions/setup-dotnet": 4,
    "actions/github-script": 7,
    "actions/labeler": 5,
    "actions/stale": 9,
    "actions/configure-pages": 4,
    "docker/build-push-action": 5,
    "docker/login-action": 3,
    "docker/setup-buildx-action": 3,
    "docker/setup-qemu-action": 3,
    "docker/metadata-action": 5,
    "aws-actions/configure-aws-credentials": 4,
    "google-github-actions/auth": 2,
    "azure/login": 2,
    "hashicorp/setup-terraform": 3,
    "codecov/codecov-action": 4,
}
# Before these versions the service behind the action answers no more.
_WORKING = {
    "actions/upload-artifact": 4,
    "actions/download-artifact": 4,
    "actions/cache": 3,
    "actions/cache/save": 3,
    "actions/cache/restore": 3,
    "actions/upload-pages-artifact": 3,
    "actions/deploy-pages": 4,
    "github/codeql-action/init": 3,
    "github/codeql-action/analyze": 3,
    "github/codeql-action/autobuild": 3,
    "github/codeql-action/upload-sarif": 3,
}
_ARCHIVED = {
    "actions/create-release": "softprops/action-gh-release, or `gh release create`",
    "actions/upload-release-asset": "`gh release upload`",
    "actions-rs/toolchain": "dtolnay/rust-toolchain",
    "actions-rs/cargo": "`run: cargo ...`",
}
_REMOVED_RUNNERS = {
    "ubuntu-16.04": "ubuntu-24.04",
    "ubuntu-18.04": "ubuntu-24.04",
    "ubuntu-20.04": "ubuntu-24.04",
    "macos-10.15": "macos-15",
    "macos-11": "macos-15",
    "macos-12": "macos-15",
    "macos-13": "macos-15",
    "windows-2016": "windows-2025",
    "windows-2019": "windows-2025",
}


@dataclass(frozen=True)
class Problem:
    """What is wrong with an action or a runner."""

    rule: str
    message: str
    fix: str = ""
    severity: str = ""


def action_problems(uses: str) -> list[Problem]:
    """Return what is wrong with the `uses` of a step or job; local ones and expressions are fine."""
    if uses.startswith(("./", "../")) or "${{" in uses or uses.startswith("docker://"):
        return []
    name, at, ref = uses.partition("@")
    shown = uses[:100]
    if not at or not ref:
        return [Problem("action-no-ref", f"`{shown}` names no version.")]
    found = _age(name.lower(), ref, shown)
    if _SHA.fullmatch(ref):
        return found
    if ref.lower() in _BRANCHES:
        found.append(Problem("action-on-branch", f"`{shown}` follows a branch."))
    else:
        severity = "info" if name.lower().startswith(_OWN) else ""
        found.append(Problem("action-not-pinned", f"`{shown}` is pinned to a tag only.", severity=severity))
    return found


def _age(name: str, ref: str, shown: str) -> list[Problem]:
    if name in _ARCHIVED:
        return [Problem("action-outdated", f"`{shown}` is archived.", f"Use {_ARCHIVED[name]}.")]
    match = _MAJOR.fullmatch(ref)
    major = int(match.group(1)) if match else None
    if major is None:
        return []
    if major < _WORKING.get(name, 0):
        return [Problem("action-removed", f"`{shown}` no longer works.", f"Use v{_WORKING[name]} or later.")]
    if major < _CURRENT.get(name, 0):
        return [Problem("action-outdated", f"`{shown}` is out of date.", f"Use v{_CURRENT[name]} or later.")]
    return []


def runner_problem(label: str) -> Problem | None:
    """Return what is wrong with a runner's label, or None."""
    newer = _REMOVED_RUNNERS.get(label.lower())
    return Problem("runner-removed", f"GitHub has removed the runner `{label}`.", f"Use `{newer}`.") if newer else None
