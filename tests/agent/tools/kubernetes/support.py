"""Call the Kubernetes tools as the agent does, on a fake cluster."""

import json
from typing import Any

from agent.tools.kubernetes import TOOLS
from agent.types import Connection, Preview, Reach, ToolOutput
from tests.agent.tools.support import local_reach
from tests.fakes.kubernetes import FakeKubernetes

_TOOLS = {tool.name: tool for tool in TOOLS}
SUMMARY_MAX = 120
RESULT_MAX_CHARS = 30_000


def reach_of(fake: FakeKubernetes, approved: Preview | None = None, **settings: str) -> Reach:
    """Return a reach with a connection to this cluster, whose own namespace is shop."""
    return local_reach(Connection("1", "kubernetes", "prod", fake.settings("shop") | settings), approved)


def run(fake: FakeKubernetes, tool: str, approved: Preview | None = None, **given: Any) -> ToolOutput:
    """Run a tool with checked input; its result must fit into what the agent takes."""
    used = _TOOLS[tool]
    output = used.run(used.read(given), reach_of(fake, approved))
    assert len(json.dumps(output.data, ensure_ascii=False, allow_nan=False)) < RESULT_MAX_CHARS
    assert 0 < len(output.summary) <= SUMMARY_MAX
    return output


def preview(fake: FakeKubernetes, tool: str, **given: Any) -> Preview:
    """Return what the card of a write would show."""
    used = _TOOLS[tool]
    assert used.preview is not None
    return used.preview(used.read(given), reach_of(fake))


def diagnosed(fake: FakeKubernetes, kind: str = "deployment", name: str = "web", **given: Any) -> dict[str, Any]:
    """Return a diagnosis."""
    return run(fake, "k8s_diagnose", kind=kind, name=name, **given).data


def first_cause(fake: FakeKubernetes, kind: str = "deployment", name: str = "web", **given: Any) -> dict[str, Any]:
    """Return the first cause of a diagnosis that is not healthy."""
    found = diagnosed(fake, kind, name, **given)
    assert found["healthy"] is False
    cause: dict[str, Any] = found["causes"][0]
    return cause


def facts(cause: dict[str, Any]) -> str:
    """Return a cause's evidence as lines of text."""
    return "\n".join(f"{one['from']}: {one['fact']}" for one in cause["evidence"])
