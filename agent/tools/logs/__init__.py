"""Find out what a pasted log says."""

from agent.tools.logs.analyze import TOOLS

__all__ = ["TOOLS"]
