"""Say what a new connection may be called and hold, and what may be shown of it."""

import unicodedata
from collections.abc import Iterable, Mapping

from agent.kinds import KINDS
from agent.types import Kind, ToolError
from errors import InvalidInput

NAME_MAX = 80
FACTS_MAX = 12
FACT_MAX = 200
HIDDEN = "[hidden]"


def known_kind(name: str) -> Kind:
    """Return the kind of this name; raises InvalidInput."""
    kind = KINDS.get(name)
    if kind is None:
        raise InvalidInput({"kind": f"kind must be one of {', '.join(KINDS)}."})
    return kind


def checked(kind: Kind, name: str, settings: Mapping[str, object]) -> tuple[str, dict[str, str]]:
    """Return the name and the settings as they are stored; raises InvalidInput that names every bad field at once."""
    wrong: dict[str, str] = {}
    called, stored = "", dict[str, str]()
    try:
        called = clean_name(name)
    except InvalidInput as error:
        wrong |= error.details["fields"]
    try:
        stored = clean_settings(kind, settings)
    except InvalidInput as error:
        wrong |= error.details["fields"]
    if wrong:
        raise InvalidInput(wrong)
    return called, stored


def clean_name(given: str) -> str:
    """Return the name without spaces around it; raises InvalidInput."""
    name = unicodedata.normalize("NFC", given.strip())
    if not name:
        raise InvalidInput({"name": "Give the connection a name."})
    if len(name) > NAME_MAX:
        raise InvalidInput({"name": f"Use at most {NAME_MAX} characters."})
    if not name.isprintable():
        raise InvalidInput({"name": "Use letters, digits and other characters that can be seen."})
    return name


def clean_settings(kind: Kind, given: Mapping[str, object]) -> dict[str, str]:
    """Return the settings as they are stored; what is left empty counts as not given. Raises InvalidInput."""
    known = [field.key for field in kind.fields]
    if not set(given) <= set(known):
        raise InvalidInput({"settings": f"There is an unknown setting; {kind.title} has {', '.join(known)}."})
    filled = {key: value for key, value in given.items() if value is not None and value != ""}
    missing = [field for field in kind.fields if field.required and field.key not in filled]
    if missing:
        raise InvalidInput({field.key: f"{field.label} is missing." for field in missing})
    unstorable = [key for key, value in filled.items() if isinstance(value, str) and not _is_text(value)]
    if unstorable:
        raise InvalidInput(dict.fromkeys(unstorable, "This has characters that are no text."))
    try:
        return kind.read(filled)
    except ToolError as error:
        message = str(error)
        place = _place(kind, filled, message)
        for field in kind.fields:
            message = message.replace(f"`{field.key}`", field.label)
        raise InvalidInput({place: message}) from None


def _place(kind: Kind, filled: Mapping[str, object], message: str) -> str:
    """Return the field that a refusal is about: the only one that was filled in, or the one that it names first."""
    only = [field.key for field in kind.fields if filled.keys() == {field.key}]
    if only and "missing" not in message:
        return only[0]
    said = message.casefold()
    named = [
        (said.index(word.casefold()), field.key)
        for field in kind.fields
        for word in (field.key, field.label)
        if word.casefold() in said
    ]
    return min(named)[1] if named else "settings"


def without(secrets: Iterable[str], text: str) -> str:
    """Return the text as one line without the secrets."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return "".join(character if character.isprintable() else " " for character in text)


def facts(secrets: list[str], given: Mapping[str, object]) -> dict[str, str]:
    """Return what may be kept in the clear of what a system said of itself: few, short, printable, without secrets."""
    kept = list(given.items())[:FACTS_MAX]
    return {without(secrets, str(key))[:80]: without(secrets, str(value))[:FACT_MAX] for key, value in kept}


def _is_text(value: str) -> bool:
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
