"""Guess which known name a misspelt one was meant to be."""

import difflib
from collections.abc import Iterable
from itertools import islice

NAMES_MAX = 300


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ` Did you mean ...?` for a word that is close to a known one, else nothing."""
    names = [name for name in islice(known, NAMES_MAX) if len(name) < 80]
    lower = {name.lower(): name for name in names}
    if word.lower() in lower:
        return f" Did you mean `{lower[word.lower()]}`?"
    close = difflib.get_close_matches(word[:60], names, n=1, cutoff=0.75)
    return f" Did you mean `{close[0]}`?" if close else ""
