"""Reduce an e-mail address to the one spelling that counts."""

import unicodedata


def canonical(email: str) -> str:
    """Return the address in lower case and without its `+tag`.

    Two addresses that reach the same mailbox in the usual way get the same result, so that one person gets one free
    allotment; full-width letters count as the plain ones that they look like. It is a key for look-ups and never a
    place to send mail to.
    """
    address = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", email).lower()).strip()
    local, at, domain = address.rpartition("@")
    if not at:
        return address
    name, _, _tag = local.partition("+")
    return f"{name or local}@{domain}"
