"""Read the log of a failed job: the part around its error, and the lines that likely tell why."""

import re
from typing import Any

from agent.outside import ask, printable
from agent.tools.github.api import GitHub, demand
from agent.types import ToolError
from clients.reach import Request, Response

READ_BYTES = 4_000_000
TAIL_BYTES = 1_000_000
TAIL_LINES = 60
LINES_AFTER_ERROR = 3
LINE_MAX = 300
TAIL_CHARS = 4_000
ERRORS_LISTED = 6
CAUSES_LISTED = 8

_STAMP = re.compile(r"^\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z ?")
_ANSI = re.compile(r"\x1b(?:\[[0-?]{0,32}[ -/]{0,8}[@-~]|[@-Z\\-_])")
_ERROR = "##[error]"
# What a runner writes about itself, before and after the steps.
_OF_THE_RUNNER = re.compile(r"##\[(?:group|endgroup|debug|command|section|notice)\]")
_CAUSE = re.compile(
    r"\b(?:errors?|err!|fatal|exception|traceback|panic|failed|failure|fail|denied|unauthorized|forbidden|"
    r"not found|no such file|cannot|can't|could not|unable to|timed? ?out|refused|out of memory|oom|killed|"
    r"no space left|undefined|unresolved|assert\w*)\b",
    re.IGNORECASE,
)
# These speak of errors without being one.
_NO_CAUSE = re.compile(r"\b(?:0 (?:errors?|failed|failures)|no errors?|exit code 0|process completed)\b", re.IGNORECASE)


def failed_log(github: GitHub, job_id: int) -> dict[str, Any]:
    """Return error lines, likely causes and the lines around the last error; a log that is gone is said, no error."""
    try:
        response = _fetch(github, job_id)
    except ToolError as error:
        return {"note": f"The log could not be read. {error}"}
    if response is None:
        return {"note": "GitHub has no log of this job (any more), or the token may not read it."}
    return {**digest(response.body.decode("utf-8", "replace")), **({"cut": True} if response.truncated else {})}


def digest(text: str) -> dict[str, Any]:
    """Return what matters in a job's log."""
    lines = [_clean(line) for line in text.split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    errors = [number for number, line in enumerate(lines) if _ERROR in line]
    end = min(len(lines), errors[-1] + 1 + LINES_AFTER_ERROR) if errors else len(lines)
    part = lines[max(0, end - TAIL_LINES) : end]
    told = [lines[number].replace(_ERROR, "", 1).strip() for number in errors]
    causes = [line.strip() for line in part if _is_cause(line)]
    return {
        "lines": len(lines),
        "errors": told[-ERRORS_LISTED:],
        "likely_causes": list(dict.fromkeys(causes))[-CAUSES_LISTED:],
        "tail": _last_chars(part),
    }


def _fetch(github: GitHub, job_id: int) -> Response | None:
    """Return the log, or its end if it is large. It stands on another host, which must not get the token."""
    request = github.request("GET", f"/actions/jobs/{job_id}/logs")
    first = ask(github.out, _at(request.url, dict(request.headers)), "GitHub")
    if first.status in (301, 302, 303, 307, 308):
        location = first.header("location") or ""
        if not location.startswith(("https://", "http://")):
            raise ToolError("GitHub did not say where the log is.", ours=True)
        first = _whole_or_end(github, location)
    if first.status in (404, 410):
        return None
    demand(first)
    return first


def _whole_or_end(github: GitHub, location: str) -> Response:
    response = ask(github.out, _at(location, {}), "The store of GitHub's logs")
    length = response.header("content-length") or ""
    if not response.truncated or not length.isascii() or not length.isdigit() or len(length) > 15:
        return response
    # The error is at the end, and the store can begin anywhere.
    begin = {"Range": f"bytes={max(0, int(length) - TAIL_BYTES)}-"}
    end = ask(github.out, _at(location, begin), "The store of GitHub's logs")
    return end if end.status == 206 else response


def _at(url: str, headers: dict[str, str]) -> Request:
    return Request("GET", url, headers=headers, max_bytes=READ_BYTES, cut=True)


def _clean(line: str) -> str:
    # Progress bars rewrite their line; what stood last is what a person saw.
    seen = line[: LINE_MAX * 20].rstrip("\r").rpartition("\r")[2]
    return printable(_ANSI.sub("", _STAMP.sub("", seen)), LINE_MAX)


def _is_cause(line: str) -> bool:
    if _OF_THE_RUNNER.search(line) or _NO_CAUSE.search(line):
        return False
    return _ERROR in line or _CAUSE.search(line) is not None


def _last_chars(lines: list[str]) -> str:
    text = "\n".join(line for line in lines)
    return text if len(text) <= TAIL_CHARS else "…" + text[-TAIL_CHARS:]
