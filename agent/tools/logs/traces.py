"""Fold stack traces of Python, Java, Go and Node into the entry that they belong to."""

import re
from collections.abc import Iterable
from typing import Any

from agent.tools.logs.lines import Entry

TRACE_KEPT = 60
_FRAME = re.compile(r"\s+at [\w$.<[]|\s*\.\.\. \d+ (?:more|common frames)|(?:\s*)(?:Caused by|Suppressed): ")
_PYTHON = re.compile(r"Traceback \(most recent call last\):")
_PYTHON_END = re.compile(r"[A-Za-z_][\w.]*(?:: |$)")
_BETWEEN = ("During handling of the above exception", "The above exception was the direct cause")
_GO = re.compile(r"goroutine \d+ \[")
_GO_FRAME = re.compile(r"[\w./*()\[\]-]+\(.*\)$|created by |exit status |\[signal ")
_EXCEPTION = re.compile(r"\b((?:[a-z_][\w]*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Fault|Panic))\b")
# The line above the frames of Java, .NET and Node; a logger writes it below its own line.
_HEADER = re.compile(r"(?:[\w$]+\.)*[A-Z][\w$]*(?::|$)")
_ALARMS = ("warning", "error", "fatal")


def fold(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries without the lines that only continue the one before."""
    folded: list[Entry] = []
    mode = ""
    for entry in entries:
        mode, continues = _continues(entry, mode, bool(folded))
        if not continues:
            folded.append(entry)
            continue
        if _FRAME.match(entry.text):
            _join_header(folded)
        owner = folded[-1]
        if len(owner.trace) < TRACE_KEPT:
            owner.trace.append(entry.text)
        if owner.level in ("unknown", "info") and mode:
            owner.level = "error"
    return folded


def _join_header(folded: list[Entry]) -> None:
    """Give the exception whose first frame comes next to the entry that was logged with it, lest it counts twice."""
    if len(folded) < 2 or folded[-1].trace or not _is_header(folded[-1]):
        return
    owner = folded[-2]
    if owner.level in _ALARMS and not _is_header(owner) and not any(_FRAME.match(line) for line in owner.trace):
        owner.trace.append(folded.pop().text)


def _is_header(entry: Entry) -> bool:
    name = _HEADER.match(entry.text)
    return entry.time is None and name is not None and not name[0].isupper()


def _continues(entry: Entry, mode: str, has_owner: bool) -> tuple[str, bool]:
    """Return the kind of trace that is being read, and whether this line belongs to the entry before."""
    text = entry.text
    if _PYTHON.search(text):
        # A traceback without a time of its own belongs to the message that was logged with it.
        return "python", has_owner and entry.time is None and text.startswith("Traceback") and mode != "python-ended"
    if entry.time is not None:
        return "", False
    if mode == "python":
        if text[0].isspace():
            return "python", has_owner
        return ("python-ended", has_owner) if _PYTHON_END.match(text) else ("", False)
    if mode == "python-ended" and text.startswith(_BETWEEN):
        return "python-ended", has_owner
    if _GO.match(text) or text.startswith("panic: "):
        return "go", has_owner and _GO.match(text) is not None and mode == "go"
    if mode == "go" and (text[0].isspace() or _GO_FRAME.match(text)):
        return "go", has_owner
    if _FRAME.match(text):
        return "java" if ".java:" in text or "(Native" in text or mode == "java" else "node", has_owner
    return (mode if text[0].isspace() else ""), has_owner and text[0].isspace()


def traces(entries: list[Entry], most: int) -> list[dict[str, Any]]:
    """Return the stack traces, the most frequent first; each type of exception once for each place."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for entry in entries:
        if len(entry.trace) < 2:
            continue
        language = _language(entry)
        if not language:
            continue
        exception, frames = _exception(entry, language), _frames(entry)
        place = frames[-1] if language == "python" else frames[0]
        one = found.setdefault(
            (language, exception.partition(":")[0], place),
            {"exception": exception, "language": language, "count": 0, "line": entry.line, "frames": frames},
        )
        one["count"] += 1
    return sorted(found.values(), key=lambda one: (-one["count"], one["line"]))[:most]


def _language(entry: Entry) -> str:
    whole = [entry.text, *entry.trace]
    if any(_PYTHON.search(line) for line in whole):
        return "python"
    if any(_GO.match(line) for line in whole):
        return "go"
    frames = [line for line in entry.trace if _FRAME.match(line)]
    if not frames:
        return ""
    return "java" if any(".java:" in line or ".kt:" in line or "(Native" in line for line in frames) else "node"


def _exception(entry: Entry, language: str) -> str:
    if language == "python":
        ends = [
            line for line in entry.trace if line[:1].strip() and _PYTHON_END.match(line) and "Traceback" not in line
        ]
        return ends[-1][:160] if ends else entry.message[:160]
    causes = [line.strip() for line in entry.trace if line.lstrip().startswith("Caused by: ")]
    if causes:
        return causes[-1].removeprefix("Caused by: ")[:160]
    header = next((line for line in entry.trace if _HEADER.match(line)), "")
    if header:
        return header[:160]
    named = _EXCEPTION.search(entry.message)
    return entry.message[named.start() : named.start() + 160] if named else entry.message[:160]


def _frames(entry: Entry) -> list[str]:
    marks = ("at ", 'File "', "/")
    frames = [line.strip()[:140] for line in entry.trace if line.strip().startswith(marks)]
    return (frames[-3:] if any('File "' in frame for frame in frames) else frames[:3]) or [entry.trace[0].strip()[:140]]
