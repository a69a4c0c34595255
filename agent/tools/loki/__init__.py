"""Ask Loki for logs."""

from agent.tools.loki.query import TOOLS

__all__ = ["TOOLS"]
