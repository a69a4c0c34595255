"""Read lines of logs: their time, level and message, in the formats that are usual."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

LINE_MAX = 10_000
_HEAD = 120
_MONTHS = {name: number for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
# For formats that leave the year out, until the lines around tell it. It is a leap year, and no log's own.
YEAR_UNKNOWN = 400
YEAR_MIN = 1970

_ISO = re.compile(
    r"(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s?(Z|UTC|[+-]\d\d:?\d\d)?(?![\d:])"
)
_ACCESS = re.compile(r"\[(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-]\d{4})\]")
_SYSLOG = re.compile(r"(?:<\d{1,3}>)?([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d)(?:\.\d+)? ")
_KLOG = re.compile(r"([IWEF])(\d\d)(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))? ")
_EPOCH = re.compile(r"\[?(1\d{9})(?:\.(\d{1,9})|(\d{3}))?\b")
_LOGFMT = re.compile(r'(?:^|\s)(time|ts|timestamp|t|level|lvl|severity|msg|message|error|err)=("(?:[^"\\]|\\.)*+"|\S+)')
_ANSI = re.compile(r"\x1b\[[0-9;]{0,20}[A-Za-z]")

_UPPER = re.compile(
    r"\b(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|CRITICAL|CRIT|FATAL|PANIC|EMERG|ALERT|SEVERE)\b"
)
_LOWER = re.compile(
    r"[\[<|]\s?(trace|debug|info|notice|warn|warning|error|err|crit|critical|fatal|panic|emerg|alert)\b|"
    r"\b(error|fatal|panic|warning)(?=:)",
    re.I,
)
# The status of an answer in an access log: of nginx and Apache, of AWS load balancers, and of HAProxy.
STATUS = re.compile(
    r'" ([1-5]\d\d) (?:\d+|-)(?:\s|$)| ([1-5]\d\d) (?:[1-5]\d\d|-) \d+ \d+ "[A-Z-]|(?:/-?\d+){4} ([1-5]\d\d) \+?\d+ '
)
# A row of `kubectl get events` or `kubectl describe`: the type, the reason, then the object or the age.
_EVENT = re.compile(r"\s*(?:\S+\s+){0,6}?(Warning|Normal)\s+[A-Z][A-Za-z]+\s+(?:[a-z.]+/[a-z0-9]|\d+[smhdy]|<|\()")
# The kernel names no level.
_KERNEL = re.compile(r"ut of memory: Kill|invoked oom-killer|oom-kill:constraint|segfault at ")
# What container runtimes put before a line.
_CRI = re.compile(r"std(?:out|err) [FP] ")
_LEVELS = {
    "trace": "debug", "debug": "debug", "info": "info", "information": "info", "notice": "info", "warn": "warning",
    "warning": "warning", "error": "error", "err": "error", "severe": "error", "critical": "fatal", "crit": "fatal",
    "fatal": "fatal", "panic": "fatal", "emerg": "fatal", "emergency": "fatal", "alert": "fatal", "dpanic": "fatal",
}  # fmt: skip
_PINO = {10: "debug", 20: "debug", 30: "info", 40: "warning", 50: "error", 60: "fatal"}
_KLOG_LEVELS = {"I": "info", "W": "warning", "E": "error", "F": "fatal"}
_TIME_KEYS = ("time", "ts", "timestamp", "@timestamp", "t", "date", "datetime", "eventTime", "asctime")
_LEVEL_KEYS = ("level", "severity", "lvl", "levelname", "log.level", "loglevel", "level_name")
_MESSAGE_KEYS = ("msg", "message", "event", "log", "error", "err", "body", "textPayload")


@dataclass
class Entry:
    """One entry of a log, with the lines that belong to it."""

    line: int
    text: str
    time: datetime | None
    level: str
    message: str
    trace: list[str] = field(default_factory=list)
    has_zone: bool = False


def read_lines(text: str) -> Iterator[Entry]:
    """Yield an entry for each line that is not empty."""
    for number, raw in enumerate(text.split("\n"), 1):
        line = _ANSI.sub("", raw[:LINE_MAX]).rstrip()
        if line.strip():
            yield read_line(number, line)


def read_line(number: int, line: str) -> Entry:
    """Return the time, level and message of one line."""
    brace = line.find("{", 0, _HEAD)
    if brace >= 0 and line.endswith("}"):
        entry = _from_json(number, line, line[brace:])
        if entry:
            return entry
    if "=" in line[:300]:
        pairs = {key: value.strip('"') for key, value in _LOGFMT.findall(line[:2_000])}
        if len(pairs) >= 2 and ("msg" in pairs or "level" in pairs or "message" in pairs):
            return _from_pairs(number, line, pairs)
    return _from_text(number, line)


def _from_json(number: int, line: str, source: str) -> Entry | None:
    try:
        data = json.loads(source)
    except (ValueError, RecursionError):
        return None
    return _from_pairs(number, line, data) if isinstance(data, dict) else None


def _from_pairs(number: int, line: str, pairs: dict[str, Any]) -> Entry:
    message = next((str(pairs[key]) for key in _MESSAGE_KEYS if pairs.get(key) not in (None, "")), line)
    plain = _from_text(number, message.rstrip()[:LINE_MAX])
    time, has_zone = next((read_time(pairs[key]) for key in _TIME_KEYS if key in pairs), (None, False))
    if time is None:
        time, has_zone, _ = _time_in(line)
    level = next((_level_name(pairs[key]) for key in _LEVEL_KEYS if key in pairs), "") or plain.level
    return Entry(number, line, time or plain.time, level, plain.message or line, has_zone=has_zone)


def _level_name(value: Any) -> str:
    if isinstance(value, int):
        return _PINO.get(value, "")
    return _LEVELS.get(str(value).lower()[:20], "")


def _from_text(number: int, line: str) -> Entry:
    time, has_zone, rest = _time_in(line)
    klog = _KLOG.match(line)
    if time is not None and klog is None:
        # `kubectl logs --timestamps` and container runtimes put a time of their own before that of the program.
        rest = _CRI.sub("", rest, count=1)
        klog = _KLOG.match(rest)
        rest = rest[klog.end() :] if klog else rest
    level = _KLOG_LEVELS[klog[1]] if klog else _level(line, rest)
    return Entry(number, line, time, level, rest.strip(" -|:\t") or line, has_zone=has_zone)


def _level(line: str, rest: str) -> str:
    event = _EVENT.match(rest, 0, _HEAD)
    if event:
        return "warning" if event[1] == "Warning" else "info"
    status = STATUS.search(line[:2_000]) if '"' in line else None
    if status:
        return {"5": "error", "4": "warning"}.get(status[status.lastindex or 0][0], "info")
    level = level_in(rest)
    return "error" if level == "unknown" and _KERNEL.search(rest, 0, 2_000) else level


def level_in(text: str) -> str:
    """Return the level that a message names near its beginning, or `unknown`."""
    match = _UPPER.search(text, 0, _HEAD) or _LOWER.search(text, 0, _HEAD)
    name = next((group for group in match.groups() if group), "") if match else ""
    return _LEVELS.get(name.lower(), "unknown")


def _time_in(line: str) -> tuple[datetime | None, bool, str]:
    """Return the time near the beginning of a line, whether it has a zone, and what stands around it."""
    for pattern, make in _FORMATS:
        match = pattern.match(line) if make in (_syslog, _klog, _epoch) else pattern.search(line, 0, _HEAD + 80)
        if match is None:
            continue
        try:
            time, has_zone = make(match)
        except (ValueError, OverflowError):
            continue
        return time, has_zone, f"{line[: match.start()].rstrip(' [')} {line[match.end() :].lstrip(' ]')}".strip()
    return None, False, line


def read_time(value: Any) -> tuple[datetime | None, bool]:
    """Return the time that a value of structured logs holds: text, or seconds since 1970 or parts of them."""
    if isinstance(value, str) and not re.fullmatch(r"\d{10,19}(?:\.\d+)?", value):
        return _time_in(value)[:2]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None, False
    seconds = float(value)
    for _ in range(3):
        if seconds > 1e11:  # Milliseconds, microseconds or nanoseconds.
            seconds /= 1000
    if not 1e8 < seconds < 1e11:
        return None, False
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None), True


def _made(parts: tuple[int, ...], fraction: str | None, zone: str | None) -> tuple[datetime, bool]:
    micro = int((fraction or "0").ljust(6, "0")[:6])
    year, month, day, hour, minute, second = parts
    if year < YEAR_MIN and year != YEAR_UNKNOWN:
        raise ValueError("Go's zero time, or a number")
    time = datetime(year, month, day, hour, minute, second, micro, _zone(zone))
    return (time.astimezone(UTC) if zone else time).replace(tzinfo=None), bool(zone)


def _zone(zone: str | None) -> timezone:
    if not zone or zone in ("Z", "UTC"):
        return UTC
    digits = zone[1:].replace(":", "")
    delta = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-delta if zone[0] == "-" else delta)


def _iso(match: re.Match[str]) -> tuple[datetime, bool]:
    return _made(tuple(int(part) for part in match.groups()[:6]), match[7], match[8])


def _access(match: re.Match[str]) -> tuple[datetime, bool]:
    day, month, *rest = match.groups()[:6]
    year, hour, minute, second = (int(part) for part in rest)
    return _made((year, _month(month), int(day), hour, minute, second), None, match[7])


def _syslog(match: re.Match[str]) -> tuple[datetime, bool]:
    day, hour, minute, second = (int(part) for part in match.groups()[1:5])
    return _made((YEAR_UNKNOWN, _month(match[1]), day, hour, minute, second), None, None)


def _klog(match: re.Match[str]) -> tuple[datetime, bool]:
    return _made((YEAR_UNKNOWN, *(int(part) for part in match.groups()[1:6])), match[7], None)


def _epoch(match: re.Match[str]) -> tuple[datetime, bool]:
    return datetime.fromtimestamp(int(match[1]), UTC).replace(tzinfo=None), True


def _month(name: str) -> int:
    if name not in _MONTHS:
        raise ValueError("no month")
    return _MONTHS[name]


_FORMATS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], tuple[datetime, bool]]], ...] = (
    (_ISO, _iso),
    (_ACCESS, _access),
    (_SYSLOG, _syslog),
    (_KLOG, _klog),
    (_EPOCH, _epoch),
)
