"""Report runs of workflows, and why they failed."""

from typing import Any

from clients.offline.reports.markdown import (
    block,
    bullets,
    code,
    counted,
    facts,
    listed,
    mapping,
    mappings,
    more,
    paragraphs,
    prose,
    table,
)

_FAILED = {"failure", "timed_out", "startup_failure"}
TAIL_LINES = 40


def runs(found: dict[str, Any]) -> str:
    """Return the result of the latest run first, then why runs failed, then the list."""
    every = mappings(found.get("runs"))
    repo = code(found.get("repo", ""))
    if not every:
        return f"{repo} has **no workflow runs**."
    failed = [one for one in every if one.get("conclusion") in _FAILED]
    rest = int(found.get("runs_not_listed") or 0)
    return paragraphs(
        f"The latest run of {repo}: **{_result(every[0])}** ({_name(every[0])}). "
        f"Of {counted(len(every), 'run')}, {len(failed)} failed.",
        *[_failure(one) for one in failed if one.get("failed_jobs") or one.get("note")],
        table(["run", "result", "branch", "commit", "by", "time"], [_row(one) for one in every]),
        f"… {more(rest)[0]}." if rest else None,
        prose(found["note"]) if found.get("note") else None,
    )


def _result(run: dict[str, Any]) -> str:
    return prose(run.get("conclusion") or run.get("status") or "unknown")


def _name(run: dict[str, Any]) -> str:
    number = f" #{int(run['number'])}" if isinstance(run.get("number"), int) else ""
    return f"{code(run.get('workflow') or 'workflow')}{number}"


def _row(run: dict[str, Any]) -> list[str]:
    seconds = run.get("seconds")
    time = f"{int(seconds)} s" if isinstance(seconds, int) else ""
    started = str(run.get("started") or "").replace("T", " ").rstrip("Z")
    return [
        f"{_name(run)} {code(run['title']) if run.get('title') else ''}".strip(),
        _result(run),
        code(run.get("branch", "")),
        code(run.get("sha", "")),
        code(run.get("actor", "")),
        prose(", ".join(part for part in (started, time) if part)),
    ]


def _failure(run: dict[str, Any]) -> str:
    parts = [f"**{_name(run)}: {_result(run)}** {code(run['url']) if run.get('url') else ''}".strip()]
    parts += [_job(job) for job in mappings(run.get("failed_jobs"))]
    rest = int(run.get("failed_jobs_not_listed") or 0)
    parts += [f"… {more(rest, 'failed jobs')[0]}."] if rest else []
    parts += [prose(run["note"])] if run.get("note") else []
    return paragraphs(*parts)


def _job(job: dict[str, Any]) -> str:
    steps = ", ".join(code(step) for step in listed(job.get("failed_steps")))
    log = mapping(job.get("log"))
    causes = [str(one) for one in listed(log.get("errors")) or listed(log.get("likely_causes"))]
    tail = "\n".join(str(log.get("tail") or "").split("\n")[-TAIL_LINES:])
    return paragraphs(
        f"Job {code(job.get('name', ''))}" + (f" failed in step {steps}." if steps else " failed."),
        bullets((code(one) for one in causes), 8) if causes else None,
        f"The log around the error:\n\n{block(tail)}" if tail.strip() else None,
        prose(log["note"]) if log.get("note") else None,
    )


def started(found: dict[str, Any]) -> str:
    """Return which run was started, on what and with which inputs."""
    run = f"run {code(found['run_id'])}" if found.get("run_id") else "a run"
    inputs = {code(name): code(value) for name, value in mapping(found.get("inputs")).items()}
    return paragraphs(
        f"**Done:** started {run} of {code(found.get('workflow', ''))} in {code(found.get('repo', ''))} on "
        f"{code(found.get('ref', ''))}" + (f" at {code(str(found['sha'])[:12])}" if found.get("sha") else "") + ".",
        code(found["url"]) if found.get("url") else None,
        facts(inputs),
        prose(found["note"]) if found.get("note") else None,
    )
