"""Judge the steps of GitHub workflows and composite actions: actions, and what scripts do."""

import re
from typing import Any

from agent.images import image_problem
from agent.lint import Report, dig, mapping, text
from agent.tools.ci.expressions import expressions_in, is_chosen, is_untrusted, read
from agent.tools.ci.github_actions import action_problems, input_problem
from agent.tools.ci.scripts import fetches_and_runs, lines_of, pipes, prints
from agent.yaml_input import Document
from agent.yaml_tree import Path

_REMOVED = re.compile(r"::(set-env|add-path)\b")
_DEPRECATED = re.compile(r"::(set-output|save-state)\b")
# Inputs of actions that are run as code.
_CODE_INPUTS = {"actions/github-script": "script", "azure/cli": "inlineScript", "appleboy/ssh-action": "script"}


def check_steps(report: Report, document: Document, base: Path, steps: list[Any], shell_is_bash: bool) -> None:
    """Report what is wrong with each step. `shell_is_bash`: a default is set, so that pipes are not guessed at."""
    ids: set[str] = set()
    for index, step in enumerate(steps):
        path: Path = (*base, index)
        uses, run = dig(step, "uses"), dig(step, "run")
        if isinstance(uses, str):
            _action(report, document, path, uses, mapping(dig(step, "with")))
            name = uses.partition("@")[0].lower()
            code = dig(step, "with", _CODE_INPUTS.get(name, ""))
            if isinstance(code, str):
                _injection(report, document, (*path, "with", _CODE_INPUTS[name]), code)
        if isinstance(run, str):
            _script(report, document, (*path, "run"), run, shell_is_bash or dig(step, "shell") is not None)
        identity = text(dig(step, "id"))
        if identity and identity in ids:
            report.add("duplicate-step-id", document, (*path, "id"), f"Two steps have the id `{identity[:60]}`.")
        ids.add(identity)


def _action(report: Report, document: Document, path: Path, uses: str, given: dict[str, Any]) -> None:
    if uses.startswith("docker://"):
        problem = image_problem(uses.removeprefix("docker://"))
        if problem:
            report.add("image-not-pinned", document, (*path, "uses"), f"Image `{uses[:100]}` {problem}.")
    for one in action_problems(uses):
        report.add(one.rule, document, (*path, "uses"), one.message, fix=one.fix, severity=one.severity)
    for name in given:
        if wrong := input_problem(uses, name):
            report.add(wrong.rule, document, (*path, "with", name), wrong.message)


def _script(report: Report, document: Document, path: Path, run: str, safe_shell: bool) -> None:
    _injection(report, document, path, run)
    first = _first_line(document, path)
    for number, line in lines_of(run):
        at = first + number
        if _REMOVED.search(line):
            report.add("removed-command", document, path, f"The script uses `::{_name(_REMOVED, line)}`.", line=at)
        if _DEPRECATED.search(line):
            report.add(
                "deprecated-command", document, path, f"The script uses `::{_name(_DEPRECATED, line)}`.", line=at
            )
        if fetches_and_runs(line):
            report.add("curl-to-shell", document, path, "A download goes straight into a shell.", line=at)
        references = [(one.text, reference) for one in expressions_in(line) for reference in read(one.text).references]
        printed = [_as_written(*pair) for pair in references if pair[1].partition(".")[0] == "secrets"]
        if printed and prints(line):
            report.add("secret-printed", document, path, f"The script prints `{printed[0][:60]}`.", line=at)
    piping = next((number for number, line in lines_of(run) if pipes(line)), None)
    if piping is not None and not safe_shell and "pipefail" not in run:
        report.add(
            "pipe-hides-failure", document, path, "A pipe hides the failure of its first part.", line=first + piping
        )


def _as_written(expression: str, reference: str) -> str:
    """Return a reference, which is in lower case, with the letters that stand in the expression."""
    at = expression.lower().find(reference)
    return expression[at : at + len(reference)] if at >= 0 else reference


def _first_line(document: Document, path: Path) -> int:
    """Return the line of a script's first line: the text of a block begins one line after its key."""
    scalar = document.scalar_at(path)
    line = document.line_of(path)
    return line + 1 if scalar and "\n" in scalar.text else line


def _name(pattern: re.Pattern[str], line: str) -> str:
    match = pattern.search(line)
    return match.group(1) if match else ""


def _injection(report: Report, document: Document, path: Path, code: str) -> None:
    first = _first_line(document, path)
    for number, line in enumerate(code.splitlines()):
        for expression in expressions_in(line):
            for reference in read(expression.text).references:
                message = f"The script holds `{reference[:80]}` as text."
                if is_untrusted(reference):
                    report.add("script-injection", document, path, message, line=first + number)
                elif is_chosen(reference):
                    report.add("script-injection", document, path, message, line=first + number, severity="info")
