"""Judge each job of a GitLab pipeline for itself."""

import re
from typing import Any

from agent.images import image_problem
from agent.lint import Report, dig, mapping, sequence, text
from agent.redaction import holds_secret
from agent.tools.ci.scripts import fetches_and_runs, lines_of, prints_secret_variable
from agent.yaml_input import Document
from agent.yaml_tree import Path

_OLD_VARIABLE = re.compile(r"\$\{?(CI_BUILD_\w{1,40})")
_DEPLOYS = re.compile(r"(?i)(?:^|[-_: ])(?:deploy|release)")


def check_job(
    report: Report, document: Document, name: str, job: dict[str, Any], merged: dict[str, Any], whole: bool
) -> None:
    """Report what is wrong with a job. `merged` has what its templates bring too."""
    _work(report, document, name, merged, whole)
    _when(report, document, name, job, merged)
    check_images(report, document, (name,), job)
    _storage(report, document, name, job)
    check_variables(report, document, (name, "variables"), job.get("variables"))
    for key in ("before_script", "script", "after_script"):
        _script(report, document, (name, key), job.get(key))
    deploys = "environment" in merged and dig(merged, "environment", "action") in (None, "start")
    if deploys and "resource_group" not in merged and not name.startswith(".") and _DEPLOYS.search(name):
        report.add("deploy-without-lock", document, (name,), f"The job `{name[:60]}` deploys without a lock.")


def _work(report: Report, document: Document, name: str, merged: dict[str, Any], whole: bool) -> None:
    if name.startswith(".") or (name == "pages" and not whole):
        return
    # A template from elsewhere, or an include that completes the job, may bring the script.
    if not any(key in merged for key in ("script", "trigger", "run", "...")) and whole:
        report.add("no-script", document, (name,), f"The job `{name[:60]}` has nothing to do.")


def _when(report: Report, document: Document, name: str, job: dict[str, Any], merged: dict[str, Any]) -> None:
    old = [key for key in ("only", "except") if key in merged]
    if "rules" in merged and old:
        path: Path = (name, old[0]) if old[0] in job else (name,)
        report.add("rules-with-only", document, path, f"The job `{name[:60]}` has `rules` and `{old[0]}`.")
    for key in ("only", "except"):
        if key in job:
            report.add("only-except", document, (name, key), f"The job `{name[:60]}` uses `{key}`.")
    for index, rule in enumerate(sequence(job.get("rules"))):
        if dig(rule, "when") == "manual" and "allow_failure" not in mapping(rule) and "allow_failure" not in merged:
            message = f"The manual job `{name[:60]}` blocks the pipeline."
            report.add("blocking-manual", document, (name, "rules", index), message)


def check_images(report: Report, document: Document, base: Path, holder: Any) -> None:
    """Report images of a job, of `default` or of the whole file that name no version."""
    places: list[tuple[Path, Any]] = [((*base, "image"), dig(holder, "image"))]
    places += [((*base, "services", index), one) for index, one in enumerate(sequence(dig(holder, "services")))]
    for path, place in places:
        image = text(place) or text(dig(place, "name"))
        problem = image_problem(image)
        if problem:
            report.add("image-not-pinned", document, path, f"Image `{image[:100]}` {problem}.")
        if re.search(r"(?:^|/)docker:.{0,40}dind", image[:300]):
            report.add("dind", document, path, f"`{image[:100]}` runs a Docker daemon of its own.")


def _storage(report: Report, document: Document, name: str, job: dict[str, Any]) -> None:
    cache = job.get("cache")
    entries = cache if isinstance(cache, list) else [cache]
    for index, entry in enumerate(entries):
        if isinstance(entry, dict) and entry.get("paths") and "key" not in entry:
            path: Path = (name, "cache", index) if isinstance(cache, list) else (name, "cache")
            report.add("cache-without-key", document, path, f"The cache of `{name[:60]}` has no key.")
    artifacts = job.get("artifacts")
    if isinstance(artifacts, dict) and artifacts.get("paths") and "expire_in" not in artifacts:
        report.add("artifacts-forever", document, (name, "artifacts"), f"Artifacts of `{name[:60]}` do not expire.")


def _script(report: Report, document: Document, base: Path, script: Any) -> None:
    lines: list[tuple[Path, str]] = [(base, script)] if isinstance(script, str) else []
    lines += [((*base, index), line) for index, line in enumerate(sequence(script)) if isinstance(line, str)]
    for path, block in lines:
        scalar = document.scalar_at(path)
        first = document.line_of(path) + (1 if scalar and "\n" in scalar.text else 0)
        for number, line in lines_of(block):
            if fetches_and_runs(line):
                message = "A download goes straight into a shell."
                report.add("curl-to-shell", document, path, message, line=first + number)
            if prints_secret_variable(line):
                message = "The script prints a variable that is called like a secret."
                report.add("secret-printed", document, path, message, line=first + number)
            old = _OLD_VARIABLE.search(line)
            if old:
                message = f"`{old.group(1)}` no longer exists."
                report.add("removed-variable", document, path, message, line=first + number)


def check_variables(report: Report, document: Document, base: Path, variables: Any) -> None:
    """Report variables that hold secrets, or that turn a protection off."""
    for key, value in mapping(variables).items():
        path: Path = (*base, key)
        content = value.get("value") if isinstance(value, dict) else value
        if holds_secret(key, content):
            report.add("secret-in-env", document, path, f"`{key[:80]}` holds its value in plain text.")
        if key in ("CI_DEBUG_TRACE", "CI_DEBUG_SERVICES") and str(content).lower() == "true":
            report.add("debug-trace", document, path, f"`{key}` is on.")
        if key == "DOCKER_TLS_CERTDIR" and content == "":
            report.add("docker-without-tls", document, path, "`DOCKER_TLS_CERTDIR` is empty.")
