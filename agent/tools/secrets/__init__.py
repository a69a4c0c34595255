"""Find secrets in a text."""

from agent.tools.secrets.scan import TOOLS

__all__ = ["TOOLS"]
