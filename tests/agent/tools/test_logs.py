"""Show that logs are read in the usual formats, and that what is in them is told truly and fast."""

import json
import time
from typing import Any

import pytest

from agent.outcomes import RESULT_MAX_CHARS
from agent.tools.logs import LOG_ANALYZE, analyse
from agent.tools.logs_lines import read_line
from agent.types import ToolError
from tests.agent.tools.support import NOWHERE


def rules(text: str) -> list[tuple[str, int]]:
    return [(one["rule"], one["line"]) for one in analyse(text)["findings"]]


@pytest.mark.parametrize(
    ("line", "when", "level"),
    [
        ("2026-11-22T10:00:01Z INFO started", "2026-11-22 10:00:01", "info"),
        ("2026-11-22T12:00:01.123+02:00 WARN slow", "2026-11-22 10:00:01.123000", "warning"),
        ("2026-11-22 10:00:01,123 ERROR app.db: gone", "2026-11-22 10:00:01.123000", "error"),
        ("[2026-11-22 10:00:01] app.ERROR: gone", "2026-11-22 10:00:01", "error"),
        ("ERROR:root:gone", None, "error"),
        ("2026/11/22 10:00:01 [error] 7#7: *1 connect() failed", "2026-11-22 10:00:01", "error"),
        (
            '1.2.3.4 - - [22/Nov/2026:11:00:01 +0100] "GET /a HTTP/1.1" 502 12 "-" "curl"',
            "2026-11-22 10:00:01",
            "error",
        ),
        ('1.2.3.4 - bob [22/Nov/2026:10:00:01 +0000] "GET /a HTTP/1.1" 404 12', "2026-11-22 10:00:01", "warning"),
        ("Nov  2 10:00:01 host sshd[1]: Failed password", "2000-11-02 10:00:01", "unknown"),
        ("<34>Feb 29 10:00:01 host kernel: panic: x", "2000-02-29 10:00:01", "fatal"),
        ("E1122 10:00:01.123456       1 reflector.go:1] gone", "2000-11-22 10:00:01.123456", "error"),
        ("1795341601 disk warning: x", "2026-11-22 10:00:01", "warning"),
        ("1795341601123 [WARN] x", "2026-11-22 10:00:01", "warning"),
        ('{"level":50,"time":1795341601000,"msg":"gone"}', "2026-11-22 10:00:01", "error"),
        ('{"event":"gone","level":"critical","timestamp":"2026-11-22T10:00:01Z"}', "2026-11-22 10:00:01", "fatal"),
        ('{"level":"warn","ts":1795341601.5,"msg":"x"}', "2026-11-22 10:00:01.500000", "warning"),
        (
            '{"log":"ERROR gone\\n","stream":"stderr","time":"2026-11-22T10:00:01.1Z"}',
            "2026-11-22 10:00:01.100000",
            "error",
        ),
        ('time="2026-11-22T10:00:01Z" level=error msg="can\'t reach it"', "2026-11-22 10:00:01", "error"),
        ("ts=2026-11-22T10:00:01Z level=info msg=ok", "2026-11-22 10:00:01", "info"),
        ("web-1  | 2026-11-22T10:00:01Z DEBUG x", "2026-11-22 10:00:01", "debug"),
        ("\x1b[31m2026-11-22T10:00:01Z ERROR\x1b[0m x", "2026-11-22 10:00:01", "error"),
        ("just words with 2026-99-99T99:99:99Z in them", None, "unknown"),
        ("99999999999999999999 x", None, "unknown"),
    ],
)
def test_a_line_is_read(line: str, when: str | None, level: str) -> None:
    entry = read_line(1, line.replace("\x1b[31m", "").replace("\x1b[0m", ""))
    assert (str(entry.time) if entry.time else None, entry.level) == (when, level)


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
        (JAVA, "java", "java.net.ConnectException: Connection refused", 3),
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


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("Reason: OOMKilled, exit code 137", "out-of-memory"),
        ("Back-off restarting failed container", "crash-loop"),
        ("write /var/x: no space left on device", "disk-full"),
        ("accept4: too many open files", "too-many-open-files"),
        ("x509: certificate has expired or is not yet valid", "certificate"),
        ("ERROR: deadlock detected", "deadlock"),
        ("FATAL: sorry, too many clients already", "connections-used-up"),
        ("dial tcp: lookup db on 10.0.0.10:53: no such host", "dns"),
        ("connect ECONNREFUSED 127.0.0.1:5432", "connection-refused"),
        ("read: connection reset by peer", "connection-reset"),
        ("upstream timed out (110)", "timeout"),
        ("open /etc/x: permission denied", "permission-denied"),
        ('FATAL: password authentication failed for user "bob"', "authentication"),
        ("HTTP 429 Too Many Requests", "rate-limit"),
        ('1.1.1.1 - - [22/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 503 12', "server-errors"),
        ("Readiness probe failed: HTTP probe failed", "probe-failed"),
        ("bind: address already in use", "address-in-use"),
        ('Failed to pull image "x": manifest unknown', "image-pull"),
        ("segfault at 0 ip 00007f", "segfault"),
        ("environment variable DATABASE_URL is not set", "missing-setting"),
    ],
)
def test_known_troubles_are_named(line: str, rule: str) -> None:
    assert rules(f"2026-11-22T10:00:00Z INFO fine\n{line}\n") == [(rule, 2)]


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(usual()),
        "INFO read_timeout=30s connect timeout: 5\nINFO 500 items in 503 ms\nINFO listening on 5432",
        '1.1.1.1 - - [22/Nov/2026:10:00:00 +0000] "GET /503 HTTP/1.1" 200 512',
    ],
)
def test_a_calm_log_has_no_findings(text: str) -> None:
    data = analyse(text)
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
