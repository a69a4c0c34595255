"""Group entries of a log by template, and find when errors pile up and what is new at the end."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from drain3.drain import Drain  # type: ignore[import-untyped]

from agent.tools.logs.lines import STATUS, YEAR_MIN, Entry

MESSAGE_MAX = 400
# Drain compares a message with the templates of its length; so many different ones are grouped, the rest only counted.
GROUPED_MAX = 3_000
BUCKETS_MAX = 60
_SIZES = (1, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400, 7 * 86_400)
SPIKE_MIN = 5
SPIKE_FACTOR = 3
NEW_PART = 0.8
NEW_MIN = 20

_MASKS = (
    (re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"), "<uuid>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b"), "<ip>"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT[\d:.]+Z?\b"), "<time>"),
    (re.compile(r"\b(?:0x[0-9a-fA-F]+|(?=[0-9a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,64})\b"), "<hex>"),
    # Short numbers behind letters are parts of names: x509, sha256, k8s.
    (re.compile(r"(?<![A-Za-z<\d])\d+(?:\.\d+)?|(?<=[A-Za-z])\d{4,}"), "<n>"),
)
_ERRORS = ("error", "fatal")
_RANK = {"fatal": 0, "error": 1, "warning": 2, "info": 3, "unknown": 4, "debug": 5}


@dataclass
class Group:
    """Entries of one template."""

    cluster: Any
    level: str
    first: Entry
    last: Entry
    index: int
    """Where its first entry stands among all."""
    count: int = 0

    @property
    def template(self) -> str:
        """Return the words that all its entries share."""
        return str(self.cluster.get_template())[:MESSAGE_MAX]


def grouped(entries: list[Entry]) -> tuple[list[Group], int]:
    """Return the groups, the largest first, and how many entries were not grouped."""
    # What succeeded and what failed is never one group, however alike the words are.
    drains: defaultdict[tuple[str, str], Drain] = defaultdict(_drain)
    known: dict[tuple[str, str], Group] = {}
    groups: dict[tuple[str, str, int], Group] = {}
    left_out = 0
    for index, entry in enumerate(entries):
        status, masked = _masked(entry.message)
        group = known.get((entry.level, masked))
        if group is None:
            if len(known) >= GROUPED_MAX:
                left_out += 1
                continue
            cluster, _ = drains[entry.level, status].add_log_message(masked)
            key = (entry.level, status, cluster.cluster_id)
            group = known[entry.level, masked] = groups.setdefault(
                key, Group(cluster, entry.level, entry, entry, index)
            )
        group.count += 1
        group.last = entry
    return sorted(groups.values(), key=lambda group: (-group.count, group.index)), left_out


def _drain() -> Drain:
    return Drain(depth=4, sim_th=0.5, max_children=100, max_clusters=500)


def _masked(message: str) -> tuple[str, str]:
    """Return the status of an answer, if the message tells one, and the message with all other numbers left open."""
    text = message[:MESSAGE_MAX]
    found = STATUS.search(text) if '"' in text else None
    if found is None:
        return "", _open(text) or "-"
    start, end = found.span(found.lastindex or 0)
    return text[start:end], f"{_open(text[:start])}{text[start:end]}{_open(text[end:])}"


def _open(text: str) -> str:
    for pattern, mark in _MASKS:
        text = pattern.sub(mark, text)
    return text


def shown(group: Group) -> dict[str, Any]:
    """Return a group for the agent, with one line as an example."""
    return {
        "template": group.template[:240],
        "count": group.count,
        "level": group.level,
        "first": when(group.first),
        "last": when(group.last),
        "first_line": group.first.line,
        "example": group.first.text[:240],
    }


def when(entry: Entry) -> str:
    """Return the time of an entry as text, or nothing."""
    return moment(entry.time)


def moment(time: datetime | None) -> str:
    """Return a time as text; the year is left out if the log leaves it out."""
    if time is None:
        return ""
    return f"{time:%m-%d %H:%M:%S}" if time.year < YEAR_MIN else f"{time:%Y-%m-%dT%H:%M:%S}"


def spikes(entries: list[Entry], most: int) -> list[dict[str, Any]]:
    """Return the stretches of time with far more errors than usual, the worst first."""
    times = sorted(entry.time for entry in entries if entry.time is not None)
    if len(times) < 2 or times[-1] == times[0]:
        return []
    size = _bucket_size((times[-1] - times[0]).total_seconds())
    start = times[0]
    buckets = Counter(
        int((entry.time - start).total_seconds() // size)
        for entry in entries
        if entry.time is not None and entry.level in _ERRORS
    )
    count = int((times[-1] - start).total_seconds() // size) + 1
    if count < 3:
        return []
    usual = max(1.0, median(buckets.get(index, 0) for index in range(min(count, BUCKETS_MAX * 20))))
    high = [(errors, index) for index, errors in buckets.items() if errors >= max(SPIKE_MIN, SPIKE_FACTOR * usual)]
    return [
        {
            "start": moment(start + timedelta(seconds=index * size)),
            "seconds": size,
            "errors": errors,
            "usual": usual,
            "factor": round(errors / usual, 1),
        }
        for errors, index in sorted(high, key=lambda one: (-one[0], one[1]))[:most]
    ]


def _bucket_size(seconds: float) -> int:
    return next((size for size in _SIZES if seconds / size <= BUCKETS_MAX), int(seconds / BUCKETS_MAX) + 1)


def new_groups(groups: list[Group], total: int, most: int) -> list[Group]:
    """Return the groups that first show in the last part of the log, the gravest first."""
    if total < NEW_MIN:
        return []
    new = [group for group in groups if group.index >= total * NEW_PART]
    return sorted(new, key=lambda group: (_RANK[group.level], -group.count))[:most]
