"""Check the stages of a Dockerfile: their bases, what they copy from each other, their users and their RUNs."""

import re
from collections.abc import Iterator

from agent.images import image_problem
from agent.tools.dockerfile.instructions import Problem, pairs_of
from agent.tools.dockerfile.parse import Dockerfile, Instruction, Stage
from agent.tools.dockerfile.shell import Command, commands_of, problems

_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::?[-+][^}]*)?\}|(\w+))")
_ROOT = {"root", "0", "root:root", "0:0", "0:root", "root:0"}
_NOT_ROOT = ("nonroot", "unprivileged", "cgr.dev/", "chainguard/", "bitnami/", "rootless")
_MESSAGES = {
    "install-asks": "`{} install` runs without -y.",
    "apt-recommends": "apt-get install takes recommended packages along.",
    "apt-in-script": "apt is used in place of apt-get.",
    "apt-update-alone": "apt-get update runs without an install in the same RUN.",
    "apt-lists-kept": "The package lists stay in the layer.",
    "apk-cache": "apk add runs without --no-cache.",
    "pip-cache": "pip install keeps its cache.",
    "unpinned-packages": "Packages are installed without a version, such as `{}`.",
    "download-into-shell": "A download is run unseen: {}.",
    "pipe-without-pipefail": "A pipe runs without pipefail.",
    "cd-without-effect": "RUN cd has no effect on what follows.",
    "cd-instead-of-workdir": "RUN changes the folder with cd.",
    "pipefail-in-dash": "`set -o pipefail` stands in a command that dash runs.",
    "bash-in-dash": "`{}` is a command of bash.",
    "lists-removed-late": "The package lists are removed in a RUN of its own.",
    "sudo": "sudo is used in a build.",
    "chmod-777": "chmod 777 opens {} for everyone.",
    "pointless-command": "`{}` makes no sense in a build.",
    "npm-install": "npm install is used in place of npm ci.",
    "tls-check-off": "{} does not check certificates.",
}
_POSIX = re.compile(r"\b(?:ba|da|a|z|k)?sh\b")
_WINDOWS = re.compile(r"windows|nanoserver|servercore", re.I)
# Images with a Debian or Ubuntu inside, unless their tag says otherwise.
_DEBIAN = {"debian", "ubuntu", "buildpack-deps", "python", "node", "golang", "ruby", "php", "rust", "nginx"}
_ONCE = {"unpinned-packages", "apt-recommends", "cd-instead-of-workdir"}
_INSTALLERS = {
    "npm": ("ci", "install", "i"),
    "yarn": ("install",),
    "pnpm": ("install", "i"),
    "bundle": ("install",),
    "composer": ("install",),
    "poetry": ("install",),
    "uv": ("sync",),
    "go": ("download",),
    "mvn": ("dependency:go-offline",),
}


def of_file(dockerfile: Dockerfile) -> Iterator[Problem]:
    """Yield what is wrong with the file as a whole."""
    first = dockerfile.instructions[0].line
    if not dockerfile.stages:
        yield Problem("no-from", first, "There is no FROM.")
    for one in dockerfile.before:
        if one.name != "ARG" and dockerfile.stages:
            yield Problem("before-from", one.line, f"{one.name[:40]} stands before the first FROM.")
    odd = [one for one in dockerfile.instructions if one.written != one.name]
    if odd and len(odd) < len(dockerfile.instructions):
        yield Problem("casing", odd[0].line, f"`{odd[0].written[:40]}` is not written in capitals like the others.")
    for stage in dockerfile.stages:
        words = stage.source.arguments.split()
        if len(words) == 3 and words[1] == "as" and stage.source.written == "FROM":
            yield Problem("casing", stage.source.line, "`as` is not written in capitals like FROM.")


def of_stages(dockerfile: Dockerfile) -> Iterator[Problem]:
    """Yield what is wrong in and between the stages."""
    told: set[str] = set()
    defaults = {
        name: value.strip("\"'") for one in dockerfile.before if one.name == "ARG" for name, value in pairs_of(one)
    }
    shipped = {one.index for one in dockerfile.lineage(dockerfile.stages[-1])} if dockerfile.stages else set()
    for stage in dockerfile.stages:
        yield from _base(dockerfile, stage, defaults)
        yield from _copies(dockerfile, stage)
        yield from _repeated(stage)
        rows = _rows(stage) if stage.index in shipped else ()
        for problem in [*rows, *_runs(dockerfile, stage, defaults), *_cache(stage)]:
            if problem.rule not in told:
                yield problem
            told |= {problem.rule} & _ONCE
    if dockerfile.stages:
        yield from _last(dockerfile)


def _base(dockerfile: Dockerfile, stage: Stage, defaults: dict[str, str]) -> Iterator[Problem]:
    line = stage.source.line
    words = stage.source.arguments.split()
    if len(words) not in (1, 3) or (len(words) == 3 and words[1].lower() != "as"):
        yield Problem("bad-from", line, "FROM takes an image, or an image AS a name.")
        return
    above = dockerfile.stages[: stage.index]
    names = {other.name.lower() for other in above if other.name}
    if stage.name and stage.name.lower() in names:
        yield Problem("duplicate-stage", line, f"There is a stage `{stage.name[:60]}` above already.")
    image = _resolved(stage.image, defaults)
    if image != "scratch" and image.lower() not in names and (problem := image_problem(image)):
        yield Problem("base-not-pinned", line, f"The base image {image[:120]} {problem}.")
    platform = stage.source.flag("platform")
    if platform and "$" not in platform:
        yield Problem("fixed-platform", line, f"FROM is fixed to {platform[:40]}.")


def _resolved(image: str, defaults: dict[str, str]) -> str:
    """Return the name of an image with the variables filled in whose defaults are known."""
    return _VARIABLE.sub(lambda match: defaults.get(match[1] or match[2]) or match[0], image)


def _copies(dockerfile: Dockerfile, stage: Stage) -> Iterator[Problem]:
    """Yield what is wrong with COPY --from."""
    for one in stage.instructions:
        source = one.flag("from")
        if one.name != "COPY" or not source or "$" in source:
            continue
        names = [other.name.lower() for other in dockerfile.stages]
        if source.isdigit():
            if int(source[:6]) >= stage.index:
                yield Problem("unknown-stage", one.line, f"There is no stage {source[:6]} above.")
        elif source.lower() in names[: stage.index]:
            continue
        elif source.lower() in names:
            yield Problem("unknown-stage", one.line, f"The stage `{source[:60]}` does not stand above.")
        elif not any(sign in source for sign in ":/@."):
            yield Problem("stage-or-image", one.line, f"There is no stage `{source[:60]}`.")


def _repeated(stage: Stage) -> Iterator[Problem]:
    for name in ("CMD", "ENTRYPOINT", "HEALTHCHECK"):
        uses = [one for one in stage.instructions if one.name == name]
        for one in uses[:-1]:
            yield Problem(f"several-{name.lower()}", one.line, f"{name} is overridden in line {uses[-1].line}.")


def _runs(dockerfile: Dockerfile, stage: Stage, defaults: dict[str, str]) -> Iterator[Problem]:
    line = dockerfile.lineage(stage)
    image = _resolved(line[-1].image, defaults)
    shells = [one.arguments for parent in reversed(line[1:]) for one in parent.instructions if one.name == "SHELL"]
    shell = shells[-1] if shells else ""
    for one in stage.instructions:
        if one.name == "SHELL":
            shell = one.arguments
        # Commands of PowerShell and cmd.exe are others, though some are called the same.
        if one.name == "RUN" and (_POSIX.search(shell) if shell else not _WINDOWS.search(image)):
            for rule, what in problems(one, stage, "pipefail" in shell, not shell and _has_dash(image)):
                yield Problem(rule, one.line, _MESSAGES[rule].format(what[:80] or "files"))


def _has_dash(image: str) -> bool:
    name, _, tag = image.rpartition("/")[2].partition(":")
    return name in _DEBIAN and not re.search("alpine|windows|nanoserver", tag)


def _rows(stage: Stage) -> Iterator[Problem]:
    """Yield where several RUN of the image itself begin; those with a mount are apart to keep their cache."""
    in_row = 0
    for one in stage.instructions:
        in_row = in_row + 1 if one.name == "RUN" and not one.flag("mount") else 0
        if in_row == 2:
            yield Problem("several-run", one.line, "Several RUN follow each other.")


def _cache(stage: Stage) -> Iterator[Problem]:
    """Yield the COPY of everything that stands before the dependencies are installed."""
    everything: Instruction | None = None
    for one in stage.instructions:
        if one.name in ("COPY", "ADD") and not one.flag("from"):
            if any(source in (".", "./") for source in one.arguments.split()[:-1]):
                everything = everything or one
        elif one.name == "RUN" and any(map(_installs, commands_of(one))):
            if everything:
                yield Problem(
                    "copy-before-install", everything.line, f"Dependencies are installed below, in line {one.line}."
                )
            return


def _installs(command: Command) -> bool:
    verbs = _INSTALLERS.get(command.name)
    if verbs:
        return command.has(*verbs)
    is_pip = command.name.startswith("pip") or command.words[1:3] == ("-m", "pip")
    return is_pip and command.has("install") and command.has("-r", "--requirement")


def _last(dockerfile: Dockerfile) -> Iterator[Problem]:
    """Yield what is wrong with the stage that becomes the image."""
    stage = dockerfile.stages[-1]
    user, base = _user(dockerfile, stage)
    if user is None:
        if not any(sign in base for sign in _NOT_ROOT):
            yield Problem("runs-as-root", stage.source.line, "No USER is set, so the container runs as root.")
    elif user.arguments.split()[0].strip("\"'").lower() in _ROOT:
        yield Problem("runs-as-root", user.line, "The last USER is root.")
    if not any(one.name == "HEALTHCHECK" for one in stage.instructions):
        yield Problem("no-healthcheck", stage.source.line, "The image has no HEALTHCHECK.")


def _user(dockerfile: Dockerfile, stage: Stage) -> tuple[Instruction | None, str]:
    """Return the USER that holds at the end of a stage, and the image that it begins with at last."""
    line = dockerfile.lineage(stage)
    for one in line:
        users = [user for user in one.instructions if user.name == "USER" and user.arguments]
        if users:
            return users[-1], one.image
    return None, line[-1].image
