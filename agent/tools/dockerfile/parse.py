"""Split a Dockerfile into instructions, as BuildKit reads it.

The parser of the package dockerfile-parse knows neither heredocs nor the escape directive and takes the lines of a
heredoc for instructions, so this one is our own.
"""

import json
import re
from dataclasses import dataclass, field

from agent.types import ToolError

INSTRUCTIONS_MAX = 1_000
ARGUMENTS_MAX = 30_000

KNOWN = {
    "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD",
    "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
}  # fmt: skip
_DIRECTIVE = re.compile(r"#\s*(escape|syntax|check)\s*=\s*(\S+)", re.I)
_INSTRUCTION = re.compile(r"\s*(\S+)\s*(.*)", re.S)
_FLAG = re.compile(r"--([a-z][a-z-]*)(?:=(\"[^\"]*\"|\S*))?(?:\s+|$)")
_HEREDOC = re.compile(r"(?<![<\d])<<(-?)([\"']?)([A-Za-z_][\w.-]{0,63})\2")
_WITH_HEREDOC = {"RUN", "COPY", "ADD"}
_EXEC_FORM = re.compile(r"\[\s*[\"'\]]")


@dataclass(frozen=True)
class Heredoc:
    """A heredoc: its name and its lines."""

    name: str
    body: str


@dataclass(frozen=True)
class Instruction:
    """One instruction: continued lines are joined, comments are gone, flags stand apart."""

    name: str
    """In capitals."""
    written: str
    line: int
    arguments: str
    flags: tuple[tuple[str, str], ...] = ()
    heredocs: tuple[Heredoc, ...] = ()
    unfinished: str = ""
    """The name of a heredoc whose end is missing."""
    words: tuple[str, ...] | None = None
    """The exec form, if the arguments are a JSON array of strings."""

    def flag(self, name: str) -> str:
        """Return the value of a flag such as `--from=x`, or nothing."""
        return next((value for key, value in self.flags if key == name), "")

    @property
    def is_broken_exec_form(self) -> bool:
        """Tell whether this looks like the exec form and is none."""
        return self.words is None and _EXEC_FORM.match(self.arguments) is not None


@dataclass
class Stage:
    """What stands between one FROM and the next."""

    index: int
    source: Instruction
    image: str
    name: str = ""
    instructions: list[Instruction] = field(default_factory=list)


@dataclass
class Dockerfile:
    """A whole Dockerfile."""

    instructions: list[Instruction]
    stages: list[Stage]
    before: list[Instruction]
    """What stands before the first FROM."""

    def lineage(self, stage: Stage) -> list[Stage]:
        """Return a stage and those that it is built on, the nearest first."""
        by_name = {other.name.lower(): other for other in self.stages if other.name}
        line = [stage]
        while (parent := by_name.get(line[-1].image.lower())) and parent.index < line[-1].index:
            line.append(parent)
        return line


def parse(text: str) -> Dockerfile:
    """Split a Dockerfile; raises ToolError for what is none at all."""
    if "\0" in text:
        raise ToolError("This is not text: it has NUL characters.")
    instructions = _instructions(text.replace("\r\n", "\n").split("\n"))
    if not instructions:
        raise ToolError("There is no instruction in this Dockerfile.")
    stages: list[Stage] = []
    before: list[Instruction] = []
    for instruction in instructions:
        if instruction.name == "FROM":
            stages.append(_stage(len(stages), instruction))
        elif stages:
            stages[-1].instructions.append(instruction)
        else:
            before.append(instruction)
    return Dockerfile(instructions, stages, before)


def _stage(index: int, source: Instruction) -> Stage:
    parts = source.arguments.split()
    name = parts[2] if len(parts) == 3 and parts[1].lower() == "as" else ""
    return Stage(index, source, parts[0] if parts else "", name)


def _instructions(lines: list[str]) -> list[Instruction]:
    escape = _escape(lines)
    found: list[Instruction] = []
    at = 0
    while at < len(lines):
        if not lines[at].strip() or lines[at].lstrip().startswith("#"):
            at += 1
            continue
        first = at
        whole, at = _joined(lines, at, escape)
        name, rest = _INSTRUCTION.match(whole).groups()  # type: ignore[union-attr]  # It begins with no blank.
        heredocs, unfinished, at = _heredocs(name.upper(), rest, lines, at)
        found.append(_instruction(name, rest.strip(), first + 1, heredocs, unfinished))
        if len(found) > INSTRUCTIONS_MAX:
            raise ToolError(f"This Dockerfile has more than {INSTRUCTIONS_MAX} instructions. Give a part of it.")
    return found


def _escape(lines: list[str]) -> str:
    """Return the escape character; directives only count at the very top."""
    for line in lines:
        directive = _DIRECTIVE.match(line)
        if directive is None:
            break
        if directive[1].lower() == "escape":
            return "`" if directive[2] == "`" else "\\"
    return "\\"


def _joined(lines: list[str], at: int, escape: str) -> tuple[str, int]:
    """Return an instruction on one line, and the index of the line after it."""
    parts: list[str] = []
    while at < len(lines):
        line = lines[at]
        at += 1
        if parts and (not line.strip() or line.lstrip().startswith("#")):
            continue
        stripped = line.rstrip()
        if not stripped.endswith(escape):
            parts.append(stripped)
            break
        parts.append(stripped[:-1])
    return " ".join(parts), at


def _heredocs(name: str, rest: str, lines: list[str], at: int) -> tuple[tuple[Heredoc, ...], str, int]:
    found: list[Heredoc] = []
    if name not in _WITH_HEREDOC:
        return (), "", at
    for dash, _, word in _HEREDOC.findall(rest):
        body: list[str] = []
        while at < len(lines):
            line = lines[at].lstrip("\t") if dash else lines[at]
            at += 1
            if line == word:
                break
            body.append(line)
        else:
            return tuple(found), word, at
        found.append(Heredoc(word, "\n".join(body)))
    return tuple(found), "", at


def _instruction(written: str, rest: str, line: int, heredocs: tuple[Heredoc, ...], unfinished: str) -> Instruction:
    if len(rest) > ARGUMENTS_MAX:
        raise ToolError(f"The instruction in line {line} is longer than {ARGUMENTS_MAX} characters.")
    flags: list[tuple[str, str]] = []
    while match := _FLAG.match(rest):
        flags.append((match[1], (match[2] or "").strip('"')))
        rest = rest[match.end() :]
    return Instruction(written.upper(), written, line, rest, tuple(flags), heredocs, unfinished, _exec_form(rest))


def _exec_form(rest: str) -> tuple[str, ...] | None:
    if not rest.startswith("["):
        return None
    try:
        words = json.loads(rest)
    except (ValueError, RecursionError):
        return None
    return tuple(words) if isinstance(words, list) and all(isinstance(word, str) for word in words) else None
