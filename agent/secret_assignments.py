"""Find secrets by the name that they are given to: `password=...`, `"token": "..."`, `--api-key ...` and the like."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from agent.image_references import is_image
from agent.secret_judgement import PASSWORD, Named, is_secret, kind_of_name, looks_random
from agent.secret_shapes import Span

# Some part of every name that kind_of_name knows.
_KEYWORDS = r"(?i:pass|pwd?|secret|token|credential|auth|dockerc|key)"
# Possessive, so that a text full of half assignments costs no more than any other.
_ASSIGNED = re.compile(
    _KEYWORDS
    + r"""[\w.-]{0,40}+((?:\\{0,7}["'])?)\]?[ \t]{0,8}+(?::=|=>|=(?![=>~])|:(?!:))([ \t]{0,8}+)"""
    + r"""(?:[fbru]{1,2}(?=["']))?"""
)
_NAME_BEFORE = re.compile(r"[\w.-]{0,64}\Z")
_OPENING = re.compile(r"""\\{0,7}["'`]""")
_QUOTED = {
    '"': re.compile(r'(?:[^"\\\n]|\\[^\n])++(?=")'),
    "'": re.compile(r"[^'\n]++(?=')"),
    "`": re.compile(r"[^`\n]++(?=`)"),
}
# Inside of a string that holds JSON or code: the quotes are escaped, once or more often.
_ESCAPED = re.compile(r"""[^"'`\\\n]++""")
_BARE = re.compile(r"""[^\s"'`\\]++""")
# Of YAML: a single word in the only line of a block, which is indented.
_BLOCK = re.compile(r"[|>][+-]?[ \t]*\r?\n([ \t]{1,80}+)(\S{1,2000}+)[ \t]*\r?(?=\n|\Z)(?!\n\1)")
# The rest of `<your password>`, of which a value without quotes is only the first word.
_FIRST_WORD = re.compile(r"<[a-z]+")
_CLOSING = re.compile(r"(?: [a-z][\w-]{0,40}){0,8}>")
_BARE_END = re.compile(r"[&;,)}\]|>]")
_REST_OF_LINE = re.compile(r"[ \t]*(?:\Z|[\n\r#,;&|}\])>\"'`\\]|//|--)")
_NESTED_MAX = 8

_VALUE = r"""(?:\\?"((?:[^"\\\n]|\\[^"\n]){1,2000}+)(?=\\?")|'([^'\n]{1,2000}+)'|([^\s"'`\\,;}]{1,2000}+))"""
_PAIRED = re.compile(
    r"""(?i:\b(?:name|key))\\?["']?[ \t]{0,8}[:=]?[ \t]{0,8}\\?["']?([\w.-]{0,64}"""
    + _KEYWORDS
    + r"""[\w.-]{0,40})\\?["']?,?(?:\\n)?\s{0,80}\\?["']?(?i:value|default_value)\\?["']?[ \t]{0,8}[:=][ \t]{0,8}"""
    + _VALUE
)
_VARIABLE = re.compile(
    r"""\bvariable\s{1,8}"([\w-]{1,80})"\s{0,8}\{[^{}]{0,400}?\bdefault\s{0,20}=\s{0,20}"((?:[^"\\\n]|\\[^\n]){1,2000}+)(?=")"""
)
# What follows `--disabled-password` is no password. What begins with a dash is the next flag, unless it is long and of
# mixed characters. In a list, as of a container's command, both stand in quotes.
_FLAG_NAME = r"--(?!(?:no|without|disabled?|ask|prompt|skip|enabled?)[-_A-Z])([a-z][\w-]{1,60})"
_MIXED = r"(?![X-])" + "".join(rf"(?=[^\s=:./]{{0,80}}{one})" for one in (r"\d", "[a-z]", "[A-Z]")) + r"[^\s=:./]{8}"
_NO_FLAG = rf"(?!-(?!{_MIXED}))"
_FLAG = re.compile(_FLAG_NAME + r"[ \t]{1,4}" + _NO_FLAG + _VALUE)
_LISTED_FLAG = re.compile(
    r"""["']""" + _FLAG_NAME + r"""["'][ \t]{0,4},[ \t]{0,4}["']""" + _NO_FLAG + r"""([^\s"'`\\]{1,2000}+)["']"""
)
_ENV = re.compile(r"""(?im)^[ \t]*ENV[ \t]{1,20}(\w{1,80})[ \t]{1,20}""" + _VALUE + r"[ \t]*$")
_SQL = re.compile(r"""(?i:\bidentified\s{1,8}by|\bpassword)\s{1,8}'([^'\n]{1,256})'""")
_XML = re.compile(r"<([\w.:-]{1,60})>([^<>\n]{1,1000}+)(?=</)")
_NETRC = re.compile(r"""\blogin\s{1,20}\S{1,100}\s{1,20}password\s{1,20}([^\s"'\\]{1,200})""")
_REDIS = re.compile(
    r"(?im)(?:^[ \t]{0,40}+|\bconfig set )(?:requirepass|masterauth)[ \t]{1,20}"
    r"""["']?([^\s"'#\\]{1,256})["']?[ \t]*(?=[\r\n;&|]|\Z)"""
)
# host:port:database:user:password, as in ~/.pgpass.
_PGPASS = re.compile(
    r"""(?<![^\s"'])[\w.*/-]{1,255}+:(?:\d{4,5}|\*):(?:[\w.$-]{1,64}|\*):(?:[\w.$@-]{1,64}|\*):((?:[^\s:"'\\]|\\[:\\]){4,256}+)(?![^\s"'])"""
)
_PLACES = (
    (("password", "identified"), _SQL, PASSWORD),
    (("password",), _NETRC, PASSWORD),
    (("requirepass", "masterauth"), _REDIS, PASSWORD),
    # Logs look alike, so a plain word is none.
    ((":",), _PGPASS, Named("password", plain=False)),
)
_USER_FLAG = re.compile(r"""\s(?:-u|--user)[ =]{0,2}["']?[\w.@%+-]{1,100}:([^\s"'`\\]{3,256})""")
_SHORT_FLAG = re.compile(r"""\s-p["']?([^\s"'`\\-][^\s"'`\\]{2,256})""")
_SHORT_FLAG_SPACED = re.compile(r"""\s-p[ ]?["']?([^\s"'`\\-][^\s"'`\\]{2,256})""")
_AUTH_FLAG = re.compile(r"""\s["']?(?:-a|--pass)["']?,?[ ]["']?([^\s"'`\\-][^\s"'`\\]{2,256})""")
_TAKES_USER = ("curl", "http", "wget")
_TAKES_PASSWORD = ("mysql", "mariadb")
_TAKES_PASSWORD_SPACED = ("sshpass", "docker login", "podman login", "helm registry login")
_FLAGS = (
    (_USER_FLAG, _TAKES_USER),
    (_SHORT_FLAG, _TAKES_PASSWORD),
    (_SHORT_FLAG_SPACED, _TAKES_PASSWORD_SPACED),
    (_AUTH_FLAG, ("redis-cli", "valkey-cli")),
)

_SECRET_DOCUMENT = re.compile(r"(?m)^kind:[ \t]*[\"']?Secret[\"']?[ \t]*\r?$")
_DATA = re.compile(r"(?:data|stringData):\s*$")
_DATA_VALUE = re.compile(r"""[ \t]+["']?[\w.-]{1,253}["']?:[ \t]+(["']?)([^\s"'#|>{}<!&*][^\n"']*?)\1[ \t]*\r?$""")
_PUBLIC = "LS0tLS1CRUdJTiBDRVJU"


def by_name(text: str, lower: str) -> Iterator[Span]:
    """Yield every value that its name, or its place in a command, says to be a secret; `lower` is in lower case."""
    yield from _assignments(text)
    if "value" in lower:
        yield from _named(_PAIRED, text)
    if 'variable "' in text:
        yield from _named(_VARIABLE, text)
    if "--" in text:
        yield from _named(_FLAG, text)
        yield from _named(_LISTED_FLAG, text)
    if "env" in lower:
        yield from _named(_ENV, text)
    if "</" in text:
        yield from _named(_XML, text)
    yield from _in_commands(text, lower)
    if _SECRET_DOCUMENT.search(text):
        yield from _kubernetes_secrets(text)


def _assignments(text: str) -> Iterator[Span]:
    looked_at, nested = 0, 0
    for match in _ASSIGNED.finditer(text):
        start, name = _name(text, match)
        named = kind_of_name(name)
        # An attribute of `self` is code.
        if named is None or _in_arn(text, start) or name.startswith(("self.", "this.")):
            continue
        # An assignment inside of a value, as in `password=token=...`, is looked at again, but not without end.
        nested = nested + 1 if match.start() < looked_at else 0
        if nested > _NESTED_MAX:
            continue
        value = _value(text, match)
        if value is None:
            continue
        looked_at = max(looked_at, value.end)
        span = _assigned(text, match, _Name(start, name, named), value)
        if span:
            yield span


def _in_arn(text: str, start: int) -> bool:
    """Tell whether a colon stands in front, unless it is the one of `//registry/:_authToken` in .npmrc."""
    return text[start - 1 : start] == ":" and text[start - 2 : start + 1] != "/:_"


def _name(text: str, match: re.Match[str]) -> tuple[int, str]:
    """Return the whole name that a keyword is a part of, and where it starts."""
    before = _NAME_BEFORE.search(text, max(0, match.start() - 64), match.start())
    start = before.start() if before else match.start()
    return start, text[start : match.start()] + re.split(r"[\"'\\\s:=]", match[0], maxsplit=1)[0]


class _Name(NamedTuple):
    start: int
    text: str
    means: Named


class _Value(NamedTuple):
    start: int
    end: int
    quoted: bool


def _value(text: str, match: re.Match[str]) -> _Value | None:
    at = match.end()
    opening = _OPENING.match(text, at)
    if opening is None:
        block = _BLOCK.match(text, at)
        if block and len(block[1]) > _indent(text, match.start()):
            return _Value(block.start(2), block.end(2), True)
        bare = _BARE.match(text, at)
        return _Value(at, bare.end(), False) if bare else None
    escaped = len(opening[0]) > 1
    inner = (_ESCAPED if escaped else _QUOTED[opening[0]]).match(text, opening.end())
    if inner is None or (escaped and not text.startswith(opening[0], inner.end())):
        return None
    return _Value(inner.start(), inner.end(), True)


def _indent(text: str, at: int) -> int:
    """Return how far the key before this position is indented, behind the dash of a list if there is one."""
    line = text[max(0, at - 200) : at].rpartition("\n")[2]
    return len(line) - len(line.lstrip(" \t-"))


def _assigned(text: str, match: re.Match[str], name: _Name, value: _Value) -> Span | None:
    kind = name.means.kind
    if value.quoted:
        given = text[value.start : value.end]
        return Span(value.start, value.end, kind) if is_secret(given, name.means, quoted=True) else None
    if is_image(text, name.start, name.text, value.start, password=kind == PASSWORD.kind):
        return None
    end = _end_of_bare(text, value, name.start)
    given = text[value.start : end]
    if (match[2] or text[value.start - 1] == ":") and _is_prose(text, end, given, plain=name.means.plain):
        return None
    if match[1] and given.replace("_", "").isalpha():
        return None  # JSON would have quotes, so this is code that names a variable.
    # A number in JSON stands without quotes and becomes a string.
    quote = match[1] if given.isdigit() else ""
    return Span(value.start, end, kind, quote) if is_secret(_closed(text, value.start, end), name.means) else None


def _end_of_bare(text: str, whole: _Value, name_start: int) -> int:
    """Return where an unquoted value ends: with the line in a file of settings, else at the usual separators."""
    value = text[whole.start : whole.end]
    if any(sign in value for sign in ("${", "{{", "$(", "#{")):
        return whole.end
    line = text[text.rfind("\n", max(0, name_start - 40), name_start) + 1 : name_start] if name_start else ""
    ends_line = text[whole.end : whole.end + 1] in ("", "\n", "\r") and value[-1] not in ",}]);"
    if ends_line and not line.strip(" \t-\"'") and "&" not in value:
        return whole.end
    cut = _BARE_END.search(value)
    return whole.start + cut.start() if cut else whole.end


def _closed(text: str, start: int, end: int) -> str:
    """Return an unquoted value, together with what closes it if it is the first word of `<your password>`."""
    closing = _CLOSING.match(text, end) if _FIRST_WORD.fullmatch(text, start, end) else None
    return text[start : closing.end() if closing else end]


def _is_prose(text: str, end: int, value: str, *, plain: bool) -> bool:
    """Tell whether words follow, as in `password: must be long`, and the value looks like a word itself."""
    if _REST_OF_LINE.match(text, end) or looks_random(value):
        return False
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return not (plain and mixed and len(value) >= 6)


def _named(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    """Yield the values that a pattern found with their names: the name is its first group, the value the next."""
    for match in pattern.finditer(text):
        group = next(index for index in range(2, len(match.groups()) + 1) if match[index] is not None)
        named = kind_of_name(match[1])
        quoted = text[match.start(group) - 1] in "\"'"
        given = match[group] if quoted else _closed(text, match.start(group), match.end(group))
        if named and is_secret(given, named, placed=True, quoted=quoted):
            yield Span(match.start(group), match.end(group), named.kind)


def _in_commands(text: str, lower: str) -> Iterator[Span]:
    """Yield passwords that stand at their place in a command, without a name."""
    for hints, pattern, named in _PLACES:
        if not any(hint in lower for hint in hints):
            continue
        for match in pattern.finditer(text):
            if is_secret(match[1], named, quoted=True):
                yield Span(match.start(1), match.end(1), PASSWORD.kind)
    for pattern, commands in _FLAGS:
        if not any(command in text for command in commands):
            continue
        for match in pattern.finditer(text):
            line = text[max(0, match.start() - 300) : match.start() + 1].rpartition("\n")[2]
            given = _closed(text, match.start(1), match.end(1))
            if any(command in line for command in commands) and is_secret(given, PASSWORD):
                yield Span(match.start(1), match.end(1), PASSWORD.kind)


def _kubernetes_secrets(text: str) -> Iterator[Span]:
    """Yield the values of `data` and `stringData` in manifests of the kind Secret, whatever their keys are."""
    at = 0
    for document in re.split(r"(?m)(^---[^\n]*\n)", text):
        if _SECRET_DOCUMENT.search(document):
            inside = False
            offset = at
            for line in document.splitlines(keepends=True):
                bare = line.rstrip("\n")
                if bare[:1] not in (" ", "\t", "#", ""):
                    inside = _DATA.match(bare) is not None
                elif inside and (match := _DATA_VALUE.match(bare)) and _is_data(match[2]):
                    yield Span(offset + match.start(2), offset + match.end(2), "kubernetes-secret")
                offset += len(line)
        at += len(document)


def _is_data(value: str) -> bool:
    return not (value.startswith(_PUBLIC) or "{{" in value or "$" in value or "<redacted:" in value)
