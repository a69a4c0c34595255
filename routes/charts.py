"""Lay out the chart of the usage page, so that its template only writes attributes."""

from typing import Any

WIDTH, HEIGHT, LEFT, TOP, FOOT = 660, 200, 44, 12, 24
LABEL_EVERY = 7
GAP = 0.25
"""The share of a day's width that stays free beside its bar."""


def daily_chart(daily: list[dict[str, Any]]) -> dict[str, Any]:
    """Return bars, grid lines and sizes, in the units of the SVG, for days of `{"date", "credits", "count"}`."""
    most = max((day["credits"] for day in daily), default=0)
    top, base = _round_up(most), HEIGHT - FOOT
    scale = (base - TOP) / top
    step = (WIDTH - LEFT) / max(1, len(daily))
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "base": base,
        "step": round(step, 2),
        "most": most,
        "total": sum(day["credits"] for day in daily),
        "bars": [_bar(day, index, len(daily), step, scale) for index, day in enumerate(daily)],
        "ticks": [{"value": value, "y": round(base - value * scale, 1)} for value in (0, top // 2, top)],
    }


def _bar(day: dict[str, Any], index: int, count: int, step: float, scale: float) -> dict[str, Any]:
    slot, height = LEFT + index * step, day["credits"] * scale
    return day | {
        "slot": round(slot, 2),
        "x": round(slot + step * GAP / 2, 2),
        "middle": round(slot + step / 2, 2),
        "width": round(step * (1 - GAP), 2),
        "y": round(HEIGHT - FOOT - height, 2),
        "height": round(height, 2),
        "label": _label(count - 6 - index),
    }


def _label(days_before: int) -> str | None:
    """Return whether a day is named below the chart: `major` always, `minor` only where there is room, else None."""
    weeks, rest = divmod(days_before, LABEL_EVERY)
    return None if rest else ("minor" if weeks % 2 else "major")


def _round_up(most: int) -> int:
    """Return the even round number at or above `most` that ends the scale."""
    if most <= 2:
        return 2
    power = 1
    while True:
        for factor in (2, 4, 6, 8, 10, 12, 16):
            if most <= factor * power:
                return factor * power
        power *= 10
