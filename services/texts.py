"""Judge texts that people send."""


def is_storable(text: str) -> bool:
    """Say whether every database can keep the text: no NUL, and no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
