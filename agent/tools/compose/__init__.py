"""Check Compose files."""

from agent.tools.compose.lint import TOOLS

__all__ = ["TOOLS"]
