"""Find cron schedules and time zones in a text."""

import re
from collections.abc import Iterator
from functools import cache
from zoneinfo import available_timezones

from clients.offline.steps import Call, call

_MONTH = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"
_DAY = "SUN|MON|TUE|WED|THU|FRI|SAT"
_ATOM = rf"(?:\*|\?|LW|L|\d{{1,4}}L?|(?:{_MONTH}|{_DAY})L?)"
_TERM = rf"{_ATOM}(?:-{_ATOM})?(?:/\d{{1,4}})?(?:#\d{{1,2}})?"
_CRON_FIELD = re.compile(rf"{_TERM}(?:,{_TERM})*", re.IGNORECASE)
_MACRO = re.compile(r"(?<!\S)@(?:reboot|yearly|annually|monthly|weekly|daily|midnight|hourly)\b", re.IGNORECASE)
_SPEAKS_OF_CRON = re.compile(r"\bcron(?:tab|job)?s?\b", re.IGNORECASE)
_MARKS = re.compile(r"[`'\"“”()]|[.,?!:;](?=\s|$)")
_ZONE = re.compile(r"\b(?:[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_+\-0-9]+)+|UTC|GMT)\b")
_CITY = re.compile(r"\b(?:in|for|at)\s+([A-Z][a-z]+(?:[ _][A-Z][a-z]+){0,2})")


def find_schedules(text: str) -> list[Call]:
    """Return a call for each schedule in the text, with the time zone that it names."""
    zone = _find_zone(text)
    return [call("cron_explain", expression=expression, tz=zone) for expression in find_crons(text)]


def find_crons(text: str) -> list[str]:
    """Return the cron expressions in a text, in order and each once."""
    found = [match.group().lower() for match in _MACRO.finditer(text)]
    named = _SPEAKS_OF_CRON.search(text)
    run: list[str] = []
    for word in _words_and_breaks(text):
        if _CRON_FIELD.fullmatch(word):
            run.append(word)
            continue
        # Five fields are a schedule wherever they stand; fewer only if the text speaks of cron, so that the tool can
        # say what is missing.
        if len(run) >= 5 or (len(run) >= 2 and named and "*" in "".join(run)):
            found.append(" ".join(run))
        run = []
    return list(dict.fromkeys(found))


def _words_and_breaks(text: str) -> Iterator[str]:
    """Yield the words without punctuation, and an empty one at the end of each line: no schedule goes beyond it."""
    for line in _MARKS.sub(" ", text).splitlines():
        yield from line.split()
        yield ""


def are_schedules(text: str) -> bool:
    """Tell whether the text holds schedules and nothing else."""
    lines = [line for line in text.splitlines() if line.strip()]
    return bool(lines) and all(_is_schedule(line) for line in lines)


def _is_schedule(line: str) -> bool:
    words = [word for word in _MARKS.sub(" ", line).split() if word.lower() not in ("and", "or")]
    if words and _MACRO.match(words[0]):
        return len(words) == 1
    return len(words) >= 5 and all(_CRON_FIELD.fullmatch(word) for word in words)


def is_zone(name: str) -> bool:
    """Tell whether this is the name of a time zone, such as Europe/Berlin."""
    return name.lower() in _zone_names()


def _find_zone(text: str) -> str | None:
    if match := _ZONE.search(text):
        return match.group()
    for match in _CITY.finditer(text):
        words = match.group(1).split()
        # "in New York on Mondays": the longest name that is a city counts.
        for length in range(len(words), 0, -1):
            if zone := _cities().get("_".join(words[:length]).lower()):
                return zone
    return None


@cache
def _cities() -> dict[str, str]:
    zones = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))
    return {zone.rpartition("/")[2].lower(): zone for zone in reversed(zones)}


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(zone.lower() for zone in available_timezones())
