"""Walk the scalars of a pipeline file, and judge versions that YAML reads as numbers."""

import re
from collections.abc import Iterator

from agent.lint import Report
from agent.yaml_input import Document
from agent.yaml_tree import Node, Path

_SCALARS_MAX = 20_000
_NAMES_VERSION = re.compile(r"(?i)version|\A(?:python|py|go|golang|node|nodejs|ruby|php|java|perl|dotnet|terraform)\Z")
_SHORTENED = re.compile(r"\d+\.\d*0")


def scalars_of(root: Node) -> Iterator[tuple[Path, Node]]:
    """Yield path and node of the scalars, in order; aliased ones under each of their paths."""
    waiting: list[tuple[Path, Node]] = [((), root)]
    seen = 0
    while waiting and seen < _SCALARS_MAX:
        path, node = waiting.pop()
        seen += 1
        if node.text is not None:
            yield path, node
        waiting += [((*path, key), child) for key, (_, child) in reversed(node.keys.items())]
        waiting += [((*path, index), child) for index, child in reversed(list(enumerate(node.items)))]


def check_versions(report: Report, document: Document) -> None:
    """Report versions without quotes that lose their last zero, such as 3.10."""
    for path, node in scalars_of(document.root):
        if node.quoted or not isinstance(node.value, float) or not _SHORTENED.fullmatch((node.text or "")[:20]):
            continue
        name = next((part for part in reversed(path) if isinstance(part, str)), "")
        if _NAMES_VERSION.search(name):
            message = f"`{name[:60]}` is {node.text} without quotes, which is the number {node.value:g}."
            report.add("version-is-number", document, path, message, fix=f'Write "{node.text}".')
