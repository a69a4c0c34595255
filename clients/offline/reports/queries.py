"""Report the answers of Prometheus and Loki."""

from typing import Any

from clients.offline.reports.markdown import (
    as_json,
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

SERIES_SHOWN = 20
LINES_SHOWN = 50


def query(found: dict[str, Any]) -> str:
    """Return the series or lines that a query brought, the sum first."""
    if "line_count" in found or "streams" in found:
        body = _lines(found)
    elif "series_count" in found or "series" in found:
        body = _series(found)
    elif "value" in found:
        body = f"{code(found.get('expr', ''))} is **{prose(found['value'])}**."
    else:
        body = as_json(found)
    return paragraphs(
        body,
        prose(found["note"]) if found.get("note") else None,
        *[prose(one) for one in listed(found.get("warnings")) + listed(found.get("infos"))],
    )


def _range(found: dict[str, Any]) -> str:
    if found.get("start") and found.get("end"):
        return f" from {prose(found['start'])} to {prose(found['end'])}"
    return f" at {prose(found['time'])}" if found.get("time") else ""


def _series(found: dict[str, Any]) -> str:
    series = mappings(found.get("series"))
    count = int(found.get("series_count") or len(series))
    lead = f"**{counted(count, 'series', 'series')}** for {code(found.get('expr', ''))}{_range(found)}"
    if not series:
        why = f" {prose(found['explanation'])}" if found.get("explanation") else ""
        return f"**No series** for {code(found.get('expr', ''))}{_range(found)}.{why}"
    shown = series[:SERIES_SHOWN]
    rest = count - len(shown)
    spikes = [f"{_labels(one)}: {_spikes(one)}" for one in shown if one.get("spikes")]
    return paragraphs(
        f"{lead}:",
        _table(shown),
        f"… {more(rest)[0]}. {prose(found.get('order', ''))}".strip() if rest > 0 else None,
        f"Spikes:\n\n{bullets(spikes, 10)}" if spikes else None,
    )


def _table(series: list[dict[str, Any]]) -> str:
    if all("value" in one for one in series):
        return table(["series", "value"], [[_labels(one), prose(one["value"])] for one in series])
    keys = ("last", "min", "avg", "max", "trend")
    rows = [[_labels(one), *(prose(_cell(one, key)) for key in keys)] for one in series]
    return table(["series", *keys], rows)


def _cell(one: dict[str, Any], key: str) -> object:
    if key == "last" and "histogram" in one:
        return f"histogram, count {mapping(one['histogram']).get('count', '?')}"
    value = one.get(key, one.get("value") if key == "last" else None)
    return "–" if value is None else value


def _spikes(one: dict[str, Any]) -> str:
    return ", ".join(f"{prose(spike.get('value'))} at {prose(spike.get('at'))}" for spike in mappings(one["spikes"]))


def _labels(one: dict[str, Any]) -> str:
    labels = mapping(one.get("labels"))
    name = str(labels.get("__name__", ""))
    rest = ", ".join(f'{key}="{value}"' for key, value in labels.items() if key != "__name__")
    return code(f"{name}{{{rest}}}" if rest or not name else name)


def _lines(found: dict[str, Any]) -> str:
    count = int(found.get("line_count") or 0)
    expression = code(found.get("expr", ""))
    if not count:
        why = f" {prose(found['explanation'])}" if found.get("explanation") else ""
        return f"**No lines** for {expression}{_range(found)}.{why}"
    streams, lines = mappings(found.get("streams")), mappings(found.get("lines"))
    patterns = mappings(found.get("patterns"))
    shown = [f"{one.get('at', '')} {one.get('line', '')}" for one in lines[:LINES_SHOWN]]
    in_streams = counted(int(found.get("stream_count") or len(streams)), "stream")
    return paragraphs(
        f"**{counted(count, 'line')} in {in_streams}** for {expression}{_range(found)}.",
        bullets((f"{_labels(one)}: {counted(int(one.get('lines') or 0), 'line')}" for one in streams), 10)
        if len(streams) > 1
        else None,
        "What repeats:\n\n"
        + bullets((f"{number(int(one.get('lines') or 0))} × {code(one.get('pattern', ''))}" for one in patterns), 8)
        if patterns
        else None,
        f"The latest {counted(len(shown), 'line')}, the latest first:\n\n{block(chr(10).join(shown))}"
        if shown
        else None,
    )
