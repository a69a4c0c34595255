"""Serve the fake cluster for people: `python -m tests.fakes.kubernetes_demo`.

It has a healthy deployment `web` and one called `api` that can't start, both in the namespace `shop`. It keeps them in
memory, and writes the kubeconfig by which it is connected.
"""

import argparse
import contextlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.kubernetes_objects import HASH, SHOP, deployment, event, pod, replicaset, termination, waiting
from tests.fakes.kubernetes_scenes import CRASH_LOG, healthy

PORT = 16443
KUBECONFIG = "instance/demo.kubeconfig"


@contextlib.contextmanager
def served(folder: Path, port: int = 0) -> Iterator[FakeKubernetes]:
    """Serve the cluster while the `with` block lasts, with its kubeconfig in this folder."""
    with FakeKubernetes(port) as fake:
        fake.controller = True
        healthy(fake)
        _crash(fake, "api")
        (folder / KUBECONFIG).parent.mkdir(exist_ok=True)
        (folder / KUBECONFIG).write_text(fake.kubeconfig(SHOP))
        yield fake


def _crash(fake: FakeKubernetes, name: str) -> None:
    """Add a deployment of one pod that ends again and again, since its database does not answer."""
    message = f"back-off 5m0s restarting failed container={name} pod={name}-{HASH}-x2x7k_{SHOP}(0b1c)"
    state = waiting("CrashLoopBackOff", message, name=name, restarts=12, last=termination(1))
    broken = pod(name, statuses=[state])
    fake.put(deployment(name, 1), replicaset(name, 1), broken, event(broken, "BackOff", message))
    fake.logs[(SHOP, broken["metadata"]["name"], name, True)] = CRASH_LOG


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.kubernetes_demo", description="A stand-in cluster.")
    parser.add_argument("--port", type=int, default=PORT)
    given = parser.parse_args()
    with served(Path.cwd(), given.port) as fake, contextlib.suppress(KeyboardInterrupt):
        sys.stdout.write(f"The stand-in cluster is at {fake.url}; its kubeconfig is in {KUBECONFIG}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
