"""Sum up log streams: which there are, how much each says, what repeats, and the latest lines."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from agent.outside import mapping, mappings, printable, words
from agent.tools.logs.lines import read_line
from agent.tools.logs.patterns import grouped
from agent.tools.metrics.times import stamp

STREAMS_LISTED = 20
LABELS_LISTED = 15
LINE_MAX = 400
LINES_CHARS = 16_000
PATTERNS_LISTED = 8
PATTERN_MAX = 200
METADATA_LISTED = 5
METADATA_MAX = 160

_ANSI = re.compile(r"\x1b\[[0-?]{0,32}[ -/]{0,8}[@-~]")


@dataclass(frozen=True)
class _Line:
    nanoseconds: int
    text: str
    stream: int
    metadata: str


def sum_up_streams(result: Any, listed: int) -> dict[str, Any]:
    """Return streams with their counts, frequent patterns, and the latest `listed` lines, the latest first."""
    streams = mappings(result)
    labels = [_labels(one) for one in streams]
    lines = [line for index, one in enumerate(streams) for line in _lines(one, index)]
    lines.sort(key=lambda line: -line.nanoseconds)
    counts = Counter(line.stream for line in lines)
    shown = _shown(lines[:listed], labels)
    order = sorted(range(len(streams)), key=lambda index: -counts[index])
    data: dict[str, Any] = {
        "stream_count": len(streams),
        "line_count": len(lines),
        "streams": [{"labels": labels[index], "lines": counts[index]} for index in order[:STREAMS_LISTED]],
        "patterns": _patterns(lines),
        "lines": shown,
        "lines_not_listed": len(lines) - len(shown),
    }
    if lines:
        data |= {"first_at": _at(lines[-1]), "last_at": _at(lines[0])}
    return data


def _labels(one: dict[str, Any]) -> dict[str, str]:
    pairs = list(mapping(one.get("stream")).items())[:LABELS_LISTED]
    return {words(name, 60): words(value, 120) for name, value in pairs}


def _lines(one: dict[str, Any], index: int) -> list[_Line]:
    rows = one.get("values")
    found = []
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, list) or len(row) < 2 or not isinstance(row[1], str):
            continue
        when = str(row[0])
        if when.isascii() and when.isdigit() and len(when) <= 19:
            text = _ANSI.sub("", row[1][: LINE_MAX * 4]).strip()
            found.append(_Line(int(when), printable(text, LINE_MAX), index, _metadata(row)))
    return found


def _metadata(row: list[Any]) -> str:
    """Return what was stored beside a line, such as the id of its trace; newer servers tell it as a third item."""
    stored = mapping(mapping(row[2]).get("structuredMetadata")) if len(row) > 2 else {}
    pairs = list(stored.items())[:METADATA_LISTED]
    return printable(" ".join(f"{words(name, 60)}={words(value, 120)}" for name, value in pairs), METADATA_MAX)


def _shown(lines: list[_Line], labels: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return lines as long as they fit; where there are several streams, each says what sets it apart."""
    apart = _setting_apart(labels)
    shown, used = [], 0
    for line in lines:
        used += len(line.text) + len(line.metadata) + 40
        if used > LINES_CHARS:
            break
        told = {"at": _at(line), "line": line.text} | ({"metadata": line.metadata} if line.metadata else {})
        where = " ".join(f"{name}={labels[line.stream].get(name, '')}" for name in apart)
        shown.append({**told, "stream": where[:120]} if where else told)
    return shown


def _setting_apart(labels: list[dict[str, str]]) -> list[str]:
    names = dict.fromkeys(name for one in labels for name in one)
    return [name for name in names if len({one.get(name) for one in labels}) > 1][:3]


def _patterns(lines: list[_Line]) -> list[dict[str, Any]]:
    """Return the most frequent kinds of lines, with what differs between them left open."""
    groups, _ = grouped([read_line(number, line.text) for number, line in enumerate(lines, 1)])
    return [
        {"pattern": group.template[:PATTERN_MAX], "lines": group.count}
        for group in groups[:PATTERNS_LISTED]
        if group.count > 1
    ]


def _at(line: _Line) -> str:
    seconds = line.nanoseconds / 1e9
    milliseconds = line.nanoseconds // 1_000_000 % 1000
    return f"{stamp(seconds)[:-1]}.{milliseconds:03d}Z" if seconds < 7_258_118_400 else "unknown"
