"""Read the expressions of GitHub workflows: what `${{ }}` holds, which contexts and functions it names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

CONTEXTS = {
    "github",
    "env",
    "vars",
    "job",
    "jobs",
    "steps",
    "runner",
    "secrets",
    "strategy",
    "matrix",
    "needs",
    "inputs",
}
FUNCTIONS = {
    "contains",
    "startswith",
    "endswith",
    "format",
    "join",
    "tojson",
    "fromjson",
    "hashfiles",
    "success",
    "always",
    "cancelled",
    "failure",
    "case",
}
_WORDS = {"true", "false", "null", "nan", "infinity"}
_TOKEN = re.compile(r"'(?:[^']|'')*'|[A-Za-z_][\w-]*|-?\d[\w.+-]*|&&|\|\||[=!<>]=|[\s]+|.", re.DOTALL)
# What people outside of the repository can write, and so fill with commands.
_UNTRUSTED = re.compile(
    r"github\.(?:head_ref$"
    r"|event\.(?:issue|pull_request|discussion|review|comment|review_comment)\.(?:title|body)$"
    r"|event\.pull_request\.head\.(?:ref|label|repo\.default_branch)$"
    r"|event\.(?:head_commit|commits\.\*|commits\.\d+)\.(?:message|author\.(?:email|name))$"
    r"|event\.workflow_run\.(?:head_branch|display_title|head_commit\.(?:message|author\.(?:email|name)))$"
    r"|event\.pages\.(?:\*|\d+)\.page_name$"
    r"|event$)"
)
# What people with some right choose: names of branches, inputs of a manual run.
_CHOSEN = re.compile(r"(?:inputs\..+|github\.event\.inputs\..+|github\.ref_name)$")


@dataclass(frozen=True)
class Expression:
    """The inside of one `${{ }}`; `closed` is False if its end is missing."""

    text: str
    closed: bool = True


@dataclass(frozen=True)
class Reading:
    """What an expression names."""

    references: tuple[str, ...]
    """Dotted, in lower case, such as `github.event.issue.title`; an index that is not constant is `*`."""
    functions: tuple[str, ...]
    problem: str
    """Why it can't be right, or nothing."""


def expressions_in(text: str) -> Iterator[Expression]:
    """Yield each expression of a text; quotes may hold braces."""
    position = text.find("${{")
    while position >= 0:
        end = _end(text, position + 3)
        if end < 0:
            yield Expression(text[position + 3 :][:200], closed=False)
            return
        yield Expression(text[position + 3 : end])
        position = text.find("${{", end)


def _end(text: str, start: int) -> int:
    quoted = False
    for match in re.compile(r"'|\}\}").finditer(text, start):
        if match.group() == "'":
            quoted = not quoted
        elif not quoted:
            return match.start()
    return -1


def read(expression: str) -> Reading:
    """Return the references and functions of an expression, and the first mistake in it."""
    tokens = [token for token in _TOKEN.findall(expression) if not token.isspace()]
    references: list[str] = []
    functions: list[str] = []
    problem = "" if tokens else "it is empty"
    index = 0
    while index < len(tokens):
        token = tokens[index]
        if token == '"':
            problem = problem or "text needs single quotes, not double ones"
        elif token == "=":
            problem = problem or "`=` does not exist; compare with `==`"
        elif re.match(r"[A-Za-z_]", token):
            if index + 1 < len(tokens) and tokens[index + 1] == "(":
                functions.append(token)
            elif token.lower() not in _WORDS:
                reference, index = _chain(tokens, index)
                references.append(reference)
        index += 1
    if not problem and _depth(tokens) != 0:
        problem = "its brackets do not match"
    return Reading(tuple(references), tuple(functions), problem)


def _chain(tokens: list[str], index: int) -> tuple[str, int]:
    """Return a reference that begins at an index, and the index of its last token."""
    parts = [tokens[index]]
    while index + 2 < len(tokens) + 1:
        following = tokens[index + 1 : index + 4]
        if len(following) >= 2 and following[0] == "." and re.match(r"[A-Za-z_*]", following[1]):
            parts.append(following[1])
            index += 2
        elif len(following) == 3 and following[0] == "[" and following[2] == "]":
            constant = following[1]
            parts.append(constant.strip("'") if constant.startswith("'") else constant if constant.isdigit() else "*")
            index += 3
        else:
            break
    return ".".join(parts).lower(), index


def _depth(tokens: list[str]) -> int:
    depth = 0
    for token in tokens:
        depth += (token == "(") - (token == ")")
        if depth < 0:
            return depth
    return depth


def is_untrusted(reference: str) -> bool:
    """Whether anyone can choose this value, such as the title of a pull request."""
    return bool(_UNTRUSTED.match(reference))


def is_chosen(reference: str) -> bool:
    """Whether someone with some right chooses this value, such as an input."""
    return bool(_CHOSEN.match(reference))
