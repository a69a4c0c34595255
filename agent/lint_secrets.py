"""Find secrets anywhere in the text of a YAML file, and the part of the document in which each stands."""

from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from agent.redaction import Secret, find_secrets
from agent.yaml_input import Document
from agent.yaml_tree import Node, Path

# Nobody reads more; to find the place of each takes time.
SECRETS_MAX = 100


def secrets_in(
    text: str, documents: Sequence[Document], told: Collection[int]
) -> Iterator[tuple[Document, Path, Secret]]:
    """Yield each secret of the text with its document and path; those of parts in a `told` line are left out."""
    for secret in islice((one for one in find_secrets(text) if one.line not in told), SECRETS_MAX):
        before = [one for one in documents if one.first_line <= secret.line]
        document = before[-1] if before else documents[0]
        path = _path_at(document, secret.line)
        if document.line_of(path) not in told:
            yield document, path, secret


def in_words(secret: Secret) -> str:
    """Return the message that tells of a secret, never the secret."""
    return f"A secret ({secret.kind}) stands in line {secret.line}."


def _path_at(document: Document, line: int) -> Path:
    """Return the path of the last part that begins in this line or before."""
    node = document.root
    path: Path = ()
    while True:
        parts: list[tuple[int, str | int, Node]] = [(at, key, child) for key, (at, child) in node.keys.items()]
        parts += [(child.line, index, child) for index, child in enumerate(node.items)]
        begun = [part for part in parts if part[0] <= line]
        if not begun:
            return path
        latest = max(at for at, _, _ in begun)
        # Of several in one line it is taken for the last.
        _, key, node = next(part for part in reversed(begun) if part[0] == latest)
        path = (*path, key)
