"""Check Kubernetes manifests before they reach a cluster."""

from agent.tools.manifests.lint import TOOLS

__all__ = ["TOOLS"]
