"""Show that what is in a log is told truly and fast."""

import json
import time
from typing import Any

import pytest

from agent.outcomes import RESULT_MAX_CHARS
from agent.tools.logs.analyze import LOG_ANALYZE, analyse
from agent.types import ToolError
from tests.agent.tools.support import NOWHERE


def usual(lines: int = 120) -> list[str]:
    return [
        f"2026-11-22T10:{n // 2:02}:{n % 2 * 30:02}Z INFO request id={n:08x}a path=/orders/{n} took {n}ms"
        for n in range(lines)
    ]


def test_templates_span_levels_and_spikes_are_told() -> None:
    lines = usual()
    lines[40:40] = [
        f"2026-11-22T10:20:{n:02}Z ERROR db 10.0.0.{n}:5432: connect: connection refused" for n in range(30)
    ]
    data = analyse("\n".join(lines) + "\n")
    assert (data["lines"], data["entries"], data["levels"]) == (150, 150, {"error": 30, "info": 120})
    assert data["span"] == {
        "first": "2026-11-22T10:00:00", "last": "2026-11-22T10:59:30", "seconds": 3570, "zone": "UTC",
        "entries_with_time": 150,
    }  # fmt: skip
    assert [(one["count"], one["level"], one["first_line"]) for one in data["templates"]] == [
        (120, "info", 1),
        (30, "error", 41),
    ]
    assert data["templates"][1]["template"] == "ERROR db <ip>: connect: connection refused"
    assert (data["templates"][1]["first"], data["templates"][1]["last"]) == (
        "2026-11-22T10:20:00",
        "2026-11-22T10:20:29",
    )
    assert data["error_spikes"] == [
        {"start": "2026-11-22T10:20:00", "seconds": 60, "errors": 30, "usual": 1.0, "factor": 30.0}
    ]
    assert [(one["rule"], one["line"]) for one in data["findings"]] == [("connection-refused", 41)]


def test_what_is_new_at_the_end_is_pointed_out() -> None:
    data = analyse("\n".join([*usual(100), "2026-11-22T10:59:00Z FATAL cannot open the ledger"]))
    assert [one["template"] for one in data["new_at_the_end"]] == ["FATAL cannot open the ledger"]
    assert analyse("\n".join(usual(100)))["new_at_the_end"] == []


PYTHON = """2026-11-22 10:00:00,000 ERROR app: failed
Traceback (most recent call last):
  File "/app/a.py", line 1, in run
    x()
  File "/app/b.py", line 2, in x
    raise KeyError("id")
KeyError: 'id'
2026-11-22 10:00:01,000 INFO app: next"""
JAVA = """2026-11-22 10:00:00 ERROR o.a.C - Servlet failed
java.lang.IllegalStateException: no pool
\tat com.acme.Shop.buy(Shop.java:10)
\tat com.acme.Main.main(Main.java:3)
Caused by: java.net.ConnectException: Connection refused
\tat java.base/sun.nio.ch.Net.connect(Net.java:1)
\t... 2 more
2026-11-22 10:00:01 INFO o.a.C - next"""
GO = """2026/11/22 10:00:00 starting
panic: runtime error: index out of range [3] with length 3

goroutine 1 [running]:
main.pick(...)
\t/src/main.go:12
main.main()
\t/src/main.go:7 +0x1d
exit status 2"""
NODE = """TypeError: Cannot read properties of undefined (reading 'id')
    at pick (/app/a.js:3:10)
    at Object.<anonymous> (/app/b.js:9:1)
    at node:internal/main/run_main_module:28:49"""


@pytest.mark.parametrize(
    ("text", "language", "exception", "entries"),
    [
        (PYTHON, "python", "KeyError: 'id'", 2),
        (JAVA, "java", "java.net.ConnectException: Connection refused", 2),
        (GO, "go", "panic: runtime error: index out of range [3] with length 3", 2),
        (NODE, "node", "TypeError: Cannot read properties of undefined (reading 'id')", 1),
        (NODE + "\n" + NODE, "node", "TypeError: Cannot read properties of undefined (reading 'id')", 2),
    ],
)
def test_stack_traces_are_folded(text: str, language: str, exception: str, entries: int) -> None:
    data = analyse(text)
    assert data["entries"] == entries
    (trace,) = data["stack_traces"]
    assert (trace["language"], trace["exception"]) == (language, exception)
    assert data["levels"].get("error", 0) + data["levels"].get("fatal", 0) >= 1


def test_an_exception_below_its_line_of_the_log_counts_once() -> None:
    log = "".join(
        f"2026-11-22 10:15:{n:02} ERROR [http-1] c.a.Web - Request failed\n"
        f"java.lang.IllegalStateException: boom {n}\n"
        "\tat com.acme.Web.get(Web.java:12)\n\tat com.acme.Main.main(Main.java:5)\n"
        for n in range(10)
    )
    data = analyse(log + log.replace("Web.java:12", "Web.java:99"))
    assert (data["entries"], data["levels"]) == (20, {"error": 20})
    assert [(one["exception"], one["count"], one["frames"][0]) for one in data["stack_traces"]] == [
        ("java.lang.IllegalStateException: boom 0", 10, "at com.acme.Web.get(Web.java:12)"),
        ("java.lang.IllegalStateException: boom 0", 10, "at com.acme.Web.get(Web.java:99)"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "INFO started\n" + NODE,
        "WARN gone\nERROR: worse\n    at x (/a.js:1:1)\n    at y (/a.js:2:1)",
        NODE + "\n" + NODE,
    ],
    ids=["calm", "levels", "traces"],
)
def test_an_exception_of_its_own_stays_an_entry(text: str) -> None:
    assert analyse(text)["entries"] == 2


def test_a_calm_log_has_no_findings() -> None:
    data = analyse("\n".join(usual()))
    assert (data["findings"], data["error_spikes"], data["stack_traces"]) == ([], [], [])


def test_secrets_are_never_shown() -> None:
    token = "gh" + "p_" + "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"
    shown = json.dumps(analyse(f"INFO login password=hunter2\nERROR clone https://{token}@github.com failed\n"))
    assert "hunter2" not in shown and token not in shown
    assert "<redacted:github-token>" in shown


def test_control_characters_are_taken_out() -> None:
    shown = analyse("INFO a \x1b]0;evil\x07 b\n" + "INFO c\n" * 50)["templates"]
    assert all(char.isprintable() for one in shown for char in one["example"])


@pytest.mark.parametrize(
    ("text", "words"),
    [("\0\1\2", "binary"), ("\x01" * 50, "binary"), ("\n \n", "no line"), ("a\n" * 60_000, "60,000 lines")],
)
def test_what_is_no_log_is_refused(text: str, words: str) -> None:
    with pytest.raises(ToolError, match=words):
        analyse(text)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 200_000,
        "a\n" * 49_000,
        "".join(f"{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676 % 26)}\n" for n in range(40_000)),
        "".join(
            f"w{chr(97 + n % 26)} {chr(97 + n // 26 % 26)}x {chr(97 + n // 676)}y z{n * 7919 % 999}q\n"
            for n in range(12_000)
        ),
        "{" * 100_000 + "}",
        '{"a":' * 30_000 + "}\n" * 100,
        'msg="' * 40_000,
        "    at x\n" * 20_000,
        "Traceback (most recent call last):\n" * 5_000,
        "1" * 200_000,
        "2026-11-22T10:00:00Z " * 9_000,
        "\n".join(usual(2_000))[:200_000],
        "timed out " * 20_000,
        "environment variable " * 9_000,
        "evicted " * 25_000,
        "".join(f"{('Dec', 'Sep', 'Jun', 'Mar')[n % 4]}  1 10:00:00 x\n" for n in range(9_500)),
        "9999-12-31T00:00:00Z x\nJan  1 00:00:00 x\n" * 4_000,
        "ERROR x\nFooError: y\n at x(y)\n" * 6_000,
        "ERROR x\n" + "Foo" * 3_000 + "\n at x(y)\n",
        ("/1" * 40 + ' 503 x " ') * 2_000,
        "INFO " + "reason        " * 14_000,
    ],
    ids=lambda text: text[:16],
)
def test_any_log_is_done_soon_and_fits(text: str) -> None:
    began = time.process_time()
    output = LOG_ANALYZE.run(LOG_ANALYZE.read({"text": text}), NOWHERE)
    assert time.process_time() - began < 2.5
    assert len(json.dumps(output.data)) < RESULT_MAX_CHARS
    assert len(output.summary) <= 120


def test_wrong_input_is_refused() -> None:
    wrong: list[dict[str, Any]] = [{}, {"text": ""}, {"text": "x" * 200_001}, {"text": 5}, {"text": "x", "y": 1}]
    for raw in wrong:
        with pytest.raises(ToolError):
            LOG_ANALYZE.read(raw)
