"""Make one HTTP request through the guard, redirects included.

httpcore speaks HTTP over a connection that we opened ourselves, to an address that was checked. There is no pool, no
proxy, no cookie, no second look at DNS, and one deadline over all of it.
"""

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace

import httpcore

from clients.outward.addresses import Address
from clients.outward.bodies import BrokenBody, read_body
from clients.outward.deadline import Deadline
from clients.outward.dialling import dial
from clients.outward.guard import Guard
from clients.outward.stream import BoundedStream
from clients.outward.trust import Trust, shake_hands
from clients.outward.urls import Url, follow, read_url
from clients.reach import Hop, Refused, Request, Response, TlsMaterial, Unreachable

USER_AGENT = "DevOps-Agent/1.0"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_METHOD = re.compile(r"[A-Z]{3,16}")
# We set these ourselves, so that what is checked is what is sent.
_OURS = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer", "expect", "keep-alive"}
)


@dataclass(frozen=True)
class _Ask:
    """One request to one origin."""

    method: str
    url: Url
    headers: dict[str, str]
    body: bytes | None
    tls: TlsMaterial | None


@dataclass(frozen=True)
class _Answer:
    """The open answer to one request."""

    raw: httpcore.Response
    stream: BoundedStream
    address: Address
    timings: dict[str, float]
    certificate: bytes | None

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [(_text(name), _text(value)) for name, value in self.raw.headers]


def fetch(guard: Guard, trust: Trust, request: Request) -> Response:
    """Return the answer; raises Refused and Unreachable."""
    deadline = Deadline(request.seconds)
    ask = _first(request)
    hops: list[Hop] = []
    sent = False
    while True:
        try:
            answer = _open(guard, trust, ask, deadline)
        except Unreachable as error:
            raise Unreachable(error.kind, error.message, sent=error.sent or sent) from None
        try:
            sent = True
            following = _next(ask, answer) if len(hops) < request.redirects else None
            if following is None:
                return _whole(request, ask, answer, hops, deadline)
            hops.append(Hop(answer.raw.status, str(ask.url), str(following.url)))
            ask = following
        finally:
            answer.stream.close()


def _first(request: Request) -> _Ask:
    method = request.method.upper()
    if not _METHOD.fullmatch(method) or method in ("CONNECT", "TRACE"):
        raise Refused("bad_request", "The method of the request is not allowed.")
    headers = {"user-agent": USER_AGENT, "accept": "*/*", "accept-encoding": "gzip, deflate"}
    for name, value in request.headers.items():
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise Refused("bad_request", "A header of the request has characters that are not allowed in it.")
        headers[name.lower()] = value
    sent = {name: value for name, value in headers.items() if name not in _OURS and not name.startswith("proxy-")}
    return _Ask(method, read_url(request.url, request.params), sent, request.body, request.tls)


def _next(ask: _Ask, answer: _Answer) -> _Ask | None:
    """Return the request that a redirect asks for; None if it is none, or would carry the body to another origin."""
    location = next((value for name, value in answer.headers if name.lower() == "location"), None)
    if answer.raw.status not in _REDIRECTS or location is None:
        return None
    url = follow(ask.url, location)
    method, body, headers = ask.method, ask.body, dict(ask.headers)
    if (answer.raw.status == 303 and method != "HEAD") or (answer.raw.status in (301, 302) and method == "POST"):
        method, body = "GET", None
        headers.pop("content-type", None)
    if url.origin == ask.url.origin:
        return replace(ask, method=method, url=url, headers=headers, body=body)
    if body is not None:
        return None
    kept = {name: headers[name] for name in ("accept", "accept-encoding", "user-agent")}
    return _Ask(method, url, kept, None, None)


def _text(raw: bytes) -> str:
    """Return a header as text: UTF-8, as many servers send it, or else Latin-1, as the standard once had it."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _open(guard: Guard, trust: Trust, ask: _Ask, deadline: Deadline) -> _Answer:
    """Resolve, check, dial, shake hands, ask, and read the head of the answer."""
    url, host = ask.url, str(ask.url.host)
    marks = [deadline.now()]
    guard.check_port(url.host, url.port)
    places = guard.places(url.host, url.port, deadline)
    marks.append(deadline.now())
    context = trust.context(ask.tls) if url.scheme == "https" else None
    connection, address = dial(host, places, url.port, deadline)
    marks.append(deadline.now())
    if context is not None:
        connection = shake_hands(context, connection, host, deadline)
    marks.append(deadline.now())
    stream = BoundedStream(connection, host, deadline)
    raw = _converse(ask, stream, host)
    stream.in_head = False
    names = ("dns", "connect", "tls")
    timings = {name: _ms(end - start) for name, start, end in zip(names, marks, marks[1:], strict=False)}
    timings["first_byte"] = _ms((stream.answered_at or 0) - (stream.asked_at or marks[-1]))
    certificate = connection.getpeercert(binary_form=True) if isinstance(connection, ssl.SSLSocket) else None
    return _Answer(raw, stream, address, timings, certificate)


def _converse(ask: _Ask, stream: BoundedStream, host: str) -> httpcore.Response:
    origin = httpcore.Origin(ask.url.scheme.encode(), host.encode(), ask.url.port)
    headers = {"host": ask.url.netloc, **ask.headers, "connection": "close"}
    if ask.body is not None or ask.method in ("POST", "PUT", "PATCH"):
        headers["content-length"] = str(len(ask.body or b""))
    question = httpcore.Request(
        ask.method.encode(),
        httpcore.URL(scheme=origin.scheme, host=origin.host, port=origin.port, target=ask.url.target.encode("ascii")),
        headers=[(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        content=ask.body or b"",
    )
    try:
        return httpcore.HTTP11Connection(origin, stream).handle_request(question)
    except (httpcore.ProtocolError, httpcore.NetworkError):
        stream.close()
        words = (
            "closed the connection without a whole HTTP answer" if stream.ended else "did not answer with valid HTTP"
        )
        raise Unreachable("protocol", f"{host} {words}.", sent=stream.sent) from None
    except BaseException:
        stream.close()
        raise


def _whole(request: Request, ask: _Ask, answer: _Answer, hops: list[Hop], deadline: Deadline) -> Response:
    host = str(ask.url.host)
    encoding = ", ".join(value for name, value in answer.headers if name.lower() == "content-encoding")
    try:
        body, truncated = read_body(_pieces(answer.raw, host), encoding, request.max_bytes)
    except BrokenBody:
        raise Unreachable("protocol", f"{host} sent a body that can't be decompressed.", sent=True) from None
    if truncated and not request.cut:
        raise Unreachable("too_large", f"{host} answered with more than {request.max_bytes} bytes.", sent=True)
    version = bytes(answer.raw.extensions["http_version"]).decode("ascii")
    timings = {**answer.timings, "total": _ms(deadline.spent())}
    return Response(
        status=answer.raw.status,
        url=str(ask.url),
        headers=answer.headers,
        body=body,
        truncated=truncated,
        address=str(answer.address),
        http_version=version,
        hops=hops,
        timings=timings,
        certificate=answer.certificate,
    )


def _pieces(raw: httpcore.Response, host: str) -> Iterator[bytes]:
    try:
        yield from raw.iter_stream()
    except (httpcore.ProtocolError, httpcore.NetworkError):
        raise Unreachable("protocol", f"{host} broke off in the middle of its answer.", sent=True) from None


def _ms(seconds: float) -> float:
    return round(max(0.0, seconds) * 1000, 1)
