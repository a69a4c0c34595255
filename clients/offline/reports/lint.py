"""Report the findings of linters: counts first, then each finding with what to change."""

from typing import Any

from clients.offline.reports.markdown import block, code, counted, listed, mapping, mappings, more, paragraphs, prose

LISTED = 40
_NOUNS = {"error": "error", "warning": "warning", "info": "hint"}


def linted(found: dict[str, Any]) -> str:
    """Return the findings, the worst first, behind one sentence that sums them up."""
    return paragraphs(_lead(found, mappings(found.get("findings"))), findings(found))


def findings(found: dict[str, Any]) -> str | None:
    """Return the list of findings, or None if there are none."""
    every = mappings(found.get("findings"))
    shown = [_finding(one) for one in every[:LISTED]]
    rest = len(every) - len(shown) + int(found.get("not_listed") or 0)
    return paragraphs("\n".join(shown), f"… {more(rest)[0]}." if rest else None) or None


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


def _finding(one: dict[str, Any]) -> str:
    """Return one finding: its severity, place and message, why it matters, and what to change."""
    line = f"line {int(one['line'])}" if isinstance(one.get("line"), int) else ""
    path = code(one["path"]) if one.get("path") else ""
    where = ", ".join(part for part in (line, path) if part)
    severity = prose(one.get("severity", "info"))
    head = (
        f"- **{severity}**{f' ({where})' if where else ''}: {prose(one.get('message', ''))} {code(one.get('rule', ''))}"
    )
    why = f"\n  {prose(one['why'])}" if one.get("why") else ""
    return head + why + _fix(str(one.get("fix") or ""))


def _fix(fix: str) -> str:
    if not fix.strip():
        return ""
    if "\n" not in fix.strip():
        return f"\n  Fix: {prose(fix)}"
    inner = block(fix.strip("\n")).replace("\n", "\n  ")
    return f"\n  Fix:\n\n  {inner}\n"


def secrets(found: dict[str, Any]) -> str:
    """Return which secrets were found and where; never what they are."""
    if mappings(found.get("findings")):
        return linted({**found, "kinds": {}})
    lines = found.get("lines")
    where = f" in {counted(lines, 'line')}" if isinstance(lines, int) else ""
    return f"**No secrets found**{where}."
