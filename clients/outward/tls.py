"""Look at how a server does TLS: what it shows, whether that holds, and which old protocols it still takes."""

import ssl
import warnings
from typing import Any

from clients.outward.addresses import Address
from clients.outward.deadline import Deadline
from clients.outward.dialling import dial
from clients.outward.guard import Guard
from clients.outward.hosts import read_host, shown
from clients.outward.trust import Trust, shake_hands
from clients.reach import Refused, TlsSeen, Unreachable

# OpenSSL's SSL_OP_LEGACY_SERVER_CONNECT, which Python names from 3.12 on: also look at servers without RFC 5746.
_LEGACY_SERVERS_TOO = 0x4
_DER = 2  # ENCODING_DER of OpenSSL's binding.


def _anything(lowest: ssl.TLSVersion, highest: ssl.TLSVersion) -> ssl.SSLContext:
    """Return a context that verifies nothing and takes weak ciphers too, for looking only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.options |= _LEGACY_SERVERS_TOO
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        # Python warns of the very protocols that are looked for. This runs once, while there is one thread.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = lowest, highest
    return context


_ANY = _anything(ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.MAXIMUM_SUPPORTED)
_OLD = {
    "TLSv1": _anything(ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1),
    "TLSv1.1": _anything(ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1),
}


def inspect(guard: Guard, trust: Trust, text: str, port: int, seconds: float) -> TlsSeen:
    """Return what the server shows; raises Refused and Unreachable. Nothing is sent after the handshakes."""
    if not 0 < port < 65536:
        raise Refused("bad_port", f"{port} is not a port; it must be a number from 1 to 65535.")
    if any(one.isspace() or not one.isprintable() for one in text):
        raise Refused("bad_url", f"{shown(text)} is not a valid host name or address.")
    deadline = Deadline(seconds)
    host = read_host(text)
    guard.check_tls_port(host, port)
    places = guard.places(host, port, deadline)
    raw, address = dial(str(host), places, port, deadline)
    with shake_hands(_ANY, raw, str(host), deadline) as connection:
        cipher = connection.cipher()
        seen = (connection.version() or "unknown", cipher[0] if cipher else "unknown", _chain(connection))
    problem = _problem(trust, str(host), address, port, deadline)
    older = [name for name in _OLD if _takes(name, str(host), address, port, deadline)]
    return TlsSeen(str(address), *seen, trusted=problem is None, problem=problem, older_protocols=older)


def _chain(connection: ssl.SSLSocket) -> list[bytes]:
    # Before Python 3.13 the whole chain is at hand only on the object inside of the socket.
    inner: Any = getattr(connection, "_sslobj", None)
    certificates = inner.get_unverified_chain() if hasattr(inner, "get_unverified_chain") else None
    if certificates:
        return [bytes(one.public_bytes(_DER)) for one in certificates]
    own = connection.getpeercert(binary_form=True)
    return [own] if own else []


def _problem(trust: Trust, host: str, address: Address, port: int, deadline: Deadline) -> str | None:
    """Return why the chain, the name or the dates do not hold, in OpenSSL's words; None if they do."""
    raw, _ = dial(host, [address], port, deadline)
    try:
        raw.settimeout(deadline.check(host))
        with trust.system.wrap_socket(raw, server_hostname=host):
            return None
    except ssl.SSLCertVerificationError as error:
        return error.verify_message.rstrip(".")
    except ssl.SSLError as error:
        return (error.reason or "the verified handshake failed").replace("_", " ").lower()
    except OSError:
        return "the verified handshake was broken off"
    finally:
        raw.close()


def _takes(protocol: str, host: str, address: Address, port: int, deadline: Deadline) -> bool:
    try:
        raw, _ = dial(host, [address], port, deadline)
        with shake_hands(_OLD[protocol], raw, host, deadline):
            return True
    except Unreachable:
        return False
