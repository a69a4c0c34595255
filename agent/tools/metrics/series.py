"""Sum up time series: what matters of thousands of points in a few numbers."""

import math
from collections.abc import Sequence
from typing import Any

from agent.outside import mapping, mappings, words
from agent.tools.metrics.times import stamp

SERIES_LISTED = 50
LABELS_LISTED = 20
SPIKES_LISTED = 3
# A spike stands out by so many standard deviations, among at least so many points.
SPIKE_DEVIATIONS = 4.0
SPIKE_POINTS = 12
FLAT = 0.02
# The square of a larger number is none any more.
SQUARED_MAX = 1e150

Point = tuple[float, float]


def sum_up(result: Any) -> dict[str, Any]:
    """Return the series of a vector or matrix, those with the largest last value first, and how many there are."""
    found = [_series(one) for one in mappings(result)]
    # With few series the server's own order, which `sort` and `topk` make, is kept.
    ordered = sorted(found, key=_by_last) if len(found) > SERIES_LISTED else found
    data: dict[str, Any] = {"series_count": len(found), "series": ordered[:SERIES_LISTED]}
    if len(found) > SERIES_LISTED:
        data["series_not_listed"] = len(found) - SERIES_LISTED
        data["order"] = "the series with the largest last values are listed"
    return data


def number(value: float) -> float | str:
    """Return a number short enough to read, and as text what JSON has no number for."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    short = float(f"{value:.6g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def scalar(value: Any) -> float | str | None:
    """Return the value of a scalar result, or None if it is none."""
    points = _points([value])
    return number(points[0][1]) if points else None


def _by_last(series: dict[str, Any]) -> float:
    last = series.get("last", series.get("value"))
    return -last if isinstance(last, int | float) else math.inf


def _series(one: dict[str, Any]) -> dict[str, Any]:
    labels = {words(name, 60): words(value, 120) for name, value in list(mapping(one.get("metric")).items())}
    shown: dict[str, Any] = {"labels": dict(list(labels.items())[:LABELS_LISTED])}
    if "histogram" in one or "histograms" in one:
        return {**shown, **_histogram(one)}
    if "values" in one:
        return {**shown, **_statistics(_points(one["values"]))}
    points = _points([one.get("value")])
    return {**shown, "value": number(points[0][1]) if points else None}


def _statistics(points: Sequence[Point]) -> dict[str, Any]:
    finite = [point for point in points if math.isfinite(point[1])]
    data: dict[str, Any] = {"points": len(points)}
    if len(finite) < len(points):
        data["not_numbers"] = len(points) - len(finite)
    if not finite:
        # Which of NaN and the two infinities it is still tells something.
        return data | ({"last": number(points[-1][1])} if points else {})
    values = [value for _, value in finite]
    top = max(finite, key=lambda point: point[1])
    average = math.fsum(value / len(values) for value in values)
    data |= {
        "first": number(values[0]),
        "last": number(values[-1]),
        "min": number(min(values)),
        "max": number(top[1]),
        "max_at": stamp(top[0]),
        "avg": number(average),
        "trend": _trend(values[0], values[-1], min(values), max(values)),
        "last_at": stamp(finite[-1][0]),
    }
    return data | _spikes(finite, average)


def _trend(first: float, last: float, low: float, high: float) -> str:
    """Compare the last value with the first; a change that is small beside the spread or the values is none."""
    change = last - first
    if high == low or abs(change) <= FLAT * max(high - low, abs(first)):
        return "flat"
    word = "up" if change > 0 else "down"
    if first == 0 or not math.isfinite(share := change / abs(first)):
        return f"{word} from {number(first)}"
    return f"{word} {abs(share):.0%}" if abs(share) < 10 else f"{word} {abs(last / first):.3g} times"


def _spikes(points: Sequence[Point], average: float) -> dict[str, Any]:
    if len(points) < SPIKE_POINTS:
        return {}
    if not max(abs(value - average) for _, value in points) < SQUARED_MAX:
        return {}
    spread = math.sqrt(math.fsum((value - average) ** 2 / len(points) for _, value in points))
    far = [point for point in points if abs(point[1] - average) > SPIKE_DEVIATIONS * spread]
    if not far:
        return {}
    top = sorted(far, key=lambda point: -abs(point[1] - average))[:SPIKES_LISTED]
    return {"spike_points": len(far), "spikes": [{"at": stamp(when), "value": number(value)} for when, value in top]}


def _histogram(one: dict[str, Any]) -> dict[str, Any]:
    """Native histograms are told by their count and sum; quantiles are a question of their own."""
    rows = one.get("histograms") if isinstance(one.get("histograms"), list) else [one.get("histogram")]
    last = rows[-1] if rows else None
    body = mapping(last[1]) if isinstance(last, list) and len(last) == 2 else {}
    told = {"count": words(body.get("count"), 30), "sum": words(body.get("sum"), 30)}
    return {"histogram": told, "hint": "A native histogram; ask with histogram_quantile() for its distribution."}


def _points(rows: Any) -> list[Point]:
    """Return the points that can be read: pairs of a time and a number written as text."""
    points = []
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, list) or len(row) != 2 or isinstance(row[0], bool) or isinstance(row[1], bool):
            continue
        try:
            when, value = float(row[0]), float(row[1])
        except (TypeError, ValueError, OverflowError):
            continue
        if 0 <= when <= 7_258_118_400:
            points.append((when, value))
    return points
