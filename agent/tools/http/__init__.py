"""Ask a web server, and judge its answer."""

from agent.tools.http.check import TOOLS

__all__ = ["TOOLS"]
