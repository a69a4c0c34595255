"""Say what is wrong with how a server does TLS."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from agent.findings import Finding
from agent.outside import printable
from agent.tools.tls.certificates import Certificate
from clients.reach import TlsSeen

EXPIRY_WARNING_DAYS = 14
EXPIRY_INFO_DAYS = 30
RSA_MIN_BITS = 2048
EC_MIN_BITS = 224
NAMES_SHOWN = 5

_BROKEN_HASHES = ("md5", "sha1")
_BROKEN_CIPHERS = ("RC4", "3DES", "DES-CBC", "NULL", "EXP", "MD5", "RC2", "IDEA", "SEED")
_FORWARD_SECRET = ("TLS_", "ECDHE", "DHE")
_REFUSED = "Browsers and clients refuse the connection."


def find(host: str, seen: TlsSeen, chain: Sequence[Certificate | None], now: datetime) -> Iterator[Finding]:
    """Yield what is wrong; `chain` holds what could be read of `seen.chain`, in its order."""
    own = chain[0] if chain else None
    known = []
    if own is None:
        yield _finding("unreadable-certificate", "error", "The certificate can't be read.", "Install a valid one.")
    else:
        known = [*_dates(own, now), *_name(own, host), *_strength(own, ""), *_chain(seen, chain)]
    yield from known
    if not seen.trusted and not any(one.severity == "error" for one in known):
        words = printable(seen.problem or "unknown reason", 200)
        yield _finding(
            "not-trusted",
            "error",
            f"The certificate is not trusted: {words}.",
            "Install a certificate of a public authority; one of a private authority works only where it is installed.",
        )
    yield from _protocol(seen)


def _finding(rule: str, severity: str, message: str, fix: str, why: str = _REFUSED) -> Finding:
    return Finding(rule, severity, message, why, fix)


def _dates(own: Certificate, now: datetime) -> Iterator[Finding]:
    days = own.days_left(now)
    renew = "Renew the certificate, reload the server, and check that renewal runs by itself."
    if own.ends <= now:
        yield _finding("expired", "error", f"The certificate expired on {own.ends:%Y-%m-%d}.", renew)
    elif own.starts > now:
        yield _finding(
            "not-yet-valid",
            "error",
            f"The certificate is valid only from {own.starts:%Y-%m-%d %H:%M} UTC on.",
            "Wait, or check the clock of the machine that made it.",
        )
    elif days <= EXPIRY_INFO_DAYS:
        severity = "warning" if days <= EXPIRY_WARNING_DAYS else "info"
        left = f"{days} {'day' if days == 1 else 'days'}"
        why = "After that browsers and clients refuse the connection."
        yield _finding(
            "expires-soon", severity, f"The certificate expires in {left}, on {own.ends:%Y-%m-%d}.", renew, why
        )


def _name(own: Certificate, host: str) -> Iterator[Finding]:
    if own.covers(host):
        return
    shown = ", ".join(own.names[:NAMES_SHOWN]) + (", …" if len(own.names) > NAMES_SHOWN else "")
    message = f"The certificate is not valid for {printable(host, 100)}"
    message += f", only for {shown}." if own.names else "; it lists no names at all."
    yield _finding(
        "wrong-name",
        "error",
        message,
        "Get a certificate that lists this name, or fix which one the server picks by SNI.",
    )


def _strength(one: Certificate, whose: str) -> Iterator[Finding]:
    least = EC_MIN_BITS if one.key_type.startswith("EC") else RSA_MIN_BITS
    is_short = one.key_type.startswith(("RSA", "EC", "DSA")) and (one.key_bits or 0) < least
    if is_short or one.key_type == "DSA":
        key = f"{one.key_type} with {one.key_bits} bits"
        fix = "Make a new key: RSA with 2048 bits or more, or EC P-256."
        yield _finding("weak-key", "error", f"The key{whose} is weak: {key}.", fix, "It can be broken, or is refused.")
    if one.signature_hash in _BROKEN_HASHES and not one.self_signed:
        yield _finding(
            "weak-signature",
            "error",
            f"The certificate{whose} is signed with {one.signature}.",
            "Get a new one that is signed with SHA-256 or better.",
            "Such signatures can be forged; clients refuse them.",
        )


def _chain(seen: TlsSeen, chain: Sequence[Certificate | None]) -> Iterator[Finding]:
    own = chain[0]
    if own is not None and own.self_signed and not seen.trusted:
        yield _finding(
            "self-signed",
            "error",
            "The certificate is signed by itself.",
            "Get one from a public authority such as Let's Encrypt, or install it where it should be trusted.",
        )
        return
    for before, after in zip(chain, chain[1:], strict=False):
        if before is not None and after is not None and before.issuer != after.subject:
            yield _finding(
                "chain-order",
                "warning",
                f"In the chain, {after.subject} does not sign what stands before it ({before.subject}).",
                "Send the server's own certificate first, then each one that signs the one before.",
                "Strict clients refuse such a chain.",
            )
            break
    for one in chain[1:]:
        if one is not None and not one.self_signed:
            yield from _strength(one, f" of {one.subject}")
    last = chain[-1]
    if not seen.trusted and len(chain) == 1 and last is not None and "issuer" in (seen.problem or ""):
        yield _finding(
            "chain-incomplete",
            "error",
            f"Only the server's own certificate is sent, and its issuer ({last.issuer}) is not known.",
            "Send the intermediate certificates too (fullchain.pem), unless this is a private authority.",
            "Clients that don't happen to know the intermediate refuse the connection; some browsers hide this.",
        )


def _protocol(seen: TlsSeen) -> Iterator[Finding]:
    newest_is_old = seen.protocol in ("SSLv3", "TLSv1", "TLSv1.1")
    if newest_is_old:
        fix = "Turn TLS 1.2 and 1.3 on."
        yield _finding("only-old-protocols", "error", f"The server speaks {seen.protocol} at most.", fix)
    if seen.older_protocols and not newest_is_old:
        names = " and ".join(seen.older_protocols)
        why = "They have known weaknesses, and audits such as PCI DSS fail because of them."
        fix = "Allow TLS 1.2 and 1.3 only."
        yield _finding("old-protocols", "warning", f"The server still accepts {names}.", fix, why)
    if any(word in seen.cipher for word in _BROKEN_CIPHERS):
        fix = "Allow AEAD ciphers only, such as AES-GCM and ChaCha20."
        yield _finding("weak-cipher", "error", f"The cipher {seen.cipher} is weak.", fix, "It can be broken.")
    elif not seen.cipher.startswith(_FORWARD_SECRET):
        why = "Who gets the key later can read what was recorded before."
        fix = "Prefer ECDHE ciphers, or turn TLS 1.3 on."
        yield _finding("no-forward-secrecy", "warning", f"The cipher {seen.cipher} has no forward secrecy.", fix, why)
