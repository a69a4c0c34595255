"""Say what the offline agent can do: a line for each family, with one example."""

from collections.abc import Sequence
from typing import Any

from clients.offline.steps import Call

_CONNECT = {
    "kubernetes": "a cluster",
    "github": "GitHub",
    "metrics": "Prometheus or Loki",
    "aws": "AWS",
}
_GROUPS = (
    ("Web sites, certificates, DNS", "", ("http_check", "tls_inspect", "dns_lookup"), "is example.com up?"),
    ("Cron schedules", "", ("cron_explain",), "when does 0 3 * * 1 run in Europe/Berlin"),
    ("Networks", "", ("cidr_calc",), "split 10.0.0.0/16 into /20"),
    (
        "Files that you paste (Dockerfiles, Kubernetes manifests, Compose files, CI workflows, Terraform)",
        "",
        ("dockerfile_lint", "k8s_manifest_lint", "compose_lint", "ci_lint", "terraform_review"),
        "lint this Dockerfile: ...",
    ),
    ("Logs, and secrets in a text", "", ("log_analyze", "secret_scan"), "analyze these logs: ..."),
    (
        "Kubernetes: look, find causes, scale, restart",
        "kubernetes",
        ("k8s_get", "k8s_logs", "k8s_diagnose", "k8s_scale", "k8s_restart"),
        "why is deployment web failing in namespace shop",
    ),
    (
        "GitHub Actions: runs, failures, start a workflow",
        "github",
        ("github_runs", "github_deploy"),
        "why did the last build of owner/repo fail",
    ),
    ("Prometheus and Loki", "metrics", ("promql_query", "loki_query"), "promql up == 0 over the last hour"),
    ("AWS: instances, ECS services, alarms, public buckets", "aws", ("aws_read",), "which alarms are firing"),
)
_MORE = "- **Other tools**: {names}; they need a model."


def abilities(tools: Sequence[dict[str, Any]]) -> str:
    """Return what can be asked for, among the tools that are offered."""
    if not tools:
        return "I am the offline agent, and no tools are offered to me just now."
    offered = {tool["name"] for tool in tools}
    lines = ["I am the offline agent. This is what I can do:", ""]
    for title, connection, names, example in _GROUPS:
        if offered.intersection(names):
            needs = f" (once {_CONNECT[connection]} is connected)" if connection else ""
            lines.append(f"- **{title}**{needs}: `{example}`")
    others = sorted(offered.difference(*(names for _, _, names, _ in _GROUPS)))
    if others:
        lines.append(_MORE.format(names=", ".join(f"`{name}`" for name in others)))
    if any(connection and offered.intersection(names) for _, connection, names, _ in _GROUPS):
        lines += ["", "You connect your own systems on the [settings page](/settings#connections)."]
    return "\n".join(lines)


def not_offered(call: Call) -> str:
    """Say that what was asked for needs a tool that is not offered now."""
    connection = next((connection for _, connection, names, _ in _GROUPS if call.tool in names), "")
    hint = f": connect {_CONNECT[connection]} on the settings page" if connection else ""
    return f"I would use `{call.tool}` for that, but it is not available here{hint}."
