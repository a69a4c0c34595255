"""Judge what jobs of a GitLab pipeline say of each other beside their order."""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.lint import Report, dig, mapping, sequence, text
from agent.yaml_input import Document
from agent.yaml_tree import Path

_CONDITIONS = ("if", "changes", "exists")
_DEFAULT_STAGE = "test"


def check_links(
    report: Report, document: Document, visible: Mapping[str, Any], merged: Mapping[str, dict[str, Any]], whole: bool
) -> None:
    """Report environments that no job stops, artifacts that are not fetched, and needs of jobs that may be missing."""
    # Rules of the whole may let only those pipelines begin that have the needed job.
    everywhere = "rules" not in mapping(document.value.get("workflow"))
    for name, job in visible.items():
        if whole:
            _stop(report, document, name, job, merged)
        _dependencies(report, document, name, job, merged)
        if everywhere and not {"rules", "only", "except", "..."} & set(merged[name]):
            _missing(report, document, name, job, merged)


def _stop(report: Report, document: Document, name: str, job: Any, merged: Mapping[str, dict[str, Any]]) -> None:
    other = text(dig(job, "environment", "on_stop"))
    path: Path = (name, "environment", "on_stop")
    if not other or "$" in other:
        return
    if other not in merged:
        message = f"`{name[:60]}` is stopped by `{other[:60]}`, which is no job."
        report.add("on-stop", document, path, message, guess=(other, merged))
    elif "..." not in merged[other] and dig(merged[other], "environment", "action") != "stop":
        message = f"`{other[:60]}`, which shall stop the environment of `{name[:60]}`, has no `action: stop`."
        report.add("on-stop", document, path, message)


def _dependencies(
    report: Report, document: Document, name: str, job: Any, merged: Mapping[str, dict[str, Any]]
) -> None:
    own = merged[name]
    needs = own.get("needs")
    needed = [text(one) or text(dig(one, "job")) for one in sequence(needs)]
    for index, other in enumerate(sequence(dig(job, "dependencies"))):
        path: Path = (name, "dependencies", index)
        if not isinstance(other, str) or other not in merged:
            continue
        if isinstance(needs, list):
            # Who needs a job of another pipeline is not bound to name this one's.
            if other not in needed and all(needed):
                message = f"`{name[:60]}` takes artifacts of `{other[:60]}`, which is not among its `needs`."
                report.add("dependency-not-needed", document, path, message)
        elif "..." not in own and _stage(merged[other]) == _stage(own):
            message = f"`{name[:60]}` takes artifacts of `{other[:60]}`, which runs in the same stage."
            report.add("dependency-of-stage", document, path, message)


def _stage(job: Mapping[str, Any]) -> object:
    return job.get("stage", _DEFAULT_STAGE)


def _missing(report: Report, document: Document, name: str, job: Any, merged: Mapping[str, dict[str, Any]]) -> None:
    for index, need in enumerate(sequence(dig(job, "needs"))):
        other = text(need) or text(dig(need, "job"))
        if other in merged and dig(need, "optional") is not True and _is_sometimes(merged[other].get("rules")):
            message = f"`{name[:60]}` is in every pipeline and needs `{other[:60]}`, which its rules leave out of some."
            report.add("needs-sometimes", document, (name, "needs", index), message)


def _is_sometimes(rules: Any) -> bool:
    """Whether each rule has a condition, and they are not one for branches and one for tags, which is always."""
    listed: Sequence[Any] = sequence(rules)
    if not listed or not all(isinstance(rule, dict) and any(key in rule for key in _CONDITIONS) for rule in listed):
        return False
    conditions = " ".join(text(rule.get("if"))[:1000] for rule in listed)
    return not ("CI_COMMIT_TAG" in conditions and "CI_COMMIT_BRANCH" in conditions)
