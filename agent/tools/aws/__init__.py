"""Read an AWS account: instances, services, alarms, public buckets."""

from agent.tools.aws.read import TOOLS

__all__ = ["TOOLS"]
