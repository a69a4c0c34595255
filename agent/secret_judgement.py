"""Judge whether a name stands for a secret, and whether a value under it is one or only refers to one.

This is the only judge: what redacts, lints, shows objects of a cluster or writes logs asks here, so that all agree.
"""

import math
import re
from collections import Counter
from typing import NamedTuple

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

_PASSWORDS = {
    "password", "passwd", "passwort", "pwd", "passphrase", "passcode", "dbpass", "sshpass", "userpass", "rootpass",
    "adminpass", "mailpass", "smtppass", "storepass", "keypass", "requirepass", "masterauth",
}  # fmt: skip
# Whole words only: neither `bypass` nor `compass`. Alone they are more often words of prose, code and test reports.
_SHORT_PASSWORDS = {"pass", "pw"}
_NOT_PASSWORDS = {
    "first", "second", "third", "last", "next", "each", "per", "one", "two", "single", "multi", "double", "final",
    "initial", "dry", "render", "shadow", "depth", "boarding", "all", "test", "tests", "check", "build", "compiler",
    "analysis", "optimization", "proxy", "fastcgi", "uwsgi", "scgi", "grpc", "low", "high", "band", "by", "allow",
    "must",
}  # fmt: skip
# `NO_PASSWORD` and the like say whether there is one, but `NO_REPLY_PASSWORD` and `ENABLE_PASSWORD` hold one.
_WHETHER = {"no", "disabled", "ask"}
# Under these a plain word may be the secret itself; the value is the kind.
_PAIRS = {
    ("api", "key"): "api-key",
    ("access", "key"): "access-key",
    ("secret", "key"): "secret-key",
    ("private", "key"): "private-key",
    ("signing", "key"): "signing-key",
    ("encryption", "key"): "encryption-key",
    ("account", "key"): "access-key",
    ("shared", "key"): "access-key",
    ("master", "key"): "secret-key",
    ("webhook", "secret"): "secret",
    ("client", "secret"): "client-secret",
    ("shared", "secret"): "secret",
    ("auth", "token"): "token",
    ("access", "token"): "token",
    ("bearer", "token"): "token",
    ("refresh", "token"): "token",
    ("key", "base"): "secret-key",
    ("key", "data"): "private-key",
}
# Under these a plain word is more often a name that refers to the secret, so only what looks random counts.
_LOOSE = {
    "secret": "secret",
    "token": "token",
    "credential": "credential",
    "credentials": "credential",
    "apikey": "api-key",
    "dockerconfigjson": "docker-config",
    "dockercfg": "docker-config",
    "auth": "authorization",
    "authorization": "authorization",
}
_NOT_SECRET_TOKENS = {
    "next", "page", "continue", "continuation", "idempotency", "cancellation", "eos", "pad", "bos", "unk", "sync",
    "resume", "public", "max", "min", "type", "automount",
}  # fmt: skip
# Any other `<vendor>_KEY` may be one of an API.
_NOT_SECRET_KEYS = {
    "primary", "foreign", "unique", "composite", "sort", "partition", "shard", "hash", "range", "row", "index",
    "public", "pub", "publishable", "anon", "site", "gpg", "pgp", "apt", "kms", "host", "cache", "restore", "build",
    "lock", "object", "map", "dict", "lookup", "group", "event", "message", "metric", "field", "column", "property",
    "config", "label", "annotation", "topology", "registry", "project", "issue", "translation", "idempotency",
    "correlation", "dedup", "deduplication", "page", "next", "start", "continuation", "hot", "shortcut", "function",
    "trace",
}  # fmt: skip
_TRAILING = {
    "prod", "production", "dev", "development", "stage", "staging", "old", "new", "primary", "secondary", "value",
    "plain", "plaintext", "string", "current", "previous", "encoded", "base", "v", "live",
}  # fmt: skip

_REFERENCES = re.compile(
    r"\$\{|\$\(|\{\{|\}\}|<%|#\{|%\(|^\$[A-Za-z_]\w*$|^%[sdr@]$|^%\w+%$|^\[%|^(?:op|vault|ref\+?\w*|env|file|ssm|sops)[:+]"
    # What kubeseal has encrypted: 512 as two bytes, then that many; only the cluster can open it.
    r"|^(?-i:Ag[A-D])[a-z0-9+/]{150}"
    r"|^arn:|^projects/|^enc\[|^(?:sha\d+|md5)[:-]|^/dev/|^__\w+__$|\{[A-Za-z_][\w.()\[\]'\"-]*\}|\[a-[zZf]",
    re.I,
)
_SIGILS = re.compile(r"^[!&*|>@]|^\$")
_CODE = re.compile(r"\w\(|\w\[|^[A-Za-z_$][A-Za-z_]*(?:(?:\.|->|::)[A-Za-z_]\w*)+;?$|^[({\[]")
_PATH = re.compile(r"^(?:\.{0,2}|~|[A-Za-z]:)[/\\][\w.@~/\\ -]*$|^[\w.-]+/[\w.-]+/[\w./-]+$")
_FILE = re.compile(
    r"^[\w-]+\.(?:txt|ya?ml|json|pem|key|crt|env|conf|cfg|ini|toml|properties|sh|py|js|ts|go|rb|tf)$", re.I
)
_URL = re.compile(r"^[a-z][a-z0-9+.-]{1,20}:(?://|$)", re.I)
_UUID = re.compile(r"^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$", re.I)
_NAME = re.compile(r"^[a-z]+\d{0,3}$|^[a-z][a-z0-9]*(?:[-./_][a-z0-9]+)+$")
_NAME_ENDING = re.compile(r"(?:-[a-z0-9]{4,10}){1,2}$")
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}|^\d{1,2}:\d{2}|^v?\d+(?:\.\d+)+")
_COLOUR = re.compile(r"^#[0-9a-f]{3,8}$", re.I)
_NUMBER = re.compile(r"^[+-]?\d+(?:\.\d+)?(?:ms|s|m|h|d|[kmg]i?b?)?$", re.I)
_SAME = re.compile(r"^(.)\1*$")
_KEYWORDS = {
    "true", "false", "null", "none", "nil", "yes", "no", "on", "off", "undefined", "void", "string", "str", "text",
    "bytes", "any", "object", "number", "int", "integer", "bool", "boolean", "required", "optional", "default",
    "hidden", "masked", "filtered", "removed", "invalid", "missing", "expired", "unset", "empty", "n/a", "disabled",
    "enabled", "ok", "failed", "accepted", "rejected", "incorrect", "wrong", "prompt", "write", "read", "inherit",
    "env", "bearer", "basic", "plain", "new", "self", "this", "var", "set", "not", "is", "the", "a", "digest",
    "opaque", "kubernetes", "sha1", "sha256", "sha512", "md5", "base64", "bcrypt", "oauth2", "x509", "utf8", "argon2",
    "ed25519",
}  # fmt: skip
_PLACEHOLDER = re.compile(
    r"change.?me|change.?it|example|placeholder|dummy|replace|redacted|your[-_ ]|[-_]your|^my[-_]|^some[-_]|^the[-_]"
    r"|insert|todo|fixme|x{4,}|\*{3,}|\.{3}|^<.*>$|^\[.*\]$|^sample|^fake|^mock",
    re.I,
)
_MEANT = {
    "password", "passphrase", "passwd", "pwd", "secret", "secrets", "token", "key", "credential", "credentials", "pass",
    "pw",
}  # fmt: skip
_SPEAKS = re.compile(
    r"passw|passphrase|passcode|pwd|secret|token|credential|dockerc"
    r"|(?:api|access|private|signing|encryption|account|shared|master)[-_.]?key",
    re.I,
)
# No values but switches, lengths and marks for somebody to fill in.
_SWITCH = re.compile(r"(?i)|true|false|yes|no|on|off|none|null|enabled|disabled|\d{1,3}|<.*>")
# Longer values are judged by how they begin.
_LOOKED_AT = 300


class Named(NamedTuple):
    """What a name announces."""

    kind: str
    plain: bool = True
    """A plain word counts as the secret itself; under other names it is more often one that refers to it."""
    vague: bool = False
    """The name often means something else, so that the value must look generated wherever it stands."""


PASSWORD = Named("password")


def kind_of_name(name: str) -> Named | None:
    """Return what kind of secret this name announces, or None."""
    words = [word.lower() for word in _WORDS.findall(name[-80:])]
    while len(words) > 1 and (words[-1].isdigit() or words[-1] in _TRAILING) and words[-2:] != ["key", "base"]:
        words.pop()
    if not words or (len(words) == 2 and words[0] in _WHETHER and words[1] == "password"):
        return None
    before, last = words[-2] if len(words) > 1 else "", words[-1]
    if last in _PASSWORDS or last.endswith(("password", "passwd")):
        return PASSWORD
    pair = _kind_of_pair(words)
    if pair:
        return Named(pair)
    if last in _SHORT_PASSWORDS and before not in _NOT_PASSWORDS and name != "PASS":
        return PASSWORD if before else Named("password", plain=False, vague=True)
    # A cluster of etcd calls its own name a token.
    if last in _LOOSE and before not in _NOT_SECRET_TOKENS and words[-3:-1] != ["initial", "cluster"]:
        is_constant = name.isupper() and "_" in name
        return Named(_LOOSE[last], plain=is_constant and not last.startswith("auth"))
    if last == "key" and before and before not in _NOT_SECRET_KEYS:
        return Named("api-key", plain=False, vague=True)
    return None


def speaks_of_secret(name: str) -> bool:
    """Tell whether a name has to do with a secret at all, for places where hiding too much does no harm."""
    return kind_of_name(name) is not None or _SPEAKS.search(name) is not None


def _kind_of_pair(words: list[str]) -> str | None:
    pair = _PAIRS.get((words[-2], words[-1])) if len(words) > 1 else None
    if pair == "access-key" and words[-3:-2] == ["secret"]:
        return "aws-secret-key"
    if words[-2:] in (["key", "data"], ["key", "base"]) and not {"client", "secret", "private"} & set(words):
        return None
    return pair


def is_secret(value: str, named: Named, *, placed: bool = False, quoted: bool = False) -> bool:
    """Tell whether a value under a secret's name is the secret itself.

    It is not if it refers to one (a variable, a template, a path, a name) or stands for one (a placeholder, a type).
    `placed` says that it stands where only values do, such as in JSON, so that a plain word counts under every name
    that is not vague. In quotes nothing is code.
    """
    plain = named.plain or (placed and not named.vague)
    text = value.strip()[:_LOOKED_AT]
    if len(text) < (4 if plain else 6) or text.lower() in _KEYWORDS or "<redacted:" in text:
        return False
    if _SAME.match(text) or _refers(text, quoted=quoted):
        return False
    if _NUMBER.match(text):
        return plain and len(text) >= 6 and text.isdigit()
    if plain:
        return looks_random(text) or not _stands_for_one(text)
    if not _is_literal(text) or any(form.match(text) for form in (_UUID, _DATE, _COLOUR)):
        return False
    if named.kind == PASSWORD.kind:
        return not _PLACEHOLDER.search(text)
    return not is_plain_word_name(text) and (not named.vague or _is_generated(text))


def is_written_out(value: str, named: Named) -> bool:
    """Tell whether a variable of this name has its value in plain text, be it a weak one or one from a manual."""
    if named.vague or named.kind == _LOOSE["auth"]:
        return is_secret(value, named, quoted=True)
    text = value.strip()[:_LOOKED_AT]
    return not (_SWITCH.fullmatch(text) or _refers(text, quoted=True))


def is_plain_word_name(text: str) -> bool:
    """Tell whether this reads like the name of an object, such as `db-credentials` or `default-token-x7k2p`."""
    if not _NAME.match(text):
        return False
    words = _NAME_ENDING.sub("", text)
    return sum(c.isdigit() for c in words) <= len(words) * 0.2


def _refers(text: str, *, quoted: bool) -> bool:
    if _REFERENCES.search(text) or _URL.match(text):
        return True
    if not quoted and (_SIGILS.search(text) or _CODE.search(text)):
        return True
    return bool(_FILE.match(text) or (_PATH.match(text) and not looks_random(text.replace("/", ""))))


def _stands_for_one(text: str) -> bool:
    if _PLACEHOLDER.search(text):
        return True
    words = [word.lower() for word in _WORDS.findall(text)]
    # Such as `db_password` or `my-secret`: the name of a variable or of an object.
    return bool(_MEANT & set(words)) and all(word.isalpha() for word in words)


def _is_literal(text: str) -> bool:
    """Tell whether this is no ordinary word: letters and digits mixed, or a long string without words."""
    if any(c.isspace() for c in text):
        return False
    return looks_random(text) or (any(c.isdigit() for c in text) and any(c.isalpha() for c in text))


def _is_generated(text: str) -> bool:
    """Tell whether this changes between letters, cases and digits more often than words and numbers do."""
    return not _PLACEHOLDER.search(text) and len(text) / max(1, len(_WORDS.findall(text))) <= 3


def looks_random(text: str) -> bool:
    """Tell whether this looks generated, not written: long, of mixed characters, and not made of words."""
    if len(text) < 10 or any(c.isspace() for c in text):
        return False
    sample = text[:200]
    digits = sum(c.isdigit() for c in sample)
    if not digits:
        if len(text) < 20 or sample.islower() or sample.isupper():
            return False
        return len(sample) / max(1, len(_WORDS.findall(sample))) < 3.5
    return digits < len(sample) and entropy(sample) >= 3.0


def entropy(text: str) -> float:
    """Return Shannon's entropy in bits for each character."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
