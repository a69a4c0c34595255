"""Measure how long a person waits for the first word, beside the model asked directly.

The model is a local stand-in that answers at once, so what is left is ours: sign-in, charge, thread, stream. The
reference asks the same stand-in through the same SDK client without the product around it.

    python -m benchmarks.first_word [--messages 50]
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from agent.prompt import SYSTEM_PROMPT
from agent.registry import REGISTRY
from benchmarks.databases import prepared
from clients.claude import ClaudeModel
from clients.model import TextDelta, TurnRequest
from tests.fakes.anthropic_server import FakeAnthropic
from tests.support.servers import Browser, servers
from tests.support.streams import events

PACK = 1000


def main() -> None:
    """Print the median and the 95th percentile in milliseconds, ours and the reference, on both databases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--messages", type=int, default=50)
    count = parser.parse_args().messages
    print(f"{'database':<12}{'median ms':>11}{'p95 ms':>9}{'direct ms':>11}{'ratio':>8}")
    for kind in ("sqlite", "postgresql"):
        with prepared(kind) as (_db, url), FakeAnthropic() as fake, tempfile.TemporaryDirectory() as folder:
            ours = sorted(_through_the_product(Path(folder), url, fake, count))
            direct = statistics.median(_directly(fake, count))
            median, late = statistics.median(ours), ours[int(len(ours) * 0.95)]
            print(f"{kind:<12}{median:>11.1f}{late:>9.1f}{direct:>11.1f}{median / direct:>8.1f}", flush=True)


def _through_the_product(folder: Path, url: str, fake: FakeAnthropic, count: int) -> list[float]:
    environment = {"AGENT": "claude", "ANTHROPIC_API_KEY": "sk-ant-benchmark", "ANTHROPIC_BASE_URL": fake.url}
    with servers(folder, url, **environment) as (server,):
        someone = Browser(server, "someone@example.com")
        assert someone.post("/api/credits/purchase", {"pack_size": PACK}).status_code == 200
        return _repeat(lambda: _first_word(someone), count)


def _first_word(someone: Browser) -> float:
    begun = time.perf_counter()
    reading = events(someone.stream("/api/chat", {"message": "hello"}).iter_content(None))
    next(data for name, data in reading if name == "delta")
    waited = (time.perf_counter() - begun) * 1000
    assert list(reading)[-1][0] == "done"
    return waited


def _directly(fake: FakeAnthropic, count: int) -> list[float]:
    model = ClaudeModel("sk-ant-benchmark", fake.url, "claude-sonnet-5-5", 60)
    message = {"role": "user", "content": [{"type": "text", "text": "hello"}]}
    request = TurnRequest(SYSTEM_PROMPT, [message], REGISTRY.model_schemas(REGISTRY.names), 1000)

    def ask() -> float:
        begun = time.perf_counter()
        turn = model.turn(request)
        next(event for event in turn if isinstance(event, TextDelta))
        waited = (time.perf_counter() - begun) * 1000
        list(turn)
        return waited

    return _repeat(ask, count)


def _repeat(measure: Callable[[], float], count: int) -> list[float]:
    measure()  # The first one opens the connection.
    return [measure() for _ in range(count)]


if __name__ == "__main__":
    main()
