"""Say which certificates a connection believes in, and which of its own it shows."""

import os
import socket
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

from clients.outward.deadline import Deadline, late
from clients.reach import TlsMaterial, Unreachable


class Trust:
    """Make TLS contexts; the one with the system's roots is made once, since reading them takes long."""

    def __init__(self, extra_roots: str | None = None) -> None:
        self._extra_roots = extra_roots

    def context(self, material: TlsMaterial | None) -> ssl.SSLContext:
        """Return the context for a request; raises Unreachable `tls` for material that can't be used."""
        if material is None or material == TlsMaterial():
            return self.system
        context = ssl.create_default_context() if material.ca is None else _with_ca(material.ca)
        if material.ca is None and self._extra_roots:
            context.load_verify_locations(cadata=self._extra_roots)
        if material.client_certificate is not None:
            _show(context, material.client_certificate, material.client_key or "")
        return _for_http(context)

    @cached_property
    def system(self) -> ssl.SSLContext:
        """Return the context that believes in the system's roots, and in the extra ones."""
        context = ssl.create_default_context()
        if self._extra_roots:
            context.load_verify_locations(cadata=self._extra_roots)
        return _for_http(context)


def _for_http(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _with_ca(ca: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=ca)
    except (ssl.SSLError, ValueError):
        raise Unreachable("tls", "The CA certificate of the connection can't be read; it must be PEM.") from None
    # A CA that the user names is believed as it is, also when it is signed by another.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _show(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Load a client certificate. OpenSSL reads it from files only."""
    with ExitStack() as opened:
        try:
            files = [opened.enter_context(_in_memory(text)) for text in (certificate, key)]
        except (OSError, AttributeError):
            # Not on Linux, or memory can't be a file here.
            files = [opened.enter_context(_on_disk(text)) for text in (certificate, key)]
        try:
            # The empty password keeps OpenSSL from asking for one at the terminal.
            context.load_cert_chain(files[0], files[1], password="")
        except (ssl.SSLError, ValueError, OSError):
            raise Unreachable(
                "tls", "The client certificate of the connection can't be used; it and its key must be PEM and fit."
            ) from None


@contextmanager
def _in_memory(text: str) -> Iterator[str]:
    """Yield the path of a file that is in memory only, so that nothing is left however the process ends."""
    descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        path = f"/proc/self/fd/{descriptor}"
        # A process that has dropped its rights may not open its own files by this way.
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        yield path


@contextmanager
def _on_disk(text: str) -> Iterator[str]:
    """Yield the path of a file that is ours alone and gone at once."""
    with tempfile.TemporaryDirectory(prefix="tls-") as folder:
        file = Path(folder) / "pem"
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")
        yield str(file)


def is_refusal_of_ours(error: ssl.SSLError) -> bool:
    """Tell whether the other side ended the handshake because of our client certificate, so that it read nothing."""
    return error.reason in {
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "TLSV1_ALERT_UNKNOWN_CA",
        "TLSV1_ALERT_ACCESS_DENIED",
        "TLSV1_ALERT_DECRYPT_ERROR",
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
    }


def shake_hands(context: ssl.SSLContext, raw: socket.socket, host: str, deadline: Deadline) -> ssl.SSLSocket:
    """Return the connection in TLS, which then owns the socket; raises Unreachable `tls` or `timeout`."""
    try:
        raw.settimeout(deadline.check(host))
        return context.wrap_socket(raw, server_hostname=host)
    except TimeoutError:
        raise late(host, deadline.seconds) from None
    except ssl.SSLCertVerificationError as error:
        problem = error.verify_message.rstrip(".")
        raise Unreachable("tls", f"The certificate of {host} is not trusted: {problem}.") from None
    except (ssl.SSLError, OSError, ValueError) as error:
        raise Unreachable("tls", f"No TLS with {host}: {why(error)}.") from None
    finally:
        raw.close()  # Once wrapped, this is an empty shell.


def why(error: Exception) -> str:
    """Return OpenSSL's reason in a few plain words."""
    reason = getattr(error, "reason", None)
    if isinstance(reason, str):
        return reason.replace("_", " ").lower()
    return "the handshake was broken off"
