"""Check certificates, keys and tokens of a cluster's credentials before they are stored."""

import base64
import binascii
import re
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from agent.tools.kubernetes.reading import clean
from agent.types import ToolError

PEM_MAX = 60_000
KEY_MAX = 16_000
TOKEN_MAX = 16_000
CERTIFICATES_MAX = 40
# Checking a key takes longer the longer it is; nobody uses longer ones.
_TOKEN = re.compile(r"[!-~]+")


def decoded(text: str, what: str) -> str:
    """Return the PEM text inside of base64, as kubeconfigs carry it; raises ToolError."""
    if len(text) > PEM_MAX * 2:
        raise ToolError(f"{what} is too long.")
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise ToolError(f"{what} is no base64 of PEM text.") from None


def checked_token(token: str, what: str) -> str:
    """Return a bearer token; raises ToolError for one that no header can carry."""
    bare = token.strip()
    if not _TOKEN.fullmatch(bare) or len(bare) > TOKEN_MAX:
        raise ToolError(f"{what} is no token: one line without spaces, at most {TOKEN_MAX:,} characters.")
    return bare


def checked_ca(text: str) -> str:
    """Return a CA that is given as PEM, or as base64 of it, as kubeconfigs carry it; raises ToolError."""
    what = "The certificate authority"
    return checked_authority(text if "-----BEGIN" in text else decoded(text, what), what)


def checked_authority(pem: str, what: str) -> str:
    """Return the certificates of a CA as PEM and nothing else beside them; raises ToolError."""
    found = _certificates(pem, what)
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in found)


def checked_pair(certificate: str, key: str) -> tuple[str, str]:
    """Return a client certificate and its key as PEM; raises ToolError if they are broken, apart or too old."""
    chain = _certificates(certificate, "`client-certificate-data`")
    private = _private_key(key)
    if _public(private.public_key()) != _public(chain[0].public_key()):
        raise ToolError("The client certificate and the client key do not belong together.")
    expiry = chain[0].not_valid_after_utc
    if expiry < datetime.now(UTC):
        raise ToolError(f"The client certificate expired on {expiry:%Y-%m-%d}.")
    pem = "".join(one.public_bytes(Encoding.PEM).decode() for one in chain)
    return pem, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def expiry_and_subject(certificate: str) -> tuple[datetime, str]:
    """Return until when a stored client certificate holds, and whom it names."""
    first = x509.load_pem_x509_certificate(certificate.encode())
    return first.not_valid_after_utc, clean(first.subject.rfc4514_string(), 200)


def _certificates(pem: str, what: str) -> list[x509.Certificate]:
    if len(pem) > PEM_MAX or pem.count("-----BEGIN") > CERTIFICATES_MAX:
        raise ToolError(f"{what} is too long.")
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
        for one in found:
            one.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise ToolError(f"{what} holds no readable certificate in PEM.") from None
    return found


def _private_key(pem: str) -> PrivateKeyTypes:
    try:
        if len(pem) > KEY_MAX:
            raise ValueError
        return load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise ToolError("The client key is locked with a passphrase. Give it without one.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ToolError("`client-key-data` holds no readable private key in PEM.") from None


def _public(key: object) -> bytes:
    found: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return found
