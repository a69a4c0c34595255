"""Report the findings of linters: counts first, then rule by rule what is wrong, why, and what to change."""

from typing import Any

from clients.offline.reports.markdown import (
    code,
    counted,
    inner_block,
    listed,
    mapping,
    mappings,
    number,
    paragraphs,
    prose,
)

RULES_LISTED = 8
MESSAGES_LISTED = 3
PLACES_LISTED = 5
_NOUNS = {"error": "error", "warning": "warning", "info": "hint"}


def linted(found: dict[str, Any]) -> str:
    """Return the findings, the worst first, behind one sentence that sums them up."""
    return paragraphs(_lead(found, mappings(found.get("findings"))), findings(found))


def findings(found: dict[str, Any]) -> str | None:
    """Return the findings rule by rule, or None if there are none; what is left out is in the tool's own row."""
    every = mappings(found.get("findings"))
    rules = _by_rule(every)
    shown = [_rule(alike) for alike in rules[:RULES_LISTED]]
    not_listed = int(found.get("not_listed") or 0)
    rest = _rest(len(rules) - len(shown), len(every), not_listed) if len(shown) < len(every) + not_listed else None
    return paragraphs("\n".join(shown), rest) or None


def _lead(found: dict[str, Any], every: list[dict[str, Any]]) -> str:
    counts = mapping(found.get("counts"))
    words = [counted(int(counts[key]), noun) for key, noun in _NOUNS.items() if counts.get(key)]
    about = _about(found)
    if not every and not words:
        return f"**Nothing to complain about**{about}."
    return f"**{', '.join(words) or counted(len(every), 'finding')}**{about}:"


def _about(found: dict[str, Any]) -> str:
    """Return what was looked at, in a few words, as far as the tool says it."""
    images = [code(one) for one in listed(found.get("base_images"))[:4]]
    if images:
        return f", built on {', '.join(images)}"
    kinds = mapping(found.get("kinds"))
    if kinds:
        counts = ", ".join(f"{int(count)} {code(kind)}" for kind, count in list(kinds.items())[:6])
        version = f", for Kubernetes {code(found['version'])}" if found.get("version") else ""
        return f" in {counts}{version}"
    for key in ("services", "jobs", "stages"):
        value = found.get(key)
        if isinstance(value, int) and value:
            return f" in {counted(value, key.removesuffix('s'))}"
        if isinstance(value, list) and value:
            names = ", ".join(code(one) for one in value[:6])
            return f" in {names}" + (f" and {len(value) - 6} more" if len(value) > 6 else "")
    return ""


def _by_rule(every: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return what was found by the same rule together, in the order of the findings: the worst first."""
    rules: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in every:
        rules.setdefault((str(one.get("severity", "info")), str(one.get("rule", ""))), []).append(one)
    return list(rules.values())


def _rule(alike: list[dict[str, Any]]) -> str:
    """Return what one rule found: how bad, which rule, where and what it is, then why it matters and what to change."""
    first = alike[0]
    places = _places(alike)
    messages = list(dict.fromkeys(prose(one.get("message", "")) for one in alike))
    said = " ".join(messages[:MESSAGES_LISTED]) + (" …" if messages[MESSAGES_LISTED:] else "")
    why = f"\n  {prose(first['why'])}" if first.get("why") else ""
    head = f"- **{prose(first.get('severity', 'info'))}** {code(first.get('rule', ''))}{places}: {said}"
    return f"{head}{why}{_fix(str(first.get('fix') or ''))}"


def _places(alike: list[dict[str, Any]]) -> str:
    """Return in brackets the line and path of a single finding, or how many there are and the first of their lines."""
    lines = list(dict.fromkeys(str(int(one["line"])) for one in alike if isinstance(one.get("line"), int)))
    words = f"line{'s'[: len(lines) > 1]} {', '.join(lines[:PLACES_LISTED])}" if lines else ""
    words += " …" if lines[PLACES_LISTED:] else ""
    times = f"{number(len(alike))}×" if len(alike) > 1 else ""
    path = code(alike[0]["path"]) if len(alike) == 1 and alike[0].get("path") else ""
    known = ", ".join(part for part in (times, words, path) if part)
    return f" ({known})" if known else ""


def _rest(rules: int, listed: int, not_listed: int) -> str:
    """Say how many rules have no place here, and where everything is."""
    more = f"… and {counted(rules, 'more rule')}. " if rules else ""
    kept = f"All {number(listed)}" if not not_listed else f"{number(listed)} of the {number(listed + not_listed)}"
    return f"{more}{kept} are in the tool's row above."


def _fix(fix: str) -> str:
    if not fix.strip():
        return ""
    if "\n" not in fix.strip():
        return f"\n  Fix: {prose(fix)}"
    return f"\n  Fix:{inner_block(fix)}"


def secrets(found: dict[str, Any]) -> str:
    """Return which secrets were found and where; never what they are."""
    if mappings(found.get("findings")):
        return linted({**found, "kinds": {}})
    lines = found.get("lines")
    where = f" in {counted(lines, 'line')}" if isinstance(lines, int) else ""
    return f"**No secrets found**{where}."
