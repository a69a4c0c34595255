"""Check single instructions of a Dockerfile, without looking at what stands around them."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from agent.near import suggestion
from agent.secret_judgement import is_secret, kind_of_name
from agent.tools.dockerfile.parse import KNOWN, Instruction


class Problem(NamedTuple):
    """A rule that is broken, and where."""

    rule: str
    line: int
    message: str


_PORT = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?(?:/(?:tcp|udp|sctp))?", re.I)
_ABSOLUTE = re.compile(r"""["']?(?:/|\$|[A-Za-z]:[\\/]|\\)""")
_REMOTE = re.compile(r"(?:https?|ftp)://", re.I)
_GIT = re.compile(r"(?:git@|git://|https?://\S+\.git(?:[#?]|$))", re.I)
_ARCHIVE = re.compile(r"\.(?:tar|tgz|tbz2?|txz|tar\.\w{2,4})$", re.I)
_SECRET_FILE = re.compile(
    r"(?:^|/)(?:\.env(?:\.(?!example|sample|template|dist|test)[\w-]+)?|\.npmrc|\.pypirc|\.netrc|\.git-credentials|\.aws"
    r"|\.ssh|\.kube|\.dockercfg|\.docker/config\.json|id_(?:rsa|dsa|ecdsa|ed25519)|[\w.-]+\.(?:pem|p12|pfx|key)"
    r"|kubeconfig|credentials(?:\.json)?)$"
)
_PAIR = re.compile(r"""([A-Za-z_][\w.-]*)=("(?:[^"\\]|\\.)*+"|'[^']*'|\S*)""")
_WORD = re.compile(r"""(?:\\.|"(?:\\.|[^"\\])*+"|'[^']*'|[^\s"'\\]|["'\\])+""")
_MOUNTS = ("bind", "cache", "tmpfs", "secret", "ssh")
_NO_VALUE = {"", "true", "false", "0", "1", "none", "null"}


def of_instruction(one: Instruction) -> Iterator[Problem]:
    """Yield what is wrong with an instruction by itself."""
    if one.name not in KNOWN:
        yield Problem("unknown-instruction", one.line, f"`{one.written[:40]}` is no instruction of Dockerfiles.")
        return
    if not one.arguments and not one.flags:
        yield Problem("no-arguments", one.line, f"{one.name} has no arguments.")
        return
    if one.unfinished:
        yield Problem("unfinished-heredoc", one.line, f"The heredoc `{one.unfinished}` has no end.")
    if one.is_broken_exec_form and one.name in ("CMD", "ENTRYPOINT", "RUN", "SHELL", "COPY", "ADD", "VOLUME"):
        yield Problem("invalid-exec-form", one.line, f"The array of {one.name} is not valid JSON.")
    for key, value in one.flags:
        kind = re.search(r"(?:^|,)type=([\w-]+)(?:,|$)", value)
        if key == "mount" and one.name == "RUN" and kind and kind[1] not in _MOUNTS:
            message = f"There is no mount of type `{kind[1][:40]}`.{suggestion(kind[1], _MOUNTS)}"
            yield Problem("unknown-mount", one.line, message)
    check = _CHECKS.get(one.name)
    if check:
        yield from check(one)


def _cmd(one: Instruction) -> Iterator[Problem]:
    if one.words is None and not one.is_broken_exec_form:
        yield Problem("shell-form", one.line, f"{one.name} is in shell form.")


def _expose(one: Instruction) -> Iterator[Problem]:
    for port in one.arguments.split():
        match = _PORT.fullmatch(port)
        numbers = [int(number) for number in match.groups() if number] if match else []
        if "$" not in port and (not numbers or not all(1 <= number <= 65_535 for number in numbers)):
            yield Problem("bad-port", one.line, f"`{port[:40]}` is no port.")
        elif numbers == [22]:
            yield Problem("ssh-exposed", one.line, "EXPOSE 22 is the port of SSH.")


def _workdir(one: Instruction) -> Iterator[Problem]:
    if not _ABSOLUTE.match(one.arguments):
        yield Problem("relative-workdir", one.line, f"WORKDIR {one.arguments[:80]} is relative.")


def _copy(one: Instruction) -> Iterator[Problem]:
    parts = list(one.words) if one.words is not None else one.arguments.split()
    if len(parts) < 2:
        if not one.is_broken_exec_form:
            yield Problem("copy-arguments", one.line, f"{one.name} needs a source and a target.")
        return
    sources, target = parts[:-1], parts[-1].strip("\"'")
    if len(sources) > 1 and not target.endswith(("/", "\\")) and target not in (".", "..") and "$" not in target:
        yield Problem("copy-many-to-file", one.line, f"{one.name} copies {len(sources)} sources to `{target[:60]}`.")
    if one.flag("from"):
        return
    for source in sources:
        if re.match(r"[\"']?\.\.(?:/|$)", source):
            yield Problem("above-context", one.line, f"`{source[:80]}` lies above the build context.")
        if _SECRET_FILE.search(source.strip("\"'").rstrip("/")):
            yield Problem("secret-file-copied", one.line, f"`{source[:80]}` usually holds credentials.")
    if any(source in (".", "./", "*", "./*") for source in sources):
        yield Problem("copies-everything", one.line, f"{one.name} takes the whole build context.")
    if one.name == "ADD":
        yield from _add(one, sources)


def _add(one: Instruction, sources: list[str]) -> Iterator[Problem]:
    for source in sources:
        if source.startswith("<<") or _GIT.match(source) or "$" in source:
            continue
        if _REMOTE.match(source):
            if not one.flag("checksum"):
                yield Problem("add-without-checksum", one.line, "ADD fetches an address without a checksum.")
        elif not _ARCHIVE.search(source):
            yield Problem("add-instead-of-copy", one.line, f"ADD copies `{source[:80]}`, which is no archive.")
            return


def _env(one: Instruction) -> Iterator[Problem]:
    pairs = pairs_of(one)
    if one.name == "ENV" and "=" not in one.arguments.split()[0]:
        yield Problem("env-without-equals", one.line, f"ENV {pairs[0][0][:60]} is written without `=`.")
    yield from _label(one)
    for name, value in pairs:
        named = kind_of_name(name)
        if named is None or (named.vague and value and not is_secret(value.strip("\"'"), named, quoted=True)):
            continue
        # The value is never shown, only the name.
        if value.strip("\"'").lower() not in _NO_VALUE:
            yield Problem("secret-in-image", one.line, f"{one.name} sets `{name[:60]}`, by its name a secret.")
        elif one.name == "ARG" and not value:
            yield Problem("secret-as-argument", one.line, f"ARG `{name[:60]}` takes what its name says is a secret.")


def _label(one: Instruction) -> Iterator[Problem]:
    """Yield the word that is no pair after one that is; a lone name and value are the old form."""
    words = _WORD.findall(one.arguments)
    odd = next((word for word in words if "=" not in word), "")
    if odd and "=" in words[0] and one.name in ("ENV", "LABEL"):
        # What is left of a value without quotes may be part of a secret.
        place = words.index(odd) + 1
        yield Problem("pair-without-equals", one.line, f"Word {place} of {one.name} is not of the form name=value.")


def names_of(one: Instruction) -> list[str]:
    """Return the names that ENV or ARG declares."""
    words = _WORD.findall(one.arguments)
    if one.name == "ENV" and words and "=" not in words[0]:
        return words[:1]
    return [word.partition("=")[0] for word in words]


def pairs_of(one: Instruction) -> list[tuple[str, str]]:
    """Return the names and values of ENV, ARG or LABEL."""
    first, _, rest = one.arguments.partition(" ")
    if "=" not in first:
        return [(first, rest.strip() if one.name != "ARG" else "")]
    return _PAIR.findall(one.arguments)


def _onbuild(one: Instruction) -> Iterator[Problem]:
    trigger = one.arguments.split()[0].upper()
    if trigger in ("FROM", "ONBUILD", "MAINTAINER") or trigger not in KNOWN:
        yield Problem("bad-onbuild", one.line, f"ONBUILD {trigger[:40]} is not allowed.")
    else:
        yield Problem("onbuild", one.line, f"ONBUILD {trigger} acts in child images.")


def _healthcheck(one: Instruction) -> Iterator[Problem]:
    verb, _, command = one.arguments.partition(" ")
    if verb.upper() != "NONE" and (verb.upper() != "CMD" or not command.strip()):
        yield Problem("bad-healthcheck", one.line, "HEALTHCHECK needs CMD with a command, or NONE.")


def _shell(one: Instruction) -> Iterator[Problem]:
    if not one.words and not one.is_broken_exec_form:
        yield Problem("bad-shell", one.line, "SHELL is no JSON array.")


def _maintainer(one: Instruction) -> Iterator[Problem]:
    yield Problem("maintainer", one.line, "MAINTAINER is used.")


_CHECKS = {
    "CMD": _cmd,
    "ENTRYPOINT": _cmd,
    "EXPOSE": _expose,
    "WORKDIR": _workdir,
    "COPY": _copy,
    "ADD": _copy,
    "ENV": _env,
    "ARG": _env,
    "LABEL": _label,
    "ONBUILD": _onbuild,
    "HEALTHCHECK": _healthcheck,
    "SHELL": _shell,
    "MAINTAINER": _maintainer,
}
