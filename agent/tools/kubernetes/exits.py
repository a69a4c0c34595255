"""Read what an exit code and the last lines of a log mean."""

import re

_CODES = {
    0: "ended without an error",
    1: "the program's general error",
    2: "wrong use of a shell or a command, or the program's own error",
    125: "the container itself failed to run",
    126: "the command cannot be executed",
    127: "the command was not found",
    128: "the container could not be started",
    130: "interrupted, SIGINT",
    132: "illegal instruction, SIGILL: often a program for another processor",
    133: "trap, SIGTRAP",
    134: "aborted by itself, SIGABRT",
    135: "bus error, SIGBUS",
    136: "arithmetic error, SIGFPE",
    137: "killed, SIGKILL: out of memory, a failed probe, or a stop that took too long",
    139: "segmentation fault, SIGSEGV",
    143: "asked to stop, SIGTERM",
    255: "the program's error outside the usual range",
}

_CHECK_OTHER = "Check that the service it needs runs and has endpoints, its name and port, and network policies."
# The first expression that matches counts, so the more telling ones stand first. Each is linear in a line's length.
_CLUES: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(expression, re.IGNORECASE), why, fix)
    for expression, why, fix in (
        (
            r"heap out of memory|outofmemoryerror|cannot allocate memory|std::bad_alloc|memoryerror",
            "it runs out of memory by its own account",
            "Give it more memory, both as the container's limit and as the program's own heap setting.",
        ),
        (
            r"password authentication failed|access denied for user|authentication failed|invalid credentials|noauth",
            "another service refuses its login",
            "Correct the user and password in the Secret that it reads, and restart it.",
        ),
        (
            r"connection refused|econnrefused|no route to host|host is unreachable|i/o timeout|connection timed out",
            "it cannot reach another service",
            _CHECK_OTHER,
        ),
        (
            r"no such host|name or service not known|getaddrinfo|could not translate host|nxdomain|name resolution",
            "it cannot resolve the name of another service",
            _CHECK_OTHER,
        ),
        (
            r"keyerror: |(environment variable|env var|required setting|config(uration)? key)\b.{0,80}"
            r"(not set|missing|required|undefined|empty)|missing required|must be set",
            "a setting is missing",
            "Set the variable or key that the log names in the container's env, ConfigMap or Secret.",
        ),
        (
            r"relation .{1,80} does not exist|no such table|unknown column|pending migration|migrations are pending",
            "its database has not the tables that it expects",
            "Run the migrations of this version, or start the version that fits the database.",
        ),
        (r"address already in use|eaddrinuse", "its port is taken", "Let each container of the pod use its own port."),
        (
            r"permission denied|eacces|operation not permitted|read-only file system|erofs",
            "it may not do something on its file system",
            "Check runAsUser, fsGroup and readOnlyRootFilesystem, and mount an emptyDir where it must write.",
        ),
        (
            r"modulenotfounderror|importerror|cannot find module|classnotfoundexception|noclassdeffound|"
            r"error while loading shared libraries",
            "a part of the program is missing in the image",
            "Build the image again with this dependency.",
        ),
        (
            r"no such file or directory|enoent|filenotfound",
            "a file is missing",
            "Put the file that the log names into the image or mount it.",
        ),
        (
            r"x509|certificate (has expired|verify failed|is not trusted)|unable to get local issuer",
            "a certificate is not accepted",
            "Give the program the right certificate authority, or renew the certificate that the log names.",
        ),
        (
            r"yaml: |unmarshal|invalid config|failed to parse|parse error|syntaxerror|unexpected token",
            "something that it reads has wrong syntax",
            "Correct the file that the log names.",
        ),
        (
            r"^panic: |fatal error: |traceback \(most recent|unhandled exception|exception in thread|segfault",
            "its program has an error that it does not catch",
            "Fix the program at the place that the log names, or go back to the last version that worked.",
        ),
    )
)
LINE_MAX = 600


def meaning(code: int) -> str:
    """Say what an exit code means."""
    if code in _CODES:
        return _CODES[code]
    return f"ended by signal {code - 128}" if 128 < code < 160 else "the program's own error code"


def log_clue(lines: list[str]) -> tuple[str, str, str] | None:
    """Return why it ended, what to do, and the line that says so, or None; later lines tell more than earlier ones."""
    for pattern, why, fix in _CLUES:
        for line in reversed(lines):
            if pattern.search(line[:LINE_MAX]):
                return why, fix, line[:LINE_MAX]
    return None
