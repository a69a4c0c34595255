"""Offer templates the few ways in which figures, dates and receipts are written."""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, url_for

from routes import showing
from services.transaction import utcnow

_MONTHS = "January February March April May June July August September October November December".split()


def register(app: Flask) -> None:
    """Give the app's templates every filter below, and `asset(name)` for the address of a static file."""
    filters: list[Callable[..., Any]] = [
        *(money, cents, number, percent, signed, credits, days),
        *(day, moment, ago, duration),
        *(initials, pretty, first_clause, receipt_words, bar_total),
        *(showing.visible, showing.input_rows, showing.findings, showing.refund_words, showing.bucket_words),
        *(showing.minus, showing.seconds_left, showing.until, showing.code_spans),
    ]
    for function in filters:
        app.add_template_filter(function)
    app.add_template_global(_asset(Path(app.static_folder or "static")), "asset")


def _asset(folder: Path) -> Callable[[str], str]:
    """Return `asset(name)`, whose address changes with the file, so that browsers never mix old and new ones."""

    @lru_cache(maxsize=256)
    def version(name: str, changed: int) -> str:
        return hashlib.sha256((folder / name).read_bytes()).hexdigest()[:10]

    def asset(name: str) -> str:
        return url_for("static", filename=name, v=version(name, (folder / name).stat().st_mtime_ns))

    return asset


# --- Figures --------------------------------------------------------------------------------------------------------


def money(dollars: float) -> str:
    """Write dollars: 10.0 as `$10`, 10.5 as `$10.50`."""
    return f"${dollars:,.0f}" if dollars == int(dollars) else f"${dollars:,.2f}"


def cents(dollars: float) -> str:
    """Write a price below a dollar in cents: 0.08 as `8¢`, 0.075 as `7.5¢`."""
    return f"{dollars * 100:.2f}".rstrip("0").rstrip(".") + "¢"


def number(amount: int) -> str:
    """Write a whole number with commas: `1,000`."""
    return f"{amount:,}"


def percent(share: float) -> str:
    """Write a share of 1 in whole percent, rounded down so that only all is `100%`."""
    return f"{int(share * 100 + 1e-9)}%"


def signed(amount: int) -> str:
    """Write a change with its sign, the minus a real one: `+1`, `−1`."""
    return f"{'−' if amount < 0 else '+'}{abs(amount):,}"


def credits(amount: int) -> str:
    """Write a number of credits: `1 credit`, `2 credits`."""
    return f"{amount:,} {'credit' if amount == 1 else 'credits'}"


def days(amount: int) -> str:
    """Write a number of days: `1 day`, `63 days`."""
    return f"{amount:,} {'day' if amount == 1 else 'days'}"


# --- Times ----------------------------------------------------------------------------------------------------------


def _parse(text: str) -> datetime:
    parsed = datetime.fromisoformat(text)
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def day(text: str) -> str:
    """Write the day of an ISO time: `14 December`, with the year when it is not the present one."""
    when = _parse(text)
    year = "" if when.year == utcnow().year else f" {when.year}"
    return f"{when.day} {_MONTHS[when.month - 1]}{year}"


def moment(text: str) -> str:
    """Write an ISO time to the minute: `14 December, 17:05`; times are UTC."""
    return f"{day(text)}, {_parse(text):%H:%M}"


def ago(text: str) -> str:
    """Write how long ago an ISO time was: `just now`, `5 minutes ago`, or the day when it is long past."""
    minutes = int((utcnow() - _parse(text)).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    for size, name in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            count = minutes // size
            return f"on {day(text)}" if name == "day" and count > 6 else f"{count} {name}{'s'[: count > 1]} ago"
    return "just now"


def duration(milliseconds: int) -> str:
    """Write how long something took: `<0.1 s`, `0.8 s`, `12 s`, `3 min 5 s`."""
    if milliseconds < 50:
        return "<0.1 s"
    seconds = milliseconds / 1000
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


# --- Words ----------------------------------------------------------------------------------------------------------


def initials(name: str) -> str:
    """Return up to two letters for an avatar: `Ada Ross` and `ada.ross@example.com` give `AR`."""
    words = name.split("@")[0].replace(".", " ").replace("_", " ").replace("-", " ").split()
    letters = "".join(word[0] for word in words[:2]) or "?"
    return letters.upper()


def pretty(value: Any) -> str:
    """Write what went into a tool or came out of it: JSON indented, text as it is."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    return json.dumps(value, indent=2, ensure_ascii=False) if value not in (None, "") else "nothing"


def first_clause(text: str) -> str:
    """Return what a description says before its first stop, colon or semicolon."""
    return re.split(r"[.:;]\s", text.strip().rstrip("."), maxsplit=1)[0] + "."


def receipt_words(receipt: dict[str, Any]) -> str:
    """Say what an answer cost and which credits paid: `2 credits from your plan`."""
    total, plan, pack = receipt["credits"], receipt["plan"], receipt["pack"]
    if not total:
        return f"{credits(receipt['refunded'])} refunded" if receipt["refunded"] else "No charge"
    if plan and pack:
        return f"{credits(total)}: {plan:,} from your plan, {pack:,} from packs"
    return f"{credits(total)} from {'packs' if pack else 'your plan'}"


def bar_total(subscription: dict[str, Any]) -> int:
    """Return how many credits the full width of the credit bar stands for; never 0, so that it can be drawn."""
    plan: int = max(subscription["period_granted"], subscription["plan_credits"])
    pack: int = subscription["pack_credits"]
    return max(1, plan + pack)
