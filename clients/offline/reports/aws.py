"""Report what was read from AWS: the answer to the question first, then findings, then the list."""

from typing import Any

from clients.offline.reports.lint import findings
from clients.offline.reports.markdown import (
    bullets,
    code,
    counted,
    listed,
    mapping,
    mappings,
    more,
    paragraphs,
    prose,
    table,
)

ROWS_SHOWN = 40
_COLUMNS = {
    "instances": ("id", "name", "type", "state", "zone", "public_ip", "private_ip"),
    "services": ("cluster", "service", "running", "desired", "pending", "task_definition"),
    "alarms": ("name", "metric", "condition", "since"),
    "buckets": ("name", "region", "public", "bucket_block", "encryption"),
}


def account(found: dict[str, Any]) -> str:
    """Return one of the reports on an account."""
    name = str(found.get("report"))
    rows = mappings(found.get(name))
    # With nothing seen because nothing may be seen, an empty list is no answer.
    if found.get("note") and not found.get("count"):
        return paragraphs(f"**{prose(found['note'])}**", _gaps("It may not do this", found.get("not_allowed")))
    lead = {"instances": _instances, "services": _services, "alarms": _alarms, "buckets": _buckets}[name](found, rows)
    return paragraphs(
        lead,
        findings({**found, "not_listed": found.get("findings_not_listed")}),
        _table(found, name, rows),
        prose(found["note"]) if found.get("note") else None,
        _gaps("The connection's key may not do this", found.get("not_allowed")),
        _gaps("Not everything was looked at", found.get("not_looked_at")),
    )


def _where(found: dict[str, Any]) -> str:
    return f" in {code(found['region'])}" if found.get("region") else ""


def _instances(found: dict[str, Any], _rows: list[dict[str, Any]]) -> str:
    states = [f"{count} {prose(state)}" for state, count in mapping(found.get("states")).items()]
    detail = f": {', '.join(states)}" if states else ""
    return f"**{counted(int(found.get('count') or 0), 'instance')}**{_where(found)}{detail}."


def _services(found: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    short = [one for one in rows if int(one.get("running") or 0) < int(one.get("desired") or 0)]
    state = (
        f"**{len(short)} of them run fewer tasks than they should**"
        if short
        else "all run as many tasks as they should"
    )
    count = int(found.get("count") or 0)
    return f"**{counted(count, 'ECS service')}**{_where(found)}" + (f"; {state}." if count else ".")


def _alarms(found: dict[str, Any], _rows: list[dict[str, Any]]) -> str:
    count, silent = int(found.get("count") or 0), int(found.get("without_data") or 0)
    lead = f"**{counted(count, 'alarm')} firing**" if count else "**No alarm is firing**"
    return f"{lead}{_where(found)}." + (f" {counted(silent, 'alarm')} without data." if silent else "")


def _buckets(found: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    public = [one for one in rows if one.get("public") == "yes"]
    unknown = [one for one in rows if one.get("public") == "unknown"]
    total = counted(int(found.get("count") or 0), "bucket")
    if public:
        lead = f"**Yes, {len(public)} of {total} {'is' if len(public) == 1 else 'are'} public:** "
        lead += ", ".join(code(one.get("name", "")) for one in public[:10]) + "."
    else:
        lead = f"**No public bucket** among {total}."
    if unknown:
        lead += f" Of {len(unknown)} it could not be found out."
    return lead


def _table(found: dict[str, Any], name: str, rows: list[dict[str, Any]]) -> str | None:
    if not rows:
        return None
    columns = [key for key in _COLUMNS[name] if any(one.get(key) not in (None, "") for one in rows)]
    cells = [[code(one.get(key, "")) for key in columns] for one in rows[:ROWS_SHOWN]]
    rest = len(rows) - len(cells) + int(found.get(f"{name}_not_listed") or 0)
    head = [column.replace("_", " ") for column in columns]
    return paragraphs(table(head, cells), f"… {more(rest)[0]}." if rest else None)


def _gaps(lead: str, what: Any) -> str | None:
    texts = [prose(one) for one in listed(what)] if isinstance(what, list) else [prose(what)] if what else []
    return f"{lead}:\n\n{bullets(texts, 10)}" if texts else None
