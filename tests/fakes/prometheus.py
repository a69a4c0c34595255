"""Stand in for Prometheus' HTTP API on loopback: scripted results, its errors, its names of metrics."""

from typing import Any
from urllib.parse import parse_qs

from tests.fakes.scripted_web import Asked, Reply, WebServer

METRICS = ("up", "http_requests_total", "http_request_duration_seconds_bucket", "node_cpu_seconds_total")


def matrix(*values: float | str, start: float = 1_764_000_000, step: float = 60, **labels: str) -> dict[str, Any]:
    """Return one series of a range query."""
    return {"metric": labels, "values": [[start + index * step, str(value)] for index, value in enumerate(values)]}


def sample(value: float | str, **labels: str) -> dict[str, Any]:
    """Return one series of an instant query."""
    return {"metric": labels, "value": [1_764_000_000.5, str(value)]}


def failure(status: int, kind: str, message: str) -> Reply:
    """Return an error as Prometheus tells it."""
    return Reply(status, {"status": "error", "errorType": kind, "error": message})


class FakePrometheus(WebServer):
    """Serve `instant` and `ranged` results by query; a prefix of the path and a token can be set."""

    def __init__(self, token: str = "", prefix: str = "", tenant: str = "") -> None:
        super().__init__()
        self.token, self.prefix, self.tenant = token, prefix, tenant
        self.instant: dict[str, list[dict[str, Any]]] = {"up": [sample(1, __name__="up", job="api")]}
        self.ranged: dict[str, list[dict[str, Any]]] = {}
        self.more: dict[str, Any] = {}
        """Added to each answer, such as warnings."""

    @property
    def base(self) -> str:
        """Return the address with the prefix."""
        return self.url + self.prefix

    def answer(self, asked: Asked) -> Reply:
        """Check the token and answer."""
        if self.token and asked.headers.get("authorization") != f"Bearer {self.token}":
            return Reply(401, b"Unauthorized\n", {"Content-Type": "text/plain"})
        if self.tenant and asked.headers.get("x-scope-orgid") != self.tenant:
            # So does Mimir.
            return Reply(401, b"no org id\n", {"Content-Type": "text/plain"})
        if not asked.path.startswith(f"{self.prefix}/api/v1/"):
            return Reply(404, b"404 page not found\n", {"Content-Type": "text/plain"})
        path = asked.path.removeprefix(f"{self.prefix}/api/v1/")
        form = {name: values[-1] for name, values in parse_qs(asked.body.decode()).items()} | asked.query
        if path == "query":
            return self._query(form)
        if path == "query_range":
            return self._answered({"resultType": "matrix", "result": self.ranged.get(form["query"], [])})
        if path == "status/buildinfo":
            return self._answered({"version": "3.5.0", "revision": "8be3a9560fbd", "goVersion": "go1.24.4"})
        if path == "label/__name__/values":
            return self._answered(_named(form.get("match[]", "")))
        return Reply(404, b"404 page not found\n", {"Content-Type": "text/plain"})

    def _query(self, form: dict[str, str]) -> Reply:
        if form["query"] == "1":
            return self._answered({"resultType": "scalar", "result": [1_764_000_000.5, "1"]})
        if "(" in form["query"] and ")" not in form["query"]:
            return failure(400, "bad_data", 'invalid parameter "query": 1:5: parse error: unclosed left parenthesis')
        return self._answered({"resultType": "vector", "result": self.instant.get(form["query"], [])})

    def _answered(self, data: Any) -> Reply:
        return Reply(200, {"status": "success", "data": data, **self.more})


def _named(match: str) -> list[str]:
    """Understand the two matchers that the tool sends."""
    exact = match.removeprefix('{__name__="').removesuffix('"}')
    part = match.removeprefix('{__name__=~".*').removesuffix('.*"}')
    return [name for name in METRICS if name == exact or (part != match and part in name)]
