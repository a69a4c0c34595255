"""Report what was seen and done in a cluster."""

from typing import Any

from clients.offline.reports.markdown import (
    as_json,
    block,
    bullets,
    code,
    counted,
    inner_block,
    listed,
    mapping,
    mappings,
    more,
    number,
    paragraphs,
    prose,
    table,
)

ROWS_SHOWN = 50
LOG_LINES_SHOWN = 200


def objects(found: dict[str, Any]) -> str:
    """Return a list of objects as a table, or one object with its events."""
    return _one(found) if "object" in found else _several(found)


def _several(found: dict[str, Any]) -> str:
    columns, rows = [str(one) for one in listed(found.get("columns"))], listed(found.get("rows"))
    count = int(found.get("count") or 0)
    namespace = str(found.get("namespace") or "")
    where = {"all": " in all namespaces", "none": "", "": ""}.get(namespace, f" in namespace {code(namespace)}")
    kind = str(found.get("kind") or "objects")
    lead = (
        f"**{number(count)} {prose(kind)}**{where}{_on(found)}" if count else f"**No {prose(kind)}**{where}{_on(found)}"
    )
    if not rows:
        return f"{lead}."
    shown = [[code(cell) for cell in listed(row)] for row in rows[:ROWS_SHOWN]]
    rest = len(rows) - len(shown) + int(found.get("not_shown") or 0)
    tail = f"… {more(rest)[0]}. Narrow it by namespace, name or selector." if rest else None
    return paragraphs(f"{lead}:", table([prose(column) for column in columns], shown), tail)


def _on(found: dict[str, Any]) -> str:
    return f" on {code(found['cluster'])}" if found.get("cluster") else ""


def _one(found: dict[str, Any]) -> str:
    one = mapping(found["object"])
    meta = mapping(one.get("metadata"))
    name = meta.get("name") or one.get("name") or ""
    where = f" in namespace {code(meta['namespace'])}" if meta.get("namespace") else ""
    return paragraphs(
        f"**{prose(found.get('kind', 'Object'))} {code(name)}**{where}{_on(found)}:",
        as_json(one),
        _events(found),
    )


def _events(found: dict[str, Any]) -> str:
    if found.get("events_error"):
        return f"Its events could not be read: {prose(found['events_error'])}"
    events = mappings(found.get("events"))
    if not events:
        return "It has no events."
    columns = list(events[0])
    rows = [[code(event.get(column, "")) for column in columns] for event in events[:15]]
    rest = len(events) - len(rows) + int(found.get("events_not_shown") or 0)
    tail = f"… {more(rest)[0]}." if rest else None
    return paragraphs("Its events:", table([prose(column.replace("_", " ")) for column in columns], rows), tail)


def pod_log(found: dict[str, Any]) -> str:
    """Return the lines of a log in a block, after one sentence on the container."""
    lines = str(found.get("log") or "").split("\n")
    before = "The run before the last restart of " if found.get("previous") else ""
    name = f"{before}{code(found.get('pod', ''))}/{code(found.get('container', ''))}"
    facts = [f"status {code(found.get('pod_status', ''))}", counted(int(found.get("restarts") or 0), "restart")]
    where = f" in namespace {code(found['namespace'])}" if found.get("namespace") else ""
    lead = f"**{name}**{where}{_on(found)}: {', '.join(facts)}."
    if not found.get("log"):
        return f"{lead} The log is empty."
    shown = lines[-LOG_LINES_SHOWN:]
    left_out = int(found.get("lines_left_out") or 0) + len(lines) - len(shown)
    head = f"The last {counted(len(shown), 'line')}" + (f" ({number(left_out)} more before them)" if left_out else "")
    return paragraphs(lead, f"{head}:", block("\n".join(shown)))


def diagnosis(found: dict[str, Any]) -> str:
    """Return the likely causes, each with its evidence and what to do."""
    causes = mappings(found.get("causes"))
    what = _subject(found)
    if not causes:
        lead = f"**{what} looks healthy.**" if found.get("healthy") else f"**No cause was found for {what}.**"
    elif found.get("healthy"):
        lead = f"**{what} looks healthy**; worth knowing:"
    elif found.get("healthy", False) is None:
        lead = f"**No cause was found for {what}**, as far as could be seen; worth knowing:"
    else:
        lead = f"**{what}: {counted(len(causes), 'likely cause')}.**"
    note = mapping(found.get("facts")).get("note")
    parts = [prose(note)] if note else []
    parts += [_cause(index, one) for index, one in enumerate(causes, 1)]
    rest = int(found.get("causes_not_shown") or 0)
    parts += [f"… {more(rest, 'causes')[0]}."] if rest else []
    evidence = mappings(found.get("evidence"))
    parts += [f"What speaks for it:\n\n{_evidence(evidence)}"] if evidence else []
    failed = listed(found.get("could_not_look_at"))
    if failed:
        parts.append("This could not be looked at:\n\n" + bullets((prose(one) for one in failed), 10))
    looked = listed(found.get("looked_at"))
    if looked:
        named = ", ".join(code(one) for one in looked[:12])
        parts.append(f"Looked at: {named}" + (f" and {len(looked) - 12} more" if len(looked) > 12 else "") + ".")
    return paragraphs(lead, *parts)


def _subject(found: dict[str, Any]) -> str:
    about = " ".join(str(found[key]) for key in ("kind", "name") if isinstance(found.get(key), str))
    target = found.get("target") or found.get("object") or about
    where = f" in namespace {code(found['namespace'])}" if found.get("namespace") else ""
    return (code(target) if isinstance(target, str) and target else "It") + where


def _cause(index: int, one: dict[str, Any]) -> str:
    sure = f"{prose(one.get('severity', ''))}, confidence {prose(one.get('confidence', ''))}"
    evidence = mappings(one.get("evidence"))
    return paragraphs(
        f"**{index}\\. {prose(one.get('cause', ''))}** ({sure})",
        _evidence(evidence) if evidence else None,
        f"What to do: {prose(one['fix'])}" if one.get("fix") else None,
    )


def _evidence(evidence: list[dict[str, Any]]) -> str:
    return bullets((f"{prose(one.get('from', ''))}:{_fact(str(one.get('fact', '')))}" for one in evidence), 10)


def _fact(fact: str) -> str:
    return inner_block(fact) if "\n" in fact.strip() else f" {code(fact)}"


def scaled(found: dict[str, Any]) -> str:
    """Return the replicas before and after."""
    before, after = mapping(found.get("before")), mapping(found.get("after"))
    change = f"from {prose(before.get('replicas', '?'))} to {prose(after.get('replicas', '?'))} replicas"
    return f"**Done:** {_deployment(found)} was scaled {change}. {_rollout(found)}"


def restarted(found: dict[str, Any]) -> str:
    """Return that the restart has begun, and how far it is."""
    return f"**Done:** the restart of {_deployment(found)} has begun. {_rollout(found)}"


def _deployment(found: dict[str, Any]) -> str:
    where = f" in namespace {code(found['namespace'])}" if found.get("namespace") else ""
    return f"deployment {code(found.get('deployment', ''))}{where}{_on(found)}"


def _rollout(found: dict[str, Any]) -> str:
    return f"The rollout is {prose(found['rollout'])}." if found.get("rollout") else ""
