"""Make objects fit to be passed on: without bookkeeping, without secrets, and short."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.redaction import redact
from agent.secret_judgement import speaks_of_secret
from agent.tools.kubernetes.reading import Json, clean, labels, name_of, rows, table, words
from agent.types import ToolError

HIDDEN = "<redacted:value>"
OBJECT_MAX_CHARS = 22_000
PARTS_MAX = 5_000
_BOOKKEEPING = {"managedFields", "selfLink", "uid", "resourceVersion", "generateName"}
# Controllers keep whole copies of an object, with all values, in annotations like these.
_COPIES = re.compile(r"last-?applied|original|/applied|/config$|/snapshot|/manifest", re.IGNORECASE)
# Names under which a cluster keeps what is often secret too.
_OFTEN_SECRET = re.compile(
    r"auth(?!or)|dsn|conn(?:ection)?_?str|signing|^key$|salt|cookie|webhook_url|database_url|_uri$|licen[cs]e",
    re.IGNORECASE,
)
# What is called like a secret and is none: how long it lives, where it lies, that it is on.
_HARMLESS_VALUE = re.compile(r"(?i)true|false|on|off|yes|no|\d{1,8}|/[\w./-]{1,120}|")
_OPTION = re.compile(r"(--?[A-Za-z][\w.-]{0,60})(?:=|\s+)(\S.*)", re.DOTALL)
_URL_PASSWORD = re.compile(r"(\w{1,20}://[^\s:/@]{0,100}):[^\s/@]{1,200}@")


class _TooMuch(Exception):
    """More parts than a result could ever hold."""


@dataclass
class Bounds:
    """How much of an object is shown; `parts` is what is left of the number of values that are looked at."""

    text: int
    items: int
    depth: int
    parts: int = PARTS_MAX

    def take(self) -> None:
        """Count one value; raises _TooMuch, so that an object of a million parts costs no minutes."""
        self.parts -= 1
        if self.parts < 0:
            raise _TooMuch


_TIGHTER = ((500, 40, 14), (200, 20, 12), (100, 8, 10), (60, 4, 8))


def safe_text(text: str, longest: int = 400) -> str:
    """Return text from a cluster without secrets and control characters, cut."""
    # Redaction must see whole secrets, so it runs on a little more than is shown.
    return clean(_URL_PASSWORD.sub(rf"\1:{HIDDEN}@", redact(clean(text, longest + 2000))), longest)


def trimmed(found: Json, kind: str) -> Json:
    """Return an object as it may be passed on; a Secret without its data."""
    if kind == "Secret":
        return secret_facts(found)
    if kind == "ConfigMap":
        return _configmap(found)
    for tighter in _TIGHTER:
        try:
            shown = _whole(found, Bounds(*tighter))
        except _TooMuch:
            continue
        if len(json.dumps(shown, ensure_ascii=False)) <= OBJECT_MAX_CHARS:
            return shown
    raise ToolError("The object is too large to be shown.", ours=True)


def _whole(found: Json, bounds: Bounds) -> Json:
    shown: Json = {"metadata": _metadata(table(found, "metadata"), bounds, bounds.depth)}
    for key, value in found.items():
        if key not in ("metadata", "apiVersion", "kind", "data", "stringData", "binaryData"):
            shown[clean(key, 100)] = _value(value, bounds, bounds.depth)
    return shown


def secret_facts(found: Json) -> Json:
    """Return what may be known of a Secret: its name, type, keys and their sizes; never a value or an annotation."""
    metadata = table(found, "metadata")
    data, plain = table(found, "data"), table(found, "stringData")
    sizes = {clean(key, 100): _decoded_size(value) for key, value in [*data.items()][:60]}
    sizes |= {clean(key, 100): len(value) for key, value in [*plain.items()][:60] if isinstance(value, str)}
    return {
        "metadata": {
            "name": name_of(found),
            "namespace": words(metadata, "namespace"),
            "creationTimestamp": words(metadata, "creationTimestamp"),
            "labels": _labels(metadata),
            "annotation_names": [clean(key, 100) for key in [*table(metadata, "annotations")][:20]],
        },
        "type": words(found, "type", default="Opaque"),
        "keys": sizes,
        "note": "Values are never shown; the numbers are sizes in bytes.",
    }


def _decoded_size(value: object) -> int:
    return len(value.rstrip("=")) * 3 // 4 if isinstance(value, str) else 0


def _configmap(found: Json) -> Json:
    shown: Json = {"metadata": _metadata(table(found, "metadata"), Bounds(*_TIGHTER[1]), 4), "data": {}}
    data = table(found, "data")
    for key, value in [*data.items()][:60]:
        if isinstance(value, str):
            text = HIDDEN if is_secret(key, value) else safe_text(value, 300)
            shown["data"][clean(key, 100)] = {"characters": len(value), "value": text}
    shown["keys_not_shown"] = max(0, len(data) - 60)
    binary = table(found, "binaryData")
    shown |= {"binary_keys": {clean(key, 100): _decoded_size(value) for key, value in [*binary.items()][:60]}}
    return shown


def _metadata(metadata: Json, bounds: Bounds, depth: int) -> Json:
    shown: Json = {}
    for key, value in metadata.items():
        if key == "annotations":
            shown[key] = _annotations(value, bounds)
        elif key == "ownerReferences":
            shown["owners"] = [f"{words(one, 'kind')}/{words(one, 'name')}" for one in rows(metadata, key)[:5]]
        elif key not in _BOOKKEEPING:
            shown[clean(key, 100)] = _value(value, bounds, depth - 1)
    return {key: value for key, value in shown.items() if value not in ({}, [], None)}


def _labels(metadata: Json) -> Json:
    return {clean(key, 100): clean(text, 100) for key, text in [*labels(metadata, "labels").items()][:20]}


def _annotations(value: object, bounds: Bounds) -> Json:
    shown = {}
    for key, text in [*labels(value).items()][: bounds.items]:
        bounds.take()
        if not _COPIES.search(key):
            shown[clean(key, 100)] = HIDDEN if is_secret(key, text) else safe_text(text, min(bounds.text, 200))
    return shown


def is_secret(name: str, value: str) -> bool:
    """Return whether a value with such a name is likely to be secret."""
    return _may_be_secret(name[:200]) and not _HARMLESS_VALUE.fullmatch(value[:200])


def _may_be_secret(name: str) -> bool:
    return speaks_of_secret(name) or _OFTEN_SECRET.search(name) is not None


def _value(value: Any, bounds: Bounds, depth: int) -> Any:
    """Return a copy that is safe and short, at most `depth` levels deep."""
    bounds.take()
    if isinstance(value, str):
        return safe_text(value, bounds.text)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if abs(value) < 2**53 else clean(str(value), 40)
    if depth <= 0:
        return "…"
    if isinstance(value, Mapping):
        return _object(value, bounds, depth)
    return _list(value, bounds, depth) if isinstance(value, list) else None


def _object(value: Mapping[str, Any], bounds: Bounds, depth: int) -> Json:
    named = value.get("name")
    shown: Json = {}
    for key, inner in [*value.items()][: bounds.items * 2]:
        if key == "metadata" and isinstance(inner, dict):
            shown[key] = _metadata(inner, bounds, depth - 1)  # Templates of pods have annotations too.
        elif key == "value" and isinstance(named, str) and isinstance(inner, str) and is_secret(named, inner):
            shown[key] = HIDDEN
        elif key in ("args", "command") and isinstance(inner, list):
            shown[key] = command_line(inner, bounds)
        elif key not in _BOOKKEEPING:
            shown[clean(key, 100)] = _value(inner, bounds, depth - 1)
    hidden = len(value) - bounds.items * 2
    return {**shown, "…": f"{hidden} more"} if hidden > 0 else shown


def _list(value: list[Any], bounds: Bounds, depth: int) -> list[Any]:
    shown = [_value(inner, bounds, depth - 1) for inner in value[: bounds.items]]
    return [*shown, f"… {len(value) - bounds.items} more"] if len(value) > bounds.items else shown


def command_line(arguments: list[Any], bounds: Bounds) -> list[str]:
    """Return a container's command with the values of secret options hidden, also when they stand on their own."""
    shown: list[str] = []
    hide_next = False
    for argument in arguments[: bounds.items]:
        text = argument if isinstance(argument, str) else ""
        option = _OPTION.fullmatch(text[:4000])
        if hide_next and not text.startswith("-"):
            shown.append(HIDDEN)
        elif option and is_secret(option[1], option[2]):
            shown.append(f"{option[1]}={HIDDEN}")
        else:
            shown.append(safe_text(text, bounds.text))
        hide_next = bool(re.fullmatch(r"--?[A-Za-z][\w-]{0,60}", text)) and _may_be_secret(text)
    return shown
