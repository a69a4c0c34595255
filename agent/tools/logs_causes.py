"""Recognise well-known troubles in logs, and say what usually lies behind them and where to look."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from agent.findings import Finding


class _Cause(NamedTuple):
    rule: str
    severity: str
    pattern: re.Pattern[str]
    what: str
    why: str
    fix: str


def _cause(rule: str, severity: str, pattern: str, what: str, why: str, fix: str) -> _Cause:
    return _Cause(rule, severity, re.compile(pattern), what, why, fix)


# Matched against the text in lower case.
_CAUSES = (
    _cause(
        "out-of-memory",
        "error",
        r"oomkilled|out of memory|outofmemoryerror|oom-kill|cannot allocate memory"
        r"|heap out of memory|exit(?:ed with)? (?:code|status) 137",
        "Memory ran out",
        "The process needed more memory than its limit or the machine has, and the kernel or the runtime ended it.",
        "Compare use with the limit (kubectl top, container_memory_working_set_bytes); raise it or find the leak.",
    ),
    _cause(
        "crash-loop",
        "error",
        r"crashloopbackoff|back-off restarting failed|restarting too quickly|start request repeated too quickly",
        "A container keeps crashing",
        "It ends right after it starts, so it is started again with growing pauses.",
        "Read the log of the run before (kubectl logs --previous) and the exit code; fix what it ends with.",
    ),
    _cause(
        "disk-full",
        "error",
        r"no space left on device|enospc|disk (?:is )?full|disk quota exceeded"
        r"|evicted.{0,60}ephemeral-storage|could not extend file",
        "A disk is full",
        "Nothing can be written: databases stop, logs are lost, images can't be pulled.",
        "Find what grows (df -h, df -i, du), delete or move it, enlarge the volume, rotate logs.",
    ),
    _cause(
        "too-many-open-files",
        "error",
        r"too many open files|emfile|enfile",
        "Too many files or sockets are open",
        "The process reached its limit of descriptors, often because connections are never closed.",
        "Count them (ls /proc/PID/fd), look for connections that leak, then raise ulimit -n.",
    ),
    _cause(
        "certificate",
        "error",
        r"certificate (?:has |is )?(?:expired|not yet valid)|certificate verify failed|x509: |cert_has_expired"
        r"|unable to get local issuer|self[- ]signed certificate|pkix path building failed|certificate_expired",
        "A certificate is not accepted",
        "It has expired, is for another name, or its issuer is not trusted.",
        "Inspect it with tls_inspect; renew it, or add the issuer to the trusted ones. Do not switch the check off.",
    ),
    _cause(
        "deadlock",
        "error",
        r"deadlock|lock wait timeout exceeded|could not serialize access|database is locked",
        "Transactions block each other",
        "They take the same locks in another order, or hold them for too long.",
        "Take locks in one order, keep transactions short, retry the one that was given up.",
    ),
    _cause(
        "connections-used-up",
        "error",
        r"too many connections|too many clients already|remaining connection slots|connection pool (?:is )?exhausted"
        r"|queuepool limit|timeout acquiring (?:a )?connection|unable to acquire (?:jdbc )?connection",
        "The connections of a database or pool are used up",
        "More are asked for than allowed, or they are not given back.",
        "Look for connections that are kept idle in a transaction; size pools times replicas below the server's limit.",
    ),
    _cause(
        "segfault",
        "error",
        r"segmentation fault|segfault at|sigsegv|signal 11\b|core dumped",
        "A process crashed in native code",
        "It touched memory that is not its own: a bug in a native library or a wrong build.",
        "Take the core dump or the backtrace; check for updates of native libraries, and musl against glibc.",
    ),
    _cause(
        "image-pull",
        "error",
        r"imagepullbackoff|errimagepull|pull access denied|manifest unknown|failed to pull image",
        "An image can't be pulled",
        "The name or tag is wrong, or the registry wants credentials.",
        "Check the image's name and tag, then imagePullSecrets and the registry's rate limit.",
    ),
    _cause(
        "dns",
        "warning",
        r"no such host|name or service not known|temporary failure in name resolution|enotfound|getaddrinfo|eai_again"
        r"|unknownhostexception|could not resolve host|nxdomain|servfail|name resolution",
        "A name could not be resolved",
        "The name is wrong, or the resolver (CoreDNS, resolv.conf) did not answer.",
        "Look the name up with dns_lookup; check the namespace and spelling, then CoreDNS and network policies.",
    ),
    _cause(
        "connection-refused",
        "warning",
        r"connection refused|econnrefused|connect: refused|actively refused",
        "A connection was refused",
        "Nothing listens at that address and port: the service is down, not ready yet, or listens elsewhere.",
        "Check that the service runs and on which port; in Kubernetes its endpoints and readiness.",
    ),
    _cause(
        "connection-reset",
        "warning",
        r"connection reset|econnreset|broken pipe|epipe\b|unexpected eof"
        r"|server closed the connection|upstream prematurely closed",
        "A connection broke off",
        "The other side ended it: it crashed, restarted, or its idle timeout is shorter than ours.",
        "Look at the other side's log at that time; keep the client's idle timeout below the server's.",
    ),
    _cause(
        "timeout",
        "warning",
        r"timed out|etimedout|deadline exceeded|timeout (?:exceeded|expired|after|waiting|while|error)"
        r"|(?:read|connect|request|gateway|i/o|socket|connection|operation|upstream|sockettimeout)"
        r" ?time-?out\b(?!\s*[=:]\s*\d)",
        "Something did not answer in time",
        "The other side is slow or overloaded, or packets are dropped on the way.",
        "Find out which call it is, look at the load there, then at firewalls; raise the limit last.",
    ),
    _cause(
        "permission-denied",
        "warning",
        r"permission denied|eacces|eperm\b|access denied|accessdenied"
        r"|is forbidden|not authorized|unauthorized|operation not permitted",
        "Access was denied",
        "The user, role or service account lacks a right, or a file belongs to someone else.",
        "Check who asks and what it may do: file owner and mode, securityContext, RBAC (kubectl auth can-i), IAM.",
    ),
    _cause(
        "authentication",
        "warning",
        r"authentication failed|password authentication failed|invalid (?:password|token|credentials|api key)"
        r"|login failed|failed password|token (?:has )?expired|jwt expired|invalid_grant",
        "A login failed",
        "The credentials are wrong or have expired, or someone is guessing.",
        "Compare the credentials of the client with the server's; if many names fail from outside, block and watch it.",
    ),
    _cause(
        "rate-limit",
        "warning",
        r"rate limit|ratelimit|too many requests|throttl|quota exceeded|toomanyrequests|slow down\b|http 429|\" 429 ",
        "Requests were limited",
        "More was asked for than the other side allows.",
        "Slow down and retry with growing pauses; cache answers, join requests, or ask for a higher limit.",
    ),
    _cause(
        "server-errors",
        "warning",
        r"\" 5\d\d \d|status[\"':= ]{1,4}5\d\d\b|http/\d(?:\.\d)?\" 5\d\d|bad gateway"
        r"|service unavailable|internal server error"
        r"|gateway time-?out",
        "Requests were answered with 5xx",
        "The server failed, or the proxy did not reach the one behind it (502, 503, 504).",
        "Find the first one and what was logged behind the proxy; 502 and 503: it is not there; 504: it is slow.",
    ),
    _cause(
        "probe-failed",
        "warning",
        r"(?:liveness|readiness|startup) probe failed|unhealthy: probe|health ?check failed",
        "A health check failed",
        "The process was too slow or not ready; Kubernetes restarts it or takes it out of service.",
        "Call the probe's path by hand; compare its timeout with the start time, and use a startup probe.",
    ),
    _cause(
        "address-in-use",
        "error",
        r"address already in use|eaddrinuse|port is already allocated",
        "A port is taken",
        "Another process, often an older one of the same program, listens there.",
        "Find it with ss -ltnp and end it, or use another port.",
    ),
    _cause(
        "missing-setting",
        "error",
        r"environment variable.{0,60}(?:not set|missing|required)"
        r"|missing required (?:env|environment|config|setting)|createcontainerconfigerror",
        "A setting is missing",
        "The program needs a variable or file that was not given to it.",
        "Compare the variables that it reads with those of the deployment, its ConfigMaps and Secrets.",
    ),
)  # fmt: skip


def causes(text: str) -> Iterator[Finding]:
    """Yield a finding for each known trouble, with its first line and how often it shows."""
    lower = text.lower()
    if len(lower) != len(text):
        # Some letters change their length in lower case; the lines stay the same.
        lower = "\n".join(line.lower() for line in text.split("\n"))
    starts = [0, *accumulate(len(line) + 1 for line in lower.split("\n"))]
    for cause in _CAUSES:
        lines = sorted({bisect_right(starts, match.start()) for match in cause.pattern.finditer(lower)})
        if lines:
            more = (
                f"in {len(lines)} lines, first in line {lines[0]}, last in line {lines[-1]}" if len(lines) > 1 else ""
            )
            message = f"{cause.what}: {more or f'in line {lines[0]}'}."
            yield Finding(cause.rule, cause.severity, message, cause.why, cause.fix, lines[0])
