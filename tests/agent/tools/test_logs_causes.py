"""Show that known troubles are named, and that harmless lines are not taken for them."""

import pytest

from agent.tools.logs.analyze import analyse


def rules(text: str) -> list[tuple[str, int]]:
    return [(one["rule"], one["line"]) for one in analyse(text)["findings"]]


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
        ("web-1 exited with code 137", "killed"),
        ("panic: runtime error: invalid memory address or nil pointer dereference", "nil-pointer"),
        ("pods w is forbidden: exceeded quota: q", "quota-used-up"),
        ("write: disk quota exceeded", "disk-full"),
        ("3m  Warning  FailedScheduling    pod/w  0/3 nodes are available: 3 Insufficient memory.", "not-scheduled"),
        ('3m  Warning  FailedMount         pod/w  configmap "x" not found', "volume-not-mounted"),
        ("3m  Warning  FailedAttachVolume  pod/w  Multi-Attach error for volume", "volume-not-mounted"),
        ("3m  Warning  Evicted             pod/w  The node was low on resource: memory.", "evicted"),
        ('h 2026-11-22T10:00:00Z lb 1.2.3.4:5 - -1 -1 -1 503 - 1 2 "GET https://x:443/ HTTP/1.1"', "server-errors"),
        ('[x] fe be/<NOSRV> 0/-1/-1/-1/0 503 212 - - SC-- 0/0 "GET / HTTP/1.1"', "server-errors"),
        ("INFO request done status=502", "server-errors"),
        ("INFO retrying: dial tcp 10.0.0.1:5432: connect: connection refused", "connection-refused"),
    ],
)
def test_known_troubles_are_named(line: str, rule: str) -> None:
    assert rules(f"2026-11-22T10:00:00Z INFO fine\n{line}\n") == [(rule, 2)]


@pytest.mark.parametrize(
    "text",
    [
        "INFO read_timeout=30s connect timeout: 5\nINFO 500 items in 503 ms\nINFO listening on 5432",
        '1.1.1.1 - - [22/Nov/2026:10:00:00 +0000] "GET /503 HTTP/1.1" 200 512',
        "INFO connection refused count=0\nINFO Permission denied page rendered\nDEBUG disk full check passed",
        "INFO deadlock_timeout=1s\nLOG: parameter deadlock_timeout changed\nOut of memory killer disabled",
        "INFO see the docs for exit code 137\nINFO settings:\n    on_oom: wait until OOMKilled\n",
        "cache entry evicted\n3/3 nodes are available\nfatal error: all goroutines are asleep - deadlock!",
    ],
)
def test_harmless_lines_are_no_trouble(text: str) -> None:
    data = analyse(text)
    assert (data["findings"], data["error_spikes"], data["stack_traces"]) == ([], [], [])


def test_a_crash_of_go_is_no_crash_of_native_code() -> None:
    crash = "panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation "
    assert rules(crash + "violation code=0x1]\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:10 +0x1d\n") == [
        ("nil-pointer", 1)
    ]
