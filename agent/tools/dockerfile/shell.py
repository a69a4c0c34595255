"""Read the shell commands of RUN instructions and find what makes images large, slow to build or unsafe."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from agent.tools.dockerfile.parse import Instruction, Stage

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_BREAKS = re.compile(r"&&|\|\||\|&|[;|&\n(){}]")
_SHELLS = {"sh", "bash", "ash", "dash", "zsh", "ksh", "python", "python3", "perl", "ruby", "node"}
_POSIX_SHELLS = {"sh", "bash", "ash", "dash", "zsh"}
_KEYWORDS = {"then", "do", "else", "if", "while", "!", "time", "exec", "env", "elif", "command", "nice"}
_POINTLESS = {"systemctl", "service", "shutdown", "reboot", "mount", "top", "vim", "nano", "ssh", "kill", "ps", "free"}


class Command(NamedTuple):
    """A simple command of a shell line."""

    words: tuple[str, ...]
    piped: bool
    """It reads what the command before writes."""

    @property
    def name(self) -> str:
        """Return the program, without its folder."""
        return self.words[0].rpartition("/")[2] if self.words else ""

    def has(self, *flags: str) -> bool:
        """Tell whether one of these words is among the arguments."""
        return any(word in flags or word.partition("=")[0] in flags for word in self.words[1:])

    def arguments(self) -> list[str]:
        """Return the words that are no flags, without the program."""
        return [word for word in self.words[1:] if not word.startswith("-")]


def commands_of(run: Instruction) -> list[Command]:
    """Return the simple commands of a RUN, heredocs included."""
    if run.words is not None:
        return [Command(run.words, False)] if run.words else []
    return list(_commands("\n".join([run.arguments, *_scripts(run)])))


def _scripts(run: Instruction) -> list[str]:
    """Return the heredocs that are run by a shell; others are files, or programs in other languages."""
    first = run.arguments.split(maxsplit=1)[0] if run.arguments else ""
    if not first.startswith("<<") and first.rpartition("/")[2] not in _POSIX_SHELLS:
        return []
    scripts = [heredoc.body for heredoc in run.heredocs]
    shells = [body for body in scripts if not body.startswith("#!") or "sh" in body.partition("\n")[0]]
    return ["\n".join(line for line in body.split("\n") if not line.lstrip().startswith("#")) for body in shells]


def _commands(text: str) -> Iterator[Command]:
    piped = False
    words: list[str] = []
    for token, is_break in _tokens(text):
        if not is_break:
            words.append(token)
            continue
        if words:
            yield Command(_plain(words), piped)
            words = []
            piped = token in ("|", "|&")
        elif token in ("|", "|&"):
            piped = True
    if words:
        yield Command(_plain(words), piped)


def _tokens(text: str) -> Iterator[tuple[str, bool]]:
    """Yield words, and the signs between commands; what stands in quotes is part of a word."""
    word: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char in "\"'":
            end = text.find(char, at + 1)
            end = len(text) if end < 0 else end
            word.append(text[at + 1 : end])
            at = end + 1
            continue
        if char == "\\" and at + 1 < len(text):
            word.append(text[at + 1])
            at += 2
            continue
        sign = _sign(text, at, bool(word))
        if sign or char.isspace():
            if word:
                yield "".join(word), False
                word = []
            if sign:
                yield sign, True
            at += len(sign) or 1
            continue
        word.append(char)
        at += 1
    if word:
        yield "".join(word), False


def _sign(text: str, at: int, in_word: bool) -> str:
    match = _BREAKS.match(text, at)
    # Braces belong to words such as ${x}, and an ampersand to redirections such as 2>&1.
    if match is None or (match[0] in "{}" and (in_word or text[at : at + 1] == "}")):
        return ""
    if match[0] == "&" and (text[at - 1 : at] == ">" or text[at + 1 : at + 2] == ">"):
        return ""
    return match[0]


def _plain(words: list[str]) -> tuple[str, ...]:
    """Return the command without what stands before the program."""
    at = 0
    while at < len(words) - 1 and (_ASSIGNMENT.match(words[at]) or words[at] in _KEYWORDS):
        at += 1
    return tuple(words[at:])


def problems(run: Instruction, stage: Stage, with_pipefail: bool, in_dash: bool) -> Iterator[tuple[str, str]]:
    """Yield the rules that this RUN breaks, each with what to name in the message."""
    commands = commands_of(run)
    text = " ".join([run.arguments, *_scripts(run)])
    mounts = " ".join(value for key, value in run.flags if key == "mount")
    yield from _packages(commands, text, mounts, stage)
    for command in commands:
        yield from _one(command)
    for before, after in zip(commands, commands[1:], strict=False):
        if after.piped and after.name in _SHELLS and before.name in ("curl", "wget"):
            yield "download-into-shell", f"{before.name} | {after.name}"
    is_pipe = any(command.piped for command in commands)
    if is_pipe and not with_pipefail and "pipefail" not in text and run.words is None:
        yield "pipe-without-pipefail", ""
    if in_dash and run.words is None and _is_run_by_default(run):
        yield from _dash(commands)
    if commands and commands[-1].name == "cd" and len(commands) == 1:
        yield "cd-without-effect", ""
    elif any(command.name == "cd" for command in commands) and not run.heredocs:
        yield "cd-instead-of-workdir", ""


def _is_run_by_default(run: Instruction) -> bool:
    """Tell whether the shell of the stage runs all of it, and no other one a heredoc."""
    return all(run.arguments.startswith("<<") and not heredoc.body.startswith("#!") for heredoc in run.heredocs)


def _dash(commands: list[Command]) -> Iterator[tuple[str, str]]:
    if any(command.name == "set" and "pipefail" in command.words for command in commands):
        yield "pipefail-in-dash", ""
    if name := next((command.name for command in commands if command.name in ("source", "[[")), ""):
        yield "bash-in-dash", name


def _one(command: Command) -> Iterator[tuple[str, str]]:
    if command.name == "sudo":
        yield "sudo", ""
        yield from _one(Command(command.words[1:], command.piped))
    if command.name == "chmod" and command.has("777", "a+rwx", "0777", "ugo+rwx"):
        yield "chmod-777", command.arguments()[-1] if len(command.arguments()) > 1 else ""
    if command.name in _POINTLESS:
        yield "pointless-command", command.name
    if (
        command.name == "npm"
        and command.has("install", "i")
        and len(command.arguments()) == 1
        and not _is_global(command)
    ):
        yield "npm-install", ""
    if command.name in ("curl", "wget") and command.has("-k", "--insecure", "--no-check-certificate"):
        yield "tls-check-off", command.name


def _is_global(command: Command) -> bool:
    return command.has("-g", "--global")


def _packages(commands: list[Command], text: str, mounts: str, stage: Stage) -> Iterator[tuple[str, str]]:
    apt = [command for command in commands if command.name in ("apt-get", "apt")]
    installs = [command for command in apt if command.has("install")]
    for command in installs:
        if not _says_yes(command) and "Assume-Yes" not in text:
            yield "install-asks", command.name
        if not command.has("--no-install-recommends") and "Install-Recommends" not in text:
            yield "apt-recommends", ""
    if any(command.name == "apt" for command in apt):
        yield "apt-in-script", ""
    if any(command.has("update") for command in apt) and not installs and not _also_uses_apt(commands):
        yield "apt-update-alone", ""
    if installs and "/var/lib/apt/lists" not in text and "/var/" not in mounts:
        yield "apt-lists-kept", ""
    if not apt and any(
        command.name == "rm" and "/var/lib/apt/lists" in " ".join(command.words) for command in commands
    ):
        yield "lists-removed-late", ""
    yield from _other_packages(commands, mounts, stage)
    if unpinned := next((name for command in commands if (name := _unpinned(command))), ""):
        yield "unpinned-packages", unpinned


def _other_packages(commands: list[Command], mounts: str, stage: Stage) -> Iterator[tuple[str, str]]:
    for command in commands:
        is_install = command.has("install")
        if command.name in ("yum", "dnf", "microdnf", "zypper") and is_install:
            if command.name != "microdnf" and not _says_yes(command) and not command.has("--non-interactive", "-n"):
                yield "install-asks", command.name
        if command.name == "apk" and command.has("add") and not command.has("--no-cache") and "apk" not in mounts:
            yield "apk-cache", ""
        if _is_pip(command) and is_install and not command.has("--no-cache-dir") and "cache" not in mounts:
            if not any(
                one.name in ("ENV", "ARG") and "PIP_NO_CACHE_DIR" in one.arguments for one in stage.instructions
            ):
                yield "pip-cache", ""


def _says_yes(command: Command) -> bool:
    if command.has("--yes", "--assume-yes", "-qq", "--assumeyes"):
        return True
    return any(re.fullmatch(r"-[a-zA-Z]*y[a-zA-Z]*", word) for word in command.words)


def _also_uses_apt(commands: list[Command]) -> bool:
    return any(
        command.name in ("apt-get", "apt", "aptitude", "apt-cache") and not command.has("update")
        for command in commands
    )


def _is_pip(command: Command) -> bool:
    words = command.words[:3]
    return bool(re.fullmatch(r"pip[\d.]*", command.name)) or words[1:3] == ("-m", "pip")


def _unpinned(command: Command) -> str:
    """Return the first package that is installed without a version, if versions are usual for this tool."""
    tools = {"apt-get": ("install", "="), "apt": ("install", "="), "apk": ("add", "="), "gem": ("install", ":")}
    verb, sign = tools.get(command.name, ("", ""))
    if _is_pip(command):
        verb, sign = "install", "="
        if command.has("-r", "--requirement", "-e", "--editable", "-c", "--constraint"):
            return ""
    if not verb or not command.has(verb):
        return ""
    packages = [word for word in command.arguments() if word not in (verb, "pip", "install")]
    loose = [word for word in packages if not re.search(r"[=@$/<>~]", word) and not word.startswith(".")]
    return loose[0] if loose and sign else ""
