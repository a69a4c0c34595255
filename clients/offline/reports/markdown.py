"""Write Markdown in which text of others stays text: no link, image, heading or code of theirs comes to life."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

INLINE_MAX = 400
BLOCK_MAX = 8_000
JSON_MAX = 4_000
_TICKS = re.compile("`+")
# Within a line these begin something; an underscore does only at the edge of a word.
_SPECIAL = re.compile(r"([\\`*\[\]<|~&]|(?<![^\W_])_|_(?![^\W_]))")
_SPAN = re.compile(r"`([^`\n]{1,300})`")
# At the start of a line these make headings, quotes, lists and rules.
_STARTS = re.compile(r"(?=(?:\d{1,9}[.)]|[-+])(?:\s|$)|[#>=]|--)(\d{0,9})(.)")


def code(value: object) -> str:
    """Return a value as a code span on one line; a long one is cut."""
    text = " ".join(str(value).split())
    text = f"{text[: INLINE_MAX - 1]}…" if len(text) > INLINE_MAX else text
    if not text:
        return "–"
    fence = "`" * (_longest(text) + 1)
    pad = " " if text[0] == "`" or text[-1] == "`" else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def prose(value: object) -> str:
    """Return a sentence on one line; its own code spans stay, everything else of Markdown is escaped."""
    text = " ".join(str(value).split())
    parts, end = [], 0
    for match in _SPAN.finditer(text):
        parts += [_escaped(text[end : match.start()]), code(match.group(1))]
        end = match.end()
    whole = "".join([*parts, _escaped(text[end:])])
    start = _STARTS.match(whole)
    return f"{start.group(1)}\\{whole[start.end(1) :]}" if start else whole


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def block(text: str, language: str = "") -> str:
    """Return text as a code block that nothing inside it can close; of a long text the end is kept."""
    shown = text if len(text) <= BLOCK_MAX else "…\n" + text[-BLOCK_MAX:].partition("\n")[2]
    fence = "`" * max(3, _longest(shown) + 1)
    return f"{fence}{language}\n{shown}\n{fence}"


def inner_block(text: str) -> str:
    """Return text as a code block that belongs to the point of a list above it."""
    return "\n\n  " + block(text.strip("\n")).replace("\n", "\n  ") + "\n"


def _longest(text: str) -> int:
    return max((len(match.group()) for match in _TICKS.finditer(text)), default=0)


def as_json(found: object) -> str:
    """Return anything as a block of JSON, for shapes that have no report of their own."""
    return block(json.dumps(found, indent=2, ensure_ascii=False)[:JSON_MAX], "json")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are Markdown already, and may hold no line ends."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(cell: str) -> str:
    # Within a table the mark parts cells even in code, unless a backslash stands before it; one may stand already.
    return re.sub(r"\\?\|", r"\\|", cell)


def bullets(lines: Iterable[str], most: int = 20, left_out: int = 0, noun: str = "") -> str:
    """Return a list, cut after `most` lines; `left_out` are those that the tool has cut already."""
    every = list(lines)
    shown = [f"- {line}" for line in every[:most]]
    return "\n".join(shown + [f"- {line}" for line in more(len(every) - len(shown) + left_out, noun)])


def more(count: int, noun: str = "") -> list[str]:
    """Return the line that says how many were left out, or none."""
    return [f"and {number(count)} more{f' {noun}' if noun else ''}"] if count > 0 else []


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return `1 pod` or `2 pods`."""
    return f"{number(count)} {noun if count == 1 else plural or noun + 's'}"


def number(value: int | str) -> str:
    """Return a whole number with commas."""
    return f"{int(value):,}"


def paragraphs(*parts: str | None) -> str:
    """Join what is not empty, with a blank line between."""
    return "\n\n".join(part for part in parts if part)


def facts(rows: dict[str, Any]) -> str:
    """Return a table of what is known, without what is not; values are Markdown already."""
    known = [(name, value) for name, value in rows.items() if value not in (None, "", [], {})]
    return table(["what", "value"], known) if known else ""


def listed(value: object) -> list[Any]:
    """Return a list of the tool, or an empty one in the place of anything else."""
    return value if isinstance(value, list) else []


def mappings(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list."""
    return [one for one in listed(value) if isinstance(one, dict)]


def mapping(value: object) -> dict[str, Any]:
    """Return an object, or an empty one in the place of anything else."""
    return value if isinstance(value, dict) else {}
