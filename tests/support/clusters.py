"""Let people connect a fake cluster and have the agent ask whether it may scale a deployment there."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.fakes import anthropic_scripts as scripts
from tests.fakes.anthropic_server import FakeAnthropic
from tests.fakes.kubernetes import Answer, FakeKubernetes, Request
from tests.fakes.kubernetes_scenes import healthy

REACHABLE = {"TOOLS_ALLOW_PRIVATE": "127.0.0.1"}
"""What a server needs so that its tools may reach the fakes."""
PRICE = 5


class HeldCluster(FakeKubernetes):
    """A cluster that can also keep reads waiting, until `hold_reads` is set."""

    def __init__(self, token: str = "fake-cluster-token-0123456789abcdef") -> None:
        super().__init__(token=token)
        self.hold_reads: threading.Event | None = None

    def __exit__(self, *exception: object) -> None:
        if self.hold_reads is not None:
            self.hold_reads.set()
        super().__exit__(*exception)

    def answer(self, request: Request) -> Answer | None:
        """Wait if the test wants it, before the request counts as read or not."""
        gate = self.hold_reads
        if gate is None or request.method != "GET":
            return super().answer(request)
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
        gate.wait(60)
        self.requests.remove(request)
        return super().answer(request)

    @property
    def arrived(self) -> int:
        """Return how many writes have arrived, applied or not."""
        return sum(request.method != "GET" for request in self.requests)

    def wait_for_writes(self, count: int, seconds: float = 60.0) -> None:
        """Wait until so many writes have arrived."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.arrived >= count, seconds), f"{self.arrived} writes came"


@contextmanager
def shop(token: str = "fake-cluster-token-0123456789abcdef") -> Iterator[HeldCluster]:
    """Serve a cluster with the deployment `web` of three pods, which follow every write at once."""
    with HeldCluster(token) as fake:
        fake.controller = True
        healthy(fake)
        yield fake


def scale(replicas: int = 5, **more: Any) -> tuple[str, dict[str, Any]]:
    """Return the model's call that scales the deployment."""
    return "k8s_scale", {"namespace": "shop", "deployment": "web", "replicas": replicas, **more}


def body_of(fake: FakeKubernetes, name: str = "prod") -> dict[str, Any]:
    """Return what connects this cluster."""
    settings = {"server": fake.url, "token": fake.token, "ca": fake.ca_pem}
    return {"kind": "kubernetes", "name": name, "settings": settings}


def let_ask(anthropic: FakeAnthropic, *later: Any, call: tuple[str, dict[str, Any]] | None = None) -> None:
    """Have the model ask to scale, and say `later` when it is asked again."""
    anthropic.enqueue(scripts.tools(call or scale(), before="I would scale it."), *later)
