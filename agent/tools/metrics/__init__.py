"""Ask Prometheus for metrics."""

from agent.tools.metrics.query import TOOLS

__all__ = ["TOOLS"]
