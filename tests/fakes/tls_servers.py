"""Make certificates, good and bad, and the TLS contexts of servers that show them."""

import ssl
import tempfile
import warnings
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

NAMES = ("localhost", "127.0.0.1")


class Authority:
    """A CA that nobody knows but who is told; `roots` is its certificate as PEM."""

    def __init__(self) -> None:
        self._ca = trustme.CA()
        self.roots = self._ca.cert_pem.bytes().decode()

    def server(
        self, *names: str, starts: int = -1, ends: int = 365, verify: "Authority | None" = None
    ) -> ssl.SSLContext:
        """Return the context of a server for these names, valid from and until so many days from now."""
        issued = self._issue(*(names or NAMES), starts=starts, ends=ends)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued.configure_cert(context)
        if verify is not None:
            verify._ca.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def behind_another(self, *, whole: bool, backwards: bool = False) -> ssl.SSLContext:
        """Return the context of a server whose certificate was signed by an intermediate, shown or not."""
        issued = self._ca.create_child_ca().issue_cert(*NAMES)
        chain = [pem.bytes().decode() for pem in issued.cert_chain_pems]
        if backwards:
            chain = [chain[0], self.roots, *chain[1:]]
        return context_of("".join(chain if whole else chain[:1]), issued.private_key_pem.bytes().decode())

    def client(self) -> tuple[str, str]:
        """Return certificate and key of a client, as PEM."""
        issued = self._ca.issue_cert("client.example")
        return issued.cert_chain_pems[0].bytes().decode(), issued.private_key_pem.bytes().decode()

    def _issue(self, *names: str, starts: int, ends: int) -> trustme.LeafCert:
        now = datetime.now(UTC)
        return self._ca.issue_cert(
            *names, not_before=now + timedelta(days=starts), not_after=now + timedelta(days=ends)
        )


def self_signed(*, weak: bool = False, days: int = 90) -> ssl.SSLContext:
    """Return the context of a server that vouches for itself; `weak` gives it a short key."""
    key = rsa.generate_private_key(65537, 1024) if weak else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return context_of(certificate.public_bytes(Encoding.PEM).decode(), private)


def only(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    """Let the server speak this version only, also one that is out of use."""
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    return context


def from_old_on(context: ssl.SSLContext) -> ssl.SSLContext:
    """Let the server speak every version that there is, the oldest too."""
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    return context


def context_of(chain: str, key: str) -> ssl.SSLContext:
    """Return the context of a server that shows this chain."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # Some builds of Python leave this to the system.
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "chain"), Path(folder, "key")
        files[0].write_text(chain)
        files[1].write_text(key)
        context.load_cert_chain(*files)
    return context
