"""Show that lines are read in the usual formats, grouped by what they say, and set in time."""

import pytest

from agent.tools.logs.analyze import analyse
from agent.tools.logs.lines import read_line


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
        ("Nov  2 10:00:01 host sshd[1]: Failed password", "0400-11-02 10:00:01", "unknown"),
        ("<34>Feb 29 10:00:01 host kernel: panic: x", "0400-02-29 10:00:01", "fatal"),
        ("E1122 10:00:01.123456       1 reflector.go:1] gone", "0400-11-22 10:00:01.123456", "error"),
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
        ("2026-11-22T10:00:01.123456789Z E1122 10:00:01.1       1 a.go:1] gone", "2026-11-22 10:00:01.123456", "error"),
        ("2026-11-22T10:00:01Z stderr F W1122 10:00:01.1       1 a.go:1] slow", "2026-11-22 10:00:01", "warning"),
        ("3m    Warning   FailedMount   pod/web-1   MountVolume.SetUp failed: error: x", None, "warning"),
        ("shop  5m (x9 over 1h)  Warning  BackOff  pod/web-1  Back-off", None, "warning"),
        ("  Normal  Pulled  3m (x2 over 5m)  kubelet  pulled, no errors", None, "info"),
        ("ERROR it said: Warning Light on", None, "error"),
        (
            'https 2026-11-22T10:00:01.1Z app/lb/x 1.2.3.4:5 10.0.0.1:80 0.0 0.1 0.0 502 - 1 2 "GET https://x/ HTTP"',
            "2026-11-22 10:00:01.100000",
            "error",
        ),
        (
            'Nov 22 10:00:01 lb haproxy[1]: 10.0.0.1:5 [x] fe be/<NOSRV> 0/-1/-1/-1/0 503 212 - - SC-- 1/1 0/0 "GET /"',
            "0400-11-22 10:00:01",
            "error",
        ),
        ("Nov 22 10:00:01 h kernel: Out of memory: Killed process 1 (java)", "0400-11-22 10:00:01", "error"),
        ("0001-01-01T00:00:00Z INFO no time", None, "info"),
        ("just words with 2026-99-99T99:99:99Z in them", None, "unknown"),
        ("99999999999999999999 x", None, "unknown"),
    ],
)
def test_a_line_is_read(line: str, when: str | None, level: str) -> None:
    entry = read_line(1, line.replace("\x1b[31m", "").replace("\x1b[0m", ""))
    assert (str(entry.time) if entry.time else None, entry.level) == (when, level)


def request(status: int, number: int) -> str:
    path = f"/api/v1/users/{number}"
    return (
        f'10.0.0.1 - - [22/Nov/2026:10:00:{number % 60:02} +0000] "GET {path} HTTP/1.1" {status} {number} "-" "curl/8"'
    )


@pytest.mark.parametrize(
    ("lines", "templates"),
    [
        (
            [request(status, number) for number, status in enumerate([200] * 7 + [301] * 3 + [404] * 2 + [502])],
            [
                ('<ip> - - "GET /api/v1/users/<n> HTTP/<n>" 200 <n> "-" "curl/<n>"', 7, "info"),
                ('<ip> - - "GET /api/v1/users/<n> HTTP/<n>" 301 <n> "-" "curl/<n>"', 3, "info"),
                ('<ip> - - "GET /api/v1/users/<n> HTTP/<n>" 404 <n> "-" "curl/<n>"', 2, "warning"),
                ('<ip> - - "GET /api/v1/users/<n> HTTP/<n>" 502 <n> "-" "curl/<n>"', 1, "error"),
            ],
        ),
        (
            ["10:15:01 [main] ERROR c.a.Web - boom", "10:15:02 [main] INFO c.a.Web - ok"],
            [
                ("<n>:<n>:<n> [main] ERROR c.a.Web - boom", 1, "error"),
                ("<n>:<n>:<n> [main] INFO c.a.Web - ok", 1, "info"),
            ],
        ),
        (["ERROR x509: sha256 of pod web12345"], [("ERROR x509: sha256 of pod web<n>", 1, "error")]),
        (["ERROR user12 gone", "ERROR user345 gone"], [("ERROR <*> gone", 2, "error")]),
    ],
    ids=["statuses", "levels", "names", "numbered"],
)
def test_a_template_holds_one_level_and_one_status(lines: list[str], templates: list[tuple[str, int, str]]) -> None:
    found = analyse("\n".join(lines))["templates"]
    assert [(one["template"], one["count"], one["level"]) for one in found] == templates


@pytest.mark.parametrize(
    ("times", "first", "last", "seconds"),
    [
        (["Nov 22 10:15:01", "2026-11-22T10:15:05Z"], "2026-11-22T10:15:01", "2026-11-22T10:15:05", 4),
        (["2026-12-31T23:59:58Z", "Jan  1 00:00:02"], "2026-12-31T23:59:58", "2027-01-01T00:00:02", 4),
        (["Dec 31 23:59:58", "Jan  1 00:00:02"], "12-31 23:59:58", "01-01 00:00:02", 4),
        (["Jan  1 00:00:02", "Dec 31 23:59:58"], "12-31 23:59:58", "01-01 00:00:02", 4),
        (["Nov 22 10:15:01", "Nov 22 10:15:00"], "11-22 10:15:00", "11-22 10:15:01", 1),
        (["Jan  5 00:00:00", "Aug 20 00:00:00"], "01-05 00:00:00", "08-20 00:00:00", 228 * 86_400),
        (["2026-03-01T00:00:00Z", "Feb 29 00:00:00"], "2026-02-28T00:00:00", "2026-03-01T00:00:00", 86_400),
    ],
    ids=["dated-after", "dated-before", "new-year", "newest-first", "out-of-order", "far-apart", "no-leap-day"],
)
def test_the_span_is_true_though_years_are_left_out(times: list[str], first: str, last: str, seconds: int) -> None:
    span = analyse("\n".join(f"{one} h app[1]: x" for one in times))["span"]
    assert (span["first"], span["last"], span["seconds"]) == (first, last, seconds)


def test_months_in_no_order_never_become_a_year() -> None:
    log = "".join(f"{('Dec', 'Sep', 'Jun', 'Mar')[n % 4]}  1 10:00:00 h x\n" for n in range(4_000))
    span = analyse(log)["span"]
    assert (span["first"], span["last"][2:]) == ("12-01 10:00:00", "-01 10:00:00")
