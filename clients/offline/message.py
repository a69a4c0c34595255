"""Part a message into the user's own words and the material that was pasted.

Only own words decide which tool is called. Material is never read for requests, so where the border is in doubt, the
text counts as material.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from clients.offline.shapes import begins_material

WORDS_MAX = 4_000
HEAD_WITHIN = 600
MAX_BLOCKS = 20
OWN_LINES = 6
LINES_SEARCHED = 40
_THIS = r"\b(?:this|these|those|following|below|here(?:'s|’s| is| are)?)\b[^:\n`]{0,60}:(?=\s)"
_NOUN = (
    r"\b(?:docker-?files?|manifests?|ya?ml|compose|workflows?|pipelines?|terraform|hcl|plan|logs?|output|trace(?:back)?"
    r"|secrets?|credentials|text|file|config(?:uration)?|code|errors?)\b[^:\n`]{0,20}:(?=\s)"
)
_HEAD = re.compile(f"{_THIS}|{_NOUN}", re.IGNORECASE)
_ASKS_FOR_LOOK = re.compile(
    r"\b(?:lint|review|scan|analy[sz]e|check|validate|inspect|audit|look at|what(?:'s| is) wrong|secrets?)\b",
    re.IGNORECASE,
)
_NAMES_MATERIAL = re.compile(
    r"\b(?:docker-?file|manifest|ya?ml|compose|workflow|pipeline|gitlab-ci|terraform|hcl|plan|logs?|trace(?:back)?"
    r"|secrets?|credentials|this|these|following)\b",
    re.IGNORECASE,
)
_SPEAKS = re.compile(
    r"\W{0,3}(?:please|can|could|what|why|here|these|this|the|my|look|hi|hello|hey|i|is|are|any|find|lint|review|scan"
    r"|analy[sz]e|check|validate|inspect|audit|explain|summari[sz]e|following)\b",
    re.IGNORECASE,
)
_LABEL = re.compile(r"[\w.+#-]{1,30}")
# An instruction of a Dockerfile and the like in the line in which the user speaks, as in "lint FROM python:3".
_INLINE = re.compile(
    r'(?<=\s)(?:FROM\s+[\w./:@${}-]+|apiVersion:\s|services:\s|resource\s+"[\w-]{1,80}"\s+"|\{\s*"(?:format_version|apiVersion))'
)


@dataclass(frozen=True)
class Paste:
    """Material to look at; `label` is what stood behind the opening fence, such as `yaml`."""

    text: str
    label: str = ""


@dataclass(frozen=True)
class Message:
    """A message in parts. `words` come before the material and may ask for anything.

    `after` stands behind the last closed block: it may say what the material is, and nothing else, since a fence inside
    of the material could have put it there.
    """

    words: str
    after: str = ""
    pastes: tuple[Paste, ...] = ()


def read_message(text: str) -> Message:
    """Return the words and the material of a message."""
    # Neither the database nor a tool takes these.
    text = text.encode("utf-8", "replace").decode().replace("\0", "\ufffd").replace("\r\n", "\n").strip("\n")
    lines = text.split("\n")
    start = _material_line(lines)
    before = text if start is None else "\n".join(lines[:start])
    head = _HEAD.search(f"{before[:HEAD_WITHIN]}\n")
    fence = _first_fence(before)
    if head is not None and (fence is None or head.end() < fence) and text[head.end() : fence].strip():
        return _message(text[: head.end()], [Paste(text[head.end() :])])
    if fence is not None:
        return _fenced(text, fence)
    return _message(before, [Paste("\n".join(lines[start:]))]) if start is not None else _unmarked(text, lines)


def _material_line(lines: Sequence[str]) -> int | None:
    """Return the number of the first line that begins material which nothing announces."""
    near = range(min(len(lines), LINES_SEARCHED))
    return next((number for number in near if _begins(lines[number : number + 10])), None)


def _begins(lines: Sequence[str]) -> bool:
    # "analyze these logs: 2026-01-01 ERROR ..." has the looks of a log and is the user's head of one.
    speaks = _SPEAKS.match(lines[0]) and _HEAD.search(f"{lines[0][:HEAD_WITHIN]}\n")
    return not speaks and begins_material(lines)


def _message(words: str, pastes: Sequence[Paste], after: str = "") -> Message:
    kept = tuple(Paste(_tidy(one.text), one.label) for one in pastes if one.text.strip())
    return Message(words.strip()[:WORDS_MAX], after.strip()[:WORDS_MAX], kept)


def _tidy(text: str) -> str:
    """Leave out what surrounds the material, but not the first line's indent if more lines follow."""
    text = text.rstrip()
    return text.lstrip("\n") if "\n" in text.strip() and text.lstrip(" \t").startswith("\n") else text.strip()


def _first_fence(text: str) -> int | None:
    found = [place for place in (text.find("```"), _tilde(text)) if place >= 0]
    return min(found) if found else None


def _tilde(text: str) -> int:
    return 0 if text.startswith("~~~") else text.find("\n~~~") + 1 or -1


def _fenced(text: str, start: int) -> Message:
    """Read blocks between fences. What stands between two blocks is left out: a fence in the material may have ended
    the first one."""
    pastes: list[Paste] = []
    opened: _Opened | None = None
    after: list[str] = []
    for line in text[start:].split("\n"):
        if opened is not None:
            # Cheap for lines of any length, unlike a pattern that looks for the mark's end.
            if not line.rstrip().endswith(opened.mark):
                opened.lines.append(line)
                continue
            opened.lines.append(line.rstrip().rstrip(opened.mark[0]))
            pastes.append(opened.paste())
            opened = None
            continue
        found, opened, line = _open(line, MAX_BLOCKS - len(pastes))
        pastes += found
        after = [] if found or opened else after
        after.append(line)
        if len(pastes) >= MAX_BLOCKS:
            return _message(text[:start], pastes)
    if opened is not None:
        return _message(text[:start], [*pastes, opened.paste()])
    return _message(text[:start], pastes, "\n".join(after))


@dataclass
class _Opened:
    """A block whose end has not come yet."""

    mark: str
    label: str
    lines: list[str]

    def paste(self) -> Paste:
        return Paste("\n".join(self.lines), self.label)


def _open(line: str, most: int) -> tuple[list[Paste], _Opened | None, str]:
    """Return the blocks that open and close in a line, the one that stays open, and what stands behind them."""
    found: list[Paste] = []
    while len(found) < most and (place := _first_fence(line)) is not None:
        rest = line[place:].lstrip(line[place])
        mark = line[place] * (len(line) - place - len(rest))
        if mark not in rest:
            label = rest.strip() if _LABEL.fullmatch(rest.strip()) else ""
            return found, _Opened(mark, label, [] if label or not rest.strip() else [rest]), ""
        inner, _, line = rest.partition(mark)
        found.append(Paste(inner))
    return found, None, line


def _unmarked(text: str, lines: Sequence[str]) -> Message:
    """Part a text without fences, and without a head such as "these logs:"."""
    first = lines[0]
    inline = _INLINE.search(first[:HEAD_WITHIN])
    if inline is not None and _ASKS_FOR_LOOK.search(first[: inline.start()]):
        return _message(first[: inline.start()], [Paste(text[inline.start() :])])
    many = sum(1 for line in lines if line.strip()) > OWN_LINES
    asks = _ASKS_FOR_LOOK.search(first[:HEAD_WITHIN]) and _NAMES_MATERIAL.search(first[:HEAD_WITHIN])
    if len(lines) > 1 and (asks or many):
        return _message(first, [Paste("\n".join(lines[1:]))])
    return _message(text, [])
