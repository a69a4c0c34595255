"""Read YAML that a user gives: bounded, with line numbers, and with errors that say where and what to do.

Nothing is built before it was counted, no tag makes an object, and no alias is copied.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from agent.types import ToolError
from agent.yaml_scalars import Dialect
from agent.yaml_tree import Builder, Built, Duplicate, Merge, Node

MAX_CHARS = 200_000

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_FENCE = re.compile(r"\s*```[A-Za-z0-9]*[ \t]*\n")
_FENCE_END = re.compile(r"\n```[ \t]*\s*\Z")


@dataclass(frozen=True)
class Scalar:
    """A scalar as it stands in the text."""

    text: str
    quoted: bool
    line: int
    tag: str


@dataclass(frozen=True)
class Document:
    """One document: its value, made of dicts with text keys, lists and scalars, and where everything stands."""

    value: Any
    first_line: int
    root: Node = field(repr=False)
    duplicates: Sequence[Duplicate] = ()
    """Keys that stand twice in one mapping; not fatal here, since readers differ."""
    merges: Sequence[Merge] = ()

    def line_of(self, path: Sequence[str | int]) -> int:
        """Return the line of a path's key or item, or that of the nearest part above it that exists."""
        node, line = self.root, self.first_line
        for part in path:
            if isinstance(part, str) and part in node.keys:
                line, node = node.keys[part]
            elif isinstance(part, int) and 0 <= part < len(node.items):
                node = node.items[part]
                line = node.line
            else:
                break
        return line

    def node_at(self, path: Sequence[str | int]) -> Node | None:
        """Return the node of a path, or None if there is none."""
        node = self.root
        for part in path:
            if isinstance(part, str) and part in node.keys:
                node = node.keys[part][1]
            elif isinstance(part, int) and 0 <= part < len(node.items):
                node = node.items[part]
            else:
                return None
        return node

    def scalar_at(self, path: Sequence[str | int]) -> Scalar | None:
        """Return the scalar of a path as it was written, or None if there is none."""
        node = self.node_at(path)
        return None if node is None or node.text is None else Scalar(node.text, node.quoted, node.line, node.tag)


def read_documents(text: str, *, what: str = "manifest", dialect: Dialect = "kubernetes") -> list[Document]:
    """Return the documents of a YAML or JSON text, empty ones left out; raises ToolError with the line and a hint.

    `what` names the text in errors, `dialect` the program that would read it.
    """
    clean = _checked(text, what)
    builder = Builder(what, dialect)
    try:
        for event in yaml.parse(clean, Loader=yaml.CSafeLoader):
            builder.take(event)
    except yaml.YAMLError as error:
        raise ToolError(_complaint(error, clean, what)) from None
    documents = [_document(built) for built in builder.documents if built.root.value is not None]
    if not documents:
        raise ToolError(f"The {what} is empty.")
    return documents


def path_text(path: Sequence[str | int]) -> str:
    """Return a path as people write it: `spec.template.spec.containers[0].image`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[\w-]+", part):
            text += f".{part}" if text else part
        else:
            text += f"[{part[:60]}]"
    return text


def _document(built: Built) -> Document:
    root = built.root
    return Document(root.value, root.line, root, tuple(built.duplicates), tuple(built.merges))


def _checked(text: str, what: str) -> str:
    if len(text) > MAX_CHARS:
        raise ToolError(f"The {what} has {len(text):,} characters; at most {MAX_CHARS:,} fit. Give a part of it.")
    text = text.removeprefix("\ufeff")
    bad = _FORBIDDEN.search(text)
    if bad:
        line = text.count("\n", 0, bad.start()) + 1
        raise ToolError(
            f"The {what} holds a character that YAML does not allow (U+{ord(bad.group()):04X}) in line {line}. "
            "Is it a binary file, or saved in another encoding than UTF-8?"
        )
    if _FENCE.match(text):
        # Pasted with its Markdown fence; the lines keep their numbers.
        text = re.sub(r"```[A-Za-z0-9]*", "", text, count=1)
        text = _FENCE_END.sub("\n", text)
    return text


def _complaint(error: yaml.YAMLError, text: str, what: str) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or "it can't be read")[:120]
    if mark is None:
        return f"The {what} is not valid YAML: {problem}."
    lines = text.splitlines()
    number = min(mark.line + 1, max(1, len(lines)))
    where = f"line {number}, column {mark.column + 1}"
    return f"The {what} is not valid YAML at {where}: {problem}. {_hint(problem, lines, number)}".strip()


def _hint(problem: str, lines: list[str], number: int) -> str:
    line = lines[number - 1][:400] if lines else ""
    before = lines[number - 2][:400] if number > 1 else ""
    for candidate in (line, before):
        if re.match(r" *\t", candidate):
            return "The line is indented with a tab; YAML allows only spaces there."
        if re.search(r"\{\{.*\}\}|\{%", candidate):
            return "It looks like a template: render it first (for Helm: `helm template`), or quote the value."
        if re.match(r"\s*(<{7}|={7}|>{7})", candidate):
            return "A merge conflict of git is left in the file."
    if "mapping values are not allowed" in problem:
        return "Is the line indented differently from its neighbours, or does a value with `: ` need quotes?"
    if "cannot start any token" in problem:
        return "A value that begins with @, `, % or a tab needs quotes."
    if "did not find expected key" in problem or "block" in problem:
        return "Compare its indentation with the lines above; entries of one level begin in the same column."
    if "could not find expected ':'" in problem:
        return "A key without `: ` after it, or a text over several lines without `|`?"
    if "quoted scalar" in problem or "end of stream" in problem:
        return "A quote or bracket that is opened above is never closed."
    return ""
