"""Mark what a tool returned as data, so that a model can tell it from what its user and we say."""

import re

_OTHER = re.compile(r"[^a-z0-9_]+")


def marked_as_data(tool: str, content: str) -> str:
    """Return the JSON text `content` between marks that nothing inside it can close.

    In JSON `<\\/` means the same as `</`, so the text within stays JSON of the same meaning.
    """
    name = _OTHER.sub("_", tool.lower())[:64]
    inner = content.replace("</", "<\\/")
    return f'<tool_data tool="{name}">\n{inner}\n</tool_data>'
