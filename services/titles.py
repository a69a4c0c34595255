"""Name a conversation after its first message."""

import re

LONGEST = 60
_FENCE = re.compile(r"```.*?(```|\Z)", re.DOTALL)
_MARKS = re.compile(r"[#>*_`]+")


def title_of(text: str) -> str:
    """Return a title of at most 60 characters: the first line that says something, without code and marks."""
    prose = _FENCE.sub("\n", text)
    lines = [_tidy(line) for line in (prose.splitlines() or [])]
    first = next((line for line in lines if line), "") or _tidy(text.replace("\n", " ")) or "New conversation"
    return _shorten(first.rstrip(":. "))


def _tidy(line: str) -> str:
    words = _MARKS.sub("", line).split() if not _looks_like_cron(line) else line.split()
    return " ".join(words)


def _looks_like_cron(line: str) -> bool:
    return re.search(r"(^|\s)[*\d/,-]+(\s+[*\dA-Za-z/,#-]+){4}(\s|$)", line) is not None


def _shorten(title: str) -> str:
    if len(title) <= LONGEST:
        return title
    cut = title[: LONGEST - 1]
    head, space, _rest = cut.rpartition(" ")
    return (head if space and len(head) > LONGEST // 2 else cut).rstrip(" ,;:") + "…"
