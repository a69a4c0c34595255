"""Review Terraform code and plans."""

from agent.tools.terraform.review import TOOLS

__all__ = ["TOOLS"]
