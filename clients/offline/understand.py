"""Find in a plain sentence what the offline agent can do about it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from zoneinfo import available_timezones

MAX_CALLS = 3
MAX_CIDRS = 64
EXAMPLES = {
    "cron_explain": ["explain cron */15 9-17 * * MON-FRI", "when does 0 3 * * 1 run in Europe/Berlin"],
    "cidr_calc": ["do 10.0.0.0/8 and 10.1.0.0/16 overlap", "split 10.0.0.0/16 into /20"],
}


@dataclass(frozen=True)
class Call:
    """A tool to call, with its input."""

    tool: str
    input: dict[str, Any]


@dataclass(frozen=True)
class Say:
    """Something to say without a tool."""

    text: str


_MONTH = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"
_DAY = "SUN|MON|TUE|WED|THU|FRI|SAT"
_ATOM = rf"(?:\*|\?|LW|L|\d{{1,4}}L?|(?:{_MONTH}|{_DAY})L?)"
_TERM = rf"{_ATOM}(?:-{_ATOM})?(?:/\d{{1,4}})?(?:#\d{{1,2}})?"
_CRON_FIELD = re.compile(rf"{_TERM}(?:,{_TERM})*", re.IGNORECASE)
_MACRO = re.compile(r"(?<!\S)@(?:reboot|yearly|annually|monthly|weekly|daily|midnight|hourly)\b", re.IGNORECASE)
_CIDR = re.compile(
    r"(?<![\w.:/])("
    r"\d{1,4}(?:\.\d{1,4}){3}(?:/\d{1,3}(?:(?:\.\d{1,3}){3})?)?"
    r"|(?=[0-9a-f:]*:[0-9a-f]*:)[0-9a-f:]{2,45}(?:\.\d{1,3}){0,3}(?:/\d{1,4})?"
    r")(?![\w:/])",
    re.IGNORECASE,
)
_ZONE = re.compile(r"\b(?:[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_+\-0-9]+)+|UTC|GMT)\b")
_CITY = re.compile(r"\b(?:in|for|at)\s+([A-Z][a-z]+(?:[ _][A-Z][a-z]+){0,2})")
_SPLIT_PREFIX = re.compile(r"\b(?:into|in|to|as|by)\b[^/]{0,40}/(\d{1,3})s?\b", re.IGNORECASE)
_SPLIT_COUNT = re.compile(
    r"\b(?:into|in)\s+(\d{1,6})\s+(?:equal\s+|smaller\s+)?(?:sub)?(?:nets?|networks?|parts?|pieces?|blocks?)\b",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"\W*(?:hi|hello|hey|good (?:morning|day|evening|afternoon)|hallo|moin|servus)\b.{0,30}", re.IGNORECASE
)
_HELP = re.compile(
    r"\bhelp\b|what (?:can|do) you do|what are you|who are you|how do you work|which tools", re.IGNORECASE
)


def understand(text: str, tools: Sequence[dict[str, Any]]) -> list[Call] | Say:
    """Return the tool calls that the text asks for, or what to say instead. Only offered tools are called."""
    offered = {tool["name"] for tool in tools}
    calls = []
    if "cron_explain" in offered:
        calls += [Call("cron_explain", _with_zone(expression, text)) for expression in find_crons(text)]
    if "cidr_calc" in offered:
        calls += find_networks(text)
    if calls:
        return calls[:MAX_CALLS]
    if _GREETING.fullmatch(text.strip()):
        return Say(f"Hello! {_abilities(tools)}")
    if _HELP.search(text):
        return Say(_abilities(tools))
    return Say(
        "I can't answer that: no language model is connected, so I only understand a few plain requests.\n\n"
        + _abilities(tools)
    )


def find_crons(text: str) -> list[str]:
    """Return the cron expressions in a text, in order and each once."""
    found = [match.group().lower() for match in _MACRO.finditer(text)]
    named = re.search(r"\bcron(?:tab|job)?s?\b", text, re.IGNORECASE)
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
    for line in re.sub(r"[`'\"“”()]|[.,?!:;](?=\s|$)", " ", text).splitlines():
        yield from line.split()
        yield ""


def find_networks(text: str) -> list[Call]:
    """Return the call for the networks in a text: none, or one for all of them."""
    cidrs = list(dict.fromkeys(match.group(1) for match in _CIDR.finditer(text)))[:MAX_CIDRS]
    if not cidrs:
        return []
    found: dict[str, Any] = {"cidrs": cidrs}
    if re.search(r"\b(?:split|divide|subnets?|carve)\b", text, re.IGNORECASE):
        prefix = _split_prefix(text, cidrs)
        if prefix is not None:
            found["split_prefix"] = prefix
    return [Call("cidr_calc", found)]


def _split_prefix(text: str, cidrs: Sequence[str]) -> int | None:
    if match := _SPLIT_PREFIX.search(_CIDR.sub(" ", text)):
        return min(int(match.group(1)), 128)
    match = _SPLIT_COUNT.search(text)
    prefix = cidrs[0].partition("/")[2]
    if match is None or not prefix.isdecimal():
        return None
    # 4 parts need two more bits, 5 parts already three.
    return int(min(int(prefix) + max(int(match.group(1)) - 1, 0).bit_length(), 128))


def _with_zone(expression: str, text: str) -> dict[str, Any]:
    zone = _find_zone(text)
    return {"expression": expression, "tz": zone} if zone else {"expression": expression}


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


def _abilities(tools: Sequence[dict[str, Any]]) -> str:
    if not tools:
        return "I am the offline agent, and no tools are offered to me just now."
    lines = ["I am the offline agent. This is what I can do:", ""]
    for tool in tools:
        lines.append(f"- **{tool['name']}**: {_first_sentence(tool['description'])}")
        lines += [f"  - for example: `{example}`" for example in EXAMPLES.get(tool["name"], [])]
    return "\n".join(lines)


def _first_sentence(description: str) -> str:
    return re.split(r"(?<=[.:])\s", description, maxsplit=1)[0].rstrip(":.") + "."
