"""List the well-known troubles of logs: their phrases, what usually lies behind them and where to look."""

import re
from typing import NamedTuple


class Cause(NamedTuple):
    """A trouble and the phrases that tell it."""

    rule: str
    severity: str
    pattern: re.Pattern[str]
    """Counts in every line but those of the levels info and debug."""
    sure: re.Pattern[str] | None
    """What can mean nothing else, so that the match also counts in a line of the level info or debug."""
    what: str
    why: str
    fix: str
    unless: str
    """The rule that says the same with more certainty."""


def _cause(
    rule: str, severity: str, pattern: str, what: str, why: str, fix: str, *, sure: str = "", unless: str = ""
) -> Cause:
    return Cause(rule, severity, re.compile(pattern), re.compile(sure) if sure else None, what, why, fix, unless)


# Matched against the text in lower case.
CAUSES = (
    _cause(
        "out-of-memory",
        "error",
        r"oomkilled|out of memory(?! killer)|outofmemoryerror|oom-kill|cannot allocate memory",
        "Memory ran out",
        "The process needed more memory than its limit or the machine has, and the kernel or the runtime ended it.",
        "Compare use with the limit (kubectl top, container_memory_working_set_bytes); raise it or find the leak.",
        sure=r"out of memory: kill|invoked oom-killer|reason\W{1,20}oomkilled",
    ),
    _cause(
        "killed",
        "warning",
        r"\bexit(?:ed)?(?: with)? (?:code|status)[:= ]{1,12}137\b|\berrno 137\b",
        "A process was killed (exit code 137)",
        "Signal 9 ended it: it needed too much memory, or it did not stop in time when it was asked to.",
        "Look for OOMKilled (kubectl describe pod, docker inspect, dmesg); else see why it ignores SIGTERM.",
        unless="out-of-memory",
    ),
    _cause(
        "crash-loop",
        "error",
        r"crashloopbackoff|back-off restarting failed|restarting too quickly|start request repeated too quickly",
        "A container keeps crashing",
        "It ends right after it starts, so it is started again with growing pauses.",
        "Read the log of the run before (kubectl logs --previous) and the exit code; fix what it ends with.",
        sure=r"reason\W{1,20}crashloopbackoff|back-off restarting failed",
    ),
    _cause(
        "disk-full",
        "error",
        r"no space left on device|enospc|disk (?:is )?full|disk quota exceeded"
        r"|evicted.{0,60}ephemeral-storage|could not extend file",
        "A disk is full",
        "Nothing can be written: databases stop, logs are lost, images can't be pulled.",
        "Find what grows (df -h, df -i, du), delete or move it, enlarge the volume, rotate logs.",
        sure=r"no space left on device",
    ),
    _cause(
        "too-many-open-files",
        "error",
        r"too many open files|emfile|enfile",
        "Too many files or sockets are open",
        "The process reached its limit of descriptors, often because connections are never closed.",
        "Count them (ls /proc/PID/fd), look for connections that leak, then raise ulimit -n.",
        sure=r"too many open files",
    ),
    _cause(
        "certificate",
        "error",
        r"certificate (?:has |is )?(?:expired|not yet valid)|certificate verify failed|x509: |cert_has_expired"
        r"|unable to get local issuer|self[- ]signed certificate|pkix path building failed|certificate_expired",
        "A certificate is not accepted",
        "It has expired, is for another name, or its issuer is not trusted.",
        "Inspect it with tls_inspect; renew it, or add the issuer to the trusted ones. Do not switch the check off.",
        sure=r"x509: certificate|certificate verify failed",
    ),
    _cause(
        "deadlock",
        "error",
        r"deadlock(?:ed\b|_detected| detected| found when|loser)|lock wait timeout exceeded"
        r"|could not serialize access|database is locked",
        "Transactions block each other",
        "They take the same locks in another order, or hold them for too long.",
        "Take locks in one order, keep transactions short, retry the one that was given up.",
        sure=r"deadlock detected|deadlock found when",
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
        # Go names this signal for an ordinary nil pointer too, in brackets.
        r"segmentation fault|segfault at|(?<!\[signal )sigsegv|signal 11\b|core dumped|signal arrived during cgo",
        "A process crashed in native code",
        "It touched memory that is not its own: a bug in a native library or a wrong build.",
        "Take the core dump or the backtrace; check for updates of native libraries, and musl against glibc.",
        sure=r"segfault at \w+ ip",
    ),
    _cause(
        "nil-pointer",
        "error",
        r"nil pointer dereference|\bnullpointerexception\b",
        "The program used a value that is not there (nil or null)",
        "Nothing was returned where something was expected, often after an error that was not checked.",
        "Open the first frame of your own code in the stack trace, and see where the value there comes from.",
    ),
    _cause(
        "image-pull",
        "error",
        r"imagepullbackoff|errimagepull|pull access denied|manifest unknown|failed to pull image",
        "An image can't be pulled",
        "The name or tag is wrong, or the registry wants credentials.",
        "Check the image's name and tag, then imagePullSecrets and the registry's rate limit.",
        sure=r"reason\W{1,20}(?:imagepullbackoff|errimagepull)",
    ),
    _cause(
        "not-scheduled",
        "error",
        r"\bfailedscheduling\b|\b0/\d{1,6} nodes are available",
        "A pod finds no node to run on",
        "No node has what it asks for: CPU or memory, a label, a tolerated taint, a volume in the same zone.",
        "The message says how many nodes fail for which reason; lower the requests, or add or free a node.",
    ),
    _cause(
        "volume-not-mounted",
        "error",
        r"\bfailedmount\b|\bfailedattachvolume\b|multi-attach error|mountvolume\.\w+ failed"
        r"|unable to attach or mount volumes",
        "A volume can't be mounted",
        "A ConfigMap, Secret or claim is missing, or the disk still hangs on another node.",
        "Create what the message names. Multi-Attach: wait for the old pod to end, or use strategy Recreate.",
    ),
    _cause(
        "evicted",
        "error",
        r"\bwarning\s{1,20}evicted\b|reason\W{1,20}evicted\b|node was low on resource",
        "A pod was evicted",
        "Its node ran short of memory or disk, and the pods that use more than they request go first.",
        "Set requests to what the pods really use; look for what fills the node (kubectl describe node).",
        sure=r"reason\W{1,20}evicted\b|node was low on resource",
    ),
    _cause(
        "quota-used-up",
        "error",
        r"(?:exceeded|failed) quota: ",
        "The quota of a namespace is used up",
        "Its ResourceQuota has no room for what was asked, so nothing is created.",
        "See kubectl describe quota; lower requests, delete what is not used, or raise the quota.",
        sure=r"forbidden: exceeded quota",
    ),
    _cause(
        "dns",
        "warning",
        r"no such host|name or service not known|temporary failure in name resolution|enotfound|getaddrinfo|eai_again"
        r"|unknownhostexception|could not resolve host|nxdomain|servfail|name resolution",
        "A name could not be resolved",
        "The name is wrong, or the resolver (CoreDNS, resolv.conf) did not answer.",
        "Look the name up with dns_lookup; check the namespace and spelling, then CoreDNS and network policies.",
        sure=r"\blookup \S{1,200} on \S{1,60}: no such host|getaddrinfo e",
    ),
    _cause(
        "connection-refused",
        "warning",
        r"connection refused|econnrefused|connect: refused|actively refused",
        "A connection was refused",
        "Nothing listens at that address and port: the service is down, not ready yet, or listens elsewhere.",
        "Check that the service runs and on which port; in Kubernetes its endpoints and readiness.",
        sure=r"connect: connection refused|econnrefused \S{1,60}:\d",
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
        r"|is forbidden(?!: (?:exceeded quota|failed quota|maximum |minimum ))|not authorized|unauthorized"
        r"|operation not permitted",
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
        sure=r"failed password for|authentication failed for|login failed for",
    ),
    _cause(
        "rate-limit",
        "warning",
        r"rate limit|ratelimit|too many requests|throttl|(?<!disk )quota exceeded|toomanyrequests"
        r"|slow down\b|http 429|\" 429 ",
        "Requests were limited",
        "More was asked for than the other side allows.",
        "Slow down and retry with growing pauses; cache answers, join requests, or ask for a higher limit.",
    ),
    _cause(
        "server-errors",
        "warning",
        r"\" 5\d\d \d|status[\"':= ]{1,4}5\d\d\b|http/\d(?:\.\d)?\" 5\d\d|bad gateway"
        r"|service unavailable|internal server error"
        r"|gateway time-?out"
        # AWS load balancers and HAProxy.
        r"| 5\d\d (?:[1-5]\d\d|-) \d{1,20} \d{1,20} \"[a-z-]|/-?\d{1,10} 5\d\d \+?\d{1,20} ",
        "Requests were answered with 5xx",
        "The server failed, or the proxy did not reach the one behind it (502, 503, 504).",
        "Find the first one and what was logged behind the proxy; 502 and 503: it is not there; 504: it is slow.",
        sure=r"status(?:_?code)?[\"':= ]{1,4}5\d\d\b",
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
        sure=r"address already in use",
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
