"""Stand in for a cluster's API on a local port, over the real wire: HTTPS, tokens, Status errors, selectors."""

import base64
import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

import trustme

from tests.fakes.kubernetes_discovery import discovered
from tests.fakes.kubernetes_store import BY_PLURAL, Address, Failure, Json, Store, scale_of

PATIENCE_SECONDS = 10.0
USER = "system:serviceaccount:kube-system:devops-agent"
PATCHES = ("application/merge-patch+json", "application/strategic-merge-patch+json")
METADATA_ONLY = "as=PartialObjectMetadata"


@dataclass(frozen=True)
class Request:
    """What a client asked; the names of headers are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    certificate: bool = False
    """Whether the client showed a certificate of the cluster's CA."""

    def json(self) -> Json:
        """Return the body as JSON."""
        found: Json = json.loads(self.body)
        return found


@dataclass(frozen=True)
class Answer:
    """What the client gets."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


class FakeKubernetes:
    """Serve a cluster on a free port while the `with` block lasts.

    Knobs: `drop_after_write` applies a write and breaks the line instead of answering; `hold_writes`, once it is an
    Event, keeps each write waiting, not applied, until it is set; `controller` makes deployments ready at once after
    a write; `answers` replaces what a path answers; `before_write` is called right before a write is applied.
    """

    def __init__(self, port: int = 0, *, token: str = "fake-cluster-token-0123456789abcdef") -> None:
        self.token = token
        self.store = Store()
        self.version = "v1.31.2"
        self.requests: list[Request] = []
        self.writes: list[Request] = []
        self.logs: dict[tuple[str, str, str, bool], str] = {}
        self.answers: dict[str, Answer] = {}
        self.drop_after_write = False
        self.hold_writes: threading.Event | None = None
        self.before_write: Callable[[Request], None] = lambda _request: None
        self.slow_seconds = 0.0
        self.controller = False
        self.closing = threading.Event()
        self._forbidden: set[tuple[str, str]] = set()
        self._changed = threading.Condition()
        self._ca, context = _authority()
        self._server = _Server(("127.0.0.1", port), self, context)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.closing.set()
        if self.hold_writes is not None:
            self.hold_writes.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()

    @property
    def url(self) -> str:
        """Return the address of the API."""
        return f"https://127.0.0.1:{self._server.server_address[1]}"

    @property
    def ca_pem(self) -> str:
        """Return the cluster's certificate authority."""
        return self._ca.cert_pem.bytes().decode()

    def client_pair(self, name: str = "devops-agent") -> tuple[str, str]:
        """Return a client certificate that this cluster trusts, and its key, as PEM."""
        made = self._ca.issue_cert(f"{name}@example.org", common_name=name, organization_name="readers")
        chain = b"".join(part.bytes() for part in made.cert_chain_pems)
        return chain.decode(), made.private_key_pem.bytes().decode()

    def settings(self, namespace: str = "default") -> dict[str, str]:
        """Return a connection's stored settings, by token."""
        return {"server": self.url, "token": self.token, "ca": self.ca_pem, "namespace": namespace}

    def kubeconfig(self, namespace: str = "shop", *, certificate: bool = False) -> str:
        """Return a kubeconfig for this cluster, with the token or a client certificate inline."""
        pair = self.client_pair() if certificate else None
        user = f"token: {self.token}"
        if pair:
            user = f"client-certificate-data: {_encoded(pair[0])}\n    client-key-data: {_encoded(pair[1])}"
        return (
            "apiVersion: v1\nkind: Config\ncurrent-context: prod\npreferences: {}\nclusters:\n- name: prod-cluster\n"
            f"  cluster:\n    server: {self.url}\n    certificate-authority-data: {_encoded(self.ca_pem)}\n"
            "contexts:\n- name: prod\n  context:\n    cluster: prod-cluster\n    user: reader\n"
            f"    namespace: {namespace}\nusers:\n- name: reader\n  user:\n    {user}\n"
        )

    def put(self, *found: Json) -> None:
        """Store objects."""
        for one in found:
            self.store.put(one)

    def forbid(self, verb: str, plural: str) -> None:
        """Take a right away from everyone, such as `list`, `events`."""
        self._forbidden.add((verb, plural))

    def wait_for_requests(self, count: int, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until so many requests have arrived."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count, seconds):
                raise AssertionError(f"{len(self.requests)} of {count} requests came within {seconds:.0f} s")

    def answer(self, request: Request) -> Answer | None:
        """Note the request and return its answer; None breaks the line."""
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
        if self.slow_seconds:
            self.closing.wait(self.slow_seconds)
        if request.method != "GET" and self.hold_writes is not None:
            self.hold_writes.wait(PATIENCE_SECONDS * 6)
        try:
            made = self.answers.get(request.path) or self._answer(request)
        except Failure as failure:
            return Answer(failure.status, json.dumps(failure.body).encode())
        return None if request.method != "GET" and self.drop_after_write else made

    def _answer(self, request: Request) -> Answer:
        if not request.certificate and request.headers.get("authorization") != f"Bearer {self.token}":
            raise Failure(401, "Unauthorized", "Unauthorized")
        if request.path == "/version":
            return _json({"major": "1", "minor": "31", "gitVersion": self.version, "platform": "linux/amd64"})
        found = discovered(request.path)
        if found is not None:
            return _json(found)
        address = _address(request.path)
        self._refuse(request, address)
        with self._changed:
            if address.part == "log":
                return Answer(200, self._log(address, request.query).encode(), "text/plain")
            if request.method == "PATCH":
                return self._patch(request, address)
            if request.method != "GET":
                raise Failure(
                    405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
                )
            return _json(self._read(request, address))

    def _refuse(self, request: Request, address: Address) -> None:
        verb = "patch" if request.method == "PATCH" else "get" if address.name else "list"
        plural = f"{address.plural}/{address.part}" if address.part else address.plural
        if (verb, plural) in self._forbidden:
            where = f' in the namespace "{address.namespace}"' if address.namespace else " at the cluster scope"
            named = f' "{address.name}"' if address.name else ""
            message = (
                f'{address.qualified}{named} is forbidden: User "{USER}" cannot {verb} resource "{plural}" '
                f'in API group "{address.group}"{where}'
            )
            raise Failure(403, "Forbidden", message, name=address.name, kind=address.plural, group=address.group)

    def _read(self, request: Request, address: Address) -> Json:
        bare = METADATA_ONLY in request.headers.get("accept", "")
        if address.name:
            found = self.store.get(address)
            if address.part == "scale":
                return scale_of(found)
            return _metadata_of(found) if bare else found
        page = self.store.list(address, request.query)
        if bare:
            page = {**page, "kind": "PartialObjectMetadataList", "items": [_metadata_of(one) for one in page["items"]]}
        return page

    def _log(self, address: Address, query: dict[str, str]) -> str:
        pod = self.store.get(Address("pods", "", address.namespace, address.name))
        spec = pod["spec"]
        names = [one["name"] for one in [*spec.get("initContainers", []), *spec["containers"]]]
        container = query.get("container", "")
        if not container:
            if len(spec["containers"]) > 1:
                choice = " ".join(names)
                raise _bad(f"a container name must be specified for pod {address.name}, choose one of: [{choice}]")
            container = spec["containers"][0]["name"]
        if container not in names:
            raise _bad(f"container {container} is not valid for pod {address.name}")
        previous = query.get("previous") == "true"
        text = self.logs.get((address.namespace, address.name, container, previous))
        if text is None and previous:
            raise _bad(f'previous terminated container "{container}" in pod "{address.name}" not found')
        statuses = pod.get("status", {}).get("containerStatuses", [])
        status = next((one for one in statuses if one["name"] == container), {"state": {}})
        if text is None and status.get("lastState", {}).get("terminated"):
            # Between two runs the kubelet gives the log of the one that ended.
            text = self.logs.get((address.namespace, address.name, container, True))
        waiting = status["state"].get("waiting")
        if text is None and waiting:
            raise _bad(f'container "{container}" in pod "{address.name}" is waiting to start: {waiting["reason"]}')
        lines = (text or "").splitlines(keepends=True)
        tail = int(query.get("tailLines", len(lines)))
        encoded = "".join(lines[-tail:] if tail else []).encode()
        return encoded[: int(query.get("limitBytes", len(encoded)))].decode("utf-8", "ignore")

    def _patch(self, request: Request, address: Address) -> Answer:
        if request.headers.get("content-type") not in PATCHES:
            raise Failure(415, "UnsupportedMediaType", "the body of the request was in an unknown format")
        self.before_write(request)
        change = request.json()
        if address.part == "scale":
            change = {"metadata": change.get("metadata", {}), "spec": {"replicas": change["spec"]["replicas"]}}
        after = self.store.patch(address, change)
        self.writes.append(request)
        if self.controller and address.plural == "deployments":
            after = self.store.put(_rolled_out(after))
        return _json(scale_of(after) if address.part == "scale" else after)


def _rolled_out(deployment: Json) -> Json:
    wanted = deployment["spec"].get("replicas", 1)
    counts = dict.fromkeys(("replicas", "readyReplicas", "updatedReplicas", "availableReplicas"), wanted)
    status = {**deployment.get("status", {}), **counts, "observedGeneration": deployment["metadata"]["generation"]}
    status.pop("unavailableReplicas", None)
    return {**deployment, "status": status}


def _bad(message: str) -> Failure:
    return Failure(400, "BadRequest", message)


def _json(value: Json) -> Answer:
    return Answer(200, json.dumps(value).encode())


def _metadata_of(found: Json) -> Json:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": found["metadata"]}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _address(path: str) -> Address:
    """Read `/api/v1/namespaces/shop/pods/web/log` and its like; raises Failure for what is none."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1] if len(parts) > 1 else "", parts[3:])
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    if not rest or (group, rest[0]) not in BY_PLURAL or len(rest) > 3:
        raise Failure(404, "NotFound", "the server could not find the requested resource")
    return Address(rest[0], group, namespace, *rest[1:])


@cache
def _authority() -> tuple[trustme.CA, ssl.SSLContext]:
    """Return the certificate authority of all fake clusters of this process, and a server's context from it."""
    ca = trustme.CA(organization_name="fake cluster")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    return ca, context


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], fake: FakeKubernetes, context: ssl.SSLContext) -> None:
        super().__init__(address, _Handler)
        self.fake = fake
        self._context = context
        self._lines: set[socket.socket] = set()

    def get_request(self) -> tuple[Any, Any]:
        """Accept a line; its handshake is made in its own thread, so that a slow client holds nobody up."""
        line, address = super().get_request()
        return self._context.wrap_socket(line, server_side=True, do_handshake_on_connect=False), address

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the line while it is open."""
        self._lines.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the line and close it."""
        self._lines.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Break all lines, which also ends the threads that wait on them."""
        for line in list(self._lines):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that hung up or did not like the certificate."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    connection: ssl.SSLSocket

    def setup(self) -> None:
        """Shake hands before anything is read."""
        self.request.do_handshake()
        super().setup()

    def do_GET(self) -> None:
        """Answer a read."""
        self._respond()

    def do_PATCH(self) -> None:
        """Answer a write."""
        self._respond()

    do_POST = do_PUT = do_DELETE = do_PATCH

    def _respond(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        certificate = bool(self.connection.getpeercert())
        answer = self.server.fake.answer(Request(self.command, parts.path, query, headers, body, certificate))
        if answer is None:
            self.close_connection = True
            return
        # `send_response` would add a Server header that no API server sends.
        self.send_response_only(answer.status)
        self.send_header("Date", formatdate(usegmt=True))
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *_arguments: Any) -> None:
        """Keep quiet."""
