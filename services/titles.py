"""Name a conversation after its first message."""

import re

LONGEST = 60
_FENCE = re.compile(r"```.*?(```|\Z)", re.DOTALL)
_HEADING = re.compile(r"^\s*(#{1,6}|>|[-*+])\s+(?=\*\*|[^\s*\d/])")
_BOLD = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")


def title_of(text: str) -> str:
    """Return a title of at most 60 characters: the first line that says something, without code and marks."""
    prose = _FENCE.sub("\n", text)
    candidates = [_tidy(line) for line in prose.splitlines() + text.splitlines()]
    return _shorten(next((line for line in candidates if line.strip(":. ")), "New conversation").rstrip(":. "))


def _tidy(line: str) -> str:
    """Return the line without Markdown's marks; the stars of a cron schedule are none."""
    plain = _BOLD.sub(r"\2", _HEADING.sub("", line)).replace("`", "")
    return " ".join("".join(char for char in plain if char.isprintable() or char.isspace()).split())


def _shorten(title: str) -> str:
    if len(title) <= LONGEST:
        return title
    cut = title[: LONGEST - 1]
    head, space, _rest = cut.rpartition(" ")
    return (head if space and len(head) > LONGEST // 2 else cut).rstrip(" ,;:") + "…"
