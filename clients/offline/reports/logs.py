"""Report what an analysis of logs found: likely causes, what fails how often, and when."""

from typing import Any

from clients.offline.reports.lint import findings
from clients.offline.reports.markdown import (
    block,
    bullets,
    code,
    counted,
    listed,
    mapping,
    mappings,
    more,
    number,
    paragraphs,
    prose,
    table,
)

TEMPLATES_SHOWN = 12
TRACE_CHARS = 1_200


def analysis(found: dict[str, Any]) -> str:
    """Return the sum in one sentence, then causes, spikes, what is new, what repeats, and stack traces."""
    causes = findings(found)
    return paragraphs(
        _lead(found),
        f"Likely causes:\n\n{causes}" if causes else None,
        _list("Errors pile up", [_spike(one) for one in mappings(found.get("error_spikes"))]),
        _list("New at the end", [_line(one) for one in mappings(found.get("new_at_the_end"))]),
        _templates(found),
        *[_trace(one) for one in mappings(found.get("stack_traces"))[:3]],
    )


def _lead(found: dict[str, Any]) -> str:
    levels, span = mapping(found.get("levels")), mapping(found.get("span"))
    errors = int(levels.get("fatal", 0)) + int(levels.get("error", 0))
    rest = [f"{number(count)} {prose(level)}" for level, count in levels.items() if level not in ("fatal", "error")]
    entries = counted(int(found["entries"]), "entry", "entries")
    lead = f"**{counted(errors, 'error') if errors else 'No errors'}** in {entries}"
    lead += f" ({', '.join(rest)})" if rest else ""
    if span.get("first"):
        lead += f", from {prose(span['first'])} to {prose(span.get('last', ''))} ({prose(span.get('zone', ''))})"
    return f"{lead}."


def _list(title: str, lines: list[str]) -> str | None:
    return f"{title}:\n\n{bullets(lines, 8)}" if lines else None


def _spike(one: dict[str, Any]) -> str:
    """Return when errors piled up, how many there were, and how many are usual."""
    usual = f"; usual are {prose(one['usual'])}" if one.get("usual") is not None else ""
    seconds = f" within {int(one['seconds'])} s" if one.get("seconds") else ""
    return f"**{counted(int(one['errors']), 'error')}**{seconds} from {prose(one.get('start', ''))}{usual}"


def _line(one: dict[str, Any]) -> str:
    place = f" (line {int(one['first_line'])})" if isinstance(one.get("first_line"), int) else ""
    return f"{number(int(one.get('count') or 0))} × {prose(one.get('level', ''))} {code(one.get('example', ''))}{place}"


def _templates(found: dict[str, Any]) -> str | None:
    templates = mappings(found.get("templates"))
    if not templates:
        return None
    rows = [
        [number(int(one.get("count") or 0)), prose(one.get("level", "")), code(one.get("template", "")), _times(one)]
        for one in templates[:TEMPLATES_SHOWN]
    ]
    rest = len(templates) - len(rows) + int(found.get("templates_not_listed") or 0)
    tail = f"… {more(rest, 'templates')[0]}." if rest else None
    return paragraphs("What repeats:", table(["count", "level", "template", "first to last"], rows), tail)


def _times(one: dict[str, Any]) -> str:
    first, last = str(one.get("first") or ""), str(one.get("last") or "")
    return prose(first if first == last else f"{first} to {last}")


def _trace(one: dict[str, Any]) -> str:
    """Return a stack trace: its exception, how often it came, and its frames."""
    count, line = int(one.get("count") or 1), one.get("line")
    times = f", {counted(count, 'time')}" + (f", first in line {int(line)}" if line is not None else "")
    frames = "\n".join(str(frame) for frame in listed(one.get("frames")))
    lead = f"Stack trace ({prose(one.get('language', ''))}{times}): {code(one.get('exception', ''))}"
    return paragraphs(lead, block(frames[:TRACE_CHARS]) if frames else None)
