"""Say what a new connection may be called and hold, and what may be shown of it."""

import unicodedata
from collections.abc import Iterable, Mapping

from agent.kinds import KINDS, secret_values
from agent.redaction import redact
from agent.types import BadSetting, Kind
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
        stored = kind.read(dict(settings))
    except BadSetting as error:
        wrong |= error.fields
    if not wrong and redact(called, secret_values(kind, stored)) != called:
        # It is kept in the clear, shown, and told to the model.
        wrong["name"] = "The name must not hold a secret."
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


def without(secrets: Iterable[str], text: str) -> str:
    """Return the text as one line without the secrets."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return "".join(character if character.isprintable() else " " for character in text)


def facts(secrets: list[str], given: Mapping[str, object]) -> dict[str, str]:
    """Return what may be kept in the clear of what a system said of itself: few, short, printable, without secrets."""
    kept = list(given.items())[:FACTS_MAX]
    return {without(secrets, str(key))[:80]: without(secrets, str(value))[:FACT_MAX] for key, value in kept}
