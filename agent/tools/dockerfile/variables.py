"""Find variables that are empty where a Dockerfile uses them, since their ARG does not reach there."""

import re
from collections.abc import Iterator

from agent.tools.dockerfile.instructions import Problem, names_of
from agent.tools.dockerfile.parse import Dockerfile, Instruction, Stage

# Forms with a default, such as ${X:-y}, are never empty.
_USE = re.compile(r"(?<!\\)\$(?:\{(\w+)\}|([A-Za-z_]\w*))")
_PREDEFINED = re.compile(r"(?:BUILD|TARGET)(?:PLATFORM|OS|ARCH|VARIANT)|(?i:https?|ftp|no|all)_(?i:proxy)")
_BROKEN = re.compile(r"|[:/@].*|.*[:/@]")
_EXPANDED = {"RUN", "COPY", "ADD", "ENV", "LABEL", "WORKDIR", "USER", "EXPOSE", "VOLUME", "STOPSIGNAL"}


def of_variables(dockerfile: Dockerfile) -> Iterator[Problem]:
    """Yield variables that no ARG declares for FROM, and those that are declared before FROM only."""
    outside = {name for one in dockerfile.before if one.name == "ARG" for name in names_of(one)}
    for stage in dockerfile.stages:
        yield from _in_from(stage, outside)
        yield from _in_stage(dockerfile, stage, outside)


def _in_from(stage: Stage, declared: set[str]) -> Iterator[Problem]:
    missing = [name for name in _used(stage.image) if name not in declared and not _PREDEFINED.fullmatch(name)]
    if not missing:
        return
    left = _USE.sub(lambda match: "" if (match[1] or match[2]) in missing else match[0], stage.image)
    rule = "from-without-arg" if _BROKEN.fullmatch(left) else "empty-variable"
    yield Problem(
        rule, stage.source.line, f"FROM uses ${missing[0][:60]}, which no ARG before the first FROM declares."
    )


def _in_stage(dockerfile: Dockerfile, stage: Stage, outside: set[str]) -> Iterator[Problem]:
    line = dockerfile.lineage(stage)
    known = {name for parent in line[1:] for one in parent.instructions for name in _declared(one)}
    # Images set variables of their own, such as PYTHON_VERSION, and an image that is not known may be a stage.
    image = re.sub(r"\W.*", "", line[-1].image.rpartition("/")[2]).upper()
    if not image:
        return
    for one in stage.instructions:
        text = "\n".join([one.arguments, *(heredoc.body for heredoc in one.heredocs if one.name == "RUN")])
        if one.name in _EXPANDED and not (one.name == "RUN" and one.words is not None):
            for name in _used(text):
                if name in outside - known and not name.startswith(image) and not _is_set(name, text):
                    known.add(name)
                    yield Problem("empty-variable", one.line, f"${name[:60]} is declared before the first FROM only.")
        known |= set(_declared(one))


def _declared(one: Instruction) -> list[str]:
    return names_of(one) if one.name in ("ARG", "ENV") else []


def _used(text: str) -> list[str]:
    return list(dict.fromkeys(braced or bare for braced, bare in _USE.findall(text)))


def _is_set(name: str, text: str) -> bool:
    """Tell whether a script gives the variable a value itself."""
    return bool(re.search(rf"\b{name}=|\b(?:for|read|read -r)\s+{name}\b", text))
