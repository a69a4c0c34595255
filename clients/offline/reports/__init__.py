"""Write an answer in Markdown from what a tool found."""

import json
import re
from collections.abc import Callable
from typing import Any

from clients.offline.reports.aws import account
from clients.offline.reports.cidr import networks
from clients.offline.reports.cron import schedule
from clients.offline.reports.github import runs, started
from clients.offline.reports.kubernetes import diagnosis, objects, pod_log, restarted, scaled
from clients.offline.reports.lint import linted, secrets
from clients.offline.reports.logs import analysis
from clients.offline.reports.markdown import as_json, prose
from clients.offline.reports.network import certificate, http, names
from clients.offline.reports.queries import query
from clients.offline.reports.terraform import review

_MARK = re.compile(r"\s*<tool_data\b[^>]{0,200}>")
_END = "</tool_data>"
_UNCONNECTED = re.compile(r"Connect (.{1,100}) on the settings page first\.")
_REFUSED = re.compile(r"Not run: the user refused it\.?\s*(?:They said:\s*(.*))?", re.DOTALL)
_WRITERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "aws_read": account,
    "ci_lint": linted,
    "cidr_calc": networks,
    "compose_lint": linted,
    "cron_explain": schedule,
    "dns_lookup": names,
    "dockerfile_lint": linted,
    "github_deploy": started,
    "github_runs": runs,
    "http_check": http,
    "k8s_diagnose": diagnosis,
    "k8s_get": objects,
    "k8s_logs": pod_log,
    "k8s_manifest_lint": linted,
    "k8s_restart": restarted,
    "k8s_scale": scaled,
    "log_analyze": analysis,
    "loki_query": query,
    "promql_query": query,
    "secret_scan": secrets,
    "terraform_review": review,
    "tls_inspect": certificate,
}


def report(call: dict[str, Any], result: dict[str, Any]) -> str:
    """Return the answer for one tool call; an error is passed on as it is."""
    found = _read(result["content"])
    if result.get("is_error") or set(found) == {"error"} or found.get("outcome") == "unknown":
        return _failure(str(found.get("error", "the tool failed.")))
    write = _WRITERS.get(call["name"], as_json)
    try:
        return write(found)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        # A result of an older conversation may have another shape; what was found is shown all the same.
        return as_json(found)


def _read(content: Any) -> dict[str, Any]:
    """Return the JSON of a result, with or without the marks that say that it is data."""
    text = content if isinstance(content, str) else "".join(str(part.get("text", "")) for part in content)
    if match := _MARK.match(text):
        text = text[match.end() :].rstrip().removesuffix(_END)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {"error": text[:500]}
    return found if isinstance(found, dict) else {"result": found}


def _failure(error: str) -> str:
    if match := _REFUSED.fullmatch(error.strip()):
        reason = prose(match.group(1).strip()).rstrip(".") if match.group(1) else ""
        return f"Not done: you refused{f' ({reason})' if reason else ''}."
    if match := _UNCONNECTED.fullmatch(error):
        return (
            f"I could not do that: connect {prose(match.group(1))} on the [settings page](/settings#connections) first."
        )
    return f"I could not do that: {prose(error[:1000])}"
