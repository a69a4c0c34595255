"""Read the body of an answer, undoing compression in small pieces so that a bomb never unfolds."""

import zlib
from collections.abc import Iterator

PIECE = 65_536
ENCODINGS_MAX = 2
# A gzip stream is hardly ever larger than what it holds; this is for its frame.
_FRAME = 100_000


class TooLarge(Exception):
    """The body is larger than what may be kept."""


class BrokenBody(Exception):
    """The body does not hold what its Content-Encoding says."""


def read_body(pieces: Iterator[bytes], encoding: str, limit: int) -> tuple[bytes, bool]:
    """Return the decoded body, at most `limit` bytes of it, and whether more would follow; raises BrokenBody."""
    body = bytearray()
    try:
        for piece in _decoded(_counted(pieces, limit + _FRAME), encoding):
            body += piece
            if len(body) > limit:
                return bytes(body[:limit]), True
    except TooLarge:
        return bytes(body), True
    return bytes(body), False


def _counted(pieces: Iterator[bytes], limit: int) -> Iterator[bytes]:
    total = 0
    for piece in pieces:
        total += len(piece)
        yield piece
        if total > limit:
            raise TooLarge


def _decoded(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    names = [name.strip().lower() for name in encoding.split(",") if name.strip()]
    names = [name for name in names if name != "identity"]
    # What we never asked for stays as it came.
    if any(name not in ("gzip", "x-gzip", "deflate") for name in names):
        return pieces
    if len(names) > ENCODINGS_MAX:
        raise BrokenBody
    for name in reversed(names):
        pieces = _inflated(pieces, raw_too=name == "deflate")
    return pieces


def _inflated(pieces: Iterator[bytes], *, raw_too: bool) -> Iterator[bytes]:
    """Yield what is inside of gzip or zlib data; `deflate` is also sent bare by some servers."""
    decoder = None
    for piece in pieces:
        rest = piece
        while rest:
            if decoder is None:
                decoder = zlib.decompressobj(_window(rest, raw_too=raw_too))
            try:
                yield decoder.decompress(rest, PIECE)
            except zlib.error:
                raise BrokenBody from None
            rest = decoder.unconsumed_tail or decoder.unused_data
            if decoder.eof:
                decoder = None  # Another member may follow.
    if decoder is not None:
        raise BrokenBody


def _window(start: bytes, *, raw_too: bool) -> int:
    is_zlib = start[0] & 0x0F == 8 and (len(start) < 2 or (start[0] << 8 | start[1]) % 31 == 0)
    return -zlib.MAX_WBITS if raw_too and not is_zlib and start[0] != 0x1F else zlib.MAX_WBITS | 32
