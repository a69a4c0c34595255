"""Report on Terraform: what a plan does, most of all what it destroys, or what code holds."""

from typing import Any

from clients.offline.reports.lint import findings, linted
from clients.offline.reports.markdown import bullets, code, counted, listed, mapping, mappings, more, paragraphs, prose

_ACTIONS = ("create", "update", "replace", "destroy", "forget")


def review(found: dict[str, Any]) -> str:
    """Return the actions of a plan and what is lost by them, or the resources of code, with the findings."""
    return _plan(found) if found.get("kind") == "plan" else _code(found)


def _plan(found: dict[str, Any]) -> str:
    counts = mapping(found.get("counts_of_actions"))
    words = [f"{int(counts[action])} to {action}" for action in _ACTIONS if counts.get(action)]
    gone = mappings(found.get("destroyed_or_replaced"))
    rest = int(found.get("not_shown") or 0)
    return paragraphs(
        f"The plan: **{', '.join(words) or 'no changes'}**."
        + (" **Data would be lost.**" if any(one.get("data_loss") for one in gone) else ""),
        _list("Destroyed or replaced", [_gone(one) for one in gone]),
        findings(found),
        _list("Changed", [_changed(one) for one in mappings(found.get("updated"))]),
        _list("Created", [code(one) for one in listed(found.get("created"))]),
        f"… {more(rest)[0]}." if rest else None,
    )


def _list(title: str, lines: list[str]) -> str | None:
    return f"{title}:\n\n{bullets(lines, 30)}" if lines else None


def _gone(one: dict[str, Any]) -> str:
    forced = ", ".join(code(name) for name in listed(one.get("forced_by")))
    parts = [
        prose(one.get("action", "")),
        "**its data is lost**" if one.get("data_loss") else "",
        f"forced by {forced}" if forced else "",
        prose(one["reason"]) if one.get("reason") else "",
    ]
    return f"{code(one.get('address', ''))}: {', '.join(part for part in parts if part)}"


def _changed(one: dict[str, Any]) -> str:
    changes = [
        f"{code(each.get('name', ''))} {code(each.get('before', ''))} → {code(each.get('after', ''))}"
        for each in mappings(one.get("attributes"))[:6]
    ]
    return f"{code(one.get('address', ''))}" + (f": {', '.join(changes)}" if changes else "")


def _code(found: dict[str, Any]) -> str:
    types = [f"{int(count)} × {code(name)}" for name, count in list(mapping(found.get("types")).items())[:8]]
    count = found.get("resource_count")
    resources = f"{counted(count, 'resource')}" if isinstance(count, int) else ""
    return paragraphs(linted(found), f"{resources}: {', '.join(types)}." if types else None)
