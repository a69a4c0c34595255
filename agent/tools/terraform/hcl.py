"""Read Terraform's language into blocks with their lines.

Reading is slow (up to 50 microseconds for each character), so that long texts are read in a process of their own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import hcl2
from lark import Token, Tree
from lark.exceptions import LarkError, UnexpectedInput

from agent.bounded import run_bounded
from agent.types import ToolError

READ_HERE_MAX = 20_000
DEPTH_MAX = 40
EXPRESSION_SHOWN = 300
# The parser is shared by all threads of this process, and keeps state while it reads.
_PARSING = Lock()
_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\r": "\r", '\\"': '"', "\\\\": "\\"}
_ESCAPE = re.compile(r'\\[ntr"\\]')
_HEREDOC = re.compile(r"<<-?\s*\S+\n(.*?)\n?\s*\S+\s*\Z", re.S)


class BadSyntax(Exception):
    """The text is not Terraform's language; `line` is where it breaks off."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class Expression(str):
    """The text of an expression whose value is only known when Terraform runs."""

    __slots__ = ()


@dataclass
class Block:
    """A block: its kind, labels, attributes and inner blocks. In a plan it has no lines."""

    type: str
    labels: tuple[str, ...] = ()
    line: int | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    inner: list["Block"] = field(default_factory=list)

    def get(self, name: str) -> Any:
        """Return the value of an attribute, or None."""
        return self.attributes.get(name)

    def literal(self, name: str) -> Any:
        """Return the value of an attribute if the text itself tells it, else None."""
        value = self.attributes.get(name)
        return None if isinstance(value, Expression) or (isinstance(value, str) and "${" in value) else value

    def is_open(self, name: str) -> bool:
        """Tell whether the attribute is set to something that only shows when Terraform runs."""
        return name in self.attributes and self.literal(name) is None and self.attributes[name] is not None

    def blocks(self, name: str) -> list["Block"]:
        """Return the inner blocks of this kind, also when they are written as a list of objects."""
        found = [block for block in self.inner if block.type == name]
        value = self.attributes.get(name)
        items = value if isinstance(value, list) else [value]
        return found + [
            Block(name, (), self.lines.get(name, self.line), item) for item in items if isinstance(item, dict)
        ]

    def line_of(self, name: str) -> int | None:
        """Return the line of an attribute, or of the block if it is not there."""
        return self.lines.get(name, self.line)


def read(text: str) -> list[Block]:
    """Return the top blocks; raises BadSyntax, and ToolError if the text is too hard to read."""
    raw = parse(text) if len(text) <= READ_HERE_MAX else run_bounded("agent.tools.terraform.hcl:parse", text)
    if "line" in raw:
        raise BadSyntax(raw["line"], raw["message"])
    return [_block(one) for one in raw["blocks"]]


def parse(text: str) -> dict[str, Any]:
    """Return the blocks as JSON, or the line and message of what is wrong."""
    try:
        with _PARSING:
            tree = hcl2.parses_to_tree(text)
    except UnexpectedInput as error:
        is_end = getattr(getattr(error, "token", None), "type", "") == "$END"
        is_known = isinstance(error.line, int) and error.line > 0 and not is_end
        line = error.line if is_known else text.rstrip().count("\n") + 1
        return {"line": line, "message": _complaint(error)}
    except (LarkError, RecursionError):
        raise ToolError("This can't be read as Terraform's language.") from None
    body = next(_subtrees(tree, "body"), None)
    top: dict[str, Any] = {"attributes": {}, "lines": {}, "blocks": []}
    if body is not None:
        _fill(top, body, text, 0)
    if top["attributes"] and not top["blocks"]:
        top["blocks"].append({"type": "", "labels": [], "line": 1, **_parts(body, text)})
    return {"blocks": top["blocks"]}


def _complaint(error: UnexpectedInput) -> str:
    token = getattr(error, "token", None)
    if token is None:
        return "A character stands here that Terraform's language does not know."
    if token.type == "$END":
        return "The text ends too early; a bracket or quote is not closed."
    # The token itself may be a part of a secret.
    return "Something stands here that does not belong; look for a missing quote, bracket or equals sign above."


def _block(raw: dict[str, Any]) -> Block:
    return Block(
        raw["type"],
        tuple(raw["labels"]),
        raw["line"],
        {name: _unwrapped(value) for name, value in raw["attributes"].items()},
        raw["lines"],
        [_block(inner) for inner in raw["blocks"]],
    )


def _unwrapped(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"$expression"}:
            return Expression(value["$expression"])
        return {key: _unwrapped(item) for key, item in value.items()}
    return [_unwrapped(item) for item in value] if isinstance(value, list) else value


def _subtrees(tree: Tree[Token], *names: str) -> Iterator[Tree[Token]]:
    return (child for child in tree.children if isinstance(child, Tree) and child.data in names)


def _parts(body: Tree[Token] | None, text: str, depth: int = 0) -> dict[str, Any]:
    parts: dict[str, Any] = {"attributes": {}, "lines": {}, "blocks": []}
    if body is not None:
        _fill(parts, body, text, depth)
    return parts


def _fill(parts: dict[str, Any], body: Tree[Token], text: str, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise ToolError(f"Blocks are nested more than {DEPTH_MAX} deep.")
    for child in _subtrees(body, "attribute", "block"):
        if child.data == "attribute":
            name = _name(child.children[0], text)
            parts["attributes"][name] = _value(child.children[-1], text, depth)
            parts["lines"][name] = child.meta.line
        else:
            names = [_name(part, text) for part in child.children if isinstance(part, Tree) and part.data in _NAMES]
            inner = _parts(next(_subtrees(child, "body"), None), text, depth + 1)
            parts["blocks"].append({"type": names[0], "labels": names[1:], "line": child.meta.line, **inner})


def _name(part: Any, text: str) -> str:
    return _source(part, text).strip('"')


def _source(part: Any, text: str) -> str:
    if isinstance(part, Token):
        return str(part)
    return text[part.meta.start_pos : part.meta.end_pos] if not part.meta.empty else ""


def _value(part: Any, text: str, depth: int) -> Any:
    """Return the value if the text itself tells it, else the expression."""
    while isinstance(part, Tree) and part.data == "expr_term" and len(part.children) == 1:
        part = part.children[0]
    reader = _READERS.get(str(part.data)) if isinstance(part, Tree) else None
    if reader is None or depth > DEPTH_MAX:
        return {"$expression": _source(part, text)[:EXPRESSION_SHOWN]}
    return reader(part, text, depth)


def _number(part: Tree[Token], text: str, _depth: int) -> Any:
    source = _source(part, text)
    return int(source) if re.fullmatch(r"\d{1,18}", source) else float(source[:40])


def _negative(part: Tree[Token], text: str, _depth: int) -> Any:
    source = _source(part, text)
    return int(source) if re.fullmatch(r"-\d{1,18}", source) else {"$expression": source[:EXPRESSION_SHOWN]}


def _word(part: Tree[Token], text: str, _depth: int) -> Any:
    return {"true": True, "false": False, "null": None}.get(_source(part, text))


def _string(part: Tree[Token], text: str, _depth: int) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPES[match[0]], _source(part, text)[1:-1])


def _heredoc(part: Tree[Token], text: str, _depth: int) -> str:
    match = _HEREDOC.match(_source(part, text).rstrip())
    return match[1] if match else ""


def _tuple(part: Tree[Token], text: str, depth: int) -> list[Any]:
    inner = [child for child in part.children if isinstance(child, Tree) and child.data != "new_line_or_comment"]
    return [_value(child, text, depth + 1) for child in inner]


def _object(part: Tree[Token], text: str, depth: int) -> dict[str, Any]:
    found = {}
    for element in _subtrees(part, "object_elem"):
        key = next(_subtrees(element, "object_elem_key"), None)
        if key is not None:
            found[_name(key, text)] = _value(element.children[-1], text, depth + 1)
    return found


def _call(part: Tree[Token], text: str, depth: int) -> Any:
    """Return the argument of jsonencode as it is, since policies are written so; other calls are expressions."""
    name = _source(part.children[0], text)
    arguments = next(_subtrees(part, "arguments"), None)
    given = [child for child in arguments.children if isinstance(child, Tree)] if arguments is not None else []
    given = [child for child in given if child.data != "new_line_or_comment"]
    if name == "jsonencode" and len(given) == 1:
        return _value(given[0], text, depth + 1)
    return {"$expression": _source(part, text)[:EXPRESSION_SHOWN]}


_NAMES = ("identifier", "string", "keyword")
_READERS = {
    "int_lit": _number,
    "float_lit": _number,
    "unary_op": _negative,
    "literal_value": _word,
    "string": _string,
    "heredoc_template": _heredoc,
    "heredoc_template_trim": _heredoc,
    "tuple": _tuple,
    "object": _object,
    "function_call": _call,
}
