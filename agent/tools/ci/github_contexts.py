"""Say which contexts an expression may name at which place of a workflow, as GitHub's table of contexts has it."""

from collections.abc import Sequence

from agent.tools.ci.expressions import CONTEXTS

_CALLER = {"github", "inputs", "vars"}
_JOB = _CALLER | {"needs", "strategy", "matrix"}
_RUNNING = _JOB | {"env", "job", "runner"}
# The first place that fits counts; `*` stands for any name or index. What stands nowhere here may name everything.
_PLACES: tuple[tuple[tuple[str, ...], set[str]], ...] = (
    (("run-name",), _CALLER),
    (("concurrency",), _CALLER),
    (("env",), _CALLER | {"secrets"}),
    (("on", "workflow_call", "inputs"), _CALLER),
    (("on", "workflow_call", "outputs"), _CALLER | {"jobs"}),
    (("jobs", "*", "name"), _JOB),
    (("jobs", "*", "if"), _CALLER | {"needs"}),
    (("jobs", "*", "runs-on"), _JOB),
    (("jobs", "*", "env"), _JOB | {"secrets"}),
    (("jobs", "*", "concurrency"), _JOB),
    (("jobs", "*", "strategy"), _CALLER | {"needs"}),
    (("jobs", "*", "timeout-minutes"), _JOB),
    (("jobs", "*", "continue-on-error"), _JOB),
    (("jobs", "*", "defaults"), _JOB | {"env"}),
    (("jobs", "*", "environment", "url"), _RUNNING | {"steps"}),
    (("jobs", "*", "environment"), _JOB),
    (("jobs", "*", "outputs"), _RUNNING | {"secrets", "steps"}),
    (("jobs", "*", "container", "credentials"), _JOB | {"env", "secrets"}),
    (("jobs", "*", "container", "env"), _RUNNING | {"secrets"}),
    (("jobs", "*", "container", "image"), _JOB),
    (("jobs", "*", "services", "*", "credentials"), _JOB | {"env", "secrets"}),
    (("jobs", "*", "services", "*", "env"), _RUNNING | {"secrets"}),
    (("jobs", "*", "services", "*", "image"), _JOB),
    (("jobs", "*", "with"), _JOB),
    (("jobs", "*", "secrets"), _JOB | {"secrets"}),
    (("jobs", "*", "steps", "*", "if"), CONTEXTS - {"secrets"}),
    (("runs",), CONTEXTS - {"secrets"}),
)


def contexts_at(path: Sequence[str | int]) -> set[str]:
    """Return the contexts that an expression at this path may name."""
    for place, contexts in _PLACES:
        if len(path) >= len(place) and all(name in ("*", part) for name, part in zip(place, path, strict=False)):
            return contexts
    return CONTEXTS
