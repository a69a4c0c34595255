"""Read a page as a browser does that would load and run whatever stands in it, and name what should not be there."""

from collections.abc import Iterator
from html.parser import HTMLParser

_NEVER = {"iframe", "frame", "object", "embed", "base", "applet", "portal"}
_ADDRESSES = {"src", "srcset", "href", "data", "poster", "background", "action", "formaction", "ping", "xlink:href"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.wrong += [f"{self.get_starttag_text()}: {why}" for why in _complaints(tag, dict(attrs))]


def dangers(html: str) -> list[str]:
    """Return what this page would load from elsewhere, run, or send anywhere without a click."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.wrong


def _complaints(tag: str, attributes: dict[str, str | None]) -> Iterator[str]:
    if tag in _NEVER or (tag == "meta" and "http-equiv" in attributes):
        yield "no such element may be here"
    if tag == "script" and "src" not in attributes:
        yield "it runs what stands in the page"
    for name, value in attributes.items():
        if name.startswith("on") or name in ("style", "srcdoc", "ping"):
            yield f"it has {name}"
        if name in _ADDRESSES and not _is_allowed(tag, (value or "").strip()):
            yield f"{name} leads to {value}"


def _is_allowed(tag: str, address: str) -> bool:
    is_ours = address.startswith(("/", "#")) and not address.startswith(("//", "/\\"))
    return is_ours or (tag == "a" and address.lower().startswith(("http://", "https://", "mailto:")))
