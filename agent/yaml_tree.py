"""Build documents from YAML's events, with a line for every part, within limits, and without recursion.

An alias is not copied but shared, and what it stands for is counted each time, so that a bomb is refused before anyone
walks through it.
"""

from dataclasses import dataclass, field
from typing import Any

import yaml

from agent.types import ToolError
from agent.yaml_scalars import Dialect, key_text, resolve

MAX_DOCUMENTS = 200
MAX_NODES = 50_000
MAX_DEPTH = 80
# A long text counts as several nodes, so that aliases of it are bounded too.
CHARS_OF_A_NODE = 100
DUPLICATES_KEPT = 50

Path = tuple[str | int, ...]

_KEY_IS_NO_TEXT = "a key must be plain text, not a mapping or a list. If this is a template (`{{ }}`), render it first."
_CORE = "tag:yaml.org,2002:"


@dataclass(slots=True)
class Node:
    """One part of a document and where it stands."""

    value: Any
    line: int
    tag: str = ""
    """An explicit tag that is not one of YAML's own, such as `!reference`."""
    text: str | None = None
    """A scalar as it was written; None for mappings and lists."""
    quoted: bool = False
    keys: dict[str, tuple[int, "Node"]] = field(default_factory=dict, repr=False)
    """A mapping's entries with the line of each key, merged ones included."""
    items: list["Node"] = field(default_factory=list, repr=False)
    weight: int = 1
    """How many nodes this is, aliases counted in full."""


@dataclass(frozen=True)
class Duplicate:
    """A key that stands twice in one mapping; the later value counts."""

    path: Path
    line: int
    first_line: int


@dataclass(frozen=True)
class Merge:
    """A `<<` key and its line."""

    path: Path
    line: int


@dataclass
class Built:
    """A document as it comes out of the events."""

    root: Node
    duplicates: list[Duplicate] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not come yet."""

    node: Node
    anchor: str
    key: str | None = None
    key_line: int = 0
    merging: bool = False
    merged: list[Node] = field(default_factory=list)


class Builder:
    """Take events one by one; `documents` holds what is complete."""

    def __init__(self, what: str, dialect: Dialect) -> None:
        self.documents: list[Built] = []
        self._what = what
        self._dialect: Dialect = dialect
        self._nodes = 0
        self._open: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}
        self._document = Built(Node(None, 1))

    def take(self, event: yaml.Event) -> None:
        """Add one event; raises ToolError for what is out of bounds."""
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event.anchor or "", line)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._count(1, line)
            self._begin(event, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._end()
        elif isinstance(event, yaml.DocumentStartEvent):
            if len(self.documents) >= MAX_DOCUMENTS:
                raise ToolError(f"The {self._what} has more than {MAX_DOCUMENTS} documents; give fewer at a time.")
            self._anchors = {}
            self._document = Built(Node(None, line))
            self.documents.append(self._document)

    def _count(self, nodes: int, line: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise ToolError(
                f"The {self._what} is too large at line {line}: more than {MAX_NODES:,} values, "
                "aliases counted in full. Give fewer documents at a time."
            )

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        # libyaml says '' for a plain scalar, PyYAML's own parser None.
        quoted = bool(event.style)
        plain = not quoted and event.tag is None
        tag = "" if event.tag in (None, "!") or event.tag.startswith(_CORE) else event.tag
        typed = event.tag in {f"{_CORE}{name}" for name in ("bool", "int", "float", "null")}
        value = resolve(event.value, self._dialect) if plain or typed or (tag and not quoted) else event.value
        node = Node(value, line, tag, event.value, quoted=quoted, weight=1 + len(event.value) // CHARS_OF_A_NODE)
        self._count(node.weight, line)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._place(node)

    def _begin(self, event: yaml.CollectionStartEvent, line: int) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise ToolError(f"The {self._what} is nested deeper than {MAX_DEPTH} levels at line {line}.")
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        if self._open and self._wants_key():
            raise ToolError(f"Line {line} of the {self._what}: {_KEY_IS_NO_TEXT}")
        tag = "" if event.tag in (None, "!") or event.tag.startswith(_CORE) else event.tag
        node = Node({} if is_mapping else [], line, tag)
        if event.anchor:
            # Its own parts must not name it: that would have no end.
            self._anchors[event.anchor] = None
        self._open.append(_Open(node, event.anchor or ""))

    def _end(self) -> None:
        frame = self._open.pop()
        node, anchor = frame.node, frame.anchor
        for source in frame.merged:
            self._merge(node, source)
        if anchor:
            self._anchors[anchor] = node
        self._place(node)

    def _alias(self, anchor: str, line: int) -> None:
        if anchor not in self._anchors:
            raise ToolError(f"Line {line} of the {self._what}: the alias `*{anchor[:40]}` has no anchor before it.")
        node = self._anchors[anchor]
        if node is None:
            raise ToolError(f"Line {line} of the {self._what}: the alias `*{anchor[:40]}` contains itself.")
        self._count(node.weight, line)
        self._place(node, line)

    def _wants_key(self) -> bool:
        frame = self._open[-1]
        return isinstance(frame.node.value, dict) and frame.key is None

    def _place(self, node: Node, line: int | None = None) -> None:
        if not self._open:
            self._document.root = node
            return
        frame = self._open[-1]
        parent = frame.node
        if isinstance(parent.value, list):
            parent.value.append(node.value)
            parent.items.append(node)
            parent.weight += node.weight
        elif frame.key is None:
            self._key(frame, node, line or node.line)
        else:
            self._value(frame, node)

    def _key(self, frame: _Open, node: Node, line: int) -> None:
        if node.text is None:
            raise ToolError(f"Line {line} of the {self._what}: {_KEY_IS_NO_TEXT}")
        frame.merging = node.text == "<<" and not node.quoted
        frame.key = key_text(node.value, node.text) if not node.quoted else node.text
        frame.key_line = line
        if frame.merging:
            self._document.merges.append(Merge(self._path(), line))
        elif frame.key in frame.node.keys and len(self._document.duplicates) < DUPLICATES_KEPT:
            first = frame.node.keys[frame.key][0]
            self._document.duplicates.append(Duplicate(self._path(), line, first))

    def _value(self, frame: _Open, node: Node) -> None:
        key, frame.key = frame.key or "", None
        frame.node.weight += node.weight + 1
        if not frame.merging:
            frame.node.value[key] = node.value
            frame.node.keys[key] = (frame.key_line, node)
            return
        sources = node.items if isinstance(node.value, list) else [node]
        if not all(isinstance(source.value, dict) for source in sources):
            raise ToolError(f"Line {frame.key_line} of the {self._what}: `<<` merges only mappings or a list of them.")
        frame.merged += sources

    def _merge(self, node: Node, source: Node) -> None:
        """Add what the mapping does not have itself; of several sources the first one wins."""
        self._count(len(source.keys), node.line)
        for key, (line, child) in source.keys.items():
            if key not in node.keys:
                node.keys[key] = (line, child)
                node.value[key] = child.value
                node.weight += child.weight + 1

    def _path(self) -> Path:
        parts: list[str | int] = []
        for frame in self._open:
            if isinstance(frame.node.value, list):
                parts.append(len(frame.node.items))
            elif frame.key is not None:
                parts.append(frame.key)
        return tuple(parts)
