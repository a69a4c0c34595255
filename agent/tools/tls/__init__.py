"""Look at a server's certificate and its TLS."""

from agent.tools.tls.inspect import TOOLS

__all__ = ["TOOLS"]
