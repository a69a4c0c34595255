"""Look into a user's Kubernetes cluster, find out why something fails there, scale and restart deployments."""

from agent.tools.kubernetes.diagnose import K8S_DIAGNOSE
from agent.tools.kubernetes.get import K8S_GET
from agent.tools.kubernetes.logs import K8S_LOGS
from agent.tools.kubernetes.writing import K8S_RESTART, K8S_SCALE
from agent.types import Tool

TOOLS: tuple[Tool, ...] = (K8S_GET, K8S_LOGS, K8S_DIAGNOSE, K8S_SCALE, K8S_RESTART)
