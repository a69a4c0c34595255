"""Check Dockerfiles."""

from agent.tools.dockerfile.lint import TOOLS

__all__ = ["TOOLS"]
