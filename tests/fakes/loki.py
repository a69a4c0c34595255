"""Stand in for Loki's HTTP API on loopback: streams and matrices by query, labels, and its errors in plain text."""

from typing import Any
from urllib.parse import parse_qs

from tests.fakes.scripted_web import Asked, Reply, WebServer

START = 1_764_000_000_000_000_000
SECOND = 1_000_000_000
LABELS = {"app": ["web", "worker"], "namespace": ["shop"]}


def stream(*lines: str, start: int = START, **labels: str) -> dict[str, Any]:
    """Return a stream, its lines a second apart, the latest first as `direction=backward` gives them."""
    values = [[str(start + index * SECOND), line] for index, line in enumerate(lines)]
    return {"stream": labels, "values": values[::-1]}


def _apart(streams: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Unless it is asked not to, Loki counts a line's metadata among its labels, and makes streams by them."""
    found: dict[str, dict[str, Any]] = {}
    for one in streams:
        for when, line, *more in one["values"]:
            labels = one["stream"] | (more[0]["structuredMetadata"] if more else {})
            found.setdefault(str(labels), {"stream": labels, "values": []})["values"].append([when, line])
    return list(found.values())


class FakeLoki(WebServer):
    """Serve `streams` and `matrices` by query."""

    def __init__(self, token: str = "", prefix: str = "", tenant: str = "") -> None:
        super().__init__()
        self.token, self.prefix, self.tenant = token, prefix, tenant
        self.streams: dict[str, list[dict[str, Any]]] = {}
        self.matrices: dict[str, list[dict[str, Any]]] = {}
        self.more: dict[str, Any] = {}

    @property
    def base(self) -> str:
        """Return the address with the prefix."""
        return self.url + self.prefix

    def answer(self, asked: Asked) -> Reply:
        """Check the token and answer."""
        plain = {"Content-Type": "text/plain; charset=utf-8"}
        if self.token and asked.headers.get("authorization") != f"Bearer {self.token}":
            return Reply(401, b"Unauthorized\n", plain)
        if self.tenant and asked.headers.get("x-scope-orgid") != self.tenant:
            return Reply(401, b"no org id\n", plain)
        path = asked.path.removeprefix(f"{self.prefix}/loki/api/v1/")
        form = {name: values[-1] for name, values in parse_qs(asked.body.decode()).items()} | asked.query
        if path == "query_range":
            return self._range(form, asked.headers.get("x-loki-response-encoding-flags") == "categorize-labels")
        if path == "labels":
            return Reply(200, {"status": "success", "data": list(LABELS)})
        if path.startswith("label/"):
            return Reply(200, {"status": "success", "data": LABELS.get(path.split("/")[1], [])})
        if path == "status/buildinfo":
            return Reply(200, {"version": "3.5.7", "revision": "abc", "branch": "HEAD", "goVersion": "go1.24.4"})
        return Reply(404, b"404 page not found\n", plain)

    def _range(self, form: dict[str, str], categorize: bool) -> Reply:
        query = form["query"]
        if "{" not in query:
            words = b"parse error at line 1, col 1: syntax error: unexpected IDENTIFIER"
            return Reply(400, words, {"Content-Type": "text/plain; charset=utf-8"})
        streams = self.streams.get(query, [])
        kind, result = (
            ("matrix", self.matrices[query])
            if query in self.matrices
            else ("streams", streams if categorize else _apart(streams))
        )
        data = {"resultType": kind, "result": result, "stats": {"summary": {"totalLinesProcessed": 10}}}
        return Reply(200, {"status": "success", "data": data, **self.more})
