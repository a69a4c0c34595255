"""Collect the findings of a linter: rules with their reasons in one table, repeated findings folded into one."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agent.findings import Finding
from agent.near import suggestion
from agent.yaml_input import Document, path_text

# So many findings of a rule stand alone; the others are told in the last of them.
FOLDED_AFTER = {"error": 12, "warning": 6, "info": 3}
LINES_NAMED = 12
GUESSES_MAX = 30
# Beyond them a rule is silent: nobody reads so many, and hostile input could make a hundred thousand.
FINDINGS_OF_A_RULE = 500


@dataclass(frozen=True)
class Rule:
    """What a rule's findings have in common."""

    severity: str
    why: str
    fix: str


@dataclass
class Report:
    """Take findings; each rule speaks at most once about each place."""

    rules: Mapping[str, Rule]
    _found: dict[tuple[str, str, str], Finding] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)

    def add(
        self,
        rule: str,
        document: Document,
        path: Sequence[str | int],
        message: str,
        *,
        owner: str = "",
        fix: str = "",
        why: str = "",
        severity: str = "",
        line: int | None = None,
        guess: tuple[str, Iterable[str]] | None = None,
    ) -> None:
        """Add a finding at a path of a document. `owner` names its object, such as `Deployment/web`.

        `guess` is a word and the names of which one may have been meant.
        """
        known = self.rules[rule]
        self._counts[rule] += 1
        if self._counts[rule] > FINDINGS_OF_A_RULE:
            return
        # To look for what was meant takes time, which a long list of mistakes is not worth.
        if guess and self._counts[rule] <= GUESSES_MAX:
            message += suggestion(*guess)
        where = " ".join(part for part in (owner, path_text(path)) if part)
        at = document.line_of(path) if line is None else line
        finding = Finding(
            rule,
            severity or known.severity,
            printable(message),
            why or known.why,
            fix or known.fix,
            at,
            printable(where),
        )
        self._found.setdefault((rule, where, message), finding)

    def lines_of(self, rule: str) -> set[int]:
        """Return the lines of which a rule has spoken."""
        return {finding.line for finding in self._found.values() if finding.rule == rule and finding.line}

    def findings(self) -> list[Finding]:
        """Return what was found; of a rule that found much, the last one listed names the lines of the others."""
        groups: dict[tuple[str, str], list[Finding]] = {}
        for finding in self._found.values():
            groups.setdefault((finding.severity, finding.rule), []).append(finding)
        folded: list[Finding] = []
        for (severity, _rule), group in groups.items():
            group.sort(key=lambda one: one.line or 0)
            kept, rest = group[: FOLDED_AFTER[severity]], group[FOLDED_AFTER[severity] :]
            folded += [*kept[:-1], _with_others(kept[-1], rest)] if rest else kept
        return folded


def _with_others(last: Finding, rest: Sequence[Finding]) -> Finding:
    lines = ", ".join(str(one.line) for one in rest[:LINES_NAMED])
    more = " and others" if len(rest) > LINES_NAMED else ""
    return replace(last, message=f"{last.message} The same {len(rest)} times more, in lines {lines}{more}.")


def duplicate_keys(report: Report, document: Document) -> None:
    """Report keys that stand twice in one mapping, under the rule `duplicate-key`."""
    for twice in document.duplicates:
        message = f"`{twice.path[-1]}` stands in line {twice.first_line} already."
        report.add("duplicate-key", document, twice.path, message, line=twice.line)


def printable(text: str, length: int = 300) -> str:
    """Return the text on one line, without control characters, and not longer than `length`."""
    one_line = " ".join(text[: length * 2].split())
    clean = "".join(char if char.isprintable() else "?" for char in one_line)
    return clean if len(clean) <= length else f"{clean[: length - 1]}…"


def mapping(value: Any) -> dict[str, Any]:
    """Return the value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """Return the value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """Return the value if it is text, else nothing."""
    return value if isinstance(value, str) else ""


def dig(value: Any, *keys: str | int) -> Any:
    """Return what stands under these keys and indexes, or None if anything on the way is missing or of another kind."""
    for key in keys:
        if isinstance(key, str) and isinstance(value, dict):
            value = value.get(key)
        elif isinstance(key, int) and isinstance(value, list) and 0 <= key < len(value):
            value = value[key]
        else:
            return None
    return value
