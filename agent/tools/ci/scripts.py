"""Judge shell lines of pipelines: what they print, what they fetch and run."""

import re
from collections.abc import Iterator

from agent.secret_judgement import kind_of_name

_CURL_TO_SHELL = re.compile(r"\b(?:curl|wget)\b[^|\n]{0,300}\|\s*(?:sudo\s+(?:-\S+\s+)*)?(?:ba|z|da)?sh\b")
_PRINTS = re.compile(r"(?:^|[;&|]\s*|\s)(?:echo|printf|print|Write-Host|Write-Output)\b")
_TO_PROGRAM = re.compile(r"--password-stdin|\|\s*(?!tee\b|cat\b)\S|>>?\s*\S")
# `${X:+set}` only says that there is one.
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w{0,79}+)(?!:?\+)")
LINE_MAX = 1000


def lines_of(script: str) -> Iterator[tuple[int, str]]:
    """Yield number (from 0) and text of each line that is no comment; very long ones are cut."""
    for number, line in enumerate(script.splitlines()):
        if not line.lstrip().startswith("#"):
            yield number, line[:LINE_MAX]


def fetches_and_runs(line: str) -> bool:
    """Whether a download goes straight into a shell."""
    return bool(_CURL_TO_SHELL.search(line))


def prints(line: str) -> bool:
    """Whether the line prints into the log, and not into a program or a file."""
    return bool(_PRINTS.search(line)) and not _TO_PROGRAM.search(line)


def prints_secret_variable(line: str) -> bool:
    """Whether the line prints a variable that is called like a secret."""
    return prints(line) and any(_is_secret(name) for name in _VARIABLE.findall(line))


def _is_secret(name: str) -> bool:
    named = kind_of_name(name)
    return named is not None and not named.vague


def pipes(line: str) -> bool:
    """Whether a command's failure is hidden by a pipe."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"|\$\{\{.{0,200}?\}\}", "", line)
    return bool(re.search(r"(?<![|>&])\|(?![|&])", bare)) and "pipefail" not in line
