"""Judge the actions and runners of a GitHub workflow: pinned, current, still there."""

import difflib
import re
from dataclasses import dataclass

from agent.near import suggestion

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
_RUNNERS = (
    "ubuntu-latest", "ubuntu-24.04", "ubuntu-22.04", "ubuntu-slim", "ubuntu-24.04-arm", "ubuntu-22.04-arm",
    "windows-latest", "windows-2025", "windows-2022", "windows-11-arm", "macos-latest", "macos-latest-large",
    "macos-latest-xlarge", "macos-26", "macos-15", "macos-14", "macos-26-large", "macos-15-large", "macos-14-large",
    "macos-26-xlarge", "macos-15-xlarge", "macos-14-xlarge", "macos-15-intel",
)  # fmt: skip
# Above it a label is a slip of the fingers, below it more likely one that somebody has chosen for own runners.
_SLIP = 0.9
# The inputs of actions in every second workflow. They may grow, so that only a name close to one of them is a mistake.
_INPUTS = {
    "actions/checkout": (
        "repository", "ref", "token", "ssh-key", "ssh-known-hosts", "ssh-strict", "ssh-user", "persist-credentials",
        "path", "clean", "filter", "sparse-checkout", "sparse-checkout-cone-mode", "fetch-depth", "fetch-tags",
        "show-progress", "lfs", "submodules", "set-safe-directory", "github-server-url",
    ),
    "actions/setup-node": (
        "node-version", "node-version-file", "architecture", "check-latest", "registry-url", "scope", "token", "cache",
        "cache-dependency-path", "always-auth", "mirror", "mirror-token", "package-manager-cache",
    ),
    "actions/setup-python": (
        "python-version", "python-version-file", "cache", "architecture", "check-latest", "token", "update-environment",
        "cache-dependency-path", "allow-prereleases", "freethreaded", "pip-version", "pip-install",
    ),
    "actions/cache": (
        "path", "key", "restore-keys", "upload-chunk-size", "enableCrossOsArchive", "fail-on-cache-miss", "lookup-only",
        "save-always",
    ),
    "actions/upload-artifact": (
        "name", "path", "if-no-files-found", "retention-days", "compression-level", "overwrite", "include-hidden-files",
        "archive",
    ),
    "actions/download-artifact": (
        "name", "artifact-ids", "path", "pattern", "merge-multiple", "github-token", "repository", "run-id",
        "skip-decompress", "digest-mismatch",
    ),
}  # fmt: skip


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


def input_problem(uses: str, name: str) -> Problem | None:
    """Return what is wrong with an input of a well-known action, or None; names that it may have got since are fine."""
    known = _INPUTS.get(uses.partition("@")[0].lower(), ())
    if name.lower() in map(str.lower, known):
        return None
    meant = suggestion(name, known)
    return Problem("action-input", f"`{uses[:60]}` has no input `{name[:60]}`.{meant}") if meant else None


def runner_problem(label: str) -> Problem | None:
    """Return what is wrong with a runner's label, or None."""
    label = label.lower()
    newer = _REMOVED_RUNNERS.get(label)
    if newer:
        return Problem("runner-removed", f"GitHub has removed the runner `{label}`.", f"Use `{newer}`.")
    # Larger runners are often called like the usual ones with something after it.
    if any(label == known or label.startswith(f"{known}-") for known in _RUNNERS):
        return None
    close = difflib.get_close_matches(label[:60], _RUNNERS, n=1, cutoff=_SLIP)
    if close:
        return Problem("runner-unknown", f"GitHub has no runner `{label}`. Did you mean `{close[0]}`?")
    return None
