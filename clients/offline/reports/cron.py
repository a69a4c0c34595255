"""Report what a cron schedule means."""

from typing import Any

from clients.offline.reports.markdown import code, prose


def schedule(found: dict[str, Any]) -> str:
    """Return the schedule in words, its next runs and what surprises people about it."""
    lines = [f"{code(found['expression'])} means: **{prose(found['words'])}**"]
    if found["next_runs"]:
        lines += ["", "The next runs:", "", *_runs(found["next_runs"], found["tz"])]
    return "\n".join(lines + _warnings(found["warnings"]))


def _runs(runs: list[dict[str, Any]], tz: str) -> list[str]:
    if tz == "UTC":
        return [
            "| day | UTC |",
            "|---|---|",
            *[f"| {prose(run['weekday'])} | {prose(_plain_time(run['utc']))} |" for run in runs],
        ]
    lines = [f"| day | {prose(tz)} | UTC |", "|---|---|---|"]
    for run in runs:
        day, time = run["local"].split("T")
        local = prose(f"{day} {time[:5]} ({time[5:]})")
        lines.append(f"| {prose(run['weekday'])} | {local} | {prose(_plain_time(run['utc']))} |")
    return lines


def _plain_time(moment: str) -> str:
    return moment.replace("T", " ").rstrip("Z")


def _warnings(warnings: list[str]) -> list[str]:
    return ["", "Watch out:", "", *[f"- {prose(warning)}" for warning in warnings]] if warnings else []
