"""Look up names in the DNS, and judge what is found."""

from agent.tools.dns.lookup import TOOLS

__all__ = ["TOOLS"]
