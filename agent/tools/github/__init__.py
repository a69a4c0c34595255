"""Look at workflow runs of GitHub Actions, and start a workflow."""

from agent.tools.github import deploy, runs

TOOLS = (*runs.TOOLS, *deploy.TOOLS)
