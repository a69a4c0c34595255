"""Read certificates that a server showed into plain facts."""

from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import idna
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

from agent.outside import printable

NAME_SHOWN = 200
NAMES_LISTED = 60


@dataclass(frozen=True)
class Certificate:
    """What a certificate says of itself."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    """Its DNS names and addresses, in lower case."""
    serial: str
    starts: datetime
    ends: datetime
    key_type: str
    key_bits: int | None
    signature: str
    """The algorithm, such as `ecdsa-with-SHA256`."""
    signature_hash: str | None
    self_signed: bool

    def days_left(self, now: datetime) -> int:
        """Return the whole days until it expires, negative after that."""
        return (self.ends - now).days

    def covers(self, host: str) -> bool:
        """Tell whether it is valid for this host: a wildcard stands for exactly one label, the first."""
        wanted = plain_host(host)
        return any(_matches(name, wanted) for name in self.names)

    def shown(self, now: datetime) -> dict[str, Any]:
        """Return it as JSON."""
        key = {"type": self.key_type, "size": self.key_bits}
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "names": list(self.names[:NAMES_LISTED]),
            "names_not_listed": max(0, len(self.names) - NAMES_LISTED),
            "serial": self.serial,
            "not_before": self.starts.isoformat(),
            "not_after": self.ends.isoformat(),
            "days_left": self.days_left(now),
            "key": key,
            "signature_algorithm": self.signature,
            "self_signed": self.self_signed,
        }

    def in_chain(self, now: datetime) -> dict[str, Any]:
        """Return the little that matters of a certificate further up the chain."""
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "not_after": self.ends.isoformat(),
            "days_left": self.days_left(now),
            "self_signed": self.self_signed,
        }


def read_certificate(der: bytes) -> Certificate | None:
    """Return what the certificate says; None for one that breaks the rules so badly that it can't be read."""
    try:
        return _read(x509.load_der_x509_certificate(der))
    except (ValueError, TypeError, x509.InvalidVersion, x509.UnsupportedGeneralNameType, x509.DuplicateExtension):
        return None


def plain_host(host: str) -> str:
    """Return a host as certificates name it: an address in its usual form, or a name in lower-case ASCII."""
    host = host.strip().strip("[]").rstrip(".").lower()
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        return host if host.isascii() else idna.encode(host, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return host


def _read(certificate: x509.Certificate) -> Certificate:
    key_type, bits = _key(certificate)
    return Certificate(
        subject=_name(certificate.subject),
        issuer=_name(certificate.issuer),
        names=_names(certificate),
        serial=f"{certificate.serial_number:x}",
        starts=certificate.not_valid_before_utc,
        ends=certificate.not_valid_after_utc,
        key_type=key_type,
        key_bits=bits,
        signature=printable(getattr(certificate.signature_algorithm_oid, "_name", "unknown"), 60),
        signature_hash=_hash(certificate),
        self_signed=certificate.subject == certificate.issuer,
    )


def _name(name: x509.Name) -> str:
    return printable(name.rfc4514_string(), NAME_SHOWN)


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        listed = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    names = [printable(name.lower(), NAME_SHOWN) for name in listed.get_values_for_type(x509.DNSName)]
    return (*names, *(str(address) for address in listed.get_values_for_type(x509.IPAddress)))


def _key(certificate: x509.Certificate) -> tuple[str, int | None]:
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return "unknown", None
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}", key.key_size
    if isinstance(key, dsa.DSAPublicKey):
        return "DSA", key.key_size
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519", 256
    return ("Ed448", 456) if isinstance(key, ed448.Ed448PublicKey) else ("unknown", None)


def _hash(certificate: x509.Certificate) -> str | None:
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    return algorithm.name if algorithm else None


def _matches(name: str, host: str) -> bool:
    name = name.rstrip(".")
    if name == host:
        return True
    label, _, rest = host.partition(".")
    return name.startswith("*.") and name[2:] == rest and "." in rest and bool(label) and not _is_address(host)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def now_utc() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)
