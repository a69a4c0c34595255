"""Check workflows of GitHub Actions and pipelines of GitLab."""

from agent.tools.ci.lint import TOOLS

__all__ = ["TOOLS"]
