"""Replace secrets by markers such as `<redacted:github-token>` in whatever is stored, shown, logged or sent to a model.

It prefers to miss a doubtful value over eating an innocent one: what refers to a secret (a variable, a template, a
file, a name) stays, and so do hashes, UUIDs and certificates. Lines stay where they are, and what stood in quotes still
does, so that a redacted manifest can still be parsed. Doing it twice changes nothing.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

from agent.secret_assignments import by_name
from agent.secret_judgement import is_plain_word_name, is_secret, is_written_out, kind_of_name
from agent.secret_shapes import EXAMPLE, Span, by_shape, lines_of, merged

MARKER = re.compile(r"<redacted:([a-z0-9-]{1,40})>")
KNOWN_MIN = 6
# Below this a base64 form without its ends is so short that it could stand anywhere.
_ENCODED_MIN = 8
_LINE_MIN = 16
_ROUNDS_MAX = 5
# Of a variable; and a password in its URL, also one that is too bland to be taken out of a text.
_LOOKED_AT = 500
_IN_URL = re.compile(r"[a-z][a-z0-9+.-]{1,20}://[^\s/:@$<{]{0,80}:([^\s/@$<{]{1,200})@")


class Secret(NamedTuple):
    """A secret that stands in a text, or stood there before a marker took its place."""

    kind: str
    line: int
    """Counted from 1."""
    removed: bool = False
    """Only the marker is left."""


def redact(text: str, known: Iterable[str] = ()) -> str:
    """Return the text with each secret replaced by `<redacted:kind>`; the exact strings in `known` always are."""
    text = _without_known(text, tuple(known))
    # A secret that was glued to another one only shows when that one is gone.
    for _ in range(_ROUNDS_MAX):
        spans = _spans(text)
        if not spans:
            break
        text = _replaced(text, spans)
    return text


def find_secrets(text: str, *, examples: bool = False) -> list[Secret]:
    """Return the kind and line of each secret in the text, and of each marker that stands for one.

    What is hidden although it is known from a manual, and opens nothing, is only told with `examples`.
    """
    spans = _spans(text)
    found = [
        Secret(span.kind, line)
        for span, line in zip(spans, lines_of(text, [span.start for span in spans]), strict=True)
    ]
    markers = list(MARKER.finditer(text))
    lines = lines_of(text, [match.start() for match in markers])
    found += [Secret(match[1], line, removed=True) for match, line in zip(markers, lines, strict=True)]
    told = [secret for secret in found if examples or secret.kind != EXAMPLE]
    return sorted(told, key=lambda secret: (secret.line, secret.kind))


def holds_secret(name: str, value: object) -> bool:
    """Tell whether a variable holds a secret in plain text, be it a weak one, by its name or its shape."""
    text = str(value)[:_LOOKED_AT] if isinstance(value, str | int) else ""
    if find_secrets(text) or _IN_URL.search(text):
        return True
    named = kind_of_name(name)
    return named is not None and is_written_out(text, named)


def redact_json(value: Any, known: Iterable[str] = ()) -> Any:
    """Return a copy of JSON data without secrets: known by their shape, or by the key under which a string stands."""
    strings = tuple(known)
    root: list[Any] = [value]
    result: list[Any] = [None]
    # By hand instead of by recursion, since the data may be nested more deeply than Python's stack.
    waiting: list[tuple[Any, Any, Any, str]] = [(result, 0, root[0], "")]
    while waiting:
        holder, place, item, name = waiting.pop()
        if isinstance(item, dict):
            copy: dict[Any, Any] = {}
            holder[place] = copy
            for key, inner, called in _items(item):
                clean = redact(key, strings) if isinstance(key, str) else key
                copy[clean] = None  # Keeps the order of the keys.
                waiting.append((copy, clean, inner, called))
        elif isinstance(item, list | tuple):
            holder[place] = listed = [None] * len(item)
            waiting += [(listed, index, inner, name) for index, inner in enumerate(item)]
        else:
            holder[place] = _redacted_string(item, name, strings) if isinstance(item, str) else item
    return result[0]


def _items(item: dict[Any, Any]) -> Iterator[tuple[Any, Any, str]]:
    """Yield keys, values and the name of each value: its key, or what stands under `name` beside a `value`."""
    title = item.get("name", item.get("key"))
    for key, inner in item.items():
        is_value = key in ("value", "Value") and isinstance(title, str)
        yield key, inner, str(title if is_value else key)


def _redacted_string(text: str, name: str, known: tuple[str, ...]) -> str:
    named = kind_of_name(name) if name else None
    refers = named is not None and not named.plain and named.kind != "token" and is_plain_word_name(text)
    if named and is_secret(text, named, placed=not refers, quoted=True):
        return f"<redacted:{named.kind}>" + "\n" * text.count("\n")
    if name.lower().endswith("image"):
        # The key says what the text alone would not.
        return redact(f"image: {text}", known).removeprefix("image: ")
    return redact(text, known)


def _spans(text: str) -> list[Span]:
    lower = text.lower()
    return merged([*by_shape(text, lower), *by_name(text, lower)])


def _replaced(text: str, spans: list[Span]) -> str:
    parts, at = [], 0
    for span in spans:
        lines = "\n" * text.count("\n", span.start, span.end)
        parts += [text[at : span.start], span.quote, f"<redacted:{span.kind}>", span.quote, lines]
        at = span.end
    return "".join([*parts, text[at:]])


def _without_known(text: str, known: tuple[str, ...]) -> str:
    forms = [form for form in _all_forms(known) if form in text] if known else []
    for form in forms:
        marker = "<redacted:credential>" + "\n" * form.count("\n")
        # A known string may be a part of a marker's own words.
        parts = re.split(r"(<redacted:[a-z0-9-]{1,40}>)", text)
        text = "".join(part if index % 2 else part.replace(form, marker) for index, part in enumerate(parts))
    return text


@lru_cache(maxsize=64)
def _all_forms(known: tuple[str, ...]) -> tuple[str, ...]:
    """Return every way in which these strings may be written, the longest first."""
    forms: set[str] = set()
    for secret in known:
        pieces = [secret, secret.strip()]
        if "\n" in secret:
            pieces += [line.strip() for line in secret.splitlines() if not line.startswith("-----")]
            pieces = [piece for piece in pieces if len(piece) >= _LINE_MIN]
        for piece in pieces:
            if len(piece) >= KNOWN_MIN:
                forms |= _forms(piece)
    return tuple(sorted((form for form in forms if len(form) >= KNOWN_MIN), key=lambda form: (-len(form), form)))


def _forms(secret: str) -> set[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    escaped |= {json.dumps(once)[1:-1] for once in tuple(escaped)}
    coded = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    coded |= {re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), form) for form in tuple(coded)}
    forms = {secret, *escaped, *(form.replace("/", "\\/") for form in escaped), *coded}
    forms |= {base64.b64encode(raw).decode(), base64.b64encode(raw).decode().rstrip("=")}
    forms |= {base64.urlsafe_b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode().rstrip("=")}
    if len(raw) >= _ENCODED_MIN:
        forms |= _inside_base64(raw)
    return forms


def _inside_base64(raw: bytes) -> set[str]:
    """Return the base64 of a longer text in which this stands, as in `user:password`, without the ends that mix."""
    forms = set()
    for before in (1, 2):
        coded = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        whole = coded[before + 1 : (before + len(raw)) * 8 // 6]
        forms |= {whole, whole.replace("+", "-").replace("/", "_")}
    coded = base64.b64encode(raw).decode().rstrip("=")[: len(raw) * 8 // 6]
    return forms | {coded, coded.replace("+", "-").replace("/", "_")}
