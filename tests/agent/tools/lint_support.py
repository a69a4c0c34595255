"""Compare findings with what an input says of itself in comments: `# expect: rule, other-rule` on the line of each."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.findings import Finding
from agent.outcomes import RESULT_MAX_CHARS
from agent.types import Tool, ToolError
from tests.agent.tools.support import NOWHERE

INPUTS = Path(__file__).parent / "lint_inputs"


def expected(text: str) -> list[tuple[int, str]]:
    """Return line and rule of all that the comments announce."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        match = re.search(r"  # expect: (.+)$", line)
        found += [(number, rule) for rule in match.group(1).split(", ")] if match else []
    return sorted(found)


def seen(findings: list[Finding]) -> list[tuple[int, str]]:
    """Return line and rule of all findings."""
    return sorted((finding.line or 0, finding.rule) for finding in findings)


def rules(findings: list[Finding], severity: str = "") -> set[str]:
    """Return the rules of the findings, or of those of one severity."""
    return {finding.rule for finding in findings if severity in ("", finding.severity)}


def survives(tool: Tool, key: str, text: str) -> dict[str, Any] | None:
    """Run a tool on hostile text; it must answer or refuse in plain words, quickly, within the size of a result."""
    begun = time.process_time()
    try:
        output = tool.run(tool.read({key: text}), NOWHERE)
    except ToolError as refusal:
        assert not refusal.ours
        assert len(str(refusal)) < 600
        return None
    finally:
        assert time.process_time() - begun < 4
    assert len(json.dumps(output.data)) < RESULT_MAX_CHARS
    assert len(output.summary) <= 120
    return output.data


def complete(run: Callable[[], list[Finding]]) -> None:
    """Check that each finding says what, why and how to mend it."""
    for finding in run():
        assert finding.message and finding.why and finding.fix, finding.rule
        assert finding.line
